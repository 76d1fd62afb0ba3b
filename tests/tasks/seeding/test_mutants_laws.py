"""Laws of every mutant, on real modules of the standard library: it parses, differs, and changes one function alone."""

import ast
import importlib
import inspect
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.tasks.seeding.bytecode import compiled, fingerprint
from assay.tasks.seeding.functions import functions, split
from assay.tasks.seeding.mutants import mutants, sites_of

MODULES = (
    "textwrap",
    "heapq",
    "bisect",
    "statistics",
    "fractions",
    "shlex",
    "difflib",
    "string",
    "queue",
    "csv",
    "cmd",
)


def module_text(name):
    path = inspect.getsourcefile(importlib.import_module(name))
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


TEXTS = {name: module_text(name) for name in MODULES}
FUNCTIONS = {name: functions(text) for name, text in TEXTS.items()}


def laws(text, function, mutant):
    """Assert what holds for every mutant of `function` in the module `text`."""
    whole = mutant.inside(text)
    tree = ast.parse(whole)
    # every byte outside the function's lines stays
    before, after = split(text), split(whole)
    head, tail = before[: function.first - 1], before[function.last :]
    assert after[: len(head)] == head
    assert after[len(after) - len(tail) :] == tail
    # it is a function of the same name at the same place, and the others are as they were
    again = functions(whole)
    assert [f.name for f in again] == [f.name for f in functions(text)]
    changed = [(old, new) for old, new in zip(functions(text), again, strict=True) if old.text != new.text]
    assert [old.first for old, _ in changed] == [function.first]
    # the bytecode differs
    assert fingerprint(compiled(function, mutant.text)) == mutant.bytecode != fingerprint(compiled(function))
    assert function.first <= mutant.first <= mutant.last <= function.last
    return tree


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(MODULES), st.integers(0, 10**6))
def test_every_mutant_keeps_the_laws(name, number):
    rng = random.Random(number)
    function = rng.choice(FUNCTIONS[name])
    sites = sites_of(function)
    for site in rng.sample(sites.all, min(4, len(sites.all))):
        mutant = sites.make(site)
        if mutant is not None:
            laws(TEXTS[name], function, mutant)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(MODULES), st.integers(0, 10**6))
def test_so_does_every_combination(name, number):
    rng = random.Random(number)
    function = rng.choice(FUNCTIONS[name])
    sites = sites_of(function)
    if len(sites.all) > 1 and (both := sites.combined(*rng.sample(sites.all, 2))) is not None:
        mutant = sites.make(both)
        if mutant is not None:
            laws(TEXTS[name], function, mutant)


@pytest.mark.parametrize("head", ["while(a):", "if(a):", "while (a):"])
def test_a_condition_without_a_space_before_it_is_changed_where_it_can_be(head):
    text = f"def f(a):\n    {head}\n        a -= 1\n    return(a)\n"
    (function,) = functions(text)
    made = mutants(function)
    assert len(made) > 2
    for mutant in made:
        laws(text, function, mutant)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_odd_texts_keep_their_bytes(end):
    text = end.join(
        [
            "# \x0c é",
            "class A:",
            '    x = """',
            "def not_a_function(): pass",
            '"""',
            "    def f(self, a):  # comment \x0c here",
            "        if a < 3 :   # kept",
            "            return  a+1",
            "",
            "        return 'é'  ;",
            "    y = 2",
            "def last(a): ",
            "  return a<1",
        ]
    )
    for function in functions(text):
        sites = sites_of(function)
        made = [m for site in sites.all if (m := sites.make(site)) is not None]
        assert made
        for mutant in made:
            laws(text, function, mutant)


def test_the_same_function_gives_the_same_mutants():
    function = FUNCTIONS["heapq"][5]
    one, two = sites_of(function), sites_of(function)
    assert [one.make(s) for s in one.all] == [two.make(s) for s in two.all]
