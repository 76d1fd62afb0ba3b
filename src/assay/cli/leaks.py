"""`assay leaks`: what of a later time is in a dated model's texts, its post-training data, its samples and weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from assay.audit.leaks.texts import Troubles

app = typer.Typer(
    help="Leak audit of a dated model: text from after its cutoff, with stated errors.", no_args_is_help=True
)

_With = Annotated[
    Path | None, typer.Option("--calibration", metavar="DIR", help="A folder of `leaks calibrate`; ours is for 1931.")
]
_Flags = Annotated[int, typer.Option("--flags", min=0, help="Print so many flagged passages.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def calibrate(
    texts: Annotated[
        list[Path],
        typer.Argument(metavar="CORPUS...", help="Folders of `corpus build`, or JSONL of `text`, `year`, `source`."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write.")],
    cutoff: Annotated[
        int, typer.Option("--cutoff", min=1500, max=2100, help="The first year that is too late.")
    ] = 1931,
    windows: Annotated[int, typer.Option("--windows", min=5, help="Windows of each collection and part.")] = 250,
    plants: Annotated[int, typer.Option("--plants", min=20, help="Planted leaks of each length.")] = 600,
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws other windows and leaks.")] = 0,
    as_json: _Json = False,
) -> None:
    """Build first-attested years from dated corpora, plant leaks in clean text, and print recall by their length."""
    from assay.audit.leaks.attestation import attest
    from assay.audit.leaks.calibration import calibrate as measure
    from assay.audit.leaks.coinages import coinages
    from assay.audit.leaks.instrument import save_instrument
    from assay.audit.leaks.report import calibration_lines
    from assay.audit.leaks.texts import Troubles, dated_texts

    troubles = Troubles()
    dated = dated_texts(texts, troubles)
    _tell(troubles)
    _say(f"counting the terms of {len(dated):,} texts")
    coined = coinages()
    pairs = frozenset(" ".join(term) for term in coined if len(term) == 2)
    table = attest(dated, cutoff, ", ".join(path.name for path in texts), always=pairs)
    _, found = measure(dated, table, coined, each=windows, plants=plants, seed=seed, say=_say)
    save_instrument(out, table, found)
    typer.echo(found.model_dump_json() if as_json else "\n".join(calibration_lines(found)))


@app.command()
def corpus(
    texts: Annotated[
        list[Path],
        typer.Argument(metavar="CORPUS...", help="Folders of `corpus build`, JSONL with `text`, or text files."),
    ],
    calibration: _With = None,
    flags: _Flags = 5,
    as_json: _Json = False,
) -> None:
    """Audit texts that should be from before the cutoff; each is judged without the attestations of its own source."""
    from assay.audit.leaks.audit import audit_texts
    from assay.audit.leaks.instrument import load_instrument
    from assay.audit.leaks.report import audit_lines
    from assay.audit.leaks.texts import Troubles, read_texts

    classifier, found = load_instrument(calibration)
    for path in texts:
        troubles = Troubles()
        audit = audit_texts(read_texts(path, troubles), classifier, found, path.name)
        _tell(troubles)
        typer.echo(audit.model_dump_json() if as_json else "\n".join(audit_lines(audit, found, flags)))


@app.command()
def data(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE...", help="Ledgers, files or folders of trajectories, or sets of `data build`."),
    ],
    calibration: _With = None,
    most: Annotated[int | None, typer.Option("--most", min=1, help="At most so many trajectories of each.")] = None,
    flags: _Flags = 5,
    as_json: _Json = False,
) -> None:
    """Audit post-training data: the turns that are learned from, and those that are only read; code is set apart."""
    from assay.audit.leaks.instrument import load_instrument
    from assay.audit.leaks.report import data_lines
    from assay.audit.leaks.trajectories import audit_data

    classifier, found = load_instrument(calibration)
    for path in sources:
        audit = audit_data(path, classifier, found, most=most)
        typer.echo(audit.model_dump_json() if as_json else "\n".join(data_lines(audit, found, flags)))


@app.command()
def model(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Checkpoint directories; two are compared.")
    ],
    calibration: _With = None,
    events: Annotated[Path | None, typer.Option("--events", help="YEAR<tab>TEXT lines in place of ours.")] = None,
    choices: Annotated[
        Path | None, typer.Option("--choices", help="YEAR<tab>STEM<tab>RIGHT<tab>WRONG... lines in place of ours.")
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=0, help="Sample so many texts and audit them.")] = 100,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Tokens of a sample, at most.")] = 400,
    temperature: Annotated[float, typer.Option("--temperature", min=0, help="Of sampling.")] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="The first sample's seed.")] = 0,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, ...")] = "cpu",
    flags: _Flags = 5,
    as_json: _Json = False,
) -> None:
    """Audit models: bits per byte by decade, multiple choice before and after, and the samples that they give."""
    from assay.audit.leaks.bits import EVENTS
    from assay.audit.leaks.choice import CHOICES
    from assay.audit.leaks.instrument import load_instrument
    from assay.audit.leaks.model import audit_models
    from assay.audit.leaks.report import model_lines

    classifier, found = load_instrument(calibration)
    audits = audit_models(
        directories,
        classifier,
        found,
        events=events or EVENTS,
        choices=choices or CHOICES,
        samples=samples,
        tokens=tokens,
        temperature=temperature,
        seed=seed,
        device=device,
        say=_say,
    )
    typer.echo(audits.model_dump_json() if as_json else "\n".join(model_lines(audits, found, flags)))


@app.command()
def attested(
    terms: Annotated[list[str], typer.Argument(metavar="TERM...", help="Words, or pairs of words in quotes.")],
    calibration: _With = None,
) -> None:
    """Print when terms were first printed in the dated corpora, and in which, and the year of coinage in our list."""
    from assay.audit.leaks.coinages import coinages
    from assay.audit.leaks.instrument import load_instrument
    from assay.audit.leaks.words import mended, words

    classifier, _ = load_instrument(calibration)
    table, coined = classifier.marker.table, coinages()
    for term in terms:
        key = " ".join(word.text for word in words(mended(term)))
        parts = [f"first {year}" if (year := table.first_year(key)) else "not in the dated corpora"]
        if (own := coined.get(tuple(key.split()))) is not None:
            parts.append(f"coined {own} by our list")
        parts += [f"{source} {'before' if early else 'after'}: {count}" for source, early, count in table.counts(key)]
        typer.echo(f"{key}: {'; '.join(parts)}")


def _tell(troubles: "Troubles") -> None:
    if troubles.count:
        _say(f"{troubles.count} rows could not be read: {'; '.join(troubles.first)}")


def _say(line: str) -> None:
    typer.echo(line, err=True)
