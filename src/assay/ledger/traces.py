"""Trajectories beside the ledger: Zstandard frames in pack files that only grow, each known by a row of the ledger.

The packs of `ledger.sqlite` lie in `ledger.sqlite-traces/`, so that a copied run takes them along. A process that
writes holds one pack alone by a lock of the kernel and goes on at its end; so there are as many packs as there were
writers at one time. A frame holds one trajectory as a line of JSON: `zstdcat` of a pack gives JSON lines.

A frame is written before its row. Who is killed between the two leaves bytes that no row names: `assay ledger check`
counts them, and nothing else minds. A power cut may take the frames of the last seconds too; their rows stay, and
`check` names them.

They are not in the database because SQLite would write every trajectory twice, into its log and its file, and every
walk over the rows would read past them.
"""

import fcntl
import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

try:
    from compression import zstd  # Python 3.14
except ModuleNotFoundError:
    from backports import zstd

from assay.errors import UserError

LEVEL = 3
FULL_BYTES = 1 << 30  # a pack that has grown to this is left alone, and another is begun
MOST_BYTES = 1 << 31  # of one trajectory: a frame that claims more is not opened
_OPEN_PACKS = 16


class DamagedTrace(UserError):
    """A trajectory that is missing, cut short, or not what was written."""


@dataclass(frozen=True)
class Frame:
    """Where a trajectory lies: the pack's number, the first byte and how many; and the hash and length of its JSON."""

    pack: int
    place: int
    size: int
    length: int
    sha256: bytes


def folder_of(ledger: Path) -> Path:
    """Return the folder of a ledger's packs."""
    return ledger.with_name(ledger.name + "-traces")


def pack_path(folder: Path, number: int) -> Path:
    """Return the file of a pack."""
    return folder / f"{number:04d}.zst"


def packs(folder: Path) -> dict[int, Path]:
    """Return the packs that lie in a folder, by number."""
    found = {int(path.stem): path for path in folder.glob("*.zst") if path.stem.isdecimal()}
    return dict(sorted(found.items()))


class TraceWriter:
    """Appends frames to one pack, which it holds alone from the first frame until it is closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._handle = -1
        self._number = 0
        self._zstd = zstd.ZstdCompressor(level=LEVEL)

    def append(self, contents: Sequence[bytes]) -> list[Frame]:
        """Write each content (the JSON of a trajectory) as a frame. Raises OSError, and then nothing was added."""
        if not contents:
            return []
        if self._handle < 0 or os.lseek(self._handle, 0, os.SEEK_END) >= FULL_BYTES:
            self._take()
        begin = end = os.lseek(self._handle, 0, os.SEEK_END)  # asked anew: an interrupted call may have left bytes
        frames, written = [], []
        for content in contents:
            data = self._zstd.compress(content + b"\n", mode=zstd.ZstdCompressor.FLUSH_FRAME)
            frames.append(Frame(self._number, end, len(data), len(content), hashlib.sha256(content).digest()))
            written.append(data)
            end += len(data)
        left = memoryview(b"".join(written))
        try:
            while left:
                left = left[os.write(self._handle, left) :]
        except OSError:
            os.ftruncate(self._handle, begin)
            raise
        return frames

    def take_back(self, frames: Sequence[Frame]) -> None:
        """Remove the frames appended last, whose rows were refused. No other process writes to this pack."""
        if frames and frames[0].pack == self._number and self._handle >= 0:
            os.ftruncate(self._handle, frames[0].place)

    def close(self) -> None:
        """Give the pack free, its bytes on the disk."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _take(self) -> None:
        """Hold the first pack that nobody holds and that is not full, a new one where there is none."""
        self.close()
        self.folder.mkdir(exist_ok=True)
        number = 0
        while True:
            number += 1
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            handle = os.open(pack_path(self.folder, number), flags, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                end = os.lseek(handle, 0, os.SEEK_END)
            except BlockingIOError:
                os.close(handle)
                continue
            except OSError:
                os.close(handle)
                raise
            if end < FULL_BYTES:
                self._handle, self._number = handle, number
                return
            os.close(handle)


class TraceReader:
    """Reads frames wherever they lie, for any thread; keeps a few packs open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._handles: dict[int, int] = {}
        self._turn = threading.Lock()

    def read(self, frame: Frame) -> bytes:
        """Return the JSON of a trajectory. Raises DamagedTrace with what is wrong with it."""
        path = pack_path(self.folder, frame.pack)
        try:
            if not 0 <= frame.size <= MOST_BYTES or frame.place < 0:
                raise DamagedTrace(f"{frame.size} bytes at byte {frame.place} of {path} is no place of a trajectory")
            with self._turn:
                data = os.pread(self._handle(frame.pack), frame.size, frame.place)
        except FileNotFoundError:
            raise DamagedTrace(
                f"the file {path} is missing: copy the folder {self.folder.name} along with the ledger"
            ) from None
        except OSError as error:
            raise DamagedTrace(f"the file {path} cannot be read ({error}): mend its permissions") from error
        where = f"the frame at byte {frame.place} of {path}"
        if len(data) < frame.size:
            raise DamagedTrace(f"{where} is cut short: {len(data)} of {frame.size} bytes are there")
        content = unpacked(data, frame.length, where)
        if hashlib.sha256(content).digest() != frame.sha256:
            raise DamagedTrace(f"{where} is not what was written: its hash is another")
        return content

    def close(self) -> None:
        """Close the packs."""
        while self._handles:
            os.close(self._handles.popitem()[1])

    def _handle(self, number: int) -> int:
        if number not in self._handles:
            while len(self._handles) >= _OPEN_PACKS:
                os.close(self._handles.pop(next(iter(self._handles))))
            self._handles[number] = os.open(pack_path(self.folder, number), os.O_RDONLY | os.O_CLOEXEC)
        return self._handles[number]


def unpacked(data: bytes, length: int, where: str) -> bytes:
    """Return the content of a frame, at most its `length` and the line's end. Raises DamagedTrace."""
    if not 0 <= length <= MOST_BYTES:
        raise DamagedTrace(f"{where} claims {length} bytes: no trajectory is that long")
    reader = zstd.ZstdDecompressor()
    try:
        content = reader.decompress(data, max_length=length + 1)
    except zstd.ZstdError as error:
        raise DamagedTrace(f"{where} cannot be unpacked ({error})") from error
    if len(content) != length + 1 or content[-1:] != b"\n":
        raise DamagedTrace(f"{where} does not hold the {length} bytes that were written")
    return content[:-1]
