"""What `assay audit` found in a ledger's attempts: the file of findings beside it, read as flags."""

import hashlib
from collections import defaultdict
from pathlib import Path

from assay.ledger.browse import flags


def audit_flags(ledger: Path) -> dict[str, tuple[str, ...]]:
    """Return the mechanisms found in each flagged attempt, {} where there is no audit. Broken lines are left out."""
    found: dict[str, set[str]] = defaultdict(set)
    for attempt, mechanism in flags(ledger):
        found[attempt].add(mechanism)
    return {attempt: tuple(sorted(names)) for attempt, names in found.items()}


def with_audit(sha256: str, ledger: Path) -> str:
    """Return a ledger's hash with that of its flags, where it was audited: another audit makes another training set."""
    found = audit_flags(ledger)
    return hashlib.sha256(f"{sha256} {sorted(found.items())}".encode()).hexdigest() if found else sha256
