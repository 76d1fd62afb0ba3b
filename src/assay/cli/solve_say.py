"""What `assay solve` says while it runs: for people on standard error, for machines a line an attempt."""

import json
import sys
import time
from pathlib import Path

import typer

from assay.nouns import Attempt
from assay.rollout.budget import Budget
from assay.rollout.budget_words import progress

_QUIET_S = 10.0


class Say:
    """Progress: for people on standard error, for machines one line an attempt on standard output."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._total = self._done = 0
        self._quiet_until = 0.0
        self._budget: Budget | None = None

    def note(self, text: str) -> None:
        """Say a sentence."""
        print(text, file=sys.stderr, flush=True)

    def trouble(self, text: str) -> None:
        """Say what delays the run, at most every ten seconds."""
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_S
            self.note(text)

    def begin(self, total: int, held: int, root: Path, budget: Budget) -> None:
        """Say what is planned, and what of the budgets was taken before."""
        self._total, self._done, self._budget = total, held, budget
        kept = f", {held} of them finished before" if held else ""
        self.note(f"{total} attempts planned{kept}; writing to {root}{self._budgets()}")

    def _budgets(self) -> str:
        words = progress(self._budget) if self._budget is not None else ""
        return f" ({words})" if words else ""

    def attempt(self, attempt: Attempt) -> None:
        """Say how an attempt ended."""
        self._done += 1
        if self._as_json:
            line = {
                "id": attempt.plan.task_id,
                "trial": attempt.plan.trial,
                "status": attempt.status.value,
                "value": None if attempt.verdict is None else attempt.verdict.value,
                "reason": None if attempt.verdict is None else attempt.verdict.reason.value,
                "steps": attempt.steps,
                "sampled_tokens": attempt.sampled_tokens,
                "test_only": attempt.test_only,
                "seconds": attempt.wall_s,
                "detail": attempt.detail,
            }
            typer.echo(json.dumps(line))
        detail = " ".join(attempt.detail.split())[:200]
        why = f": {detail}" if detail and attempt.status.value != "solved" else ""
        self.note(
            f"{self._done}/{self._total} {attempt.plan.task_id}: {attempt.status.value} after {attempt.steps} steps, "
            f"{attempt.wall_s:.1f} s{self._budgets()}{why}"
        )
