"""One simulation for each interval and test of `assay.statistics`: worlds whose truth is known, drawn again and again.

`benchmarks/coverage.py` runs them. A draw of an interval gives rows (low, estimate, high, truth); of a test, p-values;
of a decision, 1 where it was made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import beta, expit, logit

from assay.statistics import (
    Interval,
    clustered_mean,
    decide,
    holm,
    jeffreys,
    mcnemar,
    mean_interval,
    paired_difference,
    pass_at_k,
    pass_hat_k,
    rank_intervals,
    smallest_detectable_difference,
    tango,
    wilson,
)
from assay.statistics.decisions import Verdict
from assay.statistics.design import guessed, power, tasks_needed
from assay.statistics.growth import ceiling
from assay.statistics.horizon import horizon, trend
from assay.statistics.item_response import ELO_PER_LOGIT, elo, rasch, two_parameter
from assay.statistics.scaling import Form, fit_curves, prediction_band
from assay.statistics.uplift import uplift

Array = NDArray[np.float64]
Rng = np.random.Generator
_Z = 1.959964


class Counts(StrEnum):
    """What a case counts."""

    COVERS = "covers"
    REJECTS = "rejects a true null at 5 %"
    EQUAL = "calls equal what differs by the margin"
    FINDS = "finds the difference"


@dataclass(frozen=True)
class Case:
    """One simulation: what is drawn, how often, and the percentages between which the share has to lie.

    `why` says why a band is not 93 to 97, as the docstring of the method does.
    """

    name: str
    setting: str
    draw: Callable[[Rng], Any]
    repeats: int = 2000
    band: tuple[float, float] = (93.0, 97.0)
    why: str = ""
    counts: Counts = Counts.COVERS


def _row(found: Interval, truth: float) -> list[float]:
    return [found.low, found.estimate, found.high, truth]


@dataclass(frozen=True)
class World:
    """Logit means of a and b, spreads between tasks and between runs, and the size of the experiment."""

    seeds: int
    tasks: int
    a: float
    b: float
    task_spread: float
    seed_spread: float
    trials: int = 1

    def draw(self, rng: Rng, mean: float, tasks_T: Array) -> Array:
        """Return scores_STK of a system that meets tasks of these logits."""
        runs_S = rng.normal(0, self.seed_spread, self.seeds)
        chance_ST = expit(mean + tasks_T[None, :] + runs_S[:, None])
        return (rng.random((*chance_ST.shape, self.trials)) < chance_ST[:, :, None]).astype(float)

    def truth(self, mean: float) -> float:
        """Return the mean score over all tasks and runs that could be drawn."""
        return _logistic_normal(mean, float(np.hypot(self.task_spread, self.seed_spread)))

    @property
    def words(self) -> str:
        """The setting in words."""
        size = f"{self.seeds} x {self.tasks}" + (f" x {self.trials}" if self.trials > 1 else "")
        rates = f"{100 * self.truth(self.a):.0f} and {100 * self.truth(self.b):.0f} %"
        points = 100 * self.seed_spread * (self.truth(self.a + 0.5) - self.truth(self.a - 0.5))
        return f"seeds x tasks {size}, rates {rates}, runs differ by {points:.1f} points"


@cache
def _logistic_normal(mean: float, sd: float) -> float:
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    return float(expit(mean + sd * nodes) @ weights / weights.sum())


WORLDS = (
    (World(1, 40, -5.0, -5.3, 2.0, 0.0), "rare"),
    (World(1, 60, -0.7, -1.0, 1.5, 0.0), ""),
    (World(1, 60, -0.7, -1.0, 1.5, 0.0, 5), ""),
    (World(1, 400, -0.7, -1.0, 1.5, 0.0), ""),
    (World(3, 60, -5.0, -4.5, 2.0, 0.1), "mean difference"),
    (World(3, 60, -0.7, -1.0, 1.5, 0.0), "mean difference"),
    (World(3, 200, -0.7, -1.0, 1.5, 0.15), "mean difference"),
    (World(3, 200, -0.7, -1.0, 1.5, 0.4), "few"),
    (World(5, 400, -0.7, -1.0, 1.5, 0.15), "mean difference"),
    (World(10, 500, -0.7, -1.0, 1.5, 0.2), "mean difference"),
)
_CAREFUL = "wide by design: noise of single attempts counts in both levels"
_ORIGIN = "wide: errors hold that of the origin, which differences cancel"
_LEVELS = "wide: the noise of runs counts in each of three levels"
_RARE = "wide: rare outcomes are whole numbers"


def _promised(which: str, careful: str) -> tuple[tuple[float, float], str]:
    if careful == "few":
        return (90.0, 97.0), "three seeds tell little of how much seeds differ"
    if careful == "rare":
        return (93.0, 100.0), _RARE
    return ((93.0, 100.0), _CAREFUL) if which in careful else ((93.0, 97.0), "")


def mean(world: World, rng: Rng) -> list[list[float]]:
    scores = world.draw(rng, world.a, rng.normal(0, world.task_spread, world.tasks))
    return [_row(mean_interval(scores, resamples=800), world.truth(world.a))]


def difference(world: World, matched: bool, rng: Rng) -> list[list[float]]:
    tasks_T = rng.normal(0, world.task_spread, world.tasks)
    a, b = (world.draw(rng, each, tasks_T) for each in (world.a, world.b))
    found = paired_difference(a, b, matched=matched, resamples=800).interval
    return [_row(found, world.truth(world.a) - world.truth(world.b))]


def proportion(interval: Callable[[float, float], Interval], n: int, ends: tuple[float, float], rng: Rng) -> Any:
    p = rng.uniform(*ends)
    return [_row(interval(int(rng.binomial(n, p)), n), p)]


def pair(n: int, rates: tuple[float, float], rng: Rng) -> list[list[float]]:
    only_a, only_b, _ = rng.multinomial(n, [*rates, 1 - sum(rates)])
    return [_row(tango(int(only_a), int(only_b), n), rates[0] - rates[1])]


def at_k(estimator: Callable[[Any, Any, int], Array], tasks: int, k: int, rng: Rng) -> list[list[float]]:
    """Ten trials a task of chances Beta(1, 1.5)."""
    solved = rng.binomial(10, rng.beta(1, 1.5, tasks))
    truth = 1 - beta(1, 1.5 + k) / beta(1, 1.5) if estimator is pass_at_k else beta(1 + k, 1.5) / beta(1, 1.5)
    values = estimator(np.full(tasks, 10), solved, k)
    return [_row(mean_interval(values[None], resamples=800), float(truth))]


def one_way(clusters: int, rng: Rng) -> list[list[float]]:
    chance = expit(-0.5 + rng.normal(0, 1.0, (clusters, 1)) + rng.normal(0, 1.0, (clusters, 8)))
    scores = (rng.random(chance.shape) < chance).astype(float).ravel()
    return [_row(clustered_mean(scores, np.repeat(range(clusters), 8).tolist()), _logistic_normal(-0.5, 2**0.5))]


def two_way(size: int, rng: Rng) -> list[list[float]]:
    rows, columns = rng.normal(0, 0.06, size), rng.normal(0, 0.06, size)
    scores = np.clip(0.5 + rows[:, None] + columns + rng.normal(0, 0.1, (size, size)), 0, 1).ravel()
    first, second = np.repeat(range(size), size).tolist(), np.tile(range(size), size).tolist()
    return [_row(clustered_mean(scores, first, second), 0.5)]


def null_bootstrap(world: World, rng: Rng) -> list[float]:
    tasks_T = rng.normal(0, world.task_spread, world.tasks)
    return [paired_difference(*(world.draw(rng, world.a, tasks_T) for _ in "ab"), resamples=800).p]


def null_pairs(n: int, share: float, rng: Rng) -> list[float]:
    only_a, only_b, _ = rng.multinomial(n, [share / 2, share / 2, 1 - share])
    return [mcnemar(int(only_a), int(only_b))]


def null_family(tests: int, rng: Rng) -> list[float]:
    """The least adjusted p of several true nulls that share one baseline: the family's error."""
    base = rng.normal(size=60)
    z = np.array([(rng.normal(size=60) - base).mean() / (2 / 60) ** 0.5 for _ in range(tests)])
    from scipy.stats import norm

    return [float(holm(2 * norm.sf(np.abs(z))).min())]


