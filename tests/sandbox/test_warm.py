"""The warm path: a hostile candidate that tries to leave something behind, the next that looks for it, and the host."""

# ruff: noqa: E501

import ast
import asyncio
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import assay
from assay.sandbox import cgroups, open_sandbox, programs
from assay.sandbox.warm import pool as warm

START = "posix.write(1, b'ready\\n')\n"
BOOT = "import marshal, posix\nparts = []\nwhile part := posix.read(0, 1 << 20): parts.append(part)\ncode, request = marshal.loads(b''.join(parts))\nexec(code, {'__name__': 'assay_runner', 'request': request, 'posix': posix})"


@pytest.fixture(autouse=True)
def no_servers():
    """Every test begins and ends without fork servers, and leaves no process."""
    warm.close()
    yield
    warm.close()
    assert ours() == []


def ours() -> list[str]:
    """Return the command lines of this process's bwraps, and of processes below them."""
    found = []
    for place in glob.glob("/proc/[0-9]*"):
        try:
            fields = Path(place, "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and fields[0] != "Z":
                line = Path(place, "cmdline").read_text()
                found += [line] if "bwrap" in line else []
        except OSError:
            continue
    return found


def message(source: str, request=None) -> programs.Message:
    return programs.message(compile(START + source, "<test>", "exec"), request or {})


async def run(
    source: str, *, files=None, kind=None, timeout_s=10.0, capacity=100_000, file_mb=4, request=None, watch=None
):
    return await warm.run(
        message(source, request),
        files=files or {},
        kind=kind or warm.Kind(),
        file_mb=file_mb,
        timeout_s=timeout_s,
        capacity=capacity,
        watch=watch,
    )


def said(ended) -> str:
    assert ended is not None, "the run was lost"
    assert ended.stdout.startswith(b"ready\n"), ended
    return ended.stdout[6:].decode()


def series(*sources: str, **more):
    """Run one source after another on one server."""

    async def inside():
        found = [await run(source, **more) for source in sources]
        return found, len(warm._pool().all)

    return asyncio.run(inside())


def test_it_works_here():
    """On a machine where it does not, `describe` says why; the machines of this project are not among them."""
    assert warm.state() == "warm path on"
    assert "; warm path on; " in warm.describe()


def test_a_program_runs_and_its_end_is_known():
    [ended, *rest], servers = series(
        "posix.write(1, b'hello'); posix.write(2, b'oops'); posix._exit(7)",
        "raise SystemExit(5)",
        "raise ValueError('x')",
        "import os, signal; signal.signal(11, signal.SIG_DFL); os.kill(os.getpid(), 11); print('alive')",
        "print('flushed at the end')\nimport atexit; atexit.register(print, 'and the hooks')",
    )
    assert (ended.returncode, ended.stdout, ended.stderr, ended.timed_out) == (7, b"ready\nhello", b"oops", False)
    assert [end.returncode for end in rest] == [5, 1, 0, 0]
    assert b"ValueError: x" in rest[1].stderr
    assert rest[3].stdout == b"ready\nflushed at the end\nand the hooks\n"
    assert servers == 1


def test_files_lie_in_work_and_nothing_else():
    source = "import os, json\nprint(json.dumps([sorted(f'{d}/{n}' for d, _, names in os.walk('/work') for n in names), os.getcwd(), open('a/b/c.txt').read()]))"
    [ended], _ = series(source, files={"x.py": b"1", "a/b/c.txt": b"deep"})
    assert json.loads(said(ended)) == [["/work/a/b/c.txt", "/work/x.py"], "/work", "deep"]
    with pytest.raises(ValueError, match="plain relative"):
        series(source, files={"../x": b""})


# Everything that a candidate can think of to outlive itself. Each attempt is apart, so that one refused stops no other.
HOSTILE = r"""
import ctypes, os, resource, signal, socket, struct, sys, time, mmap
libc = ctypes.CDLL(None, use_errno=True)
done = []

def attempt(name):
    def call(function):
        try:
            done.append((name, function()))
        except BaseException as error:
            done.append((name, type(error).__name__))
    return call

@attempt("descriptors")
def _():
    found = sorted(int(name) for name in os.listdir("/proc/self/fd"))
    for number in range(3, 1024):
        try: os.write(number, b"forged")
        except OSError: continue
    return found

for place in ("/tmp", "/dev/shm", "/work", "/var/tmp", "/etc", "/", "/dev", "/usr", "/proc", "/opt"):
    @attempt("file " + place)
    def _():
        os.makedirs(place + "/left/deep")
        with open(place + "/left/deep/trace", "w") as file: file.write("swordfish")
        os.symlink("/proc/1/root", place + "/left/link")
        os.mkfifo(place + "/left/fifo")

@attempt("system V")
def _():
    return [libc.shmget(0x1234, 4096, 0o1666), libc.semget(0x1234, 1, 0o1666), libc.msgget(0x1234, 0o1666)]

@attempt("message queue")
def _():
    return ctypes.CDLL("librt.so.1").mq_open(b"/left", 0o102, 0o666, None)

@attempt("abstract socket")
def _():
    global listener
    listener = socket.socket(socket.AF_UNIX); listener.bind("\0left"); listener.listen()

@attempt("modules")
def _():
    import json, math, re, builtins, posix
    json.loads = math.floor = re.compile = posix.fork = builtins.len = lambda *a, **k: "poisoned"
    sys.modules["heapq"] = None; sys.path.insert(0, "/tmp/left"); sys.setrecursionlimit(90)
    os.environ["LEFT"] = "yes"; os.putenv("LEFT", "yes")

@attempt("signals")
def _():
    gone = []
    for pid in (-1, 0, os.getppid(), 2, 3, 1 << 22):
        try: os.kill(pid, signal.SIGKILL); gone.append(pid)
        except OSError: pass
    return gone

@attempt("ptrace and memory of others")
def _():
    answers = [libc.ptrace(16, os.getppid(), 0, 0), libc.ptrace(16, 1, 0, 0)]
    buffer = ctypes.create_string_buffer(8)
    class Vector(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
    here = Vector(ctypes.addressof(buffer), 8)
    answers.append(libc.process_vm_readv(2, ctypes.byref(here), 1, ctypes.byref(here), 1, 0))
    return answers

@attempt("memory of the server")
def _():
    names = [name for name in os.listdir("/proc") if name.isdigit()]
    others = [name for name in names if os.path.exists(f"/proc/{name}/status") and name != str(os.getpid())]
    return [name for name in others if b"_Server" in open(f"/proc/{name}/cmdline", "rb").read()]

@attempt("namespaces and mounts")
def _():
    return [libc.unshare(0x10000000), libc.unshare(0x20000), libc.mount(b"tmpfs", b"/usr", b"tmpfs", 0, None),
            libc.umount2(b"/tmp", 2), libc.umount2(b"/proc", 2), libc.setns(os.open("/proc/self/ns/mnt", 0), 0), libc.chroot(b"/work"),
            libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0), libc.pivot_root(b"/work", b"/work") if hasattr(libc, "pivot_root") else -1]

@attempt("capabilities")
def _():
    words = [line for line in open("/proc/self/status") if line.startswith(("Cap", "NoNew", "Seccomp:"))]
    full = struct.pack("=6I", *[0xFFFFFFFF] * 6)
    return [libc.capset(struct.pack("=Ii", 0x20080522, 0), full), [word.split()[1] for word in words]]

@attempt("limits")
def _():
    os.nice(5); libc.setpriority(2, 1000, 19)
    resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU):
        try: resource.setrlimit(kind, (resource.RLIM_INFINITY,) * 2); return "raised"
        except (ValueError, OSError): pass
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    open("/proc/self/oom_score_adj", "w").write("-1000")

@attempt("host name and others' settings")
def _():
    answers = [libc.sethostname(b"left", 4)]
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/user/max_user_namespaces", "/sys/fs/cgroup/x", "/proc/sysrq-trigger"):
        try: open(path, "w").write("1"); answers.append(path)
        except OSError: pass
    return answers

@attempt("daemon")
def _():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 32):
                try: signal.signal(number, signal.SIG_IGN)
                except OSError: pass
            os.set_inheritable(1, True)
            while True:
                time.sleep(0.05)
                try:
                    os.write(1, b"still here\n")
                    open("/tmp/daemon", "a").write("x")
                except OSError: pass
        os._exit(0)

os.chdir("/"); os.umask(0)
time.sleep(0.2)
posix.write(1, repr(done).encode())
posix._exit(0)
"""

PROBE = r"""
import ctypes, gc, os, socket, sys, json, math, re, heapq, resource
libc = ctypes.CDLL(None, use_errno=True)
found = {}
found["files"] = [p + "/" + n for p in ("/tmp", "/dev/shm", "/work", "/var/tmp", "/var", "/opt/left", "/left") if os.path.isdir(p) for n in os.listdir(p)]
found["ipc"] = [libc.shmget(0x1234, 4096, 0), libc.semget(0x1234, 1, 0), libc.msgget(0x1234, 0)]
found["shm lines"] = [len(open("/proc/sysvipc/" + n).readlines()) for n in ("shm", "sem", "msg")]
found["queue"] = ctypes.CDLL("librt.so.1").mq_open(b"/left", 0)
s = socket.socket(socket.AF_UNIX)
try: s.connect("\0left"); found["socket"] = "there"
except OSError as error: found["socket"] = type(error).__name__
s.close()
found["processes"] = [n for n in os.listdir("/proc") if n.isdigit()]
found["modules"] = [json.loads("[1]"), math.floor(1.5), type(re.compile("x")).__name__, len([1]), type(posix.fork).__name__, heapq.nsmallest(1, [2, 1])]
found["path"] = [p for p in sys.path if "left" in p]
found["recursion"] = sys.getrecursionlimit()
found["environment"] = sorted(os.environ)
found["cwd"] = os.getcwd()
found["descriptors"] = len(os.listdir("/proc/self/fd"))
found["nice"] = [os.nice(0), resource.getrlimit(resource.RLIMIT_NOFILE)[0], resource.getrlimit(resource.RLIMIT_FSIZE)[0] >> 20]
found["host name"] = os.uname().nodename
found["mounts"] = len(open("/proc/self/mountinfo").readlines())
found["umask"] = os.umask(0)
posix.write(1, json.dumps(found).encode())
posix._exit(0)
"""


def mounted() -> list[str]:
    """Return the mounts of this machine in the places where a child has its own. (Others come and go by themselves.)"""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if line.split()[4] in ("/tmp", "/work", "/dev/shm", "/proc", "/usr")]


