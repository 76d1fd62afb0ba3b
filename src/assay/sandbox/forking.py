"""A fork server for one kind of task: a program of ours in a bwrap of its own that forks children and shuts them in.

Unlike the servers of the warm path it runs under an interpreter of the task's own, and has several children at a time.
What it must do to shut a child in is in `kernel`, which is shown inside.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from assay.errors import MachineryError
from assay.sandbox import box, cgroups, layout, overlay, seccomp, workspace
from assay.sandbox.choice import BUBBLEWRAP, chosen
from assay.sandbox.process import REAP_S
from assay.sandbox.system import kill_child, reported, write_all

KERNEL = Path(__file__).parent / "kernel.py"
_SERVER_MB = 256  # what the server itself and what it has loaded may take, beyond what its children may
_MESSAGE = 1 << 18
_END_S = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")
_live: "set[ForkServer]" = set()
# For the loopback of a child, and for its overlay, which acts with what the one who mounted it was allowed.
_CAPABILITIES = ("CAP_NET_ADMIN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_CHOWN", "CAP_FSETID")
INODES = 2 * workspace.MAX_ENTRIES


def usable(tree: Path | None) -> bool:
    """Whether a child of a fork server can lay a workspace over `tree`, or begin with an empty one."""
    if chosen() != BUBBLEWRAP:
        return False
    bwrap = box.bubblewrap()
    return tree is None or (box.overlays(bwrap) and overlay.can_lie_below(tree, bwrap.path, workspace.base()))


def nothing() -> Path:
    """Return an empty folder, for the place of a workspace that begins as nothing."""
    return box.shared(workspace.base())[0] / layout.NOTHING


def process_limit(processes: int, group: cgroups.Group | None, children: int) -> int:
    """Return RLIMIT_NPROC for a child; 0 where it would not bind, or need not. All children count as one user's."""
    limit = None if group else box.process_limit(processes)
    return 0 if limit is None else (limit + 1) * children


class ForkServer:
    """One fork server: `start` it, `ask` it for children, and `close` it, whatever happened."""

    def __init__(self, *, memory_mb: int, processes: int, children: int) -> None:
        self.group = cgroups.pool().take(memory_mb * children + _SERVER_MB, (processes + 1) * children)
        self.control, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.setblocking(False)
        self._process: subprocess.Popen[bytes] | None = None
        self._status: int | None = None
        self._first: int | None = None  # of its process 1
        self.owner = os.getpid()
        self.gradings = 0

    def start(self, command: Sequence[str], *, readonly: Mapping[str, Path], env: Mapping[str, str]) -> None:
        """Start it. `readonly` are host folders shown inside. Raises OSError where bwrap cannot be started."""
        etc, _ = box.shared(workspace.base())
        words = [*layout.fork_server(etc, readonly), "--chdir", "/"]
        for capability in _CAPABILITIES:
            words += ["--cap-add", capability]
        for name, value in env.items():
            words += ["--setenv", name, value]
        reader, writer = os.pipe()
        self._status, status = os.pipe()
        try:
            words += ["--json-status-fd", str(status)]
            self._process = subprocess.Popen(
                [box.bubblewrap().path, "--args", str(reader), "--", *command],
                stdin=self._theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(reader, status),
                start_new_session=True,
                cwd="/",
                env={},
            )
            _live.add(self)
            if self.group:
                self.group.add(self._process.pid)
            write_all(writer, b"".join(os.fsencode(word) + b"\0" for word in words))
        finally:
            self._theirs.close()
            for descriptor in (reader, writer, status):
                os.close(descriptor)

    async def greeting(self, config: Mapping[str, Any], start_s: float) -> dict[str, Any]:
        """Tell it what it needs to know and return what it answers; {} where it ended or was silent for `start_s`."""
        loop = asyncio.get_running_loop()
        try:
            self.control.send(json.dumps(config).encode())
            data = await asyncio.wait_for(loop.sock_recv(self.control, _MESSAGE), start_s)
            found = json.loads(data)
        except (OSError, ValueError, TimeoutError):
            return {}
        return found if isinstance(found, dict) else {}

    def ask(self, limits: Mapping[str, int], descriptors: Sequence[int]) -> None:
        """Ask for a child that gets these descriptors. Raises OSError when the server has ended."""
        socket.send_fds(self.control, [json.dumps(limits).encode()], list(descriptors))

    async def quiet(self) -> bool:
        """Have it end all its children; False where it does not say in time that it did."""
        loop = asyncio.get_running_loop()
        try:
            self.control.send(b"{}")
            return await asyncio.wait_for(loop.sock_recv(self.control, _MESSAGE), _END_S) == b"{}"
        except (OSError, TimeoutError):
            return False

    def is_there(self) -> bool:
        """Whether it runs, and is this process's."""
        return self.owner == os.getpid() and self._process is not None and self._process.poll() is None

    def _child(self) -> int | None:
        """Return the number of its process 1, None before bwrap has named it."""
        if self._first is None and self._status is not None:
            os.set_blocking(self._status, False)
            report = b""
            with suppress(BlockingIOError):
                report = os.read(self._status, 1 << 16)
            self._first = reported(report, "child-pid")
        return self._first

    def used_s(self) -> float:
        """Return the processor time of it and of its children that have ended, until it ends itself."""
        if not self.is_there() or (first := self._child()) is None:
            return 0.0
        try:
            with open(f"/proc/{first}/stat", encoding="utf-8", errors="replace") as file:
                words = file.read().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return sum(map(int, words[11:15])) / _TICKS

    def _kill(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        first = self._child()
        if first is None or not kill_child(self._process.pid, first):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it with all its children and wait until nothing is left. Raises MachineryError where something is."""
        _live.discard(self)
        try:
            if self.owner == os.getpid():
                self._kill()
                if self._process is not None:
                    self._process.wait(REAP_S)
        except subprocess.TimeoutExpired:
            raise MachineryError(f"a killed fork server is still there after {REAP_S:.0f} s") from None
        finally:
            self.control.close()
            self._theirs.close()
            if self._status is not None:
                os.close(self._status)
                self._status = None
            if self.owner == os.getpid() and self.group is not None and not self.is_there():
                cgroups.pool().give(self.group)
                self.group = None


def processor_s() -> float:
    """Return the processor time of the fork servers that still run, which their end will add to this process's."""
    return sum(server.used_s() for server in list(_live))


def rules() -> bytes:
    """Return the seccomp filter for children, empty on a machine type that has none."""
    return seccomp.build() or b""
