"""Five families of small tasks, three disjoint splits each, and a small base that has seen a little of everything."""

import random
from collections.abc import Callable, Sequence

import torch

from assay.models.chat import Chat
from assay.models.weights import Architecture, new_model, use_one_thread
from assay.training.atlas import PROBES
from assay.training.examples import Example
from assay.training.forward import target_logprobs
from assay.training.packing import pack
from assay.training.tokenizer import train_tokenizer

ARCHITECTURE = Architecture(vocabulary=512, width=64, layers=2, heads=4, inner=128, context=256)
WORDS = ["river", "stone", "bread", "lamp", "paper", "garden", "window", "silver", "market", "winter", "summer"]
WORDS += ["road", "horse", "letter", "music", "table", "harbour", "mill", "grain", "wheel", "ship", "price", "fox"]
SMALL = ["the", "a", "and", "was", "in", "of", "to", "it"]

Asked = tuple[str, str, str]  # instruction, input, answer


def arithmetic(rng: random.Random) -> Asked:
    a, b = rng.randint(10, 99), rng.randint(10, 99)
    return "Add the numbers.", f"{a} {b}", str(a + b)


def ordering(rng: random.Random) -> Asked:
    words = rng.sample(WORDS, 3)
    return "Sort the words.", " ".join(words), " ".join(sorted(words))


def choice(rng: random.Random) -> Asked:
    words = rng.sample(WORDS, 3)
    place = rng.randrange(3)
    return "Choose the option.", f"{words[place]}: (A) {words[0]} (B) {words[1]} (C) {words[2]}", f"({'ABC'[place]})"


def program(rng: random.Random) -> Asked:
    number, sign = rng.randint(2, 999), rng.choice("+-*")
    return "Write a function.", f"{sign} {number}", f"def f(x):\n    return x {sign} {number}"


def verdict(rng: random.Random) -> Asked:
    words = rng.sample(WORDS, 3)
    named = rng.choice(WORDS)
    return "Is it in the list?", f"{named}: {' '.join(words)}", "yes" if named in words else "no"


FAMILIES: dict[str, Callable[[random.Random], Asked]] = {
    "arithmetic": arithmetic,
    "ordering": ordering,
    "choice": choice,
    "program": program,
    "verdict": verdict,
}


def prompt(instruction: str, given: str) -> str:
    return f"### Instruction:\n{instruction}\n\n### Input:\n{given}\n\n### Response:"


def prose(rng: random.Random, count: int) -> str:
    return " ".join(rng.choice(WORDS + SMALL) for _ in range(count)) + "."


def split(family: str, number: int, count: int) -> list[Asked]:
    """Return split `number` of 3: no question of one split stands in another."""
    rng = random.Random(family)
    seen: dict[Asked, None] = {}
    while len(seen) < 3 * count:
        seen[FAMILIES[family](rng)] = None
    return list(seen)[number * count : (number + 1) * count]


def make_chat() -> Chat:
    rng = random.Random(1)
    texts = [prose(rng, 30) for _ in range(200)] + list(PROBES) * 20
    texts += [prompt(q, x) + a for family in FAMILIES for q, x, a in split(family, 0, 60)]
    return Chat(train_tokenizer(texts, ARCHITECTURE.vocabulary))


def examples(chat: Chat, asked: Sequence[Asked]) -> list[Example]:
    made = []
    for instruction, given, answer in asked:
        before, after = chat.encode(prompt(instruction, given)), [*chat.encode(answer), chat.end]
        made.append(Example((*before, *after), (False,) * len(before) + (True,) * len(after)))
    return made


def general(chat: Chat) -> list[Example]:
    """What the base reads: prose, general questions in the same template, and a few of every family."""
    rng = random.Random(9)
    made = [chat.encode(prose(rng, 30)) for _ in range(200)]
    texts = [(rng.choice(PROBES), prose(rng, rng.randint(3, 8))) for _ in range(200)]
    texts += [(prompt("Repeat the words.", said), said) for said in (prose(rng, rng.randint(1, 5)) for _ in range(300))]
    texts += [(prompt("Write a sentence.", rng.choice(WORDS)), prose(rng, rng.randint(3, 8))) for _ in range(300)]
    for family in FAMILIES:
        rng_f = random.Random(f"base:{family}")
        texts += [(prompt(q, x), a) for q, x, a in (FAMILIES[family](rng_f) for _ in range(60))]
    made += [[*chat.encode(before), *chat.encode(after), chat.end] for before, after in texts]
    return [Example(tuple(ids), (False,) + (True,) * (len(ids) - 1)) for ids in made]


def train(
    model: torch.nn.Module, data: Sequence[Example], steps: int, rate: float, seed: int, batch: int = 16
) -> float:
    """Train what can be trained of `model`, each step on `batch` examples drawn by `seed`; return the last loss."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.0)
    rng = random.Random(seed)
    loss = torch.zeros(())
    for step in range(steps):
        (row,) = pack(rng.sample(list(data), batch), 1 << 20)
        loss = -target_logprobs(model, row).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 5) * (1 - step / steps)
        optimizer.step()
    return loss.item()


def make_base(chat: Chat, steps: int = 400) -> torch.nn.Module:
    use_one_thread(0)
    model = new_model(ARCHITECTURE, 0)
    train(model, general(chat), steps, 3e-3, 0)
    return model
