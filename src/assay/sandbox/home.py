"""The folder of one sandbox on the host: how its workspace begins, its snapshots, and the way back to them.

Each return makes a new generation of folders and removes the old one, so nothing of what came after can stay.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assay.errors import MachineryError
from assay.sandbox import overlay, workspace
from assay.sandbox.copying import Size, copy
from assay.sandbox.room import Room, check_room
from assay.sandbox.workspace import Workspace


@dataclass(frozen=True)
class Start:
    """How a workspace begins: `files` laid over the host folder `tree`, if any.

    `layered`: the tree lies below an overlay and is not copied. `folders` are made where they are not there.
    """

    files: Mapping[str, str | bytes]
    tree: Path | None = None
    layered: bool = False
    folders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """A state of one sandbox's workspace, to which `Sandbox.reset` returns. It is gone when that sandbox closes.

    `over` says which bound the workspace was over, if any: such a state is empty, and no command runs in it.
    """

    home: Path
    number: int
    over: str = ""


class Home:
    """The folders of one sandbox below `place`: the generation in use and the snapshots.

    `own_tmp` makes a folder for /tmp beside the workspace, for a bwrap that cannot bound a tmpfs.
    """

    def __init__(self, place: Path, start: Start, *, file_bytes: int, total_bytes: int, own_tmp: bool) -> None:
        self.place = place
        self.start = start
        self.own_tmp = own_tmp
        self.file_bytes = file_bytes
        self.total_bytes = total_bytes
        self._generation = self._snapshots = 0
        self._copied = Size()
        self.space = self._space()

    @property
    def _folder(self) -> Path:
        return self.place / str(self._generation)

    @property
    def temporary(self) -> Path | None:
        """The host folder that serves as /tmp, if any."""
        return self._folder / "tmp" if self.own_tmp else None

    def mounts(self, binds: Mapping[str, str]) -> list[str]:
        """Return the words of bwrap that show the workspace: `binds` maps a path inside to a folder of it."""
        root = self._folder / "work"
        words: list[str] = []
        for inside, below in binds.items():
            if self.start.layered:
                assert not below
                words += ["--overlay-src", str(self.start.tree)]
                words += ["--overlay", str(root), str(self._folder / "overlay"), inside]
            else:
                words += ["--bind", str(root / below), inside]
        return words

    def _space(self) -> Workspace:
        lower = self.start.tree if self.start.layered else None
        return self._measured(self._folder / "work", lower)

    def _measured(self, folder: Path, lower: Path | None = None) -> Workspace:
        return Workspace(
            folder, file_bytes=self.file_bytes, total_bytes=self.total_bytes, lower=lower, copied=self._copied
        )

    def begin(self) -> None:
        """Make the workspace as it begins. Raises MachineryError, also when the disk is too full for its bounds."""
        check_room(self.place.parent, self.total_bytes)
        with _machinery("make a workspace"):
            self._fresh()
            root = self._folder / "work"
            if self.start.tree is not None and not self.start.layered:
                self._copied = copy(self.start.tree, root, ours=False)
                os.chmod(root, os.stat(root).st_mode | 0o700)
            else:
                root.mkdir()
                if self.start.tree is not None:
                    os.chmod(root, os.stat(self.start.tree).st_mode & 0o777 | 0o700)
            self.space = self._space()
            for path, data in self.start.files.items():
                self.space.write(path, data)
            for name in self.start.folders:
                (root / name).mkdir(parents=True, exist_ok=True)

    def _fresh(self) -> None:
        self._folder.mkdir(parents=True)
        if self.start.layered:
            (self._folder / "overlay").mkdir()
        if self.temporary is not None:
            self.temporary.mkdir()

    def snapshot(self, over: str) -> Snapshot:
        """Keep a copy of the workspace as it is now."""
        self._snapshots += 1
        if not over:
            copy(self.space.root, self.place / f"snapshot-{self._snapshots}", ours=True)
        return Snapshot(self.place, self._snapshots, over)

    def reset(self, to: Snapshot | None) -> None:
        """Return to a snapshot, or to the beginning. Raises ValueError for another sandbox's snapshot."""
        if to is not None and to.home != self.place:
            raise ValueError("this snapshot was taken of another sandbox, or that sandbox is closed")
        old = self._folder
        self._generation += 1
        if to is None:
            self.begin()
        else:
            with _machinery("make a workspace"):
                self._fresh()
                if to.over:
                    (self._folder / "work").mkdir()
                else:
                    copy(self.place / f"snapshot-{to.number}", self._folder / "work", ours=True)
            self.space = self._space()
        overlay.release(old / "overlay")
        workspace.remove(old)

    def over(self, held: int) -> str:
        """Say which bound the workspace, and the folder that serves as /tmp, are over; "" for none.

        `held` are bytes on disk that have no name.
        """
        space = self.space if self.temporary is None else self._measured(self._folder)
        over = space.over(held)
        return f"workspace {over}" if over else ""

    def room(self) -> Room:
        """Return the disk that it is on."""
        return Room(self.place.parent, self.over)

    def remove(self) -> None:
        """Remove everything."""
        overlay.release(self._folder / "overlay")
        workspace.remove(self.place)


@contextmanager
def _machinery(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MachineryError(f"could not {what}: {error}") from error
