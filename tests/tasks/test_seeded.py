"""The source `seeded`: its data, its tasks and, in the real sandbox, that gold scores 1 and the bug 0."""

import ast
import asyncio
import marshal
import os
import textwrap

import pytest

from assay.errors import UserError
from assay.grading import grade
from assay.nouns import Reason
from assay.sandbox import open_sandbox, trees
from assay.tasks import source, sources
from assay.tasks.admission import admit
from assay.tasks.seeded.packages import table
from assay.tasks.seeded.seed import seeds


@pytest.fixture(scope="module")
def tasks():
    """Every task, where the pinned packages are in the cache or can be downloaded."""
    try:
        return source("seeded").load("test", len(seeds()), 0)
    except UserError as error:
        if "cannot download" in str(error):
            pytest.skip(f"needs the package index: {error}")
        raise


def test_the_source_is_found_by_name():
    assert "seeded" in sources()


def test_there_are_enough_different_seeds():
    assert len(seeds()) >= 100
    assert len({(s.module, s.function, s.line, s.bug) for s in seeds()}) == len(seeds())
    assert {s.package for s in seeds()} == {p.name for p in table()} >= {"more-itertools", "toolz", "boltons"}
    assert len({s.operator for s in seeds()}) >= 15


@pytest.mark.parametrize("seed", seeds(), ids=lambda s: f"{s.function}-{s.line}")
def test_a_seed_is_sound(seed):
    assert seed.visible in seed.tests
    assert len(seed.tests) <= 12
    assert len(set(seed.tests)) == len(seed.tests)
    assert len(seed.wrong) >= 2
    assert all(place < len(seed.tests) for place, _, _ in seed.wrong)
    assert seed.bug != seed.cure
    assert seed.message.isascii()
    assert len(seed.message) <= 140


@pytest.mark.parametrize(
    ("split", "count", "options"),
    [("train", 1, {}), ("test", -1, {}), ("test", 10**6, {}), ("test", 1, {"easy": True})],
)
def test_what_it_does_not_have_is_refused_in_one_sentence(split, count, options):
    with pytest.raises(UserError, match="seeded"):
        source("seeded").load(split, count, 0, **options)


def test_the_same_call_gives_the_same_tasks_and_a_longer_list_begins_with_the_shorter(tasks):
    load = source("seeded").load
    assert [t.digest for t in load("test", 40, 0)] == [t.digest for t in tasks[:40]]
    assert [t.digest for t in load("test", 40, 1)] != [t.digest for t in tasks[:40]]


def test_a_short_list_has_every_package(tasks):
    share = {p.name: sum(s.package == p.name for s in seeds()) / len(seeds()) for p in table()}
    for name, part in share.items():
        assert abs(sum(t.family == name for t in tasks[:30]) - 30 * part) <= 2


def test_a_task_is_short_and_its_bug_is_one_line(tasks):
    for task in tasks:
        bug, gold = task.files["mod.py"].splitlines(), task.gold["mod.py"].splitlines()
        differ = [i for i, (a, b) in enumerate(zip(bug, gold, strict=True)) if a != b]
        assert differ == [task.metadata["line"] - 1]
        assert (bug[differ[0]], gold[differ[0]]) == (task.metadata["before"], task.metadata["after"])
        assert len(task.files["mod.py"]) < 640
        assert 4 <= sum(1 for line in gold if line.strip()) <= 14
        assert len(task.instruction) <= 260
        assert len(task.files["test_mod.py"].splitlines()) <= 6
        assert [type(node) for node in ast.parse(task.gold["mod.py"]).body] == [ast.FunctionDef]


def test_the_tree_of_a_task_does_not_hold_the_answer(tasks):
    for task in tasks[::4]:
        body = "\n".join(task.gold["mod.py"].splitlines()[-2:])
        tree = trees.tree(task.mounts["/pkg"])
        whole = next(p for p in table() if p.name == task.family)
        mine = tree / "lib" / (task.metadata["module"].replace(".", "/") + ".py")
        assert f"{task.metadata['function']} is in mod.py" in mine.read_text()
        stub = next(
            node
            for node in ast.parse(mine.read_text()).body
            if isinstance(node, ast.FunctionDef) and node.name == task.metadata["function"]
        )
        assert len(stub.body) == 1
        compiled = next(mine.parent.glob(f"__pycache__/{mine.stem}.*.pyc")).read_bytes()[16:]
        assert marshal.loads(compiled) == compile(
            mine.read_text(), f"/pkg/lib/{mine.relative_to(tree / 'lib')}", "exec"
        )
        assert not list(tree.rglob("test_*.py")), "only the visible test may be there"
        assert body not in (tree / "visible.py").read_text()
        assert whole.package in os.listdir(tree / "lib")


