"""Which tests run in which round with a right and which with a wrong expectation, and what the reports then mean.

A suite is run in two rounds or more, each in a sandbox of its own, side by side. The first has every test; the others
have those tests alone that need another turn. In each, a function that has a canary is there once, under its own name
and in its own place, now as it is and now with a wrong expected value; which is drawn afresh at each grading, and it
is wrong at least once and right at least once. So a process that forges outcomes must guess for every function and
round; that all pass is never the right guess. Where few of the tests that show the fault have a canary, there are
more rounds. A file gets, beside that, one generic test that nothing can pass.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from assay.grading.suites.suite_edits import Edit, Source, applied
from assay.grading.suites.suite_spec import Place, Suite, dotted_module
from assay.grading.suites.suite_texts import source_of, text_of
from assay.nouns import Check, Reason, Verdict

_ROUNDS = {0: 2, 1: 4, 2: 3, 3: 3}  # by how many functions that must turn have a canary; 2 from 4 on
_EVERY_TIME = ("fixed", "whole")  # orders in which every test is in every round
_MOST_OTHERS = 12  # of the functions that pass before and after, so many are drawn to be canaries
_MOST_FAR = 2
OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
CAUGHT = ("failed", "error")


@dataclass(frozen=True)
class Part:
    """One test file of a round: the ids to run, in order. `room` is how many tests may report, where ids do not say."""

    file: str
    module: str
    ids: tuple[str, ...]
    room: int = 0


@dataclass(frozen=True)
class Round:
    """One run of the suite. `files` are the changed texts; `right` must pass, `wrong` fail, each id -> its function.

    `generic` are the ids of tests that nothing can pass, `edits` what makes the wrong ones wrong.
    """

    parts: tuple[Part, ...]
    files: Mapping[str, str]
    right: Mapping[str, Place]
    wrong: Mapping[str, Place]
    generic: frozenset[str] = frozenset()
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class Ran:
    """What came back from a round. `reason` is None when every file's process reported and ended in order."""

    reason: Reason | None = None
    detail: str = ""
    outcomes: Mapping[str, str] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    described: Mapping[str, str] = field(default_factory=dict)


def sources(files: Mapping[str, str], names: set[str]) -> dict[str, Source]:
    """Return the parsed test files among `names`; one that this Python cannot parse has no canaries."""
    found = {}
    for name in sorted(names):
        try:
            found[name] = source_of(name, files[name])
        except (SyntaxError, ValueError, RecursionError, KeyError):
            continue
    return found


def draw(suite: Suite, texts: Mapping[str, str], edits: Sequence[Edit], *, generic: bool = True) -> list[Round]:
    """Return the rounds of one grading. `texts` are the test files as they must be. Raises SpecError."""
    chance = random.SystemRandom()
    by_place: dict[Place, list[Edit]] = {}
    for edit in edits:
        by_place.setdefault(edit.place, []).append(edit)
    turning = {place for name, place in suite.places.items() if name in suite.must_turn}
    first = [place for place in by_place if place in turning]
    second = _others([place for place in by_place if place not in turning], {place.file for place in turning})
    count = suite.rounds or least_rounds(len(first), bool(by_place))
    if by_place:
        count = max(count, 2)
    wrong: list[list[Edit]] = [[] for _ in range(count)]
    right: list[list[Place]] = [[] for _ in range(count)]
    for place in dict.fromkeys(suite.places.values()):
        if place in first:
            turns = [chance.random() < 0.5 for _ in range(count)]
            if all(turns) or not any(turns):
                turns[chance.randrange(count)] ^= True
            options = _without_end(by_place[place])
            for number, turn in enumerate(turns):
                if turn:
                    right[number].append(place)
                else:
                    wrong[number].append(next(options))
        elif place in second:
            good, bad = chance.sample(range(2), 2)  # so that any further round has only what must turn
            right[good].append(place)
            wrong[bad].append(chance.choice(by_place[place]))
        else:
            # Where the order of all matters, others may need it to have run.
            for places in right if suite.order in _EVERY_TIME else right[:1]:
                places.append(place)
    return [_round(suite, texts, r, w, generic) for r, w in zip(right, wrong, strict=True) if r or w]


