"""Finds the canaries of a suite by running its gold: which wrong expectations make a right solution fail, and where.

Nothing is admitted that gold was not seen to fail by, alone in its function, with the rest of the suite passing.
"""

import asyncio
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assay.errors import MachineryError
from assay.grading.suites import suite_forked, suite_names, suite_observe
from assay.grading.suites.suite_confirm import Confirmation, cpu_s
from assay.grading.suites.suite_edits import Edit, Source, applied, surely_absent
from assay.grading.suites.suite_mutants import mutants
from assay.grading.suites.suite_restore import is_test_file
from assay.grading.suites.suite_rounds import Part, Ran, name_of, sources
from assay.grading.suites.suite_run import Place as Tree
from assay.grading.suites.suite_run import cores, run
from assay.grading.suites.suite_spec import Place, SpecError, Suite, dotted_module
from assay.nouns import Reason, Task
from assay.nouns.base import digest
from assay.sandbox import trees

_VERSION = 13
_PER_FUNCTION = 3
_MOST_FUNCTIONS = 60  # of those that must turn, and as many of the others
_MUTANTS = 12
_OBSERVE_S = 20.0  # processor time
_IN_VAIN = 3
_FILE = "found.json"


@dataclass(frozen=True)
class Found:
    """What gold's runs showed: canaries, the order in which the suite can run, ids left expected to fail, rounds.

    `rounds` is how many there are, 0 for as many as the canaries need; `preload` what a fork server may import, None
    where none works.
    """

    edits: tuple[Edit, ...]
    order: str
    xfail: tuple[str, ...]
    rounds: int = 0
    preload: tuple[str, ...] | None = None

    def data(self) -> dict[str, Any]:
        """Return it as fields of the grader data."""
        canaries = [edit.data() for edit in self.edits]
        found = {"canaries": canaries, "order": self.order, "xfail": list(self.xfail), "rounds": self.rounds}
        return found | ({} if self.preload is None else {"preload": list(self.preload)})

    def applied_to(self, suite: Suite) -> Suite:
        """Return the suite as it is graded."""
        xfail = suite.xfail | set(self.xfail)
        return replace(suite, order=self.order, xfail=xfail, rounds=self.rounds, preload=self.preload)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "Found":
        """Return what `data`, as made by `data()`, holds. Raises KeyError, TypeError or ValueError."""
        edits = tuple(Edit.read(entry) for entry in data["canaries"])
        preload = tuple(map(str, data["preload"])) if "preload" in data else None
        return cls(edits, str(data["order"]), tuple(data["xfail"]), int(data["rounds"]), preload)


async def names(task: Task, suite: Suite, gold: Tree) -> dict[str, Any]:
    """Return `resolved` and `ignored` for a list spelled as SWE-bench spells it: gold's run of its files shows them.

    Kept beside the trees. Raises SpecError when gold cannot run or an entry means no test, MachineryError when we fail.
    """
    key = f"suite-names-{_VERSION}-{digest([task.digest])[:32]}"
    if (kept := _kept(key)) is not None:
        return kept
    parts = tuple(
        Part(file, dotted_module(file, suite.test_root), (), len(suite.wanted)) for file in _files_of(suite, gold)
    )
    ran = await run(task, suite, gold, parts, {}, survey=True)
    if ran.reason is Reason.MACHINERY:
        raise MachineryError(ran.detail)
    if ran.reason is not None or not ran.outcomes:
        raise SpecError(f"gold fails: {ran.detail or 'no test was reported by ' + ', '.join(p.file for p in parts)}")
    turn, stay = (task.grader.data.get(key, []) for key in ("fail_to_pass", "pass_to_pass"))
    seen = [suite_names.Seen(name, word, ran.described[name]) for name, word in ran.outcomes.items()]
    found = suite_names.meant(suite.runner, turn, stay, seen)
    return _keep(key, {"resolved": dict(found.resolved), "ignored": dict(found.ignored)})


def _files_of(suite: Suite, gold: Tree) -> list[str]:
    """Return the files whose tests a list may mean: those that it names, and the task's own test files."""
    named = [entry.partition("::")[0] for entry in suite.wanted if suite.runner == "pytest" and "::" in entry]
    own = [path for path in suite.files if path.endswith(".py") and path.rpartition("/")[2] != "conftest.py"]
    if suite.runner in ("pytest", "sympy"):
        own = [path for path in own if is_test_file(path)] or own
    return list(dict.fromkeys([*named, *own]))


