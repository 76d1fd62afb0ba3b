"""How the files grew from step to step, read off the commands and believed only where it ends at the recorded files.

A ledger keeps the files of the end, not those between. What a command of a plain kind did can be told without running
it: `sed -i` with substitutions, a here-document or an `echo` into a file, `cp`, `mv`, `rm`; any other is taken to
change nothing. Where following them from the task's files gives exactly the files that were handed in, that is the
diff after each step; else only that of the end is known, and the page says so. An edit of another kind that a later
step took back leaves no mark here.
"""

import difflib
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from assay.nouns import Task, Trajectory

# What an agent wrote is followed by patterns and diffs whose time grows faster than their text: all of it is bounded.
_MOST_CHARS = 200_000
_COMMAND_CHARS = 20_000
_MOST_CHANGES = 60
_MOST_REPEATS = 2
_LINE_CHARS = 1_000
_IN_PLACE = frozenset({"-i", "--in-place", "-Ei", "-ri"})
_HERE = re.compile(r"cat\s*(>>?)\s*(\S+)\s*<<\s*-?\s*(['\"]?)(\w+)\3[^\n]*\n(.*?)^\4\s*$", re.DOTALL | re.MULTILINE)
_HERE_FIRST = re.compile(
    r"cat\s*<<\s*-?\s*(['\"]?)(\w+)\1\s*(>>?)\s*(\S+)[^\n]*\n(.*?)^\2\s*$", re.DOTALL | re.MULTILINE
)
_TEE = re.compile(
    r"tee\s*(-a)?\s+(\S+)\s*(?:>\s*/dev/null)?\s*<<\s*-?\s*(['\"]?)(\w+)\3[^\n]*\n(.*?)^\4\s*$",
    re.DOTALL | re.MULTILINE,
)
_SUBSTITUTE = re.compile(r"(?:(\d+|\$)(?:,(\d+|\$))?)?\s*s(?P<by>[^\w\s\\])(.*)", re.DOTALL)


@dataclass(frozen=True)
class Grown:
    """The diff against the start after each step; None where it is not known, and `why` not."""

    diffs: tuple[str | None, ...]
    why: str = ""


class _Unknown(Exception):
    """An edit whose effect cannot be told without running it."""


def grown(task: Task | None, trajectory: Trajectory) -> Grown:
    """Return the diffs of the declared outputs after each step of a trajectory."""
    if task is None:
        return _last(trajectory, "the task is not kept in this ledger")
    if task.mounts:
        return _last(trajectory, "the task's files are not kept in this ledger")
    commands = [step.command for step in trajectory.steps if step.command is not None]
    if max(sum(map(len, task.files.values())), sum(map(len, commands))) > _MOST_CHARS:
        return _last(trajectory, "its files or commands are very long")
    files = dict(task.files)
    diffs: list[str | None] = []
    changes = 0
    for step in trajectory.steps:
        after = files
        if step.command is not None and not step.timed_out and len(step.command) <= _COMMAND_CHARS:
            after = _after(step.command, files)
        changes += after != files
        if changes > _MOST_CHANGES or sum(map(len, after.values())) > 4 * _MOST_CHARS:
            return _last(trajectory, "it edits the files very often, or makes very long ones")
        diffs.append(_diff(task, after) if after != files or not diffs else diffs[-1])
        files = after
    ended = {path: files[path] for path in task.declared(files) if path in files}
    if ended != trajectory.outputs:
        return _last(trajectory, "its commands edit in ways that only running them again would show")
    return Grown(tuple(diffs))


def _last(trajectory: Trajectory, why: str) -> Grown:
    return Grown((None,) * len(trajectory.steps), why if trajectory.diff else "")


def _diff(task: Task, files: Mapping[str, str]) -> str:
    parts: list[str] = []
    for path in task.declared([*task.files, *files]):
        old, new = (each.get(path, "").splitlines(keepends=True) for each in (task.files, files))
        parts += difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "".join(part if part.endswith("\n") else part + "\n" for part in parts)


def _after(command: str, files: dict[str, str]) -> dict[str, str]:
    """Return the files after a command; what of it cannot be followed is taken to change nothing."""
    files = dict(files)
    try:
        parts = _parts(_heres(command, files))
    except (_Unknown, ValueError):  # no shell's words, or a here-document that a shell fills in
        return files
    for part in parts:
        with suppress(_Unknown, ValueError, IndexError, re.error):
            _do(part, files)
    return files


def _heres(command: str, files: dict[str, str]) -> str:
    """Take the here-documents out of a command and write their files."""
    for form, into, path, body in (
        (_HERE, 1, 2, 5),
        (_HERE_FIRST, 3, 4, 5),
        (_TEE, 1, 2, 5),
    ):
        while match := form.search(command):
            name = _path(shlex.split(match[path])[0])
            quoted = match[1] if form is _HERE_FIRST else match[3]
            text = match[body]
            if not quoted and re.search(r"[$`\\]", text):
                raise _Unknown
            files[name] = (files.get(name, "") if match[into] in (">>", "-a") else "") + text
            command = command[: match.start()] + "true" + command[match.end() :]
    return command


