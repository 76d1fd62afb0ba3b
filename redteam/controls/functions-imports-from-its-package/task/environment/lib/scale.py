def scaled(name, xs):
    return xs
