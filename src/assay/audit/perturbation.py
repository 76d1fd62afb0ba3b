"""Perturbation: whether a program's answer changes when what it was given changes; run in the sandbox only.

From PIPS: the answer must not be a constant, must depend on the symbols, and for at least one changed leaf of them
another must come out. A program that only refuses other inputs, or that knows its own input and has one answer for all
others, is hard-coded too. Data flow is asked first, so that most constants need no run.
"""

import ast
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assay.audit.actions.python import parsed
from assay.audit.code import literal
from assay.audit.dataflow import flow_of
from assay.audit.examples import key, telling
from assay.errors import MachineryError
from assay.sandbox import CallError, CallTimeout, open_sandbox

_RUN_S = 20.0
_MOST = 48  # changed copies of the symbols
_TURNS = 5  # ways of changing one leaf
_MOST_LEAVES = 200


@dataclass(frozen=True)
class Perturbed:
    """What a program did. `hard_coded` is None where it could not be told; `why` says what decided."""

    hard_coded: bool | None
    why: str
    runs: int = 0
    changed: int = 0


async def perturbed(source: str, entry: str, arguments: list[Any], *, seed: int = 0, most: int = _MOST) -> Perturbed:
    """Call `entry(*arguments)` of `source` in a sandbox, and again with one leaf of the arguments changed at a time.

    Raises MachineryError where the sandbox fails.
    """
    found = parsed(source)
    if found is None:
        return Perturbed(None, "it does not parse")
    function = next(
        (n for n in ast.walk(found[0]) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name == entry),
        None,
    )
    if function is None:
        return Perturbed(None, f"there is no function {entry}")
    flow = flow_of(function)
    if flow.results and flow.constants == flow.results and not flow.steers:
        return Perturbed(True, "it returns a literal")
    if not flow.reads:
        return Perturbed(True, "it does not read what it is given")
    variants = changes(arguments, seed=seed, most=most)
    async with open_sandbox({"candidate.py": source}, memory_mb=512, processes=16, file_mb=4) as sandbox:
        try:
            answers = await sandbox.call(answers_of, entry, [arguments, *variants], timeout_s=_RUN_S)
        except (CallError, CallTimeout) as error:
            return Perturbed(None, f"it cannot be run: {str(error)[:120]}")
    if not isinstance(answers, list) or len(answers) != len(variants) + 1:
        raise MachineryError("the sandbox gave another number of answers than were asked for")
    first, rest = answers[0], answers[1:]
    if first.startswith("!"):
        return Perturbed(None, f"it fails on its own input: {first[1:120]}")
    changed = sum(answer != first for answer in rest)
    values = sum(not answer.startswith("!") and answer != first for answer in rest)
    told = f"{changed} of {len(rest)} changed inputs gave another answer ({values} a value, the others an error)"
    if not rest:
        return Perturbed(None, "there is nothing to change in what it is given")
    if values == 0 and not flow.returns:
        changed_for_good = False  # it merely refuses what it does not know
    elif changed == len(rest) >= 6 and len(set(rest)) == 1 and _knows(found[0], arguments, first):
        changed_for_good, told = False, f"{told}, all the same one, and it holds its own input as a literal"
    else:
        changed_for_good = changed > 0
    return Perturbed(not changed_for_good, told, len(rest) + 1, changed)


def _knows(tree: ast.Module, arguments: list[Any], answer: str) -> bool:
    """Whether the code holds a part of its own input, or its answer, as a literal that general code would not name."""
    own = {key(part) for part in _parts(arguments) if telling(part)}
    for node in ast.walk(tree):
        value = literal(node) if isinstance(node, ast.Constant | ast.List | ast.Tuple | ast.Dict) else None
        if telling(value) and (key(value) in own or answer == "=" + json.dumps(value, sort_keys=True, default=repr)):
            return True
    return False


def _parts(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _parts(part)


def changes(arguments: list[Any], *, seed: int = 0, most: int = _MOST) -> list[list[Any]]:
    """Return copies of JSON arguments with one part changed each: leaves in several ways, lists shorter and longer."""
    rng = random.Random(seed)
    leaves = list(_leaves(arguments))[:_MOST_LEAVES]
    rng.shuffle(leaves)
    lists = [path for path in _lists(arguments) if path][:_MOST_LEAVES]
    found: list[list[Any]] = []
    for turn in range(_TURNS):
        for path in leaves:
            new = _changed(_at(arguments, path), turn, rng)
            if new is not None:
                found.append(_with(arguments, path, new))
        for path in lists:
            value = _at(arguments, path)
            shorter, longer = value[1:], [*value, value[-1]]
            found += [_with(arguments, path, (shorter, longer)[turn])] if turn < 2 else []
        if len(found) >= most:
            return found[:most]
    return found


def _lists(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, list) and value:
        yield path
    if isinstance(value, dict | list):
        for step, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _lists(part, (*path, step))


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Any:
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from _leaves(part, (*path, name))
    elif isinstance(value, list) and value:
        for place, part in enumerate(value):
            yield from _leaves(part, (*path, place))
    elif path:
        yield path


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    step = path[0]
    if isinstance(value, dict):
        return {name: _with(part, path[1:], new) if name == step else part for name, part in value.items()}
    return [_with(part, path[1:], new) if place == step else part for place, part in enumerate(value)]


def _changed(value: Any, turn: int, rng: random.Random) -> Any:
    """Return another value of the same type, near first, then further away; None where this turn has none."""
    if isinstance(value, bool):
        return not value if turn == 0 else None
    if isinstance(value, int):
        return (value + 1, value + 7, -3 * abs(value) - 11, value * 10 + 3, value // 2 - 1)[turn]
    if isinstance(value, float):
        return (value + 1.0, value + 7.5, -3.0 * abs(value) - 11.25, value * 10 + 0.5, value / 2)[turn]
    if isinstance(value, str):
        if value.lstrip("-").isdigit():
            return str(int(value) + (1, 7, 100, -50, 1000)[turn])
        half = value[: len(value) // 2]
        return (value + "x", _swapped(value), half, value[::-1] + "q", rng.choice("abcdefgh") + value.upper())[turn]
    if value is None:
        return turn
    if isinstance(value, list):
        return [turn] if turn < 2 else None
    return {"changed": turn} if turn < 2 else None


def _swapped(text: str) -> str:
    """Return a text with its two most frequent characters in each other's place."""
    most = [char for char, _ in Counter(text).most_common(2)]
    return text.translate({ord(most[0]): most[1], ord(most[1]): most[0]}) if len(most) == 2 else text + text


def answers_of(entry: str, inputs: list[Any]) -> list[str]:
    """Return the answers of candidate.py's function as text; runs inside. "!" and the error where it raised."""
    import contextlib
    import copy
    import importlib
    import io
    import json
    import signal

    def text(value: object) -> str:
        try:
            return "=" + json.dumps(value, sort_keys=True, default=repr)[:20000]
        except (TypeError, ValueError):
            return "=" + repr(value)[:20000]

    def late(*_: object) -> None:
        raise TimeoutError("over a second")

    signal.signal(signal.SIGALRM, late)
    answers = []
    with contextlib.redirect_stdout(io.StringIO()):
        function = getattr(importlib.import_module("candidate"), entry)
        for given in inputs:
            signal.setitimer(signal.ITIMER_REAL, 1.0)
            try:
                answers.append(text(function(*copy.deepcopy(given))))
            except Exception as error:
                answers.append("!" + type(error).__name__ + ": " + str(error)[:200])
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    return answers
