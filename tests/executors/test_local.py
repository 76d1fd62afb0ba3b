"""Jobs end the same wherever they run on this machine; what dies is begun again, what fails stops all."""

import asyncio
import os
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from assay.errors import UserError
from assay.executors import Arrived, InProcess, Job, Lost, Over, Processes, open_executor
from tests.executors import jobs

HERE = [lambda: InProcess(2), lambda: Processes(2)]


def events(executor, feed, at_once=None):
    async def run():
        async with executor:
            return [event async for event in executor.run(feed, at_once=at_once)]

    return asyncio.run(run())


def results(found):
    return [event.result for event in found if isinstance(event, Arrived)]


@pytest.mark.parametrize("make", HERE)
def test_each_job_gives_what_it_yields_in_its_order_and_says_when_it_is_over(make):
    plan = [Job(jobs.count, (10 * n, 10 * n + 3), about=n) for n in range(5)]
    found = events(make(), plan)
    for job in plan:
        mine = [event for event in found if event.job.about == job.about]
        assert [event.result for event in mine[:-1]] == list(range(*job.arguments))
        assert isinstance(mine[-1], Over)


@pytest.mark.parametrize("make", HERE)
def test_a_failure_of_a_job_ends_all_and_is_raised_here(make):
    with pytest.raises(ExceptionGroup) as caught:
        events(make(), [Job(jobs.refuse, ("mend it",)), *(Job(jobs.count, (0, 3)) for _ in range(4))])
    assert [str(error) for error in caught.value.exceptions] == ["mend it"]
    assert isinstance(caught.value.exceptions[0], UserError)
    with pytest.raises(ExceptionGroup) as caught:
        events(make(), [Job(jobs.fail)])
    assert "not foreseen" in str(caught.value.exceptions[0])


@pytest.mark.parametrize("make", HERE)
def test_a_setting_is_opened_once_in_a_process_and_closed_at_the_end(make, tmp_path):
    executor = make()
    plan = [Job(jobs.who, (n,), setting=jobs.Counted(str(tmp_path))) for n in range(8)]
    found = results(events(executor, plan))
    assert sorted(number for _, _, number in found) == list(range(8))
    assert all(opened == pid for opened, pid, _ in found)
    opened = [path for path in tmp_path.iterdir() if path.name.startswith("opened")]
    assert len(opened) == len({pid for _, pid, _ in found})
    if isinstance(executor, InProcess):
        assert len(list(tmp_path.glob("closed*"))) == 1


def test_jobs_may_be_added_while_others_run():
    async def run():
        wanted, found = asyncio.Queue(), []

        async def plan():
            while (job := await wanted.get()) is not None:
                yield job

        wanted.put_nowait(Job(jobs.count, (0, 2)))
        async with InProcess(2) as executor:
            async for event in executor.run(plan()):
                if isinstance(event, Over):
                    wanted.put_nowait(None if len(found) >= 6 else Job(jobs.count, (0, 2)))
                else:
                    found.append(event.result)
        return found

    assert asyncio.run(run()) == [0, 1] * 3


def test_an_endless_list_of_jobs_is_read_as_slots_fall_free():
    read = 0

    def plan():
        nonlocal read
        while True:
            read += 1
            yield Job(jobs.count, (read, read + 1))

    async def run():
        async with InProcess() as executor, aclosing(executor.run(plan(), at_once=3)) as found:
            taken = 0
            async for event in found:
                taken += isinstance(event, Over)
                if taken == 20:
                    return

    asyncio.run(run())
    assert 20 <= read <= 30


@pytest.mark.parametrize("make", HERE)
def test_jobs_ask_an_object_of_the_driver(make):
    async def run():
        async with make() as executor, executor.serving(jobs.Numbers(12)) as asked:
            plan = [Job(jobs.ask, (asked,)) for _ in range(15)]
            return [event.result async for event in executor.run(plan) if isinstance(event, Arrived)]

    found = asyncio.run(run())
    assert sorted(number for number in found if isinstance(number, int)) == [2 * n + 1 for n in range(1, 13)]
    assert [str(error) for error in found if isinstance(error, UserError)] == ["no more"] * 3


def test_a_job_asks_many_things_at_once_and_what_it_no_longer_waits_for_does_no_harm():
    async def run():
        async with Processes(1) as executor, executor.serving(jobs.Numbers(99)) as asked:
            plan = [Job(jobs.ask_many, (asked, 20)), Job(jobs.ask_and_leave, (asked,)), Job(jobs.ask_many, (asked, 20))]
            return [event.result async for event in executor.run(plan) if isinstance(event, Arrived)]

    first, left, second = asyncio.run(run())
    assert left == "left"
    assert len({*first, *second}) == 40


def test_a_worker_that_is_killed_is_replaced_and_its_job_begun_again(tmp_path):
    found = events(Processes(1), [Job(jobs.die, (str(tmp_path), 2)), Job(jobs.count, (0, 1))])
    assert results(found) == [3, 0]


def test_a_job_that_kills_every_worker_is_lost_and_the_others_are_not(tmp_path):
    found = events(Processes(2), [Job(jobs.die, (str(tmp_path), 99)), *(Job(jobs.count, (0, 2)) for _ in range(3))])
    lost = [event for event in found if isinstance(event, Lost)]
    assert len(lost) == 1
    assert "signal 9" in lost[0].why
    assert sorted(results(found)) == [0, 0, 0, 1, 1, 1]
    assert len(list(tmp_path.iterdir())) == 4


def test_no_worker_outlives_its_executor(tmp_path):
    async def run():
        async with Processes(2) as executor:
            plan = [Job(jobs.endless, (str(tmp_path),)) for _ in range(2)]
            async with aclosing(executor.run(plan)) as found:
                assert (await anext(found)).result == "begun"

    asyncio.run(run())
    pids = [int(path.name) for path in tmp_path.iterdir()]
    assert pids
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.05)
    assert os.getpid() not in pids


def test_a_word_that_names_no_executor_is_refused():
    for word in ("", "rays", "docker", "local:3"):
        with pytest.raises(UserError, match="local, ray or ray:ADDRESS"):
            open_executor(word)
