"""Building a training set: the mask law on all that is written, and one result whatever the order and the processes."""

import asyncio
import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import UserError
from assay.ledger import Ledger
from assay.nouns import (
    Attempt,
    Exit,
    Finish,
    Message,
    PlannedAttempt,
    Reply,
    Role,
    Status,
    Step,
    ToolCall,
    ToolResult,
    Trajectory,
)
from assay.nouns.base import sha256_file
from assay.training.data import open_dataset
from assay.training.data.build import build
from assay.training.data.layout import WORK
from assay.training.data.recipe import Recipe
from assay.training.data.results import Results
from assay.training.data.sources import open_sources
from assay.training.data.spread import Building
from assay.training.data.work import IDENTITY, Job
from tests.models import chat_templates


@pytest.fixture(scope="session")
def model(chat, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    chat.save(folder)
    return folder


def row(number, turns=2, task=None, **more):
    messages = [{"role": "user", "content": f"mend number {number}"}]
    for turn in range(turns):
        messages.append({"role": "assistant", "content": f"turn {turn} on {number}"})
        messages.append({"role": "user", "content": f"seen {turn}"})
    return {"instance_id": task or f"o__p-{number}", "messages": messages, **more}


def write(path, rows):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in rows))
    return path


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def learned(chat, data, place):
    """Return the assistant's texts that the ids in the loss say, by the tokenizer alone."""
    ids, in_loss = data.arrays(place)
    text = chat.tokenizer.decode(ids[in_loss].tolist(), skip_special_tokens=False)
    assert text.endswith("<|end|>")
    return text.split("<|end|>")[:-1]


SAID = st.text(max_size=30)
ROW = st.fixed_dictionaries(
    {
        "instance_id": st.integers(0, 5).map(lambda n: f"o__p{n % 3}-{n}"),
        "resolved": st.booleans(),
        "messages": st.lists(st.tuples(SAID, SAID), min_size=1, max_size=4).map(
            lambda turns: [
                {"role": role, "content": text}
                for pair in turns
                for role, text in zip(("user", "assistant"), pair, strict=True)
            ]
        ),
    }
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(ROW, min_size=1, max_size=12),
    per_task=st.sampled_from([None, 1, 2]),
    length=st.sampled_from([None, 30, 60]),
    too_long=st.sampled_from(["drop", "cut"]),
    near=st.sampled_from([None, 0.9]),
    seed=st.integers(0, 3),
)
def test_laws_of_all_that_is_written(chat, model, tmp_path_factory, rows, per_task, length, too_long, near, seed):
    place = tmp_path_factory.mktemp("build")
    splits = {"train": 0.5, "validation": 0.5}
    recipe = Recipe(
        verified=True, per_task=per_task, length=length, too_long=too_long, near=near, seed=seed, splits=splits
    )
    try:
        card = build([write(place / "rows.jsonl", rows)], model, place / "set", recipe)
    except UserError as error:
        if "Nothing is left" not in str(error):
            raise
        return
    data = open_dataset(place / "set")
    data.verify()
    said = {
        tuple(m["content"] for m in each["messages"] if m["role"] == "assistant") for each in rows if each["resolved"]
    }
    tasks = {}
    for n in range(len(data)):
        texts, meta = tuple(learned(chat, data, n)), data.meta(n)
        assert any(whole[: len(texts)] == texts for whole in said)
        assert texts in said or meta["cut"]
        assert length is None or len(data.arrays(n)[0]) <= length
        assert meta["written_turns"] == len(texts)
        tasks.setdefault(meta["task_id"], []).append(meta["split"])
    assert all(len(set(found)) == 1 for found in tasks.values())
    assert per_task is None or max(map(len, tasks.values())) <= per_task
    assert card.read == len(rows) == len(data) + sum(card.dropped.values()) + sum(card.broken.values())
    assert card.tokens == sum(len(data.arrays(n)[0]) for n in range(len(data)))
    assert card.loss_tokens == sum(int(data.arrays(n)[1].sum()) for n in range(len(data)))
    assert card.tasks == len(tasks)


