"""An Inspect log, written: one `.eval` for one arm, seed, dose and split, a sample at a time.

The layout is that of inspect-ai 0.3: `_journal/start.json`, `samples/ID_epoch_N.json`, `summaries.json`, `header.json`.
"""

import json
import math
import os
import shutil
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from assay import __version__
from assay.ledger.exchange.aside import aside
from assay.ledger.exchange.conversation import said_by
from assay.ledger.exchange.entry import Entry, value_of
from assay.ledger.exchange.mini import file_name
from assay.nouns import Attempt, Finish, PlannedAttempt, Role, Status, Trajectory

_SCORER = "assay"
_METRICS = ("accuracy", "stderr")
_SHOWN = 1000  # characters of a text in a summary
_LIMITS = {Status.LIMIT: "turn", Status.TIMEOUT: "working", Status.CONTEXT: "context", Status.FORMAT: "custom"}
_STOPS = {Finish.LENGTH: "max_tokens", Finish.CONTEXT: "model_length", Finish.REFUSED: "content_filter"}


class InspectWriter:
    """Writes the samples of one group in any order; `close` adds what can be said only when all are there."""

    def __init__(self, place: Path, name: str, plans: list[PlannedAttempt], created: str) -> None:
        """Begin the log of the planned attempts `plans`; `created` is a time in ISO 8601."""
        self.place, self._part = place, place.with_name(f".{place.name}.{os.getpid()}.part")
        self._plans, self._created = plans, created
        self._name, self._first = name, plans[0]
        place.parent.mkdir(parents=True, exist_ok=True)
        self._file = zipfile.ZipFile(self._part, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self._summaries = tempfile.TemporaryFile(dir=place.parent)  # noqa: SIM115
        self._written: set[str] = set()
        self._values: dict[str, list[float]] = defaultdict(list)
        self._usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        self._unscored = self._count = 0
        self._put("_journal/start.json", {"version": 2, "eval": self._spec(()), "plan": _plan()})

    def add(self, entry: Entry) -> None:
        """Write a sample for an attempt that has a result."""
        assert entry.attempt is not None
        sample = _sample(entry, entry.attempt)
        name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
        self._put(name, sample)
        self._summaries.write(b",\n" if self._count else b"[")
        self._summaries.write(json.dumps(_summary(sample)).encode())
        self._count += 1
        self._written.add(entry.plan.id)
        value = value_of(entry.attempt)
        if value is None:
            self._unscored += 1
        else:
            self._values[entry.plan.task_id].append(value)
        for used in sample["model_usage"].values():
            for key in self._usage:
                self._usage[key] += used[key]

    def close(self) -> None:
        """Finish the log and put it in its place."""
        missing = [plan for plan in self._plans if plan.id not in self._written]
        self._summaries.write(b"]" if self._count else b"[]")
        self._summaries.seek(0)
        with self._file.open(_info("summaries.json"), "w") as stream:
            shutil.copyfileobj(self._summaries, stream)
        self._put("header.json", self._header(missing))
        self._summaries.close()
        self._file.close()
        self._part.replace(self.place)

    def drop(self) -> None:
        """Leave nothing behind."""
        self._summaries.close()
        self._file.close()
        self._part.unlink(missing_ok=True)

    def _put(self, name: str, value: dict[str, Any]) -> None:
        with self._file.open(_info(name), "w", force_zip64=True) as stream:
            stream.write(json.dumps(value).encode())

    def _spec(self, missing: tuple[PlannedAttempt, ...]) -> dict[str, Any]:
        first, tasks = self._first, list(dict.fromkeys(_id(plan.task_id) for plan in self._plans))
        about = first.model_dump(mode="json", include={"arm", "seed", "dose", "split"})
        return {
            "eval_id": first.id,
            "run_id": first.id,
            "created": self._created,
            "task": self._name,
            "task_id": first.id,
            "task_version": 0,
            "dataset": {"name": first.split, "samples": len(tasks), "sample_ids": tasks, "shuffled": False},
            "model": first.arm,
            "config": {"epochs": max(plan.trial for plan in self._plans) + 1, "log_samples": True},
            "packages": {"assay": __version__},
            "metadata": {"assay": {**about, "missing": [plan.model_dump(mode="json") for plan in missing]}},
            "scorers": [
                {"name": _SCORER, "options": {}, "metrics": [{"name": name, "options": {}} for name in _METRICS]}
            ],
        }

    def _header(self, missing: list[PlannedAttempt]) -> dict[str, Any]:
        # As Inspect has it: the mean over the epochs of a sample first, then over samples.
        means = [math.fsum(values) / len(values) for values in self._values.values()]
        scored = len(means)
        mean = math.fsum(means) / scored if scored else 0.0
        spread = math.fsum((each - mean) ** 2 for each in means) / (scored - 1) if scored > 1 else 0.0
        found = {"accuracy": mean, "stderr": math.sqrt(spread / scored) if scored > 1 else 0.0}
        score = {
            "name": _SCORER,
            "scorer": _SCORER,
            "scored_samples": scored,
            "unscored_samples": self._unscored,
            "params": {},
            "metrics": {name: {"name": name, "value": found[name], "params": {}} for name in _METRICS},
        }
        return {
            "version": 2,
            "status": "cancelled" if missing else "success",
            "eval": self._spec(tuple(missing)),
            "plan": _plan(),
            "results": {
                "total_samples": len(self._plans),
                "completed_samples": self._count - self._unscored,
                "scores": [score] if scored else [],
            },
            "stats": {
                "started_at": self._created,
                "completed_at": self._created,
                "model_usage": {self._first.arm: self._usage},
            },
        }


def _plan() -> dict[str, Any]:
    return {"name": "plan", "steps": [], "config": {}}


def _id(task_id: str) -> str:
    """Return the id of a sample: the task's, but for one that no name of a file in a zip can hold."""
    return file_name(task_id)[:200] if "\0" in task_id or len(task_id) > 30_000 else task_id


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)  # of 1980, so that the same ledger gives the same bytes
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _sample(entry: Entry, attempt: Attempt) -> dict[str, Any]:
    plan, trajectory, value = entry.plan, entry.trajectory, value_of(attempt)
    messages = [] if trajectory is None else _messages(plan, trajectory)
    spoken = [message for message in messages if message["role"] == "assistant"]
    replies = [] if trajectory is None else [step.reply for step in trajectory.steps]
    read = sum(reply.prompt_tokens for reply in replies)
    sample: dict[str, Any] = {
        "id": _id(plan.task_id),
        "epoch": plan.trial + 1,
        "input": messages[: len(trajectory.prompt)] if trajectory is not None and trajectory.prompt else "",
        "target": "",
        "messages": messages,
        "output": {"model": plan.arm, "choices": []},
        "scores": {},
        "metadata": {"assay": aside(attempt, trajectory, entry.tokenizer)},
        "store": {},
        "events": [],
        "model_usage": {
            plan.arm: {
                "input_tokens": read,
                "output_tokens": attempt.sampled_tokens,
                "total_tokens": read + attempt.sampled_tokens,
            }
        },
        "total_time": attempt.wall_s,
        "working_time": attempt.wall_s,
        "uuid": plan.id,
        "attachments": {},
    }
    if replies and spoken:
        stop = _STOPS.get(replies[-1].finish, "stop")
        sample["output"]["choices"] = [{"message": spoken[-1], "stop_reason": stop}]
        sample["output"]["completion"] = replies[-1].text
    why = attempt.detail or (trajectory.error if trajectory is not None else "") or attempt.status.value
    if value is None:
        sample["error"] = {"message": why, "traceback": why, "traceback_ansi": why}
    else:
        sample["scores"][_SCORER] = {
            "value": value,
            "answer": trajectory.diff if trajectory is not None else None,
            "explanation": f"{attempt.status.value}: {why}",
            "metadata": {"status": attempt.status.value},
        }
    if attempt.status in _LIMITS:
        limit = {"working": attempt.wall_s, "turn": float(attempt.steps)}.get(_LIMITS[attempt.status], 0.0)
        sample["limit"] = {"type": _LIMITS[attempt.status], "limit": limit}
    return sample


