"""`conditioned`: the log-likelihood of every attempt given the score it got, L = - sum_t log pi(y_t | y_<t, x, score).

The score stands in the prompt as a tag (`assay.training.conditioning`), so the loss is the supervised one;
failed attempts are learned from too, as what a low score looks like. At the end one asks for the top score.
"""

from assay.training.objectives.method import Method


def method(argument: str) -> Method:
    """Return the method; it takes no argument."""
    if argument:
        raise ValueError(f"conditioned takes no argument, not {argument!r}.")
    return Method("conditioned", rounds=True)
