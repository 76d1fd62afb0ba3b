"""Replies: how often greedy answers run in a loop, and how often they end by themselves."""

import asyncio
from collections.abc import Iterator, Sequence

from assay.models.engine import Engine, Sampled
from assay.nouns import Finish
from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient
from assay.training.doctor.prompts import QUESTIONS, prompts

NEEDS = ("model", "format")
LOOPS, MANY_LOOPS = 0.2, 0.5
ENDS, FEW_ENDS = 0.8, 0.05
LONGEST_PERIOD, TIMES, TAIL = 48, 3, 16


def check(patient: Patient) -> Iterator[Finding]:
    """Answer held-out prompts greedily, at most `patient.most` ids each."""
    asked, where = prompts(patient)
    if not asked:
        yield Finding(check="replies", status=Status.SKIPPED, advice="Not looked at: no prompt fits the context.")
        return
    answers = asyncio.run(_answer(patient, asked))
    looped = sum(answer.finish is not Finish.STOP and loops(answer.ids) for answer in answers) / len(answers)
    ended = sum(answer.finish is Finish.STOP for answer in answers) / len(answers)
    value = {"answers": len(answers), "most_tokens": patient.most, "prompts": where}
    # a base model answers no question, and is not broken for it
    worst = Status.WARN if where == QUESTIONS else Status.FAIL
    yield _loops(looped, {**value, "loop_rate": looped}, worst)
    yield _ends(ended, {**value, "end_rate": ended}, worst)


def loops(ids: Sequence[int]) -> bool:
    """Whether the ids end in a passage said again and again: TIMES times, and over at least TAIL ids."""
    for period in range(1, LONGEST_PERIOD + 1):
        length = max(TIMES * period, TAIL)
        if len(ids) < length:
            return False
        tail = ids[-length:]
        if all(tail[place] == tail[place - period] for place in range(period, length)):
            return True
    return False


async def _answer(patient: Patient, asked: list[list[int]]) -> list[Sampled]:
    engine = Engine(patient.model, slots=len(asked))
    return list(
        await asyncio.gather(
            *(
                engine.sample(prompt, most=patient.most, stops=patient.format.stops, temperature=0.0, seed=0)
                for prompt in asked
            )
        )
    )


def _loops(rate: float, value: dict, worst: Status) -> Finding:
    status = Status.OK if rate < LOOPS else Status.WARN if rate < MANY_LOOPS else worst
    return Finding(
        check="replies.loops",
        status=status,
        value=value,
        advice=""
        if status is Status.OK
        else f"{rate:.0%} of the greedy answers end in a loop: sample at a temperature (0.7 is usual), never "
        "greedily, and train on more distinct data before more passes over the same.",
    )


def _ends(rate: float, value: dict, worst: Status) -> Finding:
    status = Status.OK if rate >= ENDS else Status.WARN if rate > FEW_ENDS else worst
    said = "None" if rate == 0 else f"Only {rate:.0%}"
    return Finding(
        check="replies.ends",
        status=status,
        value=value,
        advice=""
        if status is Status.OK
        else f"{said} of the greedy answers end with an end token within {value['most_tokens']} tokens: the model was "
        "not taught its end token (a base model, or a mask or template without it), or has forgotten it (weight decay "
        "on its row).",
    )
