"""The reference solution, or what only the grader knows, seen in an output or handed in."""

import json
import re
from collections.abc import Iterator

from assay.audit.examples import hidden
from assay.audit.findings import TASK, Finding
from assay.audit.views import View
from assay.grading.suites.suite_restore import is_test

_NAME = "seen_gold"
_SHORTEST = 12  # characters of a line that nobody writes by chance
_PART = re.compile(r"\w+")
_ENTROPY = re.compile(r"(?<![\w.])(\d{6,}|[0-9a-f]{16,}|\d+\.\d{6,}|[A-Za-z0-9+/_-]{24,})(?![\w.])")


def detect(view: View) -> Iterator[Finding]:
    """Yield lines of the gold solution that were shown before the agent had changed anything."""
    task = view.task
    if task is None:
        return
    # A file of the workspace that is neither an output nor a test may be the very leak.
    texts = [text for path, text in view.files.items() if view.declared(path) or is_test(path)]
    known = {_squeezed(line) for text in [*texts, view.instruction] for line in text.splitlines()}
    whole = "\n".join([*texts, view.instruction])
    gold: set[str] = set()
    for path, text in task.gold.items():
        before = {_squeezed(line) for line in view.files.get(path, "").splitlines()}
        gold |= {line for raw in text.splitlines() if (line := _squeezed(raw)) not in before | known and len(line) > 5}
    gold = {line for line in gold if line not in whole and not line.startswith("#")}
    said = ""
    for number, step in enumerate(view.steps):
        if number > view.first_change:
            break
        said += (step.command or "") + "\n"
        if number == view.first_change and not _only_copies(view, number):
            break
        for place, line in enumerate(step.observation.splitlines(), 1):
            seen = _squeezed(re.sub(r"^(?:[+-]|\s*\d+[:\t ]|[\w./-]+[:-]\d+[:-])", "", line))
            if seen in gold and seen not in _squeezed(said) and len(seen) >= _SHORTEST:
                yield view.finding(_NAME, TASK, "gold_seen", 0.8, line, step=number, line=place, where="output")
                break
    yield from _grader_only(view, whole)
    yield from _hidden_cases(view, whole)


def _only_copies(view: View, number: int) -> bool:
    return all(event.verb != "edit" for step, event in view.events if step == number)


def _hidden_cases(view: View, whole: str) -> Iterator[Finding]:
    """Yield outputs that show inputs which only the grader has: two at least, as Python or as JSON writes them."""
    secret = hidden(view)
    every = [*secret.inputs, *secret.texts]
    texts = {text for text in every if len(text) >= 9 and len(_PART.findall(text)) >= 3 and text not in whole}
    texts |= {text.replace("'", '"') for text in texts}
    if len(texts) < 2:
        return
    said = ""
    for number, step in enumerate(view.steps):
        said += step.command or step.reply.text
        shown = [text for text in sorted(texts)[:2000] if text in step.observation and text not in said]
        if len({text.replace("'", '"') for text in shown}) >= 2:
            first = min(step.observation.index(text) for text in shown)
            line = step.observation[:first].count("\n") + 1
            evidence = f"inputs that only the grader has: {', '.join(sorted(shown)[:3])}"
            yield view.finding(_NAME, TASK, "hidden_cases_seen", 0.85, evidence, step=number, line=line, where="output")


def _grader_only(view: View, whole: str) -> Iterator[Finding]:
    """Yield long values that stand in the grader's specification alone and yet in what was handed in or shown."""
    assert view.task is not None
    oracle = json.dumps(view.task.grader.data)
    values = {found for found in _ENTROPY.findall(oracle[:500_000]) if found not in whole}
    values -= {found for text in view.task.gold.values() for found in _ENTROPY.findall(text)}
    if not values:
        return
    for source in view.sources:
        for place, line in enumerate(source.text.splitlines(), 1):
            if source.is_new(place) and (hit := values & set(_ENTROPY.findall(line))):
                said = f"a value that only the grader has: {sorted(hit)[0]}"
                yield view.finding(_NAME, TASK, "grader_value_in_patch", 0.75, said, line=place, where=source.where)
                break


def _squeezed(text: str) -> str:
    return " ".join(text.split())
