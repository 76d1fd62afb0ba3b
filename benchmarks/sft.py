"""Supervised training, tokens a second beside TRL's SFTTrainer: same model, data, optimiser, steps and machine.

Run: python benchmarks/sft.py [--json] [--cases twin-mixed,twin-uniform,smollm2-mixed,smollm2-uniform] [--repeats 5]

Every run is a process of its own and its first step is not counted. TRL is tried in every setting of `sft_trl.py`
once; the fastest then runs in turn with `assay.training.loop.Trainer`, and the medians over the pairs count. Tokens
are those of the trajectories, padding left out. Losses are compared step by step with a TRL setting that trains on
the same batches. Processor seconds are printed beside the wall's: on a busy machine only they mean something.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sft_data import Shape, trajectories

from assay.models.formats import load_format

HERE = Path(__file__).parent
TRL = Path("~/.cache/assay-bench/trl").expanduser()
MAKE_TRL = (
    f"uv venv --python 3.11 {TRL} && uv pip install --python {TRL}/bin/python "
    "--extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0+cpu transformers==5.23.0 trl==1.16.0"
)
SETTINGS = ("one by one", "padded", "padded, in quarters", "grouped by length", "padding-free, in quarters", "packed")
SAME_BATCHES = ("one by one", "padded", "padded, in quarters", "padding-free", "padding-free, in quarters")


@dataclass(frozen=True)
class Case:
    """A model and the shape of its data: `batch` trajectories a step."""

    model: str
    shape: Shape
    batch: int
    steps: int
    rate: float


CASES = {
    "twin-mixed": Case("twin", Shape(most=768, median=170, spread=0.8), batch=16, steps=8, rate=3e-4),
    "twin-uniform": Case("twin", Shape(most=256), batch=16, steps=8, rate=3e-4),
    "smollm2-mixed": Case("smollm2", Shape(most=2048, median=300, spread=0.9), batch=8, steps=3, rate=2e-5),
    "smollm2-uniform": Case("smollm2", Shape(most=512), batch=4, steps=3, rate=2e-5),
}


def job_of(case: Case, model: Path, threads: int) -> dict[str, Any]:
    """Return what both sides read: ids, masks, and how to train."""
    chat = load_format(model)
    examples = trajectories(chat, case.shape, case.batch * case.steps, seed=0)
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    pad = next(token["content"] for token in tokenizer["added_tokens"] if token["id"] == chat.pad)
    return {
        "model": str(model),
        "pad": pad,
        "threads": threads,
        "ids": [example.ids for example in examples],
        "in_loss": [example.in_loss for example in examples],
        "batch": case.batch,
        "steps": case.steps,
        "context": case.shape.most,
        "rate": case.rate,
        "device": "cpu",
        "recompute": False,
        "compile": False,
    }


def train_ours(job: dict[str, Any]) -> dict[str, Any]:
    """Train as the job says with this package's Trainer; return what `sft_trl.py` prints."""
    import torch

    from assay.models.weights import load_model, use_one_thread
    from assay.training.config import TrainConfig
    from assay.training.examples import Example
    from assay.training.loop import Trainer, supervised
    from assay.training.packing import pack

    use_one_thread(0)
    torch.set_num_threads(job["threads"])
    examples = [Example(tuple(ids), tuple(in_loss)) for ids, in_loss in zip(job["ids"], job["in_loss"], strict=True)]
    config = TrainConfig(
        steps=job["steps"],
        peak_rate=job["rate"],
        schedule="constant",
        warmup=0,
        decay_share=1e-9,
        weight_decay=0.0,
        clip=1.0,
        clip_by="whole",
        threads=job["threads"],
        device=job["device"],
        recompute=job["recompute"],
        compile=job["compile"],
    )
    model = Path(job["model"])
    logs, marks = [], []
    with tempfile.TemporaryDirectory() as out:
        trainer = Trainer(load_model(model), load_format(model), config, Path(out))
        for start in range(0, len(examples), job["batch"]):
            rows = pack(examples[start : start + job["batch"]], max(job["context"], config.pack_tokens))
            logs.append(trainer.step(rows, supervised))  # its log line waits for the device
            marks.append((time.perf_counter(), time.process_time()))
    return {
        "wall": marks[-1][0] - marks[0][0],
        "processor": marks[-1][1] - marks[0][1],
        "tokens": sum(log.tokens for log in logs[1:]),
        "losses": [log.loss for log in logs],
        "device_bytes": torch.cuda.max_memory_allocated() if trainer.processes.device.type == "cuda" else None,
    }


