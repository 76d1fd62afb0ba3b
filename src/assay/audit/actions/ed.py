"""ed: what a script of ed, ex or vim makes of a text; None where that cannot be told."""

import re
from collections.abc import Sequence

from assay.audit.actions.sed import edited
from assay.audit.actions.words import Command

EDITORS = {"ed", "ex", "vi", "vim", "nvim", "red"}
_MOST = 20_000  # lines that are followed
_ADDRESS = r"(?:\d+|\.|\$|/(?:[^/\\]|\\.)*/|'\w)(?:[-+]\d*)?"
_COMMAND = re.compile(rf"^\s*:?(%|,|{_ADDRESS})?(?:,({_ADDRESS})?)?\s*([a-zA-Z]+!?)?(.*)$")


def runs_alone(command: Command) -> bool:
    """Whether an editor is given its commands and asks nobody: an input, or -c."""
    scripted = command.stdin is not None or any(word.startswith("+") and len(word) > 1 for word in command.words[1:])
    return command.name in ("ed", "ex", "red") or scripted or "-c" in command.words


def edited_files(words: Sequence[str]) -> list[str]:
    """Return the files that an editor is started with."""
    found, skip = [], False
    for word in words[1:]:
        if not skip and not word.startswith(("-", "+")):
            found.append(word)
        skip = word in ("-c", "-S", "-u", "--cmd")
    return found


def program_of(words: Sequence[str], stdin: str | None) -> str:
    """Return what an editor is told to do: its input, or the words behind -c."""
    told = [words[n + 1] for n, word in enumerate(words[:-1]) if word == "-c"]
    told += [word[1:] for word in words[1:] if word.startswith("+") and len(word) > 1]
    return "\n".join(told) if told else stdin or ""


def scripted(program: str, before: str) -> str | None:
    """Return the text after the program has worked on it."""
    lines = before.splitlines()
    rows = program.splitlines()
    if len(lines) > _MOST:
        return None
    at, place = len(lines), 0
    while place < len(rows):
        found = _COMMAND.match(rows[place])
        place += 1
        if found is None:
            return None
        first, last, verb, rest = found.groups()
        verb = verb or ""
        if verb[:1] in ("a", "i", "c") and not rest and len(verb.rstrip("!")) == 1:
            end = next((n for n in range(place, len(rows)) if rows[n] == "."), len(rows))
            taken, place = rows[place:end], end + 1
        else:
            taken = []
        span = _span(first, last, lines, at)
        if span is None:
            return None
        low, high = span
        if verb in ("d", "delete"):
            del lines[max(low, 1) - 1 : high]
            at = min(max(low, 1), len(lines))
        elif verb in ("a", "i", "c"):
            begin = high if verb == "a" else max(low, 1) - 1
            lines[begin : high if verb == "c" else begin] = taken
            at = begin + len(taken)
        elif verb in ("s", "g", "v") or verb.startswith(("s", "g")):
            changed = _substituted(f"{verb}{rest}", low, high, lines)
            if changed is None:
                return None
            lines = changed
        elif verb in ("q", "wq", "x", "Q", "q!", "wq!", "xit", "quit"):
            break
        elif verb not in ("w", "w!", "p", "n", "l", "H", "set", "write", ""):
            return None
        elif not verb:
            at = high
    return "".join(f"{line}\n" for line in lines)


def _span(first: str | None, last: str | None, lines: list[str], at: int) -> tuple[int, int] | None:
    """Return the first and the last line that a command works on, from 1."""
    if first in ("%", ","):
        return 1, len(lines)
    low = _line(first, lines, at) if first is not None else at
    high = _line(last, lines, at) if last is not None else low
    return None if low is None or high is None else (low, high)


def _line(address: str, lines: list[str], at: int) -> int | None:
    found = re.match(r"^(\d+|\.|\$|/.*/)([-+]\d*)?$", address)
    if found is None:
        return None
    plain, moved = found.groups()
    if plain.isdigit():
        number = int(plain)
    elif plain.startswith("/"):
        order = [*range(at, len(lines)), *range(at)]
        hits = [n + 1 for n in order if plain[1:-1] in lines[n] or _found(plain[1:-1], lines[n])]
        if not hits:
            return None
        number = hits[0]
    else:
        number = at if plain == "." else len(lines)
    step = 0 if moved is None else int(moved if len(moved) > 1 else moved + "1")
    return min(max(number + step, 0), len(lines))


def _found(pattern: str, line: str) -> bool:
    try:
        return re.search(pattern, line) is not None
    except re.error:
        return False


def _substituted(command: str, low: int, high: int, lines: list[str]) -> list[str] | None:
    """Return the lines after `s/old/new/` or `g/pattern/d` on some of them, worked out as sed does."""
    whole = re.match(r"^g(!?)(/(?:[^/\\]|\\.)*/)(.*)$", command)
    if whole is not None:
        if whole.group(1):
            return None
        command, low, high = f"{whole.group(2)}{whole.group(3)}", 1, len(lines)
    part = "".join(f"{line}\n" for line in lines[max(low, 1) - 1 : high])
    after = edited(("sed", command), part)
    return None if after is None else [*lines[: max(low, 1) - 1], *after.splitlines(), *lines[high:]]
