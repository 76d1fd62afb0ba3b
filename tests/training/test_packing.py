"""Packing: every document once, no bin too full, few bins, and rows that say what is learned where."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import UserError
from assay.training.examples import Example
from assay.training.packing import best_fit, best_fit_stream, pack, waste

LENGTHS = st.lists(st.integers(1, 100), max_size=60)


def fewest_conceivable(lengths, capacity):
    return -(-sum(lengths) // capacity)


@given(LENGTHS, st.integers(100, 300))
@settings(deadline=None)
def test_every_document_once_and_no_bin_too_full(lengths, capacity):
    bins = best_fit(lengths, capacity)
    assert sorted(place for places in bins for place in places) == list(range(len(lengths)))
    assert all(0 < sum(lengths[place] for place in places) <= capacity for places in bins)
    # the bound of Johnson (1973) for best-fit decreasing, with the optimum replaced by what it cannot be below
    large = sum(length > capacity / 2 for length in lengths)
    if not any(capacity / 3 < length <= capacity / 2 for length in lengths):
        optimum = max(fewest_conceivable(lengths, capacity), large)
        assert len(bins) <= 1.5 * optimum + 1


def test_best_fit_chooses_the_fullest_bin_that_takes_a_document():
    # 7 and 6 open bins; 3 goes with the 7 (room 3), not with the 6 (room 4), so that the 4 finds room as well
    assert best_fit([6, 7, 3, 4], 10) == [[0, 3], [1, 2]]


def test_a_known_optimum_is_found():
    lengths = [60, 40, 50, 50, 30, 70, 90, 10]
    bins = best_fit(lengths, 100)
    assert len(bins) == 4
    assert waste(bins, lengths, 100) == 0
    assert waste(best_fit([60, 60], 100), [60, 60], 100) == pytest.approx(0.4)


@pytest.mark.parametrize("length", [0, 101])
def test_a_document_that_fits_no_bin_is_refused(length):
    with pytest.raises(UserError, match=f"Document 1 has {length} tokens"):
        best_fit([5, length], 100)


@given(LENGTHS, st.integers(100, 300), st.integers(1, 20))
@settings(deadline=None)
def test_a_stream_is_packed_whole_with_few_held(lengths, capacity, buffer):
    read = 0

    def stream():
        nonlocal read
        for length in lengths:
            read += 1
            yield length

    gone = []
    for places in best_fit_stream(stream(), capacity, buffer=buffer):
        assert sum(lengths[place] for place in places) <= capacity
        gone += places
        assert read - len(gone) <= buffer
    assert sorted(gone) == list(range(len(lengths)))


def test_a_stream_wastes_little():
    generator = torch.Generator().manual_seed(0)
    lengths = (torch.randn(3000, generator=generator).exp() * 200).clamp(5, 2048).long().tolist()
    whole = waste(best_fit(lengths, 2048), lengths, 2048)
    streamed = waste(list(best_fit_stream(lengths, 2048, buffer=256)), lengths, 2048)
    assert whole < 0.01
    assert streamed < 0.03


EXAMPLES = [
    Example((11, 12, 13, 14), (True, False, True, True)),
    Example((21, 22), (False, True)),
    Example((31, 32, 33), (False, False, False)),
    Example((41, 42, 43, 44, 45), (False, False, False, True, False)),
]


def test_a_row_says_what_is_learned_where():
    rows = pack(EXAMPLES, 9)
    assert sorted(member for row in rows for member in row.members) == [0, 1, 2, 3]
    for row in rows:
        assert len(row.ids_T) <= 9
        assert torch.equal(row.ids_T[row.places_N + 1], row.targets_N)
        for number, (member, start, length) in enumerate(zip(row.members, row.starts, row.lengths, strict=True)):
            example = EXAMPLES[member]
            assert row.ids_T[start : start + length].tolist() == list(example.ids)
            assert row.positions_T[start : start + length].tolist() == list(range(length))
            # the first id of a document is never a target: nothing stands before it
            learned = [t for t, learn in list(zip(example.ids, example.in_loss, strict=True))[1:] if learn]
            assert row.targets_N[row.document_N == number].tolist() == learned
            assert (row.places_N[row.document_N == number] >= start).all()


def test_a_longer_example_is_refused_or_cut_by_choice():
    with pytest.raises(UserError, match="Document 3 has 5 tokens"):
        pack(EXAMPLES, 4)
    rows = pack(EXAMPLES, 4, cut=True)
    kept = {member: row for row in rows for member in row.members}
    assert kept[3].ids_T.tolist() == [41, 42, 43, 44]
    assert kept[3].targets_N.tolist() == [44]
