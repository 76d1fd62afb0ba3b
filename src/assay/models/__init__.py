"""Models: who thinks. Local weights, an endpoint or a script, behind one contract.

Enters: a conversation (messages with the ids that were sampled) and a seed. Leaves: a Reply with its ids.
"""

from assay.models.base import Model, for_attempt

__all__ = ["Model", "for_attempt"]
