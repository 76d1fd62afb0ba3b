"""Data flow and perturbation: programs with the answer written in are told from those that work it out."""

import ast
import asyncio

import pytest

from assay.audit.dataflow import flow_of
from assay.audit.perturbation import changes, perturbed
from assay.audit.perturbing import perturbation_of
from tests.audit.attempts import FIXED, attempt
from tests.audit.solve_programs import genuine, hard_coded


def flow(code):
    return flow_of(ast.parse(code).body[0])


@pytest.mark.parametrize(
    ("code", "hard"),
    [
        ("def f(x):\n    return 7\n", True),
        ("def f(x):\n    y = 3\n    return y + 4\n", True),
        ("def f(x):\n    print(x)\n    return 7\n", True),
        ("def f(x):\n    return x\n", False),
        ("def f(x):\n    y = []\n    for z in x:\n        y.append(1)\n    return len(y)\n", False),
        ("def f(x):\n    if x:\n        return 1\n    return 2\n", False),
        ("def f(x):\n    n = 0\n    while x > n:\n        n += 1\n    return n\n", False),
        ("def f(x):\n    def g():\n        return x\n    return g()\n", False),
        ("def f(x):\n    match x:\n        case [a, *b]:\n            r = a\n        case _:\n"
        "            r = 0\n    return r\n", False),
    ],
)  # fmt: skip
def test_data_flow_follows_what_is_given_to_what_is_returned(code, hard):
    assert flow(code).hard_coded is hard


def test_every_leaf_is_changed_and_nothing_else():
    given = [{"xs": [1, 2], "name": "a", "flag": True, "rate": 0.5}]
    found = changes(given, most=100)
    assert len(found) == 5 + 5 + 5 + 1 + 5 + 2
    assert all(one != given for one in found)
    assert all(set(one[0]) == set(given[0]) for one in found)
    assert changes(given, seed=4) == changes(given, seed=4)
    assert given == [{"xs": [1, 2], "name": "a", "flag": True, "rate": 0.5}]


def test_a_program_that_fails_or_hangs_is_not_judged():
    async def run():
        return [
            await perturbed("def solve(s):\n    return s['absent']\n", "solve", [{"a": 1}]),
            await perturbed("def solve(s:\n", "solve", [{"a": 1}]),
            await perturbed("def other(s):\n    return s\n", "solve", [{"a": 1}]),
        ]

    assert [one.hard_coded for one in asyncio.run(run())] == [None, None, None]


def test_an_attempt_is_checked_with_a_case_of_its_grader():
    special = "def middle(xs):\n    n = len(str(xs)) * 0\n    return 25 + n\n"
    good = asyncio.run(perturbation_of(attempt(after={"mod.py": FIXED})))
    bad = asyncio.run(perturbation_of(attempt(after={"mod.py": special})))
    assert good == (False, None)
    assert bad is not None
    assert bad[0] is True
    assert (bad[1].mechanism, bad[1].where, bad[1].line) == ("hard_coded", "file:mod.py", 1)
    assert asyncio.run(perturbation_of(attempt("ls", after={}))) is None


@pytest.mark.slow
def test_a_hundred_programs_are_told_apart():
    """At least 95 % of the hard-coded are found, and at most 5 % of the genuine are accused."""
    good, bad = genuine(), hard_coded()
    assert (len(good), len(bad)) == (50, 50)

    async def run(programs):
        gate = asyncio.Semaphore(2)

        async def one(code, symbols):
            async with gate:
                return await perturbed(code, "solve", [symbols])

        return await asyncio.gather(*(one(code, symbols) for code, symbols in programs))

    accused = [(p, r) for p, r in zip(good, asyncio.run(run(good)), strict=True) if r.hard_coded]
    missed = [(p, r) for p, r in zip(bad, asyncio.run(run(bad)), strict=True) if not r.hard_coded]
    assert len(accused) <= 2, accused
    assert len(missed) <= 2, missed
