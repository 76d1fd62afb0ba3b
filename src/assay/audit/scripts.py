"""Scripts: the Python that an agent ran, whether by -c, a here-document, or a file that it had written before."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from assay.audit.actions.constants import called, folded
from assay.audit.actions.listing import Files
from assay.audit.actions.python import known_in, parsed
from assay.audit.actions.shell import followed
from assay.audit.actions.words import Command, joined
from assay.audit.views import View
from assay.audit.workspace import history

_RUNS_CODE = ("exec", "eval", "compile", "builtins.exec", "builtins.eval", "builtins.compile")
_DEEPEST = 3


@dataclass(frozen=True)
class Script:
    """Python that ran in a step. `path` is its file, "" where it stood in the command; `line` is of the action."""

    step: int
    line: int
    text: str
    path: str = ""

    @cached_property
    def tree(self) -> ast.Module | None:
        """The syntax tree, None where the text does not parse."""
        found = parsed(self.text)
        return found[0] if found is not None else None


def commands(view: View) -> list[tuple[int, Command]]:
    """Return every simple command of an attempt with its step; those of scripts that it runs in their place."""
    return view.once(_commands)


def _commands(view: View) -> list[tuple[int, Command]]:
    kept, files = list[tuple[int, Command]](), Files((), view.files)
    changes = history(view).changes
    for number, step in enumerate(view.steps):
        files.update({one.path: one.after for one in changes if one.step == number - 1 and one.after is not None})
        kept += [(number, command) for command in followed(step.command or "", 1, files)]
    return kept


def scripts(view: View) -> list[Script]:
    """Return the Python that the attempt ran, what it hands to `exec` as a literal unpacked."""
    return view.once(_scripts)


def _scripts(view: View) -> list[Script]:
    return [inner for script in _told(view) for inner in _unpacked(script)]


def _told(view: View) -> Iterator[Script]:
    for number, command in commands(view):
        if not command.name.startswith(("python", "pypy")):
            continue
        words = command.words
        if "-c" in words[:-1]:
            yield Script(number, command.line, words[words.index("-c") + 1])
        elif "-m" in words:
            continue
        elif command.arguments and command.arguments[0] not in ("-", "/dev/stdin"):
            path = joined(command.folder, command.arguments[0])
            text = history(view).text_at(path, number)
            if text:
                yield Script(number, command.line, text, view.inside(path) or path)
        elif command.stdin is not None:
            yield Script(number, command.stdin_line or command.line, command.stdin)


def _unpacked(script: Script, depth: int = 0) -> Iterator[Script]:
    yield script
    if script.tree is None or depth >= _DEEPEST:
        return
    imports, names = known_in(script.tree)
    for node in ast.walk(script.tree):
        if isinstance(node, ast.Call) and node.args and called(node, imports) in _RUNS_CODE:
            text = folded(node.args[0], names, imports)
            text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
            if isinstance(text, str) and text != script.text:
                yield from _unpacked(Script(script.step, script.line, text, script.path), depth + 1)
