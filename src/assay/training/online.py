"""Training on what is sampled on the way: groups of attempts, rewards of the graders, steps of policy gradient.

Iteration by iteration: `group` attempts at each of `groups` tasks with the weights as they are, then one step (or
a few, `minibatches`) on them. On-policy, but for the minibatches after the first and for what sampler and trainer
differ by; both are corrected (`importance`) and logged. A run that is killed goes on from its last checkpoint with
the attempts that the ledger has; the weights at its end are those of a run that was not, to the last bit on a CPU.

The step divides by the tokens of all valid attempts of the minibatch, a constant that no single attempt sees: its
direction is that of (1/M) sum_i Z_i grad log pi(y_i), without a weight by length.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from assay.errors import MachineryError, UserError
from assay.executors.chosen import LOCAL, connected
from assay.ledger import Ledger
from assay.ledger.directory import held
from assay.models.formats import load_format
from assay.models.weights import load_model
from assay.nouns import Status, Task
from assay.training.checkpoints import latest
from assay.training.collect import Tried, collect
from assay.training.config import TrainConfig
from assay.training.folder import claim, model_identity
from assay.training.groups import Weighed, reward_of, weigh
from assay.training.importance import PolicyGradient
from assay.training.iterations import Say, plan_of, tasks_of
from assay.training.loop import LOG, Trainer
from assay.training.objectives import Method, find_method
from assay.training.online_config import OnlineConfig, draw, read_online
from assay.training.rounds import train_in_rounds
from assay.training.sampling import Sampled, rows_of, sampled_of

LEDGER = "ledger.sqlite"


def train_online(
    start: Path,
    out: Path,
    config: TrainConfig,
    online: OnlineConfig | dict[str, Any],
    *,
    tasks: Sequence[Task] | None = None,
    method: Method | None = None,
    say: Say = lambda text: None,
    executor: str = LOCAL,
) -> dict[str, Any]:
    """Train the model in `start` by the objective of `config` in the directory `out`; return what came out.

    `tasks` stand in place of those that `online` names, `method` in place of the objective's name (one made from an h
    of your own, by `from_derivative`). `say` gets a sentence an iteration. `executor` names where attempts are sampled
    (`assay.executors`); the training itself stays here, and what comes out is the same. Objectives that train in
    rounds (`expert`, `conditioned`) go to `assay.training.rounds`. Run again in the same directory it goes on;
    raises UserError where that holds another run. The result names the last `checkpoint`.
    """
    method = method or find_method(config.objective)
    if method.supervised:
        raise UserError("The objective supervised samples nothing: give it a data set with --data.")
    if isinstance(online, dict):
        online = read_online(online)
    weights = _weights_of(method, online.group)
    if not method.rounds and not any(weights or ()):
        raise UserError(
            f"`online.group` is {online.group}, and {method.name} weighs nothing in a group of so few: raise it."
        )
    if online.reward == "value" and not method.rounds and method.fractional is None:
        raise UserError(
            f"`online.reward` is value, and {method.name} is defined for rewards 0 and 1 only: take solved, or one of "
            "reinforce, rloo, dr_grpo and grpo."
        )
    given = list(tasks) if tasks is not None else draw(online)
    with held(out):
        identity = {
            "config": config.model_dump(mode="json"),
            "online": online.model_dump(mode="json"),
            "model": model_identity(start),
            "tasks": [task.digest for task in given],
            "method": method.name,
            "weights": weights,
        }
        _settle(config)
        trainer = _trainer(method, config, online, start, out)
        claim(out, identity)  # after all that may be refused: a directory is not claimed by what never began
        with Ledger(out / LEDGER) as ledger, ledger.running("online training"), connected(executor):
            ledger.add_tasks(given)
            if method.rounds:
                del trainer
                return train_in_rounds(method, config, online, start, out, given, ledger, say, executor)
            return _Run(method, online, trainer, given, ledger, say, executor).finish()


def _trainer(method: Method, config: TrainConfig, online: OnlineConfig, start: Path, out: Path) -> Trainer:
    """Return the trainer of the run; in rounds each makes its own, and this one shows that it can be made."""
    steps = 1 if method.rounds else online.iterations * online.minibatches
    card = {"base": str(start), "objective": method.name, "online": online.model_dump(mode="json")}
    format = load_format(start)
    trainer = Trainer(load_model(start), format, config.model_copy(update={"steps": steps}), out, card=card)
    if trainer.processes.count > 1:
        raise UserError("Objectives that sample run in one process: start it without torchrun.")
    return trainer


def _weights_of(method: Method, group: int) -> list[float] | None:
    """Return b_s - a_s and a_s for a whole group: what decides a run beside the method's name."""
    if method.table is None or group < method.smallest:
        return None
    table = method.table(group)
    return [*table.difference_M.tolist(), *table.wrong_M.tolist()]


