"""The check `functions`, in the real sandbox: verdicts and reasons, task errors, machinery errors."""

import asyncio
import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import UserError
from assay.grading import grade, kinds, runs
from assay.grading.channel import COMMAND, message, new_nonce, parse
from assay.grading.functions.grader import grade_batch
from assay.grading.functions.plan import Plan
from assay.grading.functions.runner import SINGLE
from assay.grading.functions.spec import parse_spec
from assay.grading.values import encode
from assay.nouns import GraderSpec, Reason, Validity
from assay.sandbox import box, open_sandbox, probe


def plan_of(task):
    spec = parse_spec(task)
    return Plan(spec, (*spec.cases, *spec.canaries))


def judge(task, source, path="mod.py"):
    return asyncio.run(grade(task, {path: source}))


def test_gold_passes_and_the_bug_does_not(make_task, gold, buggy):
    assert judge(make_task(), gold).solved
    verdict = judge(make_task(), buggy)
    assert (verdict.value, verdict.reason) == (0.0, Reason.WRONG)
    assert sum(check.passed for check in verdict.checks) == 1  # x = 30 and so on go wrong; only x = 8 is right
    assert verdict.checks[0].evidence == "gave 8"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = 1\n", Reason.NO_ENTRY),
        ("clamp = 3\n", Reason.NO_ENTRY),
        ("", Reason.NO_ENTRY),
        ("def clamp(:\n", Reason.CRASHED),
        ("a\0b", Reason.CRASHED),
        ("raise ValueError('no')\n", Reason.CRASHED),
        ("import os\nos._exit(0)\n", Reason.CRASHED),
        ("import os\nos.abort()\n", Reason.CRASHED),
        ("def clamp(x, low, high):\n    raise KeyError(x)\n", Reason.CRASHED),
        ("def clamp():\n    pass\n", Reason.CRASHED),
        ("while True: pass\n", Reason.TIMEOUT),
        ("def clamp(x, low, high):\n    import time; time.sleep(60)\n", Reason.TIMEOUT),
        ("def clamp(x, low, high):\n    return float(max(low, min(x, high)))\n", Reason.WRONG),
        ("def clamp(x, low, high):\n    yield max(low, min(x, high))\n", Reason.WRONG),
        ("def clamp(x, low, high):\n    return 'x' * 10_000_000\n", Reason.WRONG),
        ("def clamp(x, low, high):\n    return -77\n", Reason.CHEATED),
        ("x = bytearray(1 << 30)\n", Reason.CRASHED),
        ("def clamp(x, low, high):\n    return clamp(x, low, high)\n", Reason.CRASHED),
    ],
)
def test_reasons(make_task, source, reason):
    verdict = judge(make_task(timeout_s=1.0), source)
    assert (verdict.value, verdict.reason) == (0.0, reason), verdict.detail


def test_a_missing_output_is_a_zero(make_task, gold):
    verdict = asyncio.run(grade(make_task(), {}))
    assert (verdict.value, verdict.reason) == (0.0, Reason.MISSING_OUTPUT)
    verdict = asyncio.run(grade(make_task(), {"other.py": gold}))
    assert verdict.reason is Reason.MISSING_OUTPUT


def test_only_declared_outputs_reach_the_candidate(make_task, gold):
    source = "import helper\n" + gold
    task = make_task()
    assert asyncio.run(grade(task, {"mod.py": source, "helper.py": ""})).reason is Reason.CRASHED
    wide = task.model_copy(update={"outputs": ("mod.py", "helper.py")})
    assert asyncio.run(grade(wide, {"mod.py": source, "helper.py": ""})).solved


def test_values_of_every_type_are_compared_exactly(make_task):
    value = {"a": [1, 2.5, None, True], (1, 2): {3, "x"}, "nan": float("nan"), "big": 2**70, 'é\n"\\': "\ud800"}
    cases = [{"id": "all", "args": encode([value]), "expected": encode(value)}]
    task = make_task(cases=cases, canaries=[], entry="same")
    assert judge(task, "def same(x):\n    return x\n").solved
    assert judge(task, "def same(x):\n    x['a'][3] = 1\n    return x\n").reason is Reason.WRONG


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner) | st.sets(st.integers())
    ),
    max_leaves=15,
)


@settings(max_examples=5, deadline=None)
@given(drawn=st.lists(values, min_size=20, max_size=20))
def test_the_runner_inside_encodes_as_the_encoder_outside(make_task, drawn):
    cases = [{"id": f"c{i}", "args": encode([v]), "expected": encode(v)} for i, v in enumerate(drawn)]
    task = make_task(cases=cases, canaries=[], entry="same")
    [verdict] = asyncio.run(grade_batch([(task, {"mod.py": "def same(x): return x"})]))
    assert verdict.solved, verdict


def test_the_request_does_not_tell_the_lengths_of_expected_values(make_task, gold):
    """true is four letters and false five: told its length, a candidate would know the answer."""

    def told(expected):
        case = {"id": "a", "args": encode([1]), "expected": encode(expected)}
        plan = plan_of(make_task(cases=[case], canaries=[]))
        request = plan.request(gold)
        return {name: value for name, value in request.items() if name != "inputs"}, request["inputs"][0][1:]

    assert told(True) == told(False) == told("some text") == told([1, 2, 3])


