"""The directory of a run, in which one process at a time is at work."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.errors import UserError


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Hold the directory alone; raises UserError when another process runs in it or it cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = (out / ".lock").open("w")
    except OSError as error:
        raise UserError(f"The run directory {out} cannot be made ({error}): name another with --out.") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"Another run is at work in {out}: wait for it, stop it, or name another --out.") from None
        yield
