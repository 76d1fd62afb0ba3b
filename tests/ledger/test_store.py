"""The ledger appends only, counts from the plan, and survives kills, full disks and being opened by many."""

import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from assay.errors import MachineryError, UserError
from assay.ledger import Ledger
from assay.ledger.browse import Filter
from assay.ledger.check import Check
from assay.ledger.reading import LedgerReader
from assay.ledger.traces import folder_of, packs
from assay.nouns import Attempt, PlannedAttempt, Status
from tests.ledger.building import attempt, ended, fill, planned, trajectory
from tests.ledger.building import task as a_task


def damage(path):
    return [found for found in Check(path).findings() if found.damage]


def test_plan_and_attempts_come_back_in_order(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.plan([planned(n) for n in range(3)])
        for n in (2, 0):
            ledger.record(attempt(planned(n), Status.FAILED), trajectory(planned(n)))
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert ledger.planned() == [planned(n) for n in range(3)]
        assert list(ledger.attempts()) == [attempt(planned(n), Status.FAILED) for n in (0, 2)]
        assert ledger.finished() == {planned(0).id, planned(2).id}
        assert ledger.trajectory(planned(0).id) == trajectory(planned(0))
        assert ledger.trajectory(planned(1).id) is None


def test_many_at_once_are_the_same_as_one_by_one(tmp_path):
    with Ledger(tmp_path / "one.sqlite") as one, Ledger(tmp_path / "many.sqlite") as many:
        for ledger in (one, many):
            ledger.plan(planned(n) for n in range(700))
        for pair in ended(700):
            one.record(*pair)
        assert many.record_many(iter(ended(700))) == len(ended(700))
        assert one.fingerprint() == many.fingerprint()
        assert one.sha256() == many.sha256()


def test_text_of_any_kind_comes_back_or_is_refused(tmp_path):
    path = tmp_path / "l.sqlite"
    odd = "\x1b[2J\u202e'\"; DROP TABLE plan; -- <script>\U0001f9ea\n\0behind"
    with Ledger(path) as ledger:
        ledger.plan([planned(0), planned(1, task_id=odd), planned(2), planned(3)])
        told = attempt(planned(1, task_id=odd), Status.LIMIT).model_copy(update={"detail": odd})
        ledger.record(told, trajectory(told.plan, odd * 100_000))
        assert ledger.attempt(told.plan.id) == told
        assert ledger.trajectory(told.plan.id) == trajectory(told.plan, odd * 100_000)
        broken = attempt(planned(2), Status.LIMIT).model_copy(update={"detail": "\udc80"})
        with pytest.raises(MachineryError, match="refused a row"):
            ledger.record(broken, trajectory(planned(2)))
        with pytest.raises(MachineryError, match="no Unicode"):
            ledger.record(attempt(planned(2), Status.LIMIT), trajectory(planned(2), "\udc80"))
        assert ledger.finished() == {told.plan.id}
    with LedgerReader(path) as reader:
        assert [row.task_id for row in reader.browse(Filter(text="DROP TABLE"))] == [odd]
    assert {found.kind for found in Check(path).findings()} == {"unfinished"}


def test_what_waits_of_an_arm_and_seed_comes_dose_by_dose_in_the_order_of_the_plan(tmp_path):
    cells = [(arm, seed, dose) for seed in (0, 1) for arm in ("a", "b") for dose in (4, 0)]
    plan = [
        PlannedAttempt(arm=arm, seed=seed, dose=dose, task_id=f"t{n}", split="seen" if n % 2 else "unseen")
        for arm, seed, dose in cells
        for n in range(1200)
    ]
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.plan(plan)
        for each in plan[::3]:
            ledger.record_once(Attempt(plan=each, status=Status.FAILED), None)
        assert ledger.counts() == (len(plan), len(plan[::3]))
        waiting = [each for number, each in enumerate(plan) if number % 3]
        for arm, seed in (("a", 0), ("b", 1)):
            mine = [each for each in waiting if (each.arm, each.seed) == (arm, seed)]
            expected = sorted(mine, key=lambda each: (each.dose, each.split != "unseen"))
            assert list(ledger.waiting_in(arm, seed)) == expected
        assert list(ledger.waiting_in("c", 0)) == []


def test_a_task_with_a_file_that_is_no_text_is_kept_as_it_is(tmp_path):
    picture = bytes(range(256)).decode("utf-8", "surrogateescape")
    task = a_task("t").model_copy(update={"files": {"picture.png": picture, "a.py": "x = 'é'\n"}})
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add_tasks([task])
        assert ledger.task(task.id) == task
        assert ledger.tasks() == [task]
    assert not damage(tmp_path / "ledger.sqlite")


def test_the_last_trials_of_the_tasks(tmp_path):
    def tried(task, trial):
        return PlannedAttempt(arm="a", seed=3, dose=0, task_id=task, split="s", trial=trial)

    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.plan([tried("x", 0), tried("y", 0), tried("z", 0)])
        ledger.record(Attempt(plan=tried("x", 0), status=Status.MACHINERY), None)
        ledger.record(Attempt(plan=tried("y", 0), status=Status.SOLVED), None)
        ledger.plan([tried("x", 1), tried("x", 2)])
        ledger.record(Attempt(plan=tried("x", 1), status=Status.FAILED), None)
        assert ledger.last_trials() == {"x": 2, "y": 0, "z": 0}
        assert ledger.last_ended() == {"x": (1, Status.FAILED), "y": (0, Status.SOLVED)}
        assert ledger.seeds() == [3]


def test_an_attempt_has_exactly_one_end(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.plan([planned(0)])
        ledger.record(Attempt(plan=planned(0), status=Status.FAILED), trajectory(planned(0)))
        with pytest.raises(MachineryError):
            ledger.record(Attempt(plan=planned(0), status=Status.SOLVED), None)
        assert [a.status for a in ledger.attempts()] == [Status.FAILED]


def test_what_was_never_planned_is_refused_and_leaves_nothing(tmp_path):
    path = tmp_path / "l.sqlite"
    with Ledger(path) as ledger:
        ledger.plan([planned(n) for n in range(400)])
        with pytest.raises(MachineryError, match="plan it first"):
            ledger.record_many([*ended(400, every=1000)[1:], (attempt(planned(500), Status.SOLVED), None)])
        kept = ledger.finished()
        with pytest.raises(MachineryError, match="plan it first"):
            ledger.record(attempt(planned(500), Status.SOLVED), trajectory(planned(500)))
        assert ledger.finished() == kept
    assert len(kept) == 256  # the transaction before the one with the stranger
    assert {found.kind for found in Check(path).findings()} == {"unfinished"}


REPLACED = {
    "facts": "SELECT name, '1' FROM facts",
    "tasks": "SELECT id, split, x'00' FROM tasks",
    "cells": "SELECT key, 'other', seed, dose, split FROM cells",
    "names": "SELECT key, task_id || 'x' FROM names",
    "plan": "SELECT position, id, cell, task, 7 FROM plan",
    "attempts": "SELECT * FROM attempts",
    "verdicts": "SELECT position, '{}' FROM verdicts",
    "events": "SELECT number, at, host, process, 'other', body FROM events",
    "names (task_id)": "SELECT task_id FROM names",
    "cells (arm, seed, dose, split)": "SELECT arm, seed, dose, split FROM cells",
    "plan (id, cell, task, trial)": "SELECT id, cell, task, 7 FROM plan",
}


def test_rows_cannot_be_changed_removed_or_replaced(tmp_path):
    path = tmp_path / "l.sqlite"
    fill(path)
    raw = sqlite3.connect(path, isolation_level=None)
    before = list(raw.iterdump())
    tables = {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {words.split()[0] for words in REPLACED}
    for table in tables:
        assert raw.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
        column = raw.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchone()[0]
        for sql in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                raw.execute(sql)
    for table, rows in REPLACED.items():
        with contextlib.suppress(sqlite3.IntegrityError):
            raw.execute(f"INSERT OR REPLACE INTO {table} {rows}")
    assert list(raw.iterdump()) == before
    raw.close()


def test_no_failure_of_the_machinery_gets_a_score(tmp_path):
    path = tmp_path / "l.sqlite"
    fill(path, 4, every=1)
    raw = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="no score"):
        raw.execute(
            "INSERT INTO attempts SELECT position, cell, task, 'machinery', 1.0, 'passed', 0, 0, 0.0, 0, NULL, NULL, "
            "NULL, NULL, NULL, NULL, NULL, '' FROM plan"
        )
    raw.close()


def test_planning_twice_adds_nothing_and_facts_do_not_change(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        for _ in range(2):
            ledger.plan([planned(n) for n in range(2)])
            ledger.set_fact("seeds", [1, 2])
        assert len(ledger.planned()) == 2
        with pytest.raises(MachineryError):
            ledger.set_fact("seeds", [1])


def test_a_file_that_is_no_ledger_is_the_users_error(tmp_path):
    path = tmp_path / "l.sqlite"
    path.write_text("not a database, but long enough to be read as the header of one" * 20)
    with pytest.raises(UserError, match="cannot be opened"):
        Ledger(path)


def test_a_copied_run_works_and_a_ledger_without_its_traces_says_what_is_missing(tmp_path):
    (tmp_path / "run").mkdir()
    fill(tmp_path / "run" / "l.sqlite")
    with Ledger(tmp_path / "run" / "l.sqlite") as ledger:
        before = ledger.fingerprint()
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    with Ledger(tmp_path / "copy" / "l.sqlite") as ledger:
        assert ledger.fingerprint() == before
        ledger.record(attempt(planned(0), Status.SOLVED), trajectory(planned(0)))
        assert ledger.trajectory(planned(0).id) == trajectory(planned(0))
    shutil.copy(tmp_path / "run" / "l.sqlite", tmp_path / "alone.sqlite")
    with Ledger(tmp_path / "alone.sqlite") as ledger:
        assert ledger.attempt(planned(1).id) == ended(40)[0][0]
        with pytest.raises(UserError, match=r"copy the folder alone\.sqlite-traces"):
            ledger.trajectory(planned(1).id)


def test_events_tell_who_ran_and_how_it_ended(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.plan([planned(n) for n in range(3)])

        def run(number):
            with ledger.running("solve"):
                ledger.record(attempt(planned(number), Status.SOLVED), None)
                if number == 0:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(0)
        run(1)
        found = list(ledger.events(attempts=True))
    kinds = ["planned", "started", "writer", "attempt", "interrupted", "resumed", "attempt", "ended"]
    assert sorted(event.kind for event in found) == sorted(kinds)
    assert {event.process for event in found} == {os.getpid()}
    assert [event.at for event in found] == sorted(event.at for event in found)
    by_kind = {event.kind: event.body for event in found}
    assert by_kind["interrupted"] == {"what": "solve", "by": "KeyboardInterrupt"}
    assert by_kind["resumed"] == {"what": "solve", "attempts": 1}
    assert by_kind["planned"] == {"attempts": 3, "results": 0, "tasks_after_results": 0, "tasks_again": 0}


def _write(path, first, count, barrier):
    barrier.wait()
    with Ledger(path) as ledger:
        ledger.plan(planned(n) for n in range(first, first + count))
        for n in range(first, first + count):
            ledger.record(attempt(planned(n), Status.SOLVED), trajectory(planned(n)))


def test_processes_write_one_ledger_at_once(tmp_path):
    path = tmp_path / "l.sqlite"
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    workers = [context.Process(target=_write, args=(path, 40 * n, 40, barrier)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with Ledger(path) as ledger:
        assert ledger.finished() == {planned(n).id for n in range(120)}
        for n in range(120):
            assert ledger.trajectory(planned(n).id) == trajectory(planned(n))
    assert list(Check(path).findings()) == []
    assert 1 <= len(packs(folder_of(path))) <= 3


_RECORDER = """
import sys
from pathlib import Path
from assay.ledger import Ledger
from assay.nouns import Status
from tests.ledger.building import attempt, planned, trajectory
with Ledger(Path(sys.argv[1])) as ledger:
    finished = ledger.finished()
    print("open", flush=True)
    for n in range(int(sys.argv[2])):
        if planned(n).id not in finished:
            ledger.record(attempt(planned(n), Status.SOLVED), trajectory(planned(n), "word " * 200))
            print(planned(n).id, flush=True)
"""


def _recorder(path, count, **options):
    return subprocess.Popen(
        [sys.executable, "-c", _RECORDER, str(path), str(count)], stdout=subprocess.PIPE, text=True, **options
    )


def test_a_killed_writer_loses_at_most_the_attempt_in_flight(tmp_path):
    path = tmp_path / "l.sqlite"
    count, reported = 20_000, set()
    with Ledger(path) as ledger:
        ledger.plan(planned(n) for n in range(count))
    draw = random.Random(5)
    for _ in range(6):
        before = set(reported)
        writer = _recorder(path, count)
        assert writer.stdout.readline() == "open\n"
        reported.add(writer.stdout.readline().strip())
        time.sleep(draw.random() * 0.05)
        writer.send_signal(signal.SIGKILL)
        reported |= {line.strip() for line in writer.stdout if line.endswith("\n")}
        assert writer.wait() == -signal.SIGKILL
        with LedgerReader(path) as reader:
            finished = reader.finished()
            assert reported <= finished
            assert len(finished - reported) <= 1  # recorded, and killed before it said so
            assert all(reader.trajectory(attempt_id) is not None for attempt_id in finished - before)
        reported = finished
    assert damage(path) == []


def test_readers_see_whole_attempts_while_one_writes(tmp_path):
    path = tmp_path / "l.sqlite"
    count = 300
    with Ledger(path) as ledger:
        ledger.plan(planned(n) for n in range(count))
    writer = _recorder(path, count)
    assert writer.stdout.readline() == "open\n"
    seen = 0
    with LedgerReader(path) as reader, LedgerReader(path) as other:
        while seen < count:
            alive = writer.poll() is None
            rows = reader.browse(Filter(statuses=("solved",)), limit=count)
            assert len(rows) >= seen
            seen = len(rows)
            assert other.count(Filter(statuses=("solved",))) >= seen
            if rows:
                assert other.trajectory(rows[-1].id).task_id == rows[-1].task_id
            assert sum(cell.count for cell in other.coverage()) == count
            assert alive or seen == count
    assert len(writer.stdout.read().split()) == count
    assert writer.wait() == 0


_UNTIL_FULL = """
import sys
from pathlib import Path
from assay.errors import UserError
from assay.ledger import Ledger
from assay.nouns import Status
from tests.ledger.building import attempt, planned, trajectory
import os, resource
if sys.argv[3] != "0":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
kept = 0
with Ledger(Path(sys.argv[1])) as ledger:
    try:
        for n in range(20_000):
            said = os.urandom(3000).hex() if sys.argv[2] == "traces" else ""
            end = attempt(planned(n), Status.SOLVED).model_copy(update={"detail": "" if said else "said " * 400})
            ledger.record(end, trajectory(planned(n), said) if said else None)
            kept += 1
    except UserError as error:
        print(kept, error)
"""


@pytest.mark.parametrize("what", ["traces", "rows"])
def test_a_disk_that_is_full_loses_nothing_recorded(tmp_path, what):
    path = tmp_path / "l.sqlite"
    with Ledger(path) as ledger:
        ledger.plan(planned(n) for n in range(20_000))
    limit = path.stat().st_size + 300_000 if what == "rows" else 5_000_000
    command = [sys.executable, "-c", _UNTIL_FULL, str(path), what, str(limit)]
    _fills_up(path, subprocess.run(command, capture_output=True, text=True, check=False))


@pytest.mark.skipif(os.getuid() != 0, reason="this user may not mount a small file system")
@pytest.mark.parametrize("what", ["traces", "rows"])
def test_a_small_file_system_that_is_full_loses_nothing_recorded(tmp_path, what):
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        path = place / "l.sqlite"
        with Ledger(path) as ledger:
            ledger.plan(planned(n) for n in range(20_000))
        command = [sys.executable, "-c", _UNTIL_FULL, str(path), what, "0"]
        _fills_up(path, subprocess.run(command, capture_output=True, text=True, check=False))
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _fills_up(path, ended_run):
    assert ended_run.returncode == 0, ended_run.stderr
    kept, said = ended_run.stdout.split(maxsplit=1)
    assert said.count("\n") == 1
    assert "free space on its disk" in said
    assert int(kept) > 0
    with LedgerReader(path) as reader:
        assert len(reader.finished()) == int(kept)
    assert damage(path) == []


def test_what_is_read_does_not_grow_with_the_ledger(tmp_path):
    """A page of rows, a count and a trajectory of a ledger forty times as long take the memory of a short one."""
    peaks = []
    for count in (200, 8_000):
        path = tmp_path / f"{count}.sqlite"
        fill(path, count)
        code = (
            "import sys; from pathlib import Path; from assay.ledger.reading import LedgerReader; "
            "from assay.ledger.browse import Filter; r = LedgerReader(Path(sys.argv[1])); "
            "r.browse(Filter(text='expected')); r.browse(Filter(), newest_first=True); r.count(Filter(task='1')); "
            "r.coverage(); any(position < 0 for position, _, _ in r.recorded(0, 10**9)); "
            "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"
        )
        peaks.append(int(subprocess.check_output([sys.executable, "-c", code, str(path)], text=True)))
    assert peaks[1] < peaks[0] + 12_000


def test_many_trials_of_one_task_planned_a_few_at_a_time_cost_each_as_much_as_the_first(tmp_path):
    """SQLite's own steps are counted, which are the same on every machine."""
    counted = []
    for count in (200, 800):
        steps = [0]

        def tick(steps: list[int] = steps) -> int:
            steps[0] += 1
            return 0

        with Ledger(tmp_path / f"{count}.sqlite") as ledger:
            ledger._db.set_progress_handler(tick, 100)
            for first in range(0, count, 50):
                plans = [
                    PlannedAttempt(arm="a", seed=0, dose=0, task_id="t", split="s", trial=trial)
                    for trial in range(first, first + 50)
                ]
                ledger.plan(plans)
                ledger.record_many((Attempt(plan=plan, status=Status.FORMAT), None) for plan in plans)
            said = [event.body for event in ledger.events() if event.kind == "planned"]
        assert said[0] == {"attempts": 50, "results": 0, "tasks_after_results": 0, "tasks_again": 0}
        assert said[1] == {"attempts": 50, "results": 50, "tasks_after_results": 0, "tasks_again": 1}
        counted.append(steps[0])
    assert counted[1] < 10 * counted[0], counted  # it was 88 times as much
