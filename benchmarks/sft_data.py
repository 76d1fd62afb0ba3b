"""The trajectories of the training benchmarks: this package's own source in turns, of mixed or of equal length.

Lengths decide the speed and text decides the loss, so both are fixed by a seed and by the package's source; the
share of tokens in the loss, about a third, is that of the teacher's trajectories.
"""

import math
import random
from dataclasses import dataclass
from pathlib import Path

import assay
from assay.models.formats import ChatFormat
from assay.nouns import Message, Role
from assay.training.examples import Example


@dataclass(frozen=True)
class Shape:
    """How long trajectories are, in tokens: all `most`, or log-normal about `median` and cut to `least` and `most`."""

    most: int
    median: int = 0  # 0: all of one length
    spread: float = 0.0  # of the logarithm
    least: int = 48

    def draw(self, rng: random.Random) -> int:
        """Return one length."""
        if not self.median:
            return self.most
        return max(self.least, min(self.most, round(math.exp(rng.gauss(math.log(self.median), self.spread)))))


def source_text() -> str:
    """Return the text of every module of the package, in the order of their paths."""
    root = Path(assay.__file__).parent
    return "\n".join(path.read_text() for path in sorted(root.rglob("*.py")))


def trajectories(chat: ChatFormat, shape: Shape, count: int, seed: int) -> list[Example]:
    """Return `count` examples: a task, then commands of the assistant and long or short observations in turn.

    Each is rendered by the chat format and cut at its length; every one has a token in the loss.
    """
    rng = random.Random(seed)
    text = source_text()

    def piece(characters: int) -> str:
        start = rng.randrange(len(text) - characters)
        return text[start : start + characters]

    examples: list[Example] = []
    while len(examples) < count:
        wanted = shape.draw(rng)
        conversation = [Message(role=Role.USER, content=piece(min(250, 2 * wanted)))]
        ids: list[int] = []
        while len(ids) < wanted:
            command = f"```bash\n{piece(rng.randint(60, 260))}\n```"
            observation = piece(min(6000, max(20, round(math.exp(rng.gauss(math.log(160), 1.0))))))
            conversation.append(Message(role=Role.ASSISTANT, content=command))
            conversation.append(Message(role=Role.USER, content=observation))
            ids, in_loss = chat.render(conversation)
        example = Example(tuple(ids[:wanted]), tuple(in_loss[:wanted]))
        if any(example.in_loss[1:]):
            examples.append(example)
    return examples
