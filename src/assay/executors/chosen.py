"""Which executor a word names: `local`, or `ray[:ADDRESS]`."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assay.errors import UserError
from assay.executors.base import Executor
from assay.executors.local import InProcess

if TYPE_CHECKING:
    from assay.executors.ray_cluster import RayExecutor

LOCAL = "local"
_RAY = "ray"


def open_cluster(word: str) -> "RayExecutor":
    """Return the executor of a cluster, to be entered by the caller. Raises UserError for a word that names none.

    `ray` is the cluster that RAY_ADDRESS names, else one of this machine's own; `ray:ADDRESS` the one at that address
    (`auto`, HOST:PORT, ray://HOST:10001).
    """
    from assay.executors.ray_cluster import RayExecutor

    kind, _, address = word.partition(":")
    if kind != _RAY:
        raise UserError(f"--executor {word!r} names none: write local, ray or ray:ADDRESS")
    return RayExecutor(address or None)


@contextmanager
def connected(word: str) -> Iterator[None]:
    """Stay connected to the cluster that `word` names, for executors that are opened again and again meanwhile."""
    if word == LOCAL:
        yield
        return
    cluster = open_cluster(word)
    asyncio.run(cluster.__aenter__())
    try:
        yield
    finally:
        asyncio.run(cluster.__aexit__())


def open_executor(word: str) -> Executor:
    """Return the executor that `word` names, to be entered by the caller; `local` is this process."""
    return InProcess() if word == LOCAL else open_cluster(word)
