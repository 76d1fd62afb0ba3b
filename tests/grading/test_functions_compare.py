"""Comparison on encoded values: as ==, exactly, by truth, in canonical form, within tolerances."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.grading.functions.canaries import canaries_for, wrong_value
from assay.grading.functions.compare import Rule, agrees
from assay.grading.functions.spec import make_case
from assay.grading.values import encode

numbers = st.booleans() | st.integers(-3, 3) | st.integers() | st.sampled_from([0.0, -0.0, 1.0, 2.5, 2.0**70, math.inf])
keys = numbers | st.text(max_size=2) | st.none() | st.tuples(numbers)
leaves = keys | st.binary(max_size=2) | st.complex_numbers(allow_nan=False, max_magnitude=5)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
        | st.sets(keys, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(values, values)
def test_python_comparison_is_equality_of_plain_values(one, other):
    assert agrees(encode(one), other, Rule("python")) == (one == other)
    assert agrees(encode(one), one, Rule("python"))


@settings(max_examples=200, deadline=None)
@given(values)
def test_truth_is_bool(value):
    assert agrees(encode(value), True, Rule("truth")) == bool(value)
    assert agrees(encode(value), False, Rule("truth")) != bool(value)


@settings(max_examples=200, deadline=None)
@given(st.lists(numbers, max_size=4), st.lists(numbers, max_size=4) | st.sets(numbers, max_size=4))
def test_canonical_forms_do_what_the_builtins_do(one, other):
    assert agrees(encode(one), other, Rule("python", "sorted")) == (sorted(one) == sorted(other))
    assert agrees(encode(one), other, Rule("python", "set")) == (set(one) == set(other))
    assert agrees(encode(tuple(one)), list(one), Rule("python", "list"))


@pytest.mark.parametrize(
    ("data", "expected", "rule", "equal"),
    [
        (encode(1), True, Rule("strict"), False),
        (encode(1), True, Rule("python"), True),
        (encode((1, 2)), [1, 2], Rule("python"), False),
        (encode((1, (2, 3))), [1, [2, 3]], Rule("python", "json"), True),
        (encode({"a": (1,)}), {"a": [1]}, Rule("python", "json"), True),
        ({"g": [1, 2]}, [1, 2], Rule("python"), False),
        ({"g": [1, 2]}, [1, 2], Rule("python", "list"), True),
        ({"g": []}, True, Rule("truth"), True),
        ({"o": True}, True, Rule("truth"), True),
        ({"o": False}, True, Rule("truth"), False),
        ({"o": True}, 1, Rule("python"), False),
        (encode(0.30000001), 0.3, Rule("python", tolerance=1e-6, relative=0.0), True),
        (encode(1000.0005), 1000.0, Rule("python", tolerance=1e-6, relative=0.0), False),
        (encode(1000.0005), 1000.0, Rule("python", tolerance=1e-6), True),
        (encode(1), 1.0000001, Rule("python", tolerance=1e-6), True),
        (encode(1.0000001), 1, Rule("python", tolerance=1e-6), False),
        (encode([0.1 + 0.2]), [0.3], Rule("python", tolerance=1e-9), True),
        (encode({"a": 0.1 + 0.2}), {"a": 0.3}, Rule("python", tolerance=1e-9), True),
        (encode([2.0, 0.1 + 0.2]), [0.3, 2.0], Rule("python", "sorted", tolerance=1e-9), True),
        (encode(math.nan), math.nan, Rule("python"), True),
        (encode(math.inf), 1.0, Rule("python", tolerance=1e300), False),
        (encode(10**400), 1.5, Rule("python", tolerance=1.0), False),
        (encode("12"), 12, Rule("python"), False),
        (encode("ab"), ["a", "b"], Rule("python", "list"), True),
        (encode([{"a": {"b": 1, "c": 2}}]), [{"a": {"b": 1}, "c": 2}], Rule("python", "sorted"), False),
        (encode([{"c": 2, "a": {"b": 1}}]), [{"a": {"b": 1}, "c": 2}], Rule("python", "sorted"), True),
        (encode(3), [3], Rule("python", "list"), False),
        ({"d": [[1, 2], [{"f": "1.0"}, 2]]}, {1: 2}, Rule("python"), False),
        ({"s": "x"}, {1}, Rule("python"), False),
        ({"x": 1}, 1, Rule("python"), False),
        ({"f": "three"}, 3.0, Rule("python"), False),
        ([[[[[]]]]] * 2, 3, Rule("python"), False),
    ],
)
def test_by_example(data, expected, rule, equal):
    assert agrees(data, expected, rule) is equal


def test_a_nest_too_deep_is_not_equal_and_no_error():
    data: list = []
    for _ in range(5000):
        data = [data]
    assert not agrees(data, [[]], Rule("python"))


@settings(max_examples=200, deadline=None)
@given(values, st.integers(0, 2**48))
def test_a_canary_never_expects_what_is_right(value, number):
    assert not agrees(encode(value), wrong_value(value, number), Rule("python"))
    [canary] = canaries_for([make_case("a", [1], value, Rule("python", "sorted", tolerance=1.0))], "salt")
    assert canary.canary
    assert not agrees(encode(value), canary.expected, canary.rule)


def nested(depth, make):
    data = 1
    for _ in range(depth):
        data = make(data)
    return data


@pytest.mark.parametrize(
    "data",
    [
        nested(400, lambda inner: {"d": [[inner, 1]]}),  # a key in a key in a key
        nested(300, lambda inner: {"s": [inner]}),
        nested(900, lambda inner: [inner]),
        {"c": "(1e308+1e308j)"},
        {"f": "1e400"},
        {"i": "0x" + "f" * 5000},
        {"i": "none"},
        {"d": [[1]]},
        {"d": [1]},
        {"g": [{"o": 1}]},
        {"o": "yes"},
        {"b": 5},
        {"s": [{"o": True}]},
    ],
)
@pytest.mark.parametrize(
    "expected", [1, 1.5, 1 + 2j, 1e308 + 1j, "a", [[[1]]], {1: 2}, {1}, None, {((1,),): {"a": [1]}}]
)
def test_whatever_a_candidate_sends_is_soon_found_not_equal(data, expected):
    for compare in ("strict", "python"):
        for canonical in ("", "list", "sorted", "set", "json"):
            assert not agrees(data, expected, Rule(compare, canonical, tolerance=1e-6))
    assert agrees(data, True, Rule("truth")) in (True, False)
