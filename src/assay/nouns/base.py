"""The frozen base of every noun, and the hash by which nouns are known."""

import hashlib
import json
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticSerializationError


class Noun(BaseModel):
    """A frozen pydantic model that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> str:
        """Return it as JSON, texts that are no UTF-8 too: bytes of a file kept by surrogateescape stay as escapes."""
        try:
            return self.model_dump_json()
        except PydanticSerializationError:  # it knows no lone surrogates, which json does
            return json.dumps(self.model_dump())

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Return what `to_json` wrote. Raises ValidationError, or ValueError for what is no JSON."""
        try:
            return cls.model_validate_json(data)
        except ValidationError:
            if b"\\ud" not in data:
                raise
            return cls.model_validate(json.loads(data))


def digest(value: Any) -> str:
    """Return the SHA-256 hex digest of `value` (anything JSON can hold) in canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
