"""Reads what `swebench:PLACE` names: every record of a file as a task, built, a bounded number at a time."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from assay.errors import MachineryError, UserError
from assay.executors import Arrived, Executor, InProcess, Job, Lost, Made, Returned, open_executor, telling
from assay.executors.chosen import LOCAL
from assay.nouns import Task
from assay.sandbox.index import Index
from assay.tasks import Chosen
from assay.tasks.admission import trees_of
from assay.tasks.swebench.make import make
from assay.tasks.swebench.record import Record, read_records

AT_ONCE = 2


def read(place: str, options: Mapping[str, str]) -> Chosen:
    """Return the tasks of a dataset, a file or hf:NAME. What a task needs and the cache lacks is fetched and built.

    Options: `mirrors`, a folder of git directories (without it upstreams are cloned); `instances`, the ids wanted,
    separated by commas; `workers`, how many are built side by side; `executor`, where. Raises UserError when the file
    cannot be read.
    """
    names = tuple(name.strip() for name in options.get("instances", "").split(",") if name.strip())
    records = read_records(place, names)
    mirrors = mirrors_folder(options.get("mirrors", ""))
    workers = int(options.get("workers", AT_ONCE))
    word = options.get("executor", LOCAL)
    executor = open_executor(word)
    at_once = workers if word == LOCAL else None  # a cluster knows what it holds
    return asyncio.run(build_all(records.good, records.broken, mirrors, at_once, executor=executor))


def mirrors_folder(name: str) -> Path | None:
    """Return the folder of mirrors, None where none is named. Raises UserError when it is not there."""
    if not name:
        return None
    if not Path(name).is_dir():
        raise UserError(f"there is no folder of mirrors {name}: name one that holds git directories called owner+name")
    return Path(name)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def build_all(
    records: list[Record],
    broken: list[tuple[str, str]],
    mirrors: Path | None,
    workers: int | None = AT_ONCE,
    tell: Callable[[str], None] = _tell,
    executor: Executor | None = None,
) -> Chosen:
    """Make the tasks of `records`, `workers` at a time; one that cannot be made is listed, and the others go on.

    With `workers` None as many are made at once as the executor holds.
    They are built where `executor` is, and what is built there comes here too; in this process without one.
    """
    made: dict[int, Task | tuple[str, str]] = {}
    jobs = [Job(_made, (record, mirrors), setting=_Indexed(), about=number) for number, record in enumerate(records)]
    async with executor or InProcess() as place, aclosing(place.run(jobs, at_once=workers)) as events:
        async for event in events:
            if isinstance(event, Lost):
                made[event.job.about] = records[event.job.about].instance_id, event.why
            elif isinstance(event, Arrived) and isinstance(event.result, str):
                tell(event.result)
            elif isinstance(event, Arrived):
                made[event.job.about] = event.result
    found = [made[number] for number in range(len(records))]
    tasks = [task for task in found if isinstance(task, Task)]
    return Chosen(tasks, [*broken, *(entry for entry in found if not isinstance(entry, Task))])


@dataclass(frozen=True)
class _Indexed:
    """The setting of builds: the package index that they all look into."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Index]:
        index = Index()
        try:
            yield index
        finally:
            index.close()


async def _made(
    index: Index, record: Record, mirrors: Path | None
) -> AsyncIterator[str | Made | Task | tuple[str, str]]:
    """Make one task; yield what is to be said of it, the trees that it needs, and it."""
    try:
        async for told in telling(lambda tell: make(record, mirrors=mirrors, index=index, tell=tell)):
            if isinstance(told, Returned):
                for key in trees_of([told.value]):
                    yield Made(key)
                yield told.value
            else:
                yield told
    except (UserError, MachineryError) as error:
        yield record.instance_id, str(error)
