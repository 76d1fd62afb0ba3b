"""The sandbox: a private workspace and commands that run on it, each in its own bubblewrap."""

import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

from assay.errors import MachineryError
from assay.sandbox import cgroups, layout, seccomp, workspace
from assay.sandbox.launch import Launch, Outcome
from assay.sandbox.probe import Bubblewrap, bubblewrap
from assay.sandbox.process import execute
from assay.sandbox.workspace import Workspace

_TOTAL = 4  # the workspace may hold this many times the limit of one file
_LONGEST_COMMAND = 100_000  # bytes; the kernel takes 128 KiB in one argument
_numbers = count()


@dataclass(frozen=True)
class CommandResult:
    """What a shell command did. `output` is stdout and stderr as they came, decoded with 'replace'.

    `returncode` is None when the clock ran out, 128 + n after signal n. `truncated`: there was more output.
    """

    returncode: int | None
    output: str
    timed_out: bool
    truncated: bool
    wall_s: float


@dataclass(frozen=True)
class SplitResult:
    """What a program did, its two streams apart and undecoded; else as CommandResult."""

    returncode: int | None
    stdout: bytes
    stderr: bytes
    timed_out: bool
    truncated: bool
    wall_s: float


@cache
def _shared(base: Path) -> tuple[Path, str]:
    """Make what all sandboxes of this process share: the folder of /etc files, and the filter's file or ""."""
    layout.write_etc(base / "etc")
    rules = seccomp.build()
    if rules is None:
        return base / "etc", ""
    place = base / "seccomp.bpf"
    place.write_bytes(rules)
    return base / "etc", str(place)


def _process_limit(processes: int) -> int | None:
    """Return the RLIMIT_NPROC to set inside, or None where it would not bind (host root).

    Since Linux 5.14 a user namespace counts its own processes; before, the user's others count too.
    """
    if os.getuid() == 0:
        return None
    major, minor = (int(part) for part in os.uname().release.split(".")[:2])
    return processes if (major, minor) >= (5, 14) else processes + 1000


class Sandbox:
    """A workspace at /work and commands on it. Made by `open_sandbox`.

    Processes do not outlive their command; files in the workspace do. Bounds: what `open_sandbox` was given,
    and the whole workspace at most 4 x `file_mb`, 20,000 files, 64 folders deep. They are checked after each
    command and four times a second during it; a command that breaks them ends with return code 1 and
    "workspace over N MB", and no further command runs. Space held by unlinked open files escapes that check,
    until the command ends.
    """

    def __init__(
        self,
        bwrap: Bubblewrap,
        space: Workspace,
        measured: Workspace,
        options: list[str],
        *,
        memory_mb: int,
        processes: int,
        output_bytes: int,
        group: cgroups.Group | None,
    ) -> None:
        self._bwrap = bwrap
        self._space = space
        self._measured = measured
        self._options = options
        self._memory_mb = memory_mb
        self._processes = processes
        self._output_bytes = output_bytes
        self._group = group
        self._full = ""

    async def run(
        self, command: str, *, timeout_s: float, stdin: bytes = b"", env: Mapping[str, str] = {}
    ) -> CommandResult:
        """Run `bash -c command` in /work. `env` adds to a cleared environment.

        Raises MachineryError when the sandbox itself fails; whatever the command does is a result.
        """
        began = time.perf_counter()
        text = command.encode("utf-8", "replace")
        if self._full or b"\0" in text or len(text) > _LONGEST_COMMAND:
            why = self._full or "bash: the command is too long or holds a NUL byte"
            code = 1 if self._full else 126
            return CommandResult(code, why + "\n", False, False, time.perf_counter() - began)
        own = {"BASH_ENV": layout.SHELL, **env}
        if (limit := self._process_limit()) is not None:
            own["ASSAY_PROCESSES"] = str(limit)
        ended = await self._execute([b"/bin/bash", b"-c", text], timeout_s, stdin, own, merge=True)
        output = ended.stdout.decode("utf-8", "replace")
        if self._full:
            output += f"\n{self._full}\n"
        code_or_none = 1 if self._full else ended.returncode
        return CommandResult(code_or_none, output, ended.timed_out, ended.truncated, ended.wall_s)

    async def run_split(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] = {},
        start_s: float | None = None,
    ) -> SplitResult:
        """Run a program without a shell, its stdout and stderr apart.

        With `start_s` the clock `timeout_s` starts at the first byte on stdout, and a program that is silent
        for `start_s` seconds is a MachineryError: for runners of ours that greet before they run a candidate.
        """
        if self._full:
            return SplitResult(1, b"", f"{self._full}\n".encode(), False, False, 0.0)
        words = [os.fsencode(word) for word in argv]
        if (limit := self._process_limit()) is not None:
            words = [b"/bin/bash", b"-c", b'ulimit -u %d; exec "$@"' % limit, b"bash", *words]
        ended = await self._execute(words, timeout_s, stdin, env, start_s=start_s)
        code = 1 if self._full else ended.returncode
        stderr = ended.stderr + (f"\n{self._full}\n".encode() if self._full else b"")
        return SplitResult(code, ended.stdout, stderr, ended.timed_out, ended.truncated, ended.wall_s)

    def _process_limit(self) -> int | None:
        return None if self._group else _process_limit(self._processes)

    async def _execute(
        self,
        command: list[bytes],
        timeout_s: float,
        stdin: bytes,
        env: Mapping[str, str],
        *,
        merge: bool = False,
        start_s: float | None = None,
    ) -> Outcome:
        options = list(self._options)
        for name, value in {**layout.ENVIRONMENT, **env}.items():
            options += ["--setenv", name, value]
        ended = await execute(
            Launch(
                bwrap=self._bwrap.path,
                options=options,
                command=command,
                timeout_s=timeout_s,
                stdin=stdin,
                start_s=start_s,
                merge=merge,
                output_bytes=self._output_bytes,
                memory_bytes=self._memory_mb << 20,
                file_bytes=self._space.file_bytes,
                seccomp=_shared(workspace.base())[1],
                group=self._group,
                watch=self._over,
            )
        )
        self._full = ended.stopped or self._over()
        return ended

    def _over(self) -> str:
        over = self._measured.over()
        return f"workspace {over}" if over else ""

    def read(self, path: str) -> bytes | None:
        """Return a file of the workspace; None when absent, a link, not a regular file, or over `file_mb`."""
        return self._space.read(path)

    def write(self, path: str, data: str | bytes) -> None:
        """Write a file of the workspace, in place of what is there. Raises ValueError for a path that leaves it."""
        self._space.write(path, data)

    def listing(self) -> dict[str, str]:
        """Return relative path -> SHA-256 hex of every regular file."""
        return self._space.listing()


