"""The calibrated classifier on disk: a table of attested years and its calibration; one for 1931 comes with assay."""

from pathlib import Path

from pydantic import ValidationError

from assay.audit.leaks.attestation import Attestation
from assay.audit.leaks.calibration import Calibration
from assay.audit.leaks.classifier import Classifier
from assay.audit.leaks.coinages import coinages
from assay.audit.leaks.evidence import Marker
from assay.errors import UserError

SHIPPED = Path(__file__).parent / "shipped"
TABLE, CALIBRATION = "attested.npz", "calibration.json"


def save_instrument(folder: Path, table: Attestation, calibration: Calibration) -> None:
    """Write both files into a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        table.save(folder / TABLE)
        (folder / CALIBRATION).write_text(calibration.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"The calibration cannot be written to {folder} ({error}): name another --out") from error


def load_instrument(folder: Path | None = None) -> tuple[Classifier, Calibration]:
    """Return the classifier and its calibration of a folder, or those that come with assay. Raises UserError."""
    folder = folder or SHIPPED
    path = folder / CALIBRATION
    try:
        calibration = Calibration.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        why = str(error).splitlines()[0]
        raise UserError(f"{path} is no calibration ({why}): make one with `assay leaks calibrate`") from error
    table = Attestation.load(folder / TABLE)
    if table.cutoff != calibration.cutoff:
        raise UserError(f"The two files in {folder} are of different cutoffs: make them with `assay leaks calibrate`")
    coined = coinages()
    weights = {each.name: each.weight for each in calibration.weights}
    return Classifier(Marker(table, coined), weights, coined), calibration
