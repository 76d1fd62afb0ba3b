"""A pytest plugin: faults for one's own tests. It is never loaded by itself.

Name it with `pytest -p assay.chaos.plugin`, or in `pytest_plugins`. A test that takes `chaos` calls it with names of
faults and a seed, and gets the outcome, every law checked:

    def test_a_killed_driver(chaos):
        chaos("endpoint-slow", "driver-killed", seed=3)

A test that takes `chaos_plan` is run once for each of `--chaos-faults N` faults' runs, drawn by `--chaos-seed`, and its
name says which, so that one that failed is repeated by name and seed:

    def test_random_faults(chaos, chaos_plan):
        chaos(*chaos_plan.names, seed=chaos_plan.seed)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assay.chaos.answers import Answers
from assay.chaos.campaign import drawn
from assay.chaos.endpoint import Endpoint, serving
from assay.chaos.registry import find_fault
from assay.chaos.trial import Bench, Outcome, count_for, run_trial, tasks_for, undisturbed

MOST_DRIVES = 4  # of a run: with more it has less to do in each
_FAULTS = 8


@dataclass(frozen=True)
class ChaosPlan:
    """The faults of one run, in their order, and the seed of what they draw."""

    names: tuple[str, ...]
    seed: int


@dataclass
class Chaos:
    """Disturbs runs. All share one endpoint, and one run without faults that says what is right."""

    endpoint: Endpoint
    folder: Path
    outcomes: list[Outcome] = field(default_factory=list)
    _bench: Bench | None = None

    @property
    def bench(self) -> Bench:
        """What the runs share; the run without faults is made when it is first asked for."""
        if self._bench is None:
            self._bench = undisturbed(self.endpoint, self.endpoint.answers.tasks, self.folder)
        return self._bench

    def __call__(self, *names: str, seed: int = 0) -> Outcome:
        """Make one disturbed run and check its laws. Skips the test where this machine cannot have the fault."""
        faults = [find_fault(name) for name in names]
        if lack := next(filter(None, (fault.lacking() for fault in faults)), ""):
            pytest.skip(lack)
        outcome = run_trial(faults, seed, self.bench, self.folder, keep=True)
        self.outcomes.append(outcome)
        if outcome.broken:
            said = [f"{law}: {why}" for law, every in outcome.laws.items() for why in every]
            happened = [f"{note.at} s: {note.fault}: {note.what}" for note in outcome.notes]
            again = f"assay chaos --fault {outcome.name} --seed {outcome.seed}"
            pytest.fail("\n".join(["laws were broken:", *said, "injected:", *happened, f"again: {again}"]))
        return outcome

    @property
    def injected(self) -> int:
        """How many faults were injected so far; one that came too late is none."""
        return sum(len({note.fault for note in outcome.notes}) for outcome in self.outcomes)


@pytest.fixture(scope="session")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """Give what disturbs runs, for the whole session."""
    folder = tmp_path_factory.mktemp("chaos")
    with serving(Answers(tasks_for(count_for(MOST_DRIVES)))) as endpoint:
        yield Chaos(endpoint, folder)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say how many faults are drawn, and from which seed."""
    group = parser.getgroup("chaos", "faults injected into real runs of assay")
    group.addoption("--chaos-faults", type=int, default=_FAULTS, help="faults drawn for tests that take chaos_plan")
    group.addoption("--chaos-seed", type=int, default=0, help="of which faults are drawn, when and how")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `chaos_plan` once for each run that is drawn."""
    if "chaos_plan" in metafunc.fixturenames:
        given = metafunc.config.getoption  # the options are absent where a test module has loaded this plugin
        count, seed = given("--chaos-faults", default=_FAULTS), given("--chaos-seed", default=0)
        plans = [ChaosPlan(names, each) for names, each in drawn(count, seed)]
        metafunc.parametrize("chaos_plan", plans, ids=[f"{'+'.join(plan.names)}-{plan.seed}" for plan in plans])
