"""Pre-train a twin on a corpus: same architecture, tokens and steps for both, remade from one recorded card."""

import hashlib
import json
import math
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from assay.corpus import read_documents, verify_corpus
from assay.errors import UserError
from assay.models.chat import Chat
from assay.models.weights import Architecture, new_model, use_one_thread
from assay.nouns.base import Noun
from assay.training.optimizer import build_optimizer, clip_gradients, rate_at, set_rate
from assay.training.tokenizer import train_tokenizer


class PretrainConfig(Noun):
    """Everything that decides a base checkpoint, but for the corpus, whose hash goes on the card."""

    architecture: Architecture = Architecture()
    seed: int = 0
    steps: int = Field(default=1500, ge=1)
    batch: int = Field(default=16, ge=1)
    window: int = Field(default=256, ge=16)  # tokens
    peak_rate: float = Field(default=3e-3, gt=0)
    warmup: int = Field(default=100, ge=1)
    decay_share: float = Field(default=0.3, gt=0, le=1)
    weight_decay: float = Field(default=0.1, ge=0)
    clip: float = Field(default=1.0, gt=0)
    echo_rows: float = Field(default=0.5, ge=0, le=1)  # share of windows in which passages are said again, see `echo`
    echoes: int = Field(default=3, ge=1)


def echo(row: np.ndarray, times: int, rng: random.Random) -> np.ndarray:
    """Return a copy of `row` (ids) in which `times` passages of 12 to 48 ids are said a second time, further on.

    Copying from the context is what an editor of files needs most, and what a small model learns last from
    prose; echoes at random distances teach it in minutes. They hold prose only and are the same for every twin.
    """
    row = row.copy()
    for _ in range(times):
        length = rng.randint(12, 48)
        if len(row) < 2 * length:
            continue
        start = rng.randint(0, len(row) - 2 * length)
        again = rng.randint(start + length, len(row) - length)
        row[again : again + length] = row[start : start + length]
    return row


def token_stream(corpus: Path, chat: Chat) -> tuple[np.ndarray, np.ndarray, int]:
    """Return (training ids, held-out ids, held-out bytes): one in fifty documents' pieces is held out, by hash.

    Documents are cut into pieces of about 2,000 characters at paragraph ends, so that a few long books do
    not decide what is held out.
    """
    kept: list[int] = []
    held: list[int] = []
    held_bytes = 0
    for document in read_documents(corpus):
        pieces = _pieces(document.text)
        for piece, encoded in zip(pieces, chat.tokenizer.encode_batch(pieces, add_special_tokens=False), strict=True):
            ids = [chat.document, *encoded.ids]
            if int(hashlib.sha256(piece.encode()).hexdigest()[:8], 16) % 50 == 0:
                held += ids
                held_bytes += len(piece.encode())
            else:
                kept += ids
    return np.array(kept, dtype=np.uint16), np.array(held, dtype=np.uint16), held_bytes


def _pieces(text: str, size: int = 2000) -> list[str]:
    pieces: list[str] = []
    current = ""
    for paragraph in text.split("\n\n"):
        if current and len(current) + len(paragraph) > size:
            pieces.append(current)
            current = ""
        current = f"{current}\n\n{paragraph}" if current else paragraph
    return [*pieces, current] if current else pieces


