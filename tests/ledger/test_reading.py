"""A ledger is read without being touched, a range at a time, and its hash is of what happened."""

import pytest

from assay.errors import UserError
from assay.ledger import Ledger
from assay.ledger.reading import LedgerReader
from assay.nouns import (
    Attempt,
    Exit,
    Finish,
    GraderSpec,
    Message,
    PlannedAttempt,
    Reply,
    Role,
    Status,
    Step,
    Task,
    Trajectory,
)


def task(name, repo=None):
    return Task(
        id=name,
        source="s",
        split="train",
        family="f",
        instruction="i",
        files={},
        outputs=("a",),
        gold={},
        grader=GraderSpec(kind="functions", data={}),
        metadata={"repo": repo} if repo else {},
    )


def fill(path, count, wall_s=1.0, text="said"):
    plans = [PlannedAttempt(arm="a", seed=0, dose=0, task_id=f"t{n}", split="train") for n in range(count)]
    with Ledger(path) as ledger:
        ledger.add_tasks([task(plan.task_id, "o/p" if n else None) for n, plan in enumerate(plans)])
        ledger.plan(plans)
        ledger.set_fact("flags/x", ["odd"])
        for n, plan in enumerate(plans[:-1]):
            step = Step(reply=Reply(text=f"{text} {n}", finish=Finish.STOP))
            prompt = (Message(role=Role.USER, content="u"),)
            path_of = Trajectory(
                task_id=plan.task_id, agent="a", model="m", prompt=prompt, steps=(step,), exit=Exit.SUBMITTED
            )
            ledger.record(Attempt(plan=plan, status=Status.SOLVED, wall_s=wall_s), path_of)
    return plans


def test_a_range_of_the_plan_is_read_in_its_order(tmp_path):
    plans = fill(tmp_path / "l.sqlite", 6)
    before = (tmp_path / "l.sqlite").read_bytes()
    reader = LedgerReader(tmp_path / "l.sqlite")
    assert reader.last_position() == 6
    every = [
        (attempt.plan, trajectory.steps[0].reply.text)
        for begin in (1, 4)
        for _, attempt, trajectory in reader.recorded(begin, begin + 2)
    ]
    assert every == [(plan, f"said {n}") for n, plan in enumerate(plans[:5])]
    assert reader.facts("flags/") == {"flags/x": ["odd"]}
    assert reader.fact("nothing") is None
    assert reader.repositories() == {f"t{n}": "o/p" for n in range(1, 6)}
    reader.close()
    assert (tmp_path / "l.sqlite").read_bytes() == before


def test_the_hash_is_of_what_happened_and_not_of_how_long_it_took(tmp_path):
    hashes = []
    for name, options in {"a": {}, "b": {"wall_s": 9.0}, "c": {"text": "other"}}.items():
        fill(tmp_path / name, 3, **options)
        hashes.append(LedgerReader(tmp_path / name).sha256())
    assert hashes[0] == hashes[1] != hashes[2]


def test_what_is_no_ledger_is_one_sentence(tmp_path):
    (tmp_path / "x").write_text("no ledger")
    for name in ("x", "absent"):
        with pytest.raises(UserError, match="cannot be read"):
            LedgerReader(tmp_path / name)
    assert not (tmp_path / "absent").exists()


def test_the_tokenizers_of_arms_are_what_was_said_of_them_and_those_of_bases(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert ledger.tokenizers() == {}
        ledger.set_fact("tokenizers", {"m": "aa", "b": "older"})
        ledger.set_fact(
            "identity", {"bases": {"b/tokenizer.json": "bb", "b/model.safetensors": "cc", "c/card.json": "d"}}
        )
    with LedgerReader(tmp_path / "l.sqlite") as reader:
        assert reader.tokenizers() == {"m": "aa", "b": "bb"}
