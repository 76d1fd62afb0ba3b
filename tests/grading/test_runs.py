"""`run_program`: the warm path where it works, the cold one where it does not, and no difference in the verdict."""

# ruff: noqa: E501

import asyncio
import marshal

import pytest

from assay.errors import MachineryError
from assay.grading import runs
from assay.grading.channel import START, capacity, message, new_nonce, parse
from assay.grading.functions.grader import grade_batch
from assay.nouns import Limits, Reason
from assay.sandbox.warm import pool as warm

LIMITS = Limits(memory_mb=200, processes=20, file_mb=2)


def code(source: str):
    return compile(START + source, "<test>", "exec")


def run(source: str, **more):
    nonce = new_nonce()
    bounds = {"limits": LIMITS, "timeout_s": 5.0, "capacity": capacity(1000, 3), **more}
    ended = asyncio.run(runs.run_program(message(code(source), {"word": "given"}, nonce), **bounds))
    return ended, parse(ended.stdout, nonce, ["a", "b"], truncated=ended.truncated)


@pytest.fixture
def counted(monkeypatch):
    """Count what came of each run on the warm path: "warm", or "lost" where the cold one had to take over."""
    seen = []
    real = warm.run

    async def watched(*args, **named):
        ended = await real(*args, **named)
        seen.append("lost" if ended is None else "warm")
        return ended

    monkeypatch.setattr(warm, "run", watched)
    return seen


def test_a_program_answers_on_the_warm_path(counted):
    source = "send('a', '\"' + request['word'] + '\"')\nsend('b', str(len(open('/work/x/y.py').read())))"
    ended, heard = run(source, files={"x/y.py": b"12345"})
    assert (heard.ready, heard.problems, heard.payloads) == (True, [], {"a": "given", "b": 5})
    assert ended.returncode == 0
    assert counted == ["warm"]


def test_and_on_the_cold_path(cold):
    ended, heard = run("send('a', str(len(open('/work/x').read())))", files={"x": b"12345"})
    assert (heard.ready, heard.payloads, ended.returncode) == (True, {"a": 5}, 0)


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("import os\nos.fork() or os._exit(1)\nos._exit(4)", ("warm", 4, False)),
        ("import time; time.sleep(60)", ("warm", None, True)),
        ("while True: write(b'x' * 60000)", ("warm", 137, False)),
        # Killed by the kernel for its memory, perhaps along with the server: the cold path judges it, as its own doing.
        ("import os\nfor _ in range(12): os.fork()\nx = bytearray(60 << 20)\nimport time; time.sleep(9)", None),
    ],
)
def test_what_a_candidate_does_is_a_result_whatever_path_it_takes(counted, source, outcome):
    ended, heard = run(source, timeout_s=1.5)
    assert heard.ready
    if outcome:
        assert (counted[0], ended.returncode, ended.timed_out) == outcome


def test_a_lost_server_is_neither_seen_nor_judged(counted):
    """The program runs again, alone in a cold sandbox, and its answer counts."""

    async def inside():
        nonce = new_nonce()
        text = message(code("import time; time.sleep(1)\nsend('a', '1')"), {}, nonce)
        task = asyncio.create_task(runs.run_program(text, limits=LIMITS, timeout_s=20.0, capacity=5000))
        await asyncio.sleep(0.8)
        for server in list(warm._pool().all):
            server.kill()
        return parse((await task).stdout, nonce, ["a"])

    assert asyncio.run(inside()).payloads == {"a": 1}
    assert counted == ["lost"]


def test_a_program_that_never_greets_is_machinery_on_both_paths(monkeypatch, no_servers):
    monkeypatch.setattr("assay.grading.runs._START_S", 0.5)
    monkeypatch.setattr("assay.sandbox.warm.job.START_S", 0.5)
    silent = compile("import time; time.sleep(60)", "<test>", "exec")
    with pytest.raises(MachineryError, match="did not start"):
        asyncio.run(runs.run_program(message(silent, {}, "n"), limits=LIMITS, timeout_s=0.2, capacity=100))


def test_paths_that_leave_the_workspace_are_refused():
    for path in ("../x", "/etc/passwd", "a//b", "a/./b", ""):
        with pytest.raises(ValueError, match="plain relative"):
            run("", files={path: b""})


def test_the_parts_of_a_message_are_the_message():
    """The parts that go to a fork server which has the program already are those of the whole that goes elsewhere."""
    made = message(code("send('a', '1')"), {"word": "x"}, "n" * 16)
    read, request = marshal.loads(made)
    assert read == made.code
    assert request == marshal.loads(made.request)


CANDIDATES = [
    "def clamp(x, low, high):\n    return max(low, min(x, high))\n",
    "def clamp(x, low, high):\n    return x\n",
    "import sys; sys.exit(0)\n",
    "def clamp(x, low, high):\n    return {max(low, min(x, high))}.pop()\n",
    "def clamp(x, low, high):\n    raise KeyError(x)\n",
    "import threading\ndef clamp(x, low, high):\n    out = []\n    t = threading.Thread(target=lambda: out.append(max(low, min(x, high))))\n    t.start(); t.join()\n    return out[0]\n",
    "def clamp(x, low, high):\n    print(x)\n    open('/tmp/' + str(x), 'w').write('y')\n    return max(low, min(x, high))\n",
    "class N(int):\n    def __eq__(self, other): return True\ndef clamp(x, low, high):\n    return N(3)\n",
    "import os\nos.write(1, b'PASSED')\ndef clamp(x, low, high): os._exit(0)\n",
    "syntax error(",
]


def test_verdicts_are_the_same_on_both_paths(make_task, monkeypatch, counted):
    pairs = [(make_task(), {"mod.py": source}) for source in CANDIDATES]
    kept = asyncio.run(grade_batch(pairs))
    assert counted == ["warm"] * len(CANDIDATES)

    async def nowhere(*args, **named):
        return None

    monkeypatch.setattr(warm, "run", nowhere)
    assert kept == asyncio.run(grade_batch(pairs))
    assert [verdict.reason for verdict in kept][:3] == [Reason.PASSED, Reason.WRONG, Reason.CRASHED]


def test_a_candidate_that_kills_whatever_it_can_reach_spoils_no_other(make_task, gold):
    killer = (
        "import os, signal\n"
        "for pid in (-1, 0, 1, os.getppid(), 2, 3):\n"
        "    try: os.kill(pid, signal.SIGKILL)\n"
        "    except OSError: pass\n" + gold
    )
    hungry = "hold = []\nwhile True: hold.append(bytearray(10 << 20))\n"
    sources = [gold, killer, hungry, gold, killer, gold]
    verdicts = asyncio.run(grade_batch([(make_task(), {"mod.py": source}) for source in sources]))
    assert [verdict.value for verdict in verdicts] == [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]


def test_a_candidate_sees_its_declared_outputs_and_the_task_s_other_files(make_task):
    task = make_task().model_copy(
        update={"files": {"mod.py": "old", "data/a.txt": "a", "b": "b"}, "outputs": ("mod.py", "**/*.py")}
    )
    assert runs.laid_out(task, {"mod.py": "new", "x.txt": "no"}) == {"mod.py": b"new", "data/a.txt": b"a", "b": b"b"}
    # A file of the one that is a folder of the other: the candidate's stays.
    assert runs.laid_out(task, {"mod.py": "new", "b/c.py": "c"}).keys() == {"mod.py", "data/a.txt", "b/c.py"}
