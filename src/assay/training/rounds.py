"""Rounds of sample, verify, train: expert iteration, and training on all attempts with the tag of their score.

A round samples with the last round's weights and trains supervised on all that was collected so far. Each round
has a directory of its own, `OUT/rounds/N`; the attempts are in the one ledger of the run. A round that was killed
is trained again from its beginning, on the attempts that the ledger has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from assay.errors import UserError
from assay.ledger import Ledger
from assay.models.formats import ChatFormat, load_format
from assay.models.weights import load_model
from assay.nouns import Status, Task
from assay.training.checkpoints import latest, read_card
from assay.training.collect import Tried, collect
from assay.training.conditioning import TOP, asking_for, deciles, tagged
from assay.training.config import TrainConfig
from assay.training.examples import Example
from assay.training.expert import verified
from assay.training.groups import reward_of
from assay.training.iterations import Say, plan_of, tasks_of
from assay.training.loop import LOG, Trainer, supervised
from assay.training.objectives import Method
from assay.training.online_config import OnlineConfig
from assay.training.requested import requested_and_achieved
from assay.training.sampling import Sampled, sampled_of
from assay.training.stream import Stream

ROUNDS = "rounds"


@dataclass(frozen=True)
class Gathered:
    """Examples in memory, as a source that the training stream reads."""

    examples: Sequence[Example]
    tasks: Sequence[str]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, int64 (N,)."""
        return np.array([len(example.ids) for example in self.examples], dtype=np.int64)

    def example(self, place: int) -> Example:
        """Return one example."""
        return self.examples[place]

    def meta(self, place: int) -> dict[str, Any]:
        """Return the task of one example."""
        return {"task_id": self.tasks[place]}


def train_in_rounds(
    method: Method,
    config: TrainConfig,
    online: OnlineConfig,
    start: Path,
    out: Path,
    tasks: Sequence[Task],
    ledger: Ledger,
    say: Say,
    executor: str,
) -> dict[str, Any]:
    """Run `online.iterations` rounds, or what is left of them; return what came out.

    For `conditioned` the first round samples without a tag and the later ones ask for the top score; at the end each
    score is asked for, on the tasks that would come next, and what came of it is returned as `calibration`.
    """
    format = load_format(start)
    here = start
    gathered: list[tuple[str, Sampled]] = []
    learned: set[int] = set()
    for number in range(online.iterations):
        folder = out / ROUNDS / str(number)
        chosen = tasks_of(number, tasks, online, config.seed)
        planned = plan_of(method.name, number, chosen, online, config.seed)
        asked = method.name == "conditioned" and number > 0
        tried = collect(
            f"{method.name}-{number}",
            load_model(here),
            format,
            planned,
            {task.id: task for task in chosen},
            ledger,
            temperature=online.temperature,
            max_new_tokens=online.max_new_tokens,
            slots=online.slots,
            agent=asking_for(TOP, online.agent) if asked else online.agent,
            executor=executor,
        )
        rewards = [reward_of(attempt, online.reward) for attempt, _ in tried]
        valid = [reward for reward in rewards if reward is not None]
        if method.name == "expert":
            kept = [(a.plan.task_id, sampled_of(t, format)) for a, t in verified(tried, online.per_task)]
        else:
            kept = _tagged(tried, online, format, asked, learned)
        gathered += [(task_id, each) for task_id, each in kept if each is not None]
        ledger.set_fact(
            f"round/{number:03d}",
            {
                "attempts": len(tried),
                "invalid": len(rewards) - len(valid),
                "reward_mean": sum(valid) / len(valid) if valid else None,
                "kept": len(kept),
                "examples": len(gathered),
            },
        )
        if not gathered:
            raise UserError(
                f"Round {number + 1} has nothing to learn from: none of {len(tried)} attempts was verified; start from "
                "a model that solves some of the tasks, or sample more attempts."
            )
        data = Gathered([each.example for _, each in gathered], [task_id for task_id, _ in gathered])
        solved = sum(attempt.status is Status.SOLVED for attempt, _ in tried)
        say(f"round {number + 1}/{online.iterations}  solved {solved} of {len(tried)}, {len(gathered)} examples in all")
        here = train_on(data, config, start if online.restart else here, folder, {"round": number})
    card = read_card(here)
    found: dict[str, Any] = {}
    if method.name == "conditioned" and online.calibration:
        chosen = tasks_of(online.iterations, tasks, online, config.seed)
        found["calibration"] = requested_and_achieved(here, chosen, learned, online, config.seed, ledger, say, executor)
    return {
        "out": str(out),
        "checkpoint": str(here),
        "stopped": False,
        "step": card["step"],
        "steps": card["step"],
        "loss": None,
        "log": str(here.parents[1] / LOG),
        **found,
    }


def _tagged(
    tried: Sequence[Tried], online: OnlineConfig, format: ChatFormat, asked: bool, learned: set[int]
) -> list[tuple[str, Sampled | None]]:
    """Return all valid attempts with the tag of their score in the prompt, in place of the tag they were asked for.

    The tags are added to `learned`. A verdict is of at most 1, and a solved task has 1: that is the best of every task.
    """
    found: list[tuple[str, Sampled | None]] = []
    for task_id, group in groupby(tried, key=lambda each: each[0].plan.task_id):
        pairs = list(group)
        tags = deciles([reward_of(attempt, online.reward) for attempt, _ in pairs], best=1.0)
        for (_, trajectory), tag in zip(pairs, tags, strict=True):
            if tag is None or not trajectory.prompt:
                continue
            prompt = list(trajectory.prompt)
            if asked:
                user = next(place for place, message in enumerate(prompt) if message.role == "user")
                plain = prompt[user].content.split("\n", 1)[1]
                prompt[user] = prompt[user].model_copy(update={"content": plain})
            learned.add(tag)
            found.append((task_id, sampled_of(trajectory, format, tagged(prompt, tag))))
    return found


def train_on(data: Gathered, config: TrainConfig, start: Path, folder: Path, told: dict[str, Any]) -> Path:
    """Train supervised on what was gathered, from `start`; return the checkpoint, made now or before.

    It is saved at the end only. `told` is added to the card and to every line of the log.
    """
    done = latest(folder)
    if done is not None:
        return done
    stream = Stream(data, np.arange(len(data.examples)), config)
    planned = config.model_copy(update={"steps": stream.steps})
    card = {"base": str(start), "examples": len(data.examples), **told}
    trainer = Trainer(load_model(start), load_format(start), planned, folder, card=card)
    trainer.resume()  # nothing is there but lines of a log that a killed run left
    for step in range(stream.steps):
        rows, names = stream.rows(step)
        trainer.step(rows, supervised, names=names, told=told)
    return trainer.save()
