"""Expansions: what `${name...}` comes to in a shell, given the variables that are known. Nothing is run."""

import fnmatch
import re
from collections.abc import Mapping

_SLICE = re.compile(r"^:\s*(-?\d+)(?::\s*(-?\d+))?$")


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Return what an expansion comes to: `$x`, `${x}`, `${x:2:3}`, `${x#a}`, `${x/a/b}`, `${x^^}`, `${a[0]}`.

    An expansion of what is not known stays as it is, unless it brings its own value (`${x:-/path}`).
    """
    inner = text[2:-1] if text.startswith("${") and text.endswith("}") else text.removeprefix("$")
    found = re.match(r"^(!?)([A-Za-z_]\w*(?:\[[\w@*]+\])?|\d+|[@*?#$!-])", inner)
    if found is None:
        return text
    name, rest = found.group(2).replace("[*]", "[@]"), inner[found.end() :]
    if found.group(1):
        name = variables.get(name, "")
    value = variables.get(name, variables.get(f"{name}[0]"))
    if value is None:
        given = re.match(r"^:?[-=](.*)$", rest, re.DOTALL)
        return given.group(1).strip("\"'") if given is not None else text
    return _changed(value, rest) if rest else value


def _changed(value: str, rest: str) -> str:
    if (found := _SLICE.match(rest)) is not None:
        first, size = int(found.group(1)), found.group(2)
        start = first if first >= 0 else max(len(value) + first, 0)
        if size is None:
            return value[start:]
        return value[start : start + int(size)] if int(size) >= 0 else value[start : int(size)]
    if rest.startswith((":-", ":=", "-", "=")):
        return value
    if rest.startswith((":+", "+")):
        return rest.lstrip(":+")
    if rest.startswith("//") or rest.startswith("/"):
        every = rest.startswith("//")
        old, _, new = rest[2 if every else 1 :].partition("/")
        return value.replace(old, new, -1 if every else 1) if old else value
    if rest.startswith("#"):
        return _cut(value, rest.lstrip("#"), greedy=rest.startswith("##"))
    if rest.startswith("%"):
        return _cut(value[::-1], rest.lstrip("%"), greedy=rest.startswith("%%"), backwards=True)[::-1]
    if rest in ("^^", "^", ",,", ",", "@U", "@L"):
        part = 1 if len(rest) == 1 else len(value)
        return (value[:part].upper() if rest[0] == "^" or rest == "@U" else value[:part].lower()) + value[part:]
    return value


def _cut(value: str, pattern: str, *, greedy: bool, backwards: bool = False) -> str:
    """Return the value without the shortest, or the longest, beginning that the pattern matches."""
    sizes = range(len(value), -1, -1) if greedy else range(len(value) + 1)
    for size in sizes if len(value) < 2000 else ():
        head = value[:size]
        if fnmatch.fnmatchcase(head[::-1] if backwards else head, pattern):
            return value[size:]
    return value


def braced(word: str) -> list[str]:
    """Return the words that braces stand for: `a{b,c}` is ab and ac."""
    found = re.search(r"\{([^{}]*,[^{}]*)\}", word)
    if found is None or "${" in word or len(word) > 500:
        return [word]
    made = [word[: found.start()] + part + word[found.end() :] for part in found.group(1).split(",")]
    return [one for each in made[:20] for one in braced(each)][:40]
