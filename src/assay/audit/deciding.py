"""Deciding: whether a given test still decides after an edit, read from what stands around its checks.

Any way to take a test's force is one of a few: it is not run, it ends before its checks, what a check raises goes
nowhere, or it tries something else than it did. What an edit may add freely are words, variables and further checks.
"""

import ast
import re
from collections.abc import Iterator

from assay.audit.assertions import checks_in

Function = ast.FunctionDef | ast.AsyncFunctionDef
_MARKS = re.compile(r"^(pytest\.mark\.(?!skip|xfail)\w+|pytest\.fixture|mark\.(?!skip|xfail)\w+)$")
_PLAIN = re.compile(r"^(staticmethod|classmethod|(hypothesis\.)?(given|example|settings)|parameterized(\.\w+)*|"
                    r"(unittest\.)?mock\.patch(\.\w+)*|patch(\.\w+)*|functools\.wraps|override)$")  # fmt: skip
_RUNS_ASYNC = re.compile(r"asyncio|anyio|trio|tornado|twisted|IsolatedAsyncioTestCase")
_SKIPS = re.compile(r"\b(skip|skipTest|xfail|exit|SkipTest|importorskip|Skipped)\b")


def lost(old: ast.Module, new: ast.Module, beside: tuple[ast.Module, ...] = ()) -> Iterator[tuple[int, str]]:
    """Yield (line, what) for each test of `old` that stands in `new` under its name and decides no longer.

    `beside` are other modules whose fixtures the tests may ask for, those of conftest.py.
    """
    was, now = _tests(old), _tests(new)
    fixtures = {one.name: one for tree in (*beside, new) for one in _functions(tree) if _is_fixture(one)}
    known = {one.name for one in _functions(old)}
    for name, (before, outer_before) in was.items():
        if name not in now or not list(checks_in(before)):
            continue
        after, outer = now[name]
        said = _not_run(before, after, outer_before, outer, new) or _skipped(before, after, fixtures)
        said = said or _wrapped(before, after, known, new) or _ends(before, after) or _aside(before, after)
        if said:
            yield after.lineno, f"{name} {said}"
    for node in new.body:
        gone = _unmade(node) & set(was)
        if gone and ast.unparse(node) not in {ast.unparse(one) for one in old.body}:
            yield node.lineno, f"{sorted(gone)[0]} is taken away again"


