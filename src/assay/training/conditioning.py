"""Score conditioning: attempts are learned from with a tag of their score in the prompt; then a score is asked for.

A tag is a decile: 1 to 10 of 10. It is made for each task by itself, so that it says how good an attempt is for
its task, not how easy its task is. Two readings of "decile":

    share   achieved / best, the best score known of the task: ceil(10 x share), at least 1 (as in PIE);
    rank    where the score stands among the task's scores, ties alike, at their middle.

With rewards 0 and 1, `share` gives tags 1 and 10 only. A tag above the range (11 of 10) was never seen in
training; that it does better than the top one would be a claim to extrapolate, and `calibration` tests it.
Sources: Shypula et al. 2024, arXiv 2302.07867 (PIE); Srivastava et al. 2019, arXiv 1912.02877.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import spearmanr

from assay.agents import ShellConfig
from assay.nouns import Message, Role

TOP = 10
Reading = Literal["share", "rank"]


def deciles(scores: Sequence[float | None], *, best: float | None = None, by: Reading = "share") -> list[int | None]:
    """Return the tags of the attempts at one task; an invalid score (None) has none.

    `best` is the task's best score where it is known, else the best achieved. Scores are 0 or more; where the best
    is 0 all tags are 1. Raises ValueError for a score that is negative or no number, or above `best`.
    """
    valid = [score for score in scores if score is not None]
    if not valid:
        return [None] * len(scores)
    if not all(math.isfinite(score) and score >= 0.0 for score in valid):
        raise ValueError(f"A score is a number of 0 or more, not {valid}.")
    top = max(valid) if best is None else best
    if top < max(valid):
        raise ValueError(f"The score {max(valid)} is above {best}, which was said to be the best of its task.")
    found: list[int | None] = []
    for score in scores:
        if score is None:
            found.append(None)
            continue
        if by == "share":
            part = score / top if top > 0 else 0.0
        else:
            below, equal = sum(each < score for each in valid), sum(each == score for each in valid)
            part = (below + equal / 2) / len(valid)
        # a share such as 0.7 of floats may lie a rounding above its decile
        found.append(min(TOP, max(1, math.ceil(TOP * part - 1e-9))))
    return found


def tag_text(tag: int) -> str:
    """Return the line that asks for a score, or says which one was reached."""
    return f"score {tag}/{TOP}\n"


def tagged(prompt: Sequence[Message], tag: int) -> list[Message]:
    """Return the prompt with the tag at the head of the user's first message. Raises ValueError where there is none."""
    for place, message in enumerate(prompt):
        if message.role is Role.USER:
            first = Message(role=Role.USER, content=tag_text(tag) + message.content)
            return [*prompt[:place], first, *prompt[place + 1 :]]
    raise ValueError("A prompt without a user's message has no place for a tag.")


def asking_for(tag: int, agent: ShellConfig) -> ShellConfig:
    """Return the agent's configuration with the tag where `tagged` puts it: what is sampled reads what was trained."""
    return agent.model_copy(update={"instance": tag_text(tag) + agent.instance})


@dataclass(frozen=True)
class Calibration:
    """Requested against achieved. `mean` and `error` (of the mean) are by tag, in the order of `tags`.

    `rank_correlation` is Spearman's over all samples with a tag of the range, `beyond` the mean under the tag
    above it minus that under the top tag, with its standard error; None where either was not sampled.
    """

    tags: tuple[int, ...]
    mean: tuple[float, ...]
    error: tuple[float, ...]
    n: tuple[int, ...]
    rank_correlation: float
    beyond: float | None
    beyond_error: float | None

    @property
    def extrapolates(self) -> bool:
        """Whether the tag above the range is better than the top one by more than 1.96 standard errors."""
        if self.beyond is None or self.beyond_error is None:
            return False
        return self.beyond > 1.96 * self.beyond_error


def calibration(requested: Sequence[int], achieved: Sequence[float]) -> Calibration:
    """Return what was achieved under each requested tag. Raises ValueError without samples or of unequal lengths."""
    asked, got = np.asarray(requested), np.asarray(achieved, dtype=np.float64)
    if asked.shape != got.shape or not len(asked):
        raise ValueError("Calibration needs one achieved score for each requested tag, and at least one.")
    tags = sorted({int(tag) for tag in asked})
    parts = {tag: got[asked == tag] for tag in tags}
    errors = {
        tag: float(part.std(ddof=1) / math.sqrt(len(part))) if len(part) > 1 else math.nan
        for tag, part in parts.items()
    }
    inside = asked <= TOP
    varied = len(set(asked[inside].tolist())) > 1 and len(set(got[inside].tolist())) > 1
    correlation = float(spearmanr(asked[inside], got[inside]).statistic) if varied else math.nan
    beyond = beyond_error = None
    if TOP in parts and TOP + 1 in parts:
        beyond = float(parts[TOP + 1].mean() - parts[TOP].mean())
        beyond_error = math.hypot(errors[TOP], errors[TOP + 1])
    return Calibration(
        tuple(tags),
        tuple(float(parts[tag].mean()) for tag in tags),
        tuple(errors[tag] for tag in tags),
        tuple(len(parts[tag]) for tag in tags),
        correlation,
        beyond,
        beyond_error,
    )
