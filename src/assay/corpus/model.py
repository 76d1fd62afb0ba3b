"""The frozen shapes of the corpus: source texts, documents, recipes and cards."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Ecosystem = Literal["pypi", "npm", "debian"]


class Frozen(BaseModel):
    """A value that is never changed once made, and that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceText(Frozen):
    """One work as a source reads it from its package, before any cleaning."""

    key: str
    title: str
    year: int
    year_evidence: str
    text: str


class Document(Frozen):
    """One cleaned work: one line of documents.jsonl."""

    id: str
    source: str
    genre: str
    package: str
    version: str
    title: str
    year: int
    year_evidence: str
    sha256: str
    text: str


class PackagePin(Frozen):
    """One published package file, fixed by its version and the sha256 of its bytes."""

    ecosystem: Ecosystem
    package: str
    version: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class RecipeSource(Frozen):
    """One source of a recipe: which module reads which package, and how much of it is taken."""

    source: str
    package: str
    genre: str
    cap_bytes: int | None = None


class Recipe(Frozen):
    """A data file that says what goes into a corpus, and how much of each thing."""

    name: str
    description: str
    total_bytes: int = Field(gt=0)
    before_year: int | None = None
    after_year: int | None = None
    genre_caps: dict[str, float] = {}
    package: tuple[PackagePin, ...]
    source: tuple[RecipeSource, ...]


class SourceCount(Frozen):
    """What one source gave, and what the cleaning and the caps took away."""

    source: str
    package: str
    genre: str
    documents: int
    bytes: int
    paragraphs: int
    duplicates_removed: int
    dropped: dict[str, int]
    first_year: int | None
    last_year: int | None


class Card(Frozen):
    """The label of a built corpus: what is in it, where it came from, and its hash."""

    recipe: str
    recipe_sha256: str
    packages: tuple[PackagePin, ...]
    sources: tuple[SourceCount, ...]
    documents: int
    bytes: int
    target_bytes: int
    paragraphs: int
    duplicates_removed: int
    religious_share: float
    dictionary_share: float
    late_words_dropped: dict[str, int]
    late_words_left: int
    documents_sha256: str
