"""Runs one program of ours, with a candidate inside it, shut in alone: what every kind of check calls.

The program is a message of `assay.grading.channel`: marshalled code and its request, sent on stdin. It must greet
(a first byte on its stdout) before it touches the candidate, and the candidate's clock starts there.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from assay.grading.channel import COMMAND
from assay.nouns import Limits, Task
from assay.sandbox import SplitResult, open_sandbox
from assay.sandbox.warm import pool as warm

_START_S = 60.0  # a loaded machine may take long to start Python; no candidate's time runs meanwhile
_LEAST_MEMORY_MB = 64  # below this Python itself does not start


def laid_out(task: Task, outputs: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files that a candidate sees: its declared outputs, and what else the task itself has given it.

    Where the two cannot both be (a file of the one is a folder of the other), the candidate's is there.
    """
    files = {path: text for path, text in outputs.items() if task.declares(path)}
    folders = {folder for path in files for folder in _above(path)}
    for path, text in task.files.items():
        if not task.declares(path) and path not in folders and not _above(path) & files.keys():
            files[path] = text
    return {path: text.encode("utf-8", "surrogatepass") for path, text in files.items()}


def _above(path: str) -> set[str]:
    return {path[:at] for at, sign in enumerate(path) if sign == "/"}


async def run_program(
    message: bytes,
    *,
    files: Mapping[str, bytes] = {},
    limits: Limits,
    timeout_s: float,
    capacity: int,
    imports: tuple[str, ...] = (),
    readonly: Mapping[str, Path] = {},
    watch: Callable[[bytes], bool] | None = None,
) -> SplitResult:
    """Run `message` where it sees nothing but `files`, under /work, and return what it wrote on its stdout.

    That is in a fresh child of a warm fork server, and in a fresh sandbox where there is none or the run came to naught
    on it. At most `capacity` bytes are kept; `timeout_s` counts from the first byte. `imports` are modules that the
    program may use, loaded beforehand where that saves time; `readonly` maps a path inside to a host folder. A program
    that takes its time may be stopped early: `watch` is shown what it has written so far, whenever that is more, and
    returns True when it has seen enough. It is not asked everywhere, so the result without it must do as well.
    Raises MachineryError when the sandbox fails or the program stays silent, ValueError for a path in `files` that is
    not plain and relative; whatever a candidate does is a result.
    """
    memory_mb = max(_LEAST_MEMORY_MB, limits.memory_mb)
    kind = warm.Kind(imports, tuple(sorted(readonly.items())), memory_mb, limits.processes)
    ended = await warm.run(
        message, files=files, kind=kind, file_mb=limits.file_mb, timeout_s=timeout_s, capacity=capacity, watch=watch
    )
    if ended is not None:
        return ended
    async with open_sandbox(
        files,
        readonly=readonly,
        memory_mb=memory_mb,
        processes=limits.processes,
        file_mb=limits.file_mb,
        output_bytes=capacity,
    ) as sandbox:
        return await sandbox.run_split(COMMAND, timeout_s=timeout_s, start_s=_START_S, stdin=message)
