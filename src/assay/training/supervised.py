"""Supervised training on trajectories: one run over the data, a checkpoint at every dose, resumable.

All arms read the same trajectories in the same order. A dose counts the trajectories read so far; where the
data is read more than once, the card of a dose says how many of them were distinct.
"""

from collections.abc import Generator, Sequence
from pathlib import Path

from pydantic import Field
from transformers import LlamaForCausalLM

from assay.errors import UserError
from assay.models.formats import ChatFormat
from assay.models.weights import load_model, use_one_thread
from assay.nouns.base import Noun
from assay.training.checkpoints import CARD, read_card
from assay.training.config import TrainConfig
from assay.training.examples import Example
from assay.training.loop import Trainer, supervised
from assay.training.packing import pack
from assay.training.stream import reading_order

ROW = 4096  # tokens of one forward pass


class SupervisedConfig(Noun):
    """How an arm is trained. `batch` counts trajectories a step; every dose must be a multiple of it."""

    passes: int = Field(default=1, ge=1)  # how often the data is read, each time in another order
    batch: int = Field(default=8, ge=1)
    peak_rate: float = Field(default=3e-3, gt=0)
    warmup: int = Field(default=30, ge=1)  # steps
    decay_share: float = Field(default=0.4, gt=0, le=1)
    weight_decay: float = Field(default=0.05, ge=0)
    clip: float = Field(default=1.0, gt=0)

    def of_loop(self, seed: int, steps: int) -> TrainConfig:
        """Return the same as the configuration of the one loop: constant, then decaying to 5 %."""
        return TrainConfig(
            seed=seed,
            steps=steps,
            peak_rate=self.peak_rate,
            schedule="constant",
            warmup=self.warmup,
            decay_share=self.decay_share,
            end_share=0.05,
            weight_decay=self.weight_decay,
            clip=self.clip,
            device="cpu",
        )


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


def training(
    start: Path | LlamaForCausalLM,
    chat: ChatFormat,
    examples: Sequence[Example],
    doses: Sequence[int],
    out: Path,
    config: SupervisedConfig,
    *,
    seed: int,
) -> Generator[int, None, list[DoseCard]]:
    """Train from `start`, a step each time that it is asked for, and leave a checkpoint `out/<dose>` for each dose.

    Yields the number of trajectories read after every step, and returns the doses' cards. Checkpoints that are there
    already, up to the first that is not, are not made again: training goes on from the last of them, with its optimiser
    and data position, and gives the same weights to the last bit as a run without a break.
    """
    check_doses(doses, config.batch, len(examples) * config.passes)
    order = reading_order(range(len(examples)), config.passes, seed)
    use_one_thread(seed)
    out.mkdir(parents=True, exist_ok=True)
    cards: list[DoseCard] = []
    while len(cards) < len(doses) and (made := _read_card(out / str(doses[len(cards)]))) is not None:
        cards.append(made)
    if len(cards) == len(doses):
        return cards
    model = load_model(start) if isinstance(start, Path) else start
    trainer = Trainer(model, chat, config.of_loop(seed, doses[-1] // config.batch), out)
    if cards:
        trainer.restore(out / str(cards[-1].dose))
    recent: list[float] = trainer.position.get("recent", [])  # the last losses, for the card
    while trainer.steps_done < trainer.config.steps:
        first = trainer.steps_done * config.batch
        batch = [examples[place] for place in order[first : first + config.batch]]
        log = trainer.step(pack(batch, max(ROW, max(len(example.ids) for example in batch))), supervised)
        recent = [*recent[-19:], log.loss]
        read = trainer.steps_done * config.batch
        yield read
        if read in doses:
            card = DoseCard(
                dose=read,
                distinct=min(read, len(examples)),
                tokens=trainer.tokens,
                loss_tokens=trainer.loss_tokens,
                steps=trainer.steps_done,
                train_loss=round(sum(recent) / len(recent), 5),
                gradient_norm=round(log.gradient_norm, 5),
                largest_gradients=log.largest,
            )
            trainer.position = {"recent": recent}
            trainer.card["dose"] = card.model_dump(mode="json")
            trainer.save(out / str(read))
            cards.append(card)
    return cards


def _read_card(directory: Path) -> DoseCard | None:
    if not (directory / CARD).is_file():
        return None
    return DoseCard.model_validate(read_card(directory)["dose"])
