"""What the packages hold: functions short enough to be a task, and single tests cut out of the test modules.

A test is cut out together with just the imports, helpers and class that it needs, as a module text of its own.
All texts of tests are normalised by `ast.unparse`, so that a canary made of one looks like the others.
"""

import ast
import functools
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from assay.tasks.seeded.packages import Package, modules, tests

LEAST_LINES, MOST_LINES, MOST_CHARS = 4, 14, 600  # of a function, its blank lines not counted
MOST_TEST_CHARS = 6000


@dataclass(frozen=True)
class Function:
    """A module-level function. `text` is its source with the docstring cut to the first line."""

    module: str
    path: str
    name: str
    first: int  # line numbers in the module, from 1, both ends included
    last: int
    text: str


@dataclass(frozen=True)
class Test:
    """One test as a module text. `id` is `file::name`, `name` is `function` or `Class.method`."""

    id: str
    name: str
    source: str
    uses: frozenset[str]  # every name and attribute in it, imports apart

    __test__ = False  # for pytest: this is not a class of tests


def module_name(path: str) -> str:
    """Return the dotted name of the module at `path` (toolz/curried/__init__.py is toolz.curried)."""
    parts = list(PurePosixPath(path).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.lru_cache(maxsize=8)
def functions(package: Package) -> dict[str, Function]:
    """Return the functions of `package` that may be seeded, by full dotted name, in a fixed order."""
    found = {}
    for path, content in sorted(modules(package).items()):
        module = module_name(path)
        text = content.decode("utf-8")
        for node in ast.parse(text).body:
            name = f"{module}.{getattr(node, 'name', '')}"
            if isinstance(node, ast.FunctionDef) and not {name, module} & set(package.leave_out):
                function = _function(node, module, path, text.splitlines())
                if function is not None:
                    found[name] = function
    return found


def _function(node: ast.FunctionDef, module: str, path: str, lines: list[str]) -> Function | None:
    """Return the function at `node`, or None when it is private, decorated, too short or too long."""
    if node.name.startswith("_") or node.decorator_list or node.end_lineno is None:
        return None
    kept = lines[node.lineno - 1 : node.end_lineno]
    docstring = ast.get_docstring(node)
    if docstring is not None:
        place = node.body[0]
        summary = docstring.strip().splitlines()[0].rstrip() if docstring.strip() else ""
        quote = '"""' if not summary.endswith('"') else "'''"
        raw = "r" if "\\" in summary else ""
        indent = " " * place.col_offset
        start, end = place.lineno - node.lineno, (place.end_lineno or place.lineno) - node.lineno
        rest = kept[end + 1 :]
        while rest and not rest[0].strip():
            rest = rest[1:]
        kept = [*kept[:start], f"{indent}{raw}{quote}{summary}{quote}", *rest]
    text = "\n".join(kept) + "\n"
    count = sum(1 for line in kept if line.strip())
    if not LEAST_LINES <= count <= MOST_LINES or len(text) >= MOST_CHARS:
        return None
    return Function(module, path, node.name, node.lineno, node.end_lineno, text)


def cut_out(package: Package, function: Function) -> str:
    """Return the module's text with the body, the defaults and the docstring of `function` taken away."""
    lines = modules(package)[function.path].decode("utf-8").splitlines()
    stub = [
        f"def {function.name}(*args, **kwargs):",
        f"    raise NotImplementedError('{function.name} is in mod.py')",
    ]
    return "\n".join([*lines[: function.first - 1], *stub, *lines[function.last :]]) + "\n"


@functools.lru_cache(maxsize=8)
def all_tests(package: Package) -> dict[str, Test]:
    """Return every test of `package` that can run on its own without pytest, by id."""
    return _cut_tests(package, None)


def some_tests(package: Package, ids: Container[str]) -> dict[str, Test]:
    """Return those tests of `all_tests` that have these ids, without cutting out the others."""
    return _cut_tests(package, ids)


def _cut_tests(package: Package, ids: Container[str] | None) -> dict[str, Test]:
    found = {}
    for path, text in tests(package).items():
        tree = ast.parse(text)
        bound = _bindings(tree)
        for node in tree.body:
            for owner, method in _methods(node):
                name = method.name if owner is None else f"{owner.name}.{method.name}"
                test_id = f"{PurePosixPath(path).name}::{name}"
                if ids is None or test_id in ids:
                    test = _cut_test(test_id, name, owner, method, tree, bound)
                    if test is not None:
                        found[test_id] = test
    return found


def tests_of(package: Package, function: Function) -> list[Test]:
    """Return the tests that name `function`, in a fixed order."""
    return [test for _, test in sorted(all_tests(package).items()) if function.name in test.uses]


def _methods(node: ast.stmt) -> Iterator[tuple[ast.ClassDef | None, ast.FunctionDef]]:
    """Yield (class or None, function) for each test at `node` that takes no fixture."""
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test") and not node.args.args:
        yield None, node
    if isinstance(node, ast.ClassDef):
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef) and inner.name.startswith("test") and len(inner.args.args) == 1:
                yield node, inner


def _bindings(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """Return for every name that module-level statements bind the statements that bind it."""
    bound: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and _stores(node)}
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names = {statement.name}
        else:
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    names.add(node.name)
        for name in names:
            bound.setdefault(name, []).append(statement)
    return bound


def _stores(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name) and not _stores(n)}


def _cut_test(
    test_id: str,
    name: str,
    owner: ast.ClassDef | None,
    method: ast.FunctionDef,
    tree: ast.Module,
    bound: dict[str, list[ast.stmt]],
) -> Test | None:
    """Return the test with what it needs, or None when it needs pytest, its folder, or too much text."""
    target: ast.stmt = method
    if owner is not None:
        body = [n for n in owner.body if n is method or not getattr(n, "name", "").startswith("test")]
        target = ast.ClassDef(
            name=owner.name, bases=owner.bases, keywords=owner.keywords, body=body, decorator_list=owner.decorator_list
        )
    wanted, kept, open_names = set[str](), list[ast.stmt](), _names([target])
    while open_names:
        current = open_names.pop()
        wanted.add(current)
        for statement in bound.get(current, []):
            if statement is owner or statement is method or statement in kept:
                continue
            kept.append(statement)
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                open_names |= _names([statement]) - wanted
    before = [_only_wanted(s, wanted) for s in tree.body if s in kept]
    if any(isinstance(s, ast.ImportFrom) and s.level for s in before):
        return None
    module = ast.fix_missing_locations(ast.Module(body=[*before, target], type_ignores=[]))
    uses = {n.id for n in ast.walk(module) if isinstance(n, ast.Name)}
    uses |= {n.attr for n in ast.walk(module) if isinstance(n, ast.Attribute)}
    source = ast.unparse(module)
    needs = {"pytest", "open", "__file__", "sleep", "random", "randrange"}
    if needs & uses or "pytest" in source or len(source) > MOST_TEST_CHARS:
        return None
    return Test(test_id, name, source + "\n", frozenset(uses))


def _only_wanted(statement: ast.stmt, wanted: set[str]) -> ast.stmt:
    """Return an import with the wanted names only; any other statement as it is."""
    if isinstance(statement, ast.ImportFrom):
        names = [a for a in statement.names if a.name == "*" or (a.asname or a.name) in wanted]
        return ast.ImportFrom(module=statement.module, names=names, level=statement.level)
    if isinstance(statement, ast.Import):
        names = [a for a in statement.names if (a.asname or a.name).split(".")[0] in wanted]
        return ast.Import(names=names)
    return statement
