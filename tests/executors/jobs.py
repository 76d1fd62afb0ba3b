"""Jobs that the tests of executors run; worker processes find them by name."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from assay.errors import UserError
from assay.sandbox import trees


async def count(first, last):
    for number in range(first, last):
        await asyncio.sleep(0)
        yield number


async def refuse(why):
    yield "before"
    raise UserError(why)


async def fail():
    raise AssertionError("not foreseen")
    yield


async def die(folder, times):
    """Die by SIGKILL the first `times` times that it is run, and say how often it was run at last."""
    tries = noted(folder)
    if tries <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    yield tries


def noted(folder):
    """Leave a file named by this process; return how many lie there."""
    Path(folder, f"{os.getpid()}").touch()
    return len(os.listdir(folder))


@dataclass(frozen=True)
class Counted:
    """A setting that leaves a file each time it is opened, and one when it is closed."""

    folder: str

    @asynccontextmanager
    async def open(self):
        self.note("opened")
        try:
            yield os.getpid()
        finally:
            self.note("closed")

    def note(self, what):
        Path(self.folder, f"{what}-{os.getpid()}-{len(os.listdir(self.folder))}").touch()


async def who(opened, number):
    await asyncio.sleep(0.01)
    yield opened, os.getpid(), number


async def look(key, name):
    """Give a file of a tree, and the process and cache that it was read in."""
    yield (trees.tree(key) / name).read_text(), os.getpid(), os.environ.get("ASSAY_CACHE", "")


async def endless(folder):
    noted(folder)
    yield "begun"
    await asyncio.sleep(3600)


async def ask(asked):
    """Ask an object of the driver once; an error of it is the result."""
    try:
        yield await asked.call("next", 1, odd=1)
    except UserError as error:
        yield error


async def ask_many(asked, count):
    """Ask `count` questions side by side; their answers are one result."""
    yield await asyncio.gather(*(asked.call("next", 1, odd=0) for _ in range(count)))


async def ask_and_leave(asked):
    """Ask, and be over before the answer is there."""
    asking = asyncio.ensure_future(asked.call("slowly"))
    await asyncio.sleep(0.05)
    asking.cancel()
    await asyncio.wait([asking])
    yield "left"


class Numbers:
    """What jobs ask: numbers, of which there are `most`."""

    def __init__(self, most):
        self.most = most
        self.given = 0

    async def next(self, step, *, odd):
        self.given += step
        if self.given > self.most:
            raise UserError("no more")
        return 2 * self.given + odd

    async def slowly(self):
        await asyncio.sleep(0.3)


async def differently(folder):
    """Tell two things and die at the first try, tell one and give the result at the second."""
    if noted(folder) == 1:
        yield "told"
        yield "told more"
        await asyncio.sleep(0.5)  # until both are on their way
        os.kill(os.getpid(), signal.SIGKILL)
    yield "told"
    yield "the result"
