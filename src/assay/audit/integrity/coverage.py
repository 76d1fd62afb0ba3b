"""What was planned against what came back: attempts without an end, and failures that were dropped."""

from collections.abc import Iterator

from scipy.stats import fisher_exact

from assay.audit.findings import Finding
from assay.audit.integrity._run import AuditedRun

_SURE = 0.01  # of the tests of Fisher, over all arms together (Bonferroni)
_FEWEST = 5


def check(run: AuditedRun) -> Iterator[Finding]:
    """Yield arms with unfinished attempts, and those where what is missing, or ours, is what others failed at."""
    ask = run.tally.ask
    arms = [arm for (arm,) in ask("SELECT DISTINCT arm FROM planned UNION SELECT DISTINCT arm FROM attempts")]
    for arm in arms:
        (planned,) = next(ask("SELECT COUNT(*) FROM planned WHERE arm = ?", arm))
        (missing,) = next(
            ask(
                "SELECT COUNT(*) FROM planned p WHERE arm = ? AND NOT EXISTS "
                "(SELECT 1 FROM attempts a WHERE a.name = p.name AND a.status IS NOT NULL)",
                arm,
            )
        )
        if missing:
            said = f"arm {arm}: {missing} of {planned} planned attempts have no final row"
            yield run.finding("missing_attempts", 0.9, said)
        yield from _dropped(run, arm, len(arms))
    yield from _uneven(run)


def _dropped(run: AuditedRun, arm: str, arms: int) -> Iterator[Finding]:
    """Compare, for the tasks that an arm lacks and those that it has, how often the other arms solve them."""
    sql = """
        SELECT lacks, SUM(value >= 1.0), SUM(value < 1.0) FROM (
            SELECT a.value AS value, NOT EXISTS (
                SELECT 1 FROM attempts m WHERE m.task_id = a.task_id AND m.arm = ?1 AND m.value IS NOT NULL) AS lacks
            FROM attempts a WHERE a.arm != ?1 AND a.value IS NOT NULL)
        GROUP BY lacks"""
    table = {lacks: (solved or 0, failed or 0) for lacks, solved, failed in run.tally.ask(sql, arm)}
    lacked, had = table.get(1, (0, 0)), table.get(0, (0, 0))
    if sum(lacked) < _FEWEST or sum(had) < _FEWEST:
        return
    p = float(fisher_exact([list(lacked), list(had)], alternative="less").pvalue)
    if p < _SURE / max(arms, 1):
        said = (
            f"arm {arm} has no score on tasks that other arms solve {lacked[0]} times of {sum(lacked)}, and scores on "
            f"tasks that they solve {had[0]} times of {sum(had)} (Fisher, p = {p:.2g}): failures may have been dropped"
        )
        yield run.finding("dropped_failures", 0.75, said)


def _uneven(run: AuditedRun) -> Iterator[Finding]:
    """Yield arms in which far more attempts ended with a failure of the machinery than in the others."""
    sql = """SELECT arm, SUM(status = 'machinery'), SUM(status != 'machinery') FROM attempts
        WHERE status IS NOT NULL GROUP BY arm"""
    counts = {arm: (broken, fine) for arm, broken, fine in run.tally.ask(sql)}
    if len(counts) < 2:
        return
    for arm, (broken, fine) in counts.items():
        others = [pair for other, pair in counts.items() if other != arm]
        rest = (sum(b for b, _ in others), sum(f for _, f in others))
        p = float(fisher_exact([[broken, fine], list(rest)], alternative="greater").pvalue)
        if broken >= _FEWEST and p < _SURE / len(counts):
            said = (
                f"arm {arm}: {broken} of {broken + fine} attempts ended in the machinery, elsewhere {rest[0]} of "
                f"{sum(rest)} (Fisher, p = {p:.2g})"
            )
            yield run.finding("uneven_machinery", 0.6, said)
