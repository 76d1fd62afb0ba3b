"""What untrusted code tries and must not get: the network, the host's files and processes, more than its share."""

# ruff: noqa: E501

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.sandbox import open_sandbox

CALL = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\ndef call(*a):\n    r = libc.syscall(*a)\n    return r, ctypes.get_errno()\n"


def test_the_hosts_files_are_not_there(shell, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("swordfish")
    places = [
        secret,
        "/etc/shadow",
        "/home",
        "/root/.ssh",
        "/root/.bashrc",
        "/var",
        "/sys",
        "/work/main",
        "/boot",
        "/mnt",
    ]
    for place in places:
        assert shell(f"cat {place} || ls {place}").returncode != 0, place
    own_home = Path.home()
    listed = shell(f"ls -A {own_home}").output
    assert {name for name in listed.split() if name.startswith(".")} <= {".pyenv", ".local"}


def test_nothing_outside_can_be_written(shell):
    for place in (
        "/x",
        "/usr/x",
        "/etc/x",
        "/opt/x",
        "/dev/x",
        "/proc/sys/kernel/core_pattern",
        "/proc/self/oom_score_adj",
        "/proc/sysrq-trigger",
    ):
        assert shell(f"echo x > {place}").returncode != 0, place
    assert Path("/proc/sys/kernel/core_pattern").read_text() != "x\n"
    assert shell(f"echo x >> {sys.base_prefix}/lib/x").returncode != 0


def test_readonly_mounts_are_readable_only(shell, tmp_path):
    (tmp_path / "data.txt").write_text("seen")
    result = shell(
        "cat /data/data.txt; echo; echo x > /data/data.txt; rm /data/data.txt; ln /data/data.txt here",
        readonly={"/data": tmp_path},
    )
    assert result.output.startswith("seen\n")
    assert result.returncode != 0
    assert (tmp_path / "data.txt").read_text() == "seen"


def test_there_is_no_network(shell):
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    code = f"import socket\ntry:\n    socket.create_connection(('127.0.0.1', {port}), 2)\n    print('out')\nexcept OSError as e: print('no', e)"
    assert shell("python p.py", {"p.py": code}).output.startswith("no")
    assert shell("cat /proc/net/dev | grep -vc lo:").output.strip() == "2"
    server.close()


def test_sockets_that_no_namespace_bounds_are_refused(shell):
    code = "import socket\nfor family in (40, 38, 17):\n    try:\n        socket.socket(family, 3 if family == 17 else 1)\n        print('open', family)\n    except OSError as e: print(e.errno)\nsocket.socketpair(); socket.socket()"
    assert set(shell("python p.py", {"p.py": code}).output.split()) <= {"1"}


def test_abstract_sockets_of_the_host_are_out_of_reach(shell):
    server = socket.socket(socket.AF_UNIX)
    server.bind("\0assay-test-escape")
    server.listen()
    code = "import socket\ns = socket.socket(socket.AF_UNIX)\ntry: s.connect('\\0assay-test-escape'); print('out')\nexcept OSError: print('no')"
    assert shell("python p.py", {"p.py": code}).output == "no\n"
    server.close()


def test_the_hosts_processes_are_neither_seen_nor_signalled(shell):
    victim = subprocess.Popen(["sleep", "60"])
    try:
        result = shell(
            f"kill -9 {victim.pid}; kill -9 {os.getpid()}; kill -9 -1; ls /proc/{os.getpid()}/cwd; tr '\\0' ' ' < /proc/{victim.pid}/cmdline"
        )
        assert "sleep" not in result.output
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


def test_proc_one_is_the_command_itself(shell):
    assert "bash" in shell("cat /proc/1/cmdline | tr '\\0' ' '; true").output
    assert "bwrap" not in shell("cat /proc/[0-9]*/cmdline").output


DENIED = {
    "ptrace": (101, 0, 0, 0, 0),
    "mount": (165, b"none", b"/tmp", b"tmpfs", 0, 0),
    "umount2": (166, b"/tmp", 0),
    "pivot_root": (155, b"/tmp", b"/tmp"),
    "keyctl": (250, 0, -3, 0, 0, 0),
    "add_key": (248, b"user", b"x", b"y", 1, -3),
    "request_key": (249, b"user", b"x", 0, -3),
    "bpf": (321, 0, 0, 0),
    "userfaultfd": (323, 0),
    "io_uring_setup": (425, 1, 0),
    "perf_event_open": (298, 0, 0, -1, -1, 0),
    "unshare": (272, 0x10000000),
    "setns": (308, 0, 0),
    "clone with a new user namespace": (56, 0x10000000 | 17, 0, 0, 0, 0),
    "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
    "open_tree": (428, -100, b"/", 1),
    "fsopen": (430, b"tmpfs", 0),
    "open_by_handle_at": (304, -100, 0, 0),
    "kexec_load": (246, 0, 0, 0, 0),
    "init_module": (175, 0, 0, b""),
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86_64")
def test_dangerous_calls_are_denied(shell):
    lines = [f"print({name!r}, call(*{args!r})[0], call(*{args!r})[1], sep='|')" for name, args in DENIED.items()]
    output = shell("python p.py", {"p.py": CALL + "\n".join(lines)}).output
    seen = {line.split("|")[0]: line.split("|")[1:] for line in output.splitlines()}
    assert set(seen) == set(DENIED)
    assert {name: answer for name, answer in seen.items() if answer != ["-1", "1"]} == {}


def test_clone3_is_absent_and_threads_still_start(shell):
    assert shell("python p.py", {"p.py": CALL + "print(call(435, 0, 0)[1])"}).output == "38\n"


def test_no_privilege_and_no_way_to_one(shell):
    status = shell("cat /proc/self/status; id -u").output
    assert "CapBnd:\t0000000000000000" in status
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert status.endswith("1000\n")
    assert shell("unshare -Ur true").returncode != 0
    assert shell("mknod disk b 8 0").returncode != 0
    assert shell("cp /bin/bash sh; chmod u+s sh; ./sh -p -c 'id -u'").output.strip() == "1000"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler on the host")
def test_the_other_architecture_is_killed(shell, tmp_path):
    source = tmp_path / "x.c"
    source.write_text('int main(void){long r; __asm__ volatile("int $0x80":"=a"(r):"a"(20)); return r > 0 ? 42 : 43;}')
    subprocess.run(["gcc", "-static", "-o", tmp_path / "x", source], check=True)
    binary = (tmp_path / "x").read_bytes()
    assert shell("chmod +x x; ./x", {"x": binary}).returncode == 128 + 31


def test_a_fork_bomb_is_bounded(shell):
    before = len(os.listdir("/proc"))
    code = "import os, time\nn = 0\nwhile True:\n    try:\n        if os.fork() == 0:\n            time.sleep(30); os._exit(0)\n        n += 1\n    except OSError as e:\n        print(n, flush=True); break\n    if n > 500: print('unbounded', flush=True); break"
    result = shell("python p.py", {"p.py": code}, processes=40, timeout_s=20)
    assert result.output.strip().isdigit(), result.output
    assert int(result.output) < 45
    assert shell(":(){ :|:& };:; sleep 1", processes=30, timeout_s=3).wall_s < 15
    time.sleep(0.1)
    assert len(os.listdir("/proc")) < before + 40


def test_memory_is_bounded(shell):
    assert "MemoryError" in shell("python -c 'x = bytearray(300 << 20)'", memory_mb=200).output


def test_memory_of_many_processes_is_bounded_where_groups_are(shell):
    from assay.sandbox import cgroups

    if not any("memory" in str(b) or cgroups.pool().version == "v2" for b in cgroups.pool().bases):
        pytest.skip("no memory control group can be written here")
    code = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        taken = bytearray(60 << 20)
        time.sleep(30)
time.sleep(2)
print(8 - sum(os.waitpid(-1, os.WNOHANG)[0] > 0 for _ in range(8)), "live")
"""
    result = shell("python p.py", {"p.py": code}, memory_mb=200, timeout_s=20)
    assert result.returncode == 137 or int(result.output.split()[-2]) <= 3, result


def test_tmp_and_shm_are_bounded(shell):
    for place in ("/tmp", "/dev/shm"):
        result = shell(
            f"for i in 1 2 3 4 5 6 7 8; do head -c 3000000 /dev/zero > {place}/$i || exit 9; done", file_mb=4
        )
        assert result.returncode == 9
        assert "No space left" in result.output


def test_one_file_is_bounded(shell):
    result = shell("head -c 9000000 /dev/zero > big; stat -c %s big", file_mb=4)
    assert result.output.endswith(f"{4 << 20}\n")


def test_a_full_workspace_stops_the_sandbox():
    async def act():
        async with open_sandbox({}, file_mb=2) as sandbox:
            filled = await sandbox.run("for i in $(seq 100000); do head -c 1000000 /dev/zero > $i; done", timeout_s=30)
            after = await sandbox.run("echo still here", timeout_s=30)
            split = await sandbox.run_split(["echo", "here"], timeout_s=30)
            return filled, after, split

    filled, after, split = asyncio.run(act())
    assert filled.returncode == 1
    assert "workspace over 8 MB" in filled.output
    assert filled.wall_s < 15
    assert after.returncode == split.returncode == 1
    assert "still here" not in after.output
    assert split.stdout == b""


def test_many_files_and_deep_folders_stop_it_too(shell):
    many = "import os\nos.mkdir('a')\nfor i in range(20_100): os.mknod(f'a/{i}')"
    assert "workspace over 20000 files" in shell("python -S p.py", {"p.py": many}, timeout_s=60).output
    deep = "import os\nfor _ in range(3000):\n    os.mkdir('d'); os.chdir('d')"
    assert "nested over" in shell("python -S p.py", {"p.py": deep}).output


def test_a_flood_of_output_neither_hangs_nor_grows(shell):
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = shell("head -c 100000000 /dev/zero | tr '\\0' x; echo end", output_bytes=200_000, timeout_s=60)
    assert result.truncated
    assert len(result.output) == 200_000
    assert result.returncode == 137  # beyond 64 times what is kept it is killed
    endless = shell("yes", output_bytes=1_000_000, timeout_s=60)
    assert endless.truncated
    assert endless.wall_s < 50
    small = shell("head -c 3000000 /dev/zero; exit 5", output_bytes=1000_000)
    assert (small.truncated, small.returncode) == (True, 5)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KiB


def test_open_files_core_and_cpu_are_bounded(shell):
    code = "import os\nf = []\ntry:\n    while len(f) < 5000: f.append(os.open('/dev/null', 0))\nexcept OSError: print(len(f))"
    assert int(shell("python p.py", {"p.py": code}).output) < 256
    assert shell("ulimit -c; ulimit -H -t", timeout_s=3).output.split() == ["0", "5"]


def test_the_ledger_of_another_sandbox_is_invisible():
    async def act():
        async with open_sandbox({"secret": "swordfish"}), open_sandbox({}) as other:
            return await other.run("grep -rs swordfish /work /tmp /root /etc /opt; ls -A /work /tmp", timeout_s=30)

    assert "swordfish" not in asyncio.run(act()).output
