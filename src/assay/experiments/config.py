"""The experiment file: one frozen configuration, read from TOML and resolved at a scale."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from assay.agents import ShellConfig
from assay.errors import UserError
from assay.nouns.base import Noun, digest

RANDOM = "random"


class Arm(Noun):
    """One side of a comparison: a base checkpoint directory, or `random` weights with a tokenizer's directory."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    base: str
    tokenizer: str = ""

    @model_validator(mode="after")
    def _random_weights_need_a_tokenizer(self) -> "Arm":
        if self.base == RANDOM and not self.tokenizer:
            raise ValueError("an arm of random weights needs `tokenizer`, a checkpoint directory")
        return self


class TaskChoice(Noun):
    """Which sources, each as `source:split`: one for training (`train`), one for each split of the evaluation.

    `options` holds, by the same names, what is passed on to a source.
    """

    train: str
    seed: int = 0
    evaluation: dict[str, str] = Field(min_length=1)
    options: dict[str, dict[str, Any]] = {}

    @model_validator(mode="after")
    def _sources_have_splits(self) -> "TaskChoice":
        for choice in (self.train, *self.evaluation.values()):
            if choice.count(":") != 1 or not all(choice.split(":")):
                raise ValueError(f"{choice!r} is not of the form source:split, such as drills:seen")
        unknown = set(self.options) - {"train", *self.evaluation}
        if unknown:
            raise ValueError(f"`options` names {sorted(unknown)[0]!r}, which is no split of this experiment")
        return self


class TeacherChoice(Noun):
    """The teacher's share of trajectories that first go wrong."""

    wrong_share: float = Field(ge=0, le=1)


class TrainingChoice(Noun):
    """Passed to `assay.training.supervised.SupervisedConfig`; kept apart so that reading a file loads no torch."""

    batch: int = Field(default=8, ge=1)
    peak_rate: float = Field(default=3e-3, gt=0)
    warmup: int = Field(default=30, ge=1)
    decay_share: float = Field(default=0.4, gt=0, le=1)
    weight_decay: float = Field(default=0.05, ge=0)
    clip: float = Field(default=1.0, gt=0)


class Sampling(Noun):
    """How replies are sampled."""

    temperature: float = Field(ge=0)
    max_new_tokens: int = Field(ge=1)


class Scale(Noun):
    """What one setting of the dial sets, together. A dose counts trajectories read, over all passes."""

    seeds: tuple[int, ...] = Field(min_length=1)
    doses: tuple[int, ...] = Field(min_length=1)
    trajectories: int = Field(ge=1)
    passes: int = Field(default=1, ge=1)
    teacher_tasks: int = Field(ge=1)
    evaluation: dict[str, int] = Field(min_length=1)


class Experiment(Noun):
    """A resolved experiment: everything that decides its results. Paths are absolute, hashed by content elsewhere."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    question: str
    compare: tuple[tuple[str, str], ...]
    margin: float = Field(gt=0, lt=1)
    arms: tuple[Arm, ...] = Field(min_length=1)
    tasks: TaskChoice
    teacher: TeacherChoice
    training: TrainingChoice = TrainingChoice()
    sampling: Sampling
    agent: ShellConfig = ShellConfig()
    chosen: Scale
    scale: str
    folder: str = ""  # where the file lies; bases are relative to it

    @model_validator(mode="after")
    def _names_agree(self) -> "Experiment":
        names = [arm.name for arm in self.arms]
        if len(set(names)) != len(names):
            raise ValueError(f"`arms` has a name twice: {names}")
        for pair in self.compare:
            unknown = [name for name in pair if name not in names]
            if unknown:
                raise ValueError(f"`compare` names the unknown arm {unknown[0]!r}; the arms are {names}")
        if set(self.chosen.evaluation) != set(self.tasks.evaluation):
            raise ValueError(
                f"`scale.{self.scale}.evaluation` and `tasks.evaluation` name different splits: "
                f"{sorted(self.chosen.evaluation)} and {sorted(self.tasks.evaluation)}"
            )
        doses = self.chosen.doses
        if list(doses) != sorted(set(doses)) or doses[0] < 1:
            raise ValueError(f"`scale.{self.scale}.doses` must rise and start above 0: {list(doses)}")
        readable = self.chosen.trajectories * self.chosen.passes
        if doses[-1] > readable:
            raise ValueError(
                f"the dose {doses[-1]} in `scale.{self.scale}.doses` is larger than the data, "
                f"{self.chosen.trajectories} `trajectories` x {self.chosen.passes} `passes`"
            )
        if self.chosen.trajectories > self.chosen.teacher_tasks:
            raise ValueError(
                f"`scale.{self.scale}.trajectories` is {self.chosen.trajectories}, more than the "
                f"{self.chosen.teacher_tasks} `teacher_tasks` that give them"
            )
        odd = [dose for dose in doses if dose % self.training.batch]
        if odd:
            raise ValueError(f"the doses {odd} are no multiples of `training.batch` = {self.training.batch}")
        return self

    def arm(self, name: str) -> Arm:
        """Return the arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def path(self, text: str) -> Path:
        """Return a path of the file, which is relative to the file's folder."""
        return (Path(self.folder) / text).resolve()

    @property
    def hash(self) -> str:
        """SHA-256 of what decides the results: where the file lies does not."""
        return digest(self.model_dump(mode="json", exclude={"folder"}))


def read_experiment(path: Path, scale: str) -> Experiment:
    """Read and check an experiment file at a scale; every fault is a UserError that names file, field and remedy."""
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"There is no experiment file {path}: name one, such as experiments/twins.toml.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The experiment file {path} cannot be read ({error}): mend it or name another.") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"The experiment file {path} is not TOML: {error}; mend that line.") from error
    scales = raw.pop("scale", None)
    if not isinstance(scales, dict) or not scales:
        raise UserError(f"The experiment file {path} has no table `scale`: add one, such as [scale.1].")
    if scale not in scales:
        known = ", ".join(sorted(scales))
        raise UserError(f"The experiment file {path} has no scale {scale}: choose one of {known}.")
    try:
        return Experiment(**raw, chosen=scales[scale], scale=scale, folder=str(path.resolve().parent))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "experiment"
        field = field.replace("chosen", f"scale.{scale}", 1)
        fault = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise UserError(f"The experiment file {path} is wrong at `{field}`: {fault}; mend that field.") from error
    except TypeError as error:
        raise UserError(f"The experiment file {path} has a field that may not be set ({error}): remove it.") from error
