"""Full disks: the ledger's, and that of the sandboxes' workspaces. Small file systems in memory stand for them."""

import functools
import os
import random
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from assay.chaos.drive import Drive
from assay.chaos.fault import MACHINERY, Fault
from assay.errors import MachineryError

_ROOMY = 2 << 30  # bytes that may be used, of memory, and are not
_BLOCK = 4096
_TRIES = 50
_BUSY_S = 30.0  # processes that were killed may still hold it for a moment


@functools.cache
def cannot_mount() -> str:
    """Say why this user may not mount a file system, "" where that works."""
    with tempfile.TemporaryDirectory(prefix="assay-chaos-") as place:
        said = _mount(Path(place), _BLOCK)
        if said:
            return f"a small file system must be mounted, which this user may not ({said})"
        _unmount(Path(place))
    return ""


def _mount(place: Path, size: int, *, again: bool = False) -> str:
    options = f"{'remount,' if again else ''}size={size}"
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.decode("utf-8", "replace").strip() if done.returncode else ""


def _unmount(place: Path) -> None:
    until = time.monotonic() + _BUSY_S
    while subprocess.run(["umount", place], capture_output=True, check=False).returncode:
        if time.monotonic() > until:
            raise MachineryError(f"{place} cannot be unmounted: something still uses it")
        time.sleep(0.05)


class _Disk(Fault):
    def lacking(self) -> str:
        """It takes the right to mount."""
        return cannot_mount()

    def place(self, drive: Drive) -> Path:
        """Return the folder whose disk is full."""
        raise NotImplementedError

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Put a file system at the place, and leave little of it at a request."""
        place = self.place(drive)
        leave = 0 if len(drive.faults) > 1 else draw.choice((0, _BLOCK, 20 * _BLOCK, 100 * _BLOCK))
        self._put(place, drive)

        def act() -> str:
            for _ in range(_TRIES):  # it grows as we look, and cannot be made smaller than what it holds
                found = os.statvfs(place)
                used = (found.f_blocks - found.f_bfree) * found.f_frsize
                if not (said := _mount(place, max(_BLOCK, used + leave), again=True)):
                    break
            else:
                raise MachineryError(f"the disk {place} could not be made full: {said}")
            self.full(place, drive, draw)
            return f"{leave} bytes left on the disk of {place.name}"

        request = drive.moment(draw)[0] or 1 if self.ends else drive.early(draw)
        drive.at(self, request, draw.uniform(0.001, 0.2), act)

    def full(self, place: Path, drive: Drive, draw: random.Random) -> None:
        """Called when the disk has just been filled."""

    def _put(self, place: Path, drive: Drive) -> None:
        """Mount it, with what the place holds; when the drive has ended that is moved back."""
        aside = place.with_name(f"{place.name}-aside")
        place.mkdir(exist_ok=True)
        place.rename(aside)
        place.mkdir()
        if said := _mount(place, _ROOMY):
            raise MachineryError(f"{place} could not be mounted: {said}")

        def back() -> None:
            shutil.rmtree(aside)
            shutil.copytree(place, aside)
            _unmount(place)
            place.rmdir()
            aside.rename(place)

        drive.stack.callback(back)
        shutil.copytree(aside, place, dirs_exist_ok=True)


class LedgerDiskFull(_Disk):
    """The run's own folder."""

    name = "ledger-disk-full"
    about = "the disk of the run's folder, ledger and trajectories, is full"
    ends = True
    exits = frozenset({2})

    def place(self, drive: Drive) -> Path:
        """Return the run's folder."""
        return drive.run


class SandboxDiskFull(_Disk):
    """The folder of the workspaces."""

    name = "sandbox-disk-full"
    about = "the disk of the sandboxes' workspaces ($ASSAY_TMP) is full"
    exits = frozenset({3})
    may = MACHINERY

    def place(self, drive: Drive) -> Path:
        """Return the folder for temporary files."""
        return drive.temporary

    def full(self, place: Path, drive: Drive, draw: random.Random) -> None:
        """Make room again after a while, where other faults are to follow, and else sometimes."""
        if len(drive.faults) > 1 or draw.random() < 0.5:
            time.sleep(draw.uniform(0.1, 1.0))
            _mount(place, _ROOMY, again=True)
