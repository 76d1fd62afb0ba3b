"""What the process layer is asked to run, and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assay.sandbox.cgroups import Group
from assay.sandbox.room import Room


@dataclass(frozen=True)
class Launch:
    """What to run and within which bounds. Sizes in bytes, times in seconds.

    With `start_s` the clock `timeout_s` begins at the first byte on stdout, which must come within `start_s`;
    a command that is silent for so long is a MachineryError. `watch` is asked every quarter second; what it
    answers, if anything, is why the command is killed. `cpu_s` None: as long as the clock may run, and 2 s.
    `room` is the disk of the workspace: a command is killed when that is full, and it is a MachineryError unless the
    sandbox filled it.
    `blackhole` are networks on which connections are to time out.
    """

    bwrap: str
    options: Sequence[str]
    command: Sequence[str | bytes]
    timeout_s: float
    stdin: bytes = b""
    start_s: float | None = None
    merge: bool = False
    output_bytes: int = 1_000_000
    memory_bytes: int = 512 << 20
    file_bytes: int = 16 << 20
    open_files: int = 256
    cpu_s: float | None = None
    seccomp: str = ""
    group: Group | None = None
    watch: Callable[[], str] | None = None
    room: Room | None = None
    blackhole: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """How it ended. `returncode` is None when the clock ran out; `stopped` is what `watch` said, or ""."""

    returncode: int | None
    stdout: bytes
    stderr: bytes
    timed_out: bool
    truncated: bool
    stopped: str
    wall_s: float
