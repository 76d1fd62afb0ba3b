"""Every `assay ...` command in the README and the docs names a verb and options that exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from assay.cli import app

ROOT = Path(__file__).parent.parent
PAGES = [
    path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
    if path.name not in ("log.md",)
]
_INLINE = re.compile(r"`(assay [a-z][^`]*)`")
_END = {"|", "||", "&&", ";", ">", ">>", "<", "&", "2>"}


def commands(text: str) -> Iterator[str]:
    """Yield the commands of a page: lines of its code blocks, and code within its sentences."""
    for number, part in enumerate(re.split(r"^```.*$", text, flags=re.MULTILINE)):
        if number % 2 == 0:
            yield from _INLINE.findall(part.replace("\n", " "))
            continue
        for line in part.replace("\\\n", " ").splitlines():
            _, found, rest = f" {line.strip().removeprefix('$ ')}".partition(" assay ")
            if found and not line.lstrip().startswith("#"):
                yield f"assay {rest}"


def words(command: str) -> list[str]:
    """Return the words of a command up to a pipe or a comment."""
    found = []
    lexer = shlex.shlex(command.replace("'", ""), posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    for word in lexer:
        if word in _END:
            break
        found.append(word.strip("[](),."))
    return found


def wrong(command: str) -> str:
    """Say what of a command does not exist; "" when all does."""
    at: Any = typer.main.get_command(app)
    rest = words(command)[1:]
    while rest and hasattr(at, "commands"):
        if rest[0].startswith("-") or not rest[0].isidentifier() or rest[0].isupper():
            break
        below = at.commands.get(rest[0])
        if below is None:
            return f"no verb {rest[0]}"
        at = below
        rest = rest[1:]
    known = {name for param in at.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
    unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in known]
    return f"no option {' '.join(unknown)}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_of_a_page_exist(page):
    faults = {command: said for command in commands(page.read_text()) if (said := wrong(command))}
    assert not faults


def test_it_finds_commands_and_what_is_wrong_with_them():
    text = (
        "Say `assay nonsense`.\n```\nassay audit X --jsom   # why\nmake\nassay tasks check drills \\\n  --json\n```\n"
    )
    assert list(commands(text)) == [
        "assay nonsense",
        "assay audit X --jsom   # why",
        "assay tasks check drills    --json",
    ]
    assert [wrong(command) for command in commands(text)] == ["no verb nonsense", "no option --jsom", ""]
