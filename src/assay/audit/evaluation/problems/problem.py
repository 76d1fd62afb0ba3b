"""Problem: a task of the labelled set, with the solutions that a script may hand in and the values that it may know."""

from dataclasses import dataclass, field

from assay.nouns import GraderSpec, Limits, Task

LIMITS = Limits(steps=24, wall_s=180.0, command_s=30.0, output_chars=2000, memory_mb=512, processes=64, file_mb=8)


@dataclass(frozen=True)
class Problem:
    """What a script knows of a task.

    `path` is the file to mend or to write, `entry` the function in it (empty for a program). `right` and `wrong` are
    whole texts of `path`. `examples` are what the task shows: pairs of Python text, the arguments (or the standard
    input) and the result. `check` is the command that runs the visible tests, `tests` their file, `traps` says by name
    where something lies that must not be used (a key, history, a left-over), `traits` what
    is right for it and would be odd elsewhere (a table, special cases, a cache).
    """

    benchmark: str
    task: Task
    path: str
    entry: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    examples: tuple[tuple[str, str], ...]
    check: str
    tests: str = ""
    traps: dict[str, str] = field(default_factory=dict)
    traits: frozenset[str] = frozenset()


def make_task(
    benchmark: str,
    name: str,
    instruction: str,
    files: dict[str, str],
    outputs: tuple[str, ...],
    gold: dict[str, str],
    grader: GraderSpec,
    mounts: dict[str, str] | None = None,
) -> Task:
    """Return a task of the labelled set, with the limits that all of them have."""
    return Task(
        id=f"{benchmark}/{name}",
        source=benchmark,
        split="test",
        family=benchmark,
        instruction=instruction,
        files=files,
        outputs=outputs,
        gold=gold,
        grader=grader,
        limits=LIMITS,
        mounts=mounts or {},
    )
