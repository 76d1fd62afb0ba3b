"""The first reading of the sources: what there is, what the filters leave, and what is a duplicate of what.

Of each trajectory that stays a row of fixed size is kept, and no text; the rows lie on the disk. They are sorted by
the hash of their content, and whatever has to choose (duplicates, at most k of a task) takes the first, so that
neither the order of the sources nor the number of processes decides anything.
"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from assay.errors import UserError
from assay.nouns import Message
from assay.training.data.near import BANDS, SIGNATURE, near_duplicates, signature
from assay.training.data.recipe import EXACT, NEAR, PER_TASK, Recipe, repository_of, task_of
from assay.training.data.records import SILENT, UNREADABLE, Fault, Record, asked_and_said
from assay.training.data.results import Results
from assay.training.data.sources import Place, SourceReader, Unit
from assay.training.data.writer import save, task_number

# A trajectory that passed the filters: where it lies, and what decides whether it stays. 61 bytes.
PLAN = np.dtype(
    [
        *(("content", "<u8", (2,)), ("task", "<u8"), ("begin", "<i8"), ("size", "<i8"), ("characters", "<i8")),
        *(("source", "<u4"), ("file", "<u4"), ("line", "<u4"), ("unknown", "u1")),
    ]
)
NEARNESS = np.dtype([("bands", "<u8", (BANDS,)), ("signature", "u1", (SIGNATURE,))])  # 160 bytes, where asked for
FAULTS = 20  # how many the card names


@dataclass
class Account:
    """What was counted on the way; accounts of parts are added up in the order of the parts."""

    read: int = 0
    by_source: dict[int, list[int]] = field(default_factory=dict)  # read, broken
    broken: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)

    def count(self, source: int, broken: bool) -> None:
        """Count one trajectory of a source."""
        self.read += 1
        counts = self.by_source.setdefault(source, [0, 0])
        counts[0] += 1
        counts[1] += broken

    def fault(self, error: UserError) -> None:
        """Count what is wrong with a trajectory, and keep the sentence while there are few."""
        self.broken[error.kind if isinstance(error, Fault) else UNREADABLE] += 1
        if len(self.faults) < FAULTS:
            self.faults.append(str(error))

    def add(self, other: "Account") -> None:
        """Add what another part counted."""
        self.read += other.read
        for source, (read, broken) in other.by_source.items():
            counts = self.by_source.setdefault(source, [0, 0])
            counts[0] += read
            counts[1] += broken
        self.broken += other.broken
        self.faults = [*self.faults, *other.faults][:FAULTS]
        self.dropped += other.dropped
        self.verdicts += other.verdicts

    def to_json(self) -> str:
        """Return it as JSON, equal accounts as equal texts."""
        told = {**vars(self), "by_source": {str(source): pair for source, pair in self.by_source.items()}}
        return json.dumps(told, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Account":
        """Read what `to_json` wrote."""
        told = json.loads(text)
        return cls(
            read=told["read"],
            by_source={int(source): pair for source, pair in told["by_source"].items()},
            broken=Counter(told["broken"]),
            faults=told["faults"],
            dropped=Counter(told["dropped"]),
            verdicts=Counter(told["verdicts"]),
        )


def content_digest(conversation: tuple[Message, ...]) -> bytes:
    """Return 16 bytes of the SHA-256 of roles, texts and sampled ids: equal for what would give equal examples."""
    state = hashlib.sha256()
    for message in conversation:
        text = message.content.encode()
        ids = b"" if message.token_ids is None else np.array(message.token_ids, dtype="<i8").tobytes()
        state.update(f"{message.role.value} {len(text)} {len(ids)}\n".encode() + text + ids)
    return state.digest()[:16]


def checked(record: Record | UserError, where: str, results: Results) -> Record:
    """Return the record with its joined result. Raises UserError where it is none, or has nothing to learn from."""
    if isinstance(record, UserError):
        raise record
    if not record.conversation:
        raise Fault(SILENT, f"{where}: it has no turn of the assistant, so nothing is learned from it: leave it out")
    try:
        for message in record.conversation:
            message.content.encode()
        (task_of(record) + record.repository + record.attempt).encode()
    except UnicodeEncodeError as error:
        raise Fault(UNREADABLE, f"{where}: it has text that is not UTF-8 ({error.reason}): mend it there") from error
    if any(not 0 <= token < 1 << 32 for message in record.conversation for token in message.token_ids or ()):
        raise Fault(UNREADABLE, f"{where}: it has token ids that no tokenizer has: mend it there")
    return results.join(record)


def scan_unit(reader: SourceReader, unit: Unit, recipe: Recipe, results: Results, out: Path) -> None:
    """Read a part of a source; leave its rows as `out`.npy (and near.npy) and its account as `out`.json, last."""
    account = Account()
    rows: list[tuple] = []
    near: list[tuple[np.ndarray, np.ndarray]] = []
    for place, found in reader.scan(unit):
        try:
            record = checked(found, reader.where(unit.source, place), results)
        except UserError as error:
            account.count(unit.source, True)
            account.fault(error)
            continue
        account.count(unit.source, False)
        account.verdicts["unknown" if record.value is None else "passed" if record.value == 1.0 else "failed"] += 1
        if (dropped := recipe.refuses(record)) is not None:
            account.dropped[dropped] += 1
            continue
        content = np.frombuffer(content_digest(record.conversation), dtype="<u8")
        characters = sum(len(message.content) for message in record.conversation)
        number = task_number(task_of(record))
        rows.append(
            (
                content,
                number,
                place.begin,
                place.size,
                characters,
                unit.source,
                place.file,
                place.line,
                record.value is None,
            )
        )
        if recipe.near is not None:
            signed, bands = signature(*asked_and_said(record.conversation))
            near.append((bands, signed))
    save(out.with_suffix(".npy"), np.array(rows, dtype=PLAN))
    if recipe.near is not None:
        save(out.with_suffix(".near.npy"), np.array(near, dtype=NEARNESS))
    save(out.with_suffix(".json"), account.to_json().encode())


def choose(outs: list[Path], recipe: Recipe) -> tuple[np.ndarray, Counter[str]]:
    """Return the rows that stay, in the order of their contents' hashes, and how many were dropped by what."""
    rows = np.concatenate([np.zeros(0, dtype=PLAN), *(np.load(out.with_suffix(".npy")) for out in outs)])
    names = ("line", "begin", "file", "source", "unknown")  # of copies, one whose value is known
    order = np.lexsort((*(rows[name] for name in names), rows["content"][:, 1], rows["content"][:, 0]))
    dropped: Counter[str] = Counter()
    same = np.zeros(len(rows), dtype=np.bool_)
    same[1:] = (rows["content"][order[1:]] == rows["content"][order[:-1]]).all(axis=1)
    order = order[~same]
    dropped[EXACT] = int(same.sum())
    if recipe.near is not None:
        nearness = _nearness(outs, order, len(rows))
        near = near_duplicates(nearness["signature"], nearness["bands"], recipe.near)
        order = order[~near]
        dropped[NEAR] = int(near.sum())
    rows = rows[order]
    if recipe.per_task is not None:
        kept = _first_of_each(rows["task"], recipe.per_task)
        dropped[PER_TASK] = int(len(rows) - kept.sum())
        rows = rows[kept]
    return rows, dropped