def equal(tasks: int, margin: float, rng: Rng) -> list[float]:
    """True differences of just the margin: to call them equal is the error that the test bounds by 5 %."""
    won = rng.choice([1, -1, 0], tasks, p=[0.1 + margin, 0.1, 0.8 - margin])
    found = paired_difference((won > 0)[None].astype(float), (won < 0)[None].astype(float), resamples=800)
    return [float(decide(found, margin) in (Verdict.EQUAL, Verdict.DIFFERENT_BUT_SMALL))]


def finds(tasks: int, a: float, b: float, both: float, rng: Rng) -> list[float]:
    """Whether a run of `tasks` finds a difference of rates a - b; `both` is the share that both solve."""
    drawn = rng.choice(4, tasks, p=[both, a - both, b - both, 1 - a - b + both])
    table = np.array([[1, 1], [1, 0], [0, 1], [0, 0]], dtype=float)[drawn]
    return [float(paired_difference(table[:, 0][None], table[:, 1][None], resamples=800).interval.excludes_zero)]


def ranks(shift: float, rng: Rng) -> list[list[float]]:
    """Four systems whose logits lie `shift` apart on the same 200 tasks; 0 makes them all first."""
    tasks_T, world = rng.normal(0, 1.5, 200), World(1, 200, 0, 0, 1.5, 0)
    found = rank_intervals([world.draw(rng, -shift * place, tasks_T) for place in range(4)], resamples=800)
    return [[rank.low, rank.place, rank.high, 1.0 + (place if shift else 0)] for place, rank in enumerate(found)]


