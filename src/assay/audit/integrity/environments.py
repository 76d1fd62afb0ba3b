"""The environments of a run, and of the runs that it is held against: images, limits and machines that were changed.

Within a run the attempts' outputs are asked which Python, runner and system they ran in; a ledger keeps the trees that
a task mounts, which is its image, and what machine it ran on.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from assay.audit.cases import open_source
from assay.audit.environment import seen_in
from assay.audit.findings import Finding
from assay.audit.integrity._run import AuditedRun
from assay.ledger.reading import LedgerReader
from assay.nouns import Task

_MOST = 5000  # attempts, and tasks, of another run that are looked at
_PARTS = {"mounts": "image_changed", "limits": "limits_changed", "files": "task_changed", "grader": "task_changed",
          "instruction": "task_changed", "outputs": "task_changed"}  # fmt: skip
_MACHINE = ("python", "sandbox", "system", "cpu", "cores")
Seen = dict[str, dict[str, dict[str, int]]]  # of a task: what, which of it, and in how many attempts


def check(run: AuditedRun) -> Iterator[Finding]:
    """Yield tasks that ran in more than one environment, in this run and against the others."""
    own = _counted(run.tally.ask("SELECT task_id, seen FROM attempts WHERE seen IS NOT NULL"))
    yield from _within(run, own)
    for other in run.against:
        yield from _tasks(run, other)
        yield from _machines(run, other)
        yield from _across(run, own, other)


def _counted(rows: Iterable[tuple[str, str]]) -> Seen:
    found: Seen = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for task_id, seen in rows:
        for name, value in json.loads(seen).items():
            found[task_id][name][value] += 1
    return found


def _within(run: AuditedRun, own: Seen) -> Iterator[Finding]:
    changed: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for task_id, seen in own.items():
        for name, values in seen.items():
            if len(values) > 1:
                told = ", ".join(f"{value} ({count})" for value, count in sorted(values.items()))
                changed[name].append((task_id, told))
    for name, tasks in sorted(changed.items()):
        task_id, told = tasks[0]
        said = f"{len(tasks)} tasks ran with more than one {name}, {task_id} among them: {told}"
        yield run.finding("environments_differ", 0.5, said, task_id=task_id)


def _across(run: AuditedRun, own: Seen, other: Path) -> Iterator[Finding]:
    """Yield what the attempts of another run saw otherwise, of the tasks that both have."""
    source = open_source(other)
    rows = (
        (record.plan.task_id, json.dumps(seen_in(record.trajectory.steps)))
        for first, last in source.ranges() for record in source.records(first, last)
        if record.trajectory is not None and record.plan.task_id in own
    )  # fmt: skip
    theirs = _counted(islice(rows, _MOST))
    apart: dict[str, list[str]] = defaultdict(list)
    for task_id, seen in theirs.items():
        for name, values in seen.items():
            if own[task_id].get(name) and not set(own[task_id][name]) & set(values):
                told = f"{task_id}: {' or '.join(own[task_id][name])} here, {' or '.join(values)} there"
                apart[name].append(told)
    for name, told_all in sorted(apart.items()):
        said = f"{len(told_all)} tasks ran with another {name} in {other}: {told_all[0]}"
        yield run.finding("environments_differ", 0.7, said, task_id=told_all[0].partition(": ")[0])


def _tasks(run: AuditedRun, other: Path) -> Iterator[Finding]:
    """Yield tasks that bear one name in both ledgers and are not the same."""
    theirs = open_source(other).ledger
    if run.ledger is None or theirs is None:
        return
    with LedgerReader(theirs) as reader:
        known = {task.id: task for task in islice(reader.tasks(), _MOST)}
    changed: dict[str, list[str]] = defaultdict(list)
    parts: dict[str, set[str]] = defaultdict(set)
    compared = 0
    for task in run.tasks():
        if task.id not in known:
            continue
        compared += 1
        for mechanism, names in _apart(task, known[task.id]).items():
            changed[mechanism].append(task.id)
            parts[mechanism] |= names
    for mechanism, ids in sorted(changed.items()):
        said = (
            f"{len(ids)} of {compared} tasks that {other} has as well have other {', '.join(sorted(parts[mechanism]))} "
            f"there, {ids[0]} among them"
        )
        yield run.finding(mechanism, 0.75, said, task_id=ids[0])


def _apart(task: Task, other: Task) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for part, mechanism in _PARTS.items():
        if getattr(task, part) != getattr(other, part):
            found[mechanism].add(part)
    return found


def _machines(run: AuditedRun, other: Path) -> Iterator[Finding]:
    theirs = open_source(other).ledger
    if run.ledger is None or theirs is None:
        return
    facts = []
    for path in (run.ledger, theirs):
        with LedgerReader(path) as reader:
            facts.append(reader.fact("machine") or {})
    apart = [name for name in _MACHINE if name in facts[0] and name in facts[1] and facts[0][name] != facts[1][name]]
    if apart:
        told = "; ".join(f"{name}: {facts[0][name]} here, {facts[1][name]} there" for name in apart)
        yield run.finding("machine_differs", 0.3, f"{other} ran on another machine: {told}")
