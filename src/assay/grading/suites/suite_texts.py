"""The text of a test file as it stands in one round: edited, with a test that cannot pass, and what is not run emptied.

A round after the first runs few of a file's tests, and to compile the others, or to have pytest rewrite their asserts,
takes longer than to run those few. So the bodies of tests that the round does not run are left out, where nothing else
in the file speaks of them. Which tests a round runs its process is told anyway.
"""

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache

from assay.grading.suites.suite_edits import Edit, Source
from assay.grading.suites.suite_spec import SpecError

_BLANK = re.compile(rb"[ \t]*")
_TEST = re.compile(r"\btest\w*")
_SPARED = 20  # fewer functions than this to leave out are not worth it
Change = tuple[int, bytes, bytes]  # where, what stands there, what comes in its place


@lru_cache(maxsize=64)
def source_of(file: str, text: str) -> Source:
    """Return a parsed test file; many gradings have the same. Raises SyntaxError, ValueError or RecursionError."""
    return Source(file, text)


def emptied(source: Source, kept: Collection[str]) -> Iterator[Change]:
    """Yield what leaves out the bodies of test functions but those whose own name one of `kept` has, line for line."""
    spared = {name.rpartition(".")[2] for name in kept}
    spoken_of = Counter(_TEST.findall(source.text))
    defined = Counter(name.rpartition(".")[2] for name in source.functions)
    data = source.text.encode()
    for whole, node in source.functions.items():
        name = whole.rpartition(".")[2]
        if not _TEST.fullmatch(name) or name in spared or spoken_of[name] != defined[name]:
            continue
        first, last = node.body[0], node.body[-1]
        line = min([first.lineno, *(mark.lineno for mark in getattr(first, "decorator_list", ()))])
        start = _BLANK.match(data, source.at(line, 0)).end()  # type: ignore[union-attr]
        alone = data[start : start + 1] == b"@" or start == source.at(first.lineno, first.col_offset)
        if not alone or any("fixture" in ast.dump(mark) for mark in node.decorator_list):
            continue  # it stands on the line of its `def`, or others may have it run
        end = source.at(last.end_lineno or last.lineno, last.end_col_offset or 0)
        old = data[start:end]
        yield start, old, b"pass" + b"\n" * old.count(b"\n")


def text_of(
    source: Source,
    edits: Sequence[Edit],
    kept: Sequence[str],
    *,
    plain: bool,
    generic: bool,
    prune: bool,
) -> tuple[str, str]:
    """Return the text with `edits` made, and the name of a test that cannot pass, "" where none is added.

    With `generic` it is added beside one of `kept`, `plain` as for `Source.added`; with `prune` the tests that are not
    in `kept` are emptied. Raises SpecError where the text does not read as an edit says.
    """
    changes: list[Change] = [(edit.at, edit.old.encode(), edit.new.encode()) for edit in edits]
    name = ""
    if generic:
        at, added, name = source.added(list(kept), plain=plain)
        changes.append((at, b"", added))
    if prune:
        left_out = list(emptied(source, kept))
        changes += left_out if len(left_out) >= _SPARED else []
    data = source.text.encode()
    for at, old, new in sorted(changes, key=lambda change: (-change[0], -len(change[1]))):
        if data[at : at + len(old)] != old:
            raise SpecError(f"canaries: {source.file} does not have {old.decode(errors='replace')!r} at byte {at}")
        data = data[:at] + new + data[at + len(old) :]
    return data.decode(), name
