"""`assay train` from a training set: checks that model and data fit, then steps, evaluations and checkpoints."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from assay.errors import UserError
from assay.ledger.directory import held
from assay.models.weights import context_of, load_model
from assay.nouns.base import digest
from assay.training import checkpoints
from assay.training.config import TrainConfig
from assay.training.data import Dataset, open_dataset
from assay.training.data.tokenise import OpenFormat, open_format
from assay.training.distributed import Processes, join, leave, precision_of
from assay.training.folder import claim, model_identity
from assay.training.interrupt import Interrupt
from assay.training.loop import LOG, Trainer, supervised
from assay.training.stream import Stream, held_out_rows

EVALUATIONS = "evaluation.jsonl"
TRAIN, VALIDATION = "train", "validation"

Say = Callable[[str], None]
Evaluation = Callable[[Trainer], Mapping[str, Any]]
"""Something measured during training, a pass rate for instance: the trainer in, numbers for the log out."""


def data_identity(data: Dataset) -> dict[str, Any]:
    """Return what decides the data: one hash over its index and its shards."""
    return {
        "sha256": digest(
            [data.card.index_sha256, [[shard.ids_sha256, shard.mask_sha256] for shard in data.card.shards]]
        )
    }


def check_fit(directory: Path, chat: OpenFormat, context: int, data: Dataset, config: TrainConfig) -> None:
    """Raise UserError unless the data were made with the model's tokenizer and chat template and fit its context."""
    card = data.card
    if card.tokenizer_sha256 and card.tokenizer_sha256 != chat.tokenizer_sha256:
        raise UserError(
            f"The data {data.folder} were made with the tokenizer {card.tokenizer_sha256[:12]} and the model "
            f"{directory} has {chat.tokenizer_sha256[:12]}: build the data again with this model."
        )
    if card.vocabulary > chat.format.vocabulary:
        raise UserError(
            f"The data {data.folder} hold ids up to {card.vocabulary - 1} and the tokenizer of {directory} ends at "
            f"{chat.format.vocabulary - 1}: build the data again with this model's tokenizer."
        )
    if card.format_sha256 and card.format_sha256 != chat.format_sha256:
        raise UserError(
            f"The data {data.folder} were written in another chat template than that of {directory}: give the one they "
            "were built with by --template, or build them again."
        )
    most = config.context or context
    if most > context:
        raise UserError(f"`context` is {most} and the model's is {context}: lower it.")
    longest = int(data.lengths.max()) if len(data) else 0
    if longest > most:
        count = int((data.lengths > most).sum())
        raise UserError(
            f"{count} of {len(data)} examples in {data.folder} are longer than the context of {most} tokens, the "
            f"longest {longest}: build the data again with a limit on length, or take a model of a longer context."
        )


def choices(config: TrainConfig, processes: Processes, trainer: Trainer, stream: Stream) -> list[str]:
    """Return in sentences what was chosen and what will be done."""
    trained = sum(p.numel() for p in trainer.groups.parameters.values())
    everything = sum(p.numel() for p in trainer.model.parameters())
    what = f"LoRA of rank {config.lora.rank}" if config.lora is not None else "all weights"
    why = "CUDA is there" if processes.device.type == "cuda" else "no CUDA is there, or the CPU was asked for"
    precision = str(precision_of(config, processes.device)).removeprefix("torch.")
    return [
        f"device {processes.device} ({why}); weights float32, computed in {precision}; {config.threads} thread(s); "
        f"{processes.count} process(es)",
        f"{what}: {trained:,} of {everything:,} parameters",
        f"{stream.steps} steps of at most {config.batch_tokens:,} tokens, in rows of {config.pack_tokens:,}; "
        f"{len(stream.order):,} examples read, {stream.distinct:,} distinct",
        f"AdamW at {config.peak_rate:g}, {config.schedule} after {config.warmup} steps of warm-up; gradients clipped "
        f"at {config.clip:g} by {config.clip_by}",
    ]


def tune(
    model: Path,
    data: Path,
    out: Path,
    config: TrainConfig,
    *,
    say: Say,
    template: Path | None = None,
    evaluations: Sequence[Evaluation] = (),
    evaluation_tokens: int = 65_536,
) -> dict[str, Any]:
    """Train `model` on the split `train` of `data` in the directory `out`, or go on there; return what came out.

    The same call after a kill goes on from the last checkpoint, on a CPU to the same weights to the last bit.
    On Ctrl-C the step at work is finished and saved, and the result says `stopped`. `evaluation_tokens` of the
    split `validation`, where there is one, are held out; each of `evaluations` is called beside.
    """
    processes = join(config.device)
    try:
        if processes.first:
            with held(out):
                return _tune(model, data, out, config, processes, say, template, evaluations, evaluation_tokens)
        return _tune(model, data, out, config, processes, _silent, template, evaluations, evaluation_tokens)
    finally:
        leave()


