"""Mutants against a repository's own suite: one sandbox, a fork for each, only the tests that reach the function.

The tests, their arguments and their environment are those of the task; canaries and the other guards of the kind
`tests` are left out, since a mutant does not cheat.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from assay.audit.adequacy.gold import Gold
from assay.errors import UserError
from assay.grading.suites.grader import gold_tree, suite_of
from assay.grading.suites.suite_run import Place
from assay.grading.suites.suite_spec import SpecError
from assay.nouns import Task
from assay.sandbox import trees
from assay.sandbox.sharing import linked_copy
from assay.tasks.seeding.bench import Bench, BenchError, Covered, Job, Ran, Setting
from assay.tasks.seeding.mutants import Mutant

Fate = tuple[bool | None, str]
_COVER_S = 600.0
_SLACK, _LEAST_S = 3.0, 2.0  # a mutant may take three times as long as gold, and two seconds


def fits(task: Task) -> bool:
    """Whether the fast way can be gone: pytest, run by the sandbox's own interpreter."""
    data = task.grader.data
    return task.grader.kind == "tests" and data.get("runner") == "pytest" and not data.get("python")


async def run_suite(task: Task, chosen: Sequence[tuple[Gold, Mutant]]) -> list[Fate]:
    """Return for each mutant whether a test failed with it, and which. Raises UserError when gold's tests fail."""
    data = task.grader.data
    wanted = [*data["fail_to_pass"], *data.get("pass_to_pass", [])]
    inside = data.get("tree", "")
    setting = Setting(
        readonly=trees.mounts({path: key for path, key in task.mounts.items() if path != inside}),
        env=data.get("env", {}),
        args=tuple(data.get("args", ())),
        memory_mb=max(task.limits.memory_mb, 1024),
    )
    try:
        place = await gold_tree(task, suite_of(task))
    except SpecError as error:
        raise UserError(f"the tests of task {task.id} cannot be run: {error}") from error
    with _solved(place) as tree:
        try:
            async with Bench.open(tree, setting) as bench:
                covered = await bench.cover(sorted({name.partition("::")[0] for name in wanted}), limit_s=_COVER_S)
                seconds = _steady(task, covered, wanted)
                jobs = [_job(gold, mutant, covered, seconds) for gold, mutant in chosen]
                asked = {number: job for number, job in enumerate(jobs) if job is not None}
                ran = dict(zip(asked, await bench.run(list(asked.values()), imported=covered.imported), strict=True))
                again = {number: _fresh(chosen[number], asked[number]) for number, r in ran.items() if _unfit(r)}
                ran |= dict(zip(again, await bench.run(list(again.values()), imported=covered.imported), strict=True))
        except BenchError as error:
            raise UserError(f"the tests of task {task.id} cannot be run as a whole: {error}") from error
    return [_fate(job, ran.get(number)) for number, job in enumerate(jobs)]


@contextmanager
def _solved(place: Place) -> Iterator[Path]:
    """Give a folder with the repository as gold leaves it, the task's own tests laid over."""
    with tempfile.TemporaryDirectory(prefix="assay-adequacy-", dir=place.tree.parent if place.tree else None) as made:
        folder = Path(made) / "tree"
        if place.tree is not None:
            linked_copy(place.tree, folder)
        for path in place.removed:
            (folder / path).unlink(missing_ok=True)
        for path, text in place.files.items():
            at = folder / path
            at.parent.mkdir(parents=True, exist_ok=True)
            at.unlink(missing_ok=True)  # never write through a link into the kept tree
            at.write_bytes(text if isinstance(text, bytes) else text.encode())
            if path in place.modes:
                at.chmod(place.modes[path])
        Path(made).chmod(0o755)
        yield folder


def _steady(task: Task, covered: Covered, wanted: Sequence[str]) -> dict[str, float]:
    """Return the seconds of the decisive tests. Raises UserError when one of them does not pass with gold."""
    words = dict(zip(covered.ids, covered.words, strict=True))
    seconds = dict(zip(covered.ids, covered.seconds, strict=True))
    for name in wanted:
        if words.get(name) not in ("passed", "xfailed"):
            said = words.get(name) or "is not found"
            raise UserError(
                f"{name} of task {task.id} {said} with gold, so no mutant can be judged: check the task first"
            )
    return {name: seconds[name] for name in wanted}


def _job(gold: Gold, mutant: Mutant, covered: Covered, seconds: dict[str, float]) -> Job | None:
    """Return the run of the tests that reach the mutant's function, quickest first; None where none does."""
    function = mutant.function
    body = range(function.body, function.last + 1)
    reached = covered.reached.get(gold.path, {})
    everywhere = any(line in body for line in reached.get("", ()))
    names = [
        name
        for number, name in enumerate(covered.ids)
        if name in seconds and (everywhere or any(line in body for line in reached.get(str(number), ())))
    ]
    if not names:
        return None
    names.sort(key=lambda name: seconds[name])
    limit_s = _SLACK * sum(seconds[name] for name in names) + _LEAST_S
    return Job(tuple(names), limit_s, gold.path, mutant, fresh=everywhere, module=gold.text, stop=True)


def _unfit(ran: Ran | None) -> bool:
    return ran is not None and ran.end == "unfit"


def _fresh(pair: tuple[Gold, Mutant], job: Job) -> Job:
    gold, mutant = pair
    return Job(job.tests, job.limit_s + 5.0, gold.path, mutant, fresh=True, module=gold.text, stop=True)


def _fate(job: Job | None, ran: Ran | None) -> Fate:
    if job is None:
        return False, "no test reaches the function"
    if ran is None:
        return None, "no time was left for it"
    if ran.end == "late":
        return True, "the tests did not end in time"
    if ran.end == "crashed":
        return True, "the tests' process ended"
    failing = ran.failing(job)
    return bool(failing), f"failed: {failing[0]}" if failing else "all tests that reach it pass"
