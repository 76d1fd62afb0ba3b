"""Examples: a conversation as token ids with the mask that says which of them are learned from.

Mask law (law 4): the ids in the loss are the assistant's turns with their end tokens, and nothing else;
`check_mask` proves it for one example, and every example is checked before it is trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.errors import MachineryError, UserError
from assay.ledger.calls import spoken
from assay.models.formats import ChatFormat
from assay.nouns import Exit, Message, Reply, Role, Trajectory

_THOUGHT = "</think>"  # ends the part of a turn that an endpoint may give apart from its text


@dataclass(frozen=True)
class Example:
    """One trajectory: `ids` and, of the same length, whether each is in the loss."""

    ids: tuple[int, ...]
    in_loss: tuple[bool, ...]


def conversation_of(trajectory: Trajectory) -> list[Message]:
    """Return the messages of a trajectory as the model saw and said them."""
    messages = list(trajectory.prompt)
    for number, step in enumerate(trajectory.steps):
        messages.append(turn_of(step.reply))
        last = number == len(trajectory.steps) - 1
        if not (last and trajectory.exit is Exit.SUBMITTED):
            messages.append(Message(role=Role.USER, content=step.observation))
    return messages


def turn_of(reply: Reply) -> Message:
    """Return the assistant's turn: calls of tools are in its sampled ids, or where there are none in its text."""
    if reply.token_ids is None:
        return Message(role=Role.ASSISTANT, content=spoken(reply))
    return Message(role=Role.ASSISTANT, content=reply.text, token_ids=reply.token_ids, calls=reply.calls)


def says(said: str, turn: Message) -> bool:
    """Whether what sampled ids say is the turn, from whose text an endpoint takes the calls of tools."""
    return said == turn.content or (
        bool(turn.calls) and turn.content.strip() in said and all(call.name in said for call in turn.calls)
    )


def example_of(trajectory: Trajectory, chat: ChatFormat, context: int) -> Example:
    """Return the trajectory as an example; raises UserError when it is longer than `context` ids."""
    return example_from(conversation_of(trajectory), chat, context, f"trajectory of task {trajectory.task_id}")


def example_from(conversation: Sequence[Message], chat: ChatFormat, context: int, name: str) -> Example:
    """Return a conversation as an example; `name` is for errors.

    Raises UserError where the assistant says nothing in it, where the tokenizer has no ids for what it says, and
    where it is longer than `context` ids.
    """
    if not any(message.role is Role.ASSISTANT and message.token_ids != () for message in conversation):
        raise UserError(f"The {name} has no turn of the assistant, so nothing is learned from it: filter it out.")
    ids, in_loss = chat.render(conversation)
    if len(ids) > context:
        raise UserError(
            f"The {name} has {len(ids)} tokens and the model's context {context}: "
            "filter it out or take a longer context."
        )
    example = Example(tuple(ids), tuple(in_loss))
    try:
        check_mask(example, conversation, chat)
    except MachineryError as error:
        _check_sayable(conversation, chat, name)
        raise error
    return example


def check_mask(example: Example, conversation: Sequence[Message], chat: ChatFormat) -> None:
    """Raise MachineryError unless each run of ids in the loss is one of the assistant's turns, and each turn is one.

    A sampled turn must be there id for id, with or without an end token as it was sampled, and say the message's
    text, from which an endpoint may have taken the thinking. A written one must say the text, end with an end token
    and be all of what the tokenizer writes: a first id that says nothing, as Llama 2's "▁", belongs to it.
    """
    runs = _runs(example)
    if not runs:
        raise MachineryError("an example has no token in the loss")
    turns = [message for message in conversation if message.role is Role.ASSISTANT and message.token_ids != ()]
    if len(runs) != len(turns) or not all(_is_turn(run, turn, chat) for run, turn in zip(runs, turns, strict=True)):
        raise MachineryError("the ids in the loss are not the assistant's turns and their end tokens")


def _check_sayable(conversation: Sequence[Message], chat: ChatFormat, name: str) -> None:
    """Raise UserError where a written turn is lost in the tokenizer, some of which lack a few bytes of Unicode."""
    for turn in conversation:
        if (
            turn.role is Role.ASSISTANT
            and turn.token_ids is None
            and chat.decode(chat.turn_ids(turn.content)) != turn.content
        ):
            lost = sorted(letter for letter in set(turn.content) if chat.decode(chat.encode(letter)) != letter)
            raise UserError(
                f"The {name} has a turn of the assistant that the tokenizer of {chat.name} cannot write "
                f"(characters {', '.join(map(ascii, lost[:3]))}): filter it out."
            )


def _runs(example: Example) -> list[list[int]]:
    """Return the longest runs of ids that are in the loss."""
    runs: list[list[int]] = []
    before = False
    for token, learn in zip(example.ids, example.in_loss, strict=True):
        if learn:
            runs += [] if before else [[]]
            runs[-1].append(int(token))
        before = bool(learn)
    return runs


def _is_turn(run: Sequence[int], turn: Message, chat: ChatFormat) -> bool:
    said = chat.decode(run)
    if turn.token_ids is None:
        return run[-1] in chat.stops and said == turn.content and list(run) == chat.turn_ids(turn.content)
    if tuple(run) != turn.token_ids:
        return False
    return says(said, turn) or (_THOUGHT in said and said.rpartition(_THOUGHT)[2].strip() == turn.content.strip())