def _nearness(outs: list[Path], order: np.ndarray, count: int) -> np.ndarray:
    """Return what near duplicates are known by for the rows `order` of `count`, in that order, held once in memory."""
    rank = np.full(count, -1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    found = np.empty(len(order), dtype=NEARNESS)
    first = 0
    for out in outs:
        part = np.load(out.with_suffix(".near.npy"))
        mine = rank[first : first + len(part)]
        found[mine[mine >= 0]] = part[mine >= 0]
        first += len(part)
    return found


def _first_of_each(task_N: np.ndarray, count: int) -> np.ndarray:
    """Return which are among the first `count` of their task, bool (N,)."""
    order = np.argsort(task_N, kind="stable")
    _, starts, sizes = np.unique(task_N[order], return_index=True, return_counts=True)
    rank = np.arange(len(task_N)) - np.repeat(starts, sizes)
    kept = np.zeros(len(task_N), dtype=np.bool_)
    kept[order] = rank < count
    return kept


def group_of(record: Record, recipe: Recipe) -> str:
    """Return what never stands in two splits: the record's task, or its repository."""
    task = task_of(record)
    return repository_of(record, task) if recipe.split_by == "repository" else task


def place_of(row: np.void) -> Place:
    """Return where the trajectory of a plan's row lies."""
    return Place(int(row["file"]), int(row["begin"]), int(row["size"]), int(row["line"]))
