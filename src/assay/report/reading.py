"""Trajectories as a page shows them: the prompt, every step, the diff by line, the verdict's checks."""

import re
from dataclasses import dataclass

from assay.nouns import Attempt, Step, Trajectory
from assay.report.shelf import recovered
from assay.report.words import visible

_FENCE = re.compile(r"```[^\n]*\n.*?```", re.DOTALL)
_MOST_CHECKS = 40


@dataclass(frozen=True)
class ShownStep:
    """One turn: what the model said beside its command, the command, and what came back."""

    said: str
    command: str | None
    observation: str
    ending: str  # "exit 0", "timed out", "not run"
    good: bool


@dataclass(frozen=True)
class Shown:
    """One attempt, ready for the page; every text has been made visible, none is markup."""

    arm: str
    dose: int
    seed: int
    split: str
    task: str
    status: str
    detail: str
    exit: str
    note: str
    prompt: tuple[tuple[str, str], ...]
    steps: tuple[ShownStep, ...]
    diff: tuple[tuple[str, str], ...]  # (class, line)
    reason: str
    value: str
    verdict_detail: str
    checks: tuple[tuple[str, bool, str], ...]
    more_checks: int


def show(attempt: Attempt, trajectory: Trajectory) -> Shown:
    """Return the attempt as the page shows it."""
    plan, verdict = attempt.plan, attempt.verdict
    checks = verdict.checks if verdict else ()
    # A check that failed says more than one that passed; the order among equals stays.
    ordered = sorted(checks, key=lambda check: check.passed)
    return Shown(
        arm=plan.arm,
        dose=plan.dose,
        seed=plan.seed,
        split=plan.split,
        task=visible(plan.task_id, 200),
        status=attempt.status.value,
        detail=visible(attempt.detail or trajectory.error),
        exit=trajectory.exit.value,
        note="a command failed on the way and it went on" if recovered(trajectory) else "",
        prompt=tuple((message.role.value, visible(message.content)) for message in trajectory.prompt),
        steps=tuple(_step(step) for step in trajectory.steps),
        diff=tuple((_kind(line), line) for line in visible(trajectory.diff).splitlines()),
        reason=verdict.reason.value if verdict else "",
        value="" if verdict is None or verdict.value is None else f"{verdict.value:g}",
        verdict_detail=visible(verdict.detail) if verdict else "",
        checks=tuple((visible(c.name, 200), c.passed, visible(c.evidence, 1500)) for c in ordered[:_MOST_CHECKS]),
        more_checks=max(0, len(checks) - _MOST_CHECKS),
    )


def ending_of(step: Step) -> str:
    """Return in words how a step's command ended."""
    if step.command is None:
        return "not run: no single fenced block"
    if step.timed_out:
        return "timed out"
    return "no exit status" if step.returncode is None else f"exit {step.returncode}"


def _step(step: Step) -> ShownStep:
    said = step.reply.text
    if step.command is not None:
        said = _FENCE.sub("", said)
    good = step.command is not None and not step.timed_out and step.returncode in (0, None)
    command = None if step.command is None else visible(step.command)
    return ShownStep(visible(said.strip()), command, visible(step.observation), ending_of(step), good)


def _kind(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "file"
    return {"+": "add", "-": "del", "@": "hunk"}.get(line[:1], "same")
