"""Templates that loop: counting, sums with a filter, searches, while loops and running totals."""

from assay.tasks.drills.template import Template

TEMPLATES = (
    Template("count_above", "counting", "ints", "K:2-20", '''
def F(A):
    """Count the A that are above K."""
    V = 0
    for I in A:
        if I > K:
            V += 1
    return V
'''),
    Template("count_other", "counting", "ints", "K:2-20", '''
def F(A):
    """Count the A that are not K."""
    V = 0
    for I in A:
        if I != K:
            V += 1
    return V
'''),
    Template("sum_multiples", "filtered sums", "ints", "K:2-7", '''
def F(A):
    """Add up the A that are multiples of K."""
    V = 0
    for I in A:
        if I % K == 0:
            V += I
    return V
'''),
    Template("sum_up_to", "filtered sums", "ints", "K:5-25", '''
def F(A):
    """Add up the A that are at most K."""
    return sum(I for I in A if I <= K)
'''),
    Template("sum_band", "filtered sums", "ints", "K:2-10 L:11-25", '''
def F(A):
    """Add up the A that are from K to L."""
    V = 0
    for I in A:
        if I >= K and I <= L:
            V += I
    return V
'''),
    Template("sum_times", "accumulators", "ints", "K:2-12", '''
def F(A):
    """Add up K times each of A."""
    V = 0
    for I in A:
        V += I * K
    return V
'''),
    Template("spend", "accumulators", "ints", "K:10-30", '''
def F(A):
    """Take each of A from K and return what is left."""
    V = K
    for I in A:
        V -= I
    return V
'''),
    Template("product", "accumulators", "ints", "K:2-9", '''
def F(A):
    """Return K times all of A multiplied."""
    V = K
    for I in A:
        V *= I
    return V
'''),
    Template("highest", "search", "ints", "K:2-20", '''
def F(A):
    """Return the highest of A, at least K."""
    V = K
    for I in A:
        if I > V:
            V = I
    return V
'''),
    Template("lowest", "search", "ints", "K:2-20", '''
def F(A):
    """Return the lowest of A, at most K."""
    V = K
    for I in A:
        if I < V:
            V = I
    return V
'''),
    Template("where_lowest", "search", "ints1", "", '''
def F(A):
    """Return the place of the lowest of A, the first from 0."""
    V = 0
    for P in range(len(A)):
        if A[P] < A[V]:
            V = P
    return V
'''),
    Template("first_above", "search", "ints", "K:2-20 L:0-9", '''
def F(A):
    """Return the first of A above K, or L if none."""
    for I in A:
        if I > K:
            return I
    return L
'''),
    Template("find_place", "search", "ints int", "", '''
def F(A, B):
    """Return the first place of B in A from 0, or -1."""
    for P in range(len(A)):
        if A[P] == B:
            return P
    return -1
'''),
    Template("sum_to", "ranges", "small small", "", '''
def F(A, B):
    """Add the numbers from A to B, both included."""
    V = 0
    for I in range(A, B + 1):
        V += I
    return V
'''),
    Template("multiples_to", "ranges", "nat", "K:2-7", '''
def F(A):
    """Count the multiples of K from 1 to A."""
    V = 0
    for I in range(1, A + 1):
        if I % K == 0:
            V += 1
    return V
'''),
    Template("squares", "ranges", "small", "K:2-12", '''
def F(A):
    """Add K times each number from 1 to A."""
    V = 0
    for I in range(1, A + 1):
        V += K * I
    return V
'''),
    Template("growth", "ranges", "nat small", "K:2-9", '''
def F(A, B):
    """Add to A a K-th of itself, rounded down, B times."""
    for I in range(B):
        A += A // K
    return A
'''),
    Template("gcd", "while loops", "nat nat", "", '''
def F(A, B):
    """Return the greatest common divisor of A and B."""
    while B != 0:
        A, B = B, A % B
    return A
'''),
    Template("digit_sum", "while loops", "nat", "K:2-12", '''
def F(A):
    """Add up the digits of A, then add K."""
    V = K
    while A > 0:
        V += A % 10
        A = A // 10
    return V
'''),
    Template("steps_up", "while loops", "int int", "K:2-9", '''
def F(A, B):
    """Count the steps of K from A until B or more."""
    V = 0
    while A < B:
        A += K
        V += 1
    return V
'''),
    Template("shrink", "while loops", "nat", "K:2-5 L:6-20", '''
def F(A):
    """Divide A by K, rounding down, until below L."""
    while A >= L:
        A = A // K
    return A
'''),
    Template("doubling", "while loops", "pos", "K:10-30 L:2-4", '''
def F(A):
    """Count how often A times L must be taken to pass K."""
    V = 0
    while A <= K:
        A *= L
        V += 1
    return V
'''),
    Template("stop_at", "accumulators", "ints", "K:2-15", '''
def F(A):
    """Add up A, stopping before the first K."""
    V = 0
    for I in A:
        if I == K:
            break
        V += I
    return V
'''),
    Template("leave_out", "accumulators", "ints", "K:2-15", '''
def F(A):
    """Add up A, leaving out every one below K."""
    V = 0
    for I in A:
        if I < K:
            continue
        V += I
    return V
'''),
    Template("rises", "counting", "ints", "", '''
def F(A):
    """Count how often one of A is above the one before."""
    V = 0
    for P in range(1, len(A)):
        if A[P] > A[P - 1]:
            V += 1
    return V
'''),
    # Held out.
    Template("row_of_sums", "ranges", "small", "K<L:2-12", '''
def F(A):
    """Start K, L; each next adds the two before; return number A from 0."""
    V, W = K, L
    for I in range(A):
        V, W = W, V + W
    return V
''', held_out=True),
    Template("halving", "while loops", "pos", "K:2-9", '''
def F(A):
    """Count the halvings, rounding down, until A is K or less."""
    V = 0
    while A > K:
        A = A // 2
        V += 1
    return V
''', held_out=True),
    Template("weighted", "accumulators", "ints", "K:2-9", '''
def F(A):
    """Add up each of A times its place from 0, plus K."""
    V = K
    for P, I in enumerate(A):
        V += I * P
    return V
''', held_out=True),
    Template("sum_beyond", "accumulators", "ints", "K:2-15", '''
def F(A):
    """Add up how far each of A that is above K is above it."""
    V = 0
    for I in A:
        if I > K:
            V += I - K
    return V
''', held_out=True),
    Template("last_below", "search", "ints", "K:5-20 L:0-4", '''
def F(A):
    """Return the last of A that is below K, or L if none."""
    V = L
    for I in A:
        if I < K:
            V = I
    return V
''', held_out=True),
)
