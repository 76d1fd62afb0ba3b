"""What each repository needs at each version: the data files of specs/, one a repository.

docs/swebench.md has the fields. A data file lists environments; the first whose conditions all hold for a version, a
date and a tree is taken.
"""

import re
import tomllib
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from assay.errors import MachineryError

FOLDER = Path(__file__).with_name("specs")
PROJECTS = ("editable", "compat", "develop", "inplace", "path")
_WORDS = re.compile(r"[.\-+_]")
_BOUND = re.compile(r"(>=|<=|<|>)\s*(.+)")

_Date = Annotated[
    date | None, BeforeValidator(lambda value: date.fromisoformat(value) if isinstance(value, str) else value)
]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Version(_Data):
    """One way to read the version of a tree: a pattern in a file of it, or the nearest tag that matches wholly."""

    file: str = ""
    pattern: str = ""
    tags: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> "Version":
        if bool(self.file and self.pattern) == bool(self.tags):
            raise ValueError("[[version]] needs either file and pattern, or tags")
        for text in (self.pattern, self.tags):
            re.compile(text, re.MULTILINE)
        return self


class Requirements(_Data):
    """A file of requirements in the tree, and expressions for the lines of it to leave out."""

    file: str
    drop: tuple[str, ...] = ()
    optional: bool = False


class Test(_Data):
    """How the tests run: environment, arguments of the runner, routes that time out, limits.

    `helpers_on_path`: the benchmark names every Python file of the test patch to pytest, which puts the folder that a
    file is imported from on the path; lists of some repositories hold tests that pass only so.
    """

    env: dict[str, str] = {}
    helpers_on_path: bool = False
    args: tuple[str, ...] = ()
    blackhole: tuple[str, ...] = ()
    timeout_s: float = Field(default=1800.0, gt=0)
    memory_mb: int = Field(default=8192, ge=256)


class Environment(_Data):
    """What is installed for the versions and dates that it is for, and how the project is put in."""

    versions: tuple[str, ...] = ()
    since: _Date = None
    until: _Date = None
    contains: str = ""
    python: str = Field(pattern=r"^3\.\d+$")
    build: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    requirements: tuple[Requirements, ...] = ()
    constraints: tuple[str, ...] = ()
    dependencies: bool = False
    extras: tuple[str, ...] = ()
    wheels_only: bool = False
    exclude_newer: str = Field(default="commit", pattern=r"^(commit|\d{4}-\d\d-\d\d|)$")
    variables: dict[str, str] = {}
    prepare: tuple[str, ...] = ()
    finish: tuple[str, ...] = ()
    project: Literal["editable", "compat", "develop", "inplace", "path"] = "editable"
    path_folder: str = ""
    system: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    test: Test = Test()

    def fits(self, version: str, day: date, contains: Callable[[str], bool]) -> bool:
        """Whether it is for this version, this date of the base commit and this tree."""
        if self.versions and not any(matches(version, wanted) for wanted in self.versions):
            return False
        if (self.since and day < self.since) or (self.until and day >= self.until):
            return False
        return not self.contains or contains(self.contains)


class Specification(_Data):
    """One data file."""

    repository: str = Field(pattern=r"^[^/\s]+/[^/\s]+$")
    runner: Literal["pytest", "django", "sympy", "unittest"]
    test_root: str = ""
    spare: dict[str, str] = {}  # large files that some mirrors lack, and the package of the index that has each
    version: tuple[Version, ...] = ()
    steps: dict[str, str] = {}  # shell that environments share: a line of `prepare` or `finish` may be a name here
    environment: tuple[Environment, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _named_steps(cls, data: dict[str, Any]) -> dict[str, Any]:
        steps = data.get("steps", {})
        for entry in data.get("environment", []):
            entry |= {name: [steps.get(line, line) for line in entry.get(name, [])] for name in ("prepare", "finish")}
        return data

    def choose(self, version: str, day: date, contains: Callable[[str], bool]) -> Environment | None:
        """Return the first environment that fits; None where there is none."""
        return next((found for found in self.environment if found.fits(version, day, contains)), None)


def matches(version: str, wanted: str) -> bool:
    """Whether a version is meant by `wanted`: "2.3" means 2.3 and 2.3.1; ">=2.0" and "<2.0" compare by numbers."""
    if bound := _BOUND.fullmatch(wanted):
        sign, limit = bound.groups()
        ours, theirs = _numbers(version), _numbers(limit)
        ours = ours[: len(theirs)] if sign == "<=" else ours
        return {">=": ours >= theirs, "<": ours < theirs, "<=": ours <= theirs, ">": ours > theirs}[sign]
    words = _WORDS.split(wanted)
    return _WORDS.split(version)[: len(words)] == words


def _numbers(version: str) -> list[int]:
    return [int(word) for word in re.findall(r"\d+", version)]


def known() -> list[str]:
    """Return the repositories that have a data file, sorted."""
    return sorted(path.stem.replace("__", "/", 1) for path in FOLDER.glob("*.toml"))


@cache
def specification(repository: str) -> Specification | None:
    """Return the data of a repository (`owner/name`), None when there is no file of it.

    Raises MachineryError when the file is not as the schema has it: it is ours.
    """
    path = FOLDER / f"{repository.replace('/', '__')}.toml"
    if "/" not in repository or repository not in known():
        return None
    try:
        return Specification.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise MachineryError(f"the specification {path} is wrong: {_first(error)}") from error


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    found: Any = error.errors()[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"
