"""Audit a dated model: surprise by decade, multiple choice before and after, and what its samples are flagged for."""

from collections.abc import Callable, Sequence
from pathlib import Path

from assay.audit.leaks.attestation import Dated
from assay.audit.leaks.audit import Audit, audit_texts
from assay.audit.leaks.bits import EVENTS, Paired, Surprise, paired, read_events, surprise
from assay.audit.leaks.calibration import Calibration
from assay.audit.leaks.choice import CHOICES, Choice, choose, read_choices
from assay.audit.leaks.classifier import Classifier
from assay.audit.leaks.scoring import Scorer
from assay.nouns.base import Noun


class ModelAudit(Noun):
    """What a model was found to know of the time after the cutoff; `samples` is None where none were asked for."""

    model: str
    cutoff: int
    surprise: Surprise
    choice: Choice
    samples: Audit | None
    sampling: str


class ModelAudits(Noun):
    """Audits of models, and each one's surprise minus that of every later one, paired by item."""

    models: tuple[ModelAudit, ...]
    paired: tuple[Paired, ...]


def audit_models(
    directories: Sequence[Path],
    classifier: Classifier,
    calibration: Calibration,
    *,
    events: Path = EVENTS,
    choices: Path = CHOICES,
    samples: int = 100,
    tokens: int = 400,
    temperature: float = 1.0,
    seed: int = 0,
    device: str = "cpu",
    say: Callable[[str], None] = lambda line: None,
) -> ModelAudits:
    """Return the audits. `samples` texts of at most `tokens` ids each are drawn, sample n with the seed `seed` + n."""
    dated, items = read_events(events), read_choices(choices)
    found: list[ModelAudit] = []
    for directory in directories:
        say(f"reading {directory}")
        scorer = Scorer(directory, device)
        bits = surprise(scorer, dated, calibration.cutoff, f"{events.name}, {len(dated)} items")
        choice = choose(scorer, items, calibration.cutoff, f"{choices.name}, {len(items)} items")
        drawn, how = None, ""
        if samples:
            seeds = f"seeds {seed} to {seed + samples - 1}"
            how = f"{samples} samples of at most {tokens} tokens, temperature {temperature:g}, {seeds}"
            say(how)
            texts = scorer.samples(samples, tokens=tokens, temperature=temperature, seed=seed)
            named = (Dated(f"sample {seed + n}", "samples", 0, text) for n, text in enumerate(texts))
            drawn = audit_texts(named, classifier, calibration, f"samples of {scorer.name}")
        found.append(
            ModelAudit(
                model=scorer.name,
                cutoff=calibration.cutoff,
                surprise=bits,
                choice=choice,
                samples=drawn,
                sampling=how,
            )
        )
    pairs = [paired(one.surprise, two.surprise, dated) for place, one in enumerate(found) for two in found[place + 1 :]]
    return ModelAudits(models=tuple(found), paired=tuple(pairs))