def _others(places: Sequence[Place], files: set[str]) -> list[Place]:
    """Draw which functions that pass before and after are canaries: of `files`, where tests must turn, few of others.

    Each file in a round is one more start of the runner.
    """
    chance = random.SystemRandom()
    near = [place for place in places if place.file in files]
    far = [place for place in places if place.file not in files]
    drawn = chance.sample(near, min(len(near), _MOST_OTHERS))
    return drawn + chance.sample(far, min(len(far), _MOST_FAR if near else _MOST_OTHERS))


def _without_end(edits: Sequence[Edit]) -> Iterator[Edit]:
    """Yield edits in an order drawn by chance, none again before all were there."""
    while True:
        yield from random.SystemRandom().sample(edits, len(edits))


def least_rounds(turning: int, any_canary: bool) -> int:
    """Return how many rounds a suite needs of which `turning` functions that must turn have a canary."""
    return _ROUNDS.get(turning, 2) if any_canary else 1


def odds(suite: Suite, edits: Sequence[Edit], rounds: int) -> int:
    """Return one in how many guesses is right of which functions that must turn were made wrong in which rounds."""
    turning = {place for name, place in suite.places.items() if name in suite.must_turn}
    return int((2**rounds - 2) ** len({edit.place for edit in edits} & turning)) if rounds > 1 else 1


def _round(suite: Suite, texts: Mapping[str, str], right: list[Place], wrong: list[Edit], generic: bool) -> Round:
    chance = random.SystemRandom()
    ids: dict[Place, list[str]] = {place: suite.ids_of(place) for place in right}
    ids.update({edit.place: [*edit.fails, *edit.passes] for edit in wrong})
    must_pass = {name: place for place in right for name in ids[place]}
    must_pass.update({name: edit.place for edit in wrong for name in edit.passes})
    must_fail = {name: edit.place for edit in wrong for name in edit.fails}
    changed: dict[str, str] = {}
    made: set[str] = set()
    for file in {place.file for place in ids}:
        own = [edit for edit in wrong if edit.file == file]
        tests = [place.test for place in ids if place.file == file]
        try:
            source = source_of(file, texts[file])
        except (SyntaxError, ValueError, RecursionError, KeyError):
            changed |= {file: applied(texts[file], own)} if own else {}
            continue
        prune = suite.order not in _EVERY_TIME
        plain = suite.runner == "pytest"
        text, test = text_of(source, own, tests, plain=plain, generic=generic, prune=prune)
        if text != texts[file]:
            changed[file] = text
        if test:
            place = Place(file, test)
            ids[place] = [name_of(suite, place)]
            must_fail[ids[place][0]] = place
            made.add(ids[place][0])
    files = list(dict.fromkeys(place.file for place in ids))
    if suite.order not in _EVERY_TIME:
        chance.shuffle(files)
    parts = []
    for file in files:
        owned = {place: names for place, names in ids.items() if place.file == file}
        ordered = _shuffled(owned) if suite.order == "shuffled" else [n for names in owned.values() for n in names]
        parts.append(Part(file, dotted_module(file, suite.test_root), tuple(ordered)))
    return Round(tuple(parts), changed, must_pass, must_fail, frozenset(made), tuple(wrong))


def _shuffled(owned: Mapping[Place, list[str]]) -> list[str]:
    """Return the ids of one file in an order drawn by chance, those of a class together."""
    chance = random.SystemRandom()
    groups: dict[str, list[str]] = {}
    for place, names in owned.items():
        owner = place.test.rpartition(".")[0]
        groups.setdefault(owner or f"\0{place.test}", []).extend(names)
    order = list(groups.values())
    chance.shuffle(order)
    for names in order:
        chance.shuffle(names)
    return [name for names in order for name in names]


def name_of(suite: Suite, place: Place) -> str:
    """Return the id of a test function without parameters."""
    if suite.runner in ("pytest", "sympy"):
        return f"{place.file}::{place.test.replace('.', '::')}"
    return f"{dotted_module(place.file, suite.test_root)}.{place.test}"


def passes(suite: Suite, name: str, ran: Ran) -> bool:
    """Whether a test passed, or is one that upstream leaves expected to fail, and did."""
    outcome = ran.outcomes.get(name)
    return outcome == "passed" or (outcome == "xfailed" and name in suite.xfail)


