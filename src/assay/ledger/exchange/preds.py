"""Predictions and reports as SWE-bench has them, written: preds.json for each group of attempts, one an instance."""

import json
from collections import defaultdict
from pathlib import Path
from typing import IO, Any, Self

from assay.ledger.exchange.entry import Entry, value_of
from assay.ledger.exchange.mini import write_json
from assay.ledger.exchange.run import unwritable
from assay.nouns import Attempt, Exit, PlannedAttempt, Status, Trajectory

PREDS, REPORT = "preds.json", "report.json"


def prediction_of(attempt: Attempt, trajectory: Trajectory | None) -> str | None:
    """Return the patch that an attempt submitted, "" for none, and None where nobody knows it.

    That is so where our machinery broke before it could be submitted, and where no trajectory was kept.
    """
    if trajectory is None or (attempt.status is Status.MACHINERY and attempt.verdict is None):
        return None
    return trajectory.diff if trajectory.exit is Exit.SUBMITTED else ""


class Patches:
    """Writes preds.json in each group's folder below `out`, a prediction at a time.

    An attempt that the machinery broke has no prediction: an empty patch would be scored.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._open: dict[str, IO[str]] = {}

    @property
    def files(self) -> int:
        """How many files there are."""
        return len(self._open)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in self._open.values():
            stream.write("\n}\n")
            stream.close()

    def add(self, group: str, entry: Entry) -> None:
        """Write the prediction of an attempt, where it has one."""
        patch = None if entry.attempt is None else prediction_of(entry.attempt, entry.trajectory)
        if patch is None:
            return
        name = entry.plan.task_id
        row = {"model_name_or_path": entry.plan.arm, "instance_id": name, "model_patch": patch}
        place = self._out / group / PREDS
        try:
            stream = self._open.get(group)
            if stream is None:
                place.parent.mkdir(parents=True, exist_ok=True)
                stream = self._open[group] = place.open("w", encoding="utf-8")
            stream.write("{\n" if stream.tell() == 0 else ",\n")
            stream.write(f"{json.dumps(name)}: {json.dumps(row)}")
        except OSError as error:
            raise unwritable(place, error) from error


class Reports:
    """Collects what became of the attempts of each group, for a report in SWE-bench's terms."""

    def __init__(self) -> None:
        self._lists: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._plans: dict[str, PlannedAttempt] = {}

    def add(self, group: str, entry: Entry) -> None:
        """Sort an attempt into the lists."""
        self._plans.setdefault(group, entry.plan)
        for name in _lists_of(entry):
            self._lists[group][name].append(entry.plan.task_id)
        self._lists[group]["total"].append(entry.plan.task_id)

    def write(self, out: Path) -> int:
        """Write report.json in each group's folder; return how many."""
        for group, plan in self._plans.items():
            write_json(out / group / REPORT, _report(plan, self._lists[group]))
        return len(self._plans)


def _lists_of(entry: Entry) -> tuple[str, ...]:
    attempt = entry.attempt
    if attempt is None:
        return ("incomplete",)
    patch, value = prediction_of(attempt, entry.trajectory), value_of(attempt)
    if value is None:
        return ("incomplete", "machinery") if patch is None else ("submitted", "error", "machinery")
    if value == 1.0:
        return ("submitted", "completed", "resolved")
    if attempt.status is Status.CHEATED:
        return ("submitted", "completed", "unresolved", "cheated")
    empty = patch == "" or (patch is None and attempt.status is Status.EMPTY)
    return ("submitted", "empty_patch") if empty else ("submitted", "completed", "unresolved")


def _report(plan: PlannedAttempt, lists: dict[str, list[str]]) -> dict[str, Any]:
    names = ("submitted", "completed", "resolved", "unresolved", "empty_patch", "error", "machinery", "cheated")
    return {
        "total_instances": len(lists["total"]),
        **{f"{name}_instances": len(lists[name]) for name in names},
        **{f"{name}_ids": sorted(lists[name]) for name in (*names, "incomplete")},
        "model_name_or_path": plan.arm,
        "schema_version": 2,
        "assay": plan.model_dump(mode="json", exclude={"task_id"}),
    }
