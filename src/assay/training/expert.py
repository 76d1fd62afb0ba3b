"""Expert iteration: which attempts of a round are learned from, those that were verified and say something new."""

from collections.abc import Iterable

from assay.ledger.calls import spoken
from assay.nouns import Status
from assay.training.collect import Tried


def verified(tried: Iterable[Tried], per_task: int) -> list[Tried]:
    """Return the solved attempts, at most `per_task` of one task and none that says what a kept one says.

    Of a task's solved attempts those with the fewest steps go first, then the order of the plan decides.
    """
    kept: list[Tried] = []
    count: dict[str, int] = {}
    said: set[tuple[str, tuple[str, ...]]] = set()
    solved = [each for each in tried if each[0].status is Status.SOLVED]
    for attempt, trajectory in sorted(solved, key=lambda each: each[0].steps):
        task_id = attempt.plan.task_id
        words = (task_id, tuple(spoken(step.reply) for step in trajectory.steps))
        if count.get(task_id, 0) < per_task and words not in said:
            said.add(words)
            count[task_id] = count.get(task_id, 0) + 1
            kept.append((attempt, trajectory))
    return kept
