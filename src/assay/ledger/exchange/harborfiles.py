"""Harbor's job folder, written: config.json and result.json of the job, and a folder for each trial."""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from assay import __version__
from assay.ledger.exchange.aside import aside
from assay.ledger.exchange.atif import to_atif
from assay.ledger.exchange.entry import Entry, value_of
from assay.ledger.exchange.mini import file_name, write_json
from assay.ledger.exchange.run import UNFINISHED, Run, Written, fresh, unwritable
from assay.nouns import Status

# Names that Harbor's own policy knows for what the agent brought about; any other has no valid reward there.
_THROWN = {
    Status.TIMEOUT: "AgentTimeoutError",
    Status.CONTEXT: "ContextLengthExceededError",
    Status.REFUSED: "AgentSafetyRefusalError",
    Status.MACHINERY: "AssayMachineryError",
}


def write_job(run: Run, out: Path) -> Written:
    """Write a job. A planned attempt without a result is a trial with a configuration alone."""
    fresh(out)
    written = Written()
    when = datetime.fromtimestamp(run.ledger.stat().st_mtime, UTC).isoformat()
    job = str(uuid5(NAMESPACE_URL, f"assay:{run.name}"))
    stats = _Stats()
    try:
        for entry in run.entries():
            name = f"{file_name(entry.plan.task_id)[:60]}__{entry.plan.id[:12]}"
            place = out / name
            config = _config(entry, name, job)
            write_json(place / "config.json", config, indent=None)
            written.files += 1
            stats.total += 1
            if entry.attempt is None:
                written.left[UNFINISHED] += 1
                continue
            written.files += _trial(entry, place, name, config, when)
            stats.add(entry, name)
            written.attempts += 1
        write_json(out / "config.json", {"job_name": out.name, "n_attempts": 1, "agents": [], "tasks": []})
        write_json(out / "result.json", stats.result(job, when))
    except OSError as error:
        raise unwritable(out, error) from error
    written.files += 2
    return written


def _config(entry: Entry, name: str, job: str) -> dict[str, Any]:
    trajectory = entry.trajectory
    return {
        "task": {"path": _task(entry)},
        "trial_name": name,
        "trials_dir": "..",
        "agent": {
            "name": (trajectory.agent if trajectory else "") or "assay",
            "model_name": entry.plan.arm,
            "kwargs": {"assay_plan": entry.plan.model_dump(mode="json")},
        },
        "job_id": job,
    }


def _task(entry: Entry) -> str:
    return f"tasks/{file_name(entry.plan.task_id)}"


def _trial(entry: Entry, place: Path, name: str, config: dict[str, Any], when: str) -> int:
    """Write what a finished trial leaves; return how many files."""
    attempt, trajectory = entry.attempt, entry.trajectory
    assert attempt is not None
    replies = [] if trajectory is None else [step.reply for step in trajectory.steps]
    value = value_of(attempt)
    thrown = None
    if attempt.status in _THROWN:
        message = attempt.detail or (trajectory.error if trajectory else "") or attempt.status.value
        kind = _THROWN[attempt.status]
        thrown = {"exception_type": kind, "exception_message": message, "exception_traceback": "", "occurred_at": when}
    result = {
        "id": str(uuid5(NAMESPACE_URL, f"assay:{entry.plan.id}")),
        "task_name": entry.plan.task_id,
        "trial_name": name,
        "trial_uri": f"file://{name}",
        "task_id": {"path": _task(entry)},
        "source": entry.plan.split,
        "task_checksum": "",
        "config": config,
        "agent_info": {
            "name": config["agent"]["name"],
            "version": f"assay {__version__}",
            "model_info": {"name": entry.plan.arm, "provider": None},
        },
        "agent_result": {
            "n_input_tokens": sum(reply.prompt_tokens for reply in replies),
            "n_output_tokens": attempt.sampled_tokens,
            "cost_usd": sum(reply.cost for reply in replies),
            "metadata": {"assay": aside(attempt, trajectory, entry.tokenizer)},
        },
        "verifier_result": None if value is None else {"rewards": {"reward": value}},
        "exception_info": thrown,
        "started_at": when,
        "finished_at": when,
    }
    write_json(place / "result.json", result, indent=None)
    files = 1
    if value is not None:
        _text(place / "verifier" / "reward.txt", f"{value:g}\n")
        files += 1
    if thrown is not None:
        _text(place / "exception.txt", f"{thrown['exception_type']}: {thrown['exception_message']}\n")
        files += 1
    if trajectory is not None:
        write_json(place / "agent" / "trajectory.json", to_atif(attempt, trajectory, entry.tokenizer), indent=None)
        files += 1
    return files


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class _Stats:
    """What a job's result counts, by agent, model and source."""

    def __init__(self) -> None:
        self.total = self._done = self._errors = self._read = self._written = 0
        self._cost = 0.0
        self._evals: dict[str, dict[str, Any]] = {}

    def add(self, entry: Entry, name: str) -> None:
        assert entry.attempt is not None
        replies = [] if entry.trajectory is None else [step.reply for step in entry.trajectory.steps]
        agent = (entry.trajectory.agent if entry.trajectory else "") or "assay"
        key = f"{agent}__{entry.plan.arm}__{entry.plan.split}"
        kept = self._evals.setdefault(
            key,
            {
                "n_trials": 0,
                "n_errors": 0,
                "reward_stats": {"reward": defaultdict(list)},
                "exception_stats": defaultdict(list),
            },
        )
        self._done += 1
        self._read += sum(reply.prompt_tokens for reply in replies)
        self._written += entry.attempt.sampled_tokens
        self._cost += sum(reply.cost for reply in replies)
        value = value_of(entry.attempt)
        if value is not None:
            kept["n_trials"] += 1
            kept["reward_stats"]["reward"][str(value)].append(name)
        if entry.attempt.status in _THROWN:
            kept["n_errors"] += 1
            self._errors += 1
            kept["exception_stats"][_THROWN[entry.attempt.status]].append(name)

    def result(self, job: str, when: str) -> dict[str, Any]:
        """Return the job's result.json."""
        stats = {
            "n_completed_trials": self._done,
            "n_errored_trials": self._errors,
            "n_pending_trials": self.total - self._done,
            "evals": self._evals,
            "n_input_tokens": self._read,
            "n_output_tokens": self._written,
            "cost_usd": self._cost,
        }
        times = {"started_at": when, "updated_at": when, "finished_at": when if self._done == self.total else None}
        return {"id": job, **times, "n_total_trials": self.total, "stats": stats}
