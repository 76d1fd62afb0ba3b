"""The samples of the grading benchmark: HumanEval's own solutions, and ones that a plausible slip makes wrong."""

import ast
import asyncio
import gzip
import json
import random
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

from assay.grading import grade
from assay.grading.functions import grader
from assay.grading.functions.draw import Recorded, draw
from assay.grading.functions.spec import parse_spec
from assay.nouns import Reason
from assay.tasks import humaneval
from assay.tasks.problems import Problem, load
from assay.tasks.records import Record

_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|[A-Za-z_]\w*|\d+|\*\*|//|[=!<>+\-*]=|\s+|.", re.DOTALL)
_SWAPS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "+", "//": "%",
    "%": "//", "and": "or", "or": "and", "min": "max", "max": "min", "True": "False", "False": "True", "+=": "-=",
    "not": "", "sorted": "list", "any": "all", "all": "any", "append": "remove", "lower": "upper", "upper": "lower",
}  # fmt: skip


def mutants(completion: str, rng: random.Random) -> list[str]:
    """Return every text that differs from `completion` in one token, as a slip would make it, in a random order."""
    tokens = _TOKEN.findall(completion)
    found = []
    for place, token in enumerate(tokens):
        changed = _SWAPS.get(token, str(int(token) + 1) if token.isdigit() else token)
        if changed != token:
            found.append("".join([*tokens[:place], changed, *tokens[place + 1 :]]))
    rng.shuffle(found)
    return found


def records(path: Path) -> list[dict[str, str]]:
    """Return the problems of a file as they lie there."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def known(path: Path) -> dict[str, Problem]:
    """Return the problems of a file that can be graded, by their names."""
    return {name: problem for name, problem in load(path).items() if problem is not None}


async def samples(path: Path, each: int) -> list[dict[str, str]]:
    """Return `each` samples of every problem: by turns right and wrong, the same ones every time.

    A wrong one that does not end within the time limit on every input is left out: it would cost a grader its whole
    time limit, or nothing where a wrong answer happens to come first, which says nothing about the grader.
    """
    problems = known(path)

    async def of(record: dict[str, str]) -> list[dict[str, str]]:
        name, gold = record["task_id"], record["canonical_solution"]
        wrong: list[str] = []
        for text in mutants(gold, random.Random(name)):
            if len(wrong) == each // 2:
                break
            if _compiles(record["prompt"] + text):
                outputs = {problems[name].task.outputs[0]: record["prompt"] + text}
                if (await grade(problems[name].task, outputs)).reason is not Reason.TIMEOUT:
                    wrong.append(text)
        texts = [wrong[n // 2 % len(wrong)] if n % 2 and wrong else gold for n in range(each)]
        return [{"task_id": name, "completion": text} for text in texts]

    with patch.object(grader, "Listener", lambda plan, nonce: None):  # so that every input is asked
        found = await asyncio.gather(*(of(record) for record in records(path)))
    return [sample for group in found for sample in group]


async def with_inputs(path: Path) -> list[dict[str, Any]]:
    """Return the problems as evalplus wants them, their base inputs taken from HumanEval's own tests.

    evalplus fetches such a file from the network. It computes expected values by itself, and needs no extra inputs.
    """
    found = []
    for record in records(path):
        task = humaneval.task(Record(record, str(path)))
        drawn = await draw(task, parse_spec(task))
        if isinstance(drawn, Recorded):
            inputs = [list(ast.literal_eval(call)[0]) for call in drawn.calls]
        else:
            inputs = [list(case.given) for case in drawn.cases if not case.canary and isinstance(case.given, list)]
        found.append({**record, "base_input": inputs, "plus_input": [], "contract": "", "atol": 0})
    return found


def _compiles(text: str) -> bool:
    try:
        compile(text, "sample", "exec")
    except (SyntaxError, ValueError):
        return False
    return True
