"""Every kind of fault, injected into real runs of the real command; after each all laws hold."""

import pytest

from assay.chaos.campaign import drawn
from assay.chaos.registry import fault_names, find_fault

pytest_plugins = ["assay.chaos.plugin"]

# Faults that leave the driver alive share a run; each name stands at least once. The seeds are of no meaning.
FAST = [
    (
        (
            *("endpoint-slow", "endpoint-refusing", "endpoint-nonsense", "endpoint-cut", "endpoint-limited"),
            *("clock-back", "reply-endless", "ledger-locked", "driver-killed"),
            *("agent-endless", "driver-interrupted"),
        ),
        1,
    ),
    (
        (
            *("worker-out-of-memory", "sandbox-killed", "out-of-memory", "agent-endless", "driver-terminated"),
            *("endpoint-limited", "task-hangs", "ledger-disk-full"),
            *("endpoint-cut", "sandbox-disk-full"),
        ),
        1,
    ),
]


@pytest.mark.parametrize(("names", "seed"), FAST, ids=lambda value: "+".join(value) if isinstance(value, tuple) else "")
def test_the_laws_hold_after(chaos, names, seed):
    outcome = chaos(*names, seed=seed)
    assert {note.fault for note in outcome.notes} == set(names)


def test_every_fault_is_among_them():
    short = {name for name in fault_names() if not find_fault(name).long and not find_fault(name).cluster}
    assert short == {name for names, _ in FAST for name in names}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "seed"),
    drawn(220, 20261121, together=6),
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_the_laws_hold_after_many(chaos, names, seed):
    chaos(*names, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in fault_names() if find_fault(name).cluster or find_fault(name).long])
def test_the_laws_hold_after_what_takes_minutes(chaos, name):
    outcome = chaos(name, seed=1)
    assert {note.fault for note in outcome.notes} == {name}