def decided(suite: Suite, now: Round, ran: Ran) -> bool:
    """Whether a round alone settles that the value is 0 and why, so that no other round need run."""
    if ran.reason is not None or any(ran.outcomes.get(name) == "passed" for name in now.generic):
        return True
    if any(ran.outcomes.get(name) == "passed" for name in now.wrong):
        return False  # a cheat or an honest mistake: the round with its right twin tells
    return not all(passes(suite, name, ran) for name in now.right)


def judge(suite: Suite, rounds: Sequence[tuple[Round, Ran]]) -> Verdict:
    """Return the verdict on the rounds that ran: all of them, or as many as settled it."""
    for _, ran in rounds:
        if ran.reason in (Reason.MACHINERY, Reason.BAD_TASK):
            return Verdict.invalid(ran.reason, ran.detail)
    checks = _checks(suite, rounds)
    good = {place for now, ran in rounds for name, place in now.right.items() if passes(suite, name, ran)}
    bad = {place for now, ran in rounds for name, place in now.right.items() if not passes(suite, name, ran)}
    for now, ran in rounds:
        for name, place in now.wrong.items():
            if ran.outcomes.get(name) == "passed":
                if name in now.generic:
                    return Verdict.score(0.0, Reason.CHEATED, checks, f"a test that cannot pass did, in {place.file}")
                if place in good and place not in bad:
                    detail = f"{place.test} of {place.file} passed as it is and with a wrong expected value"
                    return Verdict.score(0.0, Reason.CHEATED, checks, detail)
    for _, ran in rounds:
        if ran.reason is not None:
            return Verdict.score(0.0, ran.reason, checks, ran.detail)
    failed = [check.name for check in checks if not check.passed]
    notes = "; ".join(sorted({ran.detail for _, ran in rounds if ran.detail}))
    if failed or bad:
        missing = [c.name for c in checks if not c.passed and c.evidence == "not reported"]
        said = f"{len(failed)} of {len(checks)} tests that ran did not pass"
        said += f"; no such test was reported: {', '.join(missing[:3])}" if missing else ""
        return Verdict.score(0.0, Reason.WRONG, checks, f"{said}; {notes}" if notes else said)
    for now, ran in rounds:
        for name, place in now.wrong.items():
            if ran.outcomes.get(name) not in CAUGHT:
                outcome = ran.outcomes.get(name, "not reported")
                detail = f"a must-fail canary in {place.file} neither failed nor raised: {name} was {outcome}"
                return Verdict.score(0.0, Reason.MALFORMED, checks, detail)
    if len(checks) != len(suite.places):
        return Verdict.invalid(Reason.MACHINERY, f"{len(suite.places) - len(checks)} tests were never run")
    return Verdict.score(1.0, Reason.PASSED, checks)


def _checks(suite: Suite, rounds: Sequence[tuple[Round, Ran]]) -> tuple[Check, ...]:
    """Return one check per decisive test that was run as it is, in the order of the task, then entries left out."""
    seen: dict[str, Check] = {}
    for now, ran in rounds:
        for name in now.right:
            if name in suite.places and (name not in seen or seen[name].passed):
                outcome = ran.outcomes.get(name, "not reported")
                why = f"{outcome}: {ran.why[name]}" if ran.why.get(name) else outcome
                seen[name] = Check(name=name, passed=passes(suite, name, ran), evidence=why)
    return tuple(seen[name] for name in suite.places if name in seen)


def as_listed(suite: Suite, checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return the checks under the ids of the task's list: an id that means several tests passes when all of them do.

    What the list holds that is no test is said at the end; nothing of the candidate's was looked at for it.
    """
    if not suite.wanted:
        return tuple(checks)
    by_id: dict[str, list[Check]] = {}
    for check in checks:
        by_id.setdefault(suite.listed.get(check.name, check.name), []).append(check)
    made = []
    for name in suite.wanted:
        if parts := by_id.pop(name, []):
            first = next((part for part in parts if not part.passed), parts[0])
            also = f" ({len(parts)} tests)" if len(parts) > 1 else f" ({first.name})" if first.name != name else ""
            passed = all(part.passed for part in parts)
            made.append(Check(name=name, passed=passed, evidence=f"{first.evidence}{also}"))
        elif name in suite.ignored:
            made.append(Check(name=name, passed=True, evidence=f"ignored: {suite.ignored[name]}"))
    return (*made, *(check for rest in by_id.values() for check in rest))
