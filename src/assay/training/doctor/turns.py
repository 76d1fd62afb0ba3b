"""How a chat format writes the assistant's turn, found by asking it: what stands before a turn, and what ends it."""

from collections.abc import Iterator

import numpy as np

from assay.models.formats import ChatFormat
from assay.nouns import Message, Role

USER = Message(role=Role.USER, content="Name a colour.")


def header(format: ChatFormat) -> list[int]:
    """Return the ids that the program writes before an assistant's turn, such as those of `<|assistant|>`."""
    before, _ = format.render([USER])
    prompt = format.prompt([USER])
    return prompt[len(before) :] if prompt[: len(before)] == before else prompt[-1:]


def spans(in_loss: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of every unbroken stretch that is in the loss; `end` is the first place after it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.asarray(in_loss, dtype=bool), [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
