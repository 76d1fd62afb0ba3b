"""The free space of the disk that holds a workspace: looked at before, during and after each command.

A command that ran while the disk was full may have failed for want of space, and what it did says nothing about it:
that is our failure. Unless the sandbox filled the disk itself, which it can only by going over its own bound; so when
the disk is found full, all that its processes hold is counted, with a name or without, before they are killed.
"""

import os
from collections.abc import Callable
from pathlib import Path

from assay.errors import MachineryError
from assay.sandbox.held import hidden_bytes

SPARE = 1 << 20  # bytes; with less than this free, a command may have failed for want of space
LOOK_S = 0.02  # a disk that is full for a shorter time than this, between two looks, is not noticed


class Room:
    """The disk of `folder`, as one command runs. `over` names the bound that so many bytes without a name break."""

    def __init__(self, folder: Path, over: Callable[[int], str]) -> None:
        self.folder = folder
        self._over = over
        self._blamed = ""
        self._left = 0  # bytes free when it was found full
        self._doubtful = False

    def check(self) -> None:
        """Raise MachineryError when less than SPARE is free."""
        check_room(self.folder, SPARE)

    def full(self, first: int | None, file_bytes: int) -> bool:
        """Say whether less than SPARE is free; if so look whether the sandbox of process 1 `first` is the reason.

        `first` is None before the command has begun, `file_bytes` the bound of one file.
        """
        if not lacking(self.folder, SPARE):
            return False
        self._left = _free(self.folder)
        held, self._doubtful = (0, False) if first is None else hidden_bytes(first, file_bytes)
        self._blamed = self._over(held)
        return True

    def own_doing(self) -> str:
        """Say, once all that ran is dead, which bound it was over when the disk was full; "" when it was not to blame.

        What ended while it was looked at is judged by what its end set free.
        """
        if not self._blamed and self._doubtful:
            self._blamed = self._over(max(0, _free(self.folder) - self._left))
        return self._blamed


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def check_room(folder: Path, needed: int) -> None:
    """Raise MachineryError when less than `needed` bytes, or no file more, can be had on the disk of `folder`."""
    if said := lacking(folder, needed):
        raise MachineryError(said)


def lacking(folder: Path, needed: int) -> str:
    """Say, in a sentence for users, that less than `needed` bytes or no file more can be had; "" when they can."""
    try:
        found = os.statvfs(folder)
    except OSError as error:
        return f"the place for workspaces {folder} is gone: {error}"
    free = found.f_bavail * found.f_frsize
    if free >= needed and (not found.f_files or found.f_favail):
        return ""
    return (
        f"the disk that holds the workspaces is full: {free >> 20} MB are free under {folder}, and a sandbox needs "
        f"{max(1, needed >> 20)} MB; make room, or set ASSAY_TMP to a folder on another disk"
    )
