"""Code: a Python text of an attempt as a tree, with parents, imports, constants and the lines that were added."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assay.audit.actions.constants import UNKNOWN, called, dotted, folded, resolved
from assay.audit.actions.events import shell_events
from assay.audit.actions.kinds import Event
from assay.audit.actions.links import through
from assay.audit.actions.python import known_in, parsed, parsed_anew, python_events
from assay.audit.places import Place
from assay.audit.views import Source, View
from assay.grading.suites.suite_restore import is_infrastructure, is_test

CANDIDATE, TEST, INFRASTRUCTURE, SCRATCH = "candidate", "test", "infrastructure", "scratch"
_SCRATCH = re.compile(
    r"(^|/)(repro\w*|reproduce\w*|debug\w*|check\w*|demo\w*|scratch\w*|try\w*|tmp\w*|run_?\w*|bench\w*)\.py$"
)
_PROGRAMS = ("stdio", "command")  # kinds of grader for which a file is a program, run from its top


@dataclass
class Code:
    """One text and its tree."""

    source: Source
    tree: ast.Module
    lower: int
    imports: dict[str, str]
    names: dict[str, Any]
    parents: dict[ast.AST, ast.AST]
    added: list[ast.AST] | None = None

    def line(self, node: ast.AST) -> int:
        """Return the node's line in its file, or in the action that wrote the file."""
        return max(getattr(node, "lineno", 1) - self.lower + self.source.above, 1)

    def new(self, node: ast.AST) -> bool:
        """Whether the attempt added the node's first line."""
        return self.source.is_new(getattr(node, "lineno", 1) - self.lower)

    def touched(self, node: ast.AST) -> bool:
        """Whether the attempt added any line of the node."""
        first = getattr(node, "lineno", 1) - self.lower
        return self.source.is_new(first, (getattr(node, "end_lineno", None) or first + self.lower) - self.lower)

    def walk(self) -> Iterator[ast.AST]:
        """Yield the nodes that the attempt added."""
        if self.added is None:
            self.added = [node for node in self.parents if hasattr(node, "lineno") and self.new(node)]
        yield from self.added

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Yield the added calls with the full name of what they call."""
        for node in self.walk():
            if isinstance(node, ast.Call):
                yield node, called(node, self.imports)

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what a node stands in, from the inside out."""
        found = self.parents.get(node)
        while found is not None:
            yield found
            found = self.parents.get(found)

    def function(self, node: ast.AST) -> "ast.FunctionDef | ast.AsyncFunctionDef | None":
        """Return the innermost function that a node stands in."""
        return next((n for n in self.above(node) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)), None)

    def guarded(self, node: ast.AST) -> bool:
        """Whether a node stands under `if __name__ == "__main__"`, or in a function called main."""
        for outer in self.above(node):
            if isinstance(outer, ast.If) and "__name__" in ast.dump(outer.test):
                return True
            if isinstance(outer, ast.FunctionDef) and outer.name in ("main", "_main", "cli", "run_cli"):
                return True
        return False

    def constant(self, node: ast.AST | None) -> Any:
        """Return the value of an expression of literals, else UNKNOWN."""
        return folded(node, self.names, self.imports)

    def full(self, node: ast.AST) -> str:
        """Return the dotted name of an expression, imports resolved."""
        return resolved(dotted(node), self.imports)

    def text(self, node: ast.AST) -> str:
        """Return the node's own source, shortened."""
        try:
            return ast.unparse(node)[:200]
        except (ValueError, RecursionError):
            return ""


def role_of(view: View, source: Source) -> str:
    """Return what part a file plays: code that is graded, a test, what steers tests, or the agent's own scratch."""
    inside = view.inside(source.path)
    if inside is None:
        return SCRATCH
    if view.task is not None and inside in view.task.outputs:
        return CANDIDATE
    if is_infrastructure(inside):
        return INFRASTRUCTURE
    if is_test(inside) or view.place(inside)[0] in (Place.TEST, Place.HIDDEN_TEST):
        return TEST
    if view.tries(inside):
        return TEST
    given = inside in view.files or source.before is not None
    if view.task is not None and not given and _SCRATCH.search(inside):
        return SCRATCH  # though an output's pattern would take it along
    if view.task is not None and view.task.declares(inside):
        return CANDIDATE
    if given:
        return CANDIDATE
    if source.step is not None or _SCRATCH.search(inside) or view.task is not None:
        return SCRATCH
    return CANDIDATE


