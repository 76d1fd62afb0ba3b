"""Small examples and a training set for the tests of training."""

from assay.nouns.base import sha256_file
from assay.training.data import write_dataset
from assay.training.examples import Example


def copying(chat, count=24):
    """Copying tasks: some ids, then the same ids, which are learned."""
    made = []
    for n in range(count):
        ids = [20 + (n * 7 + k * 3) % 50 for k in range(3 + n % 9)]
        said = [*ids, chat.end]
        made.append(
            Example((chat.user, *ids, chat.end, chat.assistant, *said), (False,) * (len(ids) + 3) + (True,) * len(said))
        )
    return made


def write_copying(chat, model, folder, count=60):
    """Write the copying tasks as a training set for the tokenizer of the directory `model`; one in ten is held out."""
    examples = (
        (e.ids, e.in_loss, {"task_id": f"t{n}", "split": "train" if n % 10 else "validation"})
        for n, e in enumerate(copying(chat, count))
    )
    about = {"tokenizer_sha256": sha256_file(model / "tokenizer.json"), "vocabulary": chat.vocabulary}
    return write_dataset(folder, examples, splits=("train", "validation"), about=about)
