"""Attempts that are one attempt: the same words and log-probabilities, or the same content and the same seconds."""

from collections.abc import Iterator

from assay.audit.findings import Finding
from assay.audit.integrity._run import AuditedRun

_LEAST_STEPS = 2
_SHOWN = 50


def check(run: AuditedRun) -> Iterator[Finding]:
    """Yield attempts that stand more than once in the run, and how many merely did the same."""
    sql = """SELECT GROUP_CONCAT(name, ' '), COUNT(*), arm, MIN(task_id), COUNT(DISTINCT seed), COUNT(DISTINCT trial)
        FROM attempts WHERE {key} IS NOT NULL AND steps >= ? GROUP BY {key}, {with_} HAVING COUNT(*) > 1
        ORDER BY 2 DESC LIMIT ?"""
    copied = sql.format(key="content", with_="wall_s, arm")
    for names, count, arm, task_id, seeds, trials in run.tally.ask(copied, _LEAST_STEPS, _SHOWN):
        first = names.split(" ")[0]
        said = (
            f"{count} attempts of arm {arm} did and saw the same in the same time to the millisecond ({seeds} seeds, "
            f"{trials} trials): {names}"
        )
        yield run.finding("duplicated_attempt", 0.85, said, attempt=first, task_id=task_id)
    for arm, same, total in run.tally.ask(
        """SELECT arm, SUM(n) - COUNT(*), (SELECT COUNT(*) FROM attempts t WHERE t.arm = g.arm) FROM (
            SELECT arm, task_id, content, COUNT(*) AS n FROM attempts WHERE content IS NOT NULL GROUP BY 1, 2, 3) g
            GROUP BY arm HAVING SUM(n) > COUNT(*)"""
    ):
        said = f"arm {arm}: {same} of {total} attempts did the very same as another one at the same task"
        yield run.finding("same_content", 0.2, said)
    across = """SELECT arm, other, COUNT(*) FROM (
            SELECT a.arm AS arm, b.arm AS other FROM attempts a JOIN attempts b
            ON a.sampled = b.sampled AND a.task_id = b.task_id AND a.arm < b.arm
            WHERE a.sampled IS NOT NULL AND a.steps >= ?) GROUP BY 1, 2 HAVING COUNT(*) >= 3"""
    run.tally.db.execute("CREATE INDEX IF NOT EXISTS by_sampled ON attempts (sampled)")
    for arm, other, count in run.tally.ask(across, _LEAST_STEPS):
        said = f"{count} attempts of {arm} and {other} have the same words and log-probabilities: one model, two names"
        yield run.finding("same_model", 0.8, said)
