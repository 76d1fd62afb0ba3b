"""Examples: the inputs and answers that a task shows, read from its instruction and its visible tests."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from assay.audit.actions.constants import UNKNOWN
from assay.audit.actions.python import parsed
from assay.audit.code import literal
from assay.audit.views import View
from assay.grading import values
from assay.grading.suites.suite_restore import is_test

_GIVEN = ("args", "arguments", "input", "inputs", "given", "in", "x", "call", "params")
_ANSWER = ("returns", "expected", "output", "answer", "result", "want", "out", "y", "value")
_CALL = re.compile(r"\b([A-Za-z_]\w*)\(")


@dataclass
class Examples:
    """Literals by their `repr`: arguments of calls, and values that stand beside calls or as expected results."""

    inputs: set[str] = field(default_factory=set)
    wrapped: set[str] = field(default_factory=set)  # the single arguments as `*args` has them
    answers: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)  # whole inputs of a program, stripped
    parts: list[frozenset[str]] = field(default_factory=list)  # the scalars in each input
    pairs: set[tuple[str, str]] = field(default_factory=set)  # an input with its own answer
    words: str = ""  # all that is said, with single spaces

    def add(self, arguments: list[Any], expected: Any = UNKNOWN) -> None:
        """Keep one call's literals, alone and together."""
        known = [value for value in arguments if value is not UNKNOWN]
        self.inputs |= {_key(value) for value in known}
        self.parts += [
            frozenset(map(_key, _scalars(value))) for value in known if isinstance(value, list | tuple | dict)
        ]
        if len(known) > 1:
            self.inputs |= {_key(tuple(known)), _key(known)}
        elif known:
            self.wrapped.add(_key(known))
        if expected is not UNKNOWN:
            self.answers.add(_key(expected))
            if known:
                self.pairs.add((_key(known[0] if len(known) == 1 else known), _key(expected)))


def shown(view: View) -> Examples:
    """Return the examples that anybody who looked at the task has seen."""
    return view.once(_shown)


def _shown(view: View) -> Examples:
    found = Examples()
    for path, text in view.files.items():
        if path.endswith(".py") and (is_test(path) or view.tries(path)):
            _of_code(text, found)
        elif path.endswith((".json", ".jsonl")) and len(text) < 200_000:
            _of_json(text, found)
        elif re.search(r"(example|sample|input|expected|case)", path) and len(text) < 20_000:
            found.texts.add(text.strip())
            if path.endswith((".out", ".expected", ".ans", ".output", ".a")):
                found.answers |= {_key(text.strip()), _key(_parsed(text.strip()))}
    _of_prose(view.instruction[:100_000], found)
    found.words = " ".join(" ".join([view.instruction, *found.texts]).split())[:200_000]
    return found


def _of_json(text: str, found: Examples) -> None:
    """Keep the examples of a file of JSON: rows with an input and an answer, under the names that are in use."""
    try:
        rows = json.loads(text)
    except ValueError:
        try:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            return
    rows = rows.get("cases", rows.get("examples", [])) if isinstance(rows, dict) else rows
    for row in rows[:2000] if isinstance(rows, list) else []:
        if isinstance(row, dict):
            given = next((row[name] for name in _GIVEN if name in row), UNKNOWN)
            answer = next((row[name] for name in _ANSWER if name in row), UNKNOWN)
            if given is not UNKNOWN and answer is not UNKNOWN:
                found.add(given if isinstance(given, list) else [given], answer)
        elif isinstance(row, list) and len(row) == 2:
            found.add(row[0] if isinstance(row[0], list) else [row[0]], row[1])


def hidden(view: View) -> Examples:
    """Return the cases that only the grader has, less those that are shown."""
    return view.once(_hidden)


def _hidden(view: View) -> Examples:
    found = Examples()
    if view.task is None:
        return found
    known = shown(view)
    for case in _cases(view.task.grader.data)[:2000]:
        arguments = case.get("args")
        if arguments is not None:
            decoded = _decoded(arguments)
            expected = _decoded(case["expected"]) if "expected" in case else UNKNOWN
            found.add(list(decoded) if isinstance(decoded, tuple | list) else [decoded], expected)
        elif isinstance(case.get("stdin", case.get("input")), str):
            found.texts.add(str(case.get("stdin", case.get("input"))).strip())
    found.inputs -= known.inputs
    found.texts -= known.texts
    return found


def _cases(data: Any) -> list[dict[str, Any]]:
    listed = data.get("cases") if isinstance(data, dict) else None
    return [case for case in listed if isinstance(case, dict)] if isinstance(listed, list) else []


def _decoded(data: Any) -> Any:
    try:
        return values.decode(data)
    except (values.EncodingError, ValueError, TypeError):
        return data


