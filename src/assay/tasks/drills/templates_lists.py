"""Templates about lists, slices, dicts and grids."""

from assay.tasks.drills.template import Template

TEMPLATES = (
    Template("last_or", "lists", "ints", "K:2-20", '''
def F(A):
    """Return the last of A, or K if there is none."""
    if not A:
        return K
    return A[-1]
'''),
    Template("first_or", "lists", "ints", "K:2-20", '''
def F(A):
    """Return the first of A plus K, or 0 if none."""
    if not A:
        return 0
    return A[0] + K
'''),
    Template("top_few", "lists", "ints", "K:2-4", '''
def F(A):
    """Return the K largest of A, largest first."""
    V = sorted(A, reverse=True)
    return V[:K]
'''),
    Template("drop_first", "slices", "ints", "K:1-3", '''
def F(A):
    """Return A without its first K and its last."""
    return A[K:-1]
'''),
    Template("to_end", "slices", "ints", "", '''
def F(A):
    """Return A with its first moved to the end."""
    return A[1:] + A[:1]
'''),
    Template("every", "slices", "ints", "K:2-4", '''
def F(A):
    """Return every K-th of A, from the first on."""
    return A[::K]
'''),
    Template("head_sum", "slices", "ints", "K:2-4 L:2-12", '''
def F(A):
    """Return the sum of the first K of A, plus L."""
    return sum(A[:K]) + L
'''),
    Template("tail_back", "slices", "ints", "K:1-3", '''
def F(A):
    """Return A backward, without its last K in that order."""
    V = A[::-1]
    return V[:-K]
'''),
    Template("gaps", "lists", "ints", "", '''
def F(A):
    """List each of A minus the one before it."""
    V = []
    for P in range(1, len(A)):
        V.append(A[P] - A[P - 1])
    return V
'''),
    Template("running", "lists", "ints", "K:2-20", '''
def F(A):
    """List the running totals of A, starting from K."""
    V = K
    W = []
    for I in A:
        V += I
        W.append(V)
    return W
'''),
    Template("raise_all", "lists", "ints", "K:2-12", '''
def F(A):
    """Return each of A plus K, in order."""
    V = []
    for I in A:
        V.append(I + K)
    return V
'''),
    Template("cap_all", "lists", "ints", "K:5-20", '''
def F(A):
    """Return each of A, but K where it is more."""
    return [min(I, K) for I in A]
'''),
    Template("keep_from", "lists", "ints", "K:2-20", '''
def F(A):
    """List the A that are K or more."""
    return [I for I in A if I >= K]
'''),
    Template("backward", "lists", "ints", "K:2-20", '''
def F(A):
    """List the A below K, the last first."""
    V = []
    for I in A:
        if I < K:
            V.insert(0, I)
    return V
'''),
    Template("unique", "lists", "ints", "", '''
def F(A):
    """Return A without repeats, in order."""
    V = []
    for I in A:
        if I not in V:
            V.append(I)
    return V
'''),
    Template("put_front", "lists", "ints", "K:2-30", '''
def F(A):
    """Return A with K put at the front."""
    return [K] + A
'''),
    Template("count_down", "lists", "nat", "K:3-9", '''
def F(A):
    """List A, A less K and so on while above 0."""
    V = []
    while A > 0:
        V.append(A)
        A -= K
    return V
'''),
    Template("list_range", "ranges", "small nat", "K:2-7", '''
def F(A, B):
    """List the numbers from A up to B, B left out, by K."""
    return list(range(A, B, K))
'''),
    Template("any_above", "search", "ints", "K:5-25", '''
def F(A):
    """Tell whether any of A is above K."""
    return any(I > K for I in A)
'''),
    Template("all_from", "search", "ints", "K:0-15", '''
def F(A):
    """Tell whether all of A are K or more."""
    return all(I >= K for I in A)
'''),
    Template("ends_sum", "lists", "ints1", "K:2-9", '''
def F(A):
    """Return the first of A plus K times the last."""
    return A[0] + A[-1] * K
'''),
    Template("spread", "search", "ints1", "K:2-12", '''
def F(A):
    """Return the largest of A minus the least, plus K."""
    return max(A) - min(A) + K
'''),
    Template("look_up", "dicts", "table str", "K:0-20", '''
def F(A, B):
    """Return A of B, or K if B is not in it."""
    return A.get(B, K)
'''),
    Template("tally", "dicts", "words", "", '''
def F(A):
    """Count how often each of A occurs."""
    V = {}
    for I in A:
        V[I] = V.get(I, 0) + 1
    return V
'''),
    Template("names_from", "dicts", "table", "K:2-20", '''
def F(A):
    """Return the sorted names in A with K or more."""
    return sorted(N for N, I in A.items() if I >= K)
'''),
    Template("sum_values", "dicts", "table", "K:2-20", '''
def F(A):
    """Add up the values of A that are below K."""
    return sum(I for I in A.values() if I < K)
'''),
    Template("key_list", "dicts", "table", "", '''
def F(A):
    """Return the names of A, sorted from z to a."""
    return sorted(A.keys(), reverse=True)
'''),
    Template("value_top", "dicts", "table", "K:2-20", '''
def F(A):
    """Return the highest value in A, at least K."""
    V = K
    for I in A.values():
        V = max(V, I)
    return V
'''),
    Template("scale_table", "dicts", "table", "K:2-12", '''
def F(A):
    """Return A with every value times K."""
    V = {}
    for N in A:
        V[N] = A[N] * K
    return V
'''),
    Template("row_sum", "grids", "grid", "K:2-9", '''
def F(A):
    """Return the sum of the first row of A, plus K."""
    return sum(A[0]) + K
'''),
    Template("grid_count", "grids", "grid", "K:2-15", '''
def F(A):
    """Count the cells of A that are above K."""
    V = 0
    for I in A:
        for J in I:
            if J > K:
                V += 1
    return V
'''),
    Template("column", "grids", "grid", "K:2-9", '''
def F(A):
    """List the first cell of each row of A, plus K."""
    return [I[0] + K for I in A]
'''),
    # Held out.
    Template("diagonal", "grids", "square", "K:2-12", '''
def F(A):
    """Add up the cells from top left to bottom right of A, plus K."""
    V = K
    for P in range(len(A)):
        V += A[P][P]
    return V
''', held_out=True),
    Template("row_tops", "grids", "grid", "K:2-12", '''
def F(A):
    """List the largest of each row of A, but at least K."""
    V = []
    for I in A:
        V.append(max(I + [K]))
    return V
''', held_out=True),
    Template("pair_sum", "lists", "ints ints", "K:2-9", '''
def F(A, B):
    """Add up the products of A and B, pair by pair, plus K."""
    V = K
    for I, J in zip(A, B):
        V += I * J
    return V
''', held_out=True),
    Template("best_name", "dicts", "table", "K:2-12", '''
def F(A):
    """Return the name with the highest value above K in A, or ''."""
    V, W = "", K
    for N, I in A.items():
        if I > W:
            V, W = N, I
    return V
''', held_out=True),
    Template("middle", "slices", "ints", "", '''
def F(A):
    """Return A sorted, without its least and its largest."""
    V = sorted(A)
    return V[1:-1]
''', held_out=True),
    Template("flip_table", "dicts", "table", "K:2-9", '''
def F(A):
    """Return names by value plus K, from names to values in A."""
    V = {}
    for N, I in A.items():
        V[I + K] = N
    return V
''', held_out=True),
)