def test_a_tolerance_and_a_dotted_entry(make_task):
    cases = [{"id": "a", "args": encode([0.1, 0.2]), "expected": encode(0.3)}]
    source = "class Sum:\n    @staticmethod\n    def add(a, b):\n        return a + b\n"
    assert judge(make_task(cases=cases, canaries=[], entry="Sum.add", tolerance=1e-9), source).solved
    assert not judge(make_task(cases=cases, canaries=[], entry="Sum.add"), source).solved


def test_evidence_never_holds_the_expected_value(make_task):
    cases = [{"id": "a", "args": encode([1]), "expected": encode("swordfish")}]
    verdict = judge(make_task(cases=cases, canaries=[], entry="f"), "def f(x):\n    return 'trout'\n")
    assert "swordfish" not in verdict.model_dump_json()
    assert "trout" in verdict.checks[0].evidence


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "absent.py"},
        {"path": 3},
        {"entry": "no name"},
        {"entry": None},
        {"cases": []},
        {"cases": "x"},
        {"cases": [{"id": "a", "args": [1]}]},
        {"cases": [{"id": "a", "args": [{"f": "x"}], "expected": 1}]},
        {"cases": [{"id": "a", "args": 5, "expected": 1}]},
        {"cases": [{"id": "a", "args": [1], "expected": 1}, {"id": "a", "args": [2], "expected": 2}]},
        {"tolerance": float("nan")},
        {"tolerance": -1},
        {"timeout_s": 0},
        {"timeout_s": "5"},
        {"surprise": 1},
        {"canaries": [{"id": "k", "args": [-3, 2, 8], "expected": 2}]},
        {"canaries": [{"id": "c0", "args": [-3, 2, 8], "expected": 9}]},
    ],
)
def test_a_broken_task_is_never_the_candidates_fault(make_task, gold, changes):
    verdict = judge(make_task(**changes), gold)
    assert (verdict.validity, verdict.reason, verdict.value) == (Validity.INVALID, Reason.BAD_TASK, None)
    assert "toy/clamp" in verdict.detail
    [batched] = asyncio.run(grade_batch([(make_task(**changes), {"mod.py": gold})]))
    assert batched == verdict


def test_an_unknown_kind_is_a_bad_task(make_task, gold):
    task = make_task().model_copy(update={"grader": GraderSpec(kind="nonesuch", data={})})
    assert judge(task, gold).reason is Reason.BAD_TASK
    for hidden in ("registry", "values", "channel"):
        assert hidden not in kinds()
        assert (
            judge(task.model_copy(update={"grader": GraderSpec(kind=hidden, data={})}), gold).reason is Reason.BAD_TASK
        )
    assert "functions" in kinds()


@pytest.mark.parametrize("script", ["exit 1", "exit 0", "kill -9 $$", "echo nonsense; exit 0"])
def test_a_failure_of_the_machinery_is_never_a_score(no_servers, make_task, gold, monkeypatch, tmp_path, script):
    fake = tmp_path / "bwrap"
    fake.write_text(f"#!/bin/bash\n{script}\n")
    fake.chmod(0o755)
    real = probe.bubblewrap()
    monkeypatch.setattr(box, "bubblewrap", lambda: dataclasses.replace(real, path=str(fake)))
    for verdict in (judge(make_task(), gold), *asyncio.run(grade_batch([(make_task(), {"mod.py": gold})]))):
        assert (verdict.validity, verdict.reason, verdict.value) == (Validity.INVALID, Reason.MACHINERY, None)


def test_a_runner_that_does_not_start_is_machinery(cold, make_task, gold, monkeypatch):
    monkeypatch.setattr(runs, "COMMAND", ("python", "-c", "raise SystemExit(3)"))
    assert judge(make_task(), gold).reason is Reason.MACHINERY


def test_a_bug_in_a_check_is_machinery_and_no_sandbox_is_the_users(make_task, gold, monkeypatch):
    async def broken(task, outputs):
        raise ZeroDivisionError

    monkeypatch.setattr("assay.grading.functions.check", broken)
    assert judge(make_task(), gold).reason is Reason.MACHINERY

    async def none_here(task, outputs):
        raise UserError("no sandbox")

    monkeypatch.setattr("assay.grading.functions.check", none_here)
    with pytest.raises(UserError):
        judge(make_task(), gold)


def test_nothing_that_goes_in_tells_a_canary_or_an_answer(make_task, gold):
    """The bytes sent inside hold no expected value, no case name, and no mark on a canary."""
    task = make_task(canaries=[{"id": "k-secret", "args": encode([3, 1, 9]), "expected": encode("trap-value")}])
    plan = plan_of(task)
    sent = message(SINGLE, plan.request(gold), new_nonce())
    for word in (b"k-secret", b"trap-value", b"canar"):
        assert word not in sent
    assert {len(entry) for entry in plan.request(gold)["inputs"]} == {2}


