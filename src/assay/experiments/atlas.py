"""The atlas of models: which checkpoints lie near each other, whether families hold together, and a map of it.

Distance is 1 - cosine of two delta activations, cut to [0, 1]: 0 for the same direction, 1 for none in common. A
checkpoint that has not moved from its base has no direction; it is at 0 from others like it and at 1 from the rest.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.manifold import ClassicalMDS
from sklearn.metrics import silhouette_score

from assay.errors import UserError
from assay.models.weights import ADAPTER_CONFIG
from assay.nouns.base import Noun
from assay.training import checkpoints as runs
from assay.training.atlas import PROBES, measure


class Place(Noun):
    """One checkpoint: `dose` is its step or dose where its directory is named by one, x and y its place on the map."""

    name: str
    family: str
    dose: int | None
    folder: str
    norm: float
    x: float
    y: float


class Atlas(Noun):
    """A base, the checkpoints around it, and their distances; silhouettes by family, None where there is none.

    `stress` is the share of the distances' spread that the map does not show: 0 is a map without distortion.
    """

    base: str
    probes: int
    places: tuple[Place, ...]
    distances: tuple[tuple[float, ...], ...]
    silhouette: float | None
    silhouette_weights: float | None
    stress: float


class Named(Noun):
    """A checkpoint to be put on the map."""

    name: str
    family: str
    dose: int | None
    folder: Path


def find(words: Sequence[str]) -> list[Named]:
    """Return the checkpoints that words name: `[FAMILY=]DIR`, where DIR is a checkpoint, a run, or a folder of doses.

    Without FAMILY it is what the checkpoint's card says under `family`, else the name of the run. Raises UserError
    where a directory holds none, or is named twice.
    """
    found: list[Named] = []
    for word in words:
        family, _, text = word.rpartition("=")
        top = Path(text)
        folders = [top] if _is_checkpoint(top) else runs.checkpoints(top) or _doses(top)
        if not folders:
            raise UserError(f"There is no checkpoint in {top}: name a checkpoint, a run, or a folder of checkpoints.")
        for folder in folders:
            dose = int(folder.name) if folder.name.isdigit() else None
            where = _run_of(folder) if dose is not None else folder
            name = where.name if dose is None else f"{where.name} {dose}"
            own = str(runs.read_card(folder).get("family", "")) if (folder / runs.CARD).is_file() else ""
            found.append(Named(name=name, family=family or own or where.name, dose=dose, folder=folder))
    paths = [named.folder.resolve() for named in found]
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise UserError(f"The checkpoint {twice} is named twice: name it once.")
    return _told_apart(found)


def _is_checkpoint(folder: Path) -> bool:
    return (folder / "config.json").is_file() or (folder / ADAPTER_CONFIG).is_file()


def _doses(folder: Path) -> list[Path]:
    """Return the checkpoints in the directories right below, those with numbers for names in their order."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_dir() and _is_checkpoint(path)]
    return sorted(found, key=lambda path: (int(path.name) if path.name.isdigit() else 0, path.name))


def _run_of(folder: Path) -> Path:
    """Return the run that a checkpoint with a number for its name belongs to."""
    above = folder.resolve().parent
    return above.parent if above.name == runs.CHECKPOINTS else above


def _told_apart(found: list[Named]) -> list[Named]:
    """Return the checkpoints with names that differ: where two are alike, their family stands before them."""
    names = [named.name for named in found]
    again = [f"{named.family}/{named.name}" if names.count(named.name) > 1 else named.name for named in found]
    numbered = [name if again.count(name) == 1 else f"{name} #{place + 1}" for place, name in enumerate(again)]
    return [named.model_copy(update={"name": name}) for named, name in zip(found, numbered, strict=True)]


def cosine_distances(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Return 1 - cosine of every two vectors, cut to [0, 1], with zeros on the diagonal: float64, (N, N)."""
    rows_ND = np.stack(vectors).astype(np.float64)
    norms_N1 = np.linalg.norm(rows_ND, axis=1, keepdims=True)
    unit_ND = np.divide(rows_ND, norms_N1, out=np.zeros_like(rows_ND), where=norms_N1 > 0)
    distances_NN = np.clip(1.0 - unit_ND @ unit_ND.T, 0.0, 1.0)
    still_N = norms_N1[:, 0] == 0
    distances_NN[np.ix_(still_N, still_N)] = 0.0
    np.fill_diagonal(distances_NN, 0.0)
    return (distances_NN + distances_NN.T) / 2


def silhouette(distances_NN: np.ndarray, families: Sequence[str]) -> float | None:
    """Return the mean silhouette by family in [-1, 1], or None with one family only or none that has two members."""
    if not 2 <= len(set(families)) < len(families):
        return None
    return float(silhouette_score(distances_NN, families, metric="precomputed"))


def layout(distances_NN: np.ndarray) -> tuple[np.ndarray, float]:
    """Return places (N, 2) by classical scaling, and how much of the distances they do not show (stress, in [0, 1])."""
    count = len(distances_NN)
    if count < 3 or not distances_NN.any():
        places_N2 = np.zeros((count, 2))
        if count == 2:
            places_N2[:, 0] = [-distances_NN[0, 1] / 2, distances_NN[0, 1] / 2]
        return places_N2, 0.0
    places_N2 = ClassicalMDS(n_components=2, metric="precomputed").fit_transform(distances_NN)
    shown_NN = np.linalg.norm(places_N2[:, None] - places_N2[None], axis=-1)
    return places_N2, float(np.sqrt(((shown_NN - distances_NN) ** 2).sum() / (distances_NN**2).sum()))


def chart(
    base: Path, named: Sequence[Named], *, weights: bool = True, tell: Callable[[Path], None] = lambda folder: None
) -> Atlas:
    """Measure every checkpoint against `base` and put them on a map. Raises UserError for one that cannot be compared.

    With `weights` the silhouette of the weights' changes is given beside, where they fit into memory.
    """
    moved = measure(base, [one.folder for one in named], weights=weights, tell=tell)
    families = [one.family for one in named]
    distances_NN = cosine_distances([one.vector for one in moved])
    places_N2, stress = layout(distances_NN)
    changes = [one.weights for one in moved if one.weights is not None]
    return Atlas(
        base=str(base),
        probes=len(PROBES),
        places=tuple(
            Place(
                name=one.name,
                family=one.family,
                dose=one.dose,
                folder=str(one.folder),
                norm=round(float(np.linalg.norm(m.vector)), 6),
                x=round(float(x), 6),
                y=round(float(y), 6),
            )
            for one, m, (x, y) in zip(named, moved, places_N2, strict=True)
        ),
        distances=tuple(tuple(round(float(d), 6) for d in row) for row in distances_NN),
        silhouette=silhouette(distances_NN, families),
        silhouette_weights=silhouette(cosine_distances(changes), families) if changes else None,
        stress=round(stress, 6),
    )
