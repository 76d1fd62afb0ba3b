"""Ctrl-C and SIGTERM, once and twice, in every verb that works for long: real commands, real signals, amid a sandbox.

Once: exit status 130, one sentence with the command to go on, and nothing left: no process, no temporary file.
Twice: it ends at once, and no process of a sandbox outlives it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.cli.stopping import _masked
from assay.ledger import Ledger
from tests.e2e.test_solve import WRONG, repairs, write_tasks
from tests.models.openai_server import bash, said, serving
from tests.tasks.seeding.purse import PURSE, TESTS, make

LONG = 4321
HANGS = f"import time\n\ntime.sleep({LONG})\n"
PATIENCE_S = 120


def children(of: int) -> dict[int, tuple[str, str]]:
    """Return all descendants of a process: pid to name and start."""
    every: dict[int, tuple[int, str, str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
            if rest[0] != "Z":
                every[int(entry.name)] = (int(rest[1]), name, rest[19])
    found: dict[int, tuple[str, str]] = {}
    parents = {of}
    while parents:
        below = {pid for pid, (parent, _, _) in every.items() if parent in parents and pid not in found}
        found |= {pid: every[pid][1:] for pid in below}
        parents = below
    return found


def until(condition, what: str):
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


def hanging(process: subprocess.Popen) -> dict[int, tuple[str, str]]:
    """Return the descendants once a sandbox among them has stood for a while."""
    seen: dict[tuple[int, str], float] = {}

    def found():
        assert process.poll() is None, process.communicate()
        now = children(process.pid)
        for pid, (name, start) in now.items():
            if name == "bwrap" and time.monotonic() - seen.setdefault((pid, start), time.monotonic()) > 1.5:
                return now
        return None

    return until(found, "no sandbox was ever opened")


def alive(pids: dict[int, tuple[str, str]]) -> list[tuple[int, str]]:
    left = []
    for pid, (name, start) in pids.items():
        try:
            rest = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        fields = rest[rest.rindex(")") + 2 :].split()
        if fields[19] == start and fields[0] != "Z":
            left.append((pid, name))
    return left


@pytest.fixture
def words(request, tmp_path):
    """Yield the words of a verb that hangs in a sandbox."""
    verb = request.param
    tasks = tmp_path / "tasks"
    if verb == "solve":
        write_tasks(tasks, 2)
        with serving(lambda messages: repairs(messages) if said(messages) else bash(f"sleep {LONG}")) as server:
            yield ["solve", "--tasks", tasks, "--model", f"openai:{server.url}#tiny", "--out", tmp_path / "out"]
    elif verb == "grade samples":
        problem = {"task_id": "T/0", "prompt": "def f():\n", "entry_point": "f", "test": "def check(f):\n    f()\n"}
        problem["canonical_solution"] = "    return 1\n"
        (tmp_path / "problems.jsonl").write_text(json.dumps(problem))
        sample = {"task_id": "T/0", "completion": f"    import time\n    time.sleep({LONG})\n"}
        (tmp_path / "samples.jsonl").write_text("\n".join(json.dumps(sample) for _ in range(60)))
        yield ["grade", tmp_path / "problems.jsonl", tmp_path / "samples.jsonl"]
    elif verb == "grade predictions":
        write_tasks(tasks, 2)
        patch = (
            "diff --git a/pkg/mod.py b/pkg/mod.py\n--- a/pkg/mod.py\n+++ b/pkg/mod.py\n@@ -1,2 +1,3 @@\n"
            f" def total_0(a, b):\n-    {WRONG}\n+    import time\n+    time.sleep({LONG})\n"
        )
        given = [{"instance_id": "sum-0", "model_name_or_path": "m", "model_patch": patch}]
        (tmp_path / "preds.json").write_text(json.dumps(given))
        yield ["grade", "--predictions", tmp_path / "preds.json", "--dataset", tasks]
    elif verb == "tasks check":
        write_tasks(tasks, 2)
        for file in tasks.rglob("solution/pkg/mod.py"):
            file.write_text(HANGS)
        yield ["tasks", "check", tasks]
    else:
        hangs = "import threading\n\n\ndef test_hangs():\n    threading.Event().wait()\n"
        place = make(tmp_path / "purse", {"purse/__init__.py": PURSE, "tests/test_purse.py": TESTS + "\n\n" + hangs})
        yield ["tasks", "seed", place, "--out", tmp_path / "seeded"]


OTHERS = ["grade samples", "grade predictions", "tasks check", "tasks seed"]
VERBS = ["solve", *(pytest.param(verb, marks=pytest.mark.slow) for verb in OTHERS)]


def begin(words, tmp_path) -> subprocess.Popen:
    (tmp_path / "scratch").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "assay", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ASSAY_TMP": str(tmp_path / "scratch"), "TMPDIR": str(tmp_path / "scratch")},
    )


@pytest.mark.parametrize("words", VERBS, indirect=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_it_ends_tidily_and_says_how_to_go_on(words, number, tmp_path):
    process = begin(words, tmp_path)
    below = hanging(process)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, err
    last = err.splitlines()[-1]
    assert last.startswith("stopped; ")
    assert " -m assay " + " ".join(map(str, words[:2])) in last
    assert "Traceback" not in err
    assert alive(below) == []
    assert list((tmp_path / "scratch").iterdir()) == []
    assert not list(tmp_path.glob("*.part"))
    if words[0] == "solve":
        with Ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
            assert len(ledger.planned()) == 2
            assert ledger.finished() == set()
            assert [event.kind for event in ledger.events()][-1] == "interrupted"


@pytest.mark.parametrize("words", VERBS, indirect=True)
def test_twice_it_ends_at_once_and_leaves_no_sandbox(words, tmp_path):
    process = begin(words, tmp_path)
    below = hanging(process)
    assert any(name == "bwrap" for name, _ in below.values())
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    until(lambda: not alive(below), f"left: {alive(below)}")


def test_a_password_in_a_url_is_not_repeated():
    assert _masked("openai:https://me:secret@host:1/v1#m") == "openai:https://me:***@host:1/v1#m"
    for word in ("openai:https://host:1/v1#m", "a@b", "http", "--out=runs/http@x"):
        assert _masked(word) == word
