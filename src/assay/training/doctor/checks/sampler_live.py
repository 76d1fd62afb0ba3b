"""Sampler against trainer, measured here: the decode engine samples, the training forward pass scores the same ids."""

import asyncio
from collections.abc import Iterator

import torch

from assay.models.engine import Engine
from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient
from assay.training.doctor.prompts import prompts
from assay.training.examples import Example
from assay.training.forward import target_logprobs
from assay.training.packing import pack

NEEDS = ("model", "format")
EXACT, CLOSE = 1e-3, 5e-2  # nats a token: rounding in float32, rounding in bfloat16
TOKENS = 24


def check(patient: Patient) -> Iterator[Finding]:
    """Sample a few answers at temperature 1 and compare both sides' log-probabilities of every sampled id."""
    asked, where = prompts(patient)
    asked = asked[:4]
    if not asked:
        yield Finding(check="sampler_live", status=Status.SKIPPED, advice="Not looked at: no prompt fits the context.")
        return
    gaps: list[float] = []
    sampled = asyncio.run(_sample(patient, asked))
    examples = [
        Example((*prompt, *ids), (False,) * len(prompt) + (True,) * len(ids))
        for prompt, (ids, _) in zip(asked, sampled, strict=True)
    ]
    with torch.inference_mode():
        for example, (_, logprobs) in zip(examples, sampled, strict=True):
            (packed,) = pack([example], len(example.ids))
            mine_N = target_logprobs(patient.model, packed).tolist()
            gaps += [abs(a - b) for a, b in zip(mine_N, logprobs, strict=True)]
    mean, largest = sum(gaps) / len(gaps), max(gaps)
    value = {"tokens": len(gaps), "mean_gap": mean, "largest_gap": largest, "prompts": where}
    status = Status.OK if largest < EXACT else Status.WARN if largest < CLOSE else Status.FAIL
    yield Finding(
        check="sampler_live",
        status=status,
        value=value,
        advice=""
        if status is Status.OK
        else f"The engine's log-probabilities and the trainer's differ by up to {largest:.3g} nats a token on the same "
        "weights: the two read the model in different ways, so importance ratios are wrong from the first step.",
    )


async def _sample(patient: Patient, asked: list[list[int]]) -> list[tuple[list[int], list[float]]]:
    engine = Engine(patient.model, slots=len(asked))
    answers = await asyncio.gather(
        *(
            engine.sample(prompt, most=TOKENS, stops=patient.format.stops, temperature=1.0, seed=number)
            for number, prompt in enumerate(asked)
        )
    )
    return [(answer.ids, answer.logprobs) for answer in answers]