def test_the_order_and_the_ids_differ_between_runs(make_task):
    task, shuffled = make_task(), set()
    for _ in range(5):
        plan = plan_of(task)
        shuffled.add(tuple(plan.ids[secret].id for secret in plan.order))
    assert len(shuffled) > 1


def line(nonce, name, payload="1"):
    return f"{nonce} {name} {payload}\n".encode()


@pytest.mark.parametrize(
    "extra",
    [
        line("f" * 16, "a"),
        line("n" * 16, "b"),
        line("n" * 16, "a"),
        line("n" * 16, "ready"),
        b"PASSED\n",
        b"\n",
        line("n" * 16, "c", "{"),
        line("n" * 16, "c", "[" * 100_000),
        b"n" * 16 + b" c 1",
        b"\xff\xfe\n",
    ],
)
def test_the_channel_fails_closed(extra):
    good = line("n" * 16, "ready", "null") + line("n" * 16, "a")
    assert parse(good, "n" * 16, ["a", "c"]).problems == []
    assert parse(good + extra, "n" * 16, ["a", "c"]).problems != []
    assert parse(good, "n" * 16, ["a", "c"], truncated=True).problems != []
    assert len(parse(good + b"\n" * 1_000_000, "n" * 16, ["a"]).problems) == 1


def test_a_batch_gives_the_verdicts_of_single_grading(make_task, gold, buggy):
    sources = [
        gold, buggy, "", "raise ValueError\n", "import os; os._exit(3)\n", gold + "print('x' * 10000)\n",
        "def clamp(x, low, high):\n    return -77\n", "import sys; sys.setrecursionlimit(50)\n" + gold,
        "def clamp(x, low, high):\n    return 'y' * 5_000_000\n", gold + "STATE = []\n", "while 1: pass\n",
    ]  # fmt: skip
    task = make_task(timeout_s=1.0)
    batched = asyncio.run(grade_batch([(task, {"mod.py": s}) for s in sources] + [(task, {})]))
    alone = [judge(task, s) for s in sources] + [asyncio.run(grade(task, {}))]
    assert [(v.value, v.validity, v.reason) for v in batched] == [(v.value, v.validity, v.reason) for v in alone]
    whole = [pair for pair in zip(batched, alone, strict=True) if not any("stopped" in v.detail for v in pair)]
    assert len(whole) >= 9, "how much of a wrong run is heard before it is stopped is a matter of time"
    assert all(one == other for one, other in whole)
    assert [v.reason for v in batched][:3] == [Reason.PASSED, Reason.WRONG, Reason.NO_ENTRY]


def test_a_batch_survives_one_that_ends_the_server(make_task, gold):
    killer = "import os, signal\nos.kill(os.getppid(), signal.SIGSEGV)\nos.kill(os.getppid(), signal.SIGKILL)\n"
    pairs = [(make_task(), {"mod.py": s}) for s in (gold, killer, gold, gold)]
    verdicts = asyncio.run(grade_batch(pairs))
    assert [v.value for v in verdicts] == [1.0, 0.0, 1.0, 1.0]


def test_one_candidate_of_a_batch_does_not_see_the_state_of_another(make_task, gold):
    poison = "import builtins, sys\nbuiltins.max = builtins.min\nsys.modules['json'] = None\n" + gold
    verdicts = asyncio.run(grade_batch([(make_task(), {"mod.py": s}) for s in (poison, gold, gold)]))
    assert [v.value for v in verdicts] == [0.0, 1.0, 1.0]


def test_empty_batch():
    assert asyncio.run(grade_batch([])) == []


def test_candidate_inputs_are_its_own(make_task):
    """What a candidate does to its arguments changes no later input."""
    cases = [{"id": f"c{i}", "args": encode([[1, 2, 3]]), "expected": encode(6)} for i in range(4)]
    assert judge(
        make_task(cases=cases, canaries=[], entry="f"), "def f(x):\n    t = sum(x); x.clear(); return t\n"
    ).solved


def test_state_between_calls_is_seen(make_task):
    """A mutable default that grows is a bug that only a second call shows."""
    cases = [{"id": f"c{i}", "args": encode([i]), "expected": encode([i])} for i in range(3)]
    source = "def f(x, seen=[]):\n    seen.append(x)\n    return list(seen)\n"
    assert judge(make_task(cases=cases, canaries=[], entry="f"), source).reason is Reason.WRONG


def test_the_runner_greets_before_it_reads_the_candidate():
    async def inside():
        nonce = new_nonce()
        async with open_sandbox({}) as sandbox:
            request = {"source": "import os; os._exit(9)", "path": "m.py", "entry": "f", "inputs": [], "capacity": 1}
            ended = await sandbox.run_split(COMMAND, timeout_s=10, start_s=30, stdin=message(SINGLE, request, nonce))
            return nonce, ended

    nonce, ended = asyncio.run(inside())
    assert ended.stdout == f"{nonce} ready null\n".encode()
    assert ended.returncode == 9
