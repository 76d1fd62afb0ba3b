"""Runs of any shape, drawn by hypothesis and kept in real ledgers, and what a ledger holds: for tests of formats."""

import tempfile
from pathlib import Path

from hypothesis import strategies as st

from assay.ledger import Ledger
from assay.ledger.reading import LedgerReader
from assay.nouns import (
    Attempt,
    Check,
    Exit,
    Finish,
    Message,
    PlannedAttempt,
    Reason,
    Reply,
    Role,
    Status,
    Step,
    Trajectory,
    Verdict,
)

ANY = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    ["```bash\nls\n```", "<think>hm</think>x", "\r\n", "\u202e\x1b[31m", "attachment://x", "\ufeff{", "0", " "]
)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12) | st.sampled_from(
    ["a/b", "a__b", "../x", "o__p-1", "drills/7", "item 3", "instance_id", "."]
)
_IDS = st.none() | st.lists(st.integers(0, 2**31), min_size=1, max_size=4).map(tuple)
_LOGS = st.none() | st.lists(st.floats(-50, 0), min_size=1, max_size=4).map(tuple)
_COUNTS = st.integers(0, 10_000)


@st.composite
def messages(draw) -> Message:
    role = draw(st.sampled_from(Role))
    return Message(role=role, content=draw(ANY), token_ids=draw(_IDS) if role is Role.ASSISTANT else None)


REPLIES = st.builds(
    Reply,
    text=ANY,
    finish=st.sampled_from(Finish),
    token_ids=_IDS,
    logprobs=_LOGS,
    prompt_tokens=_COUNTS,
    sampled_tokens=_COUNTS,
    cost=st.floats(0, 10),
    reasoning=ANY,
)
STEPS = st.builds(
    Step,
    reply=REPLIES,
    command=st.none() | ANY,
    observation=ANY,
    returncode=st.none() | st.integers(-9, 255),
    timed_out=st.booleans(),
)


def trajectories(task_id: str):
    return st.builds(
        Trajectory,
        task_id=st.just(task_id),
        agent=NAMES,
        model=NAMES,
        prompt=st.lists(messages(), max_size=3).map(tuple),
        steps=st.lists(STEPS, max_size=3).map(tuple),
        exit=st.sampled_from(Exit),
        outputs=st.dictionaries(NAMES, ANY, max_size=2),
        created=st.lists(NAMES, max_size=2).map(tuple),
        diff=ANY,
        error=ANY,
    )


@st.composite
def _verdicts(draw, status: Status) -> Verdict | None:
    if status is Status.SOLVED:
        return Verdict.score(1.0, Reason.PASSED, (Check(name="t", passed=True, evidence=draw(ANY)),), draw(ANY))
    if status is Status.FAILED:
        value = draw(st.sampled_from([0.0, 0.25, 0.999]))
        return Verdict.score(value, draw(st.sampled_from([Reason.WRONG, Reason.CRASHED])), detail=draw(ANY))
    if status is Status.CHEATED:
        return Verdict.score(draw(st.sampled_from([0.0, 1.0])), Reason.CHEATED)
    if status is Status.MACHINERY and draw(st.booleans()):
        return Verdict.invalid(draw(st.sampled_from([Reason.MACHINERY, Reason.BAD_TASK])), draw(ANY))
    return None


@st.composite
def _recorded(draw, plan: PlannedAttempt) -> tuple[Attempt, Trajectory | None]:
    status = draw(st.sampled_from(Status))
    attempt = Attempt(
        plan=plan,
        status=status,
        verdict=draw(_verdicts(status)),
        steps=draw(_COUNTS),
        sampled_tokens=draw(_COUNTS),
        wall_s=draw(st.floats(0, 1e6)),
        test_only=draw(st.booleans()),
        detail=draw(ANY),
    )
    return attempt, draw(st.none() | trajectories(plan.task_id))


PLANS = st.builds(
    PlannedAttempt,
    arm=NAMES,
    seed=st.integers(0, 1),
    dose=st.integers(0, 1),
    task_id=NAMES,
    split=st.sampled_from(["seen", "unseen"]),
    trial=st.integers(0, 1),
)

Row = tuple[PlannedAttempt, Attempt | None, Trajectory | None]


@st.composite
def runs(draw) -> list[Row]:
    """Return what a ledger holds: planned attempts in their order, some of them without a result or a trajectory."""
    rows: list[Row] = []
    for plan in draw(st.lists(PLANS, min_size=1, max_size=5, unique_by=lambda plan: plan.id)):
        attempt, trajectory = draw(_recorded(plan)) if draw(st.integers(0, 4)) else (None, None)
        rows.append((plan, attempt, trajectory))
    return rows


def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for one example, in memory where that can be: ledgers wait for their disk."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


def keep(folder: Path, rows: list[Row]) -> Path:
    """Make a run's folder that holds the rows."""
    folder.mkdir(parents=True)
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.plan([plan for plan, _, _ in rows])
        for _, attempt, trajectory in rows:
            if attempt is not None:
                ledger.record(attempt, trajectory)
    return folder


def held(folder: Path) -> list[Row]:
    """Return what a run's ledger holds, in the order of the plan."""
    reader = LedgerReader(folder / "ledger.sqlite")
    try:
        found = {attempt.plan: (attempt, path) for _, attempt, path in reader.recorded(0, reader.last_position())}
        return [(plan, *found.get(plan, (None, None))) for plan in reader.planned()]
    finally:
        reader.close()