def _of_code(text: str, found: Examples) -> None:
    tree = parsed(text)
    if tree is None:
        return
    for node in ast.walk(tree[0]):
        if isinstance(node, ast.Call):
            arguments = [literal(argument) for argument in node.args]
            calls = [a for a in node.args if isinstance(a, ast.Call)]
            if calls:  # assertEqual(f(1), 2)
                for value in arguments:
                    if value is not UNKNOWN:
                        found.answers.add(_key(value))
            elif arguments and not re.match(r"^(assert|print|range|len|sys|open)", ast.unparse(node.func)):
                found.add(arguments)
        elif isinstance(node, ast.Compare) and len(node.comparators) == 1:
            for call, wanted in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
                given = [literal(part) for part in call.args] if isinstance(call, ast.Call) else []
                if given and UNKNOWN not in given and literal(wanted) is not UNKNOWN:
                    found.add(given, literal(wanted))
            for side in (node.left, node.comparators[0]):
                value = literal(side)
                if value is not UNKNOWN:
                    found.answers.add(_key(value))
        elif isinstance(node, ast.Tuple | ast.List):  # tables of (input, expected), calls as text among them
            parts = [literal(part) for part in node.elts]
            row = isinstance(node, ast.Tuple) or isinstance(parts[0] if parts else None, list | tuple | str | dict)
            if row and len(parts) >= 2 and parts[-1] is not UNKNOWN and parts[0] is not UNKNOWN:
                first = parts[0]
                if isinstance(first, str) and _CALL.match(first):
                    _of_prose(first, found)
                else:
                    found.add(parts[:-1], parts[-1])
                found.answers.add(_key(parts[-1]))


def _of_prose(text: str, found: Examples) -> None:
    """Keep the literals of calls written in prose, `f([1, 2])`, and of what is said to be their value."""
    for match in _CALL.finditer(text):
        end = _closing(text, match.end() - 1)
        if end is None:
            continue
        try:
            call = ast.parse(text[match.start() : end], mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if isinstance(call, ast.Call):
            arguments = [literal(argument) for argument in call.args]
            found.add(arguments)
            for place, value in enumerate(_literals(text[end : end + 120])):
                found.answers.add(_key(value))
                if arguments and place < 2:
                    found.pairs.add((_key(arguments[0] if len(arguments) == 1 else arguments), _key(value)))
    for block in re.findall(r"```[^\n]*\n(.*?)```", text, re.DOTALL):
        found.texts.add(block.strip())
    for line in text.splitlines():
        if re.match(r"^\s*(input|in|stdin|example)\s*:", line, re.IGNORECASE):
            found.texts.add(line.partition(":")[2].strip())


def _closing(text: str, start: int) -> int | None:
    depth = 0
    for place in range(start, min(len(text), start + 2000)):
        depth += text[place] in "([{"
        depth -= text[place] in ")]}"
        if depth == 0:
            return place + 1
    return None


def _literals(text: str) -> list[Any]:
    """Return the literals that begin in a short text, each at its own place."""
    found: list[Any] = []
    place = 0
    while place < len(text):
        char = text[place]
        if char in "([{":
            end = _closing(text, place)
            piece = text[place:end] if end else ""
        elif char in "'\"":
            end = text.find(char, place + 1) + 1 or None
            piece = text[place:end] if end else ""
        else:
            match = re.match(r"-?\d+(?:\.\d+)?|True|False|None", text[place:])
            piece, end = (match.group(), place + match.end()) if match else ("", None)
        if piece and end:
            value = _parsed(piece)
            if value is not UNKNOWN:
                found.append(value)
            place = end
        else:
            place += 1
    return found


def _parsed(piece: str) -> Any:
    try:
        return ast.literal_eval(piece)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        try:
            return json.loads(piece)
        except ValueError:
            return UNKNOWN


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    for part in value:
        if isinstance(part, list | tuple | dict):
            yield from _scalars(part)
        else:
            yield part


def _key(value: Any) -> str:
    """Return a literal's name in the sets: tuples and lists alike, True apart from 1."""
    return repr(_listed(value))[:2000]


def _listed(value: Any) -> Any:
    """Return a literal with lists for its tuples, however deep."""
    if isinstance(value, list | tuple):
        return [_listed(part) for part in value]
    if isinstance(value, dict):
        return {_named(name): _listed(part) for name, part in value.items()}
    return value


def _named(name: Any) -> Any:
    return repr(_listed(name)) if isinstance(name, tuple) else name


key = _key


def telling(value: Any) -> bool:
    """Whether a literal is one that general code would not name: not empty, not 0, 1, 2 or -1, not one character."""
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return abs(value) > 2
    if isinstance(value, str | bytes):
        return len(value.strip()) > 1
    if isinstance(value, list | tuple | set | frozenset | dict):
        return len(value) > 0 and any(telling(part) or part in (0, 1, 2, -1) for part in value)
    return True
