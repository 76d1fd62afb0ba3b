"""Rewards of self-play: the tables of their papers."""

import numpy as np
import pytest

from assay.training.selfplay import advantages_by_role, agreement, proposer_reward, solver_reward


def test_a_proposal_is_worth_most_when_the_solver_seldom_succeeds():
    assert [proposer_reward(a) for a in (0.25, 0.0, 1.0, 0.875, None)] == [0.75, -0.5, -0.5, 0.125, -1.0]
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="lies in"):
            proposer_reward(wrong)


def test_answers_are_right_wrong_or_malformed():
    assert [solver_reward(r) for r in (True, False, None)] == [1.0, -0.5, -1.0]


def test_agreement_counts_solutions_that_pass_the_same_tests():
    passed = np.array([[1, 1, 0], [1, 1, 0], [1, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]], dtype=bool)
    # two agree on two tests; one passes all three alone; three agree on nothing
    assert agreement(passed).tolist() == [4, 4, 3, 0, 0, 0]
    with pytest.raises(ValueError, match="table"):
        agreement(passed[0])


def test_advantages_are_compared_within_a_role():
    found = advantages_by_role([0.0, 1.0, 5.0, 5.0, 7.0], ["solve", "solve", "propose", "propose", "check"])
    assert found.tolist() == [-1.0, 1.0, 0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="roles"):
        advantages_by_role([1.0], [])
