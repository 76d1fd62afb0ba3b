import json

from .times import times

FACTORS = json.load(open("factors.json"))


def scaled(name, xs):
    return times(FACTORS[name], xs)
