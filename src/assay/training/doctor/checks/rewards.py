"""Rewards: no number, invalid for many attempts, or in every group the same, so that no gradient is left."""

import math
from collections.abc import Iterator
from typing import Any

from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient
from assay.training.doctor.series import values

NEEDS = ()
MANY_INVALID, ALIKE, ALL_ALIKE = 0.1, 0.7, 0.95


def check(patient: Patient) -> Iterator[Finding]:
    """Look at the rewards in the log of a run that samples, and at the values that a training set records."""
    if any("reward_mean" in line for line in patient.log):
        yield _of_log(patient)
    rounds = [*patient.log, *patient.steps_not_taken]
    if any("groups" in line for line in rounds):
        yield _of_groups(rounds)
    if patient.has("data"):
        yield _of_data(patient)


def _of_log(patient: Patient) -> Finding:
    means = [line.get("reward_mean") for line in patient.log if "reward_mean" in line]
    lost = sum(mean is None or not math.isfinite(mean) for mean in means)
    group = _group(patient)
    invalid, attempts = sum(values(patient.log, "invalid")), group * sum(values(patient.log, "groups"))
    share = invalid / attempts if attempts else 0.0
    value = {"steps": len(means), "not_a_number": lost, "invalid": int(invalid), "invalid_share": share}
    if lost:
        return Finding(
            check="rewards.numbers",
            status=Status.FAIL,
            value=value,
            advice=f"The mean reward is NaN at {lost} of {len(means)} steps: a reward that is no number was trained "
            "on, or whole steps had no valid attempt. Find the grader that gave it; invalid attempts must leave their "
            "group.",
        )
    if share > MANY_INVALID:
        return Finding(
            check="rewards.numbers",
            status=Status.WARN,
            value=value,
            advice=f"{share:.0%} of the attempts ended without a valid reward: the machinery fails, and what is left "
            "may not be a fair sample. Look at their errors in the ledger.",
        )
    return Finding(check="rewards.numbers", status=Status.OK, value=value)


def _group(patient: Patient) -> int:
    """Return how many attempts a group was planned to have, 0 where the card does not say."""
    online = patient.card.get("online")
    return int(online.get("group", 0)) if isinstance(online, dict) else 0


def _of_groups(rounds: list[dict[str, Any]]) -> Finding:
    """Judge all groups that were sampled, those of rounds without a step among them."""
    groups = sum(values(rounds, "groups"))
    alike = sum(values(rounds, "groups_without_variance"))
    if not groups:
        return Finding(
            check="rewards.groups",
            status=Status.FAIL,
            value={"groups": 0},
            advice="No step had a single group of attempts: nothing was sampled, or every attempt was invalid.",
        )
    share = alike / groups
    value = {"groups": int(groups), "without_variance": share}
    if share <= ALIKE:
        return Finding(check="rewards.groups", status=Status.OK, value=value)
    mean = [number for number in values(rounds, "reward_mean") if math.isfinite(number)]
    level = sum(mean) / len(mean) if mean else math.nan
    way = "too hard: take easier tasks, or larger groups" if level < 0.5 else "too easy: take harder tasks"
    return Finding(
        check="rewards.groups",
        status=Status.FAIL if share > ALL_ALIKE else Status.WARN,
        value=value,
        advice=f"In {share:.0%} of the groups all attempts got the same reward, so they teach nothing (mean reward "
        f"{level:.2f}). The tasks are {way}.",
    )


def _of_data(patient: Patient) -> Finding:
    data = patient.dataset
    bad = []
    known = 0
    for place in range(len(data)):
        value = data.meta(place).get("value")
        if value is None:
            continue
        known += 1
        if not isinstance(value, int | float) or not 0.0 <= value <= 1.0:  # NaN fails both comparisons
            bad.append(place)
    measured = {"with_a_value": known, "outside_0_to_1": len(bad)}
    if not bad:
        return Finding(check="rewards.data", status=Status.OK, value=measured)
    return Finding(
        check="rewards.data",
        status=Status.FAIL,
        value=measured,
        advice=f"{len(bad)} examples of {data.folder} record a value that is no number in [0, 1], example {bad[0]} "
        f"(task {data.meta(bad[0]).get('task_id')}) first: grade it again, or leave it out of the build.",
    )