@pytest.mark.parametrize("name", sorted(chat_templates.KNOWN))
def test_the_mask_law_holds_for_every_chat_template(name, tmp_path):
    folder, form = chat_templates.write(name, tmp_path / "model"), chat_templates.format_of(name)
    texts = [
        "I look.\n\n```bash\nls\n```",
        "naïve 🦊 \u202e x",
        " ",
        "<think>\nhm\n</think>\n\nso",
        "<|im_end|>",
        "</s>",
    ]
    rows = []
    for number in range(6):
        said = [f"{text}{number}" for text in texts[number:] + texts[:number]]
        messages = [{"role": "system", "content": "be brief"}]
        for text in said:
            messages += [{"role": "user", "content": f"see {text}"}, {"role": "assistant", "content": text}]
        rows.append({"instance_id": str(number), "messages": messages})
    whole = build([write(tmp_path / "rows.jsonl", rows)], folder, tmp_path / "whole", Recipe())
    assert (whole.examples, whole.broken) == (6, {})
    recipe = Recipe(length=whole.longest // 2, too_long="cut")
    build([tmp_path / "rows.jsonl"], folder, tmp_path / "cut", recipe)
    for place, cut in ((tmp_path / "whole", False), (tmp_path / "cut", True)):
        data = open_dataset(place)
        for n in range(len(data)):
            meta = data.meta(n)
            wanted = [m["content"] for m in rows[int(meta["task_id"])]["messages"] if m["role"] == "assistant"]
            ids, in_loss = data.arrays(n)
            learned_ids = ids[in_loss].tolist()
            ends = [place for place, token in enumerate(learned_ids) if token in form.stops]
            turns = [learned_ids[a:b] for a, b in zip([0, *(e + 1 for e in ends)], ends, strict=False)]
            assert learned_ids[-1] in form.stops
            assert [form.decode(turn) for turn in turns] == wanted[: len(turns)]
            assert (len(turns) < len(wanted)) == meta["cut"] == cut


def test_neither_the_order_of_sources_nor_of_rows_nor_processes_nor_a_kill_changes_what_is_learned(model, tmp_path):
    rows = [row(n, turns=1 + n % 4, task=f"o__p-{n // 3}") for n in range(40)]
    rows += [rows[3], rows[8]]
    recipe = Recipe(per_task=2, near=0.9, splits={"train": 0.7, "validation": 0.3}, shard_characters=300)
    one, two = write(tmp_path / "one.jsonl", rows[:25]), write(tmp_path / "two.jsonl", rows[25:])
    first = build([one, two], model, tmp_path / "a", recipe)
    assert len(first.shards) > 3
    build([two, one], model, tmp_path / "b", recipe)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    build([one, two], model, tmp_path / "c", recipe, processes=2)
    assert contents(tmp_path / "a") == contents(tmp_path / "c")

    def killed(text):
        if text.startswith("2 of "):
            raise KeyboardInterrupt

    said = []
    with pytest.raises(KeyboardInterrupt):
        build([one, two], model, tmp_path / "d", recipe, say=killed)
    with pytest.raises(UserError, match="no finished training set"):
        open_dataset(tmp_path / "d")
    build([one, two], model, tmp_path / "d", recipe, say=said.append)
    assert any("going on with it" in text for text in said)
    assert contents(tmp_path / "a") == contents(tmp_path / "d")

    random.Random(0).shuffle(rows)
    build([write(tmp_path / "mixed.jsonl", rows)], model, tmp_path / "e", recipe)
    one, other = open_dataset(tmp_path / "a"), open_dataset(tmp_path / "e")
    assert [ids.tolist() for ids, _ in one] == [ids.tolist() for ids, _ in other]
    assert (one.split("train") == other.split("train")).all()


@pytest.mark.slow
def test_the_nodes_of_a_cluster_build_the_same_bytes(model, tmp_path):
    pytest.importorskip("ray", reason="ray is not installed")
    from tests.executors.ray_nodes import three_nodes

    rows = [row(n, turns=1 + n % 4, task=f"o__p-{n // 3}") for n in range(40)]
    recipe = Recipe(per_task=2, near=0.9, splits={"train": 0.7, "validation": 0.3}, shard_characters=300)
    sources = [write(tmp_path / "one.jsonl", rows[:25]), write(tmp_path / "two.jsonl", rows[25:])]
    build(sources, model, tmp_path / "here", recipe)
    with three_nodes(tmp_path / "nodes") as cluster:
        build(sources, model, tmp_path / "there", recipe, executor=f"ray:{cluster.address}")
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_a_node_that_does_not_share_the_files_says_so(model, tmp_path):
    source = write(tmp_path / "rows.jsonl", [row(0)])
    job = Job(open_sources([source]), Recipe(), Results(), model, None, tmp_path / "out")

    async def opened(identity):
        async with Building(job, identity).open() as worker:
            return worker

    with pytest.raises(UserError, match=r"does not see .*out as the driver does"):
        asyncio.run(opened(b"{}"))
    (tmp_path / "out" / WORK).mkdir(parents=True)
    (tmp_path / "out" / WORK / IDENTITY).write_bytes(b"{}")
    assert asyncio.run(opened(b"{}")).job == job
    with pytest.raises(UserError, match="a file system that all nodes share"):
        asyncio.run(opened(b"{other}"))
    source.unlink()
    with pytest.raises(UserError, match=r"does not see .*rows\.jsonl as the driver does"):
        asyncio.run(opened(b"{}"))


def test_another_recipe_starts_again_and_says_so(model, tmp_path):
    source = write(tmp_path / "rows.jsonl", [row(n) for n in range(6)])

    def killed(text):
        if "shards are tokenised" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build([source], model, tmp_path / "set", Recipe(), say=killed)
    said = []
    card = build([source], model, tmp_path / "set", Recipe(per_task=1, seed=2), say=said.append)
    assert any("another recipe: starting again" in text for text in said)
    assert card.examples == 6
    with pytest.raises(UserError, match="finished training set"):
        build([source], model, tmp_path / "set", Recipe())


def test_what_is_broken_is_counted_and_named_and_the_others_go_on(model, tmp_path):
    good = row(0)
    rows = [
        "{not json",
        good,
        {"messages": [{"role": "user", "content": "u"}]},
        {"text": "x"},
        "",
        '{"messages": [{"role": "user", "content": "\\ud800"}, {"role": "assistant", "content": "a"}]}',
        {"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a", "token_ids": [1, 2]}]},
        {"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a", "token_ids": [9**9]}]},
        row(1, task="\ud800"),
    ]
    card = build([write(tmp_path / "rows.jsonl", rows)], model, tmp_path / "set", Recipe())
    assert card.examples == 1
    assert card.read == 8
    assert card.broken == {"unreadable": 4, "no assistant turn": 1, "ids of another tokenizer": 2}
    assert card.sources[0].records == 8
    assert card.sources[0].broken == 7
    lines = [fault.split(":")[0] for fault in card.faults]
    assert sorted(lines) == sorted(f"rows.jsonl, line {n}" for n in (1, 3, 4, 6, 7, 8, 9))
    assert open_dataset(tmp_path / "set").meta(0)["at"] == "rows.jsonl, line 2"


