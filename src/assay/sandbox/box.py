"""The sandbox: a private workspace and commands that run on it, each in its own bubblewrap (or container)."""

import ipaddress
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.sandbox import cgroups, copying, layout, overlay, seccomp, workspace
from assay.sandbox.bounds import Bounds
from assay.sandbox.call import Call
from assay.sandbox.choice import BUBBLEWRAP
from assay.sandbox.containers.command import options as container_options
from assay.sandbox.containers.engine import Engine, asked_for
from assay.sandbox.containers.process import execute as execute_in_container
from assay.sandbox.held import held_bytes
from assay.sandbox.home import Home, Snapshot, Start
from assay.sandbox.launch import Launch, Outcome
from assay.sandbox.probe import Bubblewrap, bubblewrap, overlays
from assay.sandbox.process import execute
from assay.sandbox.results import CommandResult, SplitResult
from assay.sandbox.turns import Turns, apart

_LONGEST_COMMAND = 100_000  # bytes; the kernel takes 128 KiB in one argument
_START_S = 60.0  # in which an interpreter of ours must have started
_numbers = count()


@cache
def shared(base: Path) -> tuple[Path, str]:
    """Make what all sandboxes of this process share: the folder of /etc files, and the filter's file or ""."""
    layout.write_etc(base / "etc")
    rules = seccomp.build()
    if rules is None:
        return base / "etc", ""
    place = base / "seccomp.bpf"
    place.write_bytes(rules)
    return base / "etc", str(place)


def process_limit(processes: int) -> int | None:
    """Return the RLIMIT_NPROC to set inside, or None where it would not bind (host root).

    Since Linux 5.14 a user namespace counts its own processes; before, the user's others count too.
    """
    if os.getuid() == 0:
        return None
    major, minor = (int(part) for part in os.uname().release.split(".")[:2])
    return processes if (major, minor) >= (5, 14) else processes + 1000


