"""After training on scores: ask for each score that was learned from, and for one above the range, and see what comes.

The attempts go into the run's ledger under the arm `conditioned, asked T/10`; what the ledger has is not run again.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from assay.ledger import Ledger
from assay.models.formats import load_format
from assay.models.weights import load_model
from assay.nouns import PlannedAttempt, Task
from assay.training.collect import collect
from assay.training.conditioning import TOP, Calibration, asking_for, calibration
from assay.training.groups import reward_of
from assay.training.iterations import Say
from assay.training.online_config import OnlineConfig

FACT = "calibration"


def requested_and_achieved(
    checkpoint: Path,
    tasks: Sequence[Task],
    learned: Iterable[int],
    online: OnlineConfig,
    seed: int,
    ledger: Ledger,
    say: Say,
    executor: str,
) -> dict[str, Any]:
    """Ask for each tag in `learned`, the top one and the one above it; return and record the calibration.

    Each tag gets `online.calibration` attempts at each task; a task's mean over its valid attempts is one observation,
    so `n` counts tasks and the standard errors are between tasks.
    """
    tags = sorted({*learned, TOP, TOP + 1})
    known = {task.id: task for task in tasks}
    requested: list[int] = []
    achieved: list[float] = []
    invalid = 0
    model, form = load_model(checkpoint), load_format(checkpoint)
    for tag in tags:
        planned = [
            PlannedAttempt(
                arm=f"conditioned, asked {tag}/{TOP}",
                seed=seed,
                dose=online.iterations * online.groups * online.group,
                task_id=task_id,
                split=task.split,
                trial=trial,
            )
            for task_id, task in known.items()
            for trial in range(online.calibration)
        ]
        tried = collect(
            f"asked-{tag}",
            model,
            form,
            planned,
            known,
            ledger,
            temperature=online.temperature,
            max_new_tokens=online.max_new_tokens,
            slots=online.slots,
            agent=asking_for(tag, online.agent),
            executor=executor,
        )
        scores: dict[str, list[float]] = defaultdict(list)
        for attempt, _ in tried:
            reward = reward_of(attempt, online.reward)
            if reward is None:
                invalid += 1
            else:
                scores[attempt.plan.task_id].append(reward)
        requested += [tag] * len(scores)
        achieved += [sum(each) / len(each) for each in scores.values()]
    found = calibration(requested, achieved)
    told = {
        "tags": list(found.tags),
        "mean": list(found.mean),
        "error": list(found.error),
        "n": list(found.n),
        "attempts_each": online.calibration,
        "invalid": invalid,
        "rank_correlation": found.rank_correlation,
        "beyond": found.beyond,
        "beyond_error": found.beyond_error,
        "extrapolates": found.extrapolates,
        "tasks": sorted(known),
        "seed": seed,
    }
    ledger.set_fact(FACT, told)
    for line in words(found):
        say(line)
    return told


def words(found: Calibration) -> list[str]:
    """Return a calibration as lines of text."""
    rows = zip(found.tags, found.mean, found.error, found.n, strict=True)
    lines = [
        f"asked for {tag}/{TOP}: {mean:.3f} +/- {1.96 * error:.3f} achieved on {n} tasks"
        for tag, mean, error, n in rows
    ]
    if found.beyond is not None and found.beyond_error is not None:
        low, high = (found.beyond + side * 1.96 * found.beyond_error for side in (-1, 1))
        verdict = "beats" if found.extrapolates else "does not beat"
        lines.append(
            f"the tag above the range {verdict} the top one: {found.beyond:+.3f} [{low:+.3f}, {high:+.3f}]; "
            f"rank correlation of requested with achieved {found.rank_correlation:.2f}"
        )
    return lines
