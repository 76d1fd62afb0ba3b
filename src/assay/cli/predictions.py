"""`assay grade --predictions`: SWE-bench's predictions in, a report in SWE-bench's format out."""

import json
import os
import sys
from pathlib import Path

import typer

from assay.cli.stopping import stoppable
from assay.errors import UserError
from assay.executors.chosen import LOCAL, open_cluster
from assay.ledger.exchange.mini import write_json
from assay.ledger.exchange.predictions import read_predictions
from assay.nouns import Task
from assay.report.predictions import report, words
from assay.rollout.graded_before import GradedBefore
from assay.rollout.predicted import Graded, Outcome, grade_predictions

INVALID = 3  # exit status when a prediction could not be decided


def grade_file(
    predictions: Path, dataset: str, mirrors: Path | None, out: Path | None, workers: int, as_json: bool, executor: str
) -> int:
    """Grade a file of predictions, write the report, print it; return the exit status, 0 or 3.

    Instances without a prediction are not built. Each outcome is written down at once beside the report, so that the
    same command goes on where it was stopped. Raises UserError for what cannot be read.
    """
    given = read_predictions(predictions)
    every, tasks, broken = _instances(dataset, [each.instance_id for each in given.good], mirrors, executor)
    known = [each for each in given.good if each.instance_id in tasks or each.instance_id in broken]
    unknown = [each.instance_id for each in given.good if each.instance_id not in tasks | broken]
    place = out or predictions.with_name(f"{predictions.stem}.report.json")
    before = GradedBefore(place.with_name(f"{place.stem}.graded.jsonl"))
    done = 0

    def tell(graded: Graded) -> None:
        nonlocal done
        done += 1
        before.add(graded, tasks.get(graded.prediction.instance_id))
        quiet = graded.outcome in (Outcome.RESOLVED, Outcome.EMPTY) or not graded.detail
        why = "" if quiet else f": {' '.join(graded.detail.split())[:200]}"
        print(f"{done}/{len(known)} {graded.prediction.instance_id}: {graded.outcome.value}{why}", file=sys.stderr)

    cluster = None if executor == LOCAL else open_cluster(executor)
    count = workers or (len(os.sched_getaffinity(0)) if cluster is None else 0)
    with stoppable(f"what is graded is in {before.path}; to go on") as stopping:
        grading = grade_predictions(
            known, tasks, broken, workers=count, tell=tell, before=before.find, executor=cluster
        )
        graded = stopping.run(grading)
    if before.used:
        said = f"{before.used} of {len(known)} were graded before: remove {before.path} to grade them again"
        print(said, file=sys.stderr)
    found = report(graded, every, unknown, given.broken)
    write_json(place, found)
    typer.echo(json.dumps(found) if as_json else "\n".join([*words(found), f"report: {place}"]))
    return INVALID if found["machinery_ids"] or found["bad_task_ids"] else 0


def _instances(
    dataset: str, predicted: list[str], mirrors: Path | None, executor: str
) -> tuple[list[str], dict[str, Task], dict[str, str]]:
    """Return all ids of the dataset, and of the predicted ones the tasks, and why there is none.

    The dataset is a file of SWE-bench's records, `hf:NAME`, or any word that names tasks.
    """
    from assay.tasks.chosen import Chosen, chosen

    options = {"executor": executor} | ({} if mirrors is None else {"mirrors": str(mirrors)})
    if dataset.startswith("hf:") or Path(dataset).is_file():
        from assay.tasks.swebench.record import read_records

        records = read_records(dataset)
        every = [record.instance_id for record in records.good]
        wanted = [name for name in every if name in set(predicted)]
        unread = {name: why for name, why in records.broken if name in set(predicted)}
        found = Chosen([], [])
        if wanted:
            found = chosen(f"swebench:{dataset}", options=options | {"instances": ",".join(wanted)})
        every += [name for name, _ in records.broken]
        return sorted(set(every)), {task.id: task for task in found.tasks}, {**unread, **dict(found.broken)}
    if not Path(dataset).exists() and ":" not in dataset and dataset.endswith((".json", ".jsonl", ".parquet")):
        raise UserError(f"there is no dataset {dataset}: name a file of SWE-bench's records, or hf:NAME")
    found = chosen(dataset, options=options)
    every = [*(task.id for task in found.tasks), *(name for name, _ in found.broken)]
    return every, {task.id: task for task in found.tasks}, dict(found.broken)
