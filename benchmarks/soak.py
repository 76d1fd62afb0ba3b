"""The soak: 50,000 real attempts with a scripted model over an hour, and whether anything grows meanwhile.

Run: python benchmarks/soak.py [--attempts 50000] [--rate 14] [--every 60] [--out DIR] [--json]

Each attempt is whole: a sandbox, one command of the agent, the patch taken with git in a sandbox, the grader's run, the
row and the trajectory in the ledger. The model gives its replies at the rate that is asked for, evenly, so that what is
measured is a machine with room left, not a full one. Every `--every` seconds it looks at: memory of the driver, its
open files and threads, the processes below it, files for temporary use, mounts, control groups, the bytes that the
ledger took for each attempt, the driver's CPU time for each, and the latency of attempts (median and 99th percentile,
without the wait for their turn). Latency is the machine's too: where `machine_busy` rises with it, others were at work.

The rule: over the samples after the first sixth, the slope against time is estimated by Theil and Sen
(scipy.stats.theilslopes). A measure grows where the whole 95 % interval of the slope lies above zero and the estimated
rise over those samples is more than 5 % of their median (for counts: and at least 1). Anything else does not grow.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scipy.stats import theilslopes

from assay.agents.mini import MiniAgent, MiniConfig
from assay.agents.shell import SENTINEL
from assay.chaos import remains
from assay.ledger import Ledger
from assay.nouns import Attempt, Finish, Message, PlannedAttempt, Reply, Status, Task, Trajectory
from assay.rollout.attempts import seed_of
from assay.rollout.solving import solve_all
from assay.sandbox import describe
from assay.tasks.drills import load

_TASKS = 16
_WRONG = 4  # every fourth task is answered wrongly
_WARM = 1 / 6  # of the samples, which are left out of the fit
_RISE = 0.05
_COUNTS = {"files", "threads", "processes", "temporary", "mounts", "groups"}
_LEAST = 6  # samples for a fit


def script(number: int, task: Task) -> str:
    """Return the one reply for a task: write the file, right or as wrong as it was, and submit."""
    text = task.files["mod.py"] + "# as it was\n" if number % _WRONG == 3 else (task.gold or {})["mod.py"]
    return f"```mswea_bash_command\necho {SENTINEL}\ncat > mod.py <<'END'\n{text.rstrip()}\nEND\n```"


class Paced:
    """A scripted model that gives `rate` replies a second and no more, one after another.

    `waited` has the seconds that an attempt waited for its turn, by its seed.
    """

    name = "scripted"

    def __init__(self, tasks: Sequence[Task], rate: float) -> None:
        self._texts = {task.instruction: script(number, task) for number, task in enumerate(tasks)}
        self._apart = 1 / rate if rate else 0.0
        self._next = 0.0
        self.waited: dict[int, float] = {}

    async def reply(self, conversation: Sequence[Message], *, seed: int) -> Reply:
        """Say the task's text at its turn."""
        now = time.monotonic()
        self._next = max(now, self._next + self._apart)
        self.waited[seed] = self._next - now
        await asyncio.sleep(self._next - now)
        asked = conversation[1].content
        text = next(text for instruction, text in self._texts.items() if instruction in asked)
        return Reply(text=text, finish=Finish.STOP)


