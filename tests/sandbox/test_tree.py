"""Workspaces that begin as a host tree, below an overlay and copied: the same files either way, and the tree unharmed."""

# ruff: noqa: E501

import asyncio
import dataclasses
import os
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from assay.errors import UserError
from assay.sandbox import box, open_sandbox, overlay, probe, workspace
from assay.sandbox.copying import OPAQUE, copy
from assay.sandbox.workspace import Kind, Workspace

needs_overlay = pytest.mark.skipif(not probe.overlays(probe.bubblewrap()), reason="no overlay works here")


@pytest.fixture(params=["overlay", "copy"])
def way(request, monkeypatch):
    """Both ways a tree gets into a workspace."""
    real = probe.bubblewrap()
    if request.param == "copy":
        monkeypatch.setattr(box, "bubblewrap", lambda: dataclasses.replace(real, options=real.options - {"--overlay"}))
    elif not probe.overlays(real):
        pytest.skip("no overlay works here")
    return request.param


@pytest.fixture
def tree(tmp_path) -> Path:
    """A small host tree, and beside it a file that must stay out of reach."""
    root = tmp_path / "tree"
    (root / "pkg" / "deep").mkdir(parents=True)
    (root / "pkg" / "a.py").write_text("A = 1\n")
    (root / "pkg" / "deep" / "b.py").write_text("B = 2\n")
    (root / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("pkg/a.py")
    (root / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "secret").write_text("swordfish")
    return root


def state(root: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    for above, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(above, name)
            info = path.lstat()
            data = path.read_bytes() if stat.S_ISREG(info.st_mode) else b""
            found[str(path.relative_to(root))] = (info.st_mode, data)
    return found


def within(tree: Path, act, files=None, **limits):
    async def inside():
        async with open_sandbox(files or {}, tree=tree, **limits) as sandbox:
            return await act(sandbox)

    return asyncio.run(inside())


def test_the_tree_is_there_with_files_over_it(way, tree):
    async def act(sandbox):
        shown = await sandbox.run("cat pkg/a.py pkg/deep/b.py new; ./run.sh; cat link; cat out", timeout_s=20)
        return shown.output, sandbox.listing(), sandbox.get("pkg/a.py"), sandbox.get("link"), sandbox.get("out")

    output, listing, a, link, out = within(tree, act, {"new": "N\n", "pkg/deep/b.py": "B = 3\n"})
    assert output.startswith("A = 1\nB = 3\nN\nran\nA = 1\n")
    assert "swordfish" not in output
    assert set(listing) == {"pkg/a.py", "pkg/deep/b.py", "run.sh", "new"}
    assert (a, link, out) == (b"A = 1\n", None, None)


def test_the_host_and_the_sandbox_see_the_same_whatever_is_done(way, tree):
    before = state(tree)

    async def act(sandbox):
        await sandbox.run(
            "echo x >> pkg/a.py; rm -r pkg/deep; mkdir pkg/deep; echo n > pkg/deep/n; rm run.sh; mv pkg moved; "
            "ln moved/a.py hard; ln -sf /etc/passwd link; mkdir run.sh; echo y > run.sh/y; chmod 600 hard",
            timeout_s=20,
        )
        inside = await sandbox.run("find . -type f | sort | xargs sha256sum | sed 's|\\./||'", timeout_s=20)
        return inside.output, sandbox.listing(), sandbox.get("pkg/a.py"), sandbox.get("link"), sandbox.get("moved/a.py")

    output, listing, gone, link, moved = within(tree, act)
    seen = {line.split("  ")[1]: line.split("  ")[0] for line in output.splitlines()}
    assert listing == seen
    assert set(seen) == {"hard", "moved/a.py", "moved/deep/n", "run.sh/y"}
    assert (gone, link, moved) == (None, None, b"A = 1\nx\n")
    assert state(tree) == before


def test_the_host_sees_modes_and_links_and_follows_none(way, tree):
    async def act(sandbox):
        begun = sandbox.kinds()
        script = (
            "chmod +x pkg/a.py; chmod 644 run.sh; ln -sfn /etc link; rm out; ln -s pkg new; mkfifo pipe; rm -r pkg/deep"
        )
        done = await sandbox.run(f"{script}; ln -s ../x pkg/deep", timeout_s=20)
        assert done.returncode == 0, done.output
        return begun, sandbox.kinds()

    begun, ended = within(tree, act)
    plain, executable = Kind(), Kind(executable=True)
    assert begun == {
        **{"pkg/a.py": plain, "pkg/deep/b.py": plain, "run.sh": executable},
        **{"link": Kind(target="pkg/a.py"), "out": Kind(target=str(tree.parent / "secret"))},
    }
    assert ended == {
        **{"pkg/a.py": executable, "run.sh": plain, "link": Kind(target="/etc")},
        **{"new": Kind(target="pkg"), "pkg/deep": Kind(target="../x")},
    }


def test_removed_and_opaque_are_seen_by_the_host(way, tree):
    async def act(sandbox):
        await sandbox.run("rm pkg/a.py; rm -r pkg/deep; mkdir pkg/deep", timeout_s=20)
        return sandbox.get("pkg/a.py"), sandbox.get("pkg/deep/b.py"), sandbox.listing()

    a, b, listing = within(tree, act)
    assert (a, b) == (None, None)
    assert set(listing) == {"run.sh"}


def test_put_after_a_removal_and_in_place_of_what_is_there(way, tree, tmp_path):
    async def act(sandbox):
        await sandbox.run("rm -r pkg; rm run.sh; mkdir run.sh; echo x > run.sh/x; ln -s / root", timeout_s=20)
        sandbox.put("pkg/deep/new.py", "N = 1\n")  # where a whole folder was removed: the old files stay gone
        sandbox.put("run.sh", "plain")  # over a folder
        sandbox.put("root/etc/x", "mine")  # over a link that leads out
        shown = await sandbox.run("find . -type f | sort | xargs cat; ls pkg/deep", timeout_s=20)
        return shown.output, set(sandbox.listing())

    output, listing = within(tree, act)
    assert output == "N = 1\nmineplainnew.py\n"
    assert listing == {"pkg/deep/new.py", "run.sh", "root/etc/x"}
    assert not Path("/etc/x").exists()


def test_put_keeps_the_mode_of_a_folder(way, tree):
    (tree / "pkg").chmod(0o750)

    async def act(sandbox):
        sandbox.put("pkg/c.py", "")
        return (await sandbox.run("stat -c %a pkg", timeout_s=20)).output

    assert within(tree, act) == "750\n"


def test_the_tree_does_not_count_and_what_is_added_does(way, tree):
    (tree / "big").write_bytes(os.urandom(9 << 20))

    async def act(sandbox):
        fine = await sandbox.run("stat -c %s big; head -c 1000000 /dev/zero > small", timeout_s=20)
        full = await sandbox.run("for i in $(seq 9); do head -c 1000000 /dev/zero > f$i; done", timeout_s=20)
        return fine, full, await sandbox.run("echo more", timeout_s=20)

    fine, full, after = within(tree, act, file_mb=2)
    assert (fine.returncode, fine.output) == (0, "9437184\n")
    assert "workspace over 8 MB" in full.output
    assert after.returncode == 1


def test_removing_much_of_a_tree_is_no_excess(way, tree, monkeypatch):
    (tree / "many").mkdir()
    for number in range(60):
        (tree / "many" / str(number)).write_text("")
    monkeypatch.setattr(workspace, "MAX_ENTRIES", 30)

    async def act(sandbox):
        removed = await sandbox.run("rm many/[1-5]*; rm pkg/a.py; ls many | wc -l", timeout_s=20)
        again = await sandbox.run("echo on", timeout_s=20)
        added = await sandbox.run("rm -r many; mkdir new; for i in $(seq 150); do : > new/$i; done", timeout_s=20)
        return removed.output, again.output, added.output

    removed, again, added = within(tree, act)
    assert (removed, again) == ("5\n", "on\n")
    assert "workspace over 30 files" in added


def test_commands_in_one_sandbox_are_all_answered(way, tree):
    async def act(sandbox):
        results = await asyncio.gather(*(sandbox.run(f"echo {i} > n{i}; cat pkg/a.py", timeout_s=30) for i in range(6)))
        return [r.output for r in results], [sandbox.get(f"n{i}") for i in range(6)]

    assert within(tree, act) == (["A = 1\n"] * 6, [b"%d\n" % i for i in range(6)])


def test_many_sandboxes_on_one_tree_are_apart(way, tree):
    async def one(i):
        async with open_sandbox({}, tree=tree) as sandbox:
            await sandbox.run(f"echo {i} > pkg/a.py; sleep 0.1", timeout_s=30)
            return (await sandbox.run("cat pkg/a.py", timeout_s=30)).output

    async def all_of_them():
        return await asyncio.gather(*(one(i) for i in range(6)))

    assert asyncio.run(all_of_them()) == [f"{i}\n" for i in range(6)]


@needs_overlay
def test_a_tree_that_is_not_all_ours_is_copied(tree, monkeypatch):
    monkeypatch.setattr(overlay, "can_lie_below", lambda *_: False)

    async def act(sandbox):
        return (await sandbox.run("grep -c ' /work overlay' /proc/mounts; cat pkg/a.py", timeout_s=20)).output

    assert within(tree, act) == "0\nA = 1\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_ownership_decides(tree):
    bwrap = probe.bubblewrap().path
    assert overlay.can_lie_below(tree, bwrap, workspace.base())
    other = tree.parent / "other"
    copy(tree, other, ours=False)
    os.chown(other / "pkg" / "a.py", 12345, -1)
    assert not overlay.can_lie_below(other, bwrap, workspace.base())

    async def act(sandbox):
        return (await sandbox.run("echo z >> pkg/a.py && cat pkg/a.py", timeout_s=20)).output

    assert within(other, act) == "A = 1\nz\n"


CRAFT = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for name, act in {
    "whiteout": lambda: os.mknod("white", 0o020000, 0),
    "opaque": lambda: os.setxattr("pkg", "user.overlay.opaque", b"y"),
    "redirect": lambda: os.setxattr("pkg", "user.overlay.redirect", b"/../../../../etc"),
    "metacopy": lambda: os.setxattr("run.sh", "user.overlay.metacopy", b""),
    "trusted": lambda: os.setxattr("pkg", "trusted.overlay.opaque", b"y"),
    "device": lambda: os.mknod("disk", 0o060660, os.makedev(8, 0)),
    "remount": lambda: libc.mount(b"none", b"/work", b"overlay", 32, b"redirect_dir=on") and 1 / 0,
}.items():
    try:
        act()
        print(name, "made")
    except (OSError, ZeroDivisionError):
        print(name, "refused")
"""


@needs_overlay
def test_what_an_overlay_is_made_of_cannot_be_forged_from_inside(tree):
    async def act(sandbox):
        said = await sandbox.run('python -c "$CODE"', timeout_s=20, env={"CODE": CRAFT})
        again = await sandbox.run("cat pkg/a.py pkg/deep/b.py run.sh", timeout_s=20)
        upper = sandbox._home.space.root
        marks = {
            path.name: [
                n for n in os.listxattr(path) if n in ("user.overlay.redirect", "user.overlay.metacopy", OPAQUE)
            ]
            for path in upper.rglob("*")
        }
        return said.output, again.output, sandbox.get("pkg/a.py"), marks

    said, again, a, marks = within(tree, act)
    answers = dict(line.split() for line in said.splitlines())
    assert {answers[name] for name in ("whiteout", "trusted", "device", "remount")} == {"refused"}
    assert again == "A = 1\nB = 2\n#!/bin/sh\necho ran\n"
    assert a == b"A = 1\n"
    assert not any(marks.values()), marks


@needs_overlay
def test_a_crafted_upper_makes_the_host_read_nothing_else(tree, tmp_path):
    """Even if all of it could be forged: reading gives the upper's own files or the tree's, or nothing."""
    upper = tmp_path / "upper"
    upper.mkdir()
    (upper / "pkg").mkdir()
    os.setxattr(upper / "pkg", "user.overlay.redirect", b"/../secret")
    (upper / "moved").mkdir()
    os.setxattr(upper / "moved", "user.overlay.redirect", str(tmp_path).encode())
    (upper / "run.sh").write_text("")
    os.setxattr(upper / "run.sh", "user.overlay.metacopy", b"")
    os.setxattr(upper / "run.sh", "user.overlay.redirect", str(tmp_path / "secret").encode())
    (upper / "dir").symlink_to(tmp_path)
    (upper / "file").symlink_to(tmp_path / "secret")
    os.mkfifo(upper / "pipe")
    space = Workspace(upper, lower=tree, file_bytes=1 << 20, total_bytes=1 << 20)
    assert space.read("pkg/a.py") == b"A = 1\n"
    assert [space.read(p) for p in ("moved/secret", "dir/secret", "file", "pipe", "out", "pkg/../../secret")] == [
        None
    ] * 6
    assert space.read("run.sh") == b""
    assert set(space.listing()) == {"pkg/a.py", "pkg/deep/b.py", "run.sh"}
    if os.getuid() == 0:
        os.mknod(upper / "whole", 0o060600, os.makedev(7, 0))
        assert space.read("whole") is None
        (upper / "shut").mkdir()
        os.setxattr(upper / "pkg", "trusted.overlay.opaque", b"y")
        assert space.read("pkg/a.py") is None


@pytest.mark.parametrize("make", ["absent", "file", "link"])
def test_a_tree_that_is_no_folder_is_a_users_error(tmp_path, make):
    place = tmp_path / "x"
    if make == "file":
        place.write_text("")
    elif make == "link":
        place.symlink_to("/")

    async def act(sandbox):
        raise AssertionError

    with pytest.raises(UserError, match="not a folder"):
        within(place, act)


def test_a_tree_whose_name_is_odd(way, tree):
    """A mount's options are text: a colon, a comma or a backslash in a path must not end one."""
    odd = tree.parent / "a:b,c\\d =e\nf"
    tree.rename(odd)

    async def act(sandbox):
        return (await sandbox.run("cat pkg/a.py; echo new > pkg/a.py; cat pkg/a.py", timeout_s=20)).output

    assert within(odd, act) == "A = 1\nnew\n"


def test_a_tree_on_another_file_system(way, tree):
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK) or shared.stat().st_dev == tree.stat().st_dev:
        pytest.skip("there is no other file system to write to")
    with tempfile.TemporaryDirectory(dir=shared) as name:
        copy(tree, Path(name, "tree"), ours=False)

        async def act(sandbox):
            await sandbox.run("echo more >> pkg/a.py; rm run.sh", timeout_s=20)
            return (await sandbox.run("cat pkg/a.py; ls", timeout_s=20)).output, sandbox.get("pkg/a.py")

        assert within(Path(name, "tree"), act) == ("A = 1\nmore\nlink\nout\npkg\n", b"A = 1\nmore\n")


def test_a_tree_that_holds_the_workspaces_is_refused(way):
    async def act(sandbox):
        raise AssertionError

    with pytest.raises(UserError, match="holds the workspaces"):
        within(workspace.base().parent, act)


def test_attributes_that_fill_the_workspace_stop_nothing(way, tree):
    """No room for an overlay's own marks, on the root, a folder and a file: the candidate's trouble, with results."""
    code = "import os\nfor p in ('.', 'pkg', 'run.sh'):\n    try:\n        for i in range(99): os.setxattr(p, f'user.x{i}', b'y' * 900)\n    except OSError: pass"

    async def act(sandbox):
        await sandbox.run('python -c "$CODE"', timeout_s=20, env={"CODE": code})
        seen = await sandbox.run("cat pkg/a.py; rm -r pkg/deep; mkdir pkg/deep; echo on", timeout_s=20)
        sandbox.put("pkg/deep/b.py", "put")
        snapshot = await sandbox.snapshot()
        await sandbox.reset(snapshot)
        return (
            seen.output.splitlines()[-1],
            sandbox.get("pkg/deep/b.py"),
            (await sandbox.run("echo fine", timeout_s=20)).output,
        )

    assert within(tree, act) == ("on", b"put", "fine\n")


def test_folders_seen_apart(way, tree):
    """Two folders of the workspace at places of their own, with a tree too; nested ones could lead a mount out."""

    async def act(binds, command):
        async with open_sandbox({"new/x": "1"}, tree=tree, binds=binds) as sandbox:
            result = await sandbox.run(command, timeout_s=20)
            return result.output, sandbox.get("pkg/y"), set(sandbox.listing())

    apart = asyncio.run(
        act({"/work": "pkg", "/new": "new", "/same": "pkg"}, "cat a.py; ls /new; echo y > /same/y; cat y")
    )
    assert apart[:2] == ("A = 1\nx\ny\n", b"y\n")
    assert {"pkg/y", "new/x", "run.sh"} <= apart[2]
    for nested in ({"/work": "", "/new": "new"}, {"/work": "pkg", "/deep": "pkg/deep"}):
        with pytest.raises(ValueError, match="must not contain each other"):
            asyncio.run(act(nested, "true"))
    assert asyncio.run(act({"/work": "package", "/new": "pack"}, "ls"))[0] == ""


def test_a_copy_keeps_what_a_tree_is(tree, tmp_path):
    os.link(tree / "pkg" / "a.py", tree / "same.py")
    os.mkfifo(tree / "pipe")
    (tree / "suid").write_text("x")
    (tree / "suid").chmod(0o4755)
    os.utime(tree / "run.sh", ns=(1_000_000_000, 1_000_000_000))
    size = copy(tree, tmp_path / "copy", ours=False)
    made = tmp_path / "copy"
    want = state(tree)
    want["suid"] = (want["suid"][0] & ~0o4000, b"x")
    assert state(made) == want
    assert (made / "same.py").stat().st_ino == (made / "pkg" / "a.py").stat().st_ino
    assert (made / "run.sh").stat().st_mtime_ns == 1_000_000_000
    assert (size.entries, size.depth) == (len(want), 2)
    copied = Workspace(made, file_bytes=1, total_bytes=0, copied=size)
    assert copied.over() == ""  # what was copied is exactly what does not count
    (made / "more").write_text("x")
    assert copied.over() == "over 0 MB"
    subprocess.run(["diff", "-r", "--no-dereference", tree / "pkg", made / "pkg"], check=True)
