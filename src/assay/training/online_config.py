"""What the objectives that sample need beside a TrainConfig: tasks, groups, sampling, correction, rounds."""

from typing import Any

from pydantic import Field, ValidationError

from assay.agents import ShellConfig
from assay.errors import UserError
from assay.nouns import Task
from assay.nouns.base import Noun
from assay.tasks.chosen import chosen
from assay.training.groups import Reward
from assay.training.importance import Level


class OnlineConfig(Noun):
    """How attempts are sampled and weighed; the table `online` of a configuration file.

    An iteration (a round, for `expert` and `conditioned`) samples `group` attempts at each of `groups` tasks.
    Its tasks are the next ones of the list, which is read again, shuffled, where it ends.
    """

    tasks: str = "drills"
    split: str = "train"
    count: int = Field(default=256, ge=1)  # tasks that are drawn
    task_seed: int = 0
    options: dict[str, Any] = {}  # passed on to a source that draws
    steps: int = Field(default=0, ge=0)  # turns of one attempt; 0 takes the task's own limit
    group: int = Field(default=8, ge=1)
    groups: int = Field(default=16, ge=1)
    iterations: int = Field(default=10, ge=1)
    minibatches: int = Field(default=1, ge=1)  # optimiser steps an iteration, each on as many whole groups
    temperature: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_new_tokens: int = Field(default=256, ge=1)
    slots: int = Field(default=32, ge=1)  # rows of the decode batch
    reward: Reward = "solved"
    importance: Level = "token"
    cap: float = Field(default=2.0, ge=1)
    restart: bool = True  # `expert` and `conditioned`: every round trains from the start, not from the last round
    per_task: int = Field(default=2, ge=1)  # `expert`: verified attempts kept of one task in one round
    calibration: int = Field(default=4, ge=0)  # `conditioned`: attempts a task at each score asked for; 0 asks none
    agent: ShellConfig = ShellConfig()


def read_online(table: dict[str, Any], source: str = "The configuration") -> OnlineConfig:
    """Return the configuration in a table `online`; raises UserError that names field and remedy."""
    try:
        online = OnlineConfig(**table)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        fault = first["msg"].rstrip(".")
        raise UserError(f"{source} is wrong at `online.{field}`: {fault}; mend that field.") from error
    if online.top_p < 1.0:
        raise UserError(
            f"{source} has `online.top_p` = {online.top_p}: training needs 1.0, because ids that top_p cuts off have "
            "no chance in the sampler and some in the trainer; lower `online.temperature` instead."
        )
    if online.minibatches > online.groups:
        raise UserError(
            f"{source} has {online.minibatches} `online.minibatches` of {online.groups} `online.groups`: a minibatch "
            "holds whole groups, so lower the first."
        )
    return online


def draw(online: OnlineConfig) -> list[Task]:
    """Return the tasks to train on, with the limit on turns that the configuration sets."""
    from assay.tasks import is_source, source

    if is_source(online.tasks):
        tasks = source(online.tasks).load(online.split, online.count, online.task_seed, **online.options)
    else:
        tasks = chosen(online.tasks, split=online.split, count=online.count, seed=online.task_seed).tasks
    if not tasks:
        raise UserError(f"`online.tasks` = {online.tasks} gave no task: name another source or folder.")
    return [limited(task, online.steps) for task in tasks]


def limited(task: Task, steps: int) -> Task:
    """Return the task with at most `steps` turns; 0 leaves it as it is."""
    if not steps:
        return task
    return task.model_copy(update={"limits": task.limits.model_copy(update={"steps": steps})})
