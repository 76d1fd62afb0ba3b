"""Memory of the LM head at long context on a CPU: in chunks, as training does it, beside all logits at once.

Run: python benchmarks/sft_head.py [--json] [--vocabulary 49152] [--width 64] [--most 65536]
     python benchmarks/sft_head.py --model [--layers 2]     one training step on one example of `--most` tokens

Each measurement is one loss and its gradients in float32 in a process of its own, whose peak resident memory is given
less what it held before. The head alone has `--most` targets; all at once is run up to 4,096, for its memory grows
with targets times vocabulary. With --model a whole small Llama takes one step of the training loop, all tokens in the
loss.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from assay.models.chat import Chat
from assay.training.config import TrainConfig
from assay.training.examples import Example
from assay.training.head import linear_logprobs
from assay.training.loop import Trainer, supervised
from assay.training.packing import pack

HERE = Path(__file__).resolve()
AT_ONCE = 4096  # the most targets whose logits are made all at once: at 151,936 ids three matrices of 2.4 GB


def peak_mb() -> float:
    """Return the largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def head(way: str, targets: int, vocabulary: int, width: int) -> dict[str, Any]:
    """Measure one loss and its gradients for hidden states and weights, `way` being `chunked` or `whole`."""
    torch.manual_seed(0)
    hidden_ND = torch.randn(targets, width).requires_grad_()
    weight_VD = (torch.randn(vocabulary, width) * width**-0.5).requires_grad_()
    targets_N = torch.randint(vocabulary, (targets,))
    before, began = peak_mb(), time.process_time()
    if way == "chunked":
        loss = -linear_logprobs(hidden_ND, weight_VD, None, targets_N).mean()
    else:
        loss = nn.functional.cross_entropy(nn.functional.linear(hidden_ND, weight_VD), targets_N)
    loss.backward()
    assert hidden_ND.grad is not None
    assert weight_VD.grad is not None
    return {
        "loss": float(loss.detach()),
        "gradients": [float(hidden_ND.grad.double().norm()), float(weight_VD.grad.double().norm())],
        "memory_mb": round(peak_mb() - before, 1),
        "cpu_s": round(time.process_time() - began, 1),
    }


def model(tokens: int, vocabulary: int, width: int, layers: int) -> dict[str, Any]:
    """Measure one step of the training loop on one example of so many tokens."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": layers}
    sizes |= {"num_attention_heads": max(1, width // 32), "num_key_value_heads": max(1, width // 32)}
    config = LlamaConfig(vocab_size=vocabulary, max_position_embeddings=tokens, tie_word_embeddings=True, **sizes)
    network = LlamaForCausalLM(config)
    ids = torch.randint(vocabulary, (tokens,)).tolist()
    example = Example(tuple(ids), (False, *[True] * (tokens - 1)))
    chat = Chat.load(HERE.parents[1] / "checkpoints" / "modern")  # the format of checkpoints; its ids are not used
    with tempfile.TemporaryDirectory() as out:
        trainer = Trainer(network, chat, TrainConfig(steps=1, warmup=0, device="cpu"), Path(out))
        before, began = peak_mb(), time.process_time()
        log = trainer.step(pack([example], tokens), supervised)
    return {
        "loss": log.loss,
        "gradient_norm": log.gradient_norm,
        "memory_mb": round(peak_mb() - before, 1),
        "cpu_s": round(time.process_time() - began, 1),
    }


def apart(*words: object) -> dict[str, Any]:
    """Run one measurement of this file in a process of its own."""
    done = subprocess.run([sys.executable, HERE, "--one", *map(str, words)], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure and print a line each; with --json end with one object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--vocabulary", type=int, default=49_152, help="SmolLM2's; Qwen3's is 151936")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--most", type=int, default=65_536)
    parser.add_argument("--model", action="store_true")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        torch.set_num_threads(1)
        kind, *sizes = given.one
        found = model(*map(int, sizes)) if kind == "model" else head(kind, *map(int, sizes))
        print(json.dumps(found))
        return
    plan: list[tuple[Any, ...]]
    if given.model:
        plan = [("model", given.most, given.vocabulary, given.width, given.layers)]
    else:
        sizes = [targets for targets in (1024, AT_ONCE) if targets <= given.most]
        plan = [(way, targets, given.vocabulary, given.width) for targets in sizes for way in ("whole", "chunked")]
        plan += [
            ("chunked", targets, given.vocabulary, given.width) for targets in (16_384, 65_536) if targets <= given.most
        ]
    rows = []
    for one in plan:
        found = {"way": one[0], "tokens": one[1], "logits_mb": round(one[1] * one[2] * 4 / 2**20, 1), **apart(*one)}
        rows.append(found)
        print(
            f"{found['way']:8} {found['tokens']:6} tokens, logits {found['logits_mb']:8.1f} MB: "
            f"{found['memory_mb']:7.1f} MB, {found['cpu_s']:6.1f} s of CPU, loss {found['loss']:.6f}",
            flush=True,
        )
    if given.json:
        print(json.dumps({"vocabulary": given.vocabulary, "width": given.width, "rows": rows}))


if __name__ == "__main__":
    main()
