"""A trajectory as the messages of a conversation, and messages as the prompt and the steps of a trajectory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assay.agents.mini import actions_of
from assay.ledger.calls import spoken
from assay.nouns import Finish, Message, Reply, Role, Step, Trajectory


@dataclass(frozen=True)
class Said:
    """One message. `command` is what a tool call of it ran; None where the text alone says it."""

    role: Role
    text: str
    reasoning: str = ""
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    command: str | None = None
    finish: Finish = Finish.STOP
    prompt_tokens: int = 0
    sampled_tokens: int = 0


def said_by(trajectory: Trajectory) -> Iterator[Said]:
    """Yield the conversation: the prompt, and of each step the reply and, unless it is empty, what answered it."""
    for message in trajectory.prompt:
        yield Said(message.role, message.content, token_ids=message.token_ids)
    for step in trajectory.steps:
        reply = step.reply
        yield Said(Role.ASSISTANT, spoken(reply), reply.reasoning, reply.token_ids, reply.logprobs)
        if step.observation:
            yield Said(Role.USER, step.observation)


def heard(messages: Sequence[Said], prompt: int | None = None) -> tuple[tuple[Message, ...], tuple[Step, ...]]:
    """Return the prompt and the steps; without `prompt`, the number of its messages, it ends at the first reply.

    Several messages in a row that answer one reply are one observation, on lines of their own. A reply without a
    `command` has the one that assay's agent would have run: its only block of bash.
    """
    if prompt is None:
        prompt = next((n for n, each in enumerate(messages) if each.role is Role.ASSISTANT), len(messages))
    opening = tuple(Message(role=each.role, content=each.text, token_ids=each.token_ids) for each in messages[:prompt])
    steps: list[Step] = []
    for each in messages[prompt:]:
        if each.role is Role.ASSISTANT:
            steps.append(_step(each))
        elif steps:
            last = steps[-1]
            text = f"{last.observation}\n{each.text}" if last.observation else each.text
            steps[-1] = last.model_copy(update={"observation": text})
    return opening, tuple(steps)


def _step(each: Said) -> Step:
    command = each.command
    if command is None:
        found = actions_of(each.text, "bash")
        command = found[0] if len(found) == 1 else None
    reply = Reply(
        text=each.text,
        finish=each.finish,
        token_ids=each.token_ids,
        logprobs=each.logprobs,
        prompt_tokens=each.prompt_tokens,
        sampled_tokens=each.sampled_tokens,
        reasoning=each.reasoning,
    )
    return Step(reply=reply, command=command)
