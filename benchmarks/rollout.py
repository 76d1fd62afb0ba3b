"""What rollouts cost: CPU of an agent's turn beside its command, against peers; and how fast turns are sampled.

Run as root: python benchmarks/rollout.py [--json] [--rollouts 30] [--turns 10] [--peers FOLDER]
The peers live in a virtual environment of their own; without it, the command that makes it is printed.

A rollout is a whole attempt with a scripted model: sandbox, agent, so many commands `true` and a submission, the
record in the ledger; there is nothing to grade. CPU is that of this process and of all it started, as its control
group counts it, so it can be trusted on a loaded machine. What a command itself costs is measured in the same run, by
turns: bwrap with the same namespaces and mounts, started with posix_spawn and nothing of ours around it. The second
half samples from a small model; `benchmarks/rollout_decode.py` says how.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assay.agents import ShellAgent
from assay.agents.shell import SENTINEL
from assay.errors import UserError
from assay.ledger import Ledger
from assay.models.scripted import ScriptedModel
from assay.nouns import Attempt, GraderSpec, Limits, PlannedAttempt, Status, Task, Trajectory
from assay.rollout.attempts import attempt
from assay.sandbox import describe, open_sandbox, probe
from benchmarks.grading_meter import Meter
from benchmarks.rollout_peers import PEERS, Peer

_PEERS = Path.home() / ".cache" / "assay-bench" / "rollout-peers"
_COMMAND = "true"
_HEAVY = {"verifiers 0.4.0": 10}  # takes so many times fewer rollouts: each takes seconds


def task() -> Task:
    """Return a task of two files whose grader is never asked: nothing is changed."""
    return Task(
        id="idle",
        source="own",
        split="test",
        family="idle",
        instruction="Do nothing ten times.",
        files={"mod.py": "def one():\n    return 1\n", "test_mod.py": "import mod\n\nassert mod.one() == 1\n"},
        outputs=("mod.py",),
        gold={},
        grader=GraderSpec(
            kind="tests", data={"runner": "unittest", "fail_to_pass": ["t"], "pass_to_pass": [], "files": {}}
        ),
        limits=Limits(steps=1000),
    )


class Ours:
    """Our own rollouts, one after another, each recorded."""

    def __init__(self, ledger: Ledger, turns: int) -> None:
        texts = [f"```bash\n{command}\n```" for command in [*[_COMMAND] * turns, f"echo {SENTINEL}"]]
        self.task = task()
        self.model = ScriptedModel(texts)
        self.ledger = ledger
        self.turns = turns + 1
        self.done = 0
        ledger.add_tasks([self.task])

    async def rollouts(self, count: int) -> None:
        """Run so many, and see that each ran every command."""
        for _ in range(count):
            plan = PlannedAttempt(arm="bench", seed=0, dose=0, task_id=self.task.id, split="test", trial=self.done)
            self.ledger.plan([plan])
            ended = await attempt(plan, self.task, ShellAgent(), self.model)
            self._check(*ended)
            self.ledger.record(*ended)
            self.done += 1

    def _check(self, ended: Attempt, trajectory: Trajectory) -> None:
        if ended.status is not Status.EMPTY or [step.returncode for step in trajectory.steps] != [0] * self.turns:
            raise RuntimeError(f"a rollout ended as {ended.status} after {ended.steps} steps: {ended.detail}")


def spawned(words: Sequence[str], count: int) -> None:
    """Run a command so many times, with as little of ours as can be."""
    null = os.open(os.devnull, os.O_RDWR)
    quiet = [(os.POSIX_SPAWN_DUP2, null, descriptor) for descriptor in (0, 1, 2)]
    for _ in range(count):
        child = os.posix_spawn(words[0], list(words), {}, file_actions=quiet)
        if os.waitpid(child, 0)[1]:
            raise RuntimeError(f"{words[0]} failed")
    os.close(null)


async def turns_cost(meter: Meter, ours: Ours, rollouts: int) -> dict[str, float]:
    """Return CPU milliseconds of one turn: ours with its command, bare bwrap with the same command, and with `true`."""
    async with open_sandbox({}) as sandbox:
        bwrap = [probe.bubblewrap().path, *sandbox._options, "--setenv", "PATH", "/usr/bin:/bin", "--"]
        kinds = {
            "bwrap_same_command": [*bwrap, "/bin/bash", "-c", _COMMAND],
            "bwrap_true": [*bwrap, "/usr/bin/true"],
            "bwrap_true_one_mount": [probe.bubblewrap().path, "--ro-bind", "/", "/", "/usr/bin/true"],
            "no_sandbox_same_command": ["/bin/bash", "-c", _COMMAND],
        }
        used = dict.fromkeys(["ours", *kinds], 0.0)
        await ours.rollouts(2)
        for words in kinds.values():
            spawned(words, 5)
        for _ in range(rollouts):
            began = meter.cpu_s()
            await ours.rollouts(1)
            used["ours"] += meter.cpu_s() - began
            for name, words in kinds.items():
                began = meter.cpu_s()
                spawned(words, ours.turns)
                used[name] += meter.cpu_s() - began
    return {name: 1000 * seconds / (rollouts * ours.turns) for name, seconds in used.items()}


def peers_cost(meter: Meter, folder: Path, rollouts: int, turns: int) -> dict[str, float]:
    """Return CPU milliseconds of one turn of each peer, its command included."""
    found = {}
    for name in PEERS:
        count = max(1, rollouts // _HEAVY.get(name, 1))
        with Peer(folder, name, turns) as peer:
            began = meter.cpu_s()
            peer.rollouts(count)
            found[name] = 1000 * (meter.cpu_s() - began) / (count * (turns + 1))
    return found


async def ours_cost(meter: Meter, rollouts: int, turns: int) -> dict[str, float]:
    """Return `turns_cost` with a ledger that is thrown away."""
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        return await turns_cost(meter, Ours(ledger, turns), rollouts)


def main() -> None:
    """Measure and print a table; with --json, one object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rollouts", type=int, default=30)
    parser.add_argument("--turns", type=int, default=10, help="commands of a rollout, before it submits")
    parser.add_argument("--peers", type=Path, default=_PEERS, help="the virtual environment of the peers")
    parser.add_argument("--no-peers", action="store_true", help="leave Inspect AI and verifiers out")
    parser.add_argument("--no-decode", action="store_true", help="leave the sampling out")
    arguments = parser.parse_args()
    print(describe())
    meter = Meter()
    try:
        cost = asyncio.run(ours_cost(meter, arguments.rollouts, arguments.turns))
        peers = {}
        if not arguments.no_peers:
            peers = peers_cost(meter, arguments.peers, arguments.rollouts, arguments.turns)
    except UserError as error:
        sys.exit(str(error))
    finally:
        meter.close()
    beside = cost["ours"] - cost["bwrap_same_command"]
    print(f"CPU ms a turn, over {arguments.rollouts} rollouts of {arguments.turns + 1} turns")
    for name, milliseconds in {**cost, **peers}.items():
        print(f"  {name:24} {milliseconds:9.2f}   {milliseconds / cost['bwrap_true']:7.2f} times a bare bwrap true")
    print(f"ours beside the sandboxed command itself: {beside:.2f} ms")
    apart = {name: value - cost["no_sandbox_same_command"] for name, value in peers.items()}
    for name, milliseconds in apart.items():
        print(f"{name} beside the command, which it does not sandbox: {milliseconds:.2f} ms")
    figures: dict[str, float] = {
        "cpu_ms_per_turn": round(beside, 2),
        "turn_ratio_to_bwrap_true": round(cost["ours"] / cost["bwrap_true"], 2),
        **{f"{name.split()[0].lower()}_cpu_ms_per_turn": round(value, 2) for name, value in apart.items()},
    }
    if not arguments.no_decode:
        from benchmarks.rollout_decode import decode_figures

        figures |= decode_figures()
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
