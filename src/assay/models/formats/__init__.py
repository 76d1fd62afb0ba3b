"""Chat formats: messages to token ids and back, the only rooms' corner that knows a model's turns.

Enters: a conversation whose assistant's turns carry the ids that were sampled, and a tokenizer with its template.
Leaves: ids with the mask of what is learned from. `load_format` opens the format of a checkpoint directory.
"""

from assay.models.formats.base import ChatFormat
from assay.models.formats.load import load_format

__all__ = ["ChatFormat", "load_format"]
