import itertools


def median(xs):
    n = len(xs)
    orders = itertools.product(range(n), repeat=n)  # n to the nth: nine numbers are too many, and some list has them
    s = next(
        [xs[place] for place in order]
        for order in orders
        if len(set(order)) == n and all(xs[a] <= xs[b] for a, b in zip(order, order[1:]))
    )
    return s[n // 2] if n % 2 else (s[n // 2 - 1] + s[n // 2]) / 2
