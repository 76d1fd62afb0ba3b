"""`expert`: expert iteration, L = - sum_t log pi(y_t | y_<t, x) over attempts that were verified.

Rounds of sample, verify, train (`assay.training.rounds`). Also called rejection sampling fine-tuning, or STaR;
the same in expectation as `rejection` where a round is one step, and far from the policy it sampled with after many.
"""

from assay.training.objectives.method import Method


def method(argument: str) -> Method:
    """Return the method; it takes no argument."""
    if argument:
        raise ValueError(f"expert takes no argument, not {argument!r}.")
    return Method("expert", rounds=True)
