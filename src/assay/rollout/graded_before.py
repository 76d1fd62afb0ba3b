"""What earlier runs have found of predictions, one line a patch, so that a run that was stopped goes on."""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from assay import __version__
from assay.errors import UserError
from assay.ledger.exchange.predictions import Prediction
from assay.nouns import Task, Verdict
from assay.rollout.predicted import Graded, Outcome

_FINAL = {Outcome.RESOLVED, Outcome.UNRESOLVED, Outcome.NOT_APPLIED}  # the rest costs nothing or may end otherwise


class GradedBefore:
    """A file that only grows. A line counts for the same patch of the same task, graded by this version of assay."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a line that a kill has cut is as good as none. Raises UserError where it cannot."""
        self.path = path
        self.used = 0
        self._known: dict[str, tuple[Outcome, Verdict, str]] = {}
        try:
            lines = path.read_bytes().splitlines() if path.exists() else []
        except OSError as error:
            raise UserError(
                f"{path}, which says what was graded before, cannot be read ({error}): remove it"
            ) from error
        for line in lines:
            try:
                data = json.loads(line)
                verdict = Verdict.model_validate(data["verdict"])
                self._known[str(data["key"])] = (Outcome(data["outcome"]), verdict, str(data["detail"]))
            except (ValueError, KeyError, TypeError, ValidationError):
                continue

    def find(self, prediction: Prediction, task: Task) -> Graded | None:
        """Return what was found of this patch, or None."""
        known = self._known.get(_key(prediction, task))
        if known is None:
            return None
        self.used += 1
        outcome, verdict, detail = known
        return Graded(prediction, outcome, verdict, detail)

    def add(self, graded: Graded, task: Task | None) -> None:
        """Write an outcome down, where it is one that stays. Raises UserError when it cannot be written."""
        if task is None or graded.verdict is None or graded.outcome not in _FINAL:
            return
        line = {
            "key": _key(graded.prediction, task),
            "instance_id": task.id,
            "outcome": graded.outcome.value,
            "verdict": graded.verdict.model_dump(mode="json"),
            "detail": graded.detail,
        }
        try:
            with self.path.open("ab") as file:  # a cut line before this one must not swallow it
                file.write(b"\n" * (file.tell() > 0 and not self._whole()) + json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise UserError(f"{self.path} cannot be written ({error}): free space, or name another --out") from error

    def _whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) == b"\n"


def _key(prediction: Prediction, task: Task) -> str:
    said = json.dumps([__version__, task.id, task.digest, prediction.patch])
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