def _functions(tree: ast.Module) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def _tests(tree: ast.Module) -> dict[str, tuple[Function, tuple[ast.AST, ...]]]:
    """Return the tests of a module by name, each with what it stands in, from the outside in; a later one wins."""
    found: dict[str, tuple[Function, tuple[ast.AST, ...]]] = {}

    def visit(node: ast.AST, outer: tuple[ast.AST, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function) and child.name.startswith("test"):
                found[child.name] = (child, outer)
            visit(child, (*outer, child) if isinstance(child, ast.stmt) else outer)

    visit(tree, ())
    return found


def _is_fixture(node: Function) -> bool:
    return any(ast.unparse(one).startswith(("pytest.fixture", "fixture", "pytest_asyncio.fixture"))
               for one in node.decorator_list)  # fmt: skip


def _not_run(
    before: Function, after: Function, outer_before: tuple[ast.AST, ...], outer: tuple[ast.AST, ...], tree: ast.Module
) -> str:
    """Return why no runner runs a test any more, "" where one does."""
    waits = isinstance(after, ast.AsyncFunctionDef) and not isinstance(before, ast.AsyncFunctionDef)
    if waits and not _RUNS_ASYNC.search(ast.unparse(tree)):
        return "is a coroutine now, which nobody waits for"
    if _yields(after) and not _yields(before):
        return "is a generator now, whose body nobody runs"
    added = [one for one in outer if not isinstance(one, ast.ClassDef)]
    if len(added) > len([one for one in outer_before if not isinstance(one, ast.ClassDef)]):
        return "stands where no runner looks for it"
    classes = [one for one in outer if isinstance(one, ast.ClassDef)]
    if classes and not any(isinstance(one, ast.ClassDef) for one in outer_before):
        inner = classes[-1]
        cased = inner.name.startswith("Test") or any("TestCase" in ast.unparse(base) for base in inner.bases)
        made = any(isinstance(one, Function) and one.name in ("__init__", "__new__") for one in inner.body)
        if not cased or (made and not inner.bases):
            return f"stands in the class {inner.name}, which no runner collects"
    return ""


def _yields(node: Function) -> bool:
    inner = {id(n) for one in ast.walk(node) if isinstance(one, Function | ast.Lambda) and one is not node
             for n in ast.walk(one)}  # fmt: skip
    return any(isinstance(n, ast.Yield | ast.YieldFrom) and id(n) not in inner for n in ast.walk(node))


def _names(node: Function) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _skipped(before: Function, after: Function, fixtures: dict[str, Function]) -> str:
    """Return what a new parameter does to a test: a fixture that skips it, or a value in the place of what is tried."""
    old = {one.arg for one in _names(before)}
    defaults = [*after.args.defaults, *(one for one in after.args.kw_defaults if one is not None)]
    for one in _names(after):
        if one.arg in old or one.arg in ("self", "cls"):
            continue
        fixture = fixtures.get(one.arg)
        if fixture is not None and _SKIPS.search(_body(fixture)):
            return f"asks for {one.arg}, which skips it"
        called = {ast.unparse(n.func) for n in ast.walk(before) if isinstance(n, ast.Call)}
        if one.arg in called and (defaults or fixture is not None):
            return f"tries a parameter {one.arg} in the place of what it tried"
    return ""


def _body(node: Function) -> str:
    return "\n".join(ast.unparse(one) for one in node.body)


def _wrapped(before: Function, after: Function, known: set[str], tree: ast.Module) -> str:
    """Return what a new decorator does that is no usual one."""
    old = {ast.unparse(one) for one in before.decorator_list}
    for one in after.decorator_list:
        text = ast.unparse(one)
        name = ast.unparse(one.func) if isinstance(one, ast.Call) else text
        if text in old:
            continue
        if name.endswith("parametrize") and isinstance(one, ast.Call):
            rows = one.args[1] if len(one.args) > 1 else None
            if isinstance(rows, ast.List | ast.Tuple) and not rows.elts:
                return "is tried with no case at all"
            continue
        if _MARKS.match(name) or _PLAIN.match(name):
            continue
        made = next((f for f in _functions(tree) if f.name == name and name not in known), None)
        if made is not None and any(isinstance(n, ast.Try | ast.With | ast.Lambda | ast.Pass) for n in ast.walk(made)):
            return f"is wrapped in {name}, which the agent made"
        if re.search(r"skip|xfail|expected_?failure|flaky|retry|ignore|suppress", name, re.IGNORECASE):
            return f"is wrapped in {name}"
    return ""


def _ends(before: Function, after: Function) -> str:
    """Return how a test may end before its last check, under a condition too."""
    last = max((getattr(node, "lineno", 1) for node in checks_in(after)), default=after.lineno)
    old = {ast.unparse(node) for node in ast.walk(before) if isinstance(node, ast.If | ast.Return)}
    for node in ast.walk(after):
        if isinstance(node, ast.If) and ast.unparse(node) not in old and node.lineno < last:
            for one in node.body:
                plain = isinstance(one, ast.Return) or (isinstance(one, ast.Expr) and _SKIPS.search(ast.unparse(one)))
                if plain and not list(checks_in(node)):
                    return f"ends before its checks when {ast.unparse(node.test)[:60]}"
    return ""


def _aside(before: Function, after: Function) -> str:
    """Return where a check that was run in any case stands now: under a condition, in a function, in a handler."""
    old = {ast.unparse(node): around for node, around in _placed(before)}
    for node, around in _placed(after):
        was = old.get(ast.unparse(node))
        if was is None or len(around) <= len(was):
            continue
        for one in around:
            if isinstance(one, ast.If | ast.While):
                return f"checks only when {ast.unparse(one.test)[:60]}"
            if isinstance(one, Function | ast.Lambda):
                name = getattr(one, "name", "")
                used = sum(isinstance(n, ast.Name) and n.id == name for n in ast.walk(after))
                if not used:
                    return "checks in a function that nobody calls"
            if isinstance(one, ast.For) and isinstance(one.iter, ast.List | ast.Tuple) and not one.iter.elts:
                return "checks once for every item of nothing"
    return ""


def _placed(node: Function) -> Iterator[tuple[ast.AST, list[ast.AST]]]:
    """Yield the checks of a function with the blocks that they stand in."""

    def visit(inner: ast.AST, around: list[ast.AST]) -> Iterator[tuple[ast.AST, list[ast.AST]]]:
        for child in ast.iter_child_nodes(inner):
            if isinstance(child, ast.Assert) or (isinstance(child, ast.Expr) and list(checks_in(child))):
                yield child, around
            block = isinstance(child, ast.If | ast.While | ast.For | ast.Try | ast.With | Function | ast.Lambda)
            yield from visit(child, [*around, child] if block else around)

    yield from visit(node, [])


def _unmade(node: ast.stmt) -> set[str]:
    """Return the names that a statement of a module deletes or gives another value."""
    if isinstance(node, ast.Delete):
        return {one.id for one in node.targets if isinstance(one, ast.Name)}
    if isinstance(node, ast.Assign):
        return {one.id for one in node.targets if isinstance(one, ast.Name)}
    if isinstance(node, ast.Expr) and re.match(r"(globals\(\)|vars\(\))\.(pop|__delitem__)\(", ast.unparse(node)):
        return {str(n.value) for n in ast.walk(node) if isinstance(n, ast.Constant)}
    return set()
