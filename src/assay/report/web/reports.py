"""The static report of an experiment beside its ledger, and what the experiment itself said should be compared."""

import base64
import hashlib
import re
from pathlib import Path

from assay.report.web.runs import LEDGER, Damaged, Run

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def report_of(run: Run) -> Path | None:
    """Return where a run's report lies, None where there is none."""
    index = run.folder / "report" / "index.html"
    return index if run.path.name == LEDGER and index.is_file() else None


def read(index: Path) -> str:
    """Return the report's HTML. Raises Damaged."""
    try:
        return index.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Damaged(f"The report {index} cannot be read ({error}): make it again with --rebuild") from error


def policy(html: str) -> str:
    """Return a policy under which the report's own style sheet holds, named by its hash, and nothing else runs."""
    hashes = [base64.b64encode(hashlib.sha256(css.encode()).digest()).decode() for css in _STYLE.findall(html)]
    styles = " ".join(f"'sha256-{each}'" for each in hashes[:4]) or "'none'"
    return f"default-src 'none'; img-src data:; style-src {styles}; base-uri 'none'; frame-ancestors 'none'"


def pairs_of(run: Run) -> list[str]:
    """Return the arms that the experiment compares, the baseline first, as `assay compare` names them."""
    experiment = run.experiment()
    pairs = [pair for pair in experiment.get("pairs") or () if isinstance(pair, list | tuple) and len(pair) == 2]
    doses = [dose for dose in experiment.get("doses") or () if isinstance(dose, int)]
    suffix = f"@{max(doses)}" if doses else ""
    names = [name for pair in pairs[:1] for name in (pair[1], pair[0])]
    listed = [arm.get("name") for arm in experiment.get("arms") or () if isinstance(arm, dict)]
    return [f"{name}{suffix}" for name in dict.fromkeys([*names, *listed])][:6]


def margin_of(run: Run) -> float | None:
    """Return the margin of equality that the experiment stated before it ran."""
    margin = run.experiment().get("margin")
    return float(margin) if isinstance(margin, int | float) and 0 < margin < 1 else None
