"""Rounds of the kind `tests` as children of a fork server: shut in, apart from each other, and never the last word."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from assay.grading import grade
from assay.grading.suites import suite_forked, suite_run, suite_servers
from assay.grading.suites.grader import prepare
from assay.nouns import GraderSpec, Reason, Task
from assay.sandbox import forking, trees
from tests.grading.suite_repositories import BUG, FILE, GOLD, PYTEST, make_task, pytest_task, unittest_task

MODULE = "toy/mod.py"
TASKS = {"pytest": pytest_task, "unittest": unittest_task}
# Runs as the candidate is imported, in every round: leaves marks wherever it can, and fails where it finds one.
SEARCH = """
import ctypes, glob, json, os, socket

PLACES = ["/tmp/mark", "/dev/shm/mark", "/work/mark", "/work/toy/mark"]
found = [place for place in PLACES if os.path.exists(place)]
for place in PLACES:
    open(place, "w").close()
libc = ctypes.CDLL(None, use_errno=True)
if libc.shmget(0xA55A, 64, 0) >= 0:
    found.append("shared memory")
libc.shmget(0xA55A, 64, 0o1600)
try:
    end = socket.socket(socket.AF_UNIX)
    end.bind("\\0assay-mark")
    os.set_inheritable(end.fileno(), True)
    server = socket.create_server(("127.0.0.1", 4711))
except OSError as error:
    found.append("a socket: %s" % error)
