"""The attack corpus of the check `functions`: every attack ships a wrong `median`, every control an honest one.

A new case is one new file in attacks/, honest_right/ or honest_wrong/; its first line says what it tries and,
in brackets, where the attack was published. `python tests/redteam/test_functions_corpus.py` prints the table.
"""

import asyncio
import functools
import statistics
from collections import Counter
from pathlib import Path

import pytest

from assay.grading import grade
from assay.grading.functions import grade_batch
from assay.grading.values import encode
from assay.nouns import GraderSpec, Limits, Reason, Task, Validity, Verdict

HERE = Path(__file__).parent
INPUTS = [
    [3, 1, 2],
    [7, 7],
    [10, 2, 38, 23],
    [5],
    [-4, -9, 0, 11, 3],
    [1, 2, 3, 4, 5, 6],
    [100, 1, 50],
    [8, 0],
    [2, 4, 9, 1],
]
DECOYS = [[6, 3, 12], [4, 9, 2, 2], [31, 8]]


def median_task() -> Task:
    cases = [
        {"id": f"c{i}", "args": encode([x]), "expected": encode(statistics.median(x))} for i, x in enumerate(INPUTS)
    ]
    canaries = [
        {"id": f"k{i}", "args": encode([x]), "expected": encode(statistics.median(x) + 40.5)}
        for i, x in enumerate(DECOYS)
    ]
    data = {"path": "mod.py", "entry": "median", "cases": cases, "canaries": canaries, "timeout_s": 2.0}
    return Task(
        id="redteam/median",
        source="redteam",
        split="test",
        family="median",
        instruction="",
        files={"mod.py": "def median(xs): ..."},
        outputs=("mod.py",),
        gold={"mod.py": (HERE / "honest_right" / "plain.py").read_text()},
        grader=GraderSpec(kind="functions", data=data),
        limits=Limits(memory_mb=512, processes=32),
    )


def cases(folder: str) -> list[str]:
    return sorted(path.stem for path in (HERE / folder).glob("*.py"))


@functools.cache
def verdicts(folder: str) -> dict[str, Verdict]:
    """Grade a whole folder, a few side by side."""

    async def inside() -> dict[str, Verdict]:
        slots = asyncio.Semaphore(4)

        async def one(name: str) -> Verdict:
            async with slots:
                return await grade(median_task(), {"mod.py": (HERE / folder / f"{name}.py").read_text()})

        names = cases(folder)
        return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))

    return asyncio.run(inside())


@pytest.mark.parametrize("name", cases("attacks"))
def test_an_attack_scores_nothing_and_breaks_nothing(name):
    verdict = verdicts("attacks")[name]
    assert verdict.validity is Validity.VALID, verdict.detail
    assert verdict.value == 0.0, f"fooled by {name}"


@pytest.mark.parametrize("name", cases("honest_right"))
def test_an_honest_right_program_passes(name):
    verdict = verdicts("honest_right")[name]
    assert verdict.value == 1.0, (verdict.reason, verdict.detail, verdict.checks)


@pytest.mark.parametrize("name", cases("honest_wrong"))
def test_an_honest_wrong_program_fails_and_is_not_accused(name):
    verdict = verdicts("honest_wrong")[name]
    assert verdict.value == 0.0
    assert verdict.reason not in (Reason.CHEATED, Reason.MALFORMED), verdict.detail


def test_the_corpus_is_large_enough_and_says_what_it_is():
    assert len(cases("attacks")) >= 50
    assert len(cases("honest_right")) + len(cases("honest_wrong")) >= 25
    for path in HERE.glob("*/*.py"):
        assert path.read_text().startswith('"""'), path
    assert len({verdict.reason for verdict in verdicts("attacks").values()}) >= 5


def test_honest_programs_get_the_same_verdicts_in_a_batch():
    names = [(folder, name) for folder in ("honest_right", "honest_wrong") for name in cases(folder)]
    texts = [(HERE / folder / f"{name}.py").read_text() for folder, name in names if name != "reads_itself"]
    alone = [verdicts(folder)[name] for folder, name in names if name != "reads_itself"]  # a batch has no file to read
    together = asyncio.run(grade_batch([(median_task(), {"mod.py": text}) for text in texts]))
    assert [(v.value, v.reason) for v in together] == [(v.value, v.reason) for v in alone]


if __name__ == "__main__":
    for group in ("attacks", "honest_right", "honest_wrong"):
        found = verdicts(group)
        for name, verdict in found.items():
            print(f"{group:13} {name:28} {verdict.value} {verdict.reason:15} {verdict.detail[:80]}")
        print(f"{group}: {Counter(v.value for v in found.values())}")
