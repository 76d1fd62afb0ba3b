"""What a run of attempts leaves beside its ledger, made from the ledger alone: trajectories and predictions.

Both are written after the ledger has the attempt, and again on resume where a kill came between.
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from assay.ledger import Ledger
from assay.ledger.exchange.mini import patch_of, to_traj, trajectory_path, write_json
from assay.nouns import Attempt, Status, Trajectory

_SAVED_EVERY_S = 2.0
_SAVED_SHARE = 20  # and writing them takes a twentieth of the time at most


def latest(ledger: Ledger) -> Iterator[Attempt]:
    """Yield the attempt that counts for each task: the last trial of it that has ended."""
    last = ledger.last_ended()
    return (each for each in ledger.attempts() if last[each.plan.task_id][0] == each.plan.trial)


class Artefacts:
    """The files of one run in the folder `out`: `ID/ID.traj.json` for each task, and `preds.json` for all.

    An attempt that our machinery failed has no prediction: an empty patch would be scored.
    """

    def __init__(self, out: Path, model: str, config: Mapping[str, Any]) -> None:
        self._out = out
        self._model = model
        self._config = config
        self._predictions: dict[str, dict[str, str]] = {}
        self._next_save = 0.0

    @property
    def predictions(self) -> Path:
        """Where the predictions lie."""
        return self._out / "preds.json"

    def restore(self, ledger: Ledger) -> None:
        """Write what the ledger has and the folder has not. Raises UserError when that cannot be written."""
        for part in (*self._out.glob(".*.part"), *self._out.glob("*/.*.part")):  # of a run that was killed
            part.unlink(missing_ok=True)
        for attempt in latest(ledger):
            task_id = attempt.plan.task_id
            trajectory = ledger.trajectory(attempt.plan.id)
            if trajectory is None:
                continue
            if not trajectory_path(self._out, task_id).is_file():
                self._write(attempt, trajectory)
            self._predict(attempt, trajectory)
        self._save()

    def add(self, attempt: Attempt, trajectory: Trajectory) -> None:
        """Write the files of an attempt that the ledger holds; the predictions every few seconds, for they are one."""
        self._write(attempt, trajectory)
        self._predict(attempt, trajectory)
        if time.monotonic() >= self._next_save:
            self._save()

    def finish(self) -> None:
        """Write the predictions as they are now."""
        self._save()

    def _write(self, attempt: Attempt, trajectory: Trajectory) -> None:
        write_json(trajectory_path(self._out, attempt.plan.task_id), to_traj(attempt, trajectory, self._config))

    def _predict(self, attempt: Attempt, trajectory: Trajectory) -> None:
        task_id = attempt.plan.task_id
        if attempt.status is Status.MACHINERY:
            self._predictions.pop(task_id, None)
            return
        self._predictions[task_id] = {
            "model_name_or_path": self._model,
            "instance_id": task_id,
            "model_patch": patch_of(attempt, trajectory),
        }

    def _save(self) -> None:
        began = time.monotonic()
        write_json(self.predictions, dict(sorted(self._predictions.items())))
        now = time.monotonic()
        self._next_save = now + max(_SAVED_EVERY_S, _SAVED_SHARE * (now - began))
