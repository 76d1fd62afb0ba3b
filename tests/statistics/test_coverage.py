"""Every interval and test of `assay.statistics` holds what it promises in simulated worlds, and the check can fail."""

import ast
from pathlib import Path

import pytest

import assay.statistics
from benchmarks.coverage import counted, draws, table
from benchmarks.coverage_cases import Counts, cases

EVERY = {f"{case.name}, {case.setting}": case for case in cases()}
NARROW, LOOSE = 0.1, 0.3  # an interval a tenth as wide, for some cover 99 %; a test at 30 % in place of 5 %
# Ranks are whole numbers, and a ceiling that is far has an interval without an upper end.
WITHOUT_ENDS = ("rank_intervals", "up to 10% of", "up to 35% of")
# What makes no interval and no test: numbers of a sample or a curve as they are, and what others are made of.
NONE = {"at", "decide", "detectable", "elo", "error", "family_weights", "guessed", "holm", "impute_by_arm", "inside"}
NONE |= {"as_scores", "cells", "clustered_variance", "freedom", "bootstrap", "stretched", "percentiles", "nothing"}
NONE |= {"spread_of", "fit_items", "abilities"}


@pytest.mark.parametrize("name", EVERY)
def test_a_few_draws_hold_and_a_broken_interval_would_not(name):
    case = EVERY[name]
    drawn = draws(case, max(20, case.repeats // 8))
    found = counted(case, drawn)
    assert found.holds(4.0), found
    if case.counts is Counts.COVERS and not any(word in name for word in WITHOUT_ENDS):
        assert not counted(case, drawn, squeeze=NARROW).holds(), "this simulation does not see a broken interval"
    if case.counts is Counts.REJECTS:
        assert not counted(case, drawn, level=LOOSE).holds(), "this simulation does not see a broken test"


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_the_promised_band(name):
    case = EVERY[name]
    assert counted(case, draws(case, case.repeats, seed=1)).holds()


def test_whatever_makes_an_interval_or_a_test_has_a_simulation():
    simulated = {case.name.rsplit(".", 1)[-1] for case in EVERY.values()}
    public = set()
    for path in Path(assay.statistics.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                public.add(node.name)
    assert public - NONE - simulated == set()


def test_the_documentation_has_every_case():
    text = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()
    for case in EVERY.values():
        assert f"| `{case.name}` | " in text
        assert f"{case.setting} | " in text, case.setting
    case = EVERY["wilson, 40 trials, rate 2 %"]
    assert "| `wilson` | 40 trials, rate 2 % | 30 |" in table([counted(case, draws(case, 30))])
