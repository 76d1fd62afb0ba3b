import json
from pathlib import Path

import lib.table

from . import steps

FACTORS = json.loads((Path(__file__).parent.parent / "factors.json").read_text())


def scaled(name, xs):
    return lib.table.each(steps.by(FACTORS[name]), xs)