class Sandbox:
    """A workspace (at /work, where nothing else is said) and commands on it. Made by `open_sandbox`.

    Processes do not outlive their command; files in the workspace do. Bounds: see `Bounds`; the workspace holds at
    most 20,000 files, 64 folders deep, a tree it lies over not counted. They are checked after each command and four
    times a second during it; a command that breaks them ends with return code 1 and "workspace over N MB", and no
    further command runs. Space held by unlinked open files escapes that check, until the command ends.

    Commands run side by side, but one after another where the workspace is an overlay over a tree; `snapshot` and
    `reset` wait for them. `put` and `get` do not: use them between commands.
    """

    def __init__(
        self,
        bwrap: Bubblewrap | Engine,
        home: Home,
        options: Callable[[], list[str]],
        bounds: Bounds,
        group: cgroups.Group | None,
        blackhole: Sequence[str] = (),
    ) -> None:
        self._bwrap = bwrap
        self._blackhole = blackhole
        self._home = home
        self._make_options = options
        self._options = options()
        self._bounds = bounds
        self._group = group
        self._turns = Turns(one_by_one=home.start.layered)
        self._full = ""

    async def run(
        self, command: str, *, timeout_s: float, stdin: bytes = b"", env: Mapping[str, str] = {}
    ) -> CommandResult:
        """Run `bash -c command` in the workspace. `env` adds to a cleared environment.

        Raises MachineryError when the sandbox itself fails; whatever the command does is a result.
        """
        async with self._turns.command():
            return await self._run(command, timeout_s, stdin, env)

    async def _run(self, command: str, timeout_s: float, stdin: bytes, env: Mapping[str, str]) -> CommandResult:
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
        async with self._turns.command():
            return await self._run_split(argv, timeout_s, stdin, env, start_s)

    async def _run_split(
        self, argv: Sequence[str], timeout_s: float, stdin: bytes, env: Mapping[str, str], start_s: float | None
    ) -> SplitResult:
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
        if self._group or isinstance(self._bwrap, Engine):
            return None
        return process_limit(self._bounds.processes)

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
        self._home.space.open_up()
        room = self._home.room()
        room.check()
        bounds = self._bounds
        options = list(self._options)
        if isinstance(self._bwrap, Bubblewrap):
            for name, value in {**layout.ENVIRONMENT, **env}.items():
                options += ["--setenv", name, value]
        launch = Launch(
            bwrap=self._bwrap.path,
            options=options,
            command=command,
            timeout_s=timeout_s,
            stdin=stdin,
            start_s=start_s,
            merge=merge,
            output_bytes=bounds.output_bytes,
            memory_bytes=bounds.memory_mb << 20,
            file_bytes=bounds.file_bytes,
            open_files=bounds.open_files,
            cpu_s=bounds.cpu_s,
            seccomp=shared(workspace.base())[1],
            group=self._group,
            watch=self._over,
            room=room if isinstance(self._bwrap, Bubblewrap) else None,
            blackhole=self._blackhole,
        )
        if isinstance(self._bwrap, Engine):
            ended = await execute_in_container(self._bwrap, launch, env, self._home.space.root, self._over)
        else:
            ended = await execute(launch)
        self._full = ended.stopped or self._over()
        if not self._full:
            room.check()
        return ended

    def _over(self, group: cgroups.Group | None = None) -> str:
        return self._home.over(held_bytes(group or self._group))

    async def call(self, function: Callable[..., Any], *args: Any, timeout_s: float) -> Any:
        """Run a Python function inside, in a fresh interpreter in the workspace, and return what it returned.

        The function must stand alone: defined at the top of a module with `def`, importing in its body what it
        needs, with no decorator, closure or global name; its source text is sent. Arguments and result are JSON:
        None, bool, int, finite float, str, list, dict with string keys (a tuple comes back as a list). The result
        is data from untrusted code: what the function imports from the workspace can forge it.

        Raises UserError for a function or an argument that cannot be sent, CallError when it raised, ended without
        an answer or returned what JSON cannot say, CallTimeout (also a TimeoutError) when its time was up, and
        MachineryError when the sandbox failed.
        """
        call = Call(function, args)
        ended = await self.run_split(call.argv, stdin=call.request, timeout_s=timeout_s, start_s=_START_S)
        return call.result(ended.stdout, ended.stderr, ended.returncode, truncated=ended.truncated)

    async def snapshot(self) -> Snapshot:
        """Keep the workspace as it is, once the commands that run have ended. /tmp is no part of it."""
        async with self._turns.change():
            return await apart(self._home.snapshot, self._full)

    async def reset(self, to: Snapshot | None = None) -> None:
        """Bring the workspace back to a snapshot of this sandbox, or to how it began, and empty /tmp.

        Nothing stays of what came after. Raises ValueError for a snapshot of another sandbox, MachineryError when
        the system refuses.
        """
        async with self._turns.change():
            await apart(self._home.reset, to)
            self._full = to.over if to else ""
            self._options = self._make_options()

    def get(self, path: str) -> bytes | None:
        """Return a file of the workspace; None when absent, a link, not a regular file, or over `file_mb`."""
        return self._home.space.read(path)

    def put(self, path: str, data: str | bytes) -> None:
        """Write a file of the workspace, in place of what is there. Raises ValueError for a path that leaves it."""
        self._home.space.write(path, data)

    @property
    def root(self) -> Path:
        """The host's folder of the workspace, until a reset: to watch it, never to follow a path inside."""
        return self._home.space.root

    def listing(self) -> dict[str, str]:
        """Return relative path -> SHA-256 hex of every regular file, those of the tree included."""
        return self._home.space.listing()

    def kinds(self) -> dict[str, workspace.Kind]:
        """Return relative path -> kind of every regular file and symbolic link: executable or not, where it leads."""
        return self._home.space.kinds()


