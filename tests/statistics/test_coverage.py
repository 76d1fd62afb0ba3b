"""Simulated coverage of the intervals; `python tests/statistics/test_coverage.py` prints the table of docs.

A world has tasks of unlike difficulty and runs of unlike luck, both normal on the logit scale. An interval
covers when it holds the mean over all tasks and runs that could have been drawn, found from a large sample.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from assay.statistics import mean_interval, paired_difference


@dataclass(frozen=True)
class World:
    """Logit means of a and b, spreads between tasks and between runs, and the size of the experiment."""

    seeds: int
    tasks: int
    a: float
    b: float
    task_spread: float
    seed_spread: float

    def draw(self, rng: np.random.Generator, mean: float, tasks_T: np.ndarray) -> np.ndarray:
        runs_S = rng.normal(0, self.seed_spread, self.seeds)
        chance_ST = 1 / (1 + np.exp(-(mean + tasks_T[None, :] + runs_S[:, None])))
        return (rng.random(chance_ST.shape) < chance_ST).astype(float)

    def truth(self, mean: float) -> float:
        rng = np.random.default_rng(99)
        logits = mean + rng.normal(0, np.hypot(self.task_spread, self.seed_spread), 1_000_000)
        return float((1 / (1 + np.exp(-logits))).mean())


def mean_coverage(world: World, repeats: int, seed: int = 1, resamples: int = 800) -> float:
    """Return the share of `repeats` experiments whose interval for the mean of a covers."""
    rng, truth, hits = np.random.default_rng(seed), world.truth(world.a), 0
    for _ in range(repeats):
        scores = world.draw(rng, world.a, rng.normal(0, world.task_spread, world.tasks))
        interval = mean_interval(scores, resamples=resamples)
        hits += interval.low <= truth <= interval.high
    return hits / repeats


def difference_coverage(world: World, repeats: int, seed: int = 1, resamples: int = 800) -> float:
    """Return the share of `repeats` experiments whose interval for a - b covers. Both meet the same tasks."""
    rng, hits = np.random.default_rng(seed), 0
    truth = world.truth(world.a) - world.truth(world.b)
    for _ in range(repeats):
        tasks_T = rng.normal(0, world.task_spread, world.tasks)
        a, b = (world.draw(rng, mean, tasks_T) for mean in (world.a, world.b))
        interval = paired_difference(a, b, resamples=resamples).interval
        hits += interval.low <= truth <= interval.high
    return hits / repeats


def spread_in_points(world: World) -> float:
    """Return the standard deviation between runs of a, in points of its pass rate."""
    rng = np.random.default_rng(98)
    tasks_T = rng.normal(0, world.task_spread, 20_000)
    runs = rng.normal(0, world.seed_spread, 400)
    return float(np.std([(1 / (1 + np.exp(-(world.a + tasks_T + run)))).mean() for run in runs])) * 100


WORLDS = (
    World(1, 40, -5.0, -5.3, 2.0, 0.0),
    World(1, 60, -0.7, -1.0, 1.5, 0.0),
    World(1, 400, -0.7, -1.0, 1.5, 0.0),
    World(3, 60, -5.0, -4.5, 2.0, 0.1),
    World(3, 60, -0.7, -1.0, 1.5, 0.0),
    World(3, 200, -0.7, -1.0, 1.5, 0.15),
    World(3, 200, -0.7, -1.0, 1.5, 0.4),
    World(5, 400, -0.7, -1.0, 1.5, 0.15),
    World(10, 500, -0.7, -1.0, 1.5, 0.2),
)


@pytest.mark.parametrize(
    "world", [World(1, 60, -0.7, -1.0, 1.5, 0.0), World(1, 40, -5, -5, 2, 0), World(3, 60, -0.7, -1.0, 1.5, 0.15)]
)
def test_coverage_of_a_mean(world):
    assert mean_coverage(world, 500) >= 0.93


@pytest.mark.parametrize("world", [World(1, 60, -0.7, -1.0, 1.5, 0.0), World(3, 60, -0.7, -1.0, 1.5, 0.15)])
def test_coverage_of_a_difference(world):
    assert difference_coverage(world, 600, resamples=500) >= 0.93


def test_three_seeds_that_differ_much_are_too_few_for_the_level_and_not_by_far():
    world = World(3, 120, -0.7, -1.0, 1.5, 0.4)
    assert 0.88 <= difference_coverage(world, 300, resamples=400) <= 0.95


if __name__ == "__main__":
    print("| seeds x tasks | pass rates | sd between runs | mean | difference |\n|---|---|---|---|---|")
    for each in WORLDS:
        rates = f"{100 * each.truth(each.a):.1f} % and {100 * each.truth(each.b):.1f} %"
        mean, difference = mean_coverage(each, 2000), difference_coverage(each, 2000)
        print(
            f"| {each.seeds} x {each.tasks} | {rates} | {spread_in_points(each):.1f} points "
            f"| {100 * mean:.1f} % | {100 * difference:.1f} % |",
            flush=True,
        )