def test_nothing_that_a_candidate_does_reaches_the_next():
    async def inside():
        clean = json.loads(said(await run(PROBE)))
        before = set(map(id, warm._pool().all))
        hostile = await run(HOSTILE, file_mb=4)
        after = json.loads(said(await run(PROBE)))
        return clean, hostile, after, before == set(map(id, warm._pool().all))

    mounts = mounted()
    names = set(os.listdir("/tmp"))
    clean, hostile, after, same_server = asyncio.run(inside())
    tried = dict(ast.literal_eval(said(hostile).replace("still here\n", "")))
    assert after == clean
    assert same_server
    assert clean["processes"] == ["1"]
    assert clean["files"] == []
    assert clean["ipc"] == [-1, -1, -1]
    assert clean["shm lines"] == [1, 1, 1]
    # What should have worked inside did, or the test tries nothing.
    assert tried["file /tmp"] is tried["file /dev/shm"] is tried["file /work"] is None
    assert all(answer >= 0 for answer in tried["system V"])
    assert tried["message queue"] >= 0
    assert tried["abstract socket"] is tried["daemon"] is tried["modules"] is None
    # And what should not did not.
    for place in ("/var/tmp", "/etc", "/", "/dev", "/usr", "/proc", "/opt"):
        assert tried[f"file {place}"] in ("OSError", "PermissionError", "FileNotFoundError"), place
    assert tried["signals"] == [0, 0]  # its own process group; the parent's number is 0, and there is nobody else
    assert tried["ptrace and memory of others"] == [-1, -1, -1]
    assert tried["descriptors"] == [0, 1, 2, 3]  # the fourth is the listing itself
    assert tried["memory of the server"] == []
    assert set(tried["namespaces and mounts"]) == {-1}
    assert tried["capabilities"] == [-1, [*["0" * 16] * 5, "1", "2"]]
    assert tried["limits"] in ("OSError", "PermissionError")  # at the last line, of oom_score_adj
    assert tried["host name and others' settings"] == [-1]
    # Nor is there anything of it on the host.
    assert mounted() == mounts
    assert not any("left" in name for name in set(os.listdir("/tmp")) - names)
    assert "still here" not in said(hostile).partition("]")[2]


