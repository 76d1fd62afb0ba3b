"""Budgets in words: how much of each is taken, which one ended a run and what to do, and how they are written."""

import re

from assay.errors import UserError
from assay.models.spending import Kind
from assay.rollout.budget import Budget

OPTIONS = {
    Kind.MONEY: "--budget-usd",
    Kind.TOKENS: "--budget-tokens",
    Kind.WALL: "--budget-wall",
    Kind.ATTEMPTS: "--budget-attempts",
}
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|)", re.ASCII)


def seconds(text: str) -> float:
    """Return a duration in seconds: 90, 90s, 15m, 2h, 1d. Raises UserError."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None or not (value := float(found[1]) * _SECONDS[found[2]]):
        raise UserError(f"{text!r} is no duration: give seconds, or 15m, 2h, 1d for example")
    return value


def amounts(budget: Budget) -> dict[Kind, str]:
    """Return how much of each limited kind is taken, `$1.20 of $5` for example; with what is under way."""
    limits, spending = budget.limits, budget.spending
    found = {}
    if limits.usd is not None:
        found[Kind.MONEY] = f"${_money(spending.spent.usd)} of ${_money(limits.usd)}"
    if limits.tokens is not None:
        found[Kind.TOKENS] = f"{_thousands(spending.spent.tokens)} of {_thousands(limits.tokens)} tokens"
    if limits.wall_s is not None:
        found[Kind.WALL] = f"{_time(budget.wall_s)} of {_time(limits.wall_s)}"
    if limits.attempts is not None:
        found[Kind.ATTEMPTS] = f"{budget.attempts} of {limits.attempts} attempts"
    return found


def progress(budget: Budget) -> str:
    """Return the budgets as one line has them, empty where there are none."""
    return ", ".join(amounts(budget).values())


def stopped(budget: Budget, left: int, planned: int) -> str:
    """Return the sentence that says which budget ended the run, what is left, and which option to raise."""
    assert budget.stopped is not None
    kind = budget.stopped.kind
    why = f"; {budget.stopped.why}" if budget.stopped.why else ""
    return (
        f"stopped by the budget of {kind} ({amounts(budget)[kind]}{why}): {left} of {planned} attempts are left; "
        f"raise {OPTIONS[kind]} to go on"
    )


def figures(budget: Budget) -> dict[str, object]:
    """Return what was taken of which limit, for machines."""
    spent = budget.spending.spent
    return {
        "limits": budget.limits.model_dump(),
        "tokens": spent.tokens,
        "usd": round(spent.usd, 9) if budget.spending.price is not None or spent.nano else None,
        "wall_s": round(budget.wall_s, 3),
        "attempts": budget.attempts,
        "stopped_by": None if budget.stopped is None else budget.stopped.kind.value,
    }


def _money(usd: float) -> str:
    """Dollars with cents, without them where there are none, and with more places below a cent."""
    if usd == int(usd):
        return f"{int(usd):,}"
    return f"{usd:,.2f}" if usd >= 1 else f"{usd:.4f}"


def _thousands(tokens: int) -> str:
    for size, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if tokens >= size:
            return f"{_short(tokens / size)}{name}"
    return str(tokens)


def _time(seconds: float) -> str:
    for size, name in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{_short(seconds / size)} {name}"
    return f"{_short(seconds)} s"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
