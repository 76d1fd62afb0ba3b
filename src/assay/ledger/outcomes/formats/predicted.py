"""Outcomes of SWE-bench's predictions with the results of their evaluation: the predictions are the plan.

`preds.json` with `preds.report.json` beside it, as `assay grade --predictions` writes it; or `preds.json+RESULTS` with
any results that can be read here. An empty patch is a failure; a patch without a result has no valid score.
"""

import math
from pathlib import Path

from assay.errors import UserError
from assay.ledger.exchange.predictions import Predictions, read_predictions
from assay.ledger.outcomes.arms import Arm, Score, arm

WHAT = "predictions (preds.json) with their results: PREDS+RESULTS, or preds.report.json beside them"
_HEAD = 65536


def holds(path: Path) -> bool:
    """Whether it looks like predictions: JSON with `model_patch` near its start."""
    if path.suffix not in (".json", ".jsonl") or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return '"model_patch"' in file.read(_HEAD)


def read(path: Path) -> list[Arm]:
    """Return the arm of predictions whose report lies beside them. Raises UserError where it does not."""
    from assay.ledger.outcomes.formats import reports

    beside = path.with_name(f"{path.stem}.report.json")
    if not beside.is_file():
        raise UserError(f"{path} holds predictions and no outcome: add their results, as {path}+RESULTS")
    return [join(path, reports.read(beside), beside)]


def join(path: Path, results: list[Arm], where: Path) -> Arm:
    """Return the arm of the predictions at `path` with the outcomes that `results`, read at `where`, give them."""
    predictions = read_predictions(path)
    models = {each.model for each in predictions.good if each.model}
    if len(results) > 1:
        names = {model.replace("/", "__") for model in models}
        results = [each for each in results if each.name in names | models]
    if len(results) != 1:
        raise UserError(f"{where} has results of several models and none, or more than one, is that of {path}")
    values = {score.task: score for score in results[0].scores}
    scores, empty, without = [], 0, 0
    for number, each in enumerate(predictions.good, 1):
        known = values.get(each.instance_id)
        blank = not each.patch.strip()
        empty, without = empty + blank, without + (known is None and not blank)
        value = known.value if known is not None else 0.0 if blank else math.nan
        scores.append((f"prediction {number}", Score(each.instance_id, value)))
    return arm(
        models.pop() if len(models) == 1 else path.stem,
        str(path),
        scores,
        notes=(*results[0].notes, *_notes(predictions, empty, without, set(values), where)),
    )


def _notes(predictions: Predictions, empty: int, without: int, known: set[str], where: Path) -> list[str]:
    notes = [f"{empty} empty patches are failures"] if empty else []
    if without:
        notes.append(f"{without} patches have no result in {where} and count as invalid")
    other = len(known - {each.instance_id for each in predictions.good})
    if other:
        notes.append(f"{other} results in {where} are of no prediction and were left out")
    if predictions.broken:
        place, why = predictions.broken[0]
        notes.append(f"{len(predictions.broken)} entries are no predictions ({place}: {why})")
    return notes
