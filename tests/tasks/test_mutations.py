"""Mutation operators: each makes the change that its name says, and nothing but small changes."""

import pytest

from assay.tasks.drills.mutations import OPERATORS, mutations, tokens

SCOPE = frozenset("ABVKL")


def changed(line: str, operator: str, scope: frozenset[str] = SCOPE) -> list[str]:
    return [text for name, text in mutations(line, scope) if name == operator]


@pytest.mark.parametrize(
    ("operator", "line", "expected"),
    [
        ("boundary", "    if A < K:", "    if A <= K:"),
        ("comparison_flip", "    if A < K:", "    if A > K:"),
        ("equality", "    return A % K == 0", "    return A % K != 0"),
        ("plus_minus", "    V = A + B", "    V = A - B"),
        ("times_plus", "    V = A * B", "    V = A + B"),
        ("divide_modulo", "    V = A // B", "    V = A % B"),
        ("and_or", "    return A > K and B", "    return A > K or B"),
        ("min_max", "    return max(A, B)", "    return min(A, B)"),
        ("upper_lower", "    return A.upper()", "    return A.lower()"),
        ("starts_ends", "    return A.startswith(Q)", "    return A.endswith(Q)"),
        ("strip_side", "    V = A.strip()", "    V = A.lstrip()"),
        ("any_all", "    return any(A)", "    return all(A)"),
        ("keys_values", "    for I in A.keys():", "    for I in A.values():"),
        ("true_false", "        return True", "        return False"),
        ("break_continue", "            break", "            continue"),
        ("plus_minus_assign", "        V += A", "        V -= A"),
        ("assign_kind", "        V += A", "        V = A"),
        ("index_end", "    return A[-1]", "    return A[0]"),
        ("range_start", "    for I in range(1, A):", "    for I in range(A):"),
        ("range_stop", "    for I in range(1, A + 1):", "    for I in range(1, A):"),
        ("initial_value", "    V = 0", "    V = 1"),
        ("append_insert", "        V.append(A)", "        V.insert(0, A)"),
        ("sorted_reverse", "    V = sorted(A, reverse=True)", "    V = sorted(A)"),
        ("slice_side", "    return A[:K]", "    return A[K:]"),
        ("slice_step", "    return A[::-1]", "    return A[::1]"),
        ("missing_abs", "    return abs(A - B)", "    return (A - B)"),
        ("default_value", "    return A.get(B, K)", "    return A.get(B, 0)"),
        ("dropped_not", "    if not A:", "    if A:"),
        ("added_not", "        if A in B:", "        if A not in B:"),
        ("dropped_call", "    V = A.lower()", "    V = A"),
        ("dropped_term", "    return V + 1", "    return V"),
        ("dropped_condition", "    return A > K and A < L", "    return A > K"),
        ("swapped_operands", "    V = A - B", "    V = B - A"),
        ("swapped_pair", "    return V, A", "    return A, V"),
        ("off_by_one", "    return A + K", "    return A + @K+@"),
        ("changed_constant", "    return A + K", "    return A + @K?@"),
        ("wrong_constant", "    if A > K:", "    if A > L:"),
        ("wrong_variable", "    V = A * K", "    V = B * K"),
        ("wrong_return", "    return V", "    return A"),
        ("separator", "    V = A.split(Q)", "    V = A.split()"),
    ],
)
def test_operator(operator: str, line: str, expected: str) -> None:
    assert expected in changed(line, operator)


def test_a_minus_sign_is_no_subtraction() -> None:
    assert changed("    return -1", "plus_minus") == []
    assert changed("    return A[::-1]", "plus_minus") == []


def test_a_name_that_is_bound_stays() -> None:
    assert changed("    V = 0", "wrong_variable") == []
    assert changed("    for A in range(K):", "wrong_variable") == []
    assert all(text.startswith("        V += ") for text in changed("        V += A", "wrong_variable"))


def test_tokens_join_to_the_line() -> None:
    line = '    return [I for I in A.get(B, "x y") if I >= @K+@ and I != 10 // 3]'
    assert "".join(tokens(line)) == line


def test_every_operator_leaves_the_line_alone_when_it_has_nothing_to_change() -> None:
    assert [name for name, _ in mutations("", SCOPE)] == []
    assert len(OPERATORS) >= 26