def test_what_one_candidate_was_given_is_not_in_the_memory_of_the_next():
    """The server never holds a program or an output: the next child cannot find them in the heap it was born with."""
    secret = "".join(["sword", "fish", "42"])
    first = f"word = {secret!r} * 3\nposix.write(1, word.encode() * 20); posix._exit(0)"
    look = """
import re
found = 0
maps = [line.split() for line in open("/proc/self/maps")]
memory = open("/proc/self/mem", "rb", buffering=0)
for words in maps:
    if "r" in words[1] and (len(words) < 6 or words[5] in ("[heap]", "[stack]")):
        low, high = (int(end, 16) for end in words[0].split("-"))
        memory.seek(low)
        try: found += len(re.findall(rb"swor[d]fish42", memory.read(high - low)))
        except OSError: pass
posix.write(1, str(found).encode()); posix._exit(0)
"""
    kind = warm.Kind(memory_mb=2000)

    async def inside():
        gave = said(await run(first, kind=kind, request={"note": secret}, files={"note": secret.encode()}))
        looked = said(await run(look, kind=kind))
        control = said(await run(look, kind=kind, request={"note": secret}))
        return gave, looked, control, len(warm._pool().all)

    gave, looked, control, servers = asyncio.run(inside())
    assert secret in gave
    assert looked == "0"
    assert int(control) > 0  # the search does find what is there
    assert servers == 1


