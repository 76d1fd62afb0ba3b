"""What `assay audit` found in a ledger's attempts: the file of findings beside it, read as flags."""

import hashlib
import json
from pathlib import Path

from assay.ledger.browse import AUDIT

_CHEATS = frozenset({"harness", "task"})
_FLAGGED_FROM = 0.5  # as `assay audit` has it


def audit_flags(ledger: Path) -> dict[str, tuple[str, ...]]:
    """Return the mechanisms found in each flagged attempt, {} where there is no audit. Broken lines are left out."""
    found: dict[str, set[str]] = {}
    path = ledger.with_name(AUDIT)
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                told = json.loads(line)
                sure = float(told["confidence"]) >= _FLAGGED_FROM and told["kind"] in _CHEATS
                attempt, mechanism = told["attempt"], told["mechanism"]
            except (ValueError, TypeError, KeyError):
                continue
            if sure and attempt and isinstance(attempt, str):
                found.setdefault(attempt, set()).add(str(mechanism))
    return {attempt: tuple(sorted(names)) for attempt, names in found.items()}


def with_audit(sha256: str, ledger: Path) -> str:
    """Return a ledger's hash with that of its flags, where it was audited: another audit makes another training set."""
    flags = audit_flags(ledger)
    return hashlib.sha256(f"{sha256} {sorted(flags.items())}".encode()).hexdigest() if flags else sha256
