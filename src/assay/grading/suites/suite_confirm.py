"""Confirms the canaries of a suite: gold is graded as a candidate is, and what makes it fail is found and dropped.

A wrong expectation may upset tests that come after it in the same process: a test that fails half way leaves things
undone. So every canary of a function that must turn is drawn at least once in a grading that gives gold 1; one that
was never drawn is not kept.
"""

import resource
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from assay.errors import MachineryError
from assay.grading.suites.suite_edits import Edit
from assay.grading.suites.suite_forked import in_rounds
from assay.grading.suites.suite_rounds import CAUGHT, Ran, Round, draw, judge, least_rounds, odds, passes
from assay.grading.suites.suite_run import Place as Tree
from assay.grading.suites.suite_spec import ORDERS, Place, SpecError, Suite
from assay.nouns import Reason, Task, Verdict
from assay.sandbox import forking

Whole = Callable[[Sequence[Edit], Sequence[Place]], Awaitable[tuple[Ran, dict[Place, dict[str, str]]]]]
_CONFIRMED = 3  # gradings of gold that must all give 1 at the end
_MOST_CONFIRMED = 9  # made in order to draw every canary once
_RETRIES = 8  # times that canaries are dropped before none is left
_MOST_ROUNDS = 8
_QUICK_S = 2.5  # processor time that a grading may take for the sake of more rounds than are needed
_QUICK_FORKED_S = 1.25  # and where a round is a fork, which takes half as much
_ENOUGH = 1_000_000  # nor are more rounds needed when one guess in so many is right


class Confirmation:
    """Grades gold with canaries drawn, until nothing stands in its way. `suite` has the order in which it can run.

    `whole` runs functions on gold, in the order of the task, with edits made.
    """

    def __init__(self, task: Task, suite: Suite, gold: Tree, texts: Mapping[str, str], whole: Whole) -> None:
        self.task = task
        self.suite = suite
        self.gold = gold
        self.texts = texts
        self.whole = whole
        self.turning = {place for name, place in suite.places.items() if name in suite.must_turn}
        self.measured: list[float] = []  # processor seconds of a round

    async def confirm(self, edits: list[Edit]) -> tuple[list[Edit], int]:
        """Return the edits that hold and the number of rounds. Raises SpecError where gold fails without any."""
        turns = 0
        while True:
            kept, verdict, ran = await self._gradings(edits)
            if verdict.value == 1.0:
                return kept, self.suite.rounds or self._rounds(kept)
            if verdict.reason is Reason.MACHINERY:
                raise MachineryError(verdict.detail)
            if await self._holds_without():
                turns += 1
                bad = await self._guilty(edits, ran)
                edits = [edit for edit in edits if edit not in bad] if bad and turns <= _RETRIES else []
            elif self.suite.preload is not None:
                self.suite = replace(self.suite, preload=None)  # perhaps it holds where each round starts anew
            elif self.suite.order != ORDERS[-1]:
                self.suite = replace(self.suite, order=ORDERS[ORDERS.index(self.suite.order) + 1])
            else:
                failed = ", ".join(check.name for check in verdict.checks if not check.passed)
                raise SpecError(f"gold fails now and then: {verdict.detail} {failed}".strip())

    async def _gradings(self, edits: list[Edit]) -> tuple[list[Edit], Verdict, list[tuple[Round, Ran]]]:
        """Grade gold until every canary was drawn, or once as it fails; return the canaries that were, and the last."""
        self.measured = []
        left = set(edits)  # not drawn yet
        for number in range(_MOST_CONFIRMED):
            if number >= _CONFIRMED and not any(edit.place in self.turning for edit in left):
                break
            waiting = {edit.place for edit in left}
            verdict, ran = await self._grade([edit for edit in edits if edit in left or edit.place not in waiting])
            if verdict.value != 1.0:
                return [], verdict, ran
            left -= {edit for now, _ in ran for edit in now.edits}
        return [edit for edit in edits if edit not in left], verdict, ran

    async def _holds_without(self) -> bool:
        """Whether gold scores 1 in the order at hand when nothing is made wrong."""
        return all([(await self._grade([]))[0].value == 1.0 for _ in range(2)])

    async def _grade(self, edits: list[Edit]) -> tuple[Verdict, list[tuple[Round, Ran]]]:
        rounds = draw(self.suite, self.texts, edits)
        began = cpu_s()
        ran = await in_rounds(self.task, self.suite, self.gold, rounds)
        self.measured.append((cpu_s() - began) / len(rounds))
        return judge(self.suite, ran), ran

    async def _guilty(self, edits: Sequence[Edit], rounds: Sequence[tuple[Round, Ran]]) -> set[Edit]:
        """Return the edits that gold did not fail by, and all of the functions whose edits made others fail."""
        bad: set[Edit] = set()
        for now, ran in rounds:
            stood = {place for name, place in now.wrong.items() if ran.outcomes.get(name) not in CAUGHT}
            bad |= {edit for edit in now.edits if edit.place in stood and ran.reason is None}
            upset = {place for name, place in now.right.items() if not passes(self.suite, name, ran)}
            suspects = [e for e in now.edits if e not in bad and e.place.file in {place.file for place in upset}]
            if upset and suspects:
                blamed = await self._blamed(suspects, upset) or suspects  # where only the round's own order shows it
                places = {edit.place for edit in blamed}
                bad |= {edit for edit in edits if edit.place in places}
        return bad

    async def _blamed(self, suspects: list[Edit], upset: set[Place]) -> list[Edit]:
        """Return those of `suspects` that make a function of `upset` fail, each by itself; found by halving."""
        if not await self._upsets(suspects, upset):
            return []
        if len(suspects) == 1:
            return suspects
        half = len(suspects) // 2
        return [*await self._blamed(suspects[:half], upset), *await self._blamed(suspects[half:], upset)]

    async def _upsets(self, suspects: Sequence[Edit], upset: set[Place]) -> bool:
        files = {edit.file for edit in suspects}
        places = [place for place in dict.fromkeys(self.suite.places.values()) if place.file in files]
        ran, seen = await self.whole(suspects, places)
        spared = {edit.place: set(edit.passes) for edit in suspects}  # of an edited function only these must pass
        return any(
            not passes(self.suite, name, ran)
            for place in upset & set(places)
            for name in seen[place]
            if name in spared.get(place, {name})
        )

    def _rounds(self, edits: Sequence[Edit]) -> int:
        """Return how many rounds there shall be: more than are needed where a whole grading is quick."""
        count = least_rounds(len({edit.place for edit in edits} & self.turning), bool(edits))
        quick = _QUICK_FORKED_S if self.suite.preload is not None else _QUICK_S
        while 1 < count < _MOST_ROUNDS and (count + 1) * min(self.measured) < quick:
            if odds(self.suite, edits, count) >= _ENOUGH:
                break
            count += 1
        return count


def cpu_s() -> float:
    """Return the processor time of what we started, of sandboxes once they have ended; it hardly knows of load."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime + forking.processor_s()
