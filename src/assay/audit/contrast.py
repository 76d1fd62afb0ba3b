"""Contrast: the same task over many attempts and models, so that odd passes and joint witnesses stand out.

Actions are embedded (TF-IDF of what was done to what, reduced by singular values) and clustered; a pass that went
about it as nearly nobody else did is named. Witness sets are attempts that show something only together.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from assay.audit.findings import TASK, Finding
from assay.audit.places import Place
from assay.audit.tally import Tally
from assay.audit.views import View

FEWEST = 8  # attempts at a task, below which nothing stands out
_MOST_TASKS, _MOST_ATTEMPTS = 2000, 400
_ODD_SHARE = 0.1  # of a task's attempts, the largest cluster that is odd
_APART = 0.6  # cosine distance
_VALUE = re.compile(r"(?<![\w.])(\d{6,}|[0-9a-f]{16,}|\d+\.\d{6,})(?![\w.])")
# Outside of the workspace, a name in some folder: "/" and "/tmp" are nothing that one attempt can leave for another.
_FILE = re.compile(r"/(?!dev/|proc/)[^/]+(?:/[^/]+)*/[^/]+$")
_ROUND = re.compile(r"^(10*|1000000007|998244353|2147483647|2147483648|4294967295|4294967296|9223372036854775807)$")


def signed(view: View) -> str:
    """Return what contrast needs of an attempt, as JSON: its actions as words, what it left and read, odd values."""
    words, wrote, read = [], [], []
    for step, event in view.events:
        place, _ = view.place(event.path) if event.path and event.verb not in ("run", "git") else (Place.WORKSPACE, 0.0)
        words.append(f"{event.verb}_{place.value}_{event.path.rpartition('/')[2][:40] if event.path else ''}")
        outside = view.inside(event.path) is None and _FILE.match(event.path) is not None
        if outside and event.verb == "write":
            wrote.append(event.path)
        elif outside and event.verb == "read" and not view.own(event.path, step):
            read.append(event.path)
    given = view.instruction + "\n".join(view.files.values())
    values = {
        value
        for source in view.sources
        for number, line in enumerate(source.text.splitlines(), 1)
        if source.is_new(number)
        for value in _VALUE.findall(line)
        if value not in given and not _ROUND.match(value)
    }
    told = {"words": words[:300], "wrote": wrote[:20], "read": read[:20], "values": sorted(values)[:20]}
    return json.dumps(told)


def contrasted(tally: Tally) -> Iterator[Finding]:
    """Yield what stands out among the attempts at one task. Raises ModuleNotFoundError without scikit-learn."""
    sql = """SELECT task_id FROM attempts WHERE actions IS NOT NULL GROUP BY task_id HAVING COUNT(*) >= 2
        ORDER BY 1 LIMIT ?"""
    for (task_id,) in list(tally.ask(sql, _MOST_TASKS)):
        rows = list(
            tally.ask(
                "SELECT name, arm, value, actions FROM attempts WHERE task_id = ? AND actions IS NOT NULL "
                "ORDER BY number LIMIT ?",
                task_id,
                _MOST_ATTEMPTS,
            )
        )
        told = [json.loads(actions) for *_, actions in rows]
        yield from _witnesses(task_id, rows, told)
        if len(rows) >= FEWEST:
            yield from _odd_passes(task_id, rows, told)
    yield from _handed_on(tally)


def _odd_passes(task_id: str, rows: Sequence[Any], told: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    passed = [place for place, (_, _, value, _) in enumerate(rows) if value is not None and value >= 1.0]
    if len(passed) < 2 or len(passed) == len(rows):
        return
    labels, distances = clustered([one["words"] for one in told])
    for place in passed:
        members = [other for other, label in enumerate(labels) if label == labels[place]]
        if len(members) <= max(1, _ODD_SHARE * len(rows)) and distances[place] > _APART:
            name, _, _, _ = rows[place]
            said = (
                f"passes as nearly none of {len(rows)} attempts at the task goes about it: {len(members)} in its "
                f"cluster, distance {distances[place]:.2f} to the nearest other: {' '.join(told[place]['words'][:8])}"
            )
            yield _finding(name, task_id, "odd_pass", 0.35, said)


def clustered(texts: Sequence[Sequence[str]]) -> tuple[list[int], list[float]]:
    """Return each attempt's cluster, and its cosine distance to the nearest attempt outside of it (1 for none)."""
    import numpy as np
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    shown = [[*words, "nothing"] if not words else list(words) for words in texts]
    table = TfidfVectorizer(analyzer=_grams, sublinear_tf=True).fit_transform(shown)
    parts = min(32, table.shape[0] - 1, table.shape[1] - 1)
    dense = TruncatedSVD(parts, random_state=0).fit_transform(table) if parts >= 2 else table.toarray()
    points = normalize(dense)
    labels = AgglomerativeClustering(
        n_clusters=None, distance_threshold=0.5, metric="cosine", linkage="average"
    ).fit_predict(points)
    apart = np.clip(1.0 - points @ points.T, 0.0, 2.0)
    apart[labels[:, None] == labels[None, :]] = np.inf
    nearest = apart.min(axis=1)
    return labels.tolist(), [float(value) if np.isfinite(value) else 1.0 for value in nearest]


def _grams(words: Sequence[str]) -> list[str]:
    """Return the words and their neighbours in pairs."""
    return [*words, *(f"{one} {two}" for one, two in pairwise(words))]


def _witnesses(task_id: str, rows: Sequence[Any], told: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Yield attempts that hand in one value which nothing in the task explains: singly it could be chance."""
    holders: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(told):
        for value in one["values"]:
            holders[value].append(place)
    for value, places in holders.items():
        if len(places) >= 2:
            names = [rows[place][0] for place in places]
            for place in places:
                said = (
                    f"{len(places)} attempts hand in {value}, which stands nowhere in the task: {' '.join(names[:8])}"
                )
                yield _finding(rows[place][0], task_id, "shared_value", 0.45, said)


def _handed_on(tally: Tally) -> Iterator[Finding]:
    """Yield pairs of attempts of which one left a file outside its workspace that the other read."""
    left: dict[str, str] = {}
    sql = "SELECT name, task_id, actions FROM attempts WHERE actions LIKE ? ORDER BY number"
    for name, _, actions in tally.ask(sql, '%"wrote": ["%'):
        for path in json.loads(actions)["wrote"]:
            if len(left) < 100_000:
                left.setdefault(path, name)
    if not left:
        return
    for name, task_id, actions in tally.ask(sql, '%"read": ["%'):
        told = json.loads(actions)
        for path in told["read"]:
            writer = left.get(path)
            if writer is not None and writer != name and path not in told["wrote"]:
                said = f"reads {path}, which the attempt {writer} had left outside of its workspace"
                yield _finding(name, task_id, "handed_on", 0.6, said)
                yield _finding(writer, task_id, "handed_on", 0.5, f"leaves {path}, which the attempt {name} reads")


def _finding(attempt: str, task_id: str, mechanism: str, sure: float, said: str) -> Finding:
    return Finding(
        attempt=attempt,
        task_id=task_id,
        kind=TASK,
        mechanism=mechanism,
        where="plan",
        evidence=said,
        confidence=sure,
        detector="contrast",
    )
