"""Public results, reproduced to the printed digit from the public tables, where these are at hand."""

import csv
import datetime
import json
import os
from pathlib import Path

import numpy as np
import pytest

from assay.statistics.horizon import trend
from assay.statistics.uplift import impute_by_arm, uplift

DATA = Path(os.environ.get("ASSAY_STATISTICS_DATA", Path(__file__).resolve().parents[3] / "shared/data/statistics"))


def table(name: str) -> Path:
    if not (DATA / name).is_file():
        pytest.skip(f"the public table {name} is not at {DATA}: name its folder in ASSAY_STATISTICS_DATA")
    return DATA / name


def test_the_developer_trial_of_2025():
    with table("metr_rct.csv").open() as file:
        rows = list(csv.DictReader(file))
    numbers = {
        name: np.array([float(row[name]) if row[name] else np.nan for row in rows])
        for name in (
            "ai_treatment",
            "initial_implementation_time",
            "post_review_implementation_time",
            "predicted_time_no_ai",
        )
    }
    treated = numbers["ai_treatment"]
    review = impute_by_arm(numbers["post_review_implementation_time"], treated)
    found = uplift(
        numbers["initial_implementation_time"] + review,
        treated,
        numbers["predicted_time_no_ai"],
        [row["dev_id"] for row in rows],
    )
    assert found.homoskedastic.n == 246
    assert round(found.homoskedastic.estimate, 3) == 0.188
    for interval, ends in (
        (found.homoskedastic, (0.013, 0.395)),
        (found.hc3, (0.013, 0.394)),
        (found.clustered, (0.016, 0.390)),
    ):
        assert (round(interval.low, 3), round(interval.high, 3)) == ends


@pytest.mark.parametrize(("since", "days"), [(datetime.date(2023, 1, 1), 130.801), (datetime.date.min, 196.475)])
def test_the_doubling_time_of_horizons(since, days):
    yaml = pytest.importorskip("yaml")
    results = yaml.safe_load(table("metr_time_horizon_1_1.yaml").read_text())["results"]
    points = [
        (result["release_date"], result["metrics"]["p50_horizon_length"]["estimate"])
        for result in results.values()
        if result["metrics"]["is_sota"] and result["release_date"] >= since
    ]
    found = trend([day.toordinal() for day, _ in points], [minutes for _, minutes in points])
    assert round(found.doubling_days, 3) == days
    assert found.low < days < found.high


def test_the_harmonic_mean_of_speed_ups():
    results = json.loads(table("algotune_agent_summary.json").read_text())
    speed_ups = []
    for models in results.values():
        said = models.get("o4-mini", {}).get("final_speedup", "N/A")
        speed_ups.append(max(1.0, float(said)) if said != "N/A" else 1.0)
    assert len(speed_ups) == 154
    assert round(len(speed_ups) / sum(1 / value for value in speed_ups), 2) == 1.72
