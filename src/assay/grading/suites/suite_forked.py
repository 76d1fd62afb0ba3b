"""Runs the rounds of a grading as children of one fork server, so that the runner does not start once a round.

What the server imports before it forks (`suite.preload`) was found by `trial`: it lies outside of the repository, in
folders that no candidate can change, and importing it starts no thread and shares no memory. Whatever goes wrong here
is no result: the rounds then run in sandboxes of their own (`suite_run`), and that decides.
"""

import asyncio
import base64
import json
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from assay.errors import MachineryError
from assay.grading.suites import suite_run, suite_servers
from assay.grading.suites.suite_rounds import Ran, Round, decided
from assay.grading.suites.suite_run import HOME, Place
from assay.grading.suites.suite_servers import Key
from assay.grading.suites.suite_spec import Suite
from assay.nouns import Reason, Task
from assay.sandbox import SplitResult, forking, layout
from assay.sandbox.process import CHUNK, held_up
from assay.sandbox.system import write_all

_PROGRAMS = ("suite_server", "suite_controller", "suite_runner", "suite_sympy")
_START_S = 60.0
_TRIAL_S = 120.0
_TOTAL = 4  # each file system in memory may hold this many times the limit of one file


class _Lost(Exception):
    """Nothing is known of a round."""


async def in_rounds(task: Task, suite: Suite, place: Place, rounds: Sequence[Round]) -> list[tuple[Round, Ran]]:
    """Run the rounds and return those that ended by the time one settled it all, as `suite_run.side_by_side`.

    Raises what that raises.
    """
    if suite.preload is not None and possible(suite, place):
        with suppress(_Lost, OSError, suite_servers.NotStarted):
            return await _forked(task, suite, place, rounds)
    return await suite_run.side_by_side(task, suite, place, rounds)


def possible(suite: Suite, place: Place) -> bool:
    """Whether rounds of this suite can be children of a fork server at all."""
    return not suite.blackhole and forking.usable(place.tree)


async def trial(task: Task, suite: Suite, place: Place, names: Sequence[str]) -> tuple[str, ...] | None:
    """Return which of the modules `names` a fork server can import before anything else is there, in that order.

    None where there can be no fork server.
    """
    if not possible(suite, place):
        return None
    key = replace(
        _key(task, suite, place, 1), config=json.dumps(_config(suite, place, names, trial=True)), start_s=_TRIAL_S
    )
    try:
        server, said = await suite_servers.started(key)
    except suite_servers.NotStarted:
        return None
    server.close()
    found = said.get("ready")
    return tuple(str(name) for name in found) if isinstance(found, list) else None


def _key(task: Task, suite: Suite, place: Place, children: int) -> Key:
    """Return what a server for this suite is started with; it serves whatever asks for the same."""
    readonly = suite_run.mounts(task, suite, _PROGRAMS)
    readonly |= {f"{HOME}/suite_kernel.py": forking.KERNEL, suite.workdir: place.tree or forking.nothing()}
    command = suite_run.command("suite_server")
    env = {name: value for name, value in suite.env.items() if name != "PYTHONPATH"}  # nothing of the repository's yet
    if suite.python:
        command = (suite.python, *suite.python_args, f"{HOME}/suite_server.py")
        env = {"PATH": f"{os.path.dirname(suite.python)}:{layout.ENVIRONMENT['PATH']}", **env}
    config = json.dumps(_config(suite, place, suite.preload or (), trial=False))
    bounds = (task.limits.memory_mb, task.limits.processes, children)
    return Key(command, tuple(sorted(readonly.items())), tuple(sorted(env.items())), config, bounds)


def _config(suite: Suite, place: Place, names: Sequence[str], *, trial: bool) -> dict[str, Any]:
    return {
        "tree": suite.workdir,
        "layered": place.tree is not None,
        "own": not suite.python,
        "runner": suite.runner,
        "rules": base64.b64encode(forking.rules()).decode(),
        "imports": list(names),
        "trial": trial,
    }


