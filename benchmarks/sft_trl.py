"""One run of TRL's SFTTrainer on given ids, in its own process and environment; started by benchmarks/sft.py.

Run: python benchmarks/sft_trl.py JOB.json, where JOB.json is what `sft.py` writes. The last line is one JSON object.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from trl import SFTConfig, SFTTrainer

# how TRL may be told to lay out a step of `batch` trajectories; the best of them is compared with
SETTINGS: dict[str, dict[str, Any]] = {
    "padded": {"rows": 1.0},
    "padded, in quarters": {"rows": 0.25},
    "one by one": {"rows": 0.0},
    "grouped by length": {"rows": 0.25, "train_sampling_strategy": "group_by_length"},
    "padding-free": {"rows": 1.0, "padding_free": True, "max_length": None},
    "padding-free, in quarters": {"rows": 0.25, "padding_free": True, "max_length": None},
    "packed": {"packing": True},
}


class Clock(TrainerCallback):
    """Notes when each optimiser step ends, by the wall and in processor time."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []

    def on_step_end(self, *_: object, **__: object) -> None:
        """Note the time."""
        self.ends.append((time.perf_counter(), time.process_time()))


def main() -> None:
    """Train as the job says; print losses, and seconds and tokens of all steps after the first."""
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job["threads"])
    model = AutoModelForCausalLM.from_pretrained(
        job["model"], dtype=torch.float32, attn_implementation=job.get("attention", "sdpa")
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(Path(job["model"]) / "tokenizer.json"), pad_token=job["pad"], eos_token=job["pad"]
    )
    rows = [
        {"input_ids": ids, "labels": [token if learn else -100 for token, learn in zip(ids, in_loss, strict=True)]}
        for ids, in_loss in zip(job["ids"], job["in_loss"], strict=True)
    ]
    setting = dict(SETTINGS[job["setting"]])
    batch, steps = job["batch"], job["steps"]
    share = setting.pop("rows", None)
    if share is None:  # packed rows of the longest trajectory's length, as many a step as hold the same tokens
        tokens = sum(map(len, job["ids"]))
        each = max(1, round(tokens / steps / job["context"]))
    else:
        each = max(1, round(batch * share))
    accumulate = batch // each if share is not None else 1
    with tempfile.TemporaryDirectory() as out:
        config = SFTConfig(
            output_dir=out,
            **{"max_length": job["context"], "train_sampling_strategy": "sequential", **setting},
            per_device_train_batch_size=each,
            gradient_accumulation_steps=accumulate,
            max_steps=steps if share is not None else -1,
            num_train_epochs=1,
            learning_rate=job["rate"],
            lr_scheduler_type="constant",
            weight_decay=0.0,
            adam_beta1=0.9,
            adam_beta2=0.95,
            adam_epsilon=1e-8,
            max_grad_norm=1.0,
            optim="adamw_torch_fused",
            gradient_checkpointing=job["recompute"],
            use_cpu=job["device"] == "cpu",
            bf16=job["device"] != "cpu",
            torch_compile=job["compile"],
            logging_steps=1,
            disable_tqdm=True,
            save_strategy="no",
            report_to="none",
            seed=0,
        )
        clock = Clock()
        trainer = SFTTrainer(
            model=model,
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            callbacks=[clock],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    pairs = list(zip(clock.ends, clock.ends[1:], strict=False))
    wall, processor = ([after[kind] - before[kind] for before, after in pairs] for kind in (0, 1))
    lines = [line for line in trainer.state.log_history if "loss" in line]
    so_far = [int(line["num_tokens"]) for line in lines]  # padding not counted
    result = {
        "wall": sum(wall),
        "processor": sum(processor),
        "tokens": so_far[-1] - so_far[0],
        "losses": [line["loss"] for line in lines],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
