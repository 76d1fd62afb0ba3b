"""Leak audits in words for a terminal: every rate with n and its interval, and what it was measured on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assay.audit.leaks.audit import Audit, in_words, terms_in_words
from assay.audit.leaks.calibration import Calibration
from assay.audit.leaks.rates import Rate

if TYPE_CHECKING:  # these import torch, which the audit of a corpus does without
    from assay.audit.leaks.bits import Mean
    from assay.audit.leaks.model import ModelAudits
    from assay.audit.leaks.trajectories import DataAudit


def calibration_lines(calibration: Calibration) -> Iterator[str]:
    """Yield what the classifier finds and what it wrongly finds."""
    yield (
        f"anachronism after {calibration.cutoff - 1}, windows of {calibration.window} words, threshold "
        f"{calibration.threshold:.2f}, seed {calibration.seed}; intervals at 95 %, clustered by document"
    )
    yield f"false positives on clean text: {percent(calibration.false_positives)}"
    yield f"  with one letter in fifty misread: {percent(calibration.false_positives_spoiled)}"
    for row in calibration.false_positives_by_source:
        yield f"  {row.source:20} {percent(row.rate)}"
    yield "recall by words of a planted leak:"
    for each in calibration.recall:
        yield f"  {each.words:4}  {percent(each.rate)}"
    longest = max((row.words for row in calibration.recall_by_source), default=0)
    yield f"recall of {longest} words by where the leak is from:"
    for row in calibration.recall_by_source:
        if row.words == longest:
            yield f"  {row.source:20} {percent(row.rate)}"


def audit_lines(audit: Audit, calibration: Calibration, flags: int = 5) -> Iterator[str]:
    """Yield an audit's sentence, the shares by length of leak, coinages, and the highest flags with their reasons."""
    yield in_words(audit, calibration)
    for leak in audit.leaks:
        yield (
            f"  windows with a leak of {leak.words} words: {percent(leak.rate)}, "
            f"at most {leak.at_most:.2%} if no flag were false"
        )
    for name, rate in audit.by_collection:
        yield f"  {name:20} flagged {percent(rate)}"
    if audit.coined is not None:
        words = ", ".join(f"{term} x{count}" for term, count in audit.coined_terms[:8])
        yield (
            f"  words coined from {audit.cutoff} on: {audit.coined.estimate:.4f} in a thousand "
            f"[{audit.coined.low:.4f}, {audit.coined.high:.4f}], n = {audit.words:,} words"
            f"{f': {words}' if words else ''}"
        )
    for flag in audit.flags[:flags]:
        passage = flag.passage if len(flag.passage) <= 160 else f"{flag.passage[:157]}..."
        yield f"  {flag.document} ({flag.score:.1f}): {passage!r}"
        yield f"    because of {terms_in_words(flag.reasons)}"


def data_lines(audit: "DataAudit", calibration: Calibration, flags: int = 5) -> Iterator[str]:
    """Yield the audit of post-training data: what is learned from first, then what is only read."""
    yield f"{audit.data}: trajectories with a flagged window in what is learned: {percent(audit.flagged_learned)}"
    yield f"{audit.data}: trajectories with a flagged window in what is read: {percent(audit.flagged_read)}"
    yield (
        f"  code set apart: {audit.code_learned:.1%} of the characters learned from, {audit.code_read:.1%} of those "
        "read; programs are later than the cutoff by their nature and are not judged"
    )
    yield f"  different texts: {audit.distinct_learned:,} learned from, {audit.distinct_read:,} read; copies count once"
    yield from audit_lines(audit.learned, calibration, flags)
    yield from audit_lines(audit.read, calibration, flags)
    if audit.unreadable:
        yield f"  {audit.unreadable} could not be read: {'; '.join(audit.first_unreadable)}"


def model_lines(audits: "ModelAudits", calibration: Calibration, flags: int = 5) -> Iterator[str]:
    """Yield surprise by decade, choices and samples of each model, and the models compared by item."""
    for audit in audits.models:
        bits, found = audit.surprise, audit.choice
        yield f"{audit.model}: bits per byte by decade ({bits.items}; 95 % over items)"
        for decade in bits.decades:
            yield f"  {decade.decade}s  {interval(decade.bits)}"
        for word, slope in (("before", bits.slope_before), ("from", bits.slope_after)):
            if slope is not None:
                yield f"  slope a decade, {word} {bits.cutoff}: {interval(slope)}"
        verdict = "it rises" if bits.rises else "it does not rise distinguishably"
        yield f"  from {bits.cutoff} on minus before: {interval(bits.rise)}: {verdict}"
        yield f"{audit.model}: choices ({found.items}), chance {found.chance:.0%}"
        for word, rate, corrected in (
            ("before", found.before, found.before_corrected),
            ("from", found.after, found.after_corrected),
        ):
            yield f"  {word} {found.cutoff}: {percent(rate)}; own surprise of the options off: {percent(corrected)}"
        yield f"  {found.conclusion}"
        if audit.samples is not None:
            yield f"{audit.model}: {audit.sampling}"
            yield from audit_lines(audit.samples, calibration, flags)
    for pair in audits.paired:
        yield (
            f"{pair.model} minus {pair.minus}, bits per byte by item: before {interval(pair.before)}; "
            f"after {interval(pair.after)}; change at the cutoff {interval(pair.change)}"
        )


def percent(rate: Rate) -> str:
    """Return a rate in per cent with its interval and n."""
    return f"{rate.estimate:.2%} [{rate.low:.2%}, {rate.high:.2%}], n = {rate.n:,}"


def interval(found: "Mean") -> str:
    """Return a mean with its interval and n."""
    return f"{found.estimate:+.3f} [{found.low:+.3f}, {found.high:+.3f}], n = {found.n}"
