def times(factor, xs):
    return [factor * x for x in xs]