def test_line_numbers_hold_in_every_part_of_a_large_file(model, tmp_path, monkeypatch):
    monkeypatch.setattr("assay.training.data.sources._UNIT_BYTES", 1 << 20)
    filler = {"messages": [{"role": "user", "content": "u"}], "note": "x" * 300_000}
    rows = [row(n) if n % 4 == 2 else filler if n % 4 else "" for n in range(40)]
    rows[21] = "{broken"
    rows[38] = "{broken"
    card = build([write(tmp_path / "rows.jsonl", rows)], model, tmp_path / "set", Recipe(seed=1))
    data = open_dataset(tmp_path / "set")
    for place in range(len(data)):
        told = data.meta(place)
        assert told["at"] == f"rows.jsonl, line {int(told['task_id'].split('-')[1]) + 1}"
    assert len(data) == 9
    assert card.broken["unreadable"] == 2
    assert [fault for fault in card.faults if "line 22:" in fault]


def test_sampled_ids_are_kept_as_they_were_where_the_tokenizer_is_the_same(chat, model, tmp_path):
    ids = [*(chat.encode(letter)[0] for letter in "plain"), chat.end]
    assert ids[:-1] != chat.encode("plain")

    def told(**more):
        messages = [
            {"role": "user", "content": "say"},
            {"role": "assistant", "content": "plain", "token_ids": ids},
        ]
        return {"messages": messages, **more}

    source = write(tmp_path / "rows.jsonl", [told()])
    card = build([source], model, tmp_path / "set", Recipe())
    read, in_loss = open_dataset(tmp_path / "set").arrays(0)
    assert read[in_loss].tolist() == ids
    assert (card.sampled_turns, card.written_turns) == (1, 0)

    card = build([source], model, tmp_path / "again", Recipe(encode_again=True))
    read, in_loss = open_dataset(tmp_path / "again").arrays(0)
    assert read[in_loss].tolist() == [*chat.encode("plain"), chat.end]
    assert (card.sampled_turns, card.written_turns) == (0, 1)

    foreign = write(tmp_path / "foreign.jsonl", [told(tokenizer_sha256="0" * 64)])
    assert build([foreign], model, tmp_path / "foreign", Recipe()).written_turns == 1
    own = write(tmp_path / "own.jsonl", [told(tokenizer_sha256=card.tokenizer_sha256)])
    assert build([own], model, tmp_path / "own", Recipe()).sampled_turns == 1