@asynccontextmanager
async def open_sandbox(
    files: Mapping[str, str | bytes],
    *,
    tree: Path | None = None,
    readonly: Mapping[str, Path] = {},
    workdir: str = layout.WORK,
    binds: Mapping[str, str] = {},
    blackhole: Sequence[str] = (),
    keep_tmp: bool = False,
    memory_mb: int = 512,
    processes: int = 64,
    file_mb: int = 16,
    total_mb: int | None = None,
    output_bytes: int = 1_000_000,
    open_files: int = 256,
    cpu_s: float | None = None,
    image: str = "",
) -> AsyncIterator[Sandbox]:
    """Make a fresh private workspace that holds `files`, at `workdir` inside; it is gone afterwards.

    `tree` is a host folder that the workspace begins as, `files` laid over it; it is not changed, and must not
    change meanwhile. It is not copied where an overlay works (see `describe`) and all of it belongs to this user.
    `readonly` maps an absolute path inside to a host folder or file shown there read-only. `binds` maps an absolute
    path inside to the folder of the workspace that is seen there, where it is not the whole at `workdir` alone: paths
    given to `files`, `get` and `put` stay those of the whole; `workdir`, where commands start, must be among them.
    `blackhole` are IPv4 networks on which connections time out, in a sandbox that reaches no other. With `keep_tmp`
    files in /tmp outlive their command (in bubblewrap) and count as the workspace's. `image` is a
    task's own image, for the container engines; it takes the place of this machine's system. The rest: see `Bounds`.
    Raises UserError when no sandbox works on this machine, or none that can do what is asked, ValueError for a
    `workdir` or `blackhole` that cannot be, MachineryError when this sandbox cannot be made.
    """
    bounds = Bounds(memory_mb, processes, file_mb, total_mb, output_bytes, open_files, cpu_s)
    networks = [str(ipaddress.IPv4Network(network)) for network in blackhole]
    if not layout.is_free(workdir):
        raise ValueError(f"a workspace cannot be at {workdir!r}: give a plain path outside the system's folders")
    binds = dict(binds) or {workdir: ""}
    bwrap = asked_for(image) or bubblewrap()
    if networks and isinstance(bwrap, Engine):
        raise UserError(
            f"{bwrap.client.name} cannot make connections to {', '.join(networks)} time out, as this task needs; "
            f"run it with --sandbox={BUBBLEWRAP}"
        )
    etc, _ = shared(workspace.base())
    whole = binds == {workdir: ""}
    if not whole:
        _check_binds(binds)
    if tree is not None:
        tree = _checked_tree(tree)
    layered = isinstance(bwrap, Bubblewrap) and tree is not None and whole and overlays(bwrap)
    layered = layered and tree is not None and overlay.can_lie_below(tree, bwrap.path, workspace.base())
    home = Home(
        workspace.base() / str(next(_numbers)),
        Start(files, tree, layered, tuple(filter(None, binds.values()))),
        file_bytes=bounds.file_bytes,
        total_bytes=bounds.total_bytes,
        # Where this bwrap cannot bound a tmpfs, /tmp is a folder beside the workspace, and its size counts too.
        own_tmp=isinstance(bwrap, Bubblewrap) and (keep_tmp or "--size" not in bwrap.options),
    )

    def options() -> list[str]:
        if isinstance(bwrap, Engine):
            return container_options(
                bwrap, etc=etc, work=home.mounts(binds), readonly=readonly, bounds=bounds, workdir=workdir
            )
        return layout.arguments(
            bwrap,
            mounts=home.mounts(binds),
            temporary=home.temporary,
            etc=etc,
            readonly=readonly,
            tmp_bytes=bounds.total_bytes,
            workdir=workdir,
        )

    group = None
    try:
        if tree is None or layered:
            home.begin()
        else:
            await apart(home.begin)
        if isinstance(bwrap, Bubblewrap):
            group = cgroups.pool().take(memory_mb, processes)
        yield Sandbox(bwrap, home, options, bounds, group, networks)
    finally:
        if group is not None:
            cgroups.pool().give(group)
        home.remove()


def _checked_tree(tree: Path) -> Path:
    if not tree.is_dir() or tree.is_symlink():
        raise UserError(f"the tree {tree} of a sandbox is not a folder; give the path of one")
    tree = tree.resolve()
    if workspace.base().resolve().is_relative_to(tree):
        raise UserError(
            f"the tree {tree} of a sandbox holds the workspaces themselves; set ASSAY_TMP to a place outside"
        )
    return tree


def _check_binds(binds: Mapping[str, str]) -> None:
    """Refuse folders of which one lies in another: code that can replace a folder could lead its mount elsewhere."""
    below = {f"{name}/" if name else "" for name in binds.values()}  # one folder may be seen at two places
    if any(one.startswith(other) for one in below for other in below if one != other):
        raise ValueError(f"the folders of a workspace that are seen apart must not contain each other: {dict(binds)}")


def describe() -> str:
    """Say in one line which sandbox was chosen and why, and what bounds it and how trees get into it.

    Raises UserError when none works.
    """
    if engine := asked_for():
        return engine.describe()
    bwrap = bubblewrap()
    groups = cgroups.pool().version
    if groups:
        bounds = f"cgroups {groups}"
    elif process_limit(1) is None:
        bounds = "no cgroups (not writable): as root the number of processes is not bounded"
    else:
        bounds = "no cgroups (not writable): rlimits only"
    rules = "seccomp on" if shared(workspace.base())[1] else f"no seccomp filter for {os.uname().machine}"
    if overlays(bwrap):
        trees = "trees below an overlay"
    else:
        trees = "trees copied" + (" (reflinks)" if copying.clones(workspace.base()) else "")
    return f"sandbox: bubblewrap {bwrap.version} at {bwrap.path} ({bwrap.why}); {bounds}; {rules}; {trees}"
