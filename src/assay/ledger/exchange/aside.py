"""What assay knows of an attempt and others' formats have no field for, as one JSON table that they carry along.

Texts, reasoning, sampled ids and log-probabilities are never in it: they stand where the format has them, or are lost.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from assay.nouns import Attempt, PlannedAttempt, Step, Trajectory

_TURN = ("command", "returncode", "timed_out")
_REPLY = ("finish", "prompt_tokens", "sampled_tokens", "cost")
_PATH = ("task_id", "agent", "model", "exit", "outputs", "created")


def aside(attempt: Attempt, trajectory: Trajectory | None, tokenizer: str = "") -> dict[str, Any]:
    """Return the table; `tokenizer` is the hash of the tokenizer that the ids were sampled with, where it is known."""
    told = attempt.model_dump(mode="json")
    table: dict[str, Any] = {
        "attempt": told.pop("plan"),
        **told,
        "error": "" if trajectory is None else trajectory.error,
        "diff": "" if trajectory is None else trajectory.diff,
        "trajectory": None,
    }
    if tokenizer:
        table["tokenizer_sha256"] = tokenizer
    if trajectory is not None:
        path = trajectory.model_dump(mode="json", include=set(_PATH))
        table["trajectory"] = {
            **path,
            "prompt": len(trajectory.prompt),
            "turns": [
                {
                    **step.model_dump(mode="json", include=set(_TURN)),
                    **step.reply.model_dump(mode="json", include=set(_REPLY)),
                }
                for step in trajectory.steps
            ],
        }
    return table


def prompt_of(table: Mapping[str, Any]) -> int | None:
    """Return how many messages of the conversation stand before the first step, or None where the table is not ours."""
    path = table.get("trajectory")
    found = path.get("prompt") if isinstance(path, dict) else None
    return found if isinstance(found, int) and found >= 0 else None


def restored(table: Mapping[str, Any], found: Trajectory | None) -> tuple[Attempt, Trajectory | None]:
    """Return the attempt and its trajectory as they were, from the table and from what the format itself holds.

    Raises ValueError saying what does not fit.
    """
    names = ("status", "verdict", "steps", "sampled_tokens", "wall_s", "test_only", "detail")
    try:
        plan = PlannedAttempt.model_validate(table["attempt"])
        attempt = Attempt.model_validate({"plan": plan} | {name: table[name] for name in names if name in table})
        if "trajectory" not in table:  # written by assay before it kept all of it
            return attempt, found
        path = table["trajectory"]
        if path is None:
            return attempt, None
        if found is None:
            raise ValueError("it lacks its conversation")
        if len(path["turns"]) != len(found.steps):
            raise ValueError(f"it has {len(found.steps)} turns and was written with {len(path['turns'])}")
        steps = [_with(step, turn) for step, turn in zip(found.steps, path["turns"], strict=True)]
        told = {name: path[name] for name in _PATH} | {"diff": table["diff"], "error": table["error"]}
        return attempt, Trajectory.model_validate({"prompt": found.prompt, "steps": steps, **told})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"what assay wrote beside it is broken ({place}: {first['msg']})") from error
    except (KeyError, TypeError) as error:
        raise ValueError(f"what assay wrote beside it is broken ({type(error).__name__}: {error})") from error


def _with(step: Step, turn: Mapping[str, Any]) -> dict[str, Any]:
    reply = step.reply.model_dump() | {name: turn[name] for name in _REPLY}
    results = list(step.results)
    if results:  # the one that submitted has no message that would say how it ended
        results[-1] = results[-1].model_copy(update={name: turn[name] for name in ("returncode", "timed_out")})
    seen = {"observation": step.observation, "results": results}
    return {"reply": reply, **seen, **{name: turn[name] for name in _TURN}}
