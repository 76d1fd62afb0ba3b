"""One object of the driver that jobs in worker processes may ask: calls go over the connection that a worker has.

What a job may not have a copy of (a budget) stays in the driver; `assay.executors.ray_service` is the same on Ray.
"""

import asyncio
import itertools
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from assay.errors import MachineryError
from assay.executors.base import Job


@dataclass(frozen=True)
class Question:
    """A call that a worker asks for: `number` is its own, `served` says of which object."""

    number: int
    served: int
    method: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a call returned, or the error that it raised."""

    number: int
    value: Any
    error: Exception | None = None


@dataclass(frozen=True)
class Asked:
    """An object of the driver as a job in a worker process has it: `call` runs one of its async methods there."""

    served: int

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Return what the method returns there; raises what it raises."""
        if _line is None:
            raise MachineryError("only a worker process can ask its driver")
        return await _line.ask(self.served, method, arguments, named)


class Line:
    """A worker's connection to its driver: jobs and answers come in, questions and results go out."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    def next_job(self) -> Job:
        """Wait for the next job. Raises EOFError when the driver is gone."""
        while True:
            said = self._connection.recv()
            if isinstance(said, Job):  # else an answer to a job that no longer waited for it
                return said

    def send(self, said: Any) -> None:
        """Tell the driver something."""
        self._connection.send(said)

    async def ask(self, served: int, method: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Have the driver call a method of an object that it serves."""
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        if not self._waiting:
            loop.add_reader(self._connection.fileno(), self._take)
        answer = self._waiting[number] = loop.create_future()
        try:
            self.send(("asked", Question(number, served, method, arguments, named)))
            return await answer
        finally:
            del self._waiting[number]
            if not self._waiting:
                loop.remove_reader(self._connection.fileno())

    def _take(self) -> None:
        """Give an answer that came to whoever waits for it."""
        try:
            said: Answer = self._connection.recv()
        except (EOFError, OSError) as error:
            gone = MachineryError(f"the driver is gone ({error})")
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(gone)
            return
        answer = self._waiting.get(said.number)
        if answer is None or answer.done():
            return
        if said.error is None:
            answer.set_result(said.value)
        else:
            answer.set_exception(said.error)


_line: Line | None = None


def connect(connection: Connection) -> Line:
    """Let the jobs of this process ask over this connection."""
    global _line
    _line = Line(connection)
    return _line
