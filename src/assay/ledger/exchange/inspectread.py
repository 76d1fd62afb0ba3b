"""Inspect's samples as attempts: the conversation, the scores, and what stopped a sample."""

from collections.abc import Mapping
from typing import Any

from assay.ledger.calls import call_text, command_of, said
from assay.ledger.exchange.aside import prompt_of
from assay.ledger.exchange.atif import table
from assay.ledger.exchange.chatrows import numbers
from assay.ledger.exchange.conversation import Said, heard
from assay.ledger.exchange.entry import Account, Entry, as_written, ended
from assay.ledger.exchange.inspectlog import score_of
from assay.nouns import Exit, Finish, PlannedAttempt, Role, Trajectory

SEVERAL = "samples with several scorers, of which the first decides"
_ROLES = {"system": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT, "tool": Role.USER}
_LIMITS = {"time": Exit.TIME_LIMIT, "working": Exit.TIME_LIMIT, "context": Exit.CONTEXT}
_STOPS = {"max_tokens": Finish.LENGTH, "model_length": Finish.CONTEXT, "content_filter": Finish.REFUSED}


def entry_of(
    sample: Mapping[str, Any], plan: PlannedAttempt, spec: Mapping[str, Any], where: str, account: Account
) -> Entry:
    """Return the attempt that a sample is. `plan` is what another's sample is planned as. Raises ValueError."""
    ours = table(table(sample.get("metadata")).get("assay"))
    prompt, steps = heard(_messages(sample), prompt_of(ours))
    limit, error = table(sample.get("limit")), table(sample.get("error"))
    exit = _LIMITS.get(str(limit.get("type")), Exit.STEP_LIMIT) if limit else Exit.SUBMITTED
    broken = str(error.get("message") or "an error without a message") if sample.get("error") else ""
    found = Trajectory(
        task_id=plan.task_id,
        agent=str(spec.get("solver") or spec.get("task") or ""),
        model=str(spec.get("model") or ""),
        prompt=prompt,
        steps=steps,
        exit=Exit.MACHINERY if broken else exit,
        error=broken,
    )
    if (written := as_written(where, ours, found, "samples", account)) is not None:
        return written
    value, why = _scored(sample, account)
    seconds = sample.get("total_time")
    attempt = ended(
        plan,
        found,
        value=value,
        exit=Exit.SUBMITTED if value is None else exit,  # a limit without a score is no failure that anybody saw
        broken=broken,
        detail=why,
        wall_s=float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else 0.0,
    )
    counted = sum(int(table(each).get("output_tokens") or 0) for each in table(sample.get("model_usage")).values())
    return Entry(where, plan, attempt.model_copy(update={"sampled_tokens": counted}), found, counted=False)


def _scored(sample: Mapping[str, Any], account: Account) -> tuple[float | None, str]:
    """Return the first scorer's value in [0, 1], or None and why there is none."""
    scores = table(sample.get("scores"))
    if sample.get("invalidation"):
        return None, "the sample was invalidated"
    if not scores:
        return None, ""
    if len(scores) > 1:
        account.note(SEVERAL)
    try:
        value = score_of(table(next(iter(scores.values()))).get("value"))
    except ValueError as error:
        return None, str(error)
    if value is not None and not 0.0 <= value <= 1.0:
        return None, f"the score {value:g} is not in [0, 1]"
    return value, ""


def _messages(sample: Mapping[str, Any]) -> list[Said]:
    attached, sampled = table(sample.get("attachments")), _sampled(sample)
    listed = sample.get("messages")
    found: list[Said] = []
    for number, message in enumerate(listed if isinstance(listed, list) else []):
        role = _ROLES.get(str(table(message).get("role")))
        if role is None:
            raise ValueError(f"message {number} has no role")
        text, reasoning = _content(message.get("content"), attached)
        if role is not Role.ASSISTANT:
            why = table(message.get("error")).get("message")
            found.append(Said(role, "\n".join(part for part in (text, str(why) if why else "") if part)))
            continue
        calls = [call for call in message.get("tool_calls") or [] if isinstance(call, dict)]
        texts = [call_text(str(call.get("function") or ""), call.get("arguments")) for call in calls]
        ran = [command_of(str(call.get("function") or ""), call.get("arguments")) for call in calls]
        commands = [command for command in ran if command is not None]
        event, beside = sampled.get(str(message.get("id")), {}), table(message.get("metadata"))
        usage = table(event.get("usage"))
        found.append(
            Said(
                role,
                said(text, texts) if texts else text,
                reasoning,
                numbers(beside.get("token_ids"), int),
                numbers(beside.get("logprobs"), float) or numbers(event.get("logprobs"), float),
                "\n".join(commands) if commands else None,
                _STOPS.get(str(event.get("stop_reason")), Finish.STOP),
                int(usage.get("input_tokens") or 0),
                int(usage.get("output_tokens") or 0),
            )
        )
    return found


def _sampled(sample: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the events say of the model's messages, by their ids: usage, why they stopped, log-probabilities."""
    found: dict[str, dict[str, Any]] = {}
    events = sample.get("events")
    for event in events if isinstance(events, list) else []:
        if not isinstance(event, dict) or event.get("event") != "model":
            continue
        output = table(event.get("output"))
        choices = output.get("choices")
        choice = table(choices[0]) if isinstance(choices, list) and choices else {}
        tokens = table(choice.get("logprobs")).get("content")
        found[str(table(choice.get("message")).get("id"))] = {
            "usage": output.get("usage"),
            "stop_reason": choice.get("stop_reason"),
            "logprobs": [table(token).get("logprob") for token in tokens] if isinstance(tokens, list) else None,
        }
    return found


def _content(value: Any, attached: Mapping[str, Any]) -> tuple[str, str]:
    """Return the text and the reasoning of a message; pictures and the like have neither."""
    if not isinstance(value, list):
        return _resolved("" if value is None else str(value), attached), ""
    texts, thoughts = [], []
    for part in value:
        kind = table(part).get("type")
        if kind == "text":
            texts.append(_resolved(str(part.get("text") or ""), attached))
        elif kind == "reasoning":
            thoughts.append(_resolved(str(part.get("reasoning") or part.get("summary") or ""), attached))
    return "".join(texts), "\n".join(thoughts)


def _resolved(text: str, attached: Mapping[str, Any]) -> str:
    """Return the text, or what it only refers to: long ones are kept once, beside the messages."""
    found = attached.get(text.removeprefix("attachment://")) if text.startswith("attachment://") else None
    return found if isinstance(found, str) else text
