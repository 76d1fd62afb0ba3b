"""Patches: what a unified diff makes of the texts that are known, worked out as `patch` does, without a fuzz."""

import re
from collections.abc import Iterator, Mapping

_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
_LARGEST = 2_000_000


def patched(patch: str, files: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the new texts of those files that a patch names and fits; None for one that it takes away."""
    found: dict[str, str | None] = {}
    for path, gone, hunks in _files(patch[:_LARGEST]):
        before = files.get(path)
        if gone:
            found[path] = None
            continue
        lines = _applied((before or "").splitlines(), hunks)
        if lines is not None and (before is not None or all(not old for _, old, _ in hunks)):
            found[path] = "".join(f"{line}\n" for line in lines)
    return found


def _files(patch: str) -> Iterator[tuple[str, bool, list[tuple[int, list[str], list[str]]]]]:
    """Yield each file of a patch with whether it is taken away, and its hunks: line, old lines, new lines."""
    for part in re.split(r"(?m)^(?=--- )", patch):
        head = re.match(r"--- (\S+)[^\n]*\n\+\+\+ (\S+)[^\n]*\n", part)
        if head is None:
            continue
        old, new = (re.sub(r"^(?:[ab]|\.)/", "", name) for name in head.groups())
        hunks: list[tuple[int, list[str], list[str]]] = []
        for line in part[head.end() :].splitlines():
            if (mark := _HUNK.match(line)) is not None:
                hunks.append((int(mark.group(1)), [], []))
            elif hunks and line[:1] in (" ", "-", "+", ""):
                if line[:1] != "+":
                    hunks[-1][1].append(line[1:])
                if line[:1] != "-":
                    hunks[-1][2].append(line[1:])
            elif not line.startswith("\\"):
                break
        yield (old if new == "/dev/null" else new), new == "/dev/null", hunks


def _applied(lines: list[str], hunks: list[tuple[int, list[str], list[str]]]) -> list[str] | None:
    """Return the lines after the hunks, None where one does not fit anywhere."""
    moved = 0
    for line, old, new in hunks:
        while old and not old[-1] and new and not new[-1] and _at(lines, old, line + moved) is None:
            old, new = old[:-1], new[:-1]  # an empty line behind the last hunk
        place = _at(lines, old, line + moved)
        if place is None:
            return None
        lines = [*lines[:place], *new, *lines[place + len(old) :]]
        moved += len(new) - len(old)
    return lines


def _at(lines: list[str], old: list[str], line: int) -> int | None:
    """Return where the old lines stand, the nearest to where the patch says; None where they do not."""
    if not old:
        return min(max(line, 0), len(lines))
    hits = [n for n in range(len(lines) - len(old) + 1) if lines[n : n + len(old)] == old]
    return min(hits, key=lambda n: abs(n - line + 1), default=None)
