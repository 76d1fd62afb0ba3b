"""What the model of a disturbed run says: a fixed text for each task and turn, right, wrong, empty or nonsense.

A conversation is known by its task's instruction, and its turn by what the assistant said before: an answer depends on
nothing else, so that a run that is broken off and restarted is told the same as one that is not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.agents.shell import SENTINEL
from assay.errors import MachineryError
from assay.nouns import Status, Task

STEPS = 6  # calls of the model that an attempt has: `Kind.LIMIT` uses them up
_FENCE = "mswea_bash_command"
_SUBMIT = f"echo {SENTINEL}"


def command(text: str) -> str:
    """Return the reply that runs a command."""
    return f"Next.\n\n```{_FENCE}\n{text}\n```"


def written(content: str) -> str:
    """Return the command that makes `content` the one file of a drill."""
    return f"cat > mod.py <<'END'\n{content.rstrip()}\nEND"


def _right(task: Task) -> list[str]:
    return ["cat mod.py", written((task.gold or {})["mod.py"]), _SUBMIT]


def _wrong(task: Task) -> list[str]:
    return ["cat mod.py", "echo '# as it was' >> mod.py", _SUBMIT]


def _empty(task: Task) -> list[str]:
    return ["cat mod.py", _SUBMIT]


def _limit(task: Task) -> list[str]:
    return ["cat mod.py"] * STEPS


_KINDS = (_right, _wrong, _right, _empty, _right, _limit, None)  # None: prose without a command


@dataclass
class Answers:
    """The replies for a set of tasks. `before` are commands that a task's agent runs first, `instead` its submission.

    Both are what a fault puts there: a command that hangs, a program that fills its memory.
    """

    tasks: Sequence[Task]
    before: dict[str, list[str]] = field(default_factory=dict)
    instead: dict[str, str] = field(default_factory=dict)
    met: dict[str, Callable[[], None]] = field(default_factory=dict)  # called when such a task is begun

    def __post_init__(self) -> None:
        if len({task.instruction for task in self.tasks}) != len(self.tasks):
            raise MachineryError("two tasks of the disturbed run have the same instruction: draw others")

    def clear(self) -> None:
        """Forget what faults put there."""
        self.before.clear()
        self.instead.clear()
        self.met.clear()

    def script(self, number: int) -> list[str]:
        """Return the replies for the task at `number`, a turn each."""
        task = self.tasks[number]
        if task.id in self.instead:
            commands = ["cat mod.py", written(self.instead[task.id]), _SUBMIT]  # the first may be lost to another fault
        elif (kind := _KINDS[number % len(_KINDS)]) is None:
            return ["I would rather talk about it."] * STEPS
        else:
            commands = kind(task)
        return [command(each) for each in [*self.before.get(task.id, ()), *commands]]

    def reply(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """Return what is said next in a conversation. Raises MachineryError for one that is of no task."""
        asked = str(messages[1]["content"]) if len(messages) > 1 else ""
        turn = sum(message["role"] == "assistant" for message in messages)
        for number, task in enumerate(self.tasks):
            if task.instruction in asked:
                script = self.script(number)
                if turn == 0 and task.id in self.met:
                    self.met[task.id]()
                return script[turn] if turn < len(script) else "There is nothing more to say."
        raise MachineryError("the disturbed run asked about a task that it does not have")


def solvable(count: int) -> list[int]:
    """Return the places of the tasks whose answer is right."""
    return [number for number in range(count) if _KINDS[number % len(_KINDS)] is _right]


SCORES = frozenset(status.value for status in Status if status is not Status.MACHINERY)
