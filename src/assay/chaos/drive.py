"""One start of the driver, the real `assay solve` in a process of its own, with faults armed for its moments."""

import itertools
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from assay.chaos import remains
from assay.chaos.answers import STEPS
from assay.chaos.endpoint import NAME, Endpoint
from assay.chaos.fault import Fault

WORKERS = 2
_ENDS_S = 600.0  # a driver that takes longer does not end
_TRIES = 6
_REPLY_S = 20.0
COMMAND_S = 8  # the same in all drives of a run: it is part of the agent, and long for those that do not hang
SEED = 0  # of the tasks
_AT_START = 0.15  # of all that ends a driver: while it still starts, before it has asked anything
_START_S = 3.0
_AFTER_S = 0.4


@dataclass(frozen=True)
class Note:
    """A fault as it happened: `at` seconds after the driver's start."""

    fault: str
    what: str
    at: float


@dataclass
class Drive:
    """A start of the driver on the run in `place`; `due` is how many requests its attempts will make, or more.

    Faults may add `words` to the command, variables to `env` and cleaning up to `stack` (done when the driver ended),
    and put another `program` in front.
    """

    place: Path
    endpoint: Endpoint
    tasks: int
    due: int
    words: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    program: list[str] = field(default_factory=lambda: [sys.executable, "-m", "assay"])
    stack: ExitStack = field(default_factory=ExitStack)
    notes: list[Note] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # what went wrong in a fault itself
    faults: list[Fault] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)  # processes of the driver's
    open: list[str] = field(default_factory=list)  # the tasks that have no end yet
    own: dict[str, frozenset[str]] = field(default_factory=dict)  # what a fault makes of a task's right status
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    process: "subprocess.Popen[bytes] | None" = None
    left: list[str] = field(default_factory=list)
    hung: str = ""
    _timers: list[threading.Timer] = field(default_factory=list)
    _starts: list[Callable[[], None]] = field(default_factory=list)
    _began: float = 0.0
    _known: set[int] = field(default_factory=set)

    @property
    def run(self) -> Path:
        """The run's folder, which `--out` names."""
        return self.place / "run"

    @property
    def ledger(self) -> Path:
        """The run's ledger."""
        return self.run / "ledger.sqlite"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files and workspaces."""
        return self.place / "tmp"

    @property
    def pid(self) -> int:
        """The driver's process."""
        assert self.process is not None
        return self.process.pid

    def early(self, draw: random.Random) -> int:
        """Draw a request in the first third of the drive, for a fault that leaves the driver alive."""
        return draw.randint(1, max(1, self.due // 3))

    def moment(self, draw: random.Random) -> tuple[int, float]:
        """Draw a request, or the start, and a delay, for a fault that ends the driver: after those that do not."""
        if len(self.faults) > 1:
            return self.due // 3 + draw.randint(1, max(1, self.due // 4)), 0.0
        if draw.random() < _AT_START:
            return 0, draw.uniform(0, _START_S)
        return draw.randint(1, max(1, self.due // 2)), draw.choice((0.0, draw.uniform(0, _AFTER_S)))

    def note(self, fault: Fault, what: str) -> None:
        """Write down what was just injected."""
        self.notes.append(Note(fault.name, what, round(time.monotonic() - self._began, 3)))

    def at(self, fault: Fault, request: int, after_s: float, act: Callable[[], str]) -> None:
        """Inject when the driver has asked so often, and so long after; 0 is its start.

        `act` says what it did, "" where it came too late.
        """

        def inject() -> None:
            try:
                if self.process is not None and self.process.poll() is None:
                    self.seen |= remains.below(self.pid)
                    if what := act():
                        self.note(fault, f"{what}, {_moment(request, after_s)}")
            except Exception as error:  # in a thread: it must break the trial and not vanish
                self.broken.append(f"{fault.name}: {type(error).__name__}: {error}")

        def later() -> None:
            timer = threading.Timer(after_s, inject)
            timer.daemon = True
            self._timers.append(timer)
            timer.start()

        if request:
            self.endpoint.at(request, later if after_s else inject)
        else:
            self._starts.append(later)

    def signal(self, number: signal.Signals, pid: int | None = None) -> str:
        """Send a signal, to the driver where no process is given; return what was done."""
        try:
            os.kill(self.pid if pid is None else pid, number)
        except ProcessLookupError:
            return ""
        return f"{number.name} to {'the driver' if pid is None else f'process {pid}'}"

    def command(self) -> list[str]:
        """Return the command line."""
        return [
            *self.program,
            *("solve", "--tasks", "drills", "--limit", str(self.tasks), "--seed", str(SEED), "--json"),
            *("--model", f"openai:{self.endpoint.url}#{NAME}", "--out", str(self.run)),
            *("--workers", str(WORKERS), "--steps", str(STEPS), "--tries", str(_TRIES)),
            *("--reply-seconds", f"{_REPLY_S:g}", "--command-seconds", str(COMMAND_S), *self.words),
        ]

    def drive(self, number: int) -> int:
        """Run the driver to its end, or kill it when it does not end (`hung`); return its exit status."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        self._known = remains.children()
        private = {"TMPDIR": str(self.temporary), "ASSAY_TMP": str(self.temporary), remains.MARK: self.mark}
        env = {**os.environ, **private, **self.env}
        with (
            remains.adopting(),
            self.stack,
            (self.place / f"said-{number}.jsonl").open("wb") as out,
            (self.place / f"said-{number}.txt").open("wb") as err,
        ):
            self._began = time.monotonic()
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, start_new_session=True
            )
            self.seen.add(self.process.pid)
            for start in self._starts:
                start()
            try:
                self.process.wait(timeout=_ENDS_S)
            except subprocess.TimeoutExpired:
                self.hung = f"the driver did not end within {_ENDS_S:g} s"
            finally:
                self.seen |= remains.below(self.process.pid)
                self.process.kill()
                self.process.wait()
                for timer in self._timers:
                    timer.cancel()
                    timer.join()
                self.stack.close()
                self.left = remains.soon(self._processes)
            return self.process.returncode

    def _processes(self) -> list[str]:
        return remains.processes(self.mark, self._known)

    def said(self, number: int) -> tuple[str, str]:
        """Return what the driver wrote to standard output and standard error."""
        return (
            (self.place / f"said-{number}.jsonl").read_text(errors="replace"),
            (self.place / f"said-{number}.txt").read_text(errors="replace"),
        )


def _moment(request: int, after_s: float) -> str:
    where = f"request {request}" if request else "the start"
    return f"{after_s:.2f} s after {where}" if after_s else f"at {where}"


def drives(faults: Sequence[Fault]) -> list[list[Fault]]:
    """Deal faults to drives, in their order: after one that ends the driver, the next begins another."""
    dealt: list[list[Fault]] = []
    for ended, fault in zip(itertools.chain([True], (fault.ends for fault in faults)), faults, strict=False):
        if ended:
            dealt.append([])
        dealt[-1].append(fault)
    return dealt
