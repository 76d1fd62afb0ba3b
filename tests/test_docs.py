"""What the README and the docs name exists: commands with their options, modules with their members, files."""

import functools
import importlib
import itertools
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


@functools.cache
def root() -> Any:
    """Return the command of commands, which takes long to make."""
    return typer.main.get_command(app)


def wrong(command: str) -> str:
    """Say what of a command does not exist; "" when all does."""
    at = root()
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


_DOTTED = re.compile(r"\bassay(?:\.[A-Za-z_]\w*)+")
_PLACES = re.compile(
    r"`((?:src|benchmarks|docs|experiments|redteam|checkpoints|corpora|tools)/[\w./-]+|tests/[\w./-]+\.py)`"
)

_OTHERS = {
    "tests/test.sh",
    "assay.owner",
    "assay.grader",
    "assay.limits",
}  # Harbor's script, a label, tables of a task.toml


def stands(place: str) -> bool:
    """Say whether a file or folder exists, up to the first part in capitals, which stands for a name."""
    parts = itertools.takewhile(lambda part: not re.search(r"[A-Z]{3}", part) or part.endswith(".md"), place.split("/"))
    return (ROOT / "/".join(parts)).exists()


def resolves(dotted: str) -> bool:
    """Say whether a dotted name is a module of assay or a member of one."""
    parts = dotted.split(".")
    for split in range(len(parts), 0, -1):
        try:
            at: Any = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for name in parts[split:]:
            fields = getattr(at, "__annotations__", {}) | getattr(at, "model_fields", {})
            if not hasattr(at, name) and name not in fields:
                return False
            at = getattr(at, name, None)
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_modules_and_files_of_a_page_exist(page):
    text = page.read_text()
    assert [name for name in sorted({*_DOTTED.findall(text)} - _OTHERS) if not resolves(name)] == []
    assert [place for place in sorted({*_PLACES.findall(text)} - _OTHERS) if not stands(place)] == []


def test_it_finds_commands_and_what_is_wrong_with_them():
    text = (
        "Say `assay nonsense`.\n```\nassay audit X --jsom   # why\nmake\nassay tasks check drills \\\n  --json\n```\n"
    )
    assert list(commands(text)) == [
        "assay nonsense",
        "assay audit X --jsom   # why",
        "assay tasks check drills    --json",
    ]
    assert [stands(place) for place in ("docs/NAME.md", "docs/gone.md", "src/assay/NAME/x.py")] == [False, False, True]
    assert [resolves(name) for name in ("assay.sandbox.room.Room", "assay.gone", "assay.errors.Gone")] == [
        True,
        False,
        False,
    ]
    assert [wrong(command) for command in commands(text)] == ["no verb nonsense", "no option --jsom", ""]
