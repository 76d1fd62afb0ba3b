"""What running on Ray costs beside bare Ray tasks, what the driver needs, and whether the ledger stays the same.

Run: python benchmarks/scale.py [--json] [--attempts 100000] [--turns 8] [--real 120] [--rounds 3] [--skip-demo]

On a cluster of nodes of fake resources on this machine, in this order:
1. `real` whole attempts (sandbox, agent, scripted model, grading), by turns through our executor into a ledger and as
   bare Ray tasks whose results are thrown away: the ratio of their rates, median over the rounds.
2. `attempts` simulated ones, which only hand back what an attempt of that size hands back: what the driver sustains,
   its peak memory, and by how much that grows over the last nine tenths of them.
3. The demo's experiment, made small, here and on the cluster: the same ledger or not.
"""

import argparse
import asyncio
import json
import logging
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from assay.agents.mini import MiniAgent, MiniConfig
from assay.executors import Job, Needs
from assay.executors.ray_cluster import RayExecutor
from assay.ledger import Ledger
from assay.models.chosen import OnThisMachine
from assay.models.scripted import ScriptedModel
from assay.nouns import Attempt, Exit, Finish, Message, PlannedAttempt, Reply, Role, Status, Step, Task, Trajectory
from assay.rollout.elsewhere import solve_on
from assay.rollout.planned import jobs_for, record_all
from assay.rollout.solving import solve
from assay.tasks import source
from tests.executors.ray_nodes import three_nodes

_ROOT = Path(__file__).resolve().parents[1]
_SUBMIT = "```mswea_bash_command\necho COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT\n```"
_EDIT = "```mswea_bash_command\necho '# looked at' >> mod.py && cat mod.py\n```"
_AHEAD = 4  # bare tasks in flight for each core, as many as ours
_TOGETHER = 50  # simulated attempts in one job


def script(folder: Path) -> Path:
    """Write what the scripted model says: one edit, one submission."""
    path = folder / "script.json"
    path.write_text(json.dumps([_EDIT, _SUBMIT]))
    return path


def planned_for(tasks: list[Task], count: int) -> Iterator[PlannedAttempt]:
    """Yield so many planned attempts, the tasks in turn."""
    for number in range(count):
        task = tasks[number % len(tasks)]
        yield PlannedAttempt(
            arm="script", seed=0, dose=0, task_id=task.id, split=task.split, trial=number // len(tasks)
        )


async def ours(folder: Path, tasks: list[Task], count: int) -> float:
    """Run whole attempts through our executor into a ledger; return attempts a second."""
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.add_tasks(tasks)
        ledger.plan(planned_for(tasks, count))
        async with RayExecutor() as executor:
            began = time.perf_counter()
            which = OnThisMachine("scripted", script(folder))
            await solve_on(executor, ledger.waiting(), {task.id: task for task in tasks}, which, MiniConfig(), ledger)
            seconds = time.perf_counter() - began
        assert len(ledger.finished()) == count
    return count / seconds


def _bare(planned: PlannedAttempt, task: Task) -> tuple[Attempt, Trajectory]:
    """Do what our job does, as a user of Ray alone would write it."""

    async def work() -> tuple[Attempt, Trajectory]:
        model = ScriptedModel([_EDIT, _SUBMIT], "script")
        return await solve(planned, task, MiniAgent(MiniConfig()), model, nullcontext)

    return asyncio.run(work())


def bare(tasks: list[Task], count: int, cores: int) -> float:
    """Run the same attempts as Ray tasks, a bounded number in flight, and drop what they return; return the rate."""
    import ray

    by_id = {task.id: task for task in tasks}
    remote = ray.remote(num_cpus=1, max_retries=3)(_bare)
    began = time.perf_counter()
    flying: list[Any] = []
    for planned in planned_for(tasks, count):
        if len(flying) >= _AHEAD * cores:
            done, flying = ray.wait(flying, num_returns=1)
            ray.get(done)
        flying.append(remote.remote(planned, by_id[planned.task_id]))
    ray.get(flying)
    return count / (time.perf_counter() - began)


async def handed_back(pairs: list[tuple[PlannedAttempt, str]], turns: int) -> AsyncIterator[tuple[Attempt, Trajectory]]:
    """Yield attempts as large as real ones, made up on the spot; a turn has 980 characters."""
    for planned, text in pairs:
        prompt = (Message(role=Role.SYSTEM, content=text[:900]), Message(role=Role.USER, content=text[:1200]))
        steps = tuple(
            Step(
                reply=Reply(text=text[n : n + 300], finish=Finish.STOP),
                command=text[:80],
                observation=text[n : n + 600],
                returncode=0,
            )
            for n in (turn * 307 % 3300 for turn in range(turns))
        )
        trajectory = Trajectory(
            task_id=planned.task_id, agent="mini", model="script", prompt=prompt, steps=steps, exit=Exit.STEP_LIMIT
        )
        yield Attempt(plan=planned, status=Status.LIMIT, steps=len(steps), wall_s=0.1), trajectory