def items(which: str, solvers: int, count: int, rng: Rng) -> Array:
    """Centred abilities or difficulties of a Rasch world, or what a two-parameter world has."""
    two = which.startswith("two")
    ability, difficulty = rng.normal(size=solvers), 1.5 * rng.normal(size=count)
    logs = 0.4 * rng.normal(size=count) if two else np.zeros(count)
    outcomes = rng.random((solvers, count)) < expit(np.exp(logs) * (ability[:, None] - difficulty))
    fit = (two_parameter if two else rasch)(outcomes.astype(float))
    name = which.split()[-1]
    if name == "discrimination":
        at, error, true = np.log(fit.discrimination), fit.discrimination_error / fit.discrimination, logs
        return np.exp(np.column_stack([at - _Z * error, at, at + _Z * error, true]))
    at, error = (
        getattr(fit, "ability" if name == "elo" else name),
        getattr(fit, f"{'ability' if name == 'elo' else name}_error"),
    )
    true = difficulty if name == "difficulty" else ability
    if not two:  # the priors of Rasch fix the origin, and only differences are told
        at, true = at - at.mean(), true - true.mean()
    if name == "elo":
        at, error, true = elo(at), ELO_PER_LOGIT * error, elo(true)
    return np.column_stack([at - _Z * error, at, at + _Z * error, true])


def grown(seen: float, few: bool, rng: Rng) -> list[list[float]]:
    """Twelve points with 10 % noise, from 0.5 % of the ceiling of 1 up to `seen` of it."""
    times = np.linspace(logit(0.005), logit(seen), 12)
    found = ceiling(times, np.exp(rng.normal(0, 0.1, 12)) * expit(times), small_sample=few)
    return [[found.low, found.best, found.high, 1.0]]


DOSES = np.array([50, 100, 200, 400, 800, 1600, 3200.0])


def dose_ceiling(known: bool, rng: Rng) -> list[list[float]]:
    scores = 0.5 - 0.45 * np.exp(-DOSES / 500) + rng.normal(0, 0.01, 7)
    fits = fit_curves(DOSES, np.clip(scores, 0, 1), np.full(7, 0.01) if known else None)
    fit = next(fit for fit in fits if fit.form is Form.EXPONENTIAL)
    return [[fit.low, fit.ceiling, fit.high, 0.5]]


def band(dose: float, rng: Rng) -> list[list[float]]:
    """A power law times each task's ease, three seeds of 200 tasks a dose."""
    ease = rng.beta(1, 1.5, 200)
    scores = [(rng.random((3, 200)) < ease * (1 - 0.9 * (each / 50) ** -0.4)).astype(float) for each in DOSES]
    found = prediction_band(DOSES, scores, [dose], resamples=200)
    return [[found.low[0], found.estimate[0], found.high[0], 0.4 * (1 - 0.9 * (dose / 50) ** -0.4)]]