@asynccontextmanager
async def open_sandbox(
    files: Mapping[str, str | bytes],
    *,
    readonly: Mapping[str, Path] = {},
    memory_mb: int = 512,
    processes: int = 64,
    file_mb: int = 16,
    output_bytes: int = 1_000_000,
) -> AsyncIterator[Sandbox]:
    """Make a fresh private workspace that holds `files`, at /work inside; it is gone afterwards.

    `readonly` maps an absolute path inside to a host folder or file shown there read-only. `memory_mb` bounds
    the address space of each process and, where control groups can be written, the memory of all together;
    `processes` their number; `file_mb` one file (and a quarter of the workspace and of /tmp);
    `output_bytes` what is kept of each stream.
    Raises UserError when no sandbox works on this machine, MachineryError when this one cannot be made.
    """
    bwrap = bubblewrap()
    etc, _ = _shared(workspace.base())
    home = workspace.base() / str(next(_numbers))
    # Where this bwrap cannot bound a tmpfs, /tmp is a folder beside the workspace, and its size counts too.
    bounded = "--size" in bwrap.options
    work, temporary = (home, None) if bounded else (home / "work", home / "tmp")
    space = Workspace(work, file_bytes=file_mb << 20, total_bytes=_TOTAL * file_mb << 20)
    group = None
    try:
        try:
            home.mkdir()
            for folder in () if bounded else (home / "work", home / "tmp"):
                folder.mkdir()
        except OSError as error:
            raise MachineryError(f"could not make a workspace: {error}") from error
        for path, data in files.items():
            space.write(path, data)
        options = layout.arguments(
            bwrap,
            work=work,
            temporary=temporary,
            etc=etc,
            readonly=readonly,
            tmp_bytes=_TOTAL * file_mb << 20,
        )
        group = cgroups.pool().take(memory_mb, processes)
        measured = Workspace(home, file_bytes=space.file_bytes, total_bytes=space.total_bytes)
        yield Sandbox(
            bwrap,
            space,
            measured,
            options,
            memory_mb=memory_mb,
            processes=processes,
            output_bytes=output_bytes,
            group=group,
        )
    finally:
        if group is not None:
            cgroups.pool().give(group)
        workspace.remove(home)


def describe() -> str:
    """Say in one line which sandbox was chosen and why, and whether control groups and seccomp are on.

    Raises UserError when none works.
    """
    bwrap = bubblewrap()
    groups = cgroups.pool().version
    if groups:
        bounds = f"cgroups {groups}"
    elif _process_limit(1) is None:
        bounds = "no cgroups (not writable): as root the number of processes is not bounded"
    else:
        bounds = "no cgroups (not writable): rlimits only"
    rules = "seccomp on" if _shared(workspace.base())[1] else f"no seccomp filter for {os.uname().machine}"
    return f"sandbox: bubblewrap {bwrap.version} at {bwrap.path} ({bwrap.why}); {bounds}; {rules}"
