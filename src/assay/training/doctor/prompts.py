"""Prompts for a checkpoint to answer: held-out ones of its training set, or a few general ones where it has none."""

from assay.nouns import Message, Role
from assay.training.doctor.patient import Patient
from assay.training.doctor.turns import spans
from assay.training.doctor.weights import embedding_of

QUESTIONS = "general questions"
GENERAL = (
    "List the files of the current directory.",
    "What is 17 plus 25?",
    "Write a Python function that reverses a list.",
    "Explain in one sentence what a test is for.",
    "Name three colours.",
    "Fix the bug: def add(a, b): return a - b",
    "Count from one to five.",
    "Say hello.",
)


def prompts(patient: Patient) -> tuple[list[list[int]], str]:
    """Return up to `patient.prompts` prompts as ids that leave room for an answer, and in words where they are from.

    Of a training set, the ids before the first turn that is learned, of examples that no training step read where
    the set has such a split. Equal prompts are asked once.
    """
    context = patient.context or 1 << 30
    room = context - min(patient.most, context // 4)
    found: dict[tuple[int, ...], None] = {}
    where = QUESTIONS
    if patient.has("data") and _same_tokenizer(patient):
        data = patient.dataset
        held = [name for name in data.splits if name != "train" and len(data.split(name))]
        places = data.split(held[0]) if held else range(len(data))
        where = f"the split {held[0]} of {data.folder}" if held else f"{data.folder}, which has no held-out split"
        for place in places:
            ids, in_loss = data.arrays(int(place))
            first = next(spans(in_loss), (0, 0))[0]
            if 0 < first <= room:
                found[tuple(ids[:first].tolist())] = None
            if len(found) >= patient.prompts:
                break
    if not found:
        where = QUESTIONS
        for text in GENERAL[: patient.prompts]:
            asked = patient.format.prompt([Message(role=Role.USER, content=text)])
            if len(asked) <= room:
                found[tuple(asked)] = None
    return [list(ids) for ids in found], where


def _same_tokenizer(patient: Patient) -> bool:
    """Whether the data's ids can be ids of this model."""
    return patient.dataset.card.vocabulary <= len(embedding_of(patient.model))
