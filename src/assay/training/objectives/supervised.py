"""`supervised`: the log-likelihood of what was written or verified, L = - sum_t log pi(y_t | y_<t, x).

The sum is over the assistant's tokens with their end tokens; the trainer divides by how many there are.
"""

from assay.training.objectives.method import Method


def method(argument: str) -> Method:
    """Return the method; it takes no argument."""
    if argument:
        raise ValueError(f"supervised takes no argument, not {argument!r}.")
    return Method("supervised", supervised=True)