def _tune(
    directory: Path,
    folder: Path,
    out: Path,
    config: TrainConfig,
    processes: Processes,
    say: Say,
    template: Path | None,
    evaluations: Sequence[Evaluation],
    evaluation_tokens: int,
) -> dict[str, Any]:
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    if processes.device.type == "cpu":
        torch.use_deterministic_algorithms(True)
    dataset = open_dataset(folder)
    chat = open_format(directory, template)
    network = load_model(directory, dtype=torch.float32)
    check_fit(directory, chat, context_of(network.config), dataset, config)
    stream = Stream(dataset, dataset.split(TRAIN), config)
    if stream.steps < config.warmup:
        say(f"the warm-up of {config.warmup} steps is longer than the run of {stream.steps}: the rate never peaks")
    identity: dict[str, Any] = {
        "config": config.model_dump(mode="json"),
        "model": model_identity(directory),
        "data": data_identity(dataset),
        "format": chat.format_sha256,
    }
    card = {
        "base": {"directory": str(directory), **identity["model"]},
        "data": {"folder": str(folder), **identity["data"], "tokenizer_sha256": chat.tokenizer_sha256},
    }
    resolved = config.model_copy(update={"steps": stream.steps})
    trainer = Trainer(network, chat.format, resolved, out, processes=processes, card=card)
    if processes.first:
        claim(out, identity)  # after all that may be refused: a directory is not claimed by what never began
    processes.wait()
    for line in choices(resolved, processes, trainer, stream):
        say(line)
    if trainer.resume():
        say(f"going on after step {trainer.steps_done}, {trainer.tokens:,} tokens read before")
    if processes.first:
        checkpoints.cut_log(out / EVALUATIONS, trainer.steps_done)
    rows = held_out_rows(
        dataset,
        dataset.split(VALIDATION) if VALIDATION in dataset.splits else dataset.split(TRAIN)[:0],
        evaluation_tokens,
        config.pack_tokens,
    )
    return _loop(trainer, stream, rows, evaluations, say)


def _loop(
    trainer: Trainer, stream: Stream, rows: Sequence[Any], evaluations: Sequence[Evaluation], say: Say
) -> dict[str, Any]:
    config, processes = trainer.config, trainer.processes
    began, tokens_before = time.perf_counter(), trainer.tokens
    log = None
    measured = processes.gather(_measured(trainer))[0]
    saved = checkpoints.latest(trainer.out)
    stopped = False
    with Interrupt() as interrupt:
        if not measured and _due(trainer):  # at the start, and where a run was killed after it had saved
            measured = _evaluate(trainer, rows, evaluations, say)
        while trainer.steps_done < stream.steps and not stopped:
            batch, names = stream.rows(trainer.steps_done)
            log = trainer.step(batch, supervised, names=names)
            done = trainer.steps_done
            if done == stream.steps or done % max(1, stream.steps // 20) == 0:
                rate = (trainer.tokens - tokens_before) / (time.perf_counter() - began)
                say(
                    f"step {done}/{stream.steps}  loss {log.loss:.4f}  gradient {log.gradient_norm:.3g} ({log.largest})"
                    f"  {rate:,.0f} tokens/s"
                )
            measured = {}  # what was measured before this step is not of these weights
            stopped = any(processes.gather(interrupt.asked))
            last = done == stream.steps or stopped
            if last or (config.save_every and done % config.save_every == 0):
                saved = trainer.save()
            if _due(trainer):
                measured = _evaluate(trainer, rows, evaluations, say)
    return {
        "out": str(trainer.out),
        "checkpoint": None if saved is None else str(saved),
        "stopped": stopped,
        "step": trainer.steps_done,
        "steps": stream.steps,
        "tokens": trainer.tokens,
        "loss_tokens": trainer.loss_tokens,
        "loss": None if log is None else log.loss,
        **measured,
        "tokens_per_s": round((trainer.tokens - tokens_before) / max(1e-9, time.perf_counter() - began), 1),
        "log": str(trainer.out / LOG),
    }


def _due(trainer: Trainer) -> bool:
    """Whether the weights as they are now are to be measured: at the start, at the end, and as often as was asked."""
    done, every = trainer.steps_done, trainer.config.evaluate_every
    return done in (0, trainer.config.steps) or bool(every and done % every == 0)


def _measured(trainer: Trainer) -> dict[str, Any]:
    """Return what the log says of the weights as they are now, where it does."""
    path = trainer.out / EVALUATIONS
    lines = [json.loads(text) for text in path.read_text().splitlines()] if path.is_file() else []
    last = lines[-1] if lines else {"step": -1}
    return last if last.pop("step") == trainer.steps_done else {}


def _evaluate(trainer: Trainer, rows: Sequence[Any], evaluations: Sequence[Evaluation], say: Say) -> dict[str, Any]:
    """Measure the held-out loss and whatever else was asked for; log and return it."""
    found: dict[str, Any] = {}
    if rows:
        found["held_out_loss"] = loss = trainer.held_out(rows)
        if not math.isfinite(loss):
            raise UserError(
                f"The held-out loss after step {trainer.steps_done} is {loss}: the weights or the split `{VALIDATION}` "
                "are broken; look at both with `assay doctor`."
            )
        found["held_out_tokens"] = sum(len(row.targets_N) for row in rows)
    for evaluation in evaluations:
        found |= evaluation(trainer)
    if found and trainer.processes.first:
        checkpoints.append_line(trainer.out / EVALUATIONS, {"step": trainer.steps_done, **found})
        say(f"step {trainer.steps_done}: " + ", ".join(f"{name} {_short(value)}" for name, value in found.items()))
    return found


def _silent(text: str) -> None:
    """Say nothing: the first process speaks for all."""


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
