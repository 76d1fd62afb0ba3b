"""Numbers as people read them, and the sentences of the answer, computed from the numbers and nothing else."""

import math
import re
from collections.abc import Callable

from assay.nouns import Status
from assay.report.measures import Comparison, Measures
from assay.report.record import Record
from assay.statistics import Interval, Verdict

NOT_RECORDED = "not recorded"
MINUS = "−"
_NBSP = "\u00a0"
# Characters that would hide or reorder what stands on a page: controls and ANSI, bidirectional overrides.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def number(value: object) -> str:
    """Return a count or a measure with thousands separated, or 'not recorded'."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NOT_RECORDED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 and value == int(value) else f"{value:,.4g}"
    return str(value)


def percent(share: float) -> str:
    """Return a share of 1 as a percentage with one decimal."""
    return "—" if math.isnan(share) else f"{100 * share:.1f}{_NBSP}%"


def points(difference: float) -> str:
    """Return a difference of shares in points, signed."""
    if math.isnan(difference):
        return "—"
    text = f"{100 * difference:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", MINUS)


def between(interval: Interval, form: Callable[[float], str] = percent) -> str:
    """Return the ends of an interval in brackets."""
    if not interval.known:
        return "no valid attempt"
    low, high = (form(end).replace(f"{_NBSP}%", "") for end in (interval.low, interval.high))
    return f"[{low},{_NBSP}{high}]"


def p_value(p: float) -> str:
    """Return a p-value to two figures, never as zero."""
    if math.isnan(p):
        return "—"
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def duration(seconds: object) -> str:
    """Return seconds as hours, minutes and seconds."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return NOT_RECORDED
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"


def count(n: int, noun: str, nouns: str = "") -> str:
    """Return a count with its noun in the right number."""
    return f"{n:,} {noun if n == 1 else nouns or noun + 's'}"


def visible(text: str, most: int = 6000) -> str:
    """Return text that a page can show: unseen characters made visible, the middle of a long one left out."""
    if len(text) > most:
        half = most // 2
        left_out = len(text) - 2 * half
        text = f"{text[:half]}\n[... {left_out:,} characters are left out here ...]\n{text[-half:]}"
    text = text.replace("\r\n", "\n")
    return _UNSEEN.sub(
        lambda match: f"\\x{ord(match[0]):02x}" if ord(match[0]) < 256 else f"\\u{ord(match[0]):04x}", text
    )


def finding(verdict: Verdict, margin: float | None) -> str:
    """Return a verdict with the margin it was reached at."""
    if margin is None:
        return {Verdict.NEITHER: "no difference shown; no margin of equality was stated"}.get(verdict, verdict.value)
    at = f"{100 * margin:g} points"
    return {
        Verdict.EQUAL: f"equal within the margin of {at}",
        Verdict.DIFFERENT: "different",
        Verdict.DIFFERENT_BUT_SMALL: f"different, but by less than the margin of {at}",
        Verdict.NEITHER: f"neither equal nor different at a margin of {at}",
        Verdict.UNKNOWN: "unknown, for want of valid pairs",
    }[verdict]


def instance_set(record: Record, split: str) -> str:
    """Return the instance set and the seeds of a split, which no number goes without."""
    return f"{count(len(record.sets[split].tasks), 'task')}, {count(len(record.seeds), 'seed')}"


def seed_list(record: Record) -> str:
    """Return the seeds of the run, by name."""
    return ", ".join(map(str, record.seeds)) or "none"


def answers(record: Record, measures: Measures) -> list[str]:
    """Return one sentence for each split: the top dose's pass rates and their difference."""
    top = record.top
    if top is None:
        return ["Nothing is planned in this ledger, so there is nothing to say."]
    pair = record.pairs[0] if record.pairs else None
    arms = (pair[1], pair[0]) if pair else record.arms
    sentences = []
    for split in record.splits:
        known = [(arm, measures.means[arm, top, split]) for arm in arms if (arm, top, split) in measures.means]
        parts = [f"{arm} passes {percent(mean.estimate)} {between(mean)}" for arm, mean in known if mean.known]
        when = f"after {count(top, 'trajectory', 'trajectories')}" if top else "untrained"
        start = f"On {split} ({instance_set(record, split)}), {when}, "
        if not parts:
            sentences.append(f"{start}no attempt has a score yet.")
            continue
        sentence = start + " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
        comparison = measures.differences.get((*pair, top, split)) if pair else None
        if comparison and comparison.difference.interval.known:
            interval = comparison.difference.interval
            sentence += (
                f"; {comparison.a} minus {comparison.b} is {points(interval.estimate)} points "
                f"{between(interval, points)}: {finding(comparison.verdict, record.margin)}"
            )
        sentences.append(sentence + ".")
    return sentences


def lift(record: Record, measures: Measures) -> str:
    """Return what training added to each arm's own untrained floor, or an empty text."""
    parts = []
    for split in record.splits:
        found: list[Comparison] = [
            measures.floors[arm, split]
            for arm in record.arms
            if (arm, split) in measures.floors and measures.floors[arm, split].difference.interval.known
        ]
        gains = (
            f"{c.a} {points(c.difference.interval.estimate)} {between(c.difference.interval, points)}" for c in found
        )
        if found:
            parts.append(f"on {split} {', '.join(gains)}")
    return f"Points above the same arm untrained: {'; '.join(parts)}." if parts else ""


def cautions(record: Record, measures: Measures) -> list[str]:
    """Return what a reader must know before believing the numbers, most serious first."""
    said = []
    if record.missing:
        said.append(
            f"This run is not finished: {record.missing:,} of {count(record.planned, 'planned attempt')} "
            "have no result yet, and the numbers will change."
        )
    broken = record.statuses()[Status.MACHINERY]
    if broken:
        said.append(
            f"{count(broken, 'attempt')} failed on our side (status machinery): no score, "
            "left out of both parts of every rate, and counted below."
        )
    top = record.top
    gaps = [c for key, c in measures.differences.items() if key[2] == top and c.coverage]
    said += [f"{c.a} minus {c.b} on {c.split}: {c.coverage}" for c in gaps]
    cheated = record.statuses()[Status.CHEATED]
    if cheated:
        said.append(f"{count(cheated, 'attempt')} cheated; they count as failures, and three figures are given below.")
    if len(record.seeds) == 1:
        said.append(
            "One training seed: the intervals speak of the choice of tasks and say nothing of the luck of training."
        )
    elif record.seeds:
        said.append(
            f"{len(record.seeds)} training seeds ({seed_list(record)}): "
            "the intervals speak of the choice of tasks and of the luck of training."
        )
    return said
