"""Workspace: the files of an attempt as they change, worked out from its events without running anything."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from assay.audit.actions import Event
from assay.audit.actions.constants import folded
from assay.audit.actions.ed import EDITORS, scripted
from assay.audit.actions.patches import patched
from assay.audit.actions.python import known_in, parsed
from assay.audit.actions.sed import edited
from assay.audit.views import View

_LARGEST = 500_000


@dataclass(frozen=True)
class Change:
    """One change of one file. `after` is None where the file went, or where its new text cannot be told (`known`)."""

    step: int
    line: int
    path: str
    before: str | None
    after: str | None
    known: bool
    event: Event


@dataclass
class History:
    """What became of each file. `origin` is the path that a copy was made of."""

    changes: list[Change] = field(default_factory=list)
    files: dict[str, str | None] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    texts: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def text_at(self, path: str, step: int) -> str | None:
        """Return the text that a file had, as far as it is known, when a command of this step ran."""
        path = _plain(path)
        return next((text for number, text in reversed(self.texts.get(path, [])) if number <= step), None)

    def put_back(self, view: View, path: str) -> bool:
        """Whether a file that was changed is in the end what it was: as handed in, else as the actions left it."""
        path = _plain(path)
        final = view.final(path)
        return (final if final is not None else self.files.get(path)) == view.files.get(path)


def history(view: View) -> History:
    """Return the changes of all files in the order of the events."""
    return view.once(_followed)


def _plain(path: str) -> str:
    return re.sub(r"^(\./)+", "", path.strip())


def _followed(view: View) -> History:
    made = History(files=dict(view.files))
    for path, text in view.files.items():
        made.texts[path] = [(-1, text)]
    for step, event in view.events:
        if event.verb == "edit" and event.via == "patch" and event.text:
            _patched(made, step, event)
        if event.verb == "git" and event.path in ("checkout", "restore") and view.succeeded(step):
            _restored(view, made, step, event)
        if event.verb not in ("write", "edit", "delete") or not event.path:
            continue
        path = view.inside(event.path) or event.path
        path = _plain(path)
        before = made.files.get(path)
        known, after = _after(view, made, step, event, before)
        if event.verb == "write" and event.source and event.via in ("cp", "mv", "install", "python", "rsync"):
            source = _plain(view.inside(event.source) or event.source)
            made.origin[path] = made.origin.get(source, source)
        if known and after == before:
            continue
        made.changes.append(Change(step, event.line, path, before, after, known, event))
        made.files[path] = after
        if after is not None:
            made.texts.setdefault(path, []).append((step, after))
    return made


def _patched(made: History, step: int, event: Event) -> None:
    """Note what a patch makes of the files that are known and that it fits."""
    for path, after in patched(event.text or "", made.files).items():
        before = made.files.get(path)
        if after != before:
            made.changes.append(Change(step, event.line, path, before, after, True, event))
            made.files[path] = after
            made.texts.setdefault(path, []).append((step, after or ""))


def _restored(view: View, made: History, step: int, event: Event) -> None:
    """Note which files `git checkout -- FILE` and `git restore FILE` put back as they were given."""
    words = event.words[event.words.index(event.path) + 1 :]
    plain = [_plain(view.inside(word) or word) for word in words if not word.startswith("-")]
    if any(word.startswith(("--source", "-s")) for word in words) or (plain and plain[0] not in (".", *_folders(view))):
        return
    for path, given in view.files.items():
        named = any(word in (".", path) or path.startswith(f"{word.rstrip('/')}/") for word in plain)
        if named and made.files.get(path) != given:
            made.changes.append(Change(step, event.line, path, made.files.get(path), given, True, event))
            made.files[path] = given
            made.texts.setdefault(path, []).append((step, given))


def _folders(view: View) -> set[str]:
    """Return the files that were given, and the folders that they lie in."""
    return {part for path in view.files for part in (path, *(str(one) for one in PurePosixPath(path).parents))}


def _after(view: View, made: History, step: int, event: Event, before: str | None) -> tuple[bool, str | None]:
    """Return whether the file's text after an event is known, and that text."""
    if event.verb == "delete":
        return True, None
    if event.verb == "edit":
        if event.via in ("sed", "perl") and before is not None and event.words:
            after = edited(event.words, before)
            return (after is not None), after
        if event.via in EDITORS and before is not None and event.text:
            after = scripted(event.text, before)
            return (after is not None), after
        return False, None
    if event.text is not None:
        return True, ((before or "") + event.text if event.append else event.text)[:_LARGEST]
    shown = re.fullmatch(r"git show (?:HEAD|@):(?:\./)?(\S+)", event.source or "")
    if shown is not None and view.files.get(_plain(shown.group(1))) is not None:
        return True, view.files[_plain(shown.group(1))]
    if event.append and event.via == "touch":
        return True, before if before is not None else ""
    if event.source:
        source = _plain(view.inside(event.source) or event.source)
        if source in made.files:
            return made.files[source] is not None, made.files[source]
    if event.via == "python" and before is not None:
        after = _rewritten(view.steps[step].command or "", before)
        return (after is not None), after
    return False, None


def _rewritten(command: str, before: str) -> str | None:
    """Return a text after the replacements by literals that stand in a command's Python, None where none fits."""
    from assay.audit.actions.shell import commands_of

    after = before
    for one in commands_of(command):
        if not one.name.startswith("python"):
            continue
        code = one.words[one.words.index("-c") + 1] if "-c" in one.words[:-1] else one.stdin
        found = parsed(code) if code else None
        if found is None:
            continue
        imports, names = known_in(found[0])
        for node in ast.walk(found[0]):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or len(node.args) < 2:
                continue
            old, new = (folded(argument, names, imports) for argument in node.args[:2])
            if not isinstance(old, str) or not isinstance(new, str):
                continue
            if node.func.attr == "replace" and old:
                after = after.replace(old, new)
            elif node.func.attr == "sub":
                try:
                    after = re.sub(old, new, after)
                except (re.error, IndexError):
                    continue
    return after if after != before else None
