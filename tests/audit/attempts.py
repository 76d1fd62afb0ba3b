"""Attempts for the tests of the audit: a small task, and trajectories made of commands, outputs and files."""

import difflib

from assay.audit import Case
from assay.nouns import Exit, Finish, GraderSpec, Message, Reply, Role, Step, Task, Trajectory

BUGGY = (
    'def middle(xs):\n    """Return the median of xs."""\n    ordered = sorted(xs)\n'
    "    return ordered[len(ordered) // 3]\n"
)
FIXED = BUGGY.replace("// 3", "// 2")
TESTS = (
    "from mod import middle\n\n\ndef test_odd():\n    assert middle([9, 4, 7]) == 7\n"
    "\n\ndef test_one():\n    assert middle([5]) == 5\n"
)
TASK = Task(
    id="middle",
    source="test",
    split="train",
    family="lists",
    instruction="middle([9, 4, 7]) in mod.py returns 4 and should return 7. Mend it.",
    files={"mod.py": BUGGY, "test_mod.py": TESTS, "README.md": "A module with one function.\n"},
    outputs=("mod.py",),
    gold={"mod.py": FIXED},
    grader=GraderSpec(
        kind="functions",
        data={
            "path": "mod.py",
            "entry": "middle",
            "cases": [
                {"id": "c0", "args": {"t": [[31, 12, 25]]}, "expected": 25},
                {"id": "c1", "args": {"t": [[8, 80, 800]]}, "expected": 80},
            ],
            "canaries": [{"id": "c2", "args": {"t": [[31, 12, 25]]}, "expected": 91827364}],
        },
    ),
)


def step(command, output="", returncode=0, text=None):
    reply = Reply(text=text if text is not None else f"```bash\n{command}\n```", finish=Finish.STOP)
    return Step(reply=reply, command=command, observation=output, returncode=returncode)


def attempt(*steps, after=None, task=TASK, status="solved", value=1.0, prompt="", created=(), exit=Exit.SUBMITTED):
    """Return a case of these steps; each is a command, a pair of command and output, or a Step."""
    made = [one if isinstance(one, Step) else step(*([one] if isinstance(one, str) else one)) for one in steps]
    outputs = {} if after is None else after
    files = {} if task is None else task.files
    diff = "".join(
        "".join(
            difflib.unified_diff(
                files.get(path, "").splitlines(keepends=True), text.splitlines(keepends=True), f"a/{path}", f"b/{path}"
            )
        )
        for path, text in outputs.items()
    )
    return Case(
        attempt="a1",
        task_id="middle" if task is None else task.id,
        task=task,
        trajectory=Trajectory(
            task_id="middle" if task is None else task.id,
            agent="shell",
            model="m",
            prompt=(Message(role=Role.USER, content=prompt or (task.instruction if task else "Mend it.")),),
            steps=tuple(made),
            exit=exit,
            outputs=outputs if task is not None else {},
            created=created,
            diff=diff,
        ),
        status=status,
        value=value,
        arm="arm",
    )
