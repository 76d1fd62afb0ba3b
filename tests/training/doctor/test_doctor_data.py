"""Faults planted in training sets: each is found by its own check, and the clean twin passes all of them."""

import json

import numpy as np
import pytest

from assay.errors import UserError
from assay.nouns.base import sha256_file
from assay.training.data.layout import CARD, INDEX_FILE, mask_file
from assay.training.doctor import Patient, Status, examine
from tests.training.doctor.conftest import make_dataset


def statuses(findings):
    return {finding.check: finding.status for finding in findings}


def failed(findings):
    return {finding.check: finding for finding in findings if finding.status is Status.FAIL}


def diagnose(folder, base):
    return failed(examine(Patient(folder, model=base)))


def test_a_clean_training_set_passes_every_check(dataset, base):
    found = statuses(examine(Patient(dataset, model=base)))
    assert {"mask_edges", "masked_share.data", "duplicates", "bos", "tokenizer.recorded"} <= found.keys()
    assert set(found.values()) == {Status.OK, Status.SKIPPED}


def test_a_batch_that_is_masked_whole_is_found(dataset, base, copied):
    folder = copied(dataset)
    index = np.load(folder / INDEX_FILE)
    mask = np.memmap(mask_file(folder, 0), dtype=np.bool_, mode="r+")
    for row in index[8:16]:
        mask[row["start"] : row["start"] + row["length"]] = False
    mask.flush()
    finding = diagnose(folder, base)["masked_share.data"]
    assert finding.value["all_masked"] == 8
    assert "example 8 (task echo/8)" in finding.advice


def test_a_training_set_with_prompts_in_the_loss_is_found(chat, base, tmp_path):
    folder = make_dataset(tmp_path / "data", chat, base, lambda ids, in_loss, meta: (ids, [True] * len(ids), meta))
    found = diagnose(folder, base)
    assert "every token in the loss" in found["masked_share.data"].advice
    assert "mask_edges" in found


@pytest.mark.parametrize(("shift", "said"), [(-1, "early"), (1, "late")])
def test_a_mask_off_by_one_is_found(chat, base, tmp_path, shift, said):
    def moved(ids, in_loss, meta):
        return ids, (*in_loss[1:], False) if shift < 0 else (False, *in_loss[:-1]), meta

    found = diagnose(make_dataset(tmp_path / "data", chat, base, moved), base)
    assert set(found) == {"mask_edges"}
    assert f"off by one, {said}" in found["mask_edges"].advice


def test_turns_without_their_end_token_are_found(chat, base, tmp_path):
    def endless(ids, in_loss, meta):
        return ids, [learn and token != chat.end for token, learn in zip(ids, in_loss, strict=True)], meta

    found = diagnose(make_dataset(tmp_path / "data", chat, base, endless), base)
    assert set(found) == {"mask_edges"}
    assert "not taught to stop" in found["mask_edges"].advice


def test_a_few_replies_cut_short_by_their_limit_are_no_fault(chat, base, tmp_path):
    def cut(ids, in_loss, meta):
        return (ids[:-1], in_loss[:-1], meta) if meta["task_id"] == "echo/5" else (ids, in_loss, meta)

    folder = make_dataset(tmp_path / "data", chat, base, cut)
    (finding,) = [f for f in examine(Patient(folder, model=base)) if f.check == "mask_edges"]
    assert finding.status is Status.OK
    assert finding.value["ends without an end token"] == 1


def test_examples_that_repeat_others_in_all_but_a_number_are_found(chat, base, tmp_path):
    def renamed(ids, in_loss, meta):
        number = int(meta["task_id"].split("/")[1])
        if number % 4 != 1:
            return ids, in_loss, meta
        twin = before[number - 1]
        return (twin[0][0], 99, *twin[0][1:]), (False, False, *twin[1][1:]), meta

    before = {}

    def remembered(ids, in_loss, meta):
        before[int(meta["task_id"].split("/")[1])] = (ids, in_loss)
        return renamed(ids, in_loss, meta)

    folder = make_dataset(tmp_path / "data", chat, base, remembered)
    found = diagnose(folder, base)
    assert set(found) == {"duplicates"}
    assert found["duplicates"].value["nearly_equal"] == 27


def test_examples_equal_id_for_id_are_found(dataset, base, copied):
    folder = copied(dataset)
    index = np.load(folder / INDEX_FILE)
    index[40:80] = index[:40]  # as a set that was put together without looking at what is in it
    np.save(folder / INDEX_FILE, index)
    card = json.loads((folder / CARD).read_text())
    card["index_sha256"] = sha256_file(folder / INDEX_FILE)
    (folder / CARD).write_text(json.dumps(card))
    finding = diagnose(folder, base)["duplicates"]
    assert finding.value["equal"] == 40
    assert "37%" in finding.advice


def test_a_doubled_first_token_is_found(chat, base, tmp_path):
    def doubled(ids, in_loss, meta):
        return (chat.document, chat.document, *ids), (False, False, *in_loss), meta

    def once(ids, in_loss, meta):
        return (chat.document, *ids), (False, *in_loss), meta

    found = diagnose(make_dataset(tmp_path / "twice", chat, base, doubled), base)
    assert set(found) == {"bos"}
    assert found["bos"].value == {"examples": 108, "doubled": 108, "id": chat.document}
    assert not diagnose(make_dataset(tmp_path / "once", chat, base, once), base)


def test_a_value_that_is_no_number_is_found(chat, base, tmp_path):
    def broken(ids, in_loss, meta):
        return ids, in_loss, {**meta, "value": float("nan")} if meta["task_id"] == "echo/3" else meta

    found = diagnose(make_dataset(tmp_path / "data", chat, base, broken), base)
    assert "task echo/3" in found["rewards.data"].advice


def test_data_of_another_tokenizer_and_longer_than_the_context_are_found(chat, base, tmp_path):
    def longer(ids, in_loss, meta):
        return (*ids, *[50] * 300), (*in_loss, *[False] * 300), meta

    folder = make_dataset(tmp_path / "data", chat, base, longer)
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, "tokenizer_sha256": "0" * 64}))
    found = diagnose(folder, base)
    assert "recorded: ids mean other words" in found["tokenizer.recorded"].advice
    assert "longer than the model's context of 320" in found["context"].advice


def test_a_directory_that_is_nothing_of_ours_is_refused(tmp_path):
    with pytest.raises(UserError, match="is no run"):
        Patient(tmp_path)
    with pytest.raises(UserError, match="There is no directory"):
        Patient(tmp_path / "absent")
