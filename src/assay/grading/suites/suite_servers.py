"""The fork servers of this process for the kind `tests`: started when one is needed, and kept for the next grading.

A server runs nothing of any candidate's (`suite_server`), so what it forks for one grading is what it forks for the
next. One grading uses it at a time, and it is kept only once it says that all its children have ended.
"""

import atexit
import json
import os
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.errors import MachineryError
from assay.sandbox import cgroups, forking, workspace

_START_S = 60.0
_TRIES = 2  # servers of one kind that did not start, after which this process starts no more of it
_MOST_IDLE = 4
_MOST_GRADINGS = 500


class NotStarted(Exception):
    """No server could be had."""


@dataclass(frozen=True)
class Key:
    """What a server is started with. `bounds` are megabytes and processes of a child, and children at a time."""

    command: tuple[str, ...]
    readonly: tuple[tuple[str, Path], ...]
    env: tuple[tuple[str, str], ...]
    config: str
    bounds: tuple[int, int, int]
    start_s: float = _START_S


_lock = threading.Lock()
_idle: list[tuple[Key, forking.ForkServer]] = []  # the one used last at the end
_failures: Counter[Key] = Counter()
_owners: set[int] = set()


async def started(key: Key) -> tuple[forking.ForkServer, dict[str, Any]]:
    """Return a new server and what it said. Raises NotStarted."""
    _close_at_exit()
    memory_mb, processes, children = key.bounds
    server = forking.ForkServer(memory_mb=memory_mb, processes=processes, children=children)
    said: dict[str, Any] = {}
    try:
        server.start(key.command, readonly=dict(key.readonly), env=dict(key.env))
        said = await server.greeting(json.loads(key.config), key.start_s)
    except OSError:
        raise NotStarted from None
    finally:
        if "ready" not in said:
            server.close()
    if "ready" not in said:
        raise NotStarted(str(said.get("fault", "it said nothing")))
    return server, said


async def taken(key: Key) -> forking.ForkServer:
    """Return a server that nothing else uses, one that was kept if there is one. Raises NotStarted."""
    while (server := _kept(key)) is not None:
        if server.is_there():
            return server
        server.close()
    if _failures[key] >= _TRIES:
        raise NotStarted
    try:
        return (await started(key))[0]
    except NotStarted:
        _failures[key] += 1
        raise


def _kept(key: Key) -> forking.ForkServer | None:
    with _lock:
        for place in range(len(_idle) - 1, -1, -1):
            if _idle[place][0] == key:
                return _idle.pop(place)[1]
    return None


async def give(key: Key, server: forking.ForkServer, *, good: bool) -> None:
    """Take a server back after a grading; unless `good`, or once it is old, it ends."""
    server.gradings += 1
    if not good or server.gradings >= _MOST_GRADINGS or not await server.quiet():
        server.close()
        return
    with _lock:
        _idle.append((key, server))
        over = _idle.pop(0)[1] if len(_idle) > _MOST_IDLE else None
    if over is not None:
        over.close()


def close() -> None:
    """End the servers that are kept."""
    with _lock:
        servers = [server for _, server in _idle]
        _idle.clear()
    for server in servers:
        with suppress(MachineryError):
            server.close()


def _close_at_exit() -> None:
    """Have the servers end before what they use is cleaned up, which is done the last registered first."""
    owner = os.getpid()
    if owner not in _owners:
        workspace.base()
        cgroups.pool()
        _owners.add(owner)
        atexit.register(lambda: close() if os.getpid() == owner else None)
