from statkit import mean, mode


def test_mean_of_three():
    assert mean([1, 2, 6]) == 3


def test_mean_of_one():
    assert mean([7.5]) == 7.5


def test_mode():
    assert mode([3, 1, 3, 2]) == 3


def test_mode_of_a_tie():
    assert mode([5, 4, 5, 4]) == 4
