"""Trials: best of several called one, and trying again until it works."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from scipy.stats import fisher_exact

from assay.audit.findings import Finding
from assay.audit.integrity._run import AuditedRun

_FEWEST = 5


@dataclass
class _Arm:
    """Tasks by how their first trial ended: how many had one trial and how many had more."""

    failed: list[int] = field(default_factory=lambda: [0, 0])
    solved: list[int] = field(default_factory=lambda: [0, 0])
    odd: int = 0
    ended_solved: int = 0


def check(run: AuditedRun) -> Iterator[Finding]:
    """Yield arms whose number of trials depends on how the trials ended, and arms that kept one of several."""
    sql = """SELECT arm, task_id, seed, dose, COUNT(*), MAX(trial),
        (SELECT b.value FROM attempts b WHERE b.arm = a.arm AND b.task_id = a.task_id AND b.seed = a.seed
            AND b.dose = a.dose AND b.value IS NOT NULL ORDER BY b.trial LIMIT 1),
        (SELECT b.value FROM attempts b WHERE b.arm = a.arm AND b.task_id = a.task_id AND b.seed = a.seed
            AND b.dose = a.dose AND b.value IS NOT NULL ORDER BY b.trial DESC LIMIT 1)
        FROM attempts a WHERE value IS NOT NULL GROUP BY arm, task_id, seed, dose ORDER BY arm"""
    arms: dict[str, _Arm] = {}
    for arm, _, _, _, count, most, first, last in run.tally.ask(sql):
        row = arms.setdefault(arm, _Arm())
        (row.solved if first >= 1.0 else row.failed)[count > 1] += 1
        row.odd += count == 1 and most > 0
        row.ended_solved += count > 1 and last >= 1.0
    for arm, row in arms.items():
        failed, solved, odd, ended_solved = row.failed, row.solved, row.odd, row.ended_solved
        p = float(fisher_exact([list(failed), list(solved)], alternative="less").pvalue)
        if failed[1] >= _FEWEST and p < 0.001:
            said = (
                f"arm {arm}: {failed[1]} of {sum(failed)} tasks whose first trial failed were tried again, and "
                f"{solved[1]} of {sum(solved)} whose first trial passed (Fisher, p = {p:.2g}); {ended_solved} of the "
                "repeated ended solved: this is no pass@1"
            )
            yield run.finding("retried_until_solved", 0.85, said)
        if odd >= _FEWEST:
            said = f"arm {arm}: {odd} tasks have one attempt, and it is not the first trial: best of n called pass@1?"
            yield run.finding("best_of_n", 0.7, said)
