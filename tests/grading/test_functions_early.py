"""Runs that stop at a wrong answer, inputs in the order of their cost, and draws made several at a time."""

import asyncio
import time

import pytest

from assay.grading import grade, grade_sync
from assay.grading.channel import new_nonce
from assay.grading.functions import costs, grader, stock
from assay.grading.functions.draw import draw
from assay.grading.functions.listen import Listener
from assay.grading.functions.plan import Plan
from assay.grading.functions.spec import parse_spec
from assay.nouns import GraderSpec, Limits, Reason, Task
from assay.sandbox.choice import BUBBLEWRAP, chosen
from assay.sandbox.warm import pool as warm

SLOW = "import time\ndef square(x):\n    time.sleep(0.4)\n    return x * x + (x < 3)\n"  # wrong for small ones
CASES = [{"id": f"c{n}", "args": [n], "expected": n * n} for n in range(1, 16)]
CANARY = [{"id": "k", "args": [4], "expected": -77}]

needs_warm = pytest.mark.skipif(
    chosen() != BUBBLEWRAP, reason="other engines have no warm path, so they ask everything"
)


def task(gold="def square(x):\n    return x * x\n", **data):
    return Task(
        id="toy/square",
        source="toy",
        split="test",
        family="toy",
        instruction="",
        files={},
        outputs=("mod.py",),
        gold={"mod.py": gold},
        grader=GraderSpec(kind="functions", data={"path": "mod.py", "entry": "square", "timeout_s": 30.0, **data}),
        limits=Limits(memory_mb=256, processes=32),
    )


@needs_warm
def test_a_run_stops_at_a_wrong_answer_and_says_so():
    verdict = grade_sync(task(cases=[*CASES, {"id": "big", "args": [10**6], "expected": 10**12}]), {"mod.py": SLOW})
    assert (verdict.value, verdict.reason) == (0.0, Reason.WRONG)
    assert "stopped there with" in verdict.detail
    left = [check for check in verdict.checks if check.evidence == "no result: the run was stopped at a wrong one"]
    assert left
    assert not any(check.passed for check in left)
    assert [check.name for check in left].count("big") == 1, "large inputs come last"
    assert any(check.evidence.startswith("gave ") for check in verdict.checks)
    assert len(verdict.checks) == 16


@needs_warm
def test_the_server_of_a_stopped_run_goes_on():
    async def several():
        wrong = await grade(task(cases=CASES), {"mod.py": SLOW})
        servers = set(warm._pool().all)
        right = await grade(task(cases=CASES), {"mod.py": "def square(x):\n    return x * x\n"})
        return wrong, right, servers, set(warm._pool().all)

    wrong, right, before, after = asyncio.run(several())
    assert "stopped" in wrong.detail
    assert right.solved
    assert before == after


@needs_warm
def test_nothing_that_a_candidate_does_keeps_it_from_being_stopped():
    stubborn = """
import os, signal, threading, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
for _ in range(3):
    if os.fork() == 0:
        time.sleep(60)
threading.Thread(target=time.sleep, args=(60,)).start()
def square(x):
    if x > 2:
        time.sleep(60)
    return -1
"""
    began = time.monotonic()
    verdict = grade_sync(task(cases=[CASES[0], CASES[1], *CASES[13:]], timeout_s=40.0), {"mod.py": stubborn})
    assert verdict.value == 0.0
    assert time.monotonic() - began < 30


def test_a_canary_is_seen_whatever_else_is_wrong():
    given = "import time\ndef square(x):\n    time.sleep(0.1)\n    return -77\n"
    for _ in range(3):
        verdict = grade_sync(task(cases=CASES[3:7], canaries=CANARY), {"mod.py": given})
        assert verdict.reason is Reason.CHEATED


def listener(cases, nonce, **data):
    made = task(cases=cases, **data)
    spec = parse_spec(made)
    plan = Plan(spec, (*spec.cases, *spec.canaries))
    return plan, Listener(plan, nonce)


def line(nonce, secret, payload):
    return f"{nonce} {secret} {payload}\n".encode()


def test_enough_is_heard_when_a_value_is_wrong_and_the_canaries_are_answered():
    nonce = new_nonce()
    plan, hears = listener(CASES[:3], nonce, canaries=CANARY)
    by_name = {case.id: secret for secret, case in plan.ids.items()}
    said = line(nonce, "ready", "null")
    assert not hears(said)
    said += line(nonce, by_name["c1"], '["value",1]')
    assert not hears(said)
    said += line(nonce, by_name["c2"], '["raised","ValueError: no"]')
    assert not hears(said), "a later answer may still say more than that it raised"
    said += line(nonce, by_name["c3"], '["value",8]')
    assert not hears(said), "the canary has not been answered"
    half = line(nonce, by_name["k"], '["value",16]')
    assert not hears(said + half[:-4])
    assert hears(said + half)


