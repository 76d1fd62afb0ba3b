"""Attempts sampled from one checkpoint, in whatever process: the weights are a prepared tree, opened once a worker."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.agents import ShellAgent, ShellConfig
from assay.models.allowance import Central, Metered
from assay.nouns import PlannedAttempt, Task
from assay.rollout.attempts import Tried, attempts
from assay.rollout.planned import CutOff
from assay.sandbox import trees

if TYPE_CHECKING:
    from assay.models.local import LocalModel


@dataclass(frozen=True)
class Checkpoint:
    """The setting of attempts (`assay.executors`): the weights in the prepared tree `tree`, and how they are sampled.

    `name` is what the trajectories record, `dtype` torch's name of a precision, "" for the usual one. With `passing`
    the other trees of its kind are removed once it is loaded: a training run has new weights each round.
    """

    tree: str
    name: str
    seed: int
    temperature: float
    max_new_tokens: int
    slots: int = 32
    device: str = "cpu"
    dtype: str = ""
    passing: bool = False
    allowance: Central | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Loaded"]:
        """Load the weights where the attempts run."""
        import torch

        from assay.models.local import LocalModel
        from assay.models.weights import use_one_thread

        use_one_thread(self.seed)
        model = LocalModel.load(
            trees.tree(self.tree),
            temperature=self.temperature,
            max_new_tokens=self.max_new_tokens,
            slots=self.slots,
            device=self.device,
            dtype=getattr(torch, self.dtype) if self.dtype else None,
        )
        model.name = self.name
        if self.passing:
            trees.keep_only(self.tree)
        metered = None if self.allowance is None else Metered(model, self.allowance, self.max_new_tokens)
        yield Loaded(metered or model, self.slots, self.allowance)


@dataclass(frozen=True)
class Loaded:
    """The loaded weights, how many attempts they sample at once, and what is asked before each turn."""

    model: "LocalModel | Metered"
    slots: int
    allowance: Central | None


async def attempted(
    loaded: Loaded, agent: ShellConfig, pairs: Sequence[tuple[PlannedAttempt, Task]]
) -> AsyncIterator[Tried | CutOff]:
    """Run planned attempts with the loaded weights, and yield each when it has ended or a budget cuts it off."""
    model = loaded.model
    async for ended in attempts(pairs, ShellAgent(agent), lambda task: model.attempt(), loaded.slots, loaded.allowance):
        yield ended
