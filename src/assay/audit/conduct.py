"""Conduct: how an agent went about its work, right or wrong: repeats, loops, empty claims, test-only edits, waste.

Nothing here is a cheat. Each measure is one number of an attempt; `rates` gives means with intervals for each arm.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from assay.audit.findings import CONDUCT, Finding
from assay.audit.views import View
from assay.nouns import Exit, Trajectory
from assay.rollout.patches import only_tests

SHARES = ("repeated_command", "loop", "claimed_without_change", "test_only_edit", "format_error", "never_tested")
_CLAIM = re.compile(
    r"\b(?:fixed|solved|resolved|repaired|done|complete[d]?|works? (?:now|correctly)|"
    r"all (?:the )?tests? pass(?:es|ed)?|"
    r"successfully|the (?:bug|issue|problem) (?:is|has been) (?:now )?(?:fixed|resolved|solved))\b",
    re.IGNORECASE,
)
_DENIES = re.compile(r"\b(?:not|n't|cannot|could not|unable|fail(?:s|ed)?|still)\b|n't", re.IGNORECASE)
_TESTERS = ("pytest", "unittest", "tox", "make test", "npm test", "python test", "test_", "runtests", "manage.py test")
_LONGEST_CYCLE = 6


def measured(view: View) -> dict[str, float]:
    """Return the measures of an attempt by name; {} where it has no trajectory, and no measure that has no meaning."""
    case, trajectory = view.case, view.case.trajectory
    if trajectory is None or not trajectory.steps:
        return {}
    commands = [_plain(step.command) for step in trajectory.steps]
    changed = _changed(view)
    repeats, cycle = _repeats(commands), _cycle(commands)
    edits = _edits(view)
    found = {
        "turns": float(len(commands)),
        "repeated_command": float(bool(repeats)),
        "loop": float(cycle > 0),
        "claimed_without_change": float(not changed and _claims(trajectory)),
        "test_only_edit": float(_test_only(view)),
        "format_error": float(any(command is None for command in commands)),
    }
    if edits:
        tested = any(any(word in (c or "") for word in _TESTERS) for c in commands[min(edits) :])
        found["never_tested"] = float(not tested)
    wasted = sum(command is None for command in commands) + repeats + (cycle and max(cycle - 1, 0))
    found["wasted_turns"] = min(wasted / len(commands), 1.0)
    if case.status == "solved" or case.value == 1.0:
        last = max(edits, default=None)
        if last is not None:
            found["first_correct_edit"] = float(last + 1)  # nothing was changed after it, and it was right
    return found


def conduct_findings(view: View, measures: Mapping[str, float]) -> Iterator[Finding]:
    """Yield what an attempt's measures are worth telling of the single attempt."""
    for name in SHARES:
        if name in ("format_error", "never_tested") or not measures.get(name):
            continue
        yield view.finding("conduct", CONDUCT, name, 0.9, "", step=_where(view, name), where="action")


def rates(values: Mapping[str, Sequence[float]], level: float = 0.95) -> dict[str, dict[str, Any]]:
    """Return, for each measure of an arm, {estimate, low, high, n}: Wilson's for shares, Student's t for means."""
    from assay.statistics import wilson

    found: dict[str, dict[str, Any]] = {}
    for name, numbers in values.items():
        if not numbers:
            continue
        if name in SHARES:
            interval = wilson(sum(numbers), len(numbers), level)
            told = {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
        else:
            told = _mean(numbers, level)
        found[name] = {key: round(value, 4) for key, value in told.items()} | {"n": len(numbers)}
    return found


def _mean(numbers: Sequence[float], level: float) -> dict[str, float]:
    import numpy as np
    from scipy.stats import t

    mean = float(np.mean(numbers))
    if len(numbers) < 2:
        return {"estimate": mean, "low": 0.0, "high": float("inf")}
    half = float(t.ppf(0.5 + level / 2, len(numbers) - 1) * np.std(numbers, ddof=1) / len(numbers) ** 0.5)
    return {"estimate": mean, "low": max(mean - half, 0.0), "high": mean + half}


def _plain(command: str | None) -> str | None:
    return None if command is None else " ".join(command.split())


def _repeats(commands: Sequence[str | None]) -> int:
    """Return how many commands were the very one before them."""
    return sum(one is not None and one == two for one, two in pairwise(commands))


def _cycle(commands: Sequence[str | None]) -> int:
    """Return how often the longest cycle of two or more commands came again at least twice, 0 where none did."""
    most = 0
    for length in range(2, _LONGEST_CYCLE + 1):
        for start in range(len(commands) - 3 * length + 1):
            part = commands[start : start + length]
            if None in part or len(set(part)) < 2:
                continue
            times = 1
            while commands[start + times * length : start + (times + 1) * length] == part:
                times += 1
            most = max(most, times if times >= 3 else 0)
    return most


def _changed(view: View) -> bool:
    if view.sources:
        return True
    return view.task is None and bool(_edits(view))


def _edits(view: View) -> list[int]:
    """Return the steps that changed a declared output, or where those are not known a file of the workspace."""
    found = []
    for number, event in view.events:
        if event.verb in ("write", "edit", "delete"):
            path = view.inside(event.path) if event.path else "."
            if path is not None and (view.task is None or not event.path or view.task.declares(path)):
                found.append(number)
    return found


def _claims(trajectory: Trajectory) -> bool:
    if trajectory.exit is not Exit.SUBMITTED:
        return False
    said = trajectory.steps[-1].reply.text[-2000:]
    return any(not _DENIES.search(sentence) for sentence in re.split(r"[.!?\n]", said) if _CLAIM.search(sentence))


def _test_only(view: View) -> bool:
    if view.sources:
        return only_tests(source.path for source in view.sources)
    return view.case.trajectory is not None and only_tests(view.case.trajectory.created)


def _where(view: View, name: str) -> int | None:
    commands = [_plain(step.command) for step in view.steps]
    if name == "repeated_command":
        pairs = pairwise(commands)
        return next((n + 1 for n, (one, two) in enumerate(pairs) if one is not None and one == two), None)
    return len(commands) - 1 if name == "claimed_without_change" else None