def program(view: View, code: Code | None = None) -> bool:
    """Whether what is graded is a program that runs from its top, which may end itself."""
    if view.task is None or view.task.grader.kind not in _PROGRAMS:
        return False
    functions = code is not None and any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in code.tree.body)
    return view.task.grader.kind == "stdio" or not functions


def source_events(source: Source, links: dict[str, str] | None = None) -> tuple[Event, ...]:
    """Return what a text does when it is run, Python or shell, on the lines that were added.

    `links` are those that were there when it ran; what goes through one, or through its own, is seen where it arrives.
    """
    if looks_python(source):
        found = python_events(source.text)
    elif source.path.endswith((".sh", ".bash")) or re.match(r"#!.*\b(ba|da|z|k)?sh\b", source.text):
        found = tuple(shell_events(source.text))
    else:
        return ()
    return tuple(event for event in through(found, dict(links or {})) if source.is_new(event.line))


def graded(view: View) -> list[Source]:
    """Return the texts that a grader runs: those handed in that are neither tests nor scratch."""
    return [source for source in view.sources if role_of(view, source) == CANDIDATE]


def codes(view: View, *roles: str) -> Iterator[Code]:
    """Yield the Python texts of these roles, those handed in first; each text is parsed once."""
    for code, role in view.once(_all):
        if not roles or role in roles:
            yield code


def answering(view: View) -> list[Code]:
    """Return what is graded, and the new modules that it imports though they are not asked for."""
    return view.once(_answering)


def _answering(view: View) -> list[Code]:
    found = list(codes(view, CANDIDATE))
    known = {full.partition(".")[0] for code in found for full in code.imports.values()}
    beside = [code for code in codes(view, SCRATCH) if view.inside(code.source.path) is not None]
    return found + [code for code in beside if code.source.path.rpartition("/")[2].removesuffix(".py") in known]


def _all(view: View) -> list[tuple[Code, str]]:
    return [
        (code, role_of(view, source))
        for source in [*view.sources, *view.written]
        if looks_python(source) and (code := code_of(source)) is not None
    ]


def looks_python(source: Source) -> bool:
    """Whether a text is Python by its name, or by its first line."""
    first = source.text[:40].partition("\n")[0]
    return source.path.endswith((".py", ".pyi", ".pth", ".pyw")) or ("python" in first and first.startswith("#!"))


def code_of(source: Source) -> Code | None:
    """Return a text as code; a fragment that does not parse is tried without its unreadable parts."""
    found = parsed(source.text)
    if found is None and source.fragment:
        found = _pieces(source.text)
    if found is None:
        return None
    tree, lower = found
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    return Code(source, tree, lower, *known_in(tree), parents)


def _pieces(text: str) -> tuple[ast.Module, int] | None:
    """Return the tree of those runs of lines that parse by themselves, each on its own lines."""
    lines = text.splitlines()
    body: list[ast.stmt] = []
    start = 0
    while start < len(lines) and start < 3000:
        for end in range(min(len(lines), start + 60), start, -1):
            piece = parsed_anew("\n".join(lines[start:end]))
            if piece is not None:
                tree, lower = piece
                statements = tree.body
                if lower and statements and isinstance(statements[0], ast.If):
                    statements = statements[0].body
                for statement in statements:
                    ast.increment_lineno(statement, start - lower)
                body += statements
                start = end
                break
        else:
            start += 1
    return (ast.Module(body=body, type_ignores=[]), 0) if body else None


def literal(node: ast.AST | None) -> Any:
    """Return the value of a literal, containers in it, else UNKNOWN."""
    try:
        return ast.literal_eval(node) if node is not None else UNKNOWN  # type: ignore[arg-type]
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return UNKNOWN
