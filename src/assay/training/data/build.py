"""Build a training set: read the sources, choose, tokenise shard by shard, write the card.

Every step leaves its result on the disk and is done once: a build that was killed goes on where it stopped when the
same command is given again, and starts again when anything was changed that decides what comes out.
"""

import fcntl
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from assay import __version__
from assay.corpus.fetch import disk_errors
from assay.errors import MachineryError, UserError
from assay.executors.chosen import LOCAL
from assay.nouns.base import digest
from assay.training.data.card import DataCard
from assay.training.data.layout import CARD, TOKENIZER, WORK
from assay.training.data.recipe import DROPS, Recipe
from assay.training.data.results import Results
from assay.training.data.scan import Account, choose
from assay.training.data.sources import Unit, open_sources, units
from assay.training.data.spread import spread
from assay.training.data.tokenise import OpenFormat, open_format
from assay.training.data.work import IDENTITY, Job, Run, Worker, plan_file, scan_file
from assay.training.data.writer import clear, done_file, finish, save

Say = Callable[[str], None]

_worker: Worker | None = None  # of a process of the pool


def _start(job: Job) -> None:
    global _worker
    _worker = Worker(job)


def _scan(number: int, unit: Unit) -> None:
    assert _worker is not None
    _worker.scan(number, unit)


def _tokenise(shard: int, first: int, last: int) -> int:
    assert _worker is not None
    return _worker.tokenise(shard, first, last)


def build(
    words: Sequence[Path],
    model: Path,
    out: Path,
    recipe: Recipe,
    *,
    template: Path | None = None,
    results: Results | None = None,
    processes: int = 1,
    executor: str = LOCAL,
    say: Say = lambda text: None,
) -> DataCard:
    """Make a training set of the sources `words` in the folder `out` and return its card.

    The same sources, tokenizer, template and recipe give the same bytes, whatever the order of the sources and the
    number of processes, here or where `executor` is: its nodes must see sources, model and `out` at the same places.
    Raises UserError; what was done until then is kept for the next call.
    """
    if (out / CARD).exists():
        raise UserError(f"{out} holds a finished training set: name another folder with --out, or remove it")
    chat = open_format(model, template)
    sources = open_sources(list(words))
    job = Job(sources, recipe, results or Results(), model, template, out)
    identity = {
        "assay": __version__,
        "sources": [[source.name, source.kind, source.sha256] for source in sources],
        "recipe": recipe.model_dump(mode="json"),
        "results": digest([job.results.resolved, job.results.patches]),
        "tokenizer": chat.tokenizer_sha256,
        "format": chat.format_sha256,
    }
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    with _begun(out, identity, say):
        with _pool(job, processes) if executor == LOCAL else spread(executor, job) as run:
            found = _choose(job, run, say)
            shards = _shards(np.load(plan_file(out), mmap_mode="r")["characters"], recipe.shard_characters)
            todo = [(n, *ends) for n, ends in enumerate(shards) if not done_file(out, n).is_file()]
            if len(todo) < len(shards):
                say(f"{len(shards) - len(todo)} of {len(shards)} shards were written before")
            for done, _ in enumerate(run(_tokenise, todo), len(shards) - len(todo) + 1):
                say(f"{done} of {len(shards)} shards are tokenised")
        for number in range(len(shards)):
            found.add(Account.from_json(json.dumps(json.loads(done_file(out, number).read_text())["account"])))
        for fault in found.faults:
            say(f"left out: {fault}")
        with disk_errors(out):
            (out / TOKENIZER).mkdir(exist_ok=True)
            chat.format.save(out / TOKENIZER)
        return finish(out, len(shards), list(recipe.splits), _about(job, chat, found))


def _choose(job: Job, run: Run, say: Say) -> Account:
    """Scan what is not scanned, choose, and leave the plan; return what was counted."""
    parts = [unit for number, source in enumerate(job.sources) for unit in units(number, source)]
    left = [(n, part) for n, part in enumerate(parts) if not scan_file(job.out, n).with_suffix(".json").is_file()]
    for done, _ in enumerate(run(_scan, left), len(parts) - len(left) + 1):
        if done % 10 == 0 or done == len(parts):
            say(f"{done} of {len(parts)} parts of the sources are read")
    found = Account()
    outs = [scan_file(job.out, number) for number in range(len(parts))]
    for out in outs:
        found.add(Account.from_json(out.with_suffix(".json").read_text()))
    plan, dropped = choose(outs, job.recipe)
    found.dropped += dropped
    with disk_errors(job.out):
        save(plan_file(job.out), plan)
    say(f"{found.read:,} trajectories read, {len(plan):,} stay")
    return found


def _shards(characters: np.ndarray, most: int) -> list[tuple[int, int]]:
    """Return the plan's rows in parts of at most `most` characters, or of one row: (first, end) of each."""
    shards: list[tuple[int, int]] = []
    first = held = 0
    for place, count in enumerate(characters.tolist()):
        if place > first and held + count > most:
            shards.append((first, place))
            first, held = place, 0
        held += count
    return [*shards, (first, len(characters))] if len(characters) else shards


def _about(job: Job, chat: OpenFormat, found: Account) -> dict:
    counts = [found.by_source.get(number, [0, 0]) for number in range(len(job.sources))]
    names = [*(name for name in DROPS if found.dropped[name]), *(n for n in sorted(found.dropped) if n not in DROPS)]
    return {
        "sources": tuple(source.card(*pair) for source, pair in zip(job.sources, counts, strict=True)),
        "recipe": job.recipe.model_dump(mode="json"),
        "read": found.read,
        "broken": dict(sorted(found.broken.items())),
        "faults": tuple(found.faults),
        "dropped": {name: found.dropped[name] for name in names},
        "verdicts": dict(sorted(found.verdicts.items())),
        "tokenizer_sha256": chat.tokenizer_sha256,
        "format_sha256": chat.format_sha256,
        "vocabulary": chat.format.vocabulary,
    }


@contextmanager
def _begun(out: Path, identity: dict, say: Say) -> Iterator[None]:
    """Hold the folder alone, with what an earlier call of the same build left in it and nothing else."""
    work = out / WORK
    with disk_errors(out):
        if not work.is_dir():
            if any(out.iterdir()):
                raise UserError(f"{out} is not empty and not a training set: name another folder with --out")
            work.mkdir()
        lock = (work / "lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"Another build is at work in {out}: wait for it or name another with --out") from None
        told = work / IDENTITY
        before = json.loads(told.read_text()) if told.is_file() else None
        if before == identity:
            say(f"{out} holds an unfinished build of the same: going on with it")
        elif before is not None:
            other = ", ".join(name for name in identity if before.get(name) != identity[name])
            say(f"{out} holds an unfinished build with another {other}: starting again")
            clear(out)
        with disk_errors(out):
            save(told, json.dumps(identity, sort_keys=True).encode())
        yield


@contextmanager
def _pool(job: Job, processes: int) -> Iterator[Run]:
    """Yield a function that runs calls in their order, in processes of their own where there are to be several."""
    global _worker
    if processes <= 1:
        _start(job)
        yield lambda call, arguments: (call(*each) for each in arguments)
        _worker = None
        return
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_start, initargs=(job,))
    try:
        yield lambda call, arguments: pool.map(call, *zip(*arguments, strict=True)) if arguments else iter(())
    except BrokenProcessPool as error:
        raise MachineryError(
            f"a process that built {job.out} was killed, perhaps for its memory: run the same command again, with "
            "fewer --processes if need be; what is finished is kept"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
