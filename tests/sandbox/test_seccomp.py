"""The filter as a program: both machines, well formed, and every jump inside it."""

import struct

import pytest

from assay.sandbox import seccomp


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_path_ends_in_an_answer(machine):
    program = seccomp.build(machine)
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    assert len(steps) < 4096
    for at, (code, if_true, if_false, _) in enumerate(steps):
        if code & 7 == 5:
            assert at + 1 + max(if_true, if_false) < len(steps)
    assert steps[-1] == (0x06, 0, 0, 0x7FFF0000)


def _answer(machine: str, number: int, *args: int, arch: int | None = None) -> int:
    """Run the filter on one call, as the kernel would."""
    program = seccomp.build(machine)
    arch = arch if arch is not None else {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    data = struct.pack("=IIQ6Q", number, arch, 0, *(*args, *[0] * (6 - len(args))))
    at = a = 0
    while True:
        code, if_true, if_false, k = struct.unpack_from("=HBBI", program, at * 8)
        at += 1
        if code == 0x20:
            a = struct.unpack_from("=I", data, k)[0]
        elif code == 0x06:
            return k
        else:
            hit = {0x15: a == k, 0x35: a >= k, 0x45: bool(a & k)}[code]
            at += if_true if hit else if_false


ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000


@pytest.mark.parametrize(
    ("machine", "clone", "ptrace", "socket", "ioctl", "read"),
    [("x86_64", 56, 101, 41, 16, 0), ("aarch64", 220, 117, 198, 29, 63)],
)
def test_what_it_says(machine, clone, ptrace, socket, ioctl, read):
    assert _answer(machine, read) == ALLOW
    assert _answer(machine, ptrace) == EPERM
    assert _answer(machine, clone, 17) == ALLOW
    assert _answer(machine, clone, 0x003D0F00) == ALLOW  # what pthread_create asks for
    for flag in (0x00020000, 0x10000000, 0x20000000, 0x40000000):
        assert _answer(machine, clone, flag | 17) == EPERM
    assert _answer(machine, 435) == ENOSYS
    assert [_answer(machine, socket, family) for family in (1, 2, 10, 16)] == [ALLOW] * 4
    assert [_answer(machine, socket, family) for family in (17, 38, 40)] == [EPERM] * 3
    assert _answer(machine, ioctl, 0, 0x5401) == ALLOW
    assert _answer(machine, ioctl, 0, 0x5412) == EPERM
    assert _answer(machine, read, arch=0x40000003) == KILL


def test_x32_is_absent():
    assert _answer("x86_64", 0x40000000 | 101) == ENOSYS


def test_an_unknown_machine_has_no_filter():
    assert seccomp.build("riscv64") is None