def rss_mb() -> float:
    """Memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def bytes_of(folder: Path, name: str) -> int:
    """The bytes of a ledger's files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and name in str(file))


async def simulated(folder: Path, count: int, turns: int) -> dict[str, float]:
    """Plan and hand back so many made-up attempts; return the rate and the driver's memory."""
    words = " ".join(f"{n * 7919 % 10007:x}" for n in range(900))
    task = Task.model_validate_json(source("drills").load("train", 1, 0, templates=1)[0].model_dump_json())
    with Ledger(folder / "many.sqlite") as ledger:
        ledger.add_tasks([task])
        ledger.plan(planned_for([task], count))
        seen: list[float] = []

        def done(attempt: Attempt, trajectory: Trajectory | None) -> None:
            seen.append(rss_mb()) if (attempt.plan.trial % max(1, count // 200)) == 0 else None

        async with RayExecutor() as executor:
            began, cpu = time.perf_counter(), time.process_time()
            jobs = jobs_for(
                ledger.waiting(),
                lambda some: Job(handed_back, ([(each, words) for each in some], turns), needs=Needs(cpus=1.0)),
                each=_TOGETHER,
            )
            await record_all(executor, jobs, ledger, done=done)
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        assert len(ledger.finished()) == count
        size = bytes_of(folder, "many")
    tenth = max(1, len(seen) // 10)
    return {
        "attempts_per_s": round(count / seconds, 1),
        "driver_cpu_ms_an_attempt": round(1000 * cpu / count, 3),
        "driver_rss_mb": round(max(seen), 1),
        "driver_growth_mb": round(statistics.median(seen[-tenth:]) - statistics.median(seen[tenth : 2 * tenth]), 1),
        "ledger_bytes_an_attempt": round(size / count),
    }


_SMALL = """
name = "scale"
question = "Is the ledger the same here and on a cluster?"
compare = [["modern", "vintage"]]
margin = 0.05
[[arms]]
name = "vintage"
base = "{checkpoints}/vintage"
[[arms]]
name = "modern"
base = "{checkpoints}/modern"
[tasks]
train = "drills:train"
seed = 1930
[tasks.evaluation]
seen = "drills:seen"
unseen = "drills:unseen"
seeded = "seeded:test"
[tasks.options]
train = {{ templates = 48 }}
seen = {{ templates = 48 }}
unseen = {{ templates = 16 }}
[teacher]
wrong_share = 0.2
[training]
batch = 8
[sampling]
temperature = 0.7
max_new_tokens = 48
[scale.1]
seeds = [0]
trajectories = 160
teacher_tasks = 200
doses = [80, 160]
evaluation = {{ seen = 20, unseen = 10, seeded = 10 }}
"""


def same_ledger(folder: Path, address: str) -> bool:
    """Run the demo's experiment, made small, here and on the cluster; return whether the ledgers agree to the byte."""
    file = folder / "small.toml"
    file.write_text(_SMALL.format(checkpoints=_ROOT / "checkpoints"))
    prints = []
    for name, word in (("here", "local"), ("there", f"ray:{address}")):
        command = [sys.executable, "-m", "assay", "run", str(file), "--out", str(folder / name), "--executor", word]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
        with Ledger(folder / name / "ledger.sqlite") as ledger:
            prints.append(ledger.sha256())
    return prints[0] == prints[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=8, help="Of a simulated attempt, 980 characters each.")
    parser.add_argument("--real", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip-demo", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    import ray

    folder = Path(tempfile.mkdtemp(prefix="assay-scale-"))
    try:
        with three_nodes(folder) as cluster:
            ray.init(address=cluster.address, namespace="assay", log_to_driver=False, logging_level=logging.ERROR)
            try:
                cores = int(ray.cluster_resources()["CPU"])
                tasks = source("drills").load("train", 20, 0, templates=20)
                bare(tasks, 2 * cores, cores)  # the workers start
                rates: list[tuple[float, float]] = []
                for number in range(asked.rounds):
                    place = folder / f"round-{number}"
                    place.mkdir()
                    first = asyncio.run(ours(place, tasks, asked.real)) if number % 2 == 0 else 0.0
                    peer = bare(tasks, asked.real, cores)
                    rates.append((first or asyncio.run(ours(place, tasks, asked.real)), peer))
                    print(f"round {number + 1}: {rates[-1][0]:.2f} attempts a second, bare {peer:.2f}", file=sys.stderr)
                many = asyncio.run(simulated(folder, asked.attempts, asked.turns))
            finally:
                ray.shutdown()
            same = None if asked.skip_demo else same_ledger(folder, cluster.address)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    result = {
        "attempts": asked.attempts,
        "real_attempts_per_s": round(statistics.median(first for first, _ in rates), 2),
        "bare_attempts_per_s": round(statistics.median(peer for _, peer in rates), 2),
        "ratio_to_bare_ray": round(statistics.median(first / peer for first, peer in rates), 3),
        **many,
        "same_ledger": same,
    }
    if asked.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name}: {value}" for name, value in result.items()))


if __name__ == "__main__":
    main()
