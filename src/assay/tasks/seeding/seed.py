"""Seeds bugs into repositories: loads each, measures its suite, finds bugs, makes tasks. Packages run side by side."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from assay.errors import UserError
from assay.executors import Arrived, Executor, Job, Lost, Made, Needs, Returned, telling
from assay.nouns import Task
from assay.tasks.admission import trees_of
from assay.tasks.seeding import canaries, make, repository
from assay.tasks.seeding.bugs import Bug, Count, find
from assay.tasks.seeding.reach import measure
from assay.tasks.seeding.repository import Repository
from assay.tasks.seeding.rewrite import Ask, rewritten

Say = Callable[[str], None]
_SPARE = 1.1  # so many times the bugs wanted are found, since canaries may refuse some


@dataclass
class Seeded:
    """What came of one package: its tasks, how many bugs were tried, and sentences for the user.

    `refused` is the sentence that says why nothing could be seeded, "" where something could; `seconds` the wall clock
    of each stage, other packages running beside it.
    """

    where: str
    tasks: list[Task] = field(default_factory=list)
    counted: Count = field(default_factory=Count)
    refused: str = ""
    seconds: dict[str, float] = field(default_factory=dict)


async def seed_all(
    where: Sequence[str],
    *,
    count: int,
    seed: int = 0,
    more: Sequence[str] = (),
    minutes: float = 60.0,
    workers: int = 0,
    say: Say = lambda line: None,
    ask: Ask | None = None,
) -> list[Seeded]:
    """Seed up to `count` bugs into each of the packages or repositories `where`; return what came of each, in order.

    The same packages, seed and Python give the same tasks, but for their canaries, which are drawn by chance; a run
    that `minutes` cut short has the first of them. `more` are requirements of tests that a repository does not say.
    `ask`, a model, writes the issues where it keeps the law; without it a template does.
    A package that cannot be used is refused with a sentence, and the others go on.
    """
    gate = asyncio.Semaphore(workers or len(os.sched_getaffinity(0)))
    deadline = time.monotonic() + 60.0 * minutes
    return await asyncio.gather(*(_seed_one(each, count, seed, more, gate, deadline, say, ask) for each in where))


async def seed_on(
    executor: Executor,
    where: Sequence[str],
    *,
    count: int,
    seed: int = 0,
    more: Sequence[str] = (),
    minutes: float = 60.0,
    workers: int = 0,
    say: Say = lambda line: None,
) -> list[Seeded]:
    """As `seed_all`, each package in a worker of an executor with `workers` sandboxes; its trees come here."""
    found: dict[int, Seeded] = {}
    jobs = [
        Job(_seeded, (each, count, seed, tuple(more), minutes, workers or 1), needs=Needs(workers or 1), about=number)
        for number, each in enumerate(where)
    ]
    async with aclosing(executor.run(jobs)) as events:
        async for event in events:
            if isinstance(event, Lost):
                found[event.job.about] = Seeded(where[event.job.about], refused=event.why)
            elif isinstance(event, Arrived) and isinstance(event.result, Seeded):
                found[event.job.about] = event.result
            elif isinstance(event, Arrived):
                say(event.result)
    return [found[number] for number in range(len(where))]


async def _seeded(
    where: str, count: int, seed: int, more: Sequence[str], minutes: float, workers: int
) -> AsyncIterator[str | Made | Seeded]:
    """Seed one package; yield what is to be said, the trees of its tasks, and what came of it."""

    def work(say: Say) -> Awaitable[list[Seeded]]:
        return seed_all([where], count=count, seed=seed, more=more, minutes=minutes, workers=workers, say=say)

    async for told in telling(work):
        if isinstance(told, Returned):
            for key in trees_of(told.value[0].tasks):
                yield Made(key)
            yield told.value[0]
        else:
            yield told


async def _seed_one(
    where: str,
    count: int,
    seed: int,
    more: Sequence[str],
    gate: asyncio.Semaphore,
    deadline: float,
    say: Say,
    ask: Ask | None,
) -> Seeded:
    done, began = Seeded(where), time.monotonic()
    try:
        async with gate:
            found = await asyncio.to_thread(repository.load, where, more)
            for note in found.notes:
                say(note)
            suite = await measure(found)
        for note in suite.notes:
            say(note)
        done.seconds["suite"] = time.monotonic() - began
        wanted = round(_SPARE * count)
        bugs: list[Bug] = []
        async for bug in find(
            found, suite, count=wanted, seed=seed, gate=gate, deadline=deadline, counted=done.counted
        ):  # fmt: skip
            bugs.append(bug)
            if len(bugs) == wanted:
                break
        if ask is not None:
            bugs = list(await asyncio.gather(*(_told_by(bug, found.name, ask) for bug in bugs)))
        if not bugs:
            raise UserError(f"no bug that the tests of {found.name} see could be seeded{_why(done.counted)}")
        done.seconds["bugs"] = time.monotonic() - began - sum(done.seconds.values())
        say(f"{found.name}: {len(bugs)} bugs of {done.counted.tried} tried")
        seeing = sorted({name for bug in bugs for name in bug.failing})
        known = await canaries.find(found, suite, seeing, gate)
        done.seconds["canaries"] = time.monotonic() - began - sum(done.seconds.values())
        _keep(done, found, [make.task(found, suite, bug, known, n) for n, bug in enumerate(bugs)], count)
        done.seconds["tasks"] = time.monotonic() - began - sum(done.seconds.values())
    except UserError as error:
        done.refused = str(error)
    return done


async def _told_by(bug: Bug, package: str, ask: Ask) -> Bug:
    text = await rewritten(bug.issue, package, ask, lambda text: bug.allows(text, package))
    return replace(bug, issue=text)


def _keep(done: Seeded, found: Repository, made: Sequence[Task | None], count: int) -> None:
    for task in made:
        if task is None:
            done.counted.dropped["its tests do not pass each time"] += 1
        elif len(done.tasks) < count:
            done.tasks.append(task.model_copy(update={"id": f"seeding/{found.name}/{len(done.tasks):05d}"}))


def _why(counted: Count) -> str:
    common = counted.dropped.most_common(1)
    return f": of {counted.tried} tried, {common[0][1]} were {common[0][0]}" if common else ": they reach no function"
