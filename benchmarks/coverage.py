"""How often every interval and test of `assay.statistics` holds what it promises, in simulated worlds.

Run: python -m benchmarks.coverage [--only NAME] [--share 0.1] [--json] [--markdown]
Prints a line a case as it ends: the share of draws that cover (or reject, or find) and its Monte Carlo error. Exit
status 1 where a share lies outside of what is promised by more than three of its errors.
"""

import argparse
import json
import math
import os
import sys
import zlib
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded: one core

import numpy as np
from numpy.typing import NDArray

from benchmarks.coverage_cases import Array, Case, Counts, cases


@dataclass(frozen=True)
class Found:
    """A case with what it came to, in percent; `error` is the Monte Carlo standard error, `n` the draws."""

    case: Case
    share: float
    error: float
    n: int

    def holds(self, errors: float = 3.0) -> bool:
        """Whether the share lies in the band, within as many Monte Carlo errors."""
        low, high = self.case.band
        return low - errors * self.error <= self.share <= high + errors * self.error

    @property
    def words(self) -> str:
        """The share with its error."""
        return f"{self.share:.1f} ± {self.error:.1f} %"


def draws(case: Case, repeats: int, seed: int = 0) -> list[Array]:
    """Return as many draws of a case; the seed gives the same ones whatever other cases are run."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{case.name}: {case.setting}".encode())])
    return [np.asarray(case.draw(rng), dtype=np.float64) for _ in range(repeats)]


def counted(case: Case, drawn: list[Array], *, squeeze: float = 1.0, level: float = 0.05) -> Found:
    """Return what draws come to.

    `squeeze` moves the ends of intervals towards the estimate and `level` is that of tests: a check of the checks,
    which have to fail where an interval is too narrow or a test rejects too much.
    """
    shares = np.array([_hits(case, each, squeeze, level).mean() for each in drawn])
    # Of none or all hits the error is that of one more draw that is another.
    spread = float(shares.std()) or math.sqrt(1 / len(drawn))
    return Found(case, 100 * float(shares.mean()), 100 * spread / math.sqrt(len(drawn)), len(drawn))


def _hits(case: Case, drawn: Array, squeeze: float, level: float) -> NDArray[np.bool_]:
    if case.counts is Counts.REJECTS:
        return drawn < level
    if case.counts is not Counts.COVERS:
        return drawn > 0
    low, middle, high, truth = drawn.T
    with np.errstate(invalid="ignore"):
        # An end at infinity is no nearer for being squeezed.
        ends = [np.where(np.isfinite(end - middle), middle + squeeze * (end - middle), end) for end in (low, high)]
    return (ends[0] - 1e-12 <= truth) & (truth <= ends[1] + 1e-12)


def table(found: list[Found]) -> str:
    """Return the table of docs/statistics.md."""
    lines = ["| of | setting | n | share | promised |", "|---|---|---|---|---|"]
    for each in found:
        what = "" if each.case.counts is Counts.COVERS else f"{each.case.counts.value}: "
        low, high = each.case.band
        said = f"{low:.0f} to {high:.0f} %" + (f" ({each.case.why})" if each.case.why else "")
        lines.append(f"| `{each.case.name}` | {what}{each.case.setting} | {each.n} | {each.words} | {said} |")
    return "\n".join(lines)


def main() -> int:
    """Simulate and print; with --json one object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME", help="cases of this name, or with it in their setting")
    parser.add_argument("--share", type=float, default=1.0, help="of the draws of each case")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true", help="the table of docs/statistics.md at the end")
    asked = parser.parse_args()
    chosen = [case for case in cases() if asked.only in (None, case.name) or asked.only in case.setting]
    if not chosen:
        parser.error(f"no case is named {asked.only!r}: {', '.join(dict.fromkeys(case.name for case in cases()))}")
    found = []
    for case in chosen:
        found.append(counted(case, draws(case, max(20, round(case.repeats * asked.share)))))
        mark = "" if found[-1].holds() else "  OUTSIDE"
        print(f"{case.name:30} {case.setting:75} {found[-1].words}{mark}", flush=True)
    if asked.markdown:
        print(table(found))
    if asked.json:
        rows = [
            {
                "name": each.case.name,
                "setting": each.case.setting,
                "counts": each.case.counts.value,
                "share": round(each.share / 100, 4),
                "error": round(each.error / 100, 4),
                "n": each.n,
                "band": [end / 100 for end in each.case.band],
                "holds": each.holds(),
            }
            for each in found
        ]
        print(json.dumps({"cases": rows, "outside": sum(not each.holds() for each in found)}))
    return 0 if all(each.holds() for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
