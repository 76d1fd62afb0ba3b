"""How long the statistics take on one core: the two-level bootstrap and Rasch fits.

Run: python benchmarks/statistics_speed.py [--json] [--repeats 3]
Targets: 10,000 resamples of 500 tasks x 10 trials x 2 arms under 2 s; 1,000 fits of 50 x 500 under a minute. Processor
time of this process, median of the repeats; the fits are timed on 100 and multiplied.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded: one core

import numpy as np

from assay.statistics import paired_difference
from assay.statistics.item_response import rasch

_FITS = 100


def bootstrap_s(rng: np.random.Generator, seeds: int, trials: int) -> float:
    """Return the seconds of one paired comparison with 10,000 resamples of 500 tasks."""
    ease = rng.random(500)[:, None]
    a, b = ((rng.random((seeds, 500, trials)) < ease * share).astype(float) for share in (0.6, 0.65))
    began = time.process_time()
    paired_difference(a, b, matched=False, resamples=10_000)
    return time.process_time() - began


def rasch_s(rng: np.random.Generator) -> float:
    """Return the seconds of 1,000 fits, from 100."""
    tables = []
    for _ in range(_FITS):
        ability, difficulty = rng.normal(size=50), 1.5 * rng.normal(size=500)
        chance = 1 / (1 + np.exp(difficulty - ability[:, None]))
        tables.append((rng.random((50, 500)) < chance).astype(float))
    began = time.process_time()
    for table in tables:
        rasch(table)
    return (time.process_time() - began) * 1000 / _FITS


def main() -> None:
    """Measure and print; with --json, one object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    figures = {
        "bootstrap_trials_s": statistics.median(bootstrap_s(rng, 1, 10) for _ in range(arguments.repeats)),
        "bootstrap_seeds_s": statistics.median(bootstrap_s(rng, 10, 1) for _ in range(arguments.repeats)),
        "rasch_1000_s": statistics.median(rasch_s(rng) for _ in range(arguments.repeats)),
    }
    for name, seconds in figures.items():
        print(f"{name:20} {seconds:8.2f}")
    if arguments.json:
        print(json.dumps({name: round(seconds, 3) for name, seconds in figures.items()}))


if __name__ == "__main__":
    main()