BOMBS = {
    "memory": "hold = []\nwhile True: hold.append(bytearray(8 << 20))",
    "memory of many": "import os, time\nfor _ in range(20):\n    if os.fork() == 0:\n        x = bytearray(100 << 20); time.sleep(20)\ntime.sleep(20)",
    "forks": "import os, time\nn = 0\nwhile True:\n    try:\n        if os.fork() == 0: time.sleep(60); os._exit(0)\n        n += 1\n    except OSError: break\nposix.write(1, str(n).encode()); posix._exit(0)",
    "descriptors": "import os\ntry:\n    while True: os.dup(1)\nexcept OSError: pass\nposix._exit(0)",
    "output": "import os\nblock = b'x' * (1 << 20)\nfor _ in range(100):\n    view = block\n    while view: view = view[os.write(1, view):]\nposix._exit(0)",
    "disk": "import os\nfor place in ('/tmp', '/work', '/dev/shm'):\n    try:\n        for n in range(100):\n            with open(f'{place}/{n}', 'wb') as f: f.write(b'x' * (3 << 20))\n    except OSError as e: posix.write(1, str(e.errno).encode() + b' ')\nposix._exit(0)",
    "sleep": "import time; time.sleep(60)",
    "spin": "while True: pass",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_bounded_and_the_next_runs(name):
    kind = warm.Kind(memory_mb=256, processes=30)

    async def inside():
        ended = await run(BOMBS[name], kind=kind, timeout_s=3.0, capacity=50_000)
        return ended, await run("posix.write(1, b'fine'); posix._exit(0)", kind=kind)

    began = time.monotonic()
    ended, after = asyncio.run(inside())
    assert time.monotonic() - began < 30
    assert said(after) == "fine"
    if name in ("sleep", "spin"):
        assert (ended.timed_out, ended.returncode) == (True, None)
    if name == "output":
        assert ended.truncated
        assert len(ended.stdout) == 50_000
        assert ended.returncode == 137
    if name == "forks" and (cgroups.pool().bases or os.getuid()):
        assert int(said(ended)) <= 30
    if name == "disk":
        assert said(ended).split() == ["28", "28", "28"]
    if name == "memory":
        assert ended is None or ended.returncode == 1  # None: the kernel killed it, and the cold path decides


def test_a_candidate_that_uses_the_network_costs_its_server_and_no_more():
    """Ports and counters of the loopback outlive a process, so its network namespace must not serve the next."""
    talk = "import socket\ns = socket.create_server(('127.0.0.1', 4567)); c = socket.create_connection(('127.0.0.1', 4567)); a, _ = s.accept(); c.send(b'x'); a.close(); c.close(); posix.write(1, b'talked'); posix._exit(0)"
    see = "import socket\ns = socket.create_server(('127.0.0.1', 4567), reuse_port=False)\nposix.write(1, str(len(open('/proc/net/tcp').readlines())).encode()); posix._exit(0)"

    async def inside():
        one = said(await run(talk))
        [first] = [server for server in [*warm._pool().all]] or [None]
        return one, said(await run(see)), first in warm._pool().idle

    assert asyncio.run(inside())[:2] == ("talked", "2")


def test_a_run_is_stopped_when_enough_was_heard_and_the_server_goes_on():
    endless = "import time\nfor n in range(10**9):\n    posix.write(1, b'%d\\n' % n)\n    time.sleep(0.01)\n"

    async def both():
        began = time.monotonic()
        first = await run(endless, timeout_s=60.0, watch=lambda heard: heard.count(b"\n") > 3)
        took = time.monotonic() - began
        (server,) = warm._pool().all
        second = await run("posix.write(1, b'on')", watch=lambda heard: False)
        assert set(warm._pool().all) == {server}
        return first, second, took

    first, second, took = asyncio.run(both())
    assert first.stopped
    assert first.stdout.startswith(b"ready\n0\n1\n")
    assert not first.timed_out
    assert took < 30
    assert not second.stopped
    assert second.returncode == 0


def test_a_stop_that_comes_too_late_hurts_nobody():
    """The signal meets a server whose child has just ended, or that waits for its next request."""

    async def many():
        for _ in range(30):
            ended = await run("pass")
            assert ended.returncode == 0
            (server,) = warm._pool().all
            server.stop()

    asyncio.run(many())


def test_a_candidate_does_not_have_the_handler_of_its_server():
    [ended], _ = series("import _signal\nposix.write(1, repr(_signal.getsignal(_signal.SIGUSR1)).encode())")
    assert said(ended) in ("0", "<Handlers.SIG_DFL: 0>")
    [ended], _ = series("import os\nposix.write(1, repr('LD_BIND_NOW' in os.environ).encode())")
    assert said(ended) == "False"


def test_a_server_that_dies_is_no_result_and_is_replaced():
    async def inside():
        await run("posix._exit(0)")
        [server] = warm._pool().all
        task = asyncio.create_task(run("import time; time.sleep(5)"))
        await asyncio.sleep(0.3)
        server.kill()
        return await task, await run("posix.write(1, b'again'); posix._exit(0)")

    lost, again = asyncio.run(inside())
    assert lost is None
    assert said(again) == "again"


def test_a_server_that_ended_before_the_run_began_is_no_result():
    async def inside():
        await run("posix._exit(0)")
        [server] = warm._pool().all
        server.control.close()
        return await run("posix._exit(0)"), await run("posix.write(1, b'again'); posix._exit(0)")

    lost, again = asyncio.run(inside())
    assert lost is None
    assert said(again) == "again"


def test_a_server_that_speaks_nonsense_is_no_result(monkeypatch):
    async def inside():
        await run("posix._exit(0)")
        monkeypatch.setattr("assay.sandbox.warm.job.ANSWER", type("Other", (), {"size": 3}))
        return await run("posix._exit(0)")

    assert asyncio.run(inside()) is None


def test_cancellation_leaves_nothing():
    async def inside():
        await run("posix._exit(0)")
        tasks = [asyncio.create_task(run("import time; time.sleep(30)")) for _ in range(6)]
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        return ended, said(await run("posix.write(1, b'fine'); posix._exit(0)")), warm._pool().turns

    ended, after, turns = asyncio.run(inside())
    assert all(isinstance(end, asyncio.CancelledError) for end in ended)
    assert after == "fine"
    assert turns == len(os.sched_getaffinity(0))


def test_no_more_run_at_once_than_there_are_cores():
    async def inside():
        await asyncio.gather(*(run("import time; time.sleep(0.05); posix._exit(0)") for _ in range(12)))
        return len(warm._pool().all)

    assert asyncio.run(inside()) <= len(os.sched_getaffinity(0))


def test_servers_outlast_an_event_loop_and_serve_several_threads():
    import threading

    ends = []

    def work():
        ends.extend(asyncio.run(many()))

    async def many():
        return await asyncio.gather(*(run(f"posix.write(1, b'{n}'); posix._exit(0)") for n in range(5)))

    work()
    first = set(map(id, warm._pool().all))
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said(end) for end in ends) == sorted("01234" * 4)
    assert first & set(map(id, warm._pool().all))