def run(job: dict[str, Any], setting: str | None) -> dict[str, Any] | None:
    """Run one side in a process: TRL in `setting`, or ours where it is None. None where TRL cannot train so."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({**job, "setting": setting}, file)
        file.flush()
        if setting is None:
            command = [sys.executable, __file__, "--ours", file.name]
        else:
            command = [f"{TRL}/bin/python", str(HERE / "sft_trl.py"), file.name]
        offline = {**os.environ, "HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=offline, check=False)
    if done.returncode:
        if setting is None:
            raise SystemExit(done.stderr)
        print(f"  TRL, {setting}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def gap(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Return the largest relative distance of the two loss curves at one step."""
    return max(abs(a - b) / b for a, b in zip(ours["losses"], theirs["losses"], strict=True))


def measure(name: str, job: dict[str, Any], settings: list[str], repeats: int) -> dict[str, Any]:
    """Find TRL's best setting for the job, then run both sides in turn; return rates, ratios and the loss gap."""
    tried = {setting: found for setting in settings if (found := run(job, setting)) is not None}
    rates = {setting: found["tokens"] / found["processor"] for setting, found in tried.items()}
    best = max(rates, key=rates.__getitem__)
    for setting, rate in rates.items():
        print(f"  {name}: TRL, {setting}: {rate:,.0f} tokens a processor second", file=sys.stderr)
    pairs = []
    for number in range(repeats):
        sides = [run(job, setting) for setting in ((None, best) if number % 2 == 0 else (best, None))]
        ours, theirs = sides if number % 2 == 0 else sides[::-1]
        assert ours is not None
        assert theirs is not None
        pairs.append((ours, theirs))
    same = best if best in SAME_BATCHES else next(setting for setting in SAME_BATCHES if setting in tried)
    result: dict[str, Any] = {"case": name, "trl_setting": best, "repeats": repeats}
    for clock in ("wall", "processor"):
        mine = [ours["tokens"] / ours[clock] for ours, _ in pairs]
        peer = [theirs["tokens"] / theirs[clock] for _, theirs in pairs]
        ratios = sorted(a / b for a, b in zip(mine, peer, strict=True))
        result[clock] = {
            "tokens_per_s": round(statistics.median(mine), 1),
            "trl_tokens_per_s": round(statistics.median(peer), 1),
            "ratio": round(statistics.median(ratios), 3),
            "ratio_range": [round(ratios[0], 3), round(ratios[-1], 3)],
        }
    result["loss_gap"] = max(gap(ours, tried[same]) for ours, _ in pairs)
    result["trl_settings"] = {setting: round(rate, 1) for setting, rate in rates.items()}
    return result


def main() -> None:
    """Run the cases; print a table, or with --json one object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--twin", type=Path, default=HERE.parent / "checkpoints" / "modern")
    parser.add_argument("--smollm2", type=Path, help="the directory that `assay models fetch smollm2` wrote")
    parser.add_argument("--settings", default=";".join(SETTINGS), help="TRL's, with semicolons between them")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=0, help="instead of each case's own number")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ours is not None:
        print(json.dumps(train_ours(json.loads(arguments.ours.read_text()))))
        return
    if not (TRL / "bin" / "python").exists():
        raise SystemExit(f"TRL has no environment of its own yet; make it with:\n  {MAKE_TRL}")
    results = []
    for name in arguments.cases.split(","):
        case = CASES[name]
        model = getattr(arguments, case.model)
        if model is None:
            print(f"{name}: left out, for no --smollm2 was given", file=sys.stderr)
            continue
        job = job_of(replace(case, steps=arguments.steps or case.steps), model, arguments.threads)
        results.append(measure(name, job, arguments.settings.split(";"), arguments.repeats))
    mixed = [result for result in results if "mixed" in result["case"]] or results
    summary = {
        "tokens_per_s": mixed[0]["wall"]["tokens_per_s"],
        "ratio_to_trl": min(result["wall"]["ratio"] for result in mixed),
        "loss_gap": max(result["loss_gap"] for result in results),
        "cases": results,
    }
    if arguments.json:
        print(json.dumps(summary))
        return
    for result in results:
        for clock in ("wall", "processor"):
            found = result[clock]
            low, high = found["ratio_range"]
            print(
                f"{result['case']:16} {clock:9} {found['tokens_per_s']:9,.0f} tokens/s, TRL ({result['trl_setting']}) "
                f"{found['trl_tokens_per_s']:9,.0f}: {found['ratio']} times ({low} to {high})"
            )
        print(f"{result['case']:16} loss gap {result['loss_gap']:.2e} over {result['repeats']} repeats")


if __name__ == "__main__":
    main()
