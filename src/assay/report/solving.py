"""What a run of `assay solve` comes to: solved of how many, with an interval, and what it took; from the ledger."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from assay.ledger import Ledger
from assay.nouns import Status
from assay.nouns.base import digest
from assay.report.words import count, duration
from assay.statistics import Interval, jeffreys

_SHOWN = 5


def instance_set(ids: Iterable[str]) -> str:
    """Return the digest of a set of instances, whatever their order."""
    return digest(sorted(set(ids)))[:16]


def rate(solved: int, n: int) -> dict[str, Any]:
    """Return a resolved rate as JSON: null, with no interval, where there is nothing to estimate from."""
    if n == 0:
        return {"resolved_rate": None, "interval": None, "interval_n": 0, "interval_method": None}
    found: Interval = jeffreys(solved, n)
    return {
        "resolved_rate": round(found.estimate, 6),
        "interval": [round(found.low, 6), round(found.high, 6)],
        "interval_level": found.level,
        "interval_n": n,
        "interval_method": found.method,
    }


def summary(ledger: Ledger, refused: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """Return the figures of a run. The rate is of the attempts that ended by themselves: machinery is apart."""
    planned = ledger.last_trials()
    last = ledger.last_ended()
    statuses: Counter[Status] = Counter()
    attempts = test_only = calls = prompt_tokens = sampled_tokens = 0
    cost = seconds = 0.0
    for _, attempt, trajectory in ledger.recorded(0, ledger.last_position()):
        attempts += 1
        seconds += attempt.wall_s
        if attempt.plan.trial == last[attempt.plan.task_id][0]:
            statuses[attempt.status] += 1
            test_only += attempt.test_only
        for step in trajectory.steps if trajectory is not None else ():
            calls += 1
            prompt_tokens += step.reply.prompt_tokens
            sampled_tokens += step.reply.sampled_tokens or len(step.reply.token_ids or ())
            cost += step.reply.cost
    solved, machinery = statuses[Status.SOLVED], statuses[Status.MACHINERY]
    return {
        "planned": len(planned),
        "finished": len(last),
        "solved": solved,
        "machinery": machinery,
        "statuses": {status.value: statuses[status] for status in Status if statuses[status]},
        **rate(solved, len(last) - machinery),
        "test_only": test_only,
        "retried": attempts - len(last),
        "refused": [{"id": task_id, "why": why} for task_id, why in refused],
        "instances": instance_set(planned),
        "seeds": ledger.seeds(),
        "calls": calls,
        "prompt_tokens": prompt_tokens,
        "sampled_tokens": sampled_tokens,
        "cost": round(cost, 6) if cost else None,
        "attempt_seconds": round(seconds, 3),
    }


def rate_words(found: dict[str, Any]) -> str:
    """Return a rate of `rate` in words."""
    if found["resolved_rate"] is None:
        return "no attempt has a score"
    low, high = found["interval"]
    return (
        f"{100 * found['resolved_rate']:.1f} % ({100 * found['interval_level']:.0f} % interval {100 * low:.1f} to "
        f"{100 * high:.1f} %, {found['interval_method']}, n = {found['interval_n']})"
    )


def words(found: dict[str, Any]) -> list[str]:
    """Return the summary as lines of text."""
    lines = [f"solved {found['solved']} of {found['planned']} planned: {rate_words(found)}"]
    if found["finished"] < found["planned"]:
        lines.append(f"not finished: {found['planned'] - found['finished']}; run the same command again to go on")
    lines.append("statuses: " + (", ".join(f"{name} {n}" for name, n in found["statuses"].items()) or "none"))
    if found["machinery"]:
        lines.append(
            f"machinery failed {count(found['machinery'], 'attempt')}, which have no score; "
            "--retry-machinery tries them again"
        )
    if found["test_only"]:
        lines.append(f"changed tests and nothing else: {found['test_only']}")
    for entry in found["refused"][:_SHOWN]:
        lines.append(f"refused: {entry['id']}: {entry['why']}")
    if len(found["refused"]) > _SHOWN:
        lines.append(f"refused: {len(found['refused']) - _SHOWN} more, which --json names")
    cost = "cost unknown (no price)" if found["cost"] is None else f"${found['cost']:.4f}"
    lines.append(
        f"{count(found['calls'], 'call')}, {found['prompt_tokens']:,} tokens read and {found['sampled_tokens']:,} "
        f"written, {cost}; {duration(found['attempt_seconds'])} of attempts"
    )
    lines.append(f"instance set {found['instances']}, seeds {', '.join(str(seed) for seed in found['seeds'])}")
    return lines
