"""A full disk is our failure and never a result; what a candidate fills within a roomy one is its own."""

import asyncio
import os
import subprocess

import pytest

from assay.errors import MachineryError
from assay.sandbox import open_sandbox, overlay, probe, workspace
from assay.sandbox.held import hidden_bytes


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A file system of 24 MB that holds the workspaces, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small file system")
    base = place / "base"
    base.mkdir()
    monkeypatch.setattr(workspace, "base", lambda: base)
    yield base
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a").write_bytes(b"x" * (2 << 20))
    return root


def fill(disk, leave: int) -> None:
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk.parent / "filler").write_bytes(b"\0" * (free - leave))


@pytest.mark.parametrize("layered", [True, False])
def test_a_sandbox_is_refused_when_its_bounds_do_not_fit(disk, tree, layered):
    async def act():
        async with open_sandbox({}, file_mb=4, tree=tree if layered else None) as sandbox:
            return await sandbox.run("true", timeout_s=20)

    assert asyncio.run(act()).returncode == 0
    fill(disk, 10 << 20)
    with pytest.raises(MachineryError, match="the disk that holds the workspaces is full"):
        asyncio.run(act())
    assert [path.name for path in disk.iterdir() if path.name.isdigit()] == []


@pytest.mark.parametrize("layered", [True, False])
def test_a_disk_that_fills_up_meanwhile_gives_no_result(disk, tree, layered):
    async def act():
        async with open_sandbox({}, file_mb=4, tree=tree if layered else None) as sandbox:
            fill(disk, 300_000)
            return await sandbox.run("head -c 2000000 /dev/zero > f || echo WRONG", timeout_s=20)

    with pytest.raises(MachineryError, match="is full"):
        asyncio.run(act())


def test_a_disk_that_fills_up_lets_nothing_be_written_copied_or_reset(disk, tree):
    async def act():
        async with open_sandbox({}, file_mb=4) as sandbox:
            await sandbox.run("head -c 3000000 /dev/urandom > f", timeout_s=20)
            fill(disk, 1 << 20)
            with pytest.raises(MachineryError, match="No space left"):
                sandbox.put("g", b"x" * (2 << 20))
            with pytest.raises(MachineryError, match="No space left"):
                await sandbox.snapshot()
            with pytest.raises(MachineryError, match="is full"):
                await sandbox.reset()

    asyncio.run(act())


def test_a_copied_tree_that_does_not_fit_is_machinery(disk, tree, monkeypatch):
    monkeypatch.setattr(overlay, "can_lie_below", lambda *_: False)
    (tree / "b").write_bytes(b"x" * (30 << 20))

    async def act():
        async with open_sandbox({}, file_mb=1, tree=tree):
            raise AssertionError

    with pytest.raises(MachineryError, match="No space left"):
        asyncio.run(act())
    assert [path.name for path in disk.iterdir() if path.name.isdigit()] == []


def test_a_candidate_that_fills_its_own_share_has_a_result(disk):
    async def act():
        async with open_sandbox({}, file_mb=2) as sandbox:
            over = await sandbox.run(
                "for i in $(seq 12); do head -c 2000000 /dev/zero > f$i || exit 9; done", timeout_s=20
            )
            return over

    assert "workspace over 8 MB" in asyncio.run(act()).output


def test_a_candidate_cannot_pass_its_failure_off_as_a_full_disk(disk):
    """It fills the whole disk, even with files that have no name any more: the result stays its own."""
    code = """
import os
held = []
try:
    while True:
        held.append(os.open("x", os.O_RDWR | os.O_CREAT))
        os.unlink("x")
        os.write(held[-1], bytes(2 << 20))
except OSError as error:
    print("stopped", error.errno)
os._exit(3)
"""

    async def act():
        async with open_sandbox({"p.py": code}, file_mb=2) as sandbox:
            return await sandbox.run("python p.py", timeout_s=20)

    ended = asyncio.run(act())
    assert ended.returncode in (1, 3)


def test_a_candidate_that_shuts_the_workspace_off_has_results(tmp_path):
    """Permissions are no failure of ours either, with and without a tree, whoever we are."""
    (tmp_path / "a").write_text("")

    async def act(**options):
        async with open_sandbox({"f": "x"}, **options) as sandbox:
            await sandbox.run("mkdir d; chmod 000 d; chmod 000 f .", timeout_s=20)
            seen = await sandbox.run("echo on; ls -d d", timeout_s=20)
            sandbox.put("d/x", "y")
            return seen.output, sandbox.get("d/x")

    assert asyncio.run(act()) == ("on\nd\n", b"y")
    assert asyncio.run(act(tree=tmp_path)) == ("on\nd\n", b"y")


