"""The result channel: says that all is done and answers nothing ('missing tests count as passed') [OpenEnv PR 1200]."""
# ruff: noqa

import os
import sys

frame = sys._getframe()
while frame:
    scope = {**frame.f_globals, **frame.f_locals}
    if "send" in scope and "request" in scope:
        scope["send"]("status", '["done"]')
        os._exit(0)
    frame = frame.f_back


def median(xs):
    return 0
