"""`python -m assay.chaos.stepping ...` is `assay ...` with a clock that steps back once a file is there.

What steps: `time.time` and `time.time_ns` of this process, as all Python code that asks them sees it, ours and our
libraries'. What does not: `datetime.now`, which asks the system in C, SQLite's own clock, file times, the processes
that this one starts, and the monotonic clock, which no step changes on a real machine either.
"""

import os
import runpy
import time
from collections.abc import Callable

VARIABLE = "ASSAY_CHAOS_STEP"  # SECONDS:FILE


def step(seconds: float, flag: str) -> None:
    """Put clocks in place that are `seconds` behind as soon as the file `flag` is there."""
    real: Callable[[], float] = time.time
    real_ns: Callable[[], int] = time.time_ns
    time.time = lambda: real() - seconds if os.path.exists(flag) else real()
    time.time_ns = lambda: real_ns() - int(seconds * 1e9) if os.path.exists(flag) else real_ns()


if __name__ == "__main__":
    by, _, place = os.environ.pop(VARIABLE).partition(":")
    step(float(by), place)
    runpy.run_module("assay", run_name="__main__")
