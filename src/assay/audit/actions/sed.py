"""sed: what a program of sed, or perl's substitution, makes of a text; None where that cannot be told."""

import re
from collections.abc import Iterator
from itertools import pairwise

_MOST = 20_000  # lines that are followed
_CLASSES = {"[:space:]": r"\s", "[:digit:]": r"\d", "[:alnum:]": "A-Za-z0-9", "[:alpha:]": "A-Za-z"}


def in_place(words: tuple[str, ...]) -> bool:
    """Whether a command (sed, perl, awk) changes the files that it names, and prints nothing."""
    if words[0].rpartition("/")[2] in ("awk", "gawk", "mawk"):
        return any(flag in ("-i", "--include") and value == "inplace" for flag, value in pairwise(words))
    return any(re.match(r"^-\w*i|^--in-place", word) for word in words[1:])


def edited(words: tuple[str, ...], text: str) -> str | None:
    """Return the text after the command `words` (sed -i ..., perl -pi -e ...) has worked on it."""
    if any(word in ("-n", "--quiet", "--silent", "-f") for word in words[1:]):
        return None
    perl = words[0].rpartition("/")[2] == "perl"
    extended = perl or any(re.match(r"^-\w*[Er]", word) and not word.startswith("-e") for word in words[1:])
    programs = [words[n + 1] for n, word in enumerate(words[:-1]) if word == "--expression" or _takes(word)]
    if not programs:
        plain = [word for word in words[1:] if not word.startswith("-")]
        programs = plain[:1]
    lines = text.splitlines(keepends=True)
    if len(lines) > _MOST:
        return None
    try:
        for program in programs:
            for first, last, command, rest in _commands(program):
                lines = _applied(lines, first, last, command, rest, extended, perl)
    except (re.error, ValueError, IndexError, RecursionError):
        return None
    return "".join(lines)


def _takes(word: str) -> bool:
    return re.match(r"^-\w*e$", word) is not None


def _commands(program: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield (first address, last address, command, what follows) of a program. Raises ValueError."""
    place = 0
    while place < len(program):
        if program[place] in " \t\n;":
            place += 1
            continue
        first, place = _address(program, place)
        last = ""
        if place < len(program) and program[place] == ",":
            last, place = _address(program, place + 1)
        while place < len(program) and program[place] == " ":
            place += 1
        command = program[place]
        place += 1
        if command == "s":
            sign = program[place]
            ends = _fields(program, place)
            rest = sign + program[place + 1 : ends]
            place = ends
            flags = re.match(r"[gIipme\d]*", program[place:])
            yield first, last, "s", rest + "\0" + (flags.group() if flags else "")
            place += flags.end() if flags else 0
        elif command in "aic":
            end = program.find("\n", place)
            end = len(program) if end < 0 else end
            yield first, last, command, program[place:end].lstrip("\\ \n")
            place = end
        elif command == "d":
            yield first, last, "d", ""
        else:
            raise ValueError(f"sed's {command} is not followed")


def _address(program: str, place: int) -> tuple[str, int]:
    if place < len(program) and program[place] == "/":
        end = place + 1
        while program[end] != "/":
            end += 2 if program[end] == "\\" else 1
        return program[place : end + 1], end + 1
    found = re.match(r"\d+|\$", program[place:])
    return (found.group(), place + found.end()) if found else ("", place)


def _fields(program: str, place: int) -> int:
    """Return where the second of the two fields after the sign at `place` ends, its sign included."""
    sign, seen, end = program[place], 0, place + 1
    while seen < 2:
        if program[end] == "\\":
            end += 1
        elif program[end] == sign:
            seen += 1
        end += 1
    return end


def _applied(lines: list[str], first: str, last: str, command: str, rest: str, extended: bool, perl: bool) -> list[str]:
    made: list[str] = []
    inside = False
    for number, line in enumerate(lines, 1):
        end = number == len(lines)
        if not first:
            hit = True
        elif last:
            begins = not inside and _meets(first, line, number, end, extended)
            hit = inside or begins
            closes = _meets(last, line, number, end, extended) or (last.isdigit() and number >= int(last))
            inside = hit and not (closes and (not begins or last.isdigit()))
        else:
            hit = _meets(first, line, number, end, extended)
        if not hit:
            made.append(line)
        elif command == "s":
            made.append(_substituted(line, rest, extended, perl))
        elif command == "a":
            made += [line if line.endswith("\n") else line + "\n", rest + "\n"]
        elif command == "i":
            made += [rest + "\n", line]
        elif command == "c":
            made.append(rest + "\n")
    return made


def _meets(address: str, line: str, number: int, end: bool, extended: bool) -> bool:
    if address == "$":
        return end
    if address.isdigit():
        return number == int(address)
    return re.search(_pattern(address[1:-1], extended), line.rstrip("\n")) is not None


def _substituted(line: str, rest: str, extended: bool, perl: bool) -> str:
    body, _, flags = rest.partition("\0")
    sign = body[0]
    old, new = re.split(rf"(?<!\\){re.escape(sign)}", body[1:])[:2]
    old, new = old.replace("\\" + sign, sign), new.replace("\\" + sign, sign)
    pattern = old if perl else _pattern(old, extended)
    new = re.sub(r"(?<!\\)&", r"\\g<0>", new).replace("\\&", "&")
    new = re.sub(r"\$(\d)", r"\\\1", new) if perl else new
    tail = "\n" if line.endswith("\n") else ""
    kind = re.IGNORECASE if "i" in flags.lower() else 0
    return re.sub(pattern, new, line.removesuffix("\n"), count=0 if "g" in flags else 1, flags=kind) + tail


def _pattern(text: str, extended: bool) -> str:
    """Return sed's regular expression as Python writes it."""
    for name, stands in _CLASSES.items():
        text = text.replace(name, stands)
    if extended:
        return text
    made, place = "", 0
    while place < len(text):
        char = text[place]
        if char == "\\" and place + 1 < len(text):
            after = text[place + 1]
            made += after if after in "(){}|+?" else char + after
            place += 2
            continue
        made += "\\" + char if char in "(){}|+?" else char
        place += 1
    return made
