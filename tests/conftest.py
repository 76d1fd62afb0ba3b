"""Shared by all tests: a tiny tokenizer and model, made here and never downloaded."""

import signal

import pytest
from hypothesis import HealthCheck, settings

from assay.models.chat import Chat
from assay.models.weights import Architecture, new_model, use_one_thread
from assay.training.tokenizer import train_tokenizer

TEXT = [
    "The quick brown fox jumps over the lazy dog, and the price of grain rose by 12 shillings.",
    "Whatever is worth doing at all is worth doing well; return the ship to its harbour at 7.",
    "In the year 1859 the market fell, and no one could say why the mill had stopped its wheel.",
] * 40
ARCHITECTURE = Architecture(vocabulary=380, width=32, layers=2, heads=2, inner=64, context=320)


settings.register_profile("assay", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy
settings.load_profile("assay")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background: what we start would be deaf to it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def chat() -> Chat:
    return Chat(train_tokenizer(TEXT, ARCHITECTURE.vocabulary))


@pytest.fixture
def small_model():
    use_one_thread(0)
    return new_model(ARCHITECTURE, 0)