async def _forked(task: Task, suite: Suite, place: Place, rounds: Sequence[Round]) -> list[tuple[Round, Ran]]:
    """Run the rounds as children of a server. Raises _Lost where one of them is not known to have ended in order."""
    key = _key(task, suite, place, min(suite_run.cores(), len(rounds)))
    server = await suite_servers.taken(key)
    done: list[tuple[Round, Ran]] = []
    pending: set[asyncio.Future[tuple[Round, Ran]]] = set()
    turns = asyncio.Semaphore(suite_run.cores())

    async def one(now: Round) -> tuple[Round, Ran]:
        async with turns:
            return now, await _round(server, task, suite, place, now)

    good = False
    try:
        pending = {asyncio.ensure_future(one(now)) for now in rounds}
        while pending:
            ended, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            done += [each.result() for each in ended]
            if any(decided(suite, now, ran) for now, ran in done):
                break
        good = not any(ran.reason is Reason.TIMEOUT for _, ran in done)
    finally:
        for left in pending:
            left.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await suite_servers.give(key, server, good=good)
    return sorted(done, key=lambda pair: rounds.index(pair[0]))


async def _round(server: forking.ForkServer, task: Task, suite: Suite, place: Place, now: Round) -> Ran:
    """Run one round in a child of the server."""
    nonce, hello = secrets.token_hex(16), secrets.token_hex(8)
    request = suite_run.request(suite, place, now.parts, hello) | {"python": ""}
    request["texts"], request["bytes"] = _files({**place.files, **now.files})
    content = json.dumps(request).encode()
    file_bytes = task.limits.file_mb << 20
    limits = {
        "memory": task.limits.memory_mb << 20,
        "file": file_bytes,
        "tmp": _TOTAL * file_bytes,
        "inodes": forking.INODES,
        "cpu": int(suite.timeout_s + _START_S) + 2,
        "processes": forking.process_limit(task.limits.processes, server.group, suite_run.cores()),
        "size": len(content),
    }
    source = os.memfd_create("assay", os.MFD_CLOEXEC)
    reader, writer = os.pipe()
    try:
        try:
            write_all(source, content + nonce.encode())
            server.ask(limits, [source, writer])
        finally:
            os.close(writer)
            os.close(source)
        heard = _Heard(reader, suite_run.capacity(now.parts), suite.timeout_s)
        try:
            await heard.ended
        finally:
            heard.close()
    finally:
        os.close(reader)
    if heard.late:
        return Ran(Reason.TIMEOUT, f"the tests ran past {suite.timeout_s:g} s")
    done = SplitResult(0, bytes(heard.data), b"", False, False, 0.0)
    if not suite_run.is_whole(done, nonce):
        raise _Lost
    try:
        return suite_run.heard(suite, now.parts, done, hello, nonce)
    except MachineryError:
        raise _Lost from None


def _files(files: dict[str, str | bytes]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the files as JSON can hold them: texts, and others coded in base 64."""
    texts: dict[str, str] = {}
    coded: dict[str, str] = {}
    for path, data in files.items():
        if isinstance(data, bytes):
            try:
                texts[path] = data.decode()
            except UnicodeDecodeError:
                coded[path] = base64.b64encode(data).decode()
        else:
            texts[path] = data
    return texts, coded


class _Heard:
    """What a child says until it has ended, `ended`; `late` when it was still there when its time was up.

    The clock starts with its first word, before which it has begun nothing of the candidate's.
    """

    def __init__(self, reader: int, capacity: int, timeout_s: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self.loop.create_future()
        self.data = bytearray()
        self.late = False
        self._reader = reader
        self._capacity = capacity
        self._timeout_s = timeout_s
        os.set_blocking(reader, False)
        self.loop.add_reader(reader, self._take)
        self._timer = self.loop.call_later(_START_S, self._stop)

    def _take(self) -> None:
        try:
            part = os.read(self._reader, CHUNK)
        except BlockingIOError:
            return
        if part and not self.data:
            self._arm(self._timeout_s)
        self.data += part
        if not part or len(self.data) > self._capacity:
            self._end()

    def _arm(self, seconds: float) -> None:
        self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._stop)

    def _stop(self) -> None:
        self._take()
        if self.ended.done():
            return
        if lost := held_up(self.loop, self._timer):
            self._arm(lost)
        else:
            self.late = bool(self.data)
            self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def close(self) -> None:
        """Listen no more."""
        self._timer.cancel()
        self.loop.remove_reader(self._reader)
