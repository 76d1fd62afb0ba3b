"""Audit post-training data: what the model is taught to say, and what it reads, code set apart and counted.

Read are ledgers, files and folders of trajectories, and training sets of `assay data build`. The assistant's turns
are one text of a trajectory and all other turns another, so that their shares are apart.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tokenizers import Tokenizer

from assay.audit.leaks.attestation import Dated
from assay.audit.leaks.audit import Audit, Auditor
from assay.audit.leaks.calibration import Calibration
from assay.audit.leaks.classifier import Classifier
from assay.audit.leaks.rates import Rate, share
from assay.audit.leaks.texts import Troubles
from assay.audit.leaks.words import mended, prose_of, words
from assay.errors import UserError
from assay.nouns import Role
from assay.nouns.base import Noun
from assay.training.data import open_dataset
from assay.training.data.layout import CARD, INDEX_FILE
from assay.training.data.sources import SourceReader, open_sources, units


@dataclass(frozen=True)
class Told:
    """A trajectory as two texts: what is learned from and what is only read; `task` clusters trajectories."""

    id: str
    task: str
    learned: str
    read: str


class DataAudit(Noun):
    """The audit of post-training data.

    `code` is the share of characters set apart as code, of what is learned and of what is read. `distinct` counts the
    different sequences of words: a prompt that stands in every trajectory is one, whatever its identifiers.
    `flagged_learned` and `flagged_read` are shares of all trajectories, those with a flagged window, clustered by task.
    """

    data: str
    learned: Audit
    read: Audit
    code_learned: float
    code_read: float
    distinct_learned: int
    distinct_read: int
    flagged_learned: Rate
    flagged_read: Rate
    unreadable: int
    first_unreadable: tuple[str, ...]


def told(path: Path, troubles: Troubles) -> Iterator[Told]:
    """Yield the trajectories of a ledger, of files, or of a training set. Raises UserError where it is none."""
    if (path / CARD).is_file() and (path / INDEX_FILE).is_file():
        yield from _of_dataset(path)
        return
    sources = open_sources([path])
    reader = SourceReader(sources, thinking=True)
    for number, source in enumerate(sources):
        for unit in units(number, source):
            for place, record in reader.scan(unit):
                if isinstance(record, UserError):
                    troubles.add(str(record))
                    continue
                name = reader.where(number, place)
                turns = [(turn.role is Role.ASSISTANT, turn.content) for turn in record.conversation]
                yield Told(
                    id=name,
                    task=record.task_id or name,
                    learned="\n\n".join(text for is_ours, text in turns if is_ours),
                    read="\n\n".join(text for is_ours, text in turns if not is_ours),
                )


def _of_dataset(folder: Path) -> Iterator[Told]:
    data = open_dataset(folder)
    path = data.tokenizer / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{folder} has no tokenizer, so its ids have no text: build it with `assay data build`")
    tokenizer = Tokenizer.from_file(str(path))
    for place in range(len(data)):
        ids, in_loss = data.arrays(place)
        parts: dict[bool, list[str]] = {True: [], False: []}
        for learned, pairs in groupby(zip(ids.tolist(), in_loss.tolist(), strict=True), key=lambda pair: pair[1]):
            parts[bool(learned)].append(tokenizer.decode([token for token, _ in pairs], skip_special_tokens=True))
        meta = data.meta(place)
        yield Told(
            id=f"{folder.name}, example {place}",
            task=str(meta.get("task_id") or place),
            learned="\n\n".join(parts[True]),
            read="\n\n".join(parts[False]),
        )


def audit_data(path: Path, classifier: Classifier, calibration: Calibration, *, most: int | None = None) -> DataAudit:
    """Return the audit of at most `most` trajectories. Equal texts are judged once. Raises UserError for none."""
    troubles = Troubles()
    sides = {True: Auditor(classifier, calibration, "learned"), False: Auditor(classifier, calibration, "read")}
    code = {True: [0, 0], False: [0, 0]}
    seen: dict[bool, dict[bytes, bool]] = {True: {}, False: {}}
    flagged: dict[bool, list[bool]] = {True: [], False: []}
    tasks: list[str] = []
    for number, trajectory in enumerate(told(path, troubles)):
        if most is not None and number >= most:
            break
        for learned, text in ((True, trajectory.learned), (False, trajectory.read)):
            prose, blanked = prose_of(text)
            code[learned][0] += blanked
            code[learned][1] += len(text)
            known = seen[learned]
            key = hashlib.sha256(" ".join(word.text for word in words(mended(prose))).encode()).digest()
            if key not in known:
                known[key] = sides[learned].add(Dated(trajectory.id, "trajectories", 0, prose), trajectory.task)
            flagged[learned].append(known[key])
        tasks.append(trajectory.task)
    if not tasks:
        raise UserError(f"{path} holds no trajectory that can be read: {'; '.join(troubles.first) or 'it is empty'}")
    return DataAudit(
        data=path.name,
        learned=sides[True].result(),
        read=sides[False].result(),
        code_learned=round(code[True][0] / max(1, code[True][1]), 4),
        code_read=round(code[False][0] / max(1, code[False][1]), 4),
        distinct_learned=len(seen[True]),
        distinct_read=len(seen[False]),
        flagged_learned=share(flagged[True], tasks),
        flagged_read=share(flagged[False], tasks),
        unreadable=troubles.count,
        first_unreadable=tuple(troubles.first),
    )