def bits_per_byte(
    model: torch.nn.Module, ids: np.ndarray, total_bytes: int, window: int, most: int = 200
) -> float | None:
    """Return the held-out loss in bits a byte over at most `most` windows, or None where there is no window.

    Scaled by the bytes that a token of the held-out text has.
    """
    count = min(most, (len(ids) - 1) // window)
    if count < 1:
        return None
    nats = 0.0
    with torch.inference_mode():
        for start in range(0, count * window, window):
            row = torch.from_numpy(ids[start : start + window + 1].astype(np.int64))[None]
            logits = model(input_ids=row[:, :-1]).logits
            nats += float(torch.nn.functional.cross_entropy(logits[0], row[0, 1:], reduction="sum"))
    bytes_per_token = total_bytes / len(ids)
    return round(nats / (count * window) / math.log(2) / bytes_per_token, 4)


def copy_probe(ids: np.ndarray, config: PretrainConfig) -> torch.Tensor:
    """Return 16 rows of 2 x 40 random ids of the corpus, the second half the same as the first: (16, 80)."""
    rng = np.random.default_rng(config.seed)
    half = rng.choice(ids, size=(16, 40)).astype(np.int64)
    return torch.from_numpy(np.concatenate([half, half], axis=1))


def copy_accuracy(model: torch.nn.Module, probe_BT: torch.Tensor) -> float:
    """Return the share of the second half's ids that the model ranks first: about 0 before it can copy, then near 1."""
    half = probe_BT.shape[1] // 2
    with torch.inference_mode():
        best_BT = model(input_ids=probe_BT[:, :-1]).logits.argmax(-1)
    return float((best_BT[:, half:] == probe_BT[:, half + 1 :]).float().mean())


def pretrain(corpus: Path, out: Path, config: PretrainConfig, say: Callable[[str], None] = print) -> dict:
    """Train a tokenizer and a model on `corpus`; write checkpoint, tokenizer and card into `out`; return the card.

    The same corpus and configuration give the same files to the last bit on one machine.
    """
    card = verify_corpus(corpus)
    use_one_thread(config.seed)
    documents = [document.text for document in read_documents(corpus)]
    chat = Chat(train_tokenizer(documents, config.architecture.vocabulary))
    del documents
    ids, held, held_bytes = token_stream(corpus, chat)
    needed = config.steps * config.batch * config.window
    windows = (len(ids) - 1) // config.window
    if windows < 1:
        raise UserError(f"The corpus {corpus} has under {config.window} tokens: build a larger one.")
    say(f"{len(ids):,} tokens, {needed:,} to be trained on ({needed / len(ids):.2f} passes)")
    order: list[int] = []
    shuffle = random.Random(config.seed)
    while len(order) < config.steps * config.batch:
        one_pass = list(range(windows))
        shuffle.shuffle(one_pass)
        order += one_pass

    model = new_model(config.architecture, config.seed)
    optimizer = build_optimizer(model, config.peak_rate, config.weight_decay)
    probe = copy_probe(ids, config)
    losses: list[float] = []
    began = time.monotonic()
    for step in range(config.steps):
        chosen = order[step * config.batch : (step + 1) * config.batch]
        rows = np.stack([ids[w * config.window : w * config.window + config.window + 1] for w in chosen])
        for place in range(round(config.echo_rows * config.batch)):
            rows[place] = echo(rows[place], config.echoes, shuffle)
        tokens_BT = torch.from_numpy(rows.astype(np.int64))
        logits_BTV = model(input_ids=tokens_BT[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits_BTV.flatten(0, 1), tokens_BT[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip_gradients(model, config.clip)
        set_rate(optimizer, rate_at(step, config.steps, config.peak_rate, config.warmup, config.decay_share))
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % 50 == 0:
            rate = (step + 1) * config.batch * config.window / (time.monotonic() - began)
            copied = copy_accuracy(model, probe)
            say(
                f"step {step + 1}/{config.steps}  loss {np.mean(losses[-50:]):.3f}  copies {copied:.0%}  "
                f"{rate:,.0f} tokens/s"
            )
    model.eval()
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    chat.tokenizer.save(str(out / "tokenizer.json"))
    result = {
        "config": config.model_dump(mode="json"),
        "corpus": {"recipe": card.recipe, "sha256": card.documents_sha256},
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens_in_corpus": len(ids),
        "tokens_trained": needed,
        "copy_accuracy": round(copy_accuracy(model, probe), 4),
        "held_out_bits_per_byte": bits_per_byte(model, held, held_bytes, config.window),
        "loss_every_100_steps": [round(float(np.mean(losses[i : i + 100])), 4) for i in range(0, len(losses), 100)],
        "sha256": {
            name: hashlib.sha256((out / name).read_bytes()).hexdigest()
            for name in ("model.safetensors", "tokenizer.json")
        },
        "torch": torch.__version__,
    }
    (out / "card.json").write_text(json.dumps(result, indent=1) + "\n")
    return result
