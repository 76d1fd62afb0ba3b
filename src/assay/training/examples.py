"""Examples: a trajectory as token ids with the mask that says which of them are learned from.

Mask law (law 4): the ids in the loss are the assistant's turns with their end tokens, and nothing else;
`check_mask` proves it for one example, and every example is checked before it is trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.errors import MachineryError, UserError
from assay.models.chat import Chat
from assay.nouns import Exit, Message, Role, Trajectory


@dataclass(frozen=True)
class Example:
    """One trajectory: `ids` and, of the same length, whether each is in the loss."""

    ids: tuple[int, ...]
    in_loss: tuple[bool, ...]


def conversation_of(trajectory: Trajectory) -> list[Message]:
    """Return the messages of a trajectory as the model saw and said them."""
    messages = list(trajectory.prompt)
    for number, step in enumerate(trajectory.steps):
        messages.append(Message(role=Role.ASSISTANT, content=step.reply.text, token_ids=step.reply.token_ids))
        last = number == len(trajectory.steps) - 1
        if not (last and trajectory.exit is Exit.SUBMITTED):
            messages.append(Message(role=Role.USER, content=step.observation))
    return messages


def example_of(trajectory: Trajectory, chat: Chat, context: int) -> Example:
    """Return the trajectory as an example; raises UserError when it is longer than `context` ids."""
    conversation = conversation_of(trajectory)
    ids, in_loss = chat.render(conversation)
    if len(ids) > context:
        raise UserError(
            f"The trajectory of task {trajectory.task_id} has {len(ids)} tokens and the model's context {context}: "
            "filter it out or take a longer context."
        )
    example = Example(tuple(ids), tuple(in_loss))
    check_mask(example, conversation, chat)
    return example


def check_mask(example: Example, conversation: Sequence[Message], chat: Chat) -> None:
    """Raise MachineryError unless the ids in the loss decode to the assistant's texts, each with its end token."""
    learned = [token for token, learn in zip(example.ids, example.in_loss, strict=True) if learn]
    if not learned:
        raise MachineryError("an example has no token in the loss")
    turns: list[list[int]] = [[]]
    for token in learned:
        if token == chat.end:
            turns.append([])
        else:
            turns[-1].append(token)
    said = [message.content for message in conversation if message.role is Role.ASSISTANT]
    if turns[-1] or [chat.decode(turn) for turn in turns[:-1]] != said:
        raise MachineryError("the ids in the loss are not the assistant's turns and their end tokens")
