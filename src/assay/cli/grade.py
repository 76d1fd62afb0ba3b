"""`assay grade`: a candidate against a task directory, samples against problems, predictions against a dataset."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.options import ExecutorOption, SandboxOption
from assay.errors import UserError

if TYPE_CHECKING:
    from assay.nouns import Task, Verdict

_INVALID = 3  # exit status
_BOTH = "give PROBLEMS and SAMPLES, --task DIR with --candidate DIR, or --predictions FILE with --dataset FILE"


def grade(
    problems: Annotated[
        Path | None, typer.Argument(help="A file of problems: HumanEval, HumanEval+, MBPP, LiveCodeBench.")
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Argument(help="A file of samples for them: task_id with completion or solution on each line."),
    ] = None,
    task: Annotated[Path | None, typer.Option("--task", help="A task directory, an assay one or a Harbor one.")] = None,
    candidate: Annotated[
        Path | None, typer.Option("--candidate", help="A workspace directory, or a unified diff to the task's files.")
    ] = None,
    k: Annotated[str, typer.Option("--k", help="For samples: the values of k of pass@k.")] = "1,10,100",
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="SWE-bench predictions: preds.json, a JSON list, or JSONL.")
    ] = None,
    dataset: Annotated[
        str, typer.Option("--dataset", help="For predictions: SWE-bench's records (a file or hf:NAME), or any tasks.")
    ] = "",
    mirrors: Annotated[
        Path | None, typer.Option("--mirrors", help="For predictions: the folder of local git mirrors.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="For predictions: at once; 0 takes one a core.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The file of results, else SAMPLES_results.jsonl or PREDICTIONS.report.json."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
    executor: ExecutorOption = "local",
    sandbox: SandboxOption = None,
) -> None:
    """Grade a candidate, files of samples, or SWE-bench predictions.

    Exit status 0 whatever the value, 3 when a verdict is invalid, 2 for a wrong call.
    """
    if predictions is not None or dataset:
        if predictions is None or not dataset or any(each is not None for each in (problems, samples, task, candidate)):
            raise UserError(f"assay grade takes predictions with the dataset they are for, and nothing else: {_BOTH}")
        from assay.cli.predictions import grade_file

        raise typer.Exit(grade_file(predictions, dataset, mirrors, out, workers, as_json, executor))
    if problems is not None or samples is not None:
        if problems is None or samples is None or task is not None or candidate is not None:
            raise UserError(f"assay grade takes files or a directory, not parts of both: {_BOTH}")
        from assay.cli.grade_samples import grade_samples

        raise typer.Exit(grade_samples(problems, samples, _numbers(k), out, as_json, executor))
    if task is None or candidate is None:
        raise UserError(f"assay grade has nothing to grade: {_BOTH}")
    from assay.nouns import Validity

    verdict = grade_directory(task, candidate)
    if as_json:
        typer.echo(json.dumps(verdict.model_dump(mode="json")))
    else:
        _print(verdict)
    if verdict.validity is Validity.INVALID:
        raise typer.Exit(_INVALID)


def _numbers(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise UserError(f"--k {text}: give whole numbers with commas between them, 1,10,100 for example") from error


def grade_directory(task: Path, candidate: Path) -> "Verdict":
    """Return the verdict on the workspace or patch `candidate` at the task in the directory `task`.

    A candidate that does not get the full value is judged only if the task's own solution does: otherwise the task is
    broken, and says nothing about it. Raises UserError when either path is wrong.
    """
    from assay.cli.stopping import stoppable
    from assay.nouns import Reason, Verdict
    from assay.tasks.folder import BrokenTask, load

    if not candidate.exists():
        raise UserError(f"there is no candidate {candidate}: name a workspace directory or a file with a unified diff")
    try:
        loaded = load(task)
    except BrokenTask as error:
        return Verdict.invalid(Reason.BAD_TASK, str(error))
    with stoppable("no verdict is reached; to begin again") as stopping:
        return stopping.run(_judge(loaded, candidate))


async def _judge(task: "Task", candidate: Path) -> "Verdict":
    from assay.grading import grade as decide
    from assay.nouns import Validity
    from assay.tasks.admission import beside_gold, grade_gold
    from assay.tasks.folder_candidate import read_candidate

    given = await read_candidate(task, candidate)
    verdict = given.verdict or await decide(task, given.outputs)
    if verdict.validity is Validity.INVALID or verdict.solved:
        return verdict
    return beside_gold(task, verdict, await grade_gold(task))


def _print(verdict: "Verdict") -> None:
    value = "no value" if verdict.value is None else f"{verdict.value:g}"
    typer.echo(f"{verdict.validity}: {value} ({verdict.reason}){': ' + verdict.detail if verdict.detail else ''}")
    for check in verdict.checks:
        line = f"  {'passed' if check.passed else 'failed'}  {check.name}"
        typer.echo(f"{line}: {check.evidence}" if check.evidence else line)
