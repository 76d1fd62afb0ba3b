"""Models: who thinks. Local weights or a script, behind one contract.

Enters: a conversation (messages with the ids that were sampled) and a seed. Leaves: a Reply with its ids.
"""

from assay.models.base import Model

__all__ = ["Model"]
