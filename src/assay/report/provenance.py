"""The tables of where the numbers come from: arms, training, data, teacher, overlap, configuration, machine, sessions.

Facts have the shape that their experiment gave them; one whose shape is not known is shown name by name.
"""

import json
from collections.abc import Sequence
from typing import Any

from assay.report.record import Record
from assay.report.summary import sessions
from assay.report.tables import Table, table
from assay.report.words import count, duration, number, percent, seed_list

_APART = {"teacher", "overlap", "admission", "hashes", "arms", "templates"}
_OVERLAP = (
    "first",
    "second",
    "first_tasks",
    "second_tasks",
    "equal_texts",
    "equal_modules",
    "median_share",
    "max_share",
)
_COUNTED = ("trajectories", "tokens", "loss_tokens", "median_tokens", "longest_tokens", "sha256")


def flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Return nested facts as (dotted name, text) rows."""
    if isinstance(value, dict):
        return [row for key in value for row in flat(value[key], f"{name}.{key}" if name else str(key))]
    if isinstance(value, list):
        if all(not isinstance(each, dict | list) for each in value):
            return [(name, ", ".join(number(each) for each in value) or "none")]
        return [row for index, each in enumerate(value) for row in flat(each, f"{name}.{index}")]
    return [(name, number(value))]


def facts(name: str, value: Any) -> Table:
    """A fact as a table of names and values."""
    return table(name, ("what", "value"), flat(value) if value else [])


def _columns(entries: Sequence[Any], wanted: Sequence[str]) -> bool:
    """Whether every entry is a record that holds the wanted names."""
    return bool(entries) and all(isinstance(each, dict) and set(wanted) <= set(each) for each in entries)


def arms(record: Record) -> Table:
    """The arms as the experiment declares them."""
    rows = [
        (str(arm.get("name")), *(number(arm.get(key)) for key in ("base", "tokenizer", "parameters")))
        for arm in record.experiment.get("arms") or ()
    ]
    return table("Arms", ("arm", "base", "tokenizer", "parameters"), rows)


def training(record: Record) -> Table:
    """What each run of training had seen at each dose."""
    rows = []
    for name, fact in record.facts.items():
        if name.startswith("training/") and isinstance(fact, dict):
            _, arm, seed = name.split("/", 2)
            for dose in fact.get("doses") or ():
                keys = ("dose", "distinct", "tokens", "loss_tokens", "steps", "train_loss")
                seen = (number(dose.get(key)) for key in keys)
                rows.append((arm, seed, *seen))
    rows.sort(key=lambda row: (_place(record, row[0]), len(row[1]), row[1]))
    head = ("arm", "seed", "trajectories read", "of them distinct", "tokens", "in the loss", "steps", "training loss")
    note = "Counted while training, up to the dose of the row. The loss is a mean over tokens in the loss, in nats."
    return table("Training", head, rows, note if rows else "")


def _place(record: Record, arm: str) -> int:
    return record.arms.index(arm) if arm in record.arms else len(record.arms)


def _in_order(record: Record, by_arm: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(by_arm.items(), key=lambda entry: _place(record, entry[0]))


def data(record: Record) -> list[Table]:
    """What was trained on: amounts, also by arm, the teacher, the overlap of splits, the admission of tasks."""
    fact = record.fact("data")
    counted = fact.get("arms")
    tables = [facts("Training data", {key: value for key, value in fact.items() if key not in _APART})]
    if isinstance(counted, dict) and _columns(list(counted.values()), _COUNTED):
        rows = [(arm, *(number(entry[key])[:20] for key in _COUNTED)) for arm, entry in _in_order(record, counted)]
        head = ("arm", *(key.replace("_", " ") for key in _COUNTED[:-1]), "SHA-256 (start)")
        tables.append(table("Training data as each arm's tokenizer has it", head, rows))
    tables += [facts("Teacher", fact.get("teacher")), _overlap(fact.get("overlap")), _admission(fact.get("admission"))]
    return tables


def _overlap(fact: Any) -> Table:
    pairs = fact.get("pairs") if isinstance(fact, dict) else None
    if not isinstance(pairs, list) or not _columns(pairs, _OVERLAP):
        return facts("Overlap between splits", fact)
    rows = [
        (
            f"{pair['first']} and {pair['second']}",
            f"{number(pair['first_tasks'])} and {number(pair['second_tasks'])}",
            number(pair["equal_texts"]),
            number(pair["equal_modules"]),
            percent(pair["median_share"]),
            percent(pair["max_share"]),
        )
        for pair in pairs
    ]
    size = number(fact.get("n"))
    head = ("splits", "tasks", "equal texts", "equal modules", "shared n-grams, median", "shared n-grams, largest")
    note = f"The share of the n-grams (n = {size} words) of a task of the second split that occur in the first."
    return table("Overlap between splits", head, rows, note)


def _admission(fact: Any) -> Table:
    wanted = ("source", "used", "admitted", "refused")
    if not isinstance(fact, dict) or not _columns(list(fact.values()), wanted):
        return facts("Admission of tasks", fact)
    rows = []
    for split, entry in fact.items():
        refused = entry["refused"]
        turned_away = len(refused) if isinstance(refused, list | dict) else refused
        rows.append(
            (split, *(number(each) for each in (entry["source"], entry["used"], entry["admitted"], turned_away)))
        )
    note = "Admitted: the gold fix scores 1 and no change scores 0."
    return table("Admission of tasks", ("split", *wanted), rows, note)


def identity(record: Record) -> Table:
    """What was run: name, scale, doses, temperature, seeds, hashes."""
    experiment = record.experiment
    hashes = [
        *flat(record.fact("data").get("hashes") or {}, "tasks and data"),
        *flat(experiment.get("base_hashes") or {}, "base"),
    ]
    rows = [
        ("experiment", number(experiment.get("name"))),
        ("scale", number(experiment.get("scale"))),
        ("doses (trajectories)", ", ".join(f"{dose:,}" for dose in record.doses) or "none"),
        ("seeds", seed_list(record)),
        ("sampling temperature", number(experiment.get("temperature"))),
        ("planned attempts", count(record.planned, "attempt")),
        ("configuration hash", number(experiment.get("config_hash"))),
        *((f"hash of {name}", value) for name, value in hashes),
    ]
    return table("Identity", ("what", "value"), rows)


def session_list(record: Record) -> Table:
    """The sessions of the run: several when it was stopped and went on."""
    rows = [
        (
            str(index),
            duration(each.get("wall_s")),
            number(each.get("peak_rss_mb")),
            number(each.get("reused")),
        )
        for index, each in enumerate(sessions(record), start=1)
    ]
    return table("Sessions", ("session", "wall time", "peak memory, MB", "attempts already there"), rows)


def configuration(record: Record) -> str:
    """The whole resolved configuration as JSON, or an empty text."""
    resolved = record.experiment.get("resolved")
    return json.dumps(resolved, indent=2, sort_keys=True, ensure_ascii=False) if resolved else ""
