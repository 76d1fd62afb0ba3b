"""Objectives: what a step of training ascends, each a pure function of tensors in a module of its own.

Enters: rewards of a group, or log-probabilities with their weights. Leaves: weights, or a loss with what to log.
"""

from assay.training.objectives.method import Method
from assay.training.objectives.registry import find_method, objective_names
from assay.training.objectives.transforms import Table, bernstein, centred, from_derivative, group_weights, surrogate

__all__ = [
    "Method",
    "Table",
    "bernstein",
    "centred",
    "find_method",
    "from_derivative",
    "group_weights",
    "objective_names",
    "surrogate",
]
