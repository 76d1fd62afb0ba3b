"""A training set on disk: what was written comes back, and what is not whole is refused."""

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import MachineryError, UserError
from assay.training.data import open_dataset, write_dataset
from assay.training.data.layout import ids_file, mask_file
from assay.training.data.writer import ShardWriter


@st.composite
def examples(draw):
    """Lists of (ids, in_loss, meta), each with something to learn from, some of them twice."""
    found = []
    for number in range(draw(st.integers(1, 12))):
        ids = draw(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
        in_loss = draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids)).filter(any))
        meta = {
            "task_id": f"t{number // 2}",
            "split": draw(st.sampled_from(["train", "test"])),
            "note": draw(st.text()),
        }
        found.append((ids, in_loss, meta))
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(examples(), st.integers(1, 40))
def test_what_was_written_comes_back(tmp_path_factory, given_examples, shard_tokens):
    folder = tmp_path_factory.mktemp("data") / "set"
    card = write_dataset(folder, given_examples, splits=("train", "test"), shard_tokens=shard_tokens)
    data = open_dataset(folder)
    data.verify()
    first = {tuple(ids): place for place, (ids, *_) in reversed(list(enumerate(given_examples)))}
    wanted = [given_examples[place] for place in sorted(first.values())]
    assert len(data) == card.examples == card.distinct == len(wanted)
    assert card.dropped["equal ids"] if len(wanted) < len(given_examples) else "equal ids" not in card.dropped
    for place, (ids, in_loss, meta) in enumerate(wanted):
        read_ids, read_mask = data.arrays(place)
        assert (read_ids.dtype, read_mask.dtype) == (np.uint32, np.bool_)
        assert (read_ids.tolist(), read_mask.tolist()) == (ids, in_loss)
        assert data.lengths[place] == len(ids)
        assert data.loss_tokens[place] == sum(in_loss)
        told = data.meta(place)
        assert {name: told[name] for name in meta} == meta
    assert card.tokens == sum(len(ids) for ids, *_ in wanted)
    assert card.loss_tokens == sum(sum(in_loss) for _, in_loss, _ in wanted)
    for split in ("train", "test"):
        places = [n for n, (*_, meta) in enumerate(wanted) if meta["split"] == split]
        assert data.split(split).tolist() == places
        assert card.splits[split].examples == len(places)
        assert card.splits[split].tasks == len({wanted[n][2]["task_id"] for n in places})


EXAMPLES = [([n, n + 1, n + 2], [False, True, True], {"task_id": f"t{n}", "split": "train"}) for n in range(9)]


def test_a_folder_without_a_card_is_refused_and_can_be_written_again(tmp_path):
    def broken():
        yield from EXAMPLES[:5]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "set", broken(), shard_tokens=6)
    with pytest.raises(UserError, match=r"no card\.json, so it is no finished"):
        open_dataset(tmp_path / "set")
    write_dataset(tmp_path / "set", EXAMPLES, shard_tokens=6)
    assert len(open_dataset(tmp_path / "set")) == 9
    assert not [path for path in (tmp_path / "set").rglob("*") if path.name.endswith(".part")]


def test_a_finished_set_and_other_peoples_files_are_never_overwritten(tmp_path):
    write_dataset(tmp_path / "set", EXAMPLES)
    with pytest.raises(UserError, match="holds a finished training set"):
        write_dataset(tmp_path / "set", EXAMPLES)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not empty and not a training set"):
        write_dataset(tmp_path / "mine", EXAMPLES)
    assert (tmp_path / "mine" / "thesis.txt").is_file()


@pytest.mark.parametrize("damage", ["cut ids", "no mask", "index", "card", "no folder"])
def test_damage_is_found_when_it_is_opened(tmp_path, damage):
    folder = tmp_path / "set"
    write_dataset(folder, EXAMPLES)
    if damage == "cut ids":
        ids_file(folder, 0).write_bytes(ids_file(folder, 0).read_bytes()[:-4])
    elif damage == "no mask":
        mask_file(folder, 0).unlink()
    elif damage == "index":
        path = folder / "index.npy"
        data = bytearray(path.read_bytes())
        data[-60] ^= 1
        path.write_bytes(data)
    elif damage == "card":
        (folder / "card.json").write_text("{}")
    else:
        folder = tmp_path / "absent"
    with pytest.raises(UserError, match=r"build|make"):
        open_dataset(folder)


def test_a_changed_byte_is_found_by_verify(tmp_path):
    write_dataset(tmp_path / "set", EXAMPLES)
    path = ids_file(tmp_path / "set", 0)
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="not what its card says"):
        open_dataset(tmp_path / "set").verify()


def test_an_example_without_anything_to_learn_and_a_mask_of_another_length_are_errors(tmp_path):
    with ShardWriter(tmp_path / "set", 0, ["train"]) as writer:
        for ids, in_loss in (([1, 2], [False, False]), ([1, 2], [True])):
            with pytest.raises(MachineryError):
                writer.add(ids, in_loss, {"task_id": "t", "split": "train"})


def test_nothing_to_learn_from_is_an_error(tmp_path):
    with pytest.raises(UserError, match="Nothing is left to learn from"):
        write_dataset(tmp_path / "set", [])


def test_a_set_goes_to_another_process_by_name(tmp_path):
    write_dataset(tmp_path / "set", EXAMPLES)
    other = pickle.loads(pickle.dumps(open_dataset(tmp_path / "set")))
    assert other.arrays(3)[0].tolist() == [3, 4, 5]


def test_a_split_that_is_not_there_is_one_sentence(tmp_path):
    write_dataset(tmp_path / "set", EXAMPLES)
    with pytest.raises(UserError, match="no split 'dev': name one of train"):
        open_dataset(tmp_path / "set").split("dev")
