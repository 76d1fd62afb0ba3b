"""Training tasks among the tested ones: equal by hash, near duplicates by MinHash, shared n-grams of words."""

from collections.abc import Iterator

import numpy as np

from assay.audit.findings import Finding
from assay.audit.integrity._run import AuditedRun
from assay.ledger.reading import LedgerReader
from assay.nouns import Task
from assay.tasks.overlap import fingerprint, words
from assay.training.data.near import BANDS, signature, similarity

_NEAR = 0.9
_MOST = 20_000  # tasks of either side that are compared
_GRAMS = 13  # words, as in Brown et al. 2020, section C


def check(run: AuditedRun) -> Iterator[Finding]:
    """Yield tested tasks that stand in the training ledger beside this one, or in its training split."""
    if run.ledger is None:
        return
    tested = {task_id for (task_id,) in run.tally.ask("SELECT DISTINCT task_id FROM planned")}
    training = [task for task in _training(run, tested)][:_MOST]
    if not training:
        return
    hashes = {fingerprint(task): task.id for task in training}
    places: dict[tuple[int, int], list[int]] = {}
    signs = []
    for number, task in enumerate(training):
        sign, bands = _signed(task)
        signs.append(sign)
        for band in range(BANDS):
            places.setdefault((band, int(bands[band])), []).append(number)
    table = np.stack(signs)
    grams = {gram for task in training for gram in _grams(words(task))}
    equal, near, shared, count = [], [], [], 0
    for task in run.tasks():
        if count >= _MOST:
            break
        count += 1
        if fingerprint(task) in hashes:
            equal.append((task.id, hashes[fingerprint(task)]))
            continue
        sign, bands = _signed(task)
        others = sorted({n for band in range(BANDS) for n in places.get((band, int(bands[band])), ())})
        if others and (best := similarity(sign, table[others])).max() >= _NEAR:
            near.append((task.id, training[others[int(best.argmax())]].id))
            continue
        own = _grams(words(task))
        if own and len(own & grams) / len(own) > 0.8:
            shared.append((task.id, ""))
    for mechanism, found, sure, how in (
        ("equal_in_training", equal, 0.9, "stand word for word in the training tasks"),
        ("near_in_training", near, 0.7, f"are near duplicates (MinHash, {_NEAR:.0%}) of training tasks"),
        ("shared_ngrams", shared, 0.4, f"share over 80 % of their {_GRAMS}-grams of words with training tasks"),
    ):
        if found:
            one, other = found[0]
            pair = f"{one} and {other}" if other else one
            said = f"{len(found)} of {count} tested tasks {how} ({len(training)} training tasks): {pair}"
            yield run.finding(mechanism, sure, said, task_id=one)


def _training(run: AuditedRun, tested: set[str]) -> Iterator[Task]:
    assert run.ledger is not None
    ledgers = [run.ledger.with_name("teacher.sqlite"), run.ledger]
    for path in ledgers:
        if not path.is_file() or (path == run.ledger and path.name == "teacher.sqlite"):
            continue
        with LedgerReader(path) as reader:
            for task in reader.tasks():
                if task.id not in tested and (path != run.ledger or task.split == "train"):
                    yield task


def _signed(task: Task) -> tuple[np.ndarray, np.ndarray]:
    module = "\n".join(task.files.get(path, "") for path in task.outputs)
    return signature(task.instruction, module)


def _grams(found: list[str]) -> set[int]:
    lower = [word.lower() for word in found]
    return {hash(tuple(lower[start : start + _GRAMS])) for start in range(len(lower) - _GRAMS + 1)}