def test_a_ledger_says_whose_ids_it_holds_and_what_was_flagged(chat, model, tmp_path):
    ids = (*(chat.encode(letter)[0] for letter in "plain"), chat.end)
    plans = [PlannedAttempt(arm=arm, seed=0, dose=0, task_id=f"t{arm}", split="train") for arm in ("own", "other", "?")]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.plan(plans)
        ledger.set_fact("tokenizers", {"own": sha256_file(model / "tokenizer.json"), "other": "0" * 64})
        ledger.set_fact(f"flags/{plans[2].id}", ["hard-coded"])
        for plan in plans:
            step = Step(reply=Reply(text="plain", finish=Finish.STOP, token_ids=ids))
            prompt = (Message(role=Role.USER, content=plan.task_id),)
            trajectory = Trajectory(
                task_id=plan.task_id, agent="a", model="m", prompt=prompt, steps=(step,), exit=Exit.SUBMITTED
            )
            ledger.record(Attempt(plan=plan, status=Status.FAILED), trajectory)
    card = build([tmp_path], model, tmp_path / "set", Recipe())
    data = open_dataset(tmp_path / "set")
    turns = {data.meta(n)["task_id"]: data.arrays(n)[0][data.arrays(n)[1]].tolist() for n in range(3)}
    assert turns == {"town": list(ids), "tother": [*chat.encode("plain"), chat.end], "t?": list(ids)}
    assert (card.sampled_turns, card.written_turns) == (2, 1)
    assert build([tmp_path], model, tmp_path / "good", Recipe(unflagged=True)).dropped == {"audit flag": 1}


def test_calls_of_tools_are_in_the_loss(chat, model, tmp_path):
    calls = tuple(ToolCall(id=f"c{n}", name="bash", arguments=json.dumps({"command": f"ls {n}"})) for n in (1, 2))
    native = 'Look.\n<tool_call>{"name": "bash", "arguments": {"command": "ls 1"}}</tool_call> and ls 2 by bash'
    ids = {
        "written": None,
        "sampled": (*chat.encode(native), chat.end),
        "foreign": (*chat.encode("Look elsewhere."), chat.end),
    }
    plans = [PlannedAttempt(arm=arm, seed=0, dose=0, task_id=arm, split="train") for arm in ids]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.plan(plans)
        ledger.set_fact("tokenizers", dict.fromkeys(ids, sha256_file(model / "tokenizer.json")))
        for plan in plans:
            results = tuple(ToolResult(id=call.id, command="ls", observation="seen", returncode=0) for call in calls)
            reply = Reply(text="Look.", finish=Finish.STOP, token_ids=ids[plan.arm], calls=calls)
            step = Step(reply=reply, command="ls 1\nls 2", observation="seen\nseen", results=results)
            trajectory = Trajectory(
                task_id=plan.arm, agent="a", model="m", exit=Exit.SUBMITTED, steps=(step,),
                prompt=(Message(role=Role.USER, content=f"Mend {plan.arm}."),),
            )  # fmt: skip
            ledger.record(Attempt(plan=plan, status=Status.SOLVED), trajectory)
    card = build([tmp_path / "ledger.sqlite"], model, tmp_path / "set", Recipe())
    data = open_dataset(tmp_path / "set")
    said = {data.meta(n)["task_id"]: learned(chat, data, n) for n in range(len(data))}
    text = "Look.\n\n```bash\nls 1\n```\n\n```bash\nls 2\n```"
    assert said == {"written": [text], "sampled": [native]}
    assert (card.sampled_turns, card.written_turns) == (1, 1)
    assert sum(card.broken.values()) == 1
    again = build([tmp_path / "ledger.sqlite"], model, tmp_path / "again", Recipe(encode_again=True))
    assert again.written_turns == 3
    data = open_dataset(tmp_path / "again")
    assert {learned(chat, data, n)[0] for n in range(len(data))} == {text}


def test_one_text_with_and_without_its_sampled_ids_is_learned_once(chat, model, tmp_path):
    ids = [*chat.encode("plain"), chat.end]
    rows = [row(0, turns=1), row(0, turns=1)]
    rows[1]["messages"][1]["token_ids"] = [*chat.encode(rows[1]["messages"][1]["content"]), chat.end]
    assert ids
    card = build([write(tmp_path / "rows.jsonl", rows)], model, tmp_path / "set", Recipe())
    assert (card.examples, card.distinct, card.dropped) == (1, 1, {"equal ids": 1})