def half(families: int, rng: Rng) -> list[list[float]]:
    """Four tasks a family, four runs a task; the horizon is 30 minutes. Families are easier or harder as a whole."""
    minutes = 2 ** rng.uniform(-2, 9, 4 * families)
    names = np.repeat(range(families), 4).tolist()
    odds = 0.6 * np.log2(30 / minutes) + np.repeat(rng.normal(0, 0.5, families), 4)
    success = (rng.random((len(minutes), 4)) < expit(odds)[:, None]).astype(float)
    found = horizon(success, minutes, names, resamples=300).minutes
    return [list(np.log([found.low, found.estimate, found.high, 30.0]))]


def doubling(points: int, rng: Rng) -> list[list[float]]:
    days = np.sort(rng.uniform(0, 1500, points))
    return [_row(trend(days, 3 * 2 ** (days / 200 + rng.normal(0, 0.7, points))).rate, 1 / 200)]


def worked(kind: str, people: int, spread: float, uneven: float, rng: Rng) -> list[list[float]]:
    """Eight items a person, true effect exp(0.17) - 1; `spread` between people's effects, `uneven` noise with it."""
    who = np.repeat(range(people), 8)
    treated = (rng.random(len(who)) < 0.5).astype(float)
    forecast = np.exp(rng.normal(4, 0.8, len(who)))
    own = rng.normal(0, spread, people)[who]
    noise = rng.normal(0, 0.6 * (1 + uneven * treated))
    found = getattr(uplift(forecast * np.exp((0.17 + own) * treated + noise), treated, forecast, who.tolist()), kind)
    return [_row(found, float(np.expm1(0.17)))]


def _designs() -> list[Case]:
    a, b, both = 0.36, 0.30, 0.22
    correlation = (both - a * b) / (a * (1 - a) * b * (1 - b)) ** 0.5
    spread = guessed(a, b, correlation=correlation)
    needed = tasks_needed(a - b, spread) or 0
    promised = 100 * power(a - b, spread, 300)
    size = smallest_detectable_difference(spread.task_sd, 400)
    rates, finding = (a, b, both), partial(Case, counts=Counts.FINDS, repeats=1000)
    return [
        finding(
            "power", f"rates 36 and 30 %, 300 tasks: promised {promised:.0f} %",
            partial(finds, 300, *rates), band=(promised - 4, promised + 4),
        ),
        finding("tasks_needed", f"{needed} tasks, promised 80 %", partial(finds, needed, *rates), band=(76, 84)),
        finding(
            "smallest_detectable_difference", f"{100 * size:.1f} points on 400 tasks, promised 80 %",
            partial(finds, 400, b + size, b, both), band=(75, 85),
        ),
    ]  # fmt: skip


