"""Sampled attempts as rows to train on: the ids that were sampled, with the sampler's log-probabilities.

Nothing is tokenised again. What stands in the loss is, id by id, what the sampler gave; `sampled_of` proves it for
every attempt, also for turns that were cut at the limit of new tokens and have no end token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from assay.errors import MachineryError, UserError
from assay.models.formats import ChatFormat
from assay.nouns import Message, Trajectory
from assay.training.examples import Example, conversation_of
from assay.training.packing import Packed, pack


@dataclass(frozen=True)
class Sampled:
    """One attempt: its example, and the sampler's log-probability (nats) of each id in the loss, in order."""

    example: Example
    logprobs: tuple[float, ...]


def sampled_of(trajectory: Trajectory, format: ChatFormat, prompt: Sequence[Message] | None = None) -> Sampled | None:
    """Return the attempt as it was sampled, or None where the model said nothing.

    `prompt` stands in place of the messages that the attempt began with (a tag of its score in it, say); then the
    log-probabilities are those under the prompt that it was sampled with. Ids after the last turn are left out, for
    nothing is learned from them. Raises UserError where the model gave no ids with log-probabilities, and
    MachineryError where the ids in the loss are not those sampled.
    """
    said = [step.reply for step in trajectory.steps]
    ids: list[int] = []
    logprobs: list[float] = []
    for reply in said:
        if reply.token_ids is None or reply.logprobs is None:
            raise UserError(
                f"The model {trajectory.model} gave no token ids with log-probabilities for task {trajectory.task_id}: "
                "sample with local weights, or with a server that returns both."
            )
        ids += reply.token_ids
        logprobs += reply.logprobs
    if not ids:
        return None
    if len(ids) != len(logprobs):
        raise MachineryError(f"{len(ids)} ids of task {trajectory.task_id} have {len(logprobs)} log-probabilities")
    messages = conversation_of(trajectory)
    if prompt is not None:
        messages = [*prompt, *messages[len(trajectory.prompt) :]]
    rendered, in_loss = format.render(messages)
    end = max((place for place, learn in enumerate(in_loss) if learn), default=-1) + 1
    example = Example(tuple(rendered[:end]), tuple(in_loss[:end]))
    if [token for token, learn in zip(rendered, in_loss, strict=True) if learn] != ids:
        raise MachineryError(f"the ids in the loss of task {trajectory.task_id} are not the ids that were sampled")
    return Sampled(example, tuple(logprobs))


def rows_of(attempts: Sequence[Sampled], weights: Sequence[float], capacity: int) -> list[Packed]:
    """Pack attempts into rows with `old_logprobs_N` and, of each token its attempt's weight, `weights_N`."""
    rows = pack([attempt.example for attempt in attempts], capacity)
    full: list[Packed] = []
    for row in rows:
        old_N = torch.tensor([value for member in row.members for value in attempts[member].logprobs])
        if old_N.shape != row.targets_N.shape:
            raise MachineryError("a packed row has another number of targets than its attempts have log-probabilities")
        weights_D = torch.tensor([weights[member] for member in row.members])
        full.append(replace(row, old_logprobs_N=old_N, weights_N=weights_D[row.document_N]))
    return full
