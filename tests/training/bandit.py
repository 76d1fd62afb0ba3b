"""A task of one turn with a right and a wrong answer, and a tiny model that says either about as often."""

from pathlib import Path

import torch

from assay.agents.shell import SENTINEL
from assay.grading.values import encode
from assay.models.weights import new_model, use_one_thread
from assay.nouns import GraderSpec, Limits, Message, Role, Task
from assay.training.examples import Example
from assay.training.forward import target_logprobs
from assay.training.packing import pack
from tests.conftest import ARCHITECTURE

RIGHT, WRONG = (f"```bash\nsed -i s/0/{digit}/ mod.py; echo {SENTINEL}\n```" for digit in (1, 2))


def bandit(number: int) -> Task:
    """A module that answers 0 and should answer 1."""
    cases = [{"id": f"c{n}", "args": encode(()), "expected": encode(value)} for n, value in enumerate([1, 7])]
    data = {"path": "mod.py", "entry": "f", "cases": cases[:1], "canaries": cases[1:], "tolerance": 0.0}
    return Task(
        id=f"bandit/{number}",
        source="bandit",
        split="train",
        family="bandit",
        instruction=f"mill {number}",
        files={"mod.py": "def f():\n    return 0\n"},
        outputs=("mod.py",),
        gold={"mod.py": "def f():\n    return 1\n"},
        grader=GraderSpec(kind="functions", data={**data, "timeout_s": 5.0}),
        limits=Limits(steps=1, wall_s=30.0, command_s=5.0, memory_mb=256),
    )


def undecided(chat, tasks: list[Task], directory: Path, *, right: int = 1, wrong: int = 1, steps: int = 60) -> Path:
    """Save a model that was shown `right` right answers to `wrong` wrong ones for every task; return where."""
    use_one_thread(0)
    model = new_model(ARCHITECTURE, 0)
    examples = []
    for task in tasks:
        for text in [RIGHT] * right + [WRONG] * wrong:
            said = Message(role=Role.ASSISTANT, content=text)
            ids, in_loss = chat.render([Message(role=Role.USER, content=task.instruction), said])
            examples.append(Example(tuple(ids), tuple(in_loss)))
    (row,) = pack(examples, 100_000)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        (-target_logprobs(model, row).mean()).backward()
        optimizer.step()
    model.save_pretrained(directory)
    chat.save(directory)
    return directory
