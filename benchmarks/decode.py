"""Decode speed of the engine at 1 and 32 rows, beside transformers' `generate` on the same prompts.

Run: python benchmarks/decode.py [--json] [--repeats N] [--checkpoint DIR]
"""

import argparse
import asyncio
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from assay.models.engine import Engine
from assay.models.weights import Architecture, load_model, new_model, use_one_thread

NEW = 48  # ids a prompt


def timed(work: Callable[[], int], repeats: int) -> list[float]:
    """Return ids a second of each repeat; `work` returns how many ids it made."""
    rates = []
    for _ in range(repeats):
        began = time.perf_counter()
        made = work()
        rates.append(made / (time.perf_counter() - began))
    return rates


def main() -> None:
    """Measure and print a table, or with --json one object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--checkpoint", type=Path)
    arguments = parser.parse_args()
    use_one_thread(0)
    model = load_model(arguments.checkpoint) if arguments.checkpoint else new_model(Architecture(), 0)
    model.eval()
    rng = random.Random(0)
    prompts = [[rng.randrange(5, 1000) for _ in range(rng.randrange(30, 250))] for _ in range(64)]

    def engine(slots: int, chosen: list[list[int]]) -> int:
        async def all_of_them() -> int:
            loop = Engine(model, slots)
            found = await asyncio.gather(
                *(loop.sample(p, most=NEW, stops=frozenset(), temperature=0.7, seed=n) for n, p in enumerate(chosen))
            )
            return sum(len(sampled.ids) for sampled in found)

        return asyncio.run(all_of_them())

    def generate() -> int:
        made = 0
        for start in range(0, len(prompts), 32):
            group = prompts[start : start + 32]
            longest = max(map(len, group))
            ids = torch.tensor([[1] * (longest - len(p)) + p for p in group])
            mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in group])
            out = model.generate(
                ids,
                attention_mask=mask,
                max_new_tokens=NEW,
                do_sample=True,
                temperature=0.7,
                pad_token_id=1,
                eos_token_id=None,
            )
            made += (out.shape[1] - longest) * len(group)
        return made

    rates = {
        "engine_32": timed(lambda: engine(32, prompts), arguments.repeats),
        "engine_1": timed(lambda: engine(1, prompts[:6]), arguments.repeats),
        "generate_32": timed(generate, arguments.repeats),
    }
    medians = {name: statistics.median(values) for name, values in rates.items()}
    result = {
        "tokens_per_s": {name: round(value, 1) for name, value in medians.items()},
        "batch_gain": round(medians["engine_32"] / medians["engine_1"], 2),
        "decode_ratio_to_generate": round(medians["engine_32"] / medians["generate_32"], 2),
        "repeats": arguments.repeats,
    }
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in medians.items():
            print(f"{name:12} {value:8,.0f} ids/s  ({min(rates[name]):,.0f} to {max(rates[name]):,.0f})")
        print(f"32 rows over 1: {result['batch_gain']}; over generate: {result['decode_ratio_to_generate']}")


if __name__ == "__main__":
    main()
