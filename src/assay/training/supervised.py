"""Supervised training on trajectories: one run over the data, a checkpoint at every dose, resumable.

All arms read the same trajectories in the same order. A dose counts the trajectories read so far; where the
data is read more than once, the card of a dose says how many of them were distinct.
"""

import json
import os
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from pydantic import Field
from transformers import LlamaForCausalLM

from assay.errors import MachineryError, UserError
from assay.models.chat import Chat
from assay.models.weights import load_model, use_one_thread
from assay.nouns.base import Noun
from assay.training.examples import Example
from assay.training.optimizer import build_optimizer, clip_gradients, rate_at, set_rate


class SupervisedConfig(Noun):
    """How an arm is trained. `batch` counts trajectories a step; every dose must be a multiple of it."""

    passes: int = Field(default=1, ge=1)  # how often the data is read, each time in another order
    batch: int = Field(default=8, ge=1)
    peak_rate: float = Field(default=3e-3, gt=0)
    warmup: int = Field(default=30, ge=1)  # steps
    decay_share: float = Field(default=0.4, gt=0, le=1)
    weight_decay: float = Field(default=0.05, ge=0)
    clip: float = Field(default=1.0, gt=0)


class DoseCard(Noun):
    """What one checkpoint has seen, counted and not derived. Losses are means over loss tokens, in nats."""

    dose: int
    distinct: int
    tokens: int
    loss_tokens: int
    steps: int
    train_loss: float
    gradient_norm: float
    largest_gradients: str


def reading_order(count: int, passes: int, seed: int) -> list[int]:
    """Return the places of `count` examples read `passes` times, each pass in another order that `seed` decides."""
    order: list[int] = []
    for number in range(passes):
        places = list(range(count))
        random.Random(f"{seed}:{number}").shuffle(places)
        order += places
    return order


def check_doses(doses: Sequence[int], batch: int, available: int) -> None:
    """Raise UserError unless the doses rise, are multiples of `batch` and fit what can be read."""
    if sorted(set(doses)) != list(doses) or not doses or doses[0] <= 0:
        raise UserError(f"The field `doses` is {list(doses)}: give rising numbers of trajectories above 0.")
    odd = [dose for dose in doses if dose % batch]
    if odd:
        raise UserError(f"The doses {odd} are no multiples of `training.batch` = {batch}: change one of the two.")
    if doses[-1] > available:
        raise UserError(
            f"The dose {doses[-1]} is larger than the data, {available} trajectories with all passes: "
            "lower `doses` or take more data."
        )


def microbatches(examples: Sequence[Example], most_tokens: int = 4096) -> list[list[Example]]:
    """Split one step's examples by length into rows of like length, at most `most_tokens` padded ids each."""
    groups: list[list[Example]] = []
    for example in sorted(examples, key=lambda e: (len(e.ids), e.ids)):
        if groups and len(example.ids) * (len(groups[-1]) + 1) <= most_tokens:
            groups[-1].append(example)
        else:
            groups.append([example])
    return groups


def summed_loss(model: LlamaForCausalLM, examples: Sequence[Example], pad: int) -> torch.Tensor:
    """Return the summed cross-entropy (nats) of the ids in the loss. Padding stands right, where causality hides it."""
    longest = max(len(example.ids) for example in examples)
    ids_BT = torch.full((len(examples), longest), pad)
    learn_BT = torch.zeros((len(examples), longest), dtype=torch.bool)
    for row, example in enumerate(examples):
        ids_BT[row, : len(example.ids)] = torch.tensor(example.ids)
        learn_BT[row, : len(example.ids)] = torch.tensor(example.in_loss)
    hidden_BTD = model.model(input_ids=ids_BT[:, :-1], use_cache=False).last_hidden_state
    targets_BT, learn_BT = ids_BT[:, 1:], learn_BT[:, 1:]
    logits_NV = model.lm_head(hidden_BTD[learn_BT])
    return torch.nn.functional.cross_entropy(logits_NV, targets_BT[learn_BT], reduction="sum")


def train(
    start: Path | LlamaForCausalLM,
    chat: Chat,
    examples: Sequence[Example],
    doses: Sequence[int],
    out: Path,
    config: SupervisedConfig,
    *,
    seed: int,
    tell: Callable[[int], None] = lambda done: None,
) -> list[DoseCard]:
    """Train from `start` and leave a checkpoint directory `out/<dose>` for each dose; return their cards.

    Checkpoints that are there already are not made again: training goes on from the last one, with its
    optimiser and data position, and gives the same weights to the last bit as a run without a break.
    `tell` is called with the number of trajectories read after every step.
    """
    check_doses(doses, config.batch, len(examples) * config.passes)
    order = reading_order(len(examples), config.passes, seed)
    use_one_thread(seed)
    out.mkdir(parents=True, exist_ok=True)
    cards = [_read_card(out / str(dose)) for dose in doses]
    done = [card for card in cards if card is not None]
    if len(done) == len(doses):
        return done
    model = load_model(out / str(done[-1].dose)) if done else load_model(start) if isinstance(start, Path) else start
    model.train()
    optimizer = build_optimizer(model, config.peak_rate, config.weight_decay)
    step, tokens, loss_tokens = (done[-1].steps, done[-1].tokens, done[-1].loss_tokens) if done else (0, 0, 0)
    recent: list[float] = []  # the last losses, for the card
    if done:
        state = torch.load(out / str(done[-1].dose) / "optimizer.pt", weights_only=True)
        optimizer.load_state_dict(state["optimizer"])
        recent = state["recent"]
    steps = doses[-1] // config.batch
    while step < steps:
        batch = [examples[place] for place in order[step * config.batch : (step + 1) * config.batch]]
        count = sum(sum(example.in_loss) for example in batch)
        if count == 0:
            raise MachineryError(f"step {step + 1} has nothing to learn from")
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for group in microbatches(batch):
            loss = summed_loss(model, group, chat.pad) / count
            loss.backward()
            total += loss.item()
        norm, largest = clip_gradients(model, config.clip)
        set_rate(optimizer, rate_at(step, steps, config.peak_rate, config.warmup, config.decay_share))
        optimizer.step()
        step += 1
        tokens += sum(len(example.ids) for example in batch)
        loss_tokens += count
        recent = [*recent[-19:], total]
        tell(step * config.batch)
        if step * config.batch in doses:
            card = DoseCard(
                dose=step * config.batch,
                distinct=min(step * config.batch, len(examples)),
                tokens=tokens,
                loss_tokens=loss_tokens,
                steps=step,
                train_loss=round(sum(recent) / len(recent), 5),
                gradient_norm=round(norm, 5),
                largest_gradients=largest,
            )
            _save(model, {"optimizer": optimizer.state_dict(), "recent": recent}, chat, card, out)
            done.append(card)
    return done


def _read_card(directory: Path) -> DoseCard | None:
    path = directory / "dose.json"
    return DoseCard.model_validate_json(path.read_text()) if path.is_file() else None


def _save(model: LlamaForCausalLM, state: dict, chat: Chat, card: DoseCard, out: Path) -> None:
    """Write the checkpoint beside its place and rename it there, so that a killed run leaves none half made."""
    final = out / str(card.dose)
    partial = out / f"{card.dose}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        model.save_pretrained(partial)
        chat.tokenizer.save(str(partial / "tokenizer.json"))
        torch.save(state, partial / "optimizer.pt")
        (partial / "dose.json").write_text(json.dumps(card.model_dump(mode="json"), indent=1) + "\n")
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise UserError(f"The checkpoint {final} could not be written ({error}): free space and run again.") from error
