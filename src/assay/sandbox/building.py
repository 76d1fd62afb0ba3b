"""A sandbox for builds: third parties' build scripts run in it, with the package index in reach and nothing else.

Unlike the sandbox of an attempt it writes to folders of the host that the caller gives it, which are kept. It sees the
system, what is shown to it read-only and those folders. It has a network of its own with nobody else on it, but for
127.0.0.1:PORT, where the index answers (see `assay.sandbox.index`) when it was given one.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from assay.errors import MachineryError, UserError
from assay.sandbox import cgroups, layout, workspace
from assay.sandbox.box import process_limit, shared
from assay.sandbox.copying import copy
from assay.sandbox.index import Index
from assay.sandbox.launch import Launch
from assay.sandbox.overlay import can_lie_below
from assay.sandbox.probe import bubblewrap, overlays
from assay.sandbox.process import execute

PORT = 8765
INDEX = f"http://127.0.0.1:{PORT}"
_FORWARD = "/opt/assay/index_forward.py"
_SOCKET = "/opt/assay/index.sock"
_FILE_BYTES = 4 << 30
_LEAST_FREE = 1 << 30
_OPEN_FILES = 4096
_PROCESSES = 512


@dataclass(frozen=True)
class Built:
    """How a build ended. `returncode` is None when its time ran out; `said` is the end of what it printed."""

    returncode: int | None
    said: str
    wall_s: float


@dataclass(frozen=True)
class Over:
    """A folder that a build changes without changing it: what it writes goes to `upper`, over `base`."""

    base: Path
    upper: Path


@dataclass(frozen=True)
class Place:
    """What a build sees: paths inside to host folders. `over` are seen writable and stay as they are."""

    writable: Mapping[str, Path]
    readonly: Mapping[str, Path] = field(default_factory=dict)
    over: Mapping[str, Over] = field(default_factory=dict)


async def build(
    command: Sequence[str],
    place: Place,
    *,
    folder: str,
    index: Index | None = None,
    env: Mapping[str, str] = {},
    timeout_s: float = 1800.0,
    memory_mb: int = 8192,
) -> Built:
    """Run a program in the folder `folder` of such a sandbox.

    Raises MachineryError when the sandbox fails, or the disk is nearly full, UserError when there is no bubblewrap.
    """
    bwrap = bubblewrap()
    etc, rules = shared(workspace.base())
    kept = next(iter(place.writable.values()), workspace.base())
    with ExitStack() as stack:
        near = Path(tempfile.mkdtemp(prefix=".build-", dir=kept.parent))
        stack.callback(workspace.remove, near)
        temporary = near / "tmp"
        temporary.mkdir(mode=0o700)
        words: list[str] = []
        for inside, outside in sorted(place.writable.items()):
            words += ["--bind", str(outside), inside]
        for inside, over in sorted(place.over.items()):
            words += _over(inside, over, near)
        readonly = dict(place.readonly)
        argv = list(command)
        if index is not None:
            socket = (
                Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="index-", dir=workspace.base()))) / "sock"
            )
            stack.enter_context(index.serve(socket))
            readonly |= {_FORWARD: Path(__file__).with_name("index_forward.py"), _SOCKET: socket}
            argv = [f"{layout.TOOLS}/python", "-I", "-S", "-B", _FORWARD, _SOCKET, str(PORT), *argv]
        options = layout.arguments(
            bwrap,
            mounts=words,
            temporary=temporary,
            etc=etc,
            readonly=readonly,
            tmp_bytes=_FILE_BYTES,
            workdir=folder,
        )
        for name, value in {**layout.ENVIRONMENT, **env}.items():
            options += ["--setenv", name, value]
        group = cgroups.pool().take(memory_mb, _PROCESSES)
        if group is None and (limit := process_limit(_PROCESSES)) is not None:
            argv = ["/bin/bash", "-c", f'ulimit -u {limit}; exec "$@"', "bash", *argv]
        launch = Launch(
            bwrap=bwrap.path,
            options=options,
            command=argv,
            timeout_s=timeout_s,
            merge=True,
            output_bytes=4 << 20,
            memory_bytes=memory_mb << 20,
            file_bytes=_FILE_BYTES,
            open_files=_OPEN_FILES,
            cpu_s=timeout_s * (os.cpu_count() or 1),
            seccomp=rules,
            group=group,
            watch=lambda: _full(kept),
        )
        try:
            ended = await execute(launch)
        finally:
            if group is not None:
                cgroups.pool().give(group)
    if ended.stopped:
        raise MachineryError(f"a build was stopped: {ended.stopped}")
    said = ended.stdout.decode("utf-8", "replace")
    return Built(ended.returncode, said, ended.wall_s)


def _over(inside: str, over: Over, near: Path) -> list[str]:
    """Return the words that show `over.base` writable: an overlay where one works, else a copy at `over.upper`."""
    bwrap = bubblewrap()
    if overlays(bwrap) and can_lie_below(over.base, bwrap.path, workspace.base()):
        over.upper.mkdir(exist_ok=True)
        work = near / f"overlay{inside.replace('/', '-')}"
        work.mkdir()
        return ["--overlay-src", str(over.base), "--overlay", str(over.upper), str(work), inside]
    copy(over.base, over.upper, ours=False)
    return ["--bind", str(over.upper), inside]


def _full(folder: Path) -> str:
    return f"less than 1 GB is free under {folder}" if shutil.disk_usage(folder).free < _LEAST_FREE else ""


def check_programs(names: Sequence[str], libraries: Sequence[str]) -> None:
    """Raise UserError when the machine lacks a program, or a library that pkg-config knows, that a build needs."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        raise UserError(
            f"its build needs {', '.join(missing)} on this machine: install it (apt-get install {missing[0]})"
        )
    if libraries:
        if shutil.which("pkg-config") is None:
            raise UserError("its build needs pkg-config on this machine: install it (apt-get install pkg-config)")
        for name in libraries:
            if subprocess.run(["pkg-config", "--exists", name], check=False).returncode != 0:
                raise UserError(f"its build needs the library {name} on this machine: install its development files")