def test_gold_is_admitted_and_the_bug_is_not(tasks):
    sample = tasks[::10]
    found = asyncio.run(admit(sample))
    assert found.refused == []
    assert len(found.admitted) == len(sample)


def test_the_visible_test_says_what_the_instruction_says(tasks):
    async def run(task, text):
        files = {**task.files, "mod.py": text}
        async with open_sandbox(files, readonly=trees.mounts(task.mounts)) as sandbox:
            return await sandbox.run("python test_mod.py", timeout_s=20)

    for task in tasks[::12]:
        bad, good = asyncio.run(run(task, task.files["mod.py"])), asyncio.run(run(task, task.gold["mod.py"]))
        assert (good.returncode, good.output) == (0, "ok\n")
        assert bad.returncode == 1
        assert bad.output.startswith("fail: ")
        assert bad.output.removeprefix("fail: ").strip() in task.instruction


def test_what_the_visible_test_says_of_a_broken_module_is_one_line(tasks):
    task = tasks[0]

    async def run(text):
        async with open_sandbox({**task.files, "mod.py": text}, readonly=trees.mounts(task.mounts)) as sandbox:
            return await sandbox.run("python test_mod.py", timeout_s=20)

    for text, word in [("def f(:\n", "SyntaxError"), ("x = 1\n", "NoEntry"), ("print(1)\n", "only functions")]:
        result = asyncio.run(run(text))
        assert result.returncode == 1
        assert word in result.output
        assert len(result.output.splitlines()) == 1


ATTACKS = {
    "nothing": """
        def {name}(*args, **kwargs):
            return None
    """,
    "always equal": """
        class Same:
            pass

        def {name}(*args, **kwargs):
            return Same()
    """,
    "mock": """
        from unittest.mock import MagicMock

        def {name}(*args, **kwargs):
            return MagicMock(__eq__=lambda *a: True)
    """,
    "any": """
        from unittest.mock import ANY

        def {name}(*args, **kwargs):
            return ANY
    """,
    "patched asserts": """
        import unittest

        case = unittest.TestCase
        done = [setattr(case, n, lambda *a, **k: None) for n in dir(case) if n.startswith('assert')]

        def {name}(*args, **kwargs):
            return []
    """,
    "the package on disk": """
        import sys, importlib

        sys.path.insert(0, '/pkg/lib')
        new = importlib.reload(importlib.import_module('{module}'))

        def {name}(*args, **kwargs):
            return new.{name}(*args, **kwargs)
    """,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_on_real_packages_score_nothing(tasks, attack):
    for task in tasks[3::30]:
        text = textwrap.dedent(ATTACKS[attack]).format(name=task.metadata["function"], module=task.metadata["module"])
        verdict = asyncio.run(grade(task, {"mod.py": text}))
        assert verdict.value == 0.0, (task.id, verdict)
        assert verdict.reason is not Reason.PASSED


OTHER_WAYS = {
    "takewhile_inclusive": """
        def takewhile_inclusive(predicate, iterable):
            for x in iterable:
                yield x
                if not predicate(x):
                    return
    """,
    "interpose": """
        def interpose(el, seq):
            first = True
            for x in seq:
                if not first:
                    yield el
                first = False
                yield x
    """,
    "clamp": """
        def clamp(x, lower=float('-inf'), upper=float('inf')):
            if lower > upper:
                raise ValueError('expected upper bound >= lower bound')
            return sorted([lower, x, upper])[1]
    """,
}


def test_a_solution_by_another_way_passes(tasks):
    seen = 0
    for task in tasks:
        text = OTHER_WAYS.get(task.metadata["function"])
        if text is not None:
            seen += 1
            verdict = asyncio.run(grade(task, {"mod.py": textwrap.dedent(text)}))
            assert verdict.value == 1.0, (task.id, verdict)
    assert seen >= 2
