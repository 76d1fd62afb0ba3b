"""Supervised training at long context on one NVIDIA GPU: tokens a second and share of the card's peak, beside TRL.

Run: python benchmarks/sft_gpu.py [--json] [--context 16384] [--recompute] [--compile] [--peak TFLOPS]
     python benchmarks/sft_gpu.py --tiny       the same program on a CPU in seconds, to see that it works

A model of Qwen3-0.6B's shape with random weights, in bfloat16 by autocast over float32 weights. TRL runs where
`sft.py`'s environment for it has a torch that sees the card; with flash attention where that is installed there.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch
from sft import HERE, MAKE_TRL, TRL, run
from sft_data import Shape, trajectories
from transformers import Qwen3Config, Qwen3ForCausalLM

from assay.models.formats import load_format

# dense bfloat16, TFLOP/s, by a part of the card's name: NVIDIA's data sheets
PEAKS = {"H200": 989.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "4090": 165.2, "B200": 2250.0}


def qwen3(tiny: bool) -> Qwen3ForCausalLM:
    """Return a freshly initialised model of Qwen3-0.6B's shape, or a tiny one."""
    sizes: dict[str, Any] = {
        "vocab_size": 151_936,
        "hidden_size": 1024,
        "intermediate_size": 3072,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 40_960,
    }
    if tiny:
        sizes |= {"vocab_size": 2048, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
        sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
    torch.manual_seed(0)
    return Qwen3ForCausalLM(Qwen3Config(**sizes, tie_word_embeddings=True))


def step_flops(config: Any, lengths: list[int], targets: int) -> float:
    """Return the floating-point operations of one forward and backward pass over documents, recomputation left out.

    Matrices cost 6 a weight and token, the head only at targets; causal attention costs 6 H L^2 width a document
    and layer (two products of L^2 / 2 entries, forward once and backward twice).
    """
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    attention = config.hidden_size * (2 * queries + 2 * keys)
    block = attention + 3 * config.hidden_size * config.intermediate_size
    linear = 6.0 * (config.num_hidden_layers * block * sum(lengths) + config.hidden_size * config.vocab_size * targets)
    inside = 6.0 * config.num_hidden_layers * queries * sum(length**2 for length in lengths)
    return linear + inside


def main() -> None:
    """Make the model, train on both sides, print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="a tiny model on the CPU")
    parser.add_argument("--context", type=int, default=16_384)
    parser.add_argument("--rows", type=int, default=4, help="rows of `context` tokens a step")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--recompute", action="store_true", help="gradient checkpointing on both sides")
    parser.add_argument("--compile", action="store_true", help="torch.compile on both sides")
    parser.add_argument("--peak", type=float, help="TFLOP/s of the card in dense bfloat16, where it is not known here")
    arguments = parser.parse_args()
    if not arguments.tiny and not torch.cuda.is_available():
        raise SystemExit("There is no NVIDIA GPU that this torch sees: use --tiny, or run it where there is one.")
    if arguments.tiny:
        arguments.context, arguments.rows, arguments.steps = 256, 2, 3
    name = "CPU" if arguments.tiny else torch.cuda.get_device_name()
    peak = arguments.peak or next((value for part, value in PEAKS.items() if part in name), None)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "model"
        model = qwen3(arguments.tiny)
        config, parameters = model.config, model.num_parameters()
        model.save_pretrained(directory)
        del model
        chat = load_format(HERE.parent / "checkpoints" / "modern")
        chat.save(directory)
        # documents of a heavy-tailed length, cut to the context; several share a row
        shape = Shape(most=arguments.context, median=max(64, arguments.context // 6), spread=0.9)
        examples = trajectories(chat, shape, 5 * arguments.rows * arguments.steps, seed=0)
        job = {
            "model": str(directory),
            "pad": "<|pad|>",
            "threads": torch.get_num_threads(),
            "ids": [example.ids for example in examples],
            "in_loss": [example.in_loss for example in examples],
            "batch": len(examples) // arguments.steps,
            "steps": arguments.steps,
            "context": arguments.context,
            "rate": 1e-5,
            "device": "cpu" if arguments.tiny else "cuda",
            "recompute": arguments.recompute,
            "compile": arguments.compile,
        }
        ours = run(job, None)
        assert ours is not None
        theirs = None
        if (TRL / "bin" / "python").exists() and (arguments.tiny or _sees_the_card()):
            found = [run({**job, "attention": kind}, setting) for kind, setting in _ways(arguments.tiny)]
            theirs = max(
                (one for one in found if one is not None), key=lambda one: one["tokens"] / one["wall"], default=None
            )
        else:
            print(f"TRL is left out; its environment, with a torch for the card, is made by:\n  {MAKE_TRL}")
    counted = examples[job["batch"] :]
    flops = step_flops(config, [len(e.ids) for e in counted], sum(sum(e.in_loss[1:]) for e in counted))
    result: dict[str, Any] = {
        "device": name,
        "parameters": parameters,
        "context": arguments.context,
        "tokens_per_s": round(ours["tokens"] / ours["wall"], 1),
        "share_of_peak": round(flops / ours["wall"] / peak / 1e12, 4) if peak else None,
        "device_bytes": ours["device_bytes"],
        "trl_tokens_per_s": round(theirs["tokens"] / theirs["wall"], 1) if theirs else None,
        "losses": [round(loss, 4) for loss in ours["losses"]],
    }
    if arguments.json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:18} {value}")


def _ways(tiny: bool) -> list[tuple[str, str]]:
    """Return (attention, setting) pairs in which TRL is tried."""
    if tiny:
        return [("sdpa", "padding-free, in quarters")]
    probe = [f"{TRL}/bin/python", "-c", "import flash_attn"]
    flash = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    kind = "flash_attention_2" if flash else "sdpa"
    return [(kind, "packed"), (kind, "padding-free, in quarters"), ("sdpa", "one by one")]


def _sees_the_card() -> bool:
    probe = [f"{TRL}/bin/python", "-c", "import sys, torch; sys.exit(not torch.cuda.is_available())"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    main()
