"""What a workspace over a tree has changed, as its overlay tells."""

import asyncio
from pathlib import Path

import pytest

from assay.sandbox import box, forking, open_sandbox
from assay.sandbox.probe import bubblewrap
from assay.sandbox.touched import touched

COMMANDS = {
    "echo more >> a/kept": {"a/kept"},
    "rm a/kept": {"a/kept"},
    "rm -r a": {"a/kept", "a/deep/one", "a/link"},
    "rm -r a; mkdir a; echo 1 > a/new": {"a/kept", "a/deep/one", "a/link", "a/new"},
    "rm -r a; echo 1 > a": {"a", "a/kept", "a/deep/one", "a/link"},
    "rm top; mkdir -p top/below; echo 1 > top/below/it": {"top", "top/below/it"},
    "ln -sfn /etc a/link": {"a/link"},
    "rm a/link; mkdir a/link; echo 1 > a/link/one": {"a/link", "a/link/one"},
    "mkdir empty; mkfifo a/pipe": {"a/pipe"},
    "cat top a/kept > /dev/null; mkdir -p a/deep": set(),
}


@pytest.fixture
def tree(tmp_path) -> Path:
    for path in ("top", "a/kept", "a/deep/one"):
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_text("old\n")
    (tmp_path / "tree/a/link").symlink_to("deep")
    return tmp_path / "tree"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_path_that_a_command_changed_is_told(command, tree):
    if not box.overlays(bubblewrap()) or not forking.usable(tree):
        pytest.skip("no overlay lies over a tree here")

    async def run() -> set[str]:
        async with open_sandbox({}, tree=tree) as sandbox:
            done = await sandbox.run(command, timeout_s=20)
            assert done.returncode == 0, done.output
            return touched(sandbox.root, tree)

    assert asyncio.run(run()) == COMMANDS[command]


def test_folders_without_end_are_refused(tmp_path):
    deep = tmp_path / "upper"
    deep.joinpath(*["x"] * 70).mkdir(parents=True)
    (tmp_path / "lower").mkdir()
    with pytest.raises(OSError, match="nested over"):
        touched(deep, tmp_path / "lower")