@dataclass
class Watch:
    """What is measured, a sample an interval, each a row of numbers by name."""

    ledger: Path
    place: Path
    samples: list[dict[str, float]] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _done: int = 0
    _size: int = 0
    _busy: tuple[int, int] = (0, 0)
    _cpu: float = 0.0

    def look(self) -> dict[str, float]:
        """Take one sample."""
        pid = os.getpid()
        size = sum(path.stat().st_size for path in self.ledger.parent.rglob("*") if path.is_file())
        self._done += len(self.latencies)
        latencies = sorted(self.latencies) or [0.0]
        busy = _busy()
        cpu = time.process_time()
        spent, past = (now - then for now, then in zip(busy, self._busy, strict=True))
        groups = sum(len(list(Path(name).glob("*/"))) for name in _groups(pid))
        sample = {
            "seconds": round(time.monotonic() - self._began, 1),
            "attempts": self._done,
            "memory_mb": round(_resident_mb(), 2),
            "files": len(os.listdir("/proc/self/fd")),
            "threads": len(os.listdir("/proc/self/task")),
            "processes": len(remains.below(pid)),
            "temporary": sum(1 for _ in self.place.rglob("*")),
            "mounts": len(Path("/proc/self/mountinfo").read_text().splitlines()),
            "groups": groups,
            "ledger_bytes_an_attempt": round((size - self._size) / max(1, len(self.latencies)), 1),
            "driver_cpu_ms_an_attempt": round(1000 * (cpu - self._cpu) / max(1, len(self.latencies)), 2),
            "latency_median_s": round(statistics.median(latencies), 4),
            "latency_p99_s": round(latencies[min(len(latencies) - 1, int(0.99 * len(latencies)))], 4),
            "machine_busy": round(spent / past, 3) if past else 0.0,
            "ledger_mb": round(size / 1e6, 2),
        }
        self._size, self._busy, self._cpu = size, busy, cpu
        self.latencies.clear()
        self.samples.append(sample)
        return sample


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _busy() -> tuple[int, int]:
    """Return the machine's ticks, those in use and all: idle and waiting for a disk are not in use."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _groups(pid: int) -> list[str]:
    return [said.removeprefix("the control group ") for said in remains.groups({pid})]


def verdicts(samples: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float | str]]:
    """Return for each measure its median, the rise over the samples that count, and whether it grows."""
    counted = samples[int(len(samples) * _WARM) :]
    if len(counted) < _LEAST:
        return {}
    at = [sample["seconds"] for sample in counted]
    found: dict[str, dict[str, float | str]] = {}
    for name in counted[0]:
        if name in ("seconds", "attempts", "machine_busy", "ledger_mb"):
            continue
        values = [sample[name] for sample in counted]
        slope, _, low, high = theilslopes(values, at)
        span, level = at[-1] - at[0], statistics.median(values)
        rise = float(slope) * span
        grows = low > 0 and rise > _RISE * level and (name not in _COUNTS or rise >= 1)
        found[name] = {
            "median": level,
            "rise": round(rise, 4),
            "low": round(float(low) * span, 4),
            "high": round(float(high) * span, 4),
            "verdict": "grows" if grows else "does not grow",
        }
    return found


def expected(task: Task, tasks: Sequence[Task]) -> Status:
    """Return how an attempt at a task ends."""
    return Status.FAILED if tasks.index(task) % _WRONG == 3 else Status.SOLVED


async def soak(
    count: int, rate: float, every: float, workers: int, folder: Path, place: Path, tell: bool
) -> tuple[Watch, Counter[str], float]:
    """Run so many attempts; return the samples, how many ended otherwise than they should, and the seconds."""
    tasks = load("train", _TASKS, 0)
    known = {task.id: task for task in tasks}
    wanted = {task.id: expected(task, tasks) for task in tasks}
    model = Paced(tasks, rate)
    watch = Watch(folder / "ledger.sqlite", place)
    wrong: Counter[str] = Counter()

    def plan() -> Iterator[PlannedAttempt]:
        for number in range(count):
            task = tasks[number % _TASKS]
            yield PlannedAttempt(arm="soak", seed=0, dose=0, task_id=task.id, split=task.split, trial=number // _TASKS)

    def done(attempt: Attempt, _: Trajectory | None) -> None:
        waited = model.waited.pop(seed_of(attempt.plan), 0.0)
        watch.latencies.append(max(0.0, attempt.wall_s - waited))
        if attempt.status is not wanted[attempt.plan.task_id]:
            wrong[f"{attempt.status.value}: {attempt.detail[:100]}"] += 1

    async def looking() -> None:
        while True:
            await asyncio.sleep(every)
            sample = watch.look()
            if tell:
                print(json.dumps(sample), file=sys.stderr, flush=True)

    with Ledger(watch.ledger) as ledger:
        ledger.add_tasks(tasks)
        ledger.plan(plan())
        watch.look()
        looker = asyncio.create_task(looking())
        began = time.monotonic()
        try:
            await solve_all(
                plan(), known, MiniAgent(MiniConfig()), model, ledger, workers=workers, gradings=workers, done=done
            )
        finally:
            looker.cancel()
        took = time.monotonic() - began
        watch.look()
    return watch, wrong, took


def main() -> None:
    """Run it and print a table; with --json, a sample a line on standard error and one object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=50_000)
    parser.add_argument("--rate", type=float, default=14.0, help="attempts a second, 0 for as many as go")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between samples")
    parser.add_argument("--workers", type=int, default=6, help="attempts at once, those that wait for a turn too")
    parser.add_argument("--out", type=Path, default=None, help="keep the ledger and the samples here")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="assay-soak-") as name:
        place = Path(name) / "tmp"
        place.mkdir()
        os.environ["TMPDIR"] = os.environ["ASSAY_TMP"] = tempfile.tempdir = str(place)
        folder = arguments.out or Path(name) / "run"
        folder.mkdir(parents=True, exist_ok=True)
        print(describe(), file=sys.stderr)
        watch, wrong, took = asyncio.run(
            soak(
                arguments.attempts,
                arguments.rate,
                arguments.every,
                arguments.workers,
                folder,
                place,
                arguments.json,
            )
        )
        found = verdicts(watch.samples)
        if arguments.out:
            (folder / "samples.json").write_text(json.dumps(watch.samples, indent=1))
    print(f"{arguments.attempts} attempts in {took:.0f} s, {arguments.attempts / took:.2f} a second")
    for name, about in found.items():
        print(
            f"  {name:26} median {about['median']:>10}  rise {about['rise']:>9} "
            f"({about['low']} to {about['high']})  {about['verdict']}"
        )
    for said, times in wrong.most_common(5):
        print(f"  {times} attempts ended otherwise than they should: {said}")
    busy = [sample["machine_busy"] for sample in watch.samples[1:]]  # the first has no past to compare with
    if arguments.json:
        total = {
            "attempts": arguments.attempts,
            "seconds": round(took, 1),
            "attempts_per_s": round(arguments.attempts / took, 2),
            "machine_busy": round(statistics.mean(busy), 3) if busy else None,
            "wrong": sum(wrong.values()),
            "grows": [name for name, about in found.items() if about["verdict"] == "grows"],
            "measures": found,
        }
        print(json.dumps(total))
    if wrong or any(about["verdict"] == "grows" for about in found.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