def test_the_trial_of_overlays_says_why_not(tmp_path):
    """A place that cannot be written makes no overlay, and trees are copied there."""
    if not probe.overlays(probe.bubblewrap()):
        pytest.skip("no overlay works here")
    said = overlay.works(probe.bubblewrap().path, tmp_path / "absent")
    assert "No such file" in said
    assert overlay.works("/bin/false", tmp_path) != ""


_ECHO = """
until [ -e go ]; do sleep 0.01; done
head -c 2000000 /dev/zero > f
until [ -e on ]; do sleep 0.01; done
"""


@pytest.mark.parametrize("layered", [True, False])
def test_a_disk_that_is_full_for_a_while_within_a_command_gives_no_result(disk, tree, layered):
    """It has room again when the command ends, and nobody would know why its write failed."""

    async def act():
        async with open_sandbox({}, file_mb=4, tree=tree if layered else None) as sandbox:
            running = asyncio.create_task(sandbox.run(_ECHO, timeout_s=20))
            await asyncio.sleep(0.1)
            fill(disk, 300_000)
            sandbox.put("go", "")
            await asyncio.sleep(0.3)
            (disk.parent / "filler").unlink()
            (sandbox.root / "on").touch()
            return await running

    with pytest.raises(MachineryError, match="the disk that holds the workspaces"):
        asyncio.run(act())


def test_no_command_begins_on_a_full_disk(disk):
    async def act():
        async with open_sandbox({}, file_mb=4) as sandbox:
            fill(disk, 300_000)
            running = sandbox.run("true", timeout_s=20)
            with pytest.raises(MachineryError, match="is full"):
                await running

    asyncio.run(act())


_HOARD = """
import array, mmap, os, socket, sys, time
pairs, kept = [], []
try:
    while True:
        held = os.open("x", os.O_RDWR | os.O_CREAT)
        os.unlink("x")
        if sys.argv[1] == "mapped":
            os.ftruncate(held, 1 << 20)
            kept.append(mmap.mmap(held, 1 << 20))
        if sys.argv[1] == "sent":
            pairs.append(socket.socketpair())
            socket.send_fds(pairs[-1][0], [b"x"], [held])
        os.write(held, bytes(1 << 20))
        if sys.argv[1] != "open":
            os.close(held)
except OSError as error:
    print("stopped", error.errno, flush=True)
    time.sleep(1)
os._exit(3)
"""


_HOLDS = _HOARD.replace("while True:", "for _ in range(3):").replace("os._exit(3)", "print('holds'); time.sleep(60)")


@pytest.mark.parametrize("way", ["open", "mapped", "sent"])
def test_what_a_sandbox_holds_without_a_name_is_counted(way):
    """By any user, with or without control groups."""
    mark = f"{way}-{os.getpid()}"

    async def act():
        async with open_sandbox({"p.py": _HOLDS}, file_mb=2) as sandbox:
            running = asyncio.create_task(sandbox.run(f"python p.py {way} {mark}", timeout_s=60))
            try:
                while not (first := inside(mark)) or hidden_bytes(first, 2 << 20)[0] < 3 << 20:
                    assert not running.done(), running.result()
                    await asyncio.sleep(0.05)
                return hidden_bytes(first, 2 << 20)
            finally:
                running.cancel()

    held, doubtful = asyncio.run(act())
    assert held >= 3 << 20
    assert not doubtful


def inside(mark: str) -> int | None:
    """Return a process of the sandbox whose command line ends with the mark."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                ours = os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid")
                if not ours and file.read().endswith(f"{mark}\0".encode()):
                    return int(pid)
        except OSError:
            continue
    return None


@pytest.mark.parametrize("way", ["open", "mapped", "sent"])
def test_a_candidate_that_hides_what_it_holds_of_a_full_disk_has_a_result(disk, way):
    """Its files have no name, and are open, mapped or on their way in a socket while it waits to be noticed."""

    async def act():
        async with open_sandbox({"p.py": _HOARD}, file_mb=2) as sandbox:
            return await sandbox.run(f"python p.py {way}", timeout_s=20)

    ended = asyncio.run(act())
    assert ended.returncode == 1
    assert "workspace over 8 MB" in ended.output
