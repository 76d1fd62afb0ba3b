"""The terms of the attempts: limits, prompts and task sets that were not the same for all."""

from collections.abc import Iterator

from assay.audit.findings import Finding
from assay.audit.integrity._run import AuditedRun


def check(run: AuditedRun) -> Iterator[Finding]:
    """Yield arms that had more steps, another prompt, or other tasks."""
    yield from _limits(run)
    yield from _prompts(run)
    yield from _sets(run)


def _limits(run: AuditedRun) -> Iterator[Finding]:
    over = (
        "SELECT arm, COUNT(*), MAX(steps - limit_steps), MIN(name) FROM attempts WHERE steps > limit_steps GROUP BY arm"
    )
    for arm, count, most, name in run.tally.ask(over):
        said = f"arm {arm}: {count} attempts took up to {most} steps more than their task allows, {name} among them"
        yield run.finding("limits_changed", 0.8, said, attempt=name)
    sql = """SELECT task_id, MIN(steps), MAX(steps), COUNT(DISTINCT arm) FROM attempts
        WHERE status = 'limit' GROUP BY task_id HAVING MIN(steps) != MAX(steps)"""
    found = list(run.tally.ask(sql))
    if found:
        task_id, low, high, _ = max(found, key=lambda row: row[2] - row[1])
        said = f"{len(found)} tasks ended at differing limits of steps, {task_id} at {low} and at {high}"
        yield run.finding("limits_changed", 0.7, said, task_id=task_id)


def _prompts(run: AuditedRun) -> Iterator[Finding]:
    sql = """SELECT COUNT(*), MIN(task_id) FROM (SELECT task_id FROM attempts WHERE prompt IS NOT NULL
        GROUP BY task_id HAVING COUNT(DISTINCT prompt) > 1)"""
    count, task_id = next(run.tally.ask(sql))
    if count:
        said = f"{count} tasks were put in more than one wording, {task_id} among them"
        yield run.finding("prompts_differ", 0.5, said, task_id=task_id)


def _sets(run: AuditedRun) -> Iterator[Finding]:
    table = "planned" if next(run.tally.ask("SELECT COUNT(*) FROM planned"))[0] else "attempts"
    arms = [arm for (arm,) in run.tally.ask(f"SELECT DISTINCT arm FROM {table} ORDER BY arm")]
    (every,) = next(run.tally.ask(f"SELECT COUNT(DISTINCT task_id) FROM {table}"))
    for arm in arms:
        (own,) = next(run.tally.ask(f"SELECT COUNT(DISTINCT task_id) FROM {table} WHERE arm = ?", arm))
        if own < every:
            said = f"arm {arm} has {own} of the {every} tasks of the run: compare arms on the tasks that they share"
            yield run.finding("instance_sets_differ", 0.5, said)
