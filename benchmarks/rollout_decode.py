"""How fast turns are sampled: the engine at 1 and 32 rows, and beside transformers' `generate` on the same requests.

`batch_gain` compares decoding alone: requests of 32 to 96 ids are read first, then the clock runs while every one of
them gets the same number of new ids; 32 requests at once against one, each with an engine of that many slots.

`decode_ratio_to_generate` compares whole requests, reading included: prompts of 30 to 250 ids, and as many new ids as
agents' turns have, most of them short and a few long (log-normal, median 60, sigma 0.9, 4 to 400: a mean of about 90).
`generate` decodes a padded batch until its longest row is done. It gets its best of several settings, tried first:
batches of 32 or 64, in the order given or sorted by the prompts' length, which is what is known beforehand. Only ids
that were asked for count. `uniform_ratio_to_generate` is the same with 8 to 172 new ids, evenly spread.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from assay.models.engine import Engine
from assay.models.weights import load_model, use_one_thread

TWIN = Path(__file__).resolve().parents[1] / "checkpoints" / "modern"
_TEMPERATURE = 0.7
_SLOTS = 32


@dataclass(frozen=True)
class Asked:
    """A prompt and how many new ids it gets."""

    prompt: list[int]
    new: int


def _prompt(rng: random.Random, shortest: int, longest: int) -> list[int]:
    return [rng.randrange(5, 1000) for _ in range(rng.randrange(shortest, longest))]


def long_tailed(count: int) -> list[Asked]:
    """Return requests with new ids as in agents' turns."""
    rng = random.Random(0)
    lengths = [min(400, max(4, round(60 * rng.lognormvariate(0, 0.9)))) for _ in range(count)]
    return [Asked(_prompt(rng, 30, 250), new) for new in lengths]


def uniform(count: int) -> list[Asked]:
    """Return requests whose numbers of new ids are evenly spread."""
    rng = random.Random(1)
    return [Asked(_prompt(rng, 30, 250), rng.randrange(8, 173)) for _ in range(count)]


_KINDS = {"long_tailed": long_tailed, "uniform": uniform}
_RATIOS = {"long_tailed": "decode_ratio_to_generate", "uniform": "uniform_ratio_to_generate"}


def engine_rate(engine: Engine, requests: list[Asked], clock: Callable[[], float]) -> float:
    """Return new ids a second of whole requests, reading included."""

    async def all_of_them() -> int:
        found = await asyncio.gather(
            *(
                engine.sample(each.prompt, most=each.new, stops=frozenset(), temperature=_TEMPERATURE, seed=n)
                for n, each in enumerate(requests)
            )
        )
        return sum(len(sampled.ids) for sampled in found)

    began = clock()
    made = asyncio.run(all_of_them())
    seconds = clock() - began
    engine.cache.forget()  # the next repeat reads its prompts again
    assert made == sum(each.new for each in requests)
    return made / seconds


def decode_rate(engine: Engine, requests: int, new: int, clock: Callable[[], float]) -> float:
    """Return new ids a second once every prompt is read and has its first id."""
    rng = random.Random(2)
    marks: list[float] = []

    def mark(token: int, logprob: float) -> bool:
        marks.append(clock())
        return False

    async def all_of_them() -> None:
        prompts = [_prompt(rng, 32, 96) for _ in range(requests)]
        await asyncio.gather(
            *(
                engine.sample(p, most=new + 1, stops=frozenset(), temperature=_TEMPERATURE, seed=n, on_token=mark)
                for n, p in enumerate(prompts)
            )
        )

    asyncio.run(all_of_them())
    engine.cache.forget()
    return requests * new / (marks[-1] - marks[requests - 1])


def generate_rate(
    model: Any, requests: list[Asked], clock: Callable[[], float], batch: int = 32, by_length: bool = False
) -> float:
    """Return new ids a second of `generate` over left-padded batches; those beyond what was asked for do not count."""
    began = clock()
    ordered = sorted(requests, key=lambda each: len(each.prompt)) if by_length else requests
    for start in range(0, len(ordered), batch):
        group = ordered[start : start + batch]
        longest = max(len(each.prompt) for each in group)
        ids = torch.tensor([[1] * (longest - len(each.prompt)) + each.prompt for each in group])
        mask = torch.tensor([[0] * (longest - len(each.prompt)) + [1] * len(each.prompt) for each in group])
        model.generate(
            ids,
            attention_mask=mask,
            max_new_tokens=max(each.new for each in group),
            do_sample=True,
            temperature=_TEMPERATURE,
            top_k=0,
            pad_token_id=1,
            eos_token_id=None,
        )
    return sum(each.new for each in requests) / (clock() - began)


def best_of_generate(model: PreTrainedModel, requests: list[Asked], clock: Callable[[], float]) -> dict[str, Any]:
    """Return the settings under which `generate` was fastest."""
    tried = [{"batch": batch, "by_length": by_length} for batch in (32, 64) for by_length in (False, True)]
    return max(tried, key=lambda settings: generate_rate(model, requests, clock, **settings))


def measure(
    checkpoint: Path = TWIN,
    repeats: int = 5,
    requests: int = 128,
    new: int = 128,
    clock: Callable[[], float] = time.perf_counter,
    kinds: Sequence[str] = ("long_tailed", "uniform"),
) -> dict[str, Any]:
    """Measure on one thread, the engine and its peer by turns, and return medians; `kinds` are those of requests."""
    use_one_thread(0)
    model = load_model(checkpoint).eval()
    many, one = Engine(model, _SLOTS), Engine(model, 1)
    for engine in (many, one):
        decode_rate(engine, engine.slots, 4, clock)  # the first pass through a code path is slower
    rates: dict[str, list[float]] = {"decode_32": [], "decode_1": []}
    for _ in range(repeats):
        rates["decode_32"].append(decode_rate(many, _SLOTS, new, clock))
        rates["decode_1"].append(decode_rate(one, 1, new, clock))
    settings: dict[str, dict[str, Any]] = {}
    for name in kinds:
        asked = _KINDS[name](requests)
        settings[name] = best_of_generate(model, asked, clock)
        for _ in range(repeats):
            rates.setdefault(f"engine_{name}", []).append(engine_rate(many, asked, clock))
            rates.setdefault(f"generate_{name}", []).append(generate_rate(model, asked, clock, **settings[name]))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "checkpoint": checkpoint.name,
        "tokens_per_s": {name: round(value, 1) for name, value in medians.items()},
        "spread": {name: [round(min(values), 1), round(max(values), 1)] for name, values in rates.items()},
        "generate_at": settings,
        "cache_mb": round(many.cache.bytes / 1e6, 1),
        "repeats": repeats,
        "requests": requests,
        "batch_gain": round(medians["decode_32"] / medians["decode_1"], 2),
        **{_RATIOS[name]: round(medians[f"engine_{name}"] / medians[f"generate_{name}"], 2) for name in kinds},
    }


def decode_figures() -> dict[str, float]:
    """Return the two ratios for the small twin."""
    found = measure(repeats=3, requests=96, kinds=("long_tailed",))
    return {name: found[name] for name in ("decode_ratio_to_generate", "batch_gain")}