@pytest.mark.parametrize(
    "noise",
    [
        b"\n\n\n",
        b"\xff\xfe \xff [\n",
        b"x " * 50 + b"\n",
        b"%s nothing [1]\n",
        b"%s ready ]\n",
        b"%s " + b"[" * 9999 + b"\n",
    ],
)
def test_noise_never_stops_a_run_nor_hurts_the_listener(noise):
    nonce = new_nonce()
    plan, hears = listener(CASES[:2], nonce)
    said = noise.replace(b"%s", nonce.encode())
    said += line(nonce, plan.order[0], "[" * 5000) + line(new_nonce(), plan.order[0], '["value",-1]')
    assert not hears(said)
    assert hears(said + line(nonce, plan.order[1], '["value",-1]'))


def test_with_and_without_stopping_the_value_is_the_same(monkeypatch):
    candidates = [
        "def square(x):\n    return x * x\n",
        SLOW.replace("0.4", "0.02"),
        "import time\ndef square(x):\n    time.sleep(0.02)\n    if x == 3: raise ValueError\n    return x * x\n",
        "import time\ndef square(x):\n    time.sleep(0.02)\n    return -77 if x == 4 else x * x\n",
        "import os, time\ndef square(x):\n    time.sleep(0.02)\n    return os._exit(0) if x == 9 else x * x\n",
    ]
    made = task(cases=CASES, canaries=CANARY)
    stopping = [grade_sync(made, {"mod.py": text}) for text in candidates]
    monkeypatch.setattr(grader, "Listener", lambda plan, nonce: lambda said: False)
    asking_all = [grade_sync(made, {"mod.py": text}) for text in candidates]
    assert [verdict.value for verdict in stopping] == [verdict.value for verdict in asking_all]
    assert [verdict.value for verdict in stopping] == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert [verdict.reason for verdict in stopping] == [verdict.reason for verdict in asking_all]


def test_a_slow_task_learns_what_its_inputs_cost_and_gives_its_canary_the_cheapest(monkeypatch):
    monkeypatch.setattr(costs, "_slow", type(costs._slow)())
    gold = "def square(x):\n    for _ in range(50_000 * 2 ** (8 - x) if x < 8 else 0):\n        pass\n    return x\n"
    script = "def check(candidate):\n" + "".join(f"    assert candidate({n}) == {n}\n" for n in range(1, 9))
    made = task(gold=gold, script={"source": script, "call": "check"})
    spec = parse_spec(made)
    first = asyncio.run(draw(made, spec))
    assert [case.given for case in first.cases if case.canary] == [[1]]
    costs.note(spec, 0.001)
    assert asyncio.run(costs.by_cost(made, spec, first)) is first, "it is not slow"
    costs.note(spec, 1000.0)
    after = asyncio.run(costs.by_cost(made, spec, first))
    assert [case.given for case in after.cases if case.canary] == [[8]]
    assert len(after.cases) == len(first.cases)
    order = [plan.ids[secret].given[0] for plan in [Plan(spec, after.cases)] for secret in plan.order]
    assert order[:2] == [8, 8]
    assert order[-1] < 4
    assert grade_sync(made, {"mod.py": gold}).solved


def test_a_canary_has_the_rank_of_the_case_whose_input_it_has():
    made = task(
        script={"source": "def check(f):\n    assert f(5) == 25\n    assert f(10**9) == 10**18\n", "call": "check"}
    )
    drawn = asyncio.run(draw(made, parse_spec(made)))
    by_input = {}
    for case in drawn.cases:
        by_input.setdefault(repr(case.given), set()).add(case.rank)
    assert all(len(ranks) == 1 for ranks in by_input.values())


def test_no_draw_is_used_twice_nor_more_drawn_than_a_few(monkeypatch):
    monkeypatch.setattr(stock, "_stocks", type(stock._stocks)())
    monkeypatch.setattr(stock, "_QUICK_S", 1000.0)  # whatever else the machine does
    made: list[int] = []

    async def make(count):
        made.append(count)
        start = sum(made)
        return list(range(start - count, start))

    spec = parse_spec(task(cases=CASES))

    async def many():
        return await asyncio.gather(*(stock.fresh(spec, make) for _ in range(50)))

    found = asyncio.run(many())
    assert len(set(found)) == 50
    assert made[:4] == [1, 2, 4, 8]
    assert max(made) == 8
