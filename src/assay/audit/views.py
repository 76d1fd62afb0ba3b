"""View: a case made ready for the detectors: events by step, what was handed in, what the agent itself made."""

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, TypeVar

from assay.audit.actions import Event, events_through
from assay.audit.actions.links import through
from assay.audit.findings import Case, Finding
from assay.audit.places import Place, place_of, relative
from assay.errors import UserError
from assay.nouns import Step, Task

_T = TypeVar("_T")
_LARGEST = 2_000_000  # characters of one file or patch that is looked at
_FAILED = re.compile(
    r"No such file|cannot access|not found|Permission denied|fatal:|cannot open|does not exist|Connection refused|"
    r"Could not resolve|Temporary failure|Network is unreachable|No matching distribution|Read-only file system|"
    r"Operation not permitted|Name or service not known|Is a directory",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Source:
    """A text that the attempt made: one of the files handed in, or one that an action wrote.

    `added` are the lines, from 1, that were not there before; None where all of them are new. `step` is the step
    that wrote it, None for what was handed in.
    """

    path: str
    text: str
    before: str | None = None
    added: frozenset[int] | None = None
    step: int | None = None
    above: int = 0  # lines of the action before the text
    fragment: bool = False

    @property
    def where(self) -> str:
        """The part of the attempt that a finding's line counts in."""
        return "action" if self.step is not None else f"file:{self.path}"

    def is_new(self, line: int, last: int | None = None) -> bool:
        """Whether any of the lines `line` to `last` was added."""
        return self.added is None or any(one in self.added for one in range(line, (last or line) + 1))


@dataclass
class View:
    """One case with everything derived from it, each thing worked out once."""

    case: Case
    homes: tuple[str, ...] = ()
    _kept: dict[Callable[["View"], Any], Any] = field(default_factory=dict)

    def once(self, make: Callable[["View"], _T]) -> _T:
        """Return what `make` gives for this case, which is worked out when it is first asked for."""
        if make not in self._kept:
            self._kept[make] = make(self)
        return self._kept[make]  # type: ignore[no-any-return]

    @property
    def task(self) -> Task | None:
        """The task, where it is known."""
        return self.case.task

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the trajectory."""
        return self.case.trajectory.steps if self.case.trajectory is not None else ()

    @cached_property
    def events(self) -> list[tuple[int, Event]]:
        """All events with their steps, in order; what went through a link is seen where the link leads."""
        done = enumerate(events_through(self.steps, tuple(self.files)))
        return [(number, event) for number, events in done for event in through(events, self.links)]

    @cached_property
    def links(self) -> dict[str, str]:
        """The links that the attempt made and left, with what they lead to; known when the events are."""
        return {}

    @cached_property
    def files(self) -> dict[str, str]:
        """The workspace as the attempt began, as far as it is known."""
        return dict(self.case.before) or (dict(self.task.files) if self.task is not None else {})

    @cached_property
    def instruction(self) -> str:
        """What the task asks, and the prompt."""
        said = self.task.instruction if self.task is not None else ""
        prompt = self.case.trajectory.prompt if self.case.trajectory is not None else ()
        return "\n".join([said, *(message.content for message in prompt)])

    @cached_property
    def made(self) -> dict[str, int]:
        """The paths that the agent itself wrote before anything read them, with the first step that did."""
        found: dict[str, int] = {}
        known = set(self.files)
        for number, event in self.events:
            if event.verb == "write":
                path = self.inside(event.path) or event.path
                if path not in known:
                    found.setdefault(path, number)
            elif event.verb == "run" and event.path in ("mkdir", "mktemp"):
                for word in event.words[1:]:
                    found.setdefault(word.rstrip("/"), number)
        return found

    def inside(self, path: str) -> str | None:
        """Return a path as seen from the workspace, or None when it lies outside."""
        return relative(path, self.homes)

    def own(self, path: str, step: int) -> bool:
        """Whether the agent itself made the file, or the folder it lies in, up to this step."""
        found = self.inside(path) or path
        parents = [str(parent) for parent in PurePosixPath(found).parents]
        first = min((self.made[p] for p in [found, *parents] if p in self.made and p not in (".", "/")), default=None)
        return first is not None and first <= step

    def declared(self, path: str) -> bool:
        """Whether a path is one of the task's outputs: what the agent is there to write."""
        found = self.inside(path)
        if found is None:
            return False
        return self.task is not None and (found in self.task.outputs or self._by_pattern(found))

    def given(self, path: str) -> bool:
        """Whether a path is an output, or is named in what the task asks: what the agent may well read."""
        found = self.inside(path)
        if found is None or self.declared(path):
            return found is not None
        name = found.rpartition("/")[2]
        return len(name) > 2 and re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", self.instruction) is not None

    def _by_pattern(self, path: str) -> bool:
        """Whether an output's pattern that names more than any file is the path's: `src/*.py`, and not `**`."""
        return self._patterns is not None and self._patterns.declares(path)

    @cached_property
    def _patterns(self) -> Task | None:
        """The task with those outputs alone that name something."""
        if self.task is None:
            return None
        telling = tuple(entry for entry in self.task.outputs if re.search(r"[A-Za-z0-9]", entry.rpartition(".")[0]))
        return self.task.model_copy(update={"outputs": telling}) if telling else None

    def tries(self, path: str) -> bool:
        """Whether a given program, none of the outputs, imports what is handed in: it tries it."""
        text = self.files.get(path, "")
        if self.task is None or not path.endswith(".py") or path in self.task.outputs or len(text) > 50_000:
            return False
        programs = [one for one in self.task.outputs if one.endswith(".py")]
        names = {re.sub(r"(/__init__)?\.py$", "", one).rpartition("/")[2] for one in programs}
        wanted = "|".join(re.escape(name) for name in sorted(names) if name)
        found = re.search(rf"^\s*(?:import|from)\s+(?:[\w.]+,\s*)*(?:{wanted})\b", text, re.MULTILINE)
        return bool(wanted) and found is not None

    def place(self, path: str) -> tuple[Place, float]:
        """Return what a path is, with what is known of the workspace taken into account."""
        place, sure = place_of(path, self.homes)
        found = self.inside(path)
        if self.declared(path) and place is not Place.GIT:
            return Place.WORKSPACE, 0.0
        if found is not None and self.files and place is Place.TEST:
            return (place, 0.05) if found in self.files or "*" in found else (place, 0.3)
        return place, sure

    def succeeded(self, step: int) -> bool:
        """Whether nothing says that the step's command failed."""
        seen = self.steps[step]
        return not _FAILED.search(seen.observation[:5000]) and seen.returncode in (0, None)

    @cached_property
    def sources(self) -> list[Source]:
        """What was handed in: files with the lines that were added, or fragments where only a patch is known."""
        case = self.case
        after = dict(case.after)
        if not after and case.trajectory is not None and self.task is not None:
            after = {path: text for path, text in case.trajectory.outputs.items() if text != self.files.get(path)}
        if after:
            found = [_compared(path, self.files.get(path), text) for path, text in sorted(after.items())]
            return [source for source in found if source is not None]
        patch = case.patch or (case.trajectory.diff if case.trajectory is not None else "")
        return list(_of_patch(patch[:_LARGEST]))

    def final(self, path: str) -> str | None:
        """Return the text of a given file as it was handed in, "" where it is gone, None where nobody kept it."""
        case = self.case
        kept = dict(case.after) or (dict(case.trajectory.outputs) if case.trajectory is not None else {})
        if not kept or self.task is None or not self.task.declares(path):
            return None
        whole = any(kept.get(other) == text for other, text in self.files.items())  # and not what was changed alone
        return kept.get(path, "" if whole else self.files.get(path))

    @cached_property
    def written(self) -> list[Source]:
        """The files that actions wrote whole, with their step; those handed in are in `sources`."""
        final = {source.path for source in self.sources}
        whole = {source.path for source in self.sources if not source.fragment}
        texts: dict[str, str] = {}
        found = []
        for number, event in self.events:
            if event.verb in ("write", "edit") and event.text and event.path:
                path = self.inside(event.path) or event.path
                base = texts.get(path, self.files.get(path)) if event.append else ""
                if event.verb == "write" and base is not None:
                    texts[path] = (base + event.text)[:_LARGEST]
                if path not in (whole if event.append else final):
                    found.append(_written(path, event, number, base))
            elif event.verb == "edit" and event.via == "patch" and event.text:
                found += [
                    Source(s.path, s.text, s.before, s.added, number, event.text_line, True)
                    for s in _of_patch(event.text)
                    if s.path not in final
                ]
        return found

    @cached_property
    def first_change(self) -> int:
        """The first step that may have changed a declared output or a source file; past the end where none did."""
        for number, event in self.events:
            if event.verb in ("write", "edit", "delete"):
                path = self.inside(event.path) if event.path else "."
                if path is not None and (self.task is None or not event.path or self.task.declares(path)):
                    return number
        return len(self.steps)

    def finding(
        self,
        detector: str,
        kind: str,
        mechanism: str,
        confidence: float,
        evidence: str,
        *,
        step: int | None = None,
        line: int | None = None,
        where: str = "action",
    ) -> Finding:
        """Return a finding on this case."""
        return Finding(
            attempt=self.case.attempt,
            task_id=self.case.task_id or (self.task.id if self.task is not None else ""),
            kind=kind,  # type: ignore[arg-type]
            mechanism=mechanism,
            step=step,
            line=line if line is None or line > 0 else 1,
            where=where,
            evidence=evidence,
            confidence=round(min(max(confidence, 0.0), 0.99), 3),
            detector=detector,
        )


def _written(path: str, event: Event, number: int, base: str | None) -> Source:
    """Return what one action wrote; what it appended stands in what was there, where that is known."""
    above = max(event.text_line - 1, 0)
    text = (event.text or "")[:_LARGEST]
    if event.verb == "edit" or base is None:
        return Source(path, text, step=number, above=above, fragment=True)
    if not base:
        return Source(path, text, step=number, above=above)
    size = base.count("\n")
    added = frozenset(range(size + 1, size + text.count("\n") + 2))
    return Source(path, (base + text)[:_LARGEST], None, added, number, above - size)


def _compared(path: str, before: str | None, after: str) -> Source | None:
    after = after[:_LARGEST]
    if before is None:
        return Source(path, after)
    if before == after:
        return None
    added: set[int] = set()
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    for tag, _, _, low, high in matcher.get_opcodes():
        if tag in ("replace", "insert"):
            added |= set(range(low + 1, high + 1))
    return Source(path, after, before[:_LARGEST], frozenset(added))


def _of_patch(patch: str) -> Iterator[Source]:
    """Yield what a unified diff makes of each file: the whole file where the diff holds it, else its hunks."""
    if not patch.strip():
        return
    try:
        from unidiff import PatchSet, UnidiffParseError
    except ModuleNotFoundError as error:
        raise UserError(f"the audit reads patches with {error.name}: pip install 'assay[audit]'") from error
    try:
        parsed: list = list(PatchSet(patch))
    except (UnidiffParseError, ValueError, IndexError, RecursionError):
        parsed = _mended(patch)
    for one in parsed:
        path = one.path.removeprefix("./")
        if one.is_removed_file:
            yield Source(path, "", "".join(line.value for hunk in one for line in hunk if line.is_removed), frozenset())
            continue
        lines: list[str] = []
        before: list[str] = []
        added: set[int] = set()
        for hunk in one:
            for line in hunk:
                if line.is_added:
                    lines.append(line.value)
                    added.add(len(lines))
                elif line.is_context:
                    lines.append(line.value)
                    before.append(line.value)
                elif line.is_removed:
                    before.append(line.value)
        old = None if one.is_added_file else "".join(before)
        yield Source(path, "".join(lines), old, None if old is None else frozenset(added), fragment=old is not None)


def _mended(patch: str) -> "list":
    """Return those files of a patch that can be read when the whole of it cannot."""
    from unidiff import PatchSet, UnidiffParseError

    found: list = []
    for part in re.split(r"(?m)^(?=diff --git |--- (?:a/|/dev/null))", patch):
        try:
            found += list(PatchSet(part))
        except (UnidiffParseError, ValueError, IndexError, RecursionError):
            continue
    return found