status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
if any(int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")):
    found.append("capabilities")
if status["NoNewPrivs"].strip() != "1" or status["Seccomp"].strip() not in SECCOMP:
    found.append("no filter")
if sum(name.isdigit() for name in os.listdir("/proc")) > 2:
    found.append("other processes")
for place in ("/proc/1/mem", "/proc/1/environ", "/proc/1/fd/0", "/proc/1/cwd"):
    try:
        os.readlink(place) if place.endswith(("0", "cwd")) else open(place, "rb").read(1)
        found.append(place)
    except OSError:
        pass
for number in range(256):
    try:
        kind = os.readlink("/proc/self/fd/%d" % number)
    except OSError:
        continue
    if kind.startswith("socket:") and number not in (end.fileno(), server.fileno()):
        found.append("an inherited socket")
    if "memfd" in kind:
        found.append("an inherited request")
if any(line.split()[1].endswith("s") and "w" in line.split()[1] for line in open("/proc/self/maps")):
    found.append("shared pages")
if libc.unshare(0x10000000) == 0 or libc.umount2(b"/tmp", 2) == 0 or libc.mount(b"x", b"/tmp", b"tmpfs", 0, None) == 0:
    found.append("mounts")
for place in ("/mark", "/opt/mark", "/opt/assay/suite/mark", "/dev/mark", "/etc/mark"):
    try:
        open(place, "w").close()
        found.append(place)
    except OSError:
        pass
if found:
    raise AssertionError(found)
"""


@pytest.fixture(autouse=True)
def _apart(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path_factory.mktemp("cache")))
    suite_servers.close()
    yield
    suite_servers.close()


@pytest.fixture
def no_other_way(monkeypatch):
    """Rounds that do not run as children of a server fail the test."""

    async def refused(*args):
        raise AssertionError("the rounds ran in sandboxes of their own")

    monkeypatch.setattr(suite_run, "side_by_side", refused)


def prepared(task: Task) -> Task:
    return asyncio.run(prepare(task))


def judge(task: Task, text: str):
    return asyncio.run(grade(task, {MODULE: text}))


@pytest.mark.parametrize("runner", TASKS)
def test_one_server_serves_every_grading_of_a_task(runner, no_other_way):
    task = prepared(TASKS[runner]())
    assert "preload" in task.grader.data
    servers = set()
    for text, value in ((GOLD, 1.0), (GOLD, 1.0), (BUG, 0.0), (GOLD, 1.0)):
        assert judge(task, text).value == value
        servers |= {id(server) for _, server in suite_servers._idle}
    assert len(servers) == 1
    suite_servers.close()
    assert forking.processor_s() == 0.0


def test_no_round_finds_anything_of_another_or_of_the_server(no_other_way):
    filtered = ("2",) if forking.rules() else ("0",)
    task = prepared(pytest_task(rounds=4))
    search = SEARCH.replace("SECCOMP", repr(filtered))
    for _ in range(2):
        verdict = judge(task, GOLD + search)
        assert verdict.value == 1.0, verdict
    kept = json.dumps(search)  # the search itself can fail
    assert judge(task, GOLD + f"\nexec({kept})\nexec({kept})").value == 0.0


def test_a_tree_lies_below_each_round_and_stays_as_it_was(no_other_way):
    files = {MODULE: BUG, "toy/__init__.py": "", "setup.cfg": "", "conftest.py": "", "toy/old.py": "X = 1\n"}

    def build(folder: Path) -> None:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)

    tree = trees.prepare("toy-tree", build)
    source = pytest_task()
    data = {**source.grader.data, "tree": "/repo", "workdir": "/testbed"}
    tests = PYTEST.replace("import pytest", "import os\nimport pytest\nassert os.getcwd() == '/testbed'", 1)
    data["files"] = {FILE: tests + "\n\ndef test_old():\n    assert not os.path.exists('toy/old.py')\n"}
    data["fail_to_pass"] = [*data["fail_to_pass"], f"{FILE}::test_old"]
    old, new = "max(low, max(x, high))", "max(low, min(x, high))"
    line = 1 + BUG[: BUG.index(old)].count("\n")
    patch = (
        f"--- a/{MODULE}\n+++ b/{MODULE}\n@@ -{line} +{line} @@\n-    return {old}\n+    return {new}\n"
        "diff --git a/toy/old.py b/toy/old.py\ndeleted file mode 100644\n"
        "--- a/toy/old.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-X = 1\n"
    )
    task = make_task(data, files={}, outputs=("patch.diff",), gold={"patch.diff": patch}, mounts={"/repo": "toy-tree"})
    task = prepared(task)
    assert asyncio.run(grade(task, task.gold)).value == 1.0
    assert asyncio.run(grade(task, {"patch.diff": ""})).value == 0.0
    assert {path: (tree / path).read_text() for path in files} == files


def test_what_hangs_is_a_timeout_and_its_server_ends(no_other_way):
    task = prepared(pytest_task(timeout_s=8.0))
    verdict = judge(task, GOLD + "\nimport time\ntime.sleep(600)\n")
    assert (verdict.value, verdict.reason) == (0.0, Reason.TIMEOUT)
    assert not suite_servers._idle


@pytest.mark.parametrize("fault", ["never starts", "ends before it is asked", "says nothing more", "preloads the tree"])
def test_whatever_goes_wrong_with_a_server_is_no_result(fault, monkeypatch):
    task = prepared(pytest_task())
    suite_servers.close()
    calls = []
    real = suite_run.side_by_side

    async def noted(*args):
        calls.append(args)
        return await real(*args)

    monkeypatch.setattr(suite_run, "side_by_side", noted)
    if fault == "never starts":

        async def silent(self, config, start_s):
            return {}

        monkeypatch.setattr(forking.ForkServer, "greeting", silent)
    elif fault == "ends before it is asked":
        ask = forking.ForkServer.ask

        def gone(self, limits, descriptors):
            self._kill()
            self._process.wait()
            ask(self, limits, descriptors)

        monkeypatch.setattr(forking.ForkServer, "ask", gone)
    elif fault == "says nothing more":
        whole = suite_run.is_whole
        monkeypatch.setattr(suite_run, "is_whole", lambda done, nonce: done.wall_s > 0 and whole(done, nonce))
    else:
        data = {**task.grader.data, "preload": ["toy.mod"]}
        task = task.model_copy(update={"grader": GraderSpec(kind="tests", data=data)})
    assert judge(task, GOLD).value == 1.0
    assert judge(task, BUG).value == 0.0
    assert len(calls) == 2


def test_a_module_that_starts_a_thread_or_leaves_a_mark_is_not_imported_before_the_fork(monkeypatch):
    seen = []
    real = suite_forked.trial

    async def more(task, suite, place, names):
        found = await real(task, suite, place, [*names, "antigravity", "toy.mod", "no_such_module", "zipapp"])
        seen.append(found)
        return found

    monkeypatch.setattr(suite_forked, "trial", more)
    task = prepared(pytest_task())
    assert "zipapp" in seen[0]
    assert not {"antigravity", "toy.mod", "no_such_module"} & set(seen[0])
    assert task.grader.data["preload"] == list(seen[0])


def test_a_child_of_this_process_uses_none_of_its_servers():
    task = prepared(pytest_task())
    assert judge(task, GOLD).value == 1.0
    (key, server), *_ = suite_servers._idle
    pid = os.fork()
    if pid == 0:
        os._exit(3 if not server.is_there() and server.used_s() == 0.0 else 4)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    assert server.is_there()
    assert suite_servers._kept(key) is server
    server.close()
