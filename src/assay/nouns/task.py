"""Task: an instruction, a workspace to start from, a grader's specification and limits."""

from typing import Any

from pydantic import Field

from assay.nouns.base import Noun, digest


class Limits(Noun):
    """What one attempt may use. Times in seconds, sizes in the unit that the name says."""

    steps: int = Field(default=8, ge=1)
    wall_s: float = Field(default=120.0, gt=0)
    command_s: float = Field(default=10.0, gt=0)
    output_chars: int = Field(default=2000, ge=100)
    memory_mb: int = Field(default=512, ge=16)
    processes: int = Field(default=64, ge=1)
    file_mb: int = Field(default=16, ge=1)


class GraderSpec(Noun):
    """Which check decides (`kind`, a module of `assay.grading`) and its oracle (`data`, JSON only).

    The oracle never enters a namespace in which an agent or a candidate runs.
    """

    kind: str
    data: dict[str, Any]


class Task(Noun):
    """One problem that a program can verify.

    `files` is the workspace the agent starts from (relative path to text), `outputs` the paths that are
    taken from it when it submits, `gold` the same paths as the correct solution has them.
    `mounts` maps a path inside the sandbox to the key of a read-only tree that `assay.sandbox.trees` keeps.
    """

    id: str
    source: str
    split: str
    family: str
    instruction: str
    files: dict[str, str]
    outputs: tuple[str, ...]
    gold: dict[str, str]
    grader: GraderSpec
    limits: Limits = Limits()
    mounts: dict[str, str] = {}
    metadata: dict[str, Any] = {}

    @property
    def digest(self) -> str:
        """SHA-256 of the whole task, oracle included."""
        return digest(self.model_dump(mode="json"))
