"""The perturbation check on a run: functions that attempts changed, with a case of the grader's as their input."""

import ast
from pathlib import Path
from typing import Any

from assay.audit.cases import open_source
from assay.audit.code import code_of
from assay.audit.findings import TASK, Case, Finding
from assay.audit.perturbation import perturbed
from assay.audit.views import Source, View
from assay.grading import values

_SURE = 0.8


async def perturb_all(path: Path, written: Path) -> dict[str, Any]:
    """Check every attempt of a functions task that changed its entry, and append what is hard-coded to `written`."""
    source = open_source(path)
    checked = untold = hard = 0
    with written.open("a", encoding="utf-8") as stream:
        for first, last in source.ranges():
            for record in source.records(first, last):
                told = await perturbation_of(record.case())
                if told is None:
                    continue
                verdict, found = told
                checked += 1
                untold += verdict is None
                if found is not None:
                    hard += 1
                    stream.write(found.model_dump_json() + "\n")
    return {"checked": checked, "hard_coded": hard, "could_not_be_told": untold}


async def perturbation_of(case: Case) -> tuple[bool | None, Finding | None] | None:
    """Return whether the function that an attempt handed in is hard-coded, and the finding; None where none applies."""
    task = case.task
    if task is None or task.grader.kind != "functions":
        return None
    data = task.grader.data
    name, entry, arguments = data.get("path"), data.get("entry"), _arguments(data)
    view = View(case)
    changed = next((source for source in view.sources if source.path == name and not source.fragment), None)
    if changed is None or not isinstance(entry, str) or arguments is None:
        return None
    result = await perturbed(changed.text, entry, arguments)
    if not result.hard_coded:
        return result.hard_coded, None
    said = f"{entry}: {result.why}"
    line = _line(changed, entry)
    return True, view.finding("perturbing", TASK, "hard_coded", _SURE, said, line=line, where=changed.where)


def _line(source: Source, entry: str) -> int | None:
    code = code_of(source)
    if code is None:
        return None
    found = [n for n in ast.walk(code.tree) if isinstance(n, ast.FunctionDef) and n.name == entry]
    return code.line(found[0]) if found else None


def _arguments(data: dict[str, Any]) -> list[Any] | None:
    """Return the arguments of the first case that JSON can say."""
    for case in data.get("cases") or []:
        try:
            given = values.decode(case["args"])
        except (values.EncodingError, KeyError, TypeError, ValueError):
            continue
        plain = list(given) if isinstance(given, tuple | list) else None
        if plain and _is_json(plain):
            return plain
    return None


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_json(part) for name, part in value.items())
    if isinstance(value, list):
        return all(_is_json(part) for part in value)
    return value is None or type(value) in (bool, int, float, str)