def test_what_is_too_long_is_dropped_or_cut_at_the_end_of_a_turn(chat, model, tmp_path):
    source = write(tmp_path / "rows.jsonl", [row(7, turns=6), row(8, turns=1)])
    whole = build([source], model, tmp_path / "whole", Recipe())
    card = build([source], model, tmp_path / "drop", Recipe(length=whole.longest - 1))
    assert (card.examples, card.dropped) == (1, {"length": 1})
    card = build([source], model, tmp_path / "cut", Recipe(length=whole.longest - 1, too_long="cut"))
    data = open_dataset(tmp_path / "cut")
    cut = next(n for n in range(2) if data.meta(n)["cut"])
    assert learned(chat, data, cut) == [f"turn {n} on 7" for n in range(5)]
    ids, in_loss = data.arrays(cut)
    assert in_loss[-1]
    assert ids[-1] == chat.end
    with pytest.raises(UserError, match="2 by length"):
        build([source], model, tmp_path / "none", Recipe(length=4, too_long="cut"))


def test_no_repository_stands_in_two_splits_where_that_is_asked(model, tmp_path):
    rows = [row(n, turns=1, task=f"o__p{n % 8}-{n}") for n in range(60)]
    recipe = Recipe(splits={"train": 0.5, "validation": 0.5}, split_by="repository", seed=1)
    build([write(tmp_path / "rows.jsonl", rows)], model, tmp_path / "set", recipe)
    data = open_dataset(tmp_path / "set")
    found = {}
    for place in range(len(data)):
        meta = data.meta(place)
        found.setdefault(meta["task_id"].split("-")[0], set()).add(meta["split"])
    assert len(found) == 8
    assert all(len(splits) == 1 for splits in found.values())
    assert set.union(*found.values()) == {"train", "validation"}
    assert not set(data.split("train")) & set(data.split("validation"))


def test_near_duplicates_of_a_task_are_left_out_and_equal_tasks_of_other_sources_count_together(model, tmp_path):
    long = " ".join(random.Random(1).choices([f"word{n}" for n in range(99)], k=400))
    rows = [row(n, turns=1, task="one") for n in range(3)]
    for number, each in enumerate(rows):
        each["messages"][0]["content"] = "the issue"
        each["messages"][1]["content"] = f"{long} {number}"
    source = write(tmp_path / "rows.jsonl", rows)
    assert build([source], model, tmp_path / "near", Recipe(near=0.9)).dropped == {"near duplicate": 2}
    other = write(tmp_path / "other.jsonl", [row(9, task="one")])
    card = build([source, other], model, tmp_path / "k", Recipe(per_task=2))
    assert (card.examples, card.tasks, card.dropped) == (2, 1, {"more than k of a task": 2})


def test_of_copies_the_one_whose_value_is_known_stays(model, tmp_path):
    one = write(tmp_path / "one.jsonl", [row(0)])
    two = write(tmp_path / "two.jsonl", [row(0, resolved=True), row(1)])
    build([one, two], model, tmp_path / "set", Recipe())
    data = open_dataset(tmp_path / "set")
    assert sorted((data.meta(n)["value"] for n in range(2)), key=str) == [1.0, None]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda place: [place / "absent"], "There is no"),
        (lambda place: [place], "holds no ledger and no trajectories"),
        (lambda place: [write(place / "a.csv", [])], "of a format that is not read"),
        (lambda place: [write(place / "a.jsonl", [])], "Nothing is left to learn from of 0"),
        (lambda place: [write(place / f"{n}.jsonl", [row(0)]) for n in (1, 2)], "hold the same"),
    ],
)
def test_sources_that_are_none_are_one_sentence(model, tmp_path, make, says):
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match=says):
        build(make(tmp_path / "in"), model, tmp_path / "set", Recipe())


def test_a_folder_that_is_not_ours_is_left_alone(model, tmp_path):
    source = write(tmp_path / "rows.jsonl", [row(0)])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not empty"):
        build([source], model, tmp_path / "mine", Recipe())
    assert [path.name for path in Path(tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_lengths_are_known_without_reading_shards(model, tmp_path):
    build(
        [write(tmp_path / "rows.jsonl", [row(n, turns=1 + n % 3) for n in range(9)])], model, tmp_path / "set", Recipe()
    )
    data = open_dataset(tmp_path / "set")
    lengths = np.array([len(data.arrays(n)[0]) for n in range(9)])
    for path in (tmp_path / "set").glob("ids-*"):
        path.unlink()
    assert (data.lengths == lengths).all()