def cases() -> Sequence[Case]:
    """Return every case, in the order of the table of docs/statistics.md."""
    found: list[Case] = []
    for name, interval in (("wilson", wilson), ("jeffreys", jeffreys)):
        found.append(Case(name, "40 trials, rates 5 to 95 %", partial(proportion, interval, 40, (0.05, 0.95)), 4000))
        found.append(Case(name, "40 trials, rate 2 %", partial(proportion, interval, 40, (0.02, 0.02)), 4000))
    found.append(Case("tango", "60 pairs, 20 % and 15 % alone", partial(pair, 60, (0.2, 0.15)), 4000))
    found.append(
        Case("tango", "40 pairs, 3 % and 2 % alone", partial(pair, 40, (0.03, 0.02)), 4000, (93.0, 100.0), _RARE)
    )
    for world, careful in WORLDS:
        band_, why = _promised("mean", careful)
        found.append(Case("mean_interval", world.words, partial(mean, world), 1000, band_, why))
    for world, careful in WORLDS:
        band_, why = _promised("difference", careful)
        found.append(Case("paired_difference", world.words, partial(difference, world, True), 600, band_, why))
    found += [
        Case("paired_difference", "seeds of each side on their own, 5 x 200, runs differ by 2.4 points",
             partial(difference, World(5, 200, -0.7, -1.0, 1.5, 0.15), False), 600, (93.0, 100.0), _CAREFUL),
        Case("pass_at_k", "mean of 60 tasks, k = 5 of 10 trials", partial(at_k, pass_at_k, 60, 5), 1000),
        Case("pass_at_k", "mean of 400 tasks, k = 5 of 10 trials", partial(at_k, pass_at_k, 400, 5), 600),
        Case("pass_hat_k", "mean of 60 tasks, k = 3 of 10 trials", partial(at_k, pass_hat_k, 60, 3), 1000),
        Case("clustered_mean", "one way, 50 clusters of 8", partial(one_way, 50), 1000),
        Case("clustered_mean", "one way, 8 clusters of 8", partial(one_way, 8), 1000),
        Case("clustered_mean", "two ways, 40 x 40", partial(two_way, 40), 1000),
        Case("clustered_mean", "two ways, 8 x 8", partial(two_way, 8), 1000),
        Case("paired_difference", "p, no difference, 60 tasks", partial(null_bootstrap, WORLDS[1][0]), 600, (3.0, 7.0),
             counts=Counts.REJECTS),
        Case("mcnemar", "no difference, 60 tasks, 30 % discordant", partial(null_pairs, 60, 0.3), 4000, (0.0, 6.0),
             "exact, so under its level: counts are whole", Counts.REJECTS),
        Case("holm", "any of 5 true nulls that share a baseline", partial(null_family, 5), 1000, band=(0.0, 6.0),
             why="it bounds the family's error, under any dependence", counts=Counts.REJECTS),
        Case("decide", "300 tasks, true difference 7 points, margin 7", partial(equal, 300, 0.07), 600, band=(3.0, 7.0),
             counts=Counts.EQUAL),
        Case("rank_intervals", "4 systems, logits 0.3 apart, 200 tasks", partial(ranks, 0.3), 300, (93.0, 100.0),
             "at least its level: a rank is a whole number"),
        Case("rank_intervals", "4 equal systems, 200 tasks", partial(ranks, 0.0), 300, (93.0, 100.0),
             "at least its level: a rank is a whole number"),
        Case("rasch", "abilities, 30 x 200", partial(items, "rasch ability", 30, 200), 200, (93.0, 100.0),
             _ORIGIN),
        Case("rasch", "difficulties, 30 x 200", partial(items, "rasch difficulty", 30, 200), 200, (93.0, 100.0),
             _ORIGIN),
        Case("elo", "abilities on the Elo scale, 19 x 559", partial(items, "rasch elo", 19, 559), 60, (93.0, 100.0),
             _ORIGIN),
        Case("two_parameter", "abilities, 200 x 60", partial(items, "two ability", 200, 60), 40),
        Case("two_parameter", "difficulties, 200 x 60", partial(items, "two difficulty", 200, 60), 40, (90.0, 97.0),
             "the priors draw items that are far out inwards"),
        Case("two_parameter", "discriminations, 200 x 60", partial(items, "two discrimination", 200, 60), 40),
    ]  # fmt: skip
    found += [
        Case("growth.ceiling", f"12 points up to {share:.0%} of the ceiling{', small_sample' if few else ''}",
             partial(grown, share, few), 300, (88.0, 100.0) if few else (86.0, 97.0),
             "F: wide where the ceiling is far" if few else "chi squared, with 12 points")
        for few in (False, True)
        for share in (0.1, 0.35, 0.7)
    ]  # fmt: skip
    found += [
        Case("scaling.fit_curves", "ceiling, 7 doses, errors known", partial(dose_ceiling, True), 150),
        Case("scaling.fit_curves", "ceiling, 7 doses, errors from the fit", partial(dose_ceiling, False), 150),
        Case("scaling.prediction_band", "within the doses", partial(band, 1000.0), 200, (93.0, 100.0), _CAREFUL),
        Case("scaling.prediction_band", "at four times the last dose", partial(band, 12_800.0), 200, (93.0, 100.0),
             _CAREFUL),
        Case("horizon", "40 families of 4 tasks, 4 runs", partial(half, 40), 150, (93.0, 100.0), _LEVELS),
        Case("horizon", "15 families of 4 tasks, 4 runs", partial(half, 15), 150, (93.0, 100.0), _LEVELS),
        Case("horizon.trend", "12 systems", partial(doubling, 12), 1000),
        Case("uplift", "homoskedastic, 20 people", partial(worked, "homoskedastic", 20, 0.0, 0.0), 1000),
        Case("uplift", "HC3, 20 people, noise with the treatment half as large again",
             partial(worked, "hc3", 20, 0.0, 0.5), 1000),
        Case("uplift", "clustered, 60 people who gain differently", partial(worked, "clustered", 60, 0.5, 0.0), 1000),
        Case("uplift", "clustered, 16 people who gain differently", partial(worked, "clustered", 16, 0.5, 0.0), 1000,
             (90.0, 97.0), "so few clusters, and a normal quantile as published"),
        *_designs(),
    ]  # fmt: skip
    return found