def test_descriptors_and_memory_stay_flat():
    def held():
        return len(os.listdir("/proc/self/fd")), int(Path("/proc/self/statm").read_text().split()[1])

    async def many(count):
        for _ in range(count // 50):
            await asyncio.gather(*(run("posix._exit(0)", files={"a": b"x" * 1000}) for _ in range(50)))

    asyncio.run(many(100))
    descriptors, pages = held()
    asyncio.run(many(500))
    assert held()[0] == descriptors
    assert held()[1] < pages + 1000  # 4 MB


def test_a_forked_process_has_servers_of_its_own():
    async def one():
        return said(await run("posix.write(1, b'x'); posix._exit(0)"))

    assert asyncio.run(one()) == "x"
    mine = {server._process.pid for server in warm._pool().all}
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            word = asyncio.run(one())
            os.write(writer, json.dumps([word, [server._process.pid for server in warm._pool().all]]).encode())
            warm.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    word, theirs = json.loads(os.read(reader, 10_000))
    os.close(reader)
    os.close(writer)
    assert word == "x"
    assert not mine & set(theirs)
    assert asyncio.run(one()) == "x"
    assert {server._process.pid for server in warm._pool().all} == mine


def test_servers_die_with_a_killed_process():
    """kill -9 of assay takes bwrap, the server and the candidate with it."""
    code = """
import asyncio, os, sys
from assay.sandbox import programs
from assay.sandbox.warm import pool as warm
source = "posix.write(1, b'ready'); import time; time.sleep(120)"
async def main():
    job = warm.run(programs.message(compile(source, "x", "exec"), {}), files={}, kind=warm.Kind(), file_mb=1, timeout_s=100, capacity=10)
    task = asyncio.create_task(job)
    while not any(server.served > 1 for server in warm._pool().all): await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    for server in warm._pool().all: print(server._process.pid)
    print("running", flush=True)
    await task
asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pids = []
    for line in process.stdout:
        if line.strip() == "running":
            break
        pids.append(int(line))
    below = [pid for parent in pids for pid in children(parent)]
    below += [pid for parent in list(below) for pid in children(parent)]
    assert pids
    assert len(below) >= 2  # the server and the candidate
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    end = time.monotonic() + 10
    while time.monotonic() < end and any(os.path.exists(f"/proc/{pid}") for pid in [*pids, *below]):
        time.sleep(0.05)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in [*pids, *below])


def children(parent: int) -> list[int]:
    found = []
    for place in glob.glob("/proc/[0-9]*"):
        try:
            if int(Path(place, "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(place[6:]))
        except OSError:
            continue
    return found


def test_states_of_random_differ_and_the_server_is_replaced_in_time(monkeypatch):
    monkeypatch.setattr(warm, "_RUNS", 5)

    async def inside():
        draws, servers = [], set()
        for _ in range(8):
            draws.append(
                said(await run("import random; posix.write(1, str(random.random()).encode()); posix._exit(0)"))
            )
            servers |= {server._process.pid for server in warm._pool().all}
        return draws, servers

    draws, servers = asyncio.run(inside())
    assert len(set(draws)) == 8
    assert len(servers) == 2


def test_modules_loaded_beforehand_learn_of_the_fork():
    """The server forks without Python's own fork, so it calls what modules have registered for one."""
    source = """
import logging, os, random, threading
own = type(os.register_at_fork) is type(posix.register_at_fork) is type(len)
heard = []
thread = threading.Thread(target=lambda: heard.append(threading.current_thread() is not threading.main_thread()))
thread.start(); thread.join()
logging.getLogger().addHandler(logging.NullHandler()); logging.warning("no lock is held")
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.write(writer, repr(random.random()).encode()); os._exit(0)
os.waitpid(child, 0)
draws = [repr(random.random()), os.read(reader, 99).decode()]
posix.write(1, repr([own, heard, threading.current_thread() is threading.main_thread(), *draws]).encode())
posix._exit(0)
"""
    ends, servers = series(source, source, source, kind=warm.Kind(imports=("random", "threading", "logging")))
    answers = [ast.literal_eval(said(ended)) for ended in ends]
    assert [answer[:3] for answer in answers] == [[True, [True], True]] * 3
    assert servers == 1
    assert len({draw for answer in answers for draw in answer[3:]}) == 6


def test_a_readonly_folder_is_shown(tmp_path):
    (tmp_path / "data").write_text("seen")
    kind = warm.Kind(readonly=(("/data", tmp_path),))
    source = "posix.write(1, open('/data/data').read().encode())\ntry: open('/data/x', 'w')\nexcept OSError as e: posix.write(1, str(e.errno).encode())\nposix._exit(0)"
    [ended], _ = series(source, kind=kind)
    assert said(ended) == "seen30"


PROGRAMS = [
    "posix.write(1, b'x' * 10); posix._exit(3)",
    "import sys; sys.exit('a reason')",
    "import os; os.write(2, b'err'); os.abort()",
    # an ordinary user's cold program comes out of a shell, which leaves two marks
    "print(sorted(pair for pair in __import__('os').environ.items() if pair[0] not in ('SHLVL', '_')))",
    "import sys; print(sys.argv, sys.flags.isolated, sys.flags.no_site, sys.getrecursionlimit(), __name__)",
    "import os; print(os.getpid(), os.getppid(), os.getuid(), os.getgid(), os.getcwd(), os.getsid(0), sorted(os.listdir('/')))",
    "import os, stat; print([(n, oct(os.stat(n).st_mode)) for n in ('/tmp', '/dev/shm', '/dev/null', 'a.txt')])",
    "import resource; print([resource.getrlimit(k) for k in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)])",
    "import sys; print(sys.stdin.read() == '', sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.line_buffering)",
    "import signal; print([signal.getsignal(n) for n in (2, 13, 15)], signal.pthread_sigmask(0, []))",
    "import threading\nt = threading.Thread(target=lambda: print('thread')); t.start()",
    "import subprocess; print(subprocess.run(['echo', 'hi'], capture_output=True).stdout)",
    "import multiprocessing as m\nif m.get_context('fork').Process(target=print, args=(1,)).start() is None: pass",
    "import asyncio; asyncio.run(asyncio.sleep(0.01)); print('slept')",
    "import sys; sys.stdout.write('unflushed'); sys.stdout = None",
    "def f(n): return f(n + 1)\nf(0)",
    "x = [0] * (1 << 40)",
    "import os\nfor n in range(300): os.dup(1)",
    "print('y' * 200_000)",
    "import ctypes; ctypes.string_at(0)",
    "import faulthandler, gc; print(gc.isenabled(), gc.get_threshold(), faulthandler.is_enabled())",
    "open('/work/new', 'w').write('z'); print(open('a.txt').read())",
    "with open('/tmp/big', 'wb') as f: f.write(b'x' * (5 << 20))",
    "import socket; print(socket.gethostname())",
    "while True: pass",
]


@pytest.mark.parametrize("source", PROGRAMS)
def test_warm_and_cold_give_the_same(source):
    async def inside():
        text = message(source)
        bounds = {"files": {"a.txt": b"given"}, "timeout_s": 1.0, "capacity": 100_000}
        kept = await warm.run(text, kind=warm.Kind(memory_mb=300), file_mb=4, **bounds)
        async with open_sandbox(bounds["files"], memory_mb=300, file_mb=4, output_bytes=100_000) as sandbox:
            return kept, await sandbox.run_split(
                ("python", "-I", "-S", "-B", "-c", BOOT), timeout_s=1.0, start_s=60, stdin=text
            )

    kept, alone = asyncio.run(inside())
    assert kept is not None
    names = ("returncode", "stdout", "timed_out", "truncated")
    assert [getattr(kept, name) for name in names] == [getattr(alone, name) for name in names]
    last = [end.stderr.strip().splitlines()[-1:] for end in (kept, alone)]
    assert last[0] == last[1]  # above it, a traceback names lines of the program that started it


_AS_NOBODY = """
import asyncio, sys
from assay.sandbox import programs
from assay.sandbox.warm import pool as warm
BOMB = '''
import os, time
n = 0
while True:
    try:
        if os.fork() == 0: time.sleep(30)
        n += 1
    except OSError: break
posix.write(1, b"ready " + str(n).encode() + b" " + str(os.getuid()).encode()); posix._exit(0)
'''
async def main():
    print(warm.state())
    kind = warm.Kind(processes=20)
    for _ in range(2):
        text = programs.message(compile(BOMB, "x", "exec"), {})
        ended = await warm.run(text, files={"a": b"b"}, kind=kind, file_mb=1, timeout_s=20, capacity=100)
        print(ended and ended.stdout.decode())
asyncio.run(main())
"""


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("runuser"), reason="needs root, to become another user")
def test_an_ordinary_user_gets_the_same():
    here = Path(tempfile.mkdtemp(prefix="assay-test-"))
    try:
        here.chmod(0o755)
        package = Path(assay.__file__).parent
        shutil.copytree(package / "sandbox", here / "assay" / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("__init__.py", "errors.py"):
            shutil.copy(package / name, here / "assay")
        (here / "main.py").write_text(_AS_NOBODY)
        as_nobody = ["runuser", "-u", "nobody", "--"]
        python = next(
            p
            for p in ("/usr/bin/python3", sys.executable)
            if subprocess.run(
                [*as_nobody, p, "-c", "import sys; assert sys.version_info >= (3, 11)"],
                capture_output=True,
                check=False,
            ).returncode
            == 0
        )
        done = subprocess.run(
            [*as_nobody, python, "-B", str(here / "main.py")], capture_output=True, text=True, check=False
        )
    finally:
        shutil.rmtree(here)
    assert done.returncode == 0, done.stderr
    state, *bombs = done.stdout.splitlines()
    assert state == "warm path on"
    for words in map(str.split, bombs):
        assert words[0] == "ready"
        assert int(words[1]) < 20
        assert words[2] == "1000"