def _settle(config: TrainConfig) -> None:
    """Set threads and seed, and on a CPU what makes a run repeatable to the last bit."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    if config.device == "cpu" or not torch.cuda.is_available():
        torch.use_deterministic_algorithms(True)


class _Run:
    """One run of policy gradient, while its directory is held."""

    def __init__(
        self,
        method: Method,
        online: OnlineConfig,
        trainer: Trainer,
        tasks: Sequence[Task],
        ledger: Ledger,
        say: Say,
        executor: str,
    ) -> None:
        self.method, self.online, self.trainer, self.tasks, self.ledger = method, online, trainer, tasks, ledger
        self.say, self.executor = say, executor
        self.config, self.out, self.format = trainer.config, trainer.out, trainer.format
        self.loss_seen: float | None = None
        self.loss = PolicyGradient(level=online.importance, cap=online.cap)

    def finish(self) -> dict[str, Any]:
        """Do what is left of the run; return what came out."""
        self.trainer.resume()
        done = int(self.trainer.position.get("iteration", 0))
        if done:
            self.say(f"going on after iteration {done} of {self.online.iterations}")
        # Counted in iterations, because attempts that are there are not sampled again where weights are not.
        every = max(1, self.config.save_every)
        for number in range(done, self.online.iterations):
            self._iterate(number)
            self.trainer.position = {"iteration": number + 1}
            if (number + 1) % every == 0 or number + 1 == self.online.iterations:
                self.trainer.save()
        last = latest(self.out)
        if last is None:
            raise MachineryError(f"the run in {self.out} left no checkpoint")
        return {
            "out": str(self.out),
            "checkpoint": str(last),
            "stopped": False,
            "step": self.trainer.steps_done,
            "steps": self.config.steps,
            "loss": self.loss_seen,
            "log": str(self.out / LOG),
        }

    def _iterate(self, number: int) -> None:
        online = self.online
        chosen = tasks_of(number, self.tasks, online, self.config.seed)
        planned = plan_of(self.method.name, number, chosen, online, self.config.seed)
        tried = collect(
            f"{self.method.name}-{number}",
            self.trainer.model,  # type: ignore[arg-type]
            self.format,
            planned,
            {task.id: task for task in chosen},
            self.ledger,
            temperature=online.temperature,
            max_new_tokens=online.max_new_tokens,
            slots=online.slots,
            agent=online.agent,
            executor=self.executor,
        )
        groups = [tried[place : place + online.group] for place in range(0, len(tried), online.group)]
        bounds = [len(groups) * part // online.minibatches for part in range(online.minibatches + 1)]
        for part, (first, last) in enumerate(itertools.pairwise(bounds)):
            self._step(number, part, groups[first:last])
        solved = sum(attempt.status is Status.SOLVED for attempt, _ in tried)
        self.say(f"iteration {number + 1}/{online.iterations}  solved {solved} of {len(tried)}")

    def _step(self, number: int, part: int, groups: Sequence[Sequence[Tried]]) -> None:
        """Take one step on whole groups. Where no attempt weighs anything no step is taken, and that is recorded."""
        weighed = weigh(self.method, [[reward_of(a, self.online.reward) for a, _ in group] for group in groups])
        learned, weights, tokens = self._weighted(groups, weighed)
        told: dict[str, Any] = {"iteration": number, "minibatch": part, **weighed.told, "attempts": len(learned)}
        if not learned:
            self.ledger.set_fact(f"no step/{number:05d}/{part:03d}", told)
            return
        longest = max(len(attempt.example.ids) for attempt in learned)
        rows = rows_of(learned, weights, max(self.config.pack_tokens, longest))
        names = [f"the attempts of iteration {number}"] * len(rows)
        log = self.trainer.step(
            rows, self.loss, temperature=self.online.temperature, denominator=tokens, names=names, told=told
        )
        self.loss_seen = log.loss

    def _weighted(
        self, groups: Sequence[Sequence[Tried]], weighed: Weighed
    ) -> tuple[list[Sampled], list[float], float]:
        """Return the attempts whose weight is not 0, their weights, and the sampled tokens of all valid attempts."""
        learned: list[Sampled] = []
        weights: list[float] = []
        tokens = 0
        for group, weights_M in zip(groups, weighed.weights, strict=True):
            for (_, trajectory), weight in zip(group, weights_M, strict=True):
                attempt = sampled_of(trajectory, self.format) if weight is not None else None
                if attempt is None or weight is None:
                    continue
                tokens += len(attempt.logprobs)
                if weight != 0.0:
                    learned.append(attempt)
                    weights.append(weight)
        return learned, weights, float(tokens)