def _kept(key: str) -> dict[str, Any] | None:
    """Return what was kept beside the trees under `key`, None where nothing readable was."""
    try:
        found = json.loads((trees.tree(key) / _FILE).read_text())
    except (MachineryError, OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _keep(key: str, data: dict[str, Any]) -> dict[str, Any]:
    def build(folder: Path) -> None:
        (folder / _FILE).write_text(json.dumps(data))

    trees.prepare(key, build)
    return data


async def find(task: Task, suite: Suite, gold: Tree, texts: Mapping[str, str]) -> Found:
    """Run gold and return what it showed. Raises SpecError when gold does not pass, MachineryError when we fail."""
    search = _Search(task, suite, gold, texts)
    base = await search.plain()
    preload = await suite_forked.trial(task, search.suite, gold, search.modules)
    search.suite = replace(search.suite, preload=preload)
    held = Confirmation(task, search.suite, gold, texts, search.whole)
    edits, rounds = await held.confirm(await search.admit(base))
    return Found(tuple(edits), held.suite.order, tuple(sorted(held.suite.xfail)), rounds, held.suite.preload)


async def found(task: Task, suite: Suite, gold: Tree, texts: Mapping[str, str]) -> Found:
    """As `find`, but what was found for the same task before is kept beside the trees, and read from there."""
    key = f"suite-canaries-{_VERSION}-{digest([task.digest, texts])[:32]}"
    with suppress(KeyError, TypeError, ValueError):
        return Found.read(_kept(key) or {})
    made = await find(task, suite, gold, texts)
    _keep(key, made.data())
    return made


class _Search:
    def __init__(self, task: Task, suite: Suite, gold: Tree, texts: Mapping[str, str]) -> None:
        self.task = task
        self.suite = suite
        self.gold = gold
        self.texts = texts
        self.sources = sources(texts, {place.file for place in suite.places.values()})
        self.modules: list[str] = []  # that gold's run imports from outside of the repository, in order

    async def plain(self) -> dict[Place, dict[str, str]]:
        """Run every decisive function as it is; return outcome by id for each. Raises SpecError where one fails."""
        ran, by_place = await self.whole([], list(dict.fromkeys(self.suite.places.values())))
        if ran.reason is not None:
            raise SpecError(f"gold fails: {ran.detail}")
        told = [json.loads(words) for name, words in ran.why.items() if name.startswith("modules:")]
        self.modules = list(dict.fromkeys(str(name) for names in told for name in names))
        words = {name: word for names in by_place.values() for name, word in names.items()}
        missing = [name for name in self.suite.places if name not in words]
        if missing:
            said = f"; {ran.detail}" if ran.detail else ""
            raise SpecError(f"gold fails: no such test: {', '.join(missing[:3])}{said}")
        xfail = {name for name in self.suite.places if words[name] == "xfailed"}
        self.suite = replace(self.suite, xfail=self.suite.xfail | xfail)
        bad = [name for name in self.suite.places if words[name] != "passed" and name not in self.suite.xfail]
        if bad and self.suite.order != "whole":
            self.suite = replace(self.suite, order="whole")  # perhaps they need other tests of their files before them
            return await self.plain()
        if bad:
            raise SpecError(f"gold fails: {', '.join(bad[:3])}: {words[bad[0]]}, {ran.why.get(bad[0], '')}")
        return by_place

    async def whole(
        self,
        edits: Sequence[Edit],
        places: Sequence[Place],
        tree: Tree | None = None,
        other: Mapping[str, str] | None = None,
    ) -> tuple[Ran, dict[Place, dict[str, str]]]:
        """Run all cases of the functions `places`, with `edits` made; return the run, and outcomes by function.

        `tree` is run in place of gold, `other` are texts of test files to run in place of edited ones.
        """
        names = {
            name: place
            for place in places
            for name in ([name_of(self.suite, place)] if self._by_function else self.suite.ids_of(place))
        }
        files = dict.fromkeys(place.file for place in places)
        parts = tuple(
            Part(file, dotted_module(file, self.suite.test_root), tuple(n for n, p in names.items() if p.file == file))
            for file in files
        )
        over = {
            file: applied(self.texts[file], [edit for edit in edits if edit.file == file])
            for file in {edit.file for edit in edits}
        }
        ran = await run(self.task, self.suite, tree or self.gold, parts, other or over, whole=True)
        by_place: dict[Place, dict[str, str]] = {place: {} for place in places}
        for name, word in ran.outcomes.items():
            place = names.get(name.split("[", 1)[0] if self._by_function else name)
            if place is not None:
                by_place[place][name] = word
        return ran, by_place

    @property
    def _by_function(self) -> bool:
        return self.suite.runner == "pytest"

    async def admit(self, base: Mapping[Place, Mapping[str, str]]) -> list[Edit]:
        """Return the edits by which gold fails their own function and nothing else of it."""
        turning = dict.fromkeys(p for name, p in self.suite.places.items() if name in self.suite.must_turn)
        others = [place for place in dict.fromkeys(self.suite.places.values()) if place not in turning]
        chosen = list(turning)[:_MOST_FUNCTIONS]
        chosen += random.SystemRandom().sample(others, min(len(others), _MOST_FUNCTIONS))
        seen = await self.observed([place for place in turning if place.file in self.sources])
        options = {}
        for place in chosen:
            if place.file in self.sources:
                source = self.sources[place.file]
                near = suite_observe.edits(source, place.test, seen)
                random.SystemRandom().shuffle(near)
                made = source.edits(place.test, _PER_FUNCTION)
                options[place] = list(suite_observe.mixed(near, made, _PER_FUNCTION))
        admitted: list[Edit] = []
        for turn in range(max(map(len, options.values()), default=0)):
            batch = [edits[turn] for edits in options.values() if len(edits) > turn]
            admitted += await self._try(batch, base)
        return admitted

    async def observed(self, places: Sequence[Place]) -> dict[str, list[tuple[object, object]]]:
        """Return what the repository as it was and slightly wrong versions of gold answer where `places` compare."""
        tests: dict[str, list[str]] = {}
        for place in places:
            tests.setdefault(place.file, []).append(place.test)
        over = {file: suite_observe.instrumented(self.sources[file], names) for file, names in tests.items()}
        variants = enumerate(self._variants() if over else ())
        began = cpu_s()
        found: dict[str, list[tuple[object, object]]] = {}

        def enough(number: int) -> bool:
            some = [len(suite_observe.edits(self.sources[place.file], place.test, found)) for place in places]
            in_vain = number >= _IN_VAIN and not any(some)  # nothing here is compared with a plain value
            return in_vain or min(some) > _PER_FUNCTION or cpu_s() - began > _OBSERVE_S

        async def look() -> None:
            for number, tree in variants:  # shared: each takes the next
                for name, seen in suite_observe.pairs((await self.whole([], places, tree, over))[0]).items():
                    found.setdefault(name, []).extend(seen)
                if enough(number):
                    break

        await asyncio.gather(*(look() for _ in range(cores())))
        return found

    def _variants(self) -> Iterator[Tree]:
        """Yield the trees of slightly wrong solutions, and the repository as it was."""
        gold = {path: _text(data) for path, data in self.gold.files.items() if path.endswith(".py")}
        before = {path: self._before(path) for path in gold if path not in self.suite.files}
        changed = [path for path, old in before.items() if old != gold[path]]
        yield replace(self.gold, files={**self.gold.files, **{path: before[path] for path in changed}})
        made = [
            (n, path, text) for path in changed for n, text in enumerate(mutants(before[path], gold[path], _MUTANTS))
        ]
        for _, path, text in sorted(made, key=lambda entry: entry[0])[:_MUTANTS]:
            yield replace(self.gold, files={**self.gold.files, path: text})

    def _before(self, path: str) -> str:
        if self.gold.tree is None:
            return self.task.files.get(path, "")
        with suppress(OSError):
            return _text((self.gold.tree / path).read_bytes())
        return ""

    async def _try(self, batch: list[Edit], base: Mapping[Place, Mapping[str, str]]) -> list[Edit]:
        """Return those of `batch`, at most one a function, that gold fails by; a batch that breaks is halved."""
        if not batch:
            return []
        _, seen = await self.whole(batch, [edit.place for edit in batch])
        good = [made for edit in batch if (made := self._measured(edit, base[edit.place], seen[edit.place]))]
        # An edit that keeps a whole file from being collected says nothing of the others in it.
        lost = [edit for edit in batch if not seen[edit.place]]
        if lost and len(batch) > 1:
            half = len(lost) // 2 or 1
            good += await self._try(lost[:half], base)
            good += await self._try(lost[half:], base)
        return good

    def _measured(self, edit: Edit, base: Mapping[str, str], seen: Mapping[str, str]) -> Edit | None:
        """Return the edit with the ids that fail and pass by it, None where it is no canary."""
        counted = {n: w for n, w in seen.items() if n in self.suite.places or n not in base}
        fails = tuple(name for name, word in counted.items() if word in ("failed", "error"))
        passes = tuple(name for name, word in counted.items() if word == "passed")
        if not fails or len(seen) != len(base) or len(fails) + len(passes) != len(counted):
            return None
        return replace(edit, fails=fails, passes=passes)


def _text(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode("utf-8", "replace")


def named(suite: Suite, sources: Mapping[str, Source]) -> None:
    """Raise SpecError where a test file certainly has no test of a decisive id."""
    for name, place in suite.places.items():
        source = sources.get(place.file)
        if source is not None and surely_absent(source, place.test):
            raise SpecError(f"no such test: {place.file} has no {place.test}, which {name!r} names")
