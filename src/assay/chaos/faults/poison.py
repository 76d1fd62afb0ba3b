"""Poisoned tasks and agents: what hangs, prints for ever, or eats all memory, in the sandbox and in the grader."""

import random

from assay.chaos.answers import solvable
from assay.chaos.drive import Drive
from assay.chaos.endpoint import Wire
from assay.chaos.fault import Fault

_FAILED = frozenset({"failed"})


class _Poison(Fault):
    """The agent of one task that is right otherwise runs a bad command first, or submits a bad program."""

    commands: tuple[str, ...]
    programs: tuple[str, ...]

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Poison one open task."""
        answers = drive.endpoint.answers
        right = {answers.tasks[place].id for place in solvable(drive.tasks)}
        free = [each for each in drive.open[: max(1, len(drive.open) // 2)] if each not in answers.met]
        if not free:
            return
        task = draw.choice([each for each in free if each in right] or free)
        what = draw.choice([*self.commands, *self.programs])
        if what in self.commands:
            answers.before[task] = [what]
        else:
            answers.instead[task] = what
            drive.own[task] = _FAILED
        answers.met[task] = lambda: drive.note(self, f"{task} runs {what!r}")


class TaskHangs(_Poison):
    """What does not end."""

    name = "task-hangs"
    about = "a command, or a submitted program, that hangs, deaf to signals or in the background"
    commands = (
        "sleep 100000",
        "trap '' TERM INT HUP; while :; do :; done",
        "(setsid sleep 100000 &) ; sleep 100000",
        "python -c 'import os,time; os.fork(); os.fork(); time.sleep(100000)'",
    )
    programs = ("while True:\n    pass\n", "import time\n\ntime.sleep(100000)\n")


class AgentEndless(_Poison):
    """What prints without end."""

    name = "agent-endless"
    about = "a command, or a submitted program, that prints for ever"
    commands = ("yes", "cat /dev/zero", "yes >&2", "(yes & yes & yes)")
    programs = ('while True:\n    print("x" * 1000)\n',)


class OutOfMemory(_Poison):
    """What eats all memory that it gets."""

    name = "out-of-memory"
    about = "a command, or a submitted program, that takes all memory that its sandbox has"
    commands = (
        "python -c 'x = [bytearray(1 << 26) for _ in range(1000)]'",
        "for i in 1 2 3 4; do python -c 'x = [bytearray(1 << 24) for _ in range(1000)]' & done; wait",
        "head -c 2000000000 /dev/zero | tail",
    )
    programs = (
        "x = [bytearray(1 << 26) for _ in range(1000)]\n",
        "x = []\nwhile True:\n    x.append(bytes(1 << 20))\n",
    )


class ReplyEndless(Fault):
    """A model that does not stop."""

    name = "reply-endless"
    about = "a model whose streamed reply does not end"

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Stream one conversation's first reply for ever."""
        drive.words.append("--stream")

        def forever(wire: Wire, text: str) -> None:
            drive.note(self, "a reply without end")
            wire.stream("and so on ", forever=True)

        drive.endpoint.spoil(drive.early(draw), 1, forever, opening=True)
