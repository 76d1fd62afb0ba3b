"""The teacher: a scripted expert that knows the seeded bug, but acts only through the shell agent's interface.

It looks, edits, runs the test and submits. In a stated share of its trajectories it first makes a wrong edit,
sees the test fail and recovers, so that recovery is in the data.
"""

import random
from collections.abc import Sequence

from assay.agents.shell import SENTINEL
from assay.nouns import Finish, Message, Reply, Role, Task


class Teacher:
    """A Model for one task. Needs the task's metadata: `line`, `after`, and `wrong` lines."""

    name = "teacher"

    def __init__(self, task: Task, wrong_share: float) -> None:
        """`wrong_share` in [0, 1] is the share of trajectories that first go wrong."""
        self.task = task
        self.wrong_share = wrong_share

    async def reply(self, conversation: Sequence[Message], *, seed: int) -> Reply:
        """Say the next command, from what the conversation shows so far."""
        turns = [m for m in conversation if m.role is Role.ASSISTANT]
        line, after = self.task.metadata["line"], self.task.metadata["after"]
        wrong: list[str] = self.task.metadata.get("wrong", [])
        rng = random.Random(f"{seed}:{self.task.id}")
        errs = bool(wrong) and rng.random() < self.wrong_share
        first = rng.choice(wrong) if errs else after
        if not turns:
            command = "grep -n . mod.py"
        elif len(turns) == 1:
            command = f"{edit(line, first)} && python test_mod.py"
        elif len(turns) == 2 and errs:
            command = f"{edit(line, after)} && python test_mod.py"
        else:
            command = f"echo {SENTINEL}"
        return Reply(text=f"```bash\n{command}\n```", finish=Finish.STOP)


def edit(line: int, text: str) -> str:
    """Return the sed command that makes `text` the whole of line number `line` of mod.py (counted from 1)."""
    escaped = text.replace("\\", "\\\\").replace("'", "'\\''")
    return f"sed -i '{line}c\\{escaped}' mod.py"
