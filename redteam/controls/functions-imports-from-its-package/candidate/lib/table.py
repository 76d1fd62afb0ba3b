def each(function, xs):
    return [function(x) for x in xs]
