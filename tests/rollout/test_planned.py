"""What a job owes is recorded once, whatever its worker did; what cannot be had ends as `machinery`, or not at all."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from assay.errors import MachineryError
from assay.executors import Arrived, Job, Lost, Over
from assay.ledger import Ledger
from assay.nouns import Attempt, PlannedAttempt, Status
from assay.rollout.planned import jobs_for, record_all


class Fragile:
    """An executor without workers: `fate` says of a job's attempts which are given back, and whether it is lost."""

    count, name = 2, "fragile"

    def __init__(self, fate):
        self.fate = fate
        self.asked = []

    async def run(self, jobs, *, at_once=None):
        for job in jobs:
            if job.about is None:  # the question whether it is alive
                found, lost = [True], self.fate(None)[1]
            else:
                ids = list(job.about.owed)
                self.asked.append(ids)
                given, lost = self.fate(ids)
                found = [(Attempt(plan=each, status=Status.FAILED), None) for each in given]
            for result in found:
                yield Arrived(job, result)
            yield Lost(job, "its worker died") if lost else Over(job)


def plan(count):
    return [PlannedAttempt(arm="a", seed=0, dose=0, task_id=f"t{n}", split="s") for n in range(count)]


def run(path, planned, fate, each=1):
    with Ledger(path) as ledger:
        ledger.plan(planned)
        executor = Fragile(lambda ids: fate(None if ids is None else [by[id] for id in ids]))
        by = {one.id: one for one in planned}
        told = []
        jobs = jobs_for(ledger.waiting(), lambda some: Job(print), each=each)
        try:
            asyncio.run(record_all(executor, jobs, ledger, done=lambda attempt, _: told.append(attempt.plan.id)))
        finally:
            found = {attempt.plan.task_id: attempt.status for attempt in ledger.attempts()}
        assert len(told) == len(set(told)) == len(found)
        return found, executor.asked


def test_what_comes_twice_is_recorded_once(tmp_path):
    found, _ = run(tmp_path / "l.sqlite", plan(4), lambda some: ([*(some or []), *(some or [])], False), each=2)
    assert found == {f"t{n}": Status.FAILED for n in range(4)}


def test_one_that_kills_its_worker_takes_no_other_with_it(tmp_path):
    def fate(some):
        if some is None:
            return [], False
        return [], any(one.task_id == "t3" for one in some)

    def gives(some):
        given, lost = fate(some)
        return (given, lost) if some is None or lost else (some, False)

    found, asked = run(tmp_path / "l.sqlite", plan(8), gives, each=4)
    assert found == {**{f"t{n}": Status.FAILED for n in range(8)}, "t3": Status.MACHINERY}
    assert sorted(map(len, asked)) == [1, 1, 1, 1, 4, 4]


def test_what_a_job_forgets_is_asked_for_again_and_is_ours_at_last(tmp_path):
    found, asked = run(tmp_path / "l.sqlite", plan(2), lambda some: ((some or [])[1:], False), each=2)
    assert found == {"t0": Status.MACHINERY, "t1": Status.FAILED}
    assert len(asked) == 3


def test_where_the_executor_is_gone_nothing_is_recorded_and_all_stays_planned(tmp_path):
    with pytest.raises(MachineryError, match="runs nothing any more"):
        run(tmp_path / "l.sqlite", plan(3), lambda some: ([], True))
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert len(list(ledger.waiting())) == 3


def test_a_sick_executor_is_noticed_before_the_whole_plan_is_burnt(tmp_path):
    asked = []
    with pytest.raises(MachineryError, match="runs nothing any more"):
        run(tmp_path / "l.sqlite", plan(100), lambda some: (asked.append(some), ([], True))[1])
    assert len(asked) < 20


def test_a_reader_that_is_slow_or_busy_elsewhere_loses_nothing():
    from assay.executors import InProcess

    async def one(number):
        yield number

    async def read():
        async with InProcess(2) as executor:
            found = []
            async for event in executor.run((Job(one, (n,)) for n in range(50)), at_once=2):
                await asyncio.sleep(0.002)  # so that what comes must wait
                if isinstance(event, Arrived):
                    found.append(event.result)
            return found

    assert sorted(asyncio.run(read())) == list(range(50))


def test_a_setting_that_one_cancelled_job_began_to_open_serves_the_others():
    from dataclasses import dataclass

    from assay.executors import InProcess

    @dataclass(frozen=True)
    class Slow:
        @asynccontextmanager
        async def open(self):
            await asyncio.sleep(0.05)
            yield "open"

    async def one(opened):
        yield opened

    async def read():
        async with InProcess(1) as executor:
            first = executor.run([Job(one, setting=Slow())])
            task = asyncio.ensure_future(anext(first))
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await first.aclose()
            return [
                event.result async for event in executor.run([Job(one, setting=Slow())]) if isinstance(event, Arrived)
            ]

    assert asyncio.run(read()) == ["open"]
