"""What grading by a repository's own suite costs over the bare test command, on SWE-bench instances.

Run: .venv/bin/python benchmarks/suites.py swebench:FILE --mirrors DIR [--instances ID,ID] [--runs 5] [--json]

Bare is the repository's own test command on the files of the test patch, gold applied, in one sandbox as it is used
for grading: its wall clock and processor time from starting the command to its end. Ours is `grade(task, gold)` of a
prepared task, everything included: applying the patch, every sandbox, every round. They take turns, so that a loaded
machine slows them alike; processor seconds hardly know of load. The target is 10 % of bare and half a second more.

A round more is the price of a must-fail canary, so the time is given for the rounds that the task was prepared with,
and with --rounds for another number: 2 is the least, and with one function that can be made wrong a forger then
guesses right every second time.
"""

import argparse
import asyncio
import json
import resource
import shlex
import statistics
import time
from collections.abc import Mapping
from typing import Any

from assay.grading import grade
from assay.grading.suites.grader import gold_tree, prepare, suite_of
from assay.grading.suites.suite_spec import Suite, dotted_module
from assay.nouns import GraderSpec, Task
from assay.sandbox import describe, forking, open_sandbox, trees
from assay.tasks.chosen import chosen

Used = tuple[float, float]  # wall clock and processor time, in seconds


def processor_s() -> float:
    """Return the processor time of ours, of all that we started and that has ended, and of the fork servers kept."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used) + forking.processor_s()


def words(suite: Suite) -> list[str]:
    """Return the bare test command for the test files of a suite."""
    files = list(dict.fromkeys(place.file for place in suite.places.values()))
    python = [suite.python or "python", *suite.python_args]
    if suite.runner == "pytest":
        return [*python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *suite.args, *files]
    if suite.runner == "sympy":
        return [*python, "bin/test", *suite.args, *files]
    modules = [dotted_module(file, suite.test_root) for file in files]
    if suite.runner == "unittest":
        return [*python, "-m", "unittest", *modules]
    script = suite.script or f"{suite.test_root}/runtests.py"
    args = suite.args or ("--settings=test_sqlite", "--parallel=1", "--verbosity=0")
    return [*python, script, *args, *modules]


async def bare(task: Task, suite: Suite) -> Used:
    """Run the bare command once, on gold."""
    place = await gold_tree(task, suite)
    readonly = trees.mounts({path: key for path, key in task.mounts.items() if path != suite.tree})
    limits = task.limits
    async with open_sandbox(
        place.files,
        tree=place.tree,
        readonly=readonly,
        workdir=suite.workdir,
        blackhole=suite.blackhole,
        memory_mb=limits.memory_mb,
        processes=limits.processes,
        file_mb=limits.file_mb,
    ) as sandbox:
        command = f"exec {shlex.join(words(suite))} > /dev/null 2>&1"
        began, used = time.perf_counter(), processor_s()
        await sandbox.run(command, timeout_s=suite.timeout_s, env=suite.env)
        return time.perf_counter() - began, processor_s() - used


async def ours(task: Task) -> Used:
    """Grade gold once. Raises SystemExit where it is not given 1: then there is nothing to compare."""
    began, used = time.perf_counter(), processor_s()
    verdict = await grade(task, task.gold)
    if verdict.value != 1.0:
        raise SystemExit(f"{task.id}: gold is given {verdict.value}: {verdict.reason}: {verdict.detail}")
    return time.perf_counter() - began, processor_s() - used


async def measure(task: Task, suite: Suite, runs: int) -> dict[str, Any]:
    """Return medians of both, in turns, and whether the target is met."""
    await bare(task, suite)  # the first one reads everything from disk
    pairs = [(await bare(task, suite), await ours(task)) for _ in range(runs)]
    found: dict[str, Any] = {"id": task.id, "runs": runs, "rounds": task.grader.data["rounds"]}
    for number, name in enumerate(("wall", "cpu")):
        base, mine = (statistics.median(pair[who][number] for pair in pairs) for who in (0, 1))
        ratios = [pair[1][number] / pair[0][number] for pair in pairs]
        found |= {f"bare_{name}_s": round(base, 3), f"ours_{name}_s": round(mine, 3)}
        found |= {f"{name}_ratio": round(statistics.median(ratios), 3), f"{name}_ok": mine <= 1.1 * base + 0.5}
    return found


def with_rounds(task: Task, rounds: int) -> Task:
    """Return the task with another number of rounds, 0 for its own."""
    data = {**task.grader.data, **({"rounds": rounds} if rounds else {})}
    return task.model_copy(update={"grader": GraderSpec(kind=task.grader.kind, data=data)})


def line(found: Mapping[str, Any]) -> str:
    """Return one line of the table."""
    wall, cpu = ("yes" if found[f"{name}_ok"] else "no" for name in ("wall", "cpu"))
    rounds = f"{found['rounds']:2} rounds"
    return (
        f"{found['id']:32} {rounds} wall {found['bare_wall_s']:6.2f} -> {found['ours_wall_s']:6.2f} s "
        f"{wall:3}   cpu {found['bare_cpu_s']:6.2f} -> {found['ours_cpu_s']:6.2f} s {cpu}"
    )


async def main() -> None:
    """Measure each instance that can be made and say so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", help="as for `assay tasks check`, such as swebench:dev.jsonl")
    parser.add_argument("--mirrors", default="")
    parser.add_argument("--instances", default="")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    options = {key: value for key, value in (("mirrors", args.mirrors), ("instances", args.instances)) if value}
    there = await asyncio.to_thread(chosen, args.tasks, options=options)
    if not args.json:
        print(describe())
    found = []
    for task in there.tasks:
        prepared = with_rounds(await prepare(task), args.rounds)
        suite = suite_of(prepared)
        found.append(await measure(prepared, suite, args.runs))
        print(json.dumps(found[-1]) if args.json else line(found[-1]), flush=True)
    for name, why in there.broken:
        print(json.dumps({"id": name, "broken": why}) if args.json else f"{name}: {why}")
    met = {name: sum(each[f"{name}_ok"] for each in found) for name in ("wall", "cpu")}
    total = {"instances": len(found), "wall_ok": met["wall"], "cpu_ok": met["cpu"]}
    print(
        json.dumps(total) if args.json else f"within 10 % + 0.5 s: wall {met['wall']}, cpu {met['cpu']} of {len(found)}"
    )


if __name__ == "__main__":
    asyncio.run(main())