def _messages(plan: PlannedAttempt, trajectory: Trajectory) -> list[dict[str, Any]]:
    found = []
    for number, each in enumerate(said_by(trajectory)):
        message: dict[str, Any] = {"id": f"{plan.id}-{number}", "role": each.role.value, "content": each.text}
        if each.reasoning:
            thought = {"type": "reasoning", "reasoning": each.reasoning}
            message["content"] = [thought, {"type": "text", "text": each.text}]
        if each.role is Role.ASSISTANT:
            message |= {"source": "generate", "model": plan.arm}
        beside = {"token_ids": each.token_ids, "logprobs": each.logprobs}
        if kept := {name: value for name, value in beside.items() if value is not None}:
            message["metadata"] = kept
        found.append(message)
    return found


def _summary(sample: dict[str, Any]) -> dict[str, Any]:
    """Return what the list of samples shows of one."""
    asked = sample["input"]
    text = asked if isinstance(asked, str) else "\n".join(str(message["content"]) for message in asked)
    scores = {
        name: {**score, "answer": (score["answer"] or "")[:_SHOWN], "explanation": score["explanation"][:_SHOWN]}
        for name, score in sample["scores"].items()
    }
    names = ("id", "epoch", "target", "model_usage", "total_time", "working_time", "uuid")
    summary = {name: sample[name] for name in names}
    summary |= {"input": text[:_SHOWN], "metadata": {}, "scores": scores, "completed": True, "retries": 0}
    summary["message_count"] = len(sample["messages"])
    if "error" in sample:
        summary["error"] = sample["error"]["message"][:_SHOWN]
    if "limit" in sample:
        summary["limit"] = sample["limit"]["type"]
    return summary
