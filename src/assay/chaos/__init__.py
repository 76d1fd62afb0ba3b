"""Chaos: faults injected into real runs, and the laws that must hold after each.

Enters: names of faults and a seed. Leaves: a report of what was injected when, and a verdict of each law.
"""

from assay.chaos.campaign import Report, campaign
from assay.chaos.registry import fault_names

__all__ = ["Report", "campaign", "fault_names"]
