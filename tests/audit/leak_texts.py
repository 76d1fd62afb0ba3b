"""Two ages of an invented language: late texts use words that early ones have not, and the years are known."""

import json
import random

from assay.audit.leaks.attestation import Dated

SYLLABLES = ["ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve"]


def vocabulary(rng, size):
    found = set()
    while len(found) < size:
        found.add("".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 4))))
    return sorted(found)


def ages(seed=0, documents=24, words=600, share=0.12):
    """Return dated texts of three collections before 1931 and three after; `share` of the late words are new."""
    rng = random.Random(seed)
    every = vocabulary(rng, 700)
    rng.shuffle(every)
    old, new = every[:600], every[600:]
    texts = []
    for late in (False, True):
        for source in ("one", "two", "three"):
            name = f"{'late' if late else 'early'}_{source}"
            for number in range(documents):
                said = [rng.choice(new) if late and rng.random() < share else rng.choice(old) for _ in range(words)]
                year = (1950 if late else 1850) + number
                lines = [" ".join(said[at : at + 12]).capitalize() + "." for at in range(0, words, 12)]
                texts.append(Dated(f"{name}/{number}", name, year, " ".join(lines)))
    return texts, old, new


def write_jsonl(path, texts):
    rows = [{"id": t.id, "source": t.source, "year": t.year, "text": t.text} for t in texts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