def _parts(command: str) -> list[list[str]]:
    """Return the simple commands of a line as lists of words, joined by &&, ; or new lines."""
    lexer = shlex.shlex(command.replace("\n", " ; "), posix=True, punctuation_chars="&;|()<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    parts: list[list[str]] = [[]]
    for word in lexer:
        if word in ("&&", ";", "||", ";;"):
            parts.append([])
        else:
            parts[-1].append(word)
    return [part for part in parts if part]


def _do(part: list[str], files: dict[str, str]) -> None:
    if part[0] == "sed" and _IN_PLACE & set(part[1:]):
        _sed(part[1:], files)
    elif part[0] == "echo" and len(part) >= 3 and part[-2] in (">", ">>") and not part[1].startswith("-"):
        name = _path(part[-1])
        files[name] = (files.get(name, "") if part[-2] == ">>" else "") + " ".join(part[1:-2]) + "\n"
    elif part[0] in ("cp", "mv") and len(part) == 3 and _path(part[1]) in files:
        files[_path(part[2])] = files[_path(part[1])]
        if part[0] == "mv":
            del files[_path(part[1])]
    elif part[0] == "rm":
        for word in part[1:]:
            if not word.startswith("-"):
                files.pop(_path(word), None)


def _path(word: str) -> str:
    if word.startswith(("/", "~", "..")) or set(word) & set("*?[$`{"):
        raise _Unknown
    return word.removeprefix("./")


def _sed(words: list[str], files: dict[str, str]) -> None:
    scripts: list[str] = []
    names: list[str] = []
    extended = False
    given = iter(words)
    for word in given:
        if word in ("-E", "-r", "-Ei", "-ri"):
            extended = True
        elif word in _IN_PLACE:
            continue
        elif word == "-e":
            scripts.append(next(given, ""))
        elif word.startswith("-"):
            raise _Unknown
        elif not scripts:
            scripts.append(word)
        else:
            names.append(_path(word))
    for name in names:
        if name not in files:
            continue  # sed says that there is no such file and changes nothing
        lines = files[name].splitlines(keepends=True)
        for script in scripts:
            _substitute(script, lines, extended)
        files[name] = "".join(lines)


def _substitute(script: str, lines: list[str], extended: bool) -> None:
    match = _SUBSTITUTE.fullmatch(script.strip())
    if match is None:
        raise _Unknown
    pieces = re.split(rf"(?<!\\){re.escape(match['by'])}", match[4])
    if len(pieces) != 3 or set(pieces[2]) - {"g"}:
        raise _Unknown
    by = match["by"]
    pattern = re.compile(_bounded(_expression(pieces[0].replace("\\" + by, by), extended)))
    new = re.sub(r"\\(.)|&", _replacement, pieces[1].replace("\\" + by, by).replace("\0", ""))
    last = len(lines)
    first = 1 if match[1] is None else last if match[1] == "$" else int(match[1])
    to = (last if match[1] is None else first) if match[2] is None else last if match[2] == "$" else int(match[2])
    for number in range(max(1, first), min(to, last) + 1):
        if len(lines[number - 1]) > _LINE_CHARS:
            raise _Unknown
        body, end = lines[number - 1].removesuffix("\n"), "\n" if lines[number - 1].endswith("\n") else ""
        lines[number - 1] = pattern.sub(new, body, count=0 if "g" in pieces[2] else 1) + end


def _bounded(pattern: str) -> str:
    """Return a pattern that cannot take long: the command is untrusted, and Python's patterns backtrack."""
    if re.search(r"\)[*+{?]|\\[1-9]", pattern) or len(re.findall(r"(?<!\\)[*+{]", pattern)) > _MOST_REPEATS:
        raise _Unknown
    return pattern


def _replacement(match: re.Match[str]) -> str:
    """One piece of sed's replacement as Python's: & is the whole match, and a backslash keeps the next letter."""
    letter = match[1]
    if letter is None:
        return r"\g<0>"
    if letter.isdigit():
        return rf"\g<{letter}>"
    if letter in ("n", "t"):
        return {"n": "\\n", "t": "\\t"}[letter]
    return "\\\\" if letter == "\\" else letter


def _expression(basic: str, extended: bool) -> str:
    """Return a sed pattern as Python writes it: in basic ones ( ) { } + ? | are letters unless a backslash is there."""
    if "[[:" in basic or "[^[:" in basic:
        raise _Unknown
    if extended:
        return basic
    out = []
    place = 0
    while place < len(basic):
        letter = basic[place]
        if letter == "\\" and place + 1 < len(basic):
            after = basic[place + 1]
            out.append(after if after in "(){}+?|" else letter + after)
            place += 2
            continue
        if letter == "[":
            end = basic.find("]", place + 2)
            if end < 0:
                raise _Unknown
            out.append("[" + basic[place + 1 : end].replace("\\", "\\\\").replace("[", "\\[") + "]")
            place = end + 1
            continue
        star = letter == "*" and place == 0
        out.append("\\" + letter if letter in "(){}+?|" or star else letter)
        place += 1
    return "".join(out)
