"""Rows, pages, counts and coverage are those of a plain list, in both schemas, whatever the filter."""

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import UserError
from assay.ledger import Ledger
from assay.ledger.browse import AUDIT, UNFINISHED, Filter
from assay.ledger.reading import LedgerReader
from assay.nouns import Status
from tests.ledger.building import attempt, ended, fill, fill_first, planned, trajectory

COUNT = 40


@pytest.fixture(scope="module", params=[fill_first, fill], ids=["first schema", "newest schema"])
def reader(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browse")
    request.param(folder / "l.sqlite", COUNT)
    found = ((1, "task", 0.65), (2, "conduct", 1.0), (3, "harness", 0.9), (4, "task", 0.64), (6, "integrity", 1.0))
    lines = [{"attempt": planned(n).id, "kind": kind, "mechanism": "m", "confidence": sure} for n, kind, sure in found]
    (folder / AUDIT).write_text("\n".join([*map(json.dumps, lines), "no json", "[1]", ""]))
    found = LedgerReader(folder / "l.sqlite")
    yield found
    found.close()


def expected(wanted: Filter) -> list[str]:
    """The ids of the rows wanted, found the slow way."""
    ends = {one.plan.id: one for one, _ in ended(COUNT)}
    found = []
    for n in range(COUNT):
        plan, end = planned(n), ends.get(planned(n).id)
        said = [plan.task_id]
        if end is not None:
            said += [end.detail, end.verdict.reason.value if end.verdict else ""]
        keep = (
            (not wanted.arms or plan.arm in wanted.arms)
            and (not wanted.splits or plan.split in wanted.splits)
            and (not wanted.seeds or plan.seed in wanted.seeds)
            and (not wanted.doses or plan.dose in wanted.doses)
            and (not wanted.statuses or (end.status.value if end else UNFINISHED) in wanted.statuses)
            and wanted.task.lower() in plan.task_id.lower()
            and any(wanted.text.lower() in text.lower() for text in said)
            and (wanted.flagged is None or wanted.flagged == (n in (1, 3)))
        )
        if keep:
            found.append(plan.id)
    return found


def some(values):
    return st.lists(st.sampled_from(values), unique=True, max_size=2).map(tuple)


filters = st.builds(
    Filter,
    arms=some(["arm-0", "arm-1", "other"]),
    statuses=some([*(status.value for status in Status), UNFINISHED]),
    splits=some(["seen", "unseen"]),
    seeds=some([0, 1, 2]),
    doses=some([0, 10]),
    task=st.sampled_from(["", "repo-1", "OWNER", "%", "_", "repo_1"]),
    flagged=st.sampled_from([None, True, False]),
    text=st.sampled_from(
        ["", "expected", "EXPECTED 100 %", "_7_", "o_n", "%", "machinery", "wrong", "steps", "repo-2"]
    ),
)


@given(wanted=filters, size=st.integers(1, 9), newest_first=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_of_any_size_give_what_the_filter_wants_once_and_in_order(reader, wanted, size, newest_first):
    should = expected(wanted)
    assert reader.count(wanted) == len(should)
    found, positions = reader.matches(wanted, size)
    assert found == len(should)
    assert (positions is None) == (found > size)
    if positions is not None:
        assert [row.id for row in reader.at(positions)] == should
        assert [row.id for row in reader.at(positions[::-2])] == should[(found - 1) % 2 :: 2] if found else True
    seen, after = [], 0
    while page := reader.browse(wanted, after=after, limit=size, newest_first=newest_first):
        assert len(page) <= size
        seen += [row.id for row in page]
        after = page[-1].position
    assert seen == (should[::-1] if newest_first else should)


def test_a_row_says_what_the_attempt_says(reader):
    rows = {row.id: row for row in reader.browse(Filter(), limit=COUNT)}
    ends = {one.plan.id: one for one, _ in ended(COUNT)}
    for n in range(COUNT):
        plan = planned(n)
        row, end = rows[plan.id], ends.get(plan.id)
        assert (row.arm, row.seed, row.dose, row.task_id, row.split, row.trial) == (
            plan.arm,
            plan.seed,
            plan.dose,
            plan.task_id,
            plan.split,
            plan.trial,
        )
        assert row == reader.row(plan.id)
        assert reader.attempt(plan.id) == end
        if end is None:
            assert (row.status, row.value, row.reason, row.steps, row.detail) == (None, None, "", 0, "")
            assert reader.trajectory(plan.id) is None
            continue
        assert row.status == end.status.value
        assert row.value == (end.verdict.value if end.verdict else None)
        assert row.reason == (end.verdict.reason.value if end.verdict else "")
        assert (row.steps, row.sampled_tokens, row.wall_s, row.detail) == (1, 3, 0.125, end.detail)
    assert reader.row("nothing") is None


def test_coverage_counts_the_whole_plan(reader):
    found = reader.coverage()
    ends = {one.plan.id: one.status.value for one, _ in ended(COUNT)}
    counted = Counter()
    for n in range(COUNT):
        plan = planned(n)
        counted[plan.arm, plan.seed, plan.dose, plan.split, ends.get(plan.id)] += 1
    assert {(c.arm, c.seed, c.dose, c.split, c.status): c.count for c in found} == dict(counted)
    assert sum(c.count for c in found) == COUNT


def test_the_same_task_elsewhere(reader):
    rows = reader.same_task("Owner__repo-1")
    assert [row.id for row in rows] == [planned(n).id for n in range(8, 16)]
    others = reader.neighbours(planned(9).id)
    assert [row.id for row in others] == [planned(n).id for n in range(8, 16) if n != 9]
    assert reader.neighbours(planned(9).id, limit=3) == others[:3]
    assert reader.neighbours("nothing") == ()
    assert reader.task("Owner__repo-1").id == "Owner__repo-1"
    assert reader.task("nothing") is None


def test_flags_follow_the_audit_and_the_facts(tmp_path):
    fill(tmp_path / "l.sqlite", 8)
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.set_fact(f"flags/{planned(4).id}", ["odd"])
        ledger.set_fact(f"flags/{planned(6).id}", [])
    reader = LedgerReader(tmp_path / "l.sqlite")
    assert [row.id for row in reader.browse(Filter(flagged=True))] == [planned(4).id]
    (tmp_path / AUDIT).write_text(
        json.dumps({"attempt": planned(7).id, "kind": "task", "mechanism": "m", "confidence": 1}) + "\n"
    )
    assert [row.id for row in reader.browse(Filter(flagged=True))] == [planned(4).id, planned(7).id]
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.set_fact(f"flags/{planned(1).id}", ["odd"])
    assert reader.count(Filter(flagged=True)) == 3
    assert reader.count(Filter(flagged=False)) == 5


def test_pages_stay_the_same_while_rows_are_added(tmp_path):
    fill(tmp_path / "l.sqlite", 20, every=2)
    reader = LedgerReader(tmp_path / "l.sqlite")
    first = reader.browse(Filter(), limit=5)
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.plan([planned(n, trial=1) for n in range(20)])
        ledger.record(attempt(planned(0, trial=1), Status.SOLVED), trajectory(planned(0, trial=1)))
    assert reader.browse(Filter(), limit=5) == first
    assert [row.position for row in reader.browse(Filter(), after=5, limit=3)] == [6, 7, 8]
    assert reader.count(Filter(statuses=("solved",), task="repo-0", seeds=(0,), arms=("arm-0",))) == 1


def test_what_is_no_ledger_stays_one_sentence(tmp_path):
    (tmp_path / "empty.sqlite").write_bytes(b"")
    with pytest.raises(UserError, match="it is empty"):
        LedgerReader(tmp_path / "empty.sqlite")
