"""Scorer logic: nothing at all."""
# ruff: noqa
