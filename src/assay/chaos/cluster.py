"""A Ray cluster of three nodes on this machine for one drive: a head without cores, and two nodes that work."""

import os
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from assay.chaos import remains
from assay.chaos.drive import Drive
from assay.errors import MachineryError
from assay.rollout.solving import solved

_NODES = 2
_CPUS = 1
_STORE = 80 << 20  # bytes, about the least that Ray takes
_WAIT_S = 20.0  # for a worker that is at work
_LOOK_S = 0.01
_STARTS = 3  # tries
_AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")  # Ray's own, which outlive a node that was killed


def lacking() -> str:
    """Say what is missing for a cluster, "" where nothing is."""
    return "" if find_spec("ray") is not None else 'the package ray is not installed: pip install "assay[ray]"'


class Nodes:
    """The cluster. Its processes bear the drive's mark and have its temporary files."""

    def __init__(self, drive: Drive) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is uploaded that nobody asked for
        os.environ.setdefault("RAY_worker_niceness", "0")  # 15 otherwise: on a loaded machine workers hardly run
        from ray.cluster_utils import Cluster

        drive.temporary.mkdir(parents=True, exist_ok=True)
        place = str(drive.temporary)
        self._variables = {"TMPDIR": place, "ASSAY_TMP": place, remains.MARK: drive.mark}
        self._drive = drive
        for number in range(1, _STARTS + 1):
            self._folder = tempfile.mkdtemp(prefix="ac-")  # short, since a socket's path may have 107 characters
            self._cluster = Cluster()
            try:
                self._add(0, temp_dir=self._folder)
                self._workers = [self._add(_CPUS) for _ in range(_NODES)]
                return
            except Exception as error:  # of whatever kind Ray raises; a loaded machine takes longer than Ray waits
                self.close()
                for pid in remains.marked(drive.mark):  # of the node that did not start
                    drive.signal(signal.SIGKILL, pid)
                if number == _STARTS:
                    raise MachineryError(f"no Ray cluster could be started on this machine: {error}") from error

    def _add(self, cpus: int, **more: Any) -> Any:
        return self._cluster.add_node(
            num_cpus=cpus, object_store_memory=_STORE, env_vars=self._variables, include_dashboard=False, **more
        )

    @property
    def address(self) -> str:
        """Where the head answers."""
        return str(self._cluster.address)

    def kill_worker(self) -> str:
        """Send SIGKILL to a worker that is at work on a job, as soon as there is one."""
        until = time.monotonic() + _WAIT_S
        while time.monotonic() < until:
            for pid in sorted(remains.marked(self._drive.mark)):
                if _title(pid).startswith(f"ray::{solved.__name__}"):
                    return self._drive.signal(signal.SIGKILL, pid)
            time.sleep(_LOOK_S)
        return ""

    def lose_node(self) -> str:
        """Kill a node that works, all its processes at once."""
        node = self._workers.pop()
        self._cluster.remove_node(node, allow_graceful=False)
        return "a node lost, with all its processes"

    def restart_head(self) -> str:
        """Kill the head's own server, and start it anew at the same place; it remembers nothing."""
        head: Any = self._cluster.head_node
        head.kill_gcs_server()
        head.start_gcs_server()
        return "the head killed and started again"

    def close(self) -> None:
        """End it all."""
        self._drive.seen |= remains.marked(self._drive.mark)
        for node in filter(None, [*self._cluster.worker_nodes, self._cluster.head_node]):
            with suppress(Exception):  # what is dead already is as it should be, and what is not is found afterwards
                self._cluster.remove_node(node, allow_graceful=True)
        with suppress(Exception):
            self._cluster.shutdown()
        for pid in remains.below(os.getpid()):
            if _title(pid).startswith(_AGENTS):
                self._drive.signal(signal.SIGKILL, pid)
        shutil.rmtree(self._folder, ignore_errors=True)


def _title(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    return ""
