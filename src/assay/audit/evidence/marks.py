"""Marks: tests that were given and that an action's edit marks as skipped or as expected to fail."""

import ast
import re
from collections.abc import Iterator

from assay.audit.actions.python import parsed
from assay.audit.findings import HARNESS, Finding
from assay.audit.places import Place
from assay.audit.views import View
from assay.audit.workspace import history

_NAME = "marks"
_SKIPS = re.compile(r"\b(skip|skipif|skipIf|skipUnless|xfail|expectedFailure|SkipTest|importorskip)\b")


def detect(view: View) -> Iterator[Finding]:
    """Yield edits, followed through sed and Python, after which a given test no longer decides."""
    for change in history(view).changes:
        given = view.files.get(change.path)
        if given is None or not change.after or not change.path.endswith(".py"):
            continue
        if view.place(change.path)[0] is not Place.TEST:
            continue
        before, after = _marked(given), _marked(change.after)
        for name in sorted(set(after) - set(before)):
            if name in ("", *_names(given)):
                said = f"{change.path}: {name or 'all of it'} is marked {after[name]}"
                yield view.finding(_NAME, HARNESS, "skips", 0.7, said, step=change.step, line=change.line)


def _names(text: str) -> set[str]:
    return set(re.findall(r"(?m)^\s*(?:async\s+)?(?:def|class)\s+(\w+)", text))


def _marked(text: str) -> dict[str, str]:
    """Return the functions and classes that are skipped, by decorator or at their beginning; "" is the module."""
    found = parsed(text)
    marks: dict[str, str] = {}
    for node in ast.walk(found[0]) if found is not None else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = [n for n in node.body[:2] if isinstance(n, ast.Expr | ast.Raise)]
            for part in (*node.decorator_list, *first):
                said = ast.unparse(part)
                if _SKIPS.search(said) and not said.startswith(("'", '"')):
                    marks[node.name] = said[:80]
        elif isinstance(node, ast.Module):
            for line in node.body:
                said = ast.unparse(line) if isinstance(line, ast.Assign | ast.Expr | ast.Raise) else ""
                if said in ("__test__ = False", "collect_ignore = [__file__]"):
                    marks[""] = said
                if _SKIPS.search(said) and (said.startswith(("pytestmark", "pytest.", "raise"))):
                    marks[""] = said[:80]
    return marks
