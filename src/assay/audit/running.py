"""Every detector on one attempt: found by the registry, run in turn; one that breaks is named and hides no other."""

from collections.abc import Iterable

from assay.audit.findings import CONDUCT, Case, Finding
from assay.audit.views import View
from assay.errors import UserError

_MOST = 40  # findings of one mechanism in one attempt: the surest are kept


def look(case: Case, *, without: Iterable[str] = ()) -> list[Finding]:
    """Return what all detectors saw in `case`, in the order of the steps; `without` names detectors to leave out."""
    return looked(View(case), without=without)


def looked(view: View, *, without: Iterable[str] = ()) -> list[Finding]:
    """Return what `look` does, of a case that is made ready already."""
    from assay.audit.evidence import detectors

    found: list[Finding] = []
    for name, detect in detectors().items():
        if name in without:
            continue
        try:
            found += list(detect(view))
        except UserError:
            raise
        except Exception as error:  # what others wrote may be wrong in any way, and the other detectors go on
            evidence = f"the detector {name} broke on this attempt: {type(error).__name__}: {error}"
            found.append(view.finding(name, CONDUCT, "not_looked_at", 0.0, evidence, where="plan"))
    return _ordered(found)


def _ordered(found: list[Finding]) -> list[Finding]:
    """Return the findings in the order of their steps, each once, and of one mechanism only the surest."""
    unique: dict[tuple[object, ...], Finding] = {}
    for one in sorted(found, key=lambda one: -one.confidence):  # two detectors may see the same, one of them surer
        unique.setdefault((one.mechanism, one.step, one.line, one.where, one.evidence), one)
    kept: list[Finding] = []
    counts: dict[str, int] = {}
    for one in unique.values():
        counts[one.mechanism] = counts.get(one.mechanism, 0) + 1
        if counts[one.mechanism] <= _MOST:
            kept.append(one)
    return sorted(kept, key=lambda one: (one.step is None, one.step or 0, one.line or 0, -one.confidence))
