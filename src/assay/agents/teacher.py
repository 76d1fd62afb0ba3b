"""The teacher: a scripted expert that knows the seeded bug, but acts only through the shell agent's interface.

It looks, edits, runs the test and submits. In a stated share of its trajectories it first makes a wrong edit,
sees the test fail and recovers, so that recovery is in the data.
"""

import random
import re
from collections.abc import Sequence

from assay.agents.shell import SENTINEL
from assay.nouns import Finish, Message, Reply, Role, Task

_TOKENS = re.compile(r"\w+|\s+|<=|>=|==|!=|//|\*\*|[-+*/%]=|.")


class Teacher:
    """A Model for one task. Needs the task's metadata: `line`, `before`, `after`, and `wrong` lines."""

    name = "teacher"

    def __init__(self, task: Task, wrong_share: float) -> None:
        """`wrong_share` in [0, 1] is the share of trajectories that first go wrong."""
        self.task = task
        self.wrong_share = wrong_share

    async def reply(self, conversation: Sequence[Message], *, seed: int) -> Reply:
        """Say the next command, from what the conversation shows so far."""
        turns = [m for m in conversation if m.role is Role.ASSISTANT]
        line, before, after = (self.task.metadata[name] for name in ("line", "before", "after"))
        wrong: list[str] = self.task.metadata.get("wrong", [])
        rng = random.Random(f"{seed}:{self.task.id}")
        errs = bool(wrong) and rng.random() < self.wrong_share
        detour = rng.choice(wrong) if errs else before
        if not turns:
            command = "grep -n . mod.py"
        elif len(turns) == 1:
            command = f"{edit(line, before, detour if errs else after)} && python test_mod.py"
        elif len(turns) == 2 and errs:
            command = f"{edit(line, detour, after)} && python test_mod.py"
        else:
            command = f"echo {SENTINEL}"
        return Reply(text=f"```bash\n{command}\n```", finish=Finish.STOP)


def edit(line: int, before: str, after: str) -> str:
    """Return the sed command that turns line number `line` from `before` into `after` by a smallest change.

    Raises ValueError when the lines are equal.
    """
    if before == after:
        raise ValueError("the lines are equal")
    old_tokens, new_tokens = _TOKENS.findall(before), _TOKENS.findall(after)
    shorter = min(len(old_tokens), len(new_tokens))
    start = 0
    while start < shorter and old_tokens[start] == new_tokens[start]:
        start += 1
    end = 0
    while end < shorter - start and old_tokens[-1 - end] == new_tokens[-1 - end]:
        end += 1
    # widen until the old text is not empty and its first occurrence in the line is the one that is meant
    while True:
        old = "".join(old_tokens[start : len(old_tokens) - end])
        if old.strip() and before.find(old) == len("".join(old_tokens[:start])):
            break
        if end and (not start or old_tokens[start - 1].isspace() or not old.strip()):
            end -= 1
        elif start:
            start -= 1
        else:
            end -= 1
    new = "".join(new_tokens[start : len(new_tokens) - end])
    bar = "|" if "/" in old + new else "/"
    pattern = re.sub(r"([\\.*\[\]^$" + re.escape(bar) + r"])", r"\\\1", old)
    replacement = re.sub(r"([\\&" + re.escape(bar) + r"])", r"\\\1", new)
    script = f"{line}s{bar}{pattern}{bar}{replacement}{bar}".replace("'", "'\\''")
    return f"sed -i '{script}' mod.py"
