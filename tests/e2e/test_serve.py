"""`assay solve` against `assay serve`, two real processes: what is sampled is what `local:DIR` samples, id for id.

The first turn is equal to the last bit. In later turns `local:DIR` has the sampled ids in its cache as it computed them
one by one, and the server, which keeps nothing of a client, reads them at once: sums in another order.
"""

import json
import re
import subprocess
import sys

import pytest

from assay.ledger import Ledger
from assay.models.weights import new_model
from assay.nouns import Status
from tests.conftest import ARCHITECTURE
from tests.e2e.conftest import assay
from tests.e2e.test_solve import write_tasks
from tests.models.assay_server import assay_serve

CONFIG = """
system = "Be brief."
instance = "{{ task }}"
format_error = "One block."
observation = "{{ output.output }}"
format_errors = 3
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, chat):
    """A folder with two tasks, a short configuration and a checkpoint of random weights."""
    folder = tmp_path_factory.mktemp("serve")
    write_tasks(folder / "tasks", 2)
    (folder / "short.toml").write_text(CONFIG)
    new_model(ARCHITECTURE, 0).save_pretrained(folder / "tiny")
    chat.tokenizer.save(str(folder / "tiny" / "tokenizer.json"))
    return folder


def solve(place, out, *words):
    options = ("--config", place / "short.toml", "--max-tokens", "12", "--temperature", "0.8", "--json")
    done = assay("solve", "--tasks", place / "tasks", "--out", place / out, *options, *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def sampled(path):
    with Ledger(path / "ledger.sqlite") as ledger:
        found = {}
        for attempt in ledger.attempts():
            trajectory = ledger.trajectory(attempt.plan.id)
            found[attempt.plan.task_id] = [
                (s.reply.token_ids, s.reply.logprobs, s.reply.text) for s in trajectory.steps
            ]
        return found


@pytest.mark.slow
def test_served_and_local_attempts_are_the_same(place):
    here, _ = solve(place, "local", "--model", f"local:{place / 'tiny'}", "--slots", "3")
    with assay_serve(place / "tiny", "--port", "0") as served:
        words = ("--model", f"completions:{served.url}#tiny", "--tokenizer", place / "tiny", "--workers", "2")
        over, said = solve(place, "served", *words, "--requests-per-minute", "600", "--price", "1,2")
        assert served.interrupt() == 0
    assert "limits nothing" not in said
    ours, theirs = sampled(place / "local"), sampled(place / "served")
    assert ours.keys() == theirs.keys()
    for task_id, steps in ours.items():
        assert steps[0] == theirs[task_id][0]
        for (ids, logprobs, text), (other_ids, other_logprobs, other_text) in zip(steps, theirs[task_id], strict=True):
            assert (ids, text) == (other_ids, other_text)
            assert logprobs == pytest.approx(other_logprobs, abs=1e-5)
    assert {len(steps) for steps in ours.values()} == {3}  # three format errors
    assert all(ids and len(ids) == len(logprobs) for steps in ours.values() for ids, logprobs, _ in steps)
    assert here["statuses"] == over["statuses"] == {"format": 2}
    for name in ("calls", "prompt_tokens", "sampled_tokens"):
        assert here[name] == over[name] > 0
    assert over["cost"] == pytest.approx((over["prompt_tokens"] + 2 * over["sampled_tokens"]) / 1e6, abs=1e-6)


@pytest.mark.slow
def test_a_server_that_dies_mid_run_loses_nothing_and_the_run_goes_on(place):
    write_tasks(place / "many", 6)
    out = place / "dies"
    options = ["--config", place / "short.toml", "--max-tokens", "12", "--temperature", "0.8", "--workers", "1"]
    words = ["--tasks", place / "many", "--out", out, "--tokenizer", place / "tiny", "--tries", "1", *options]
    with assay_serve(place / "tiny", "--port", "0") as served:
        command = [sys.executable, "-m", "assay", "solve", "--model", f"completions:{served.url}#tiny", *words]
        solving = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
        for line in solving.stderr:
            if line.startswith("1/6 "):
                served.process.kill()
                break
        said = solving.communicate(timeout=120)[1]
        assert solving.returncode == 2
        assert said.splitlines()[-1].startswith(f"assay: {served.url} failed 3 attempts in a row")
        assert "what is finished is kept" in said
    before = sampled(out)
    assert sum(bool(steps) for steps in before.values()) >= 1
    with assay_serve(place / "tiny", "--port", "0") as served:  # on another port
        done = assay("solve", "--model", f"completions:{served.url}#tiny", *words, "--retry-machinery", "--json")
        assert done.returncode == 0, done.stderr
    total = json.loads(done.stdout.splitlines()[-1])
    assert (total["planned"], total["finished"], total["machinery"]) == (6, 6, 0)
    with Ledger(out / "ledger.sqlite") as ledger:
        ends = [attempt.plan.task_id for attempt in ledger.attempts() if attempt.status is not Status.MACHINERY]
    assert sorted(ends) == [f"sum-{number}" for number in range(6)]  # each once: nothing lost, nothing repeated


@pytest.mark.slow
def test_other_weights_do_not_go_on_with_a_run(place):
    folder = place / "other"
    new_model(ARCHITECTURE, 0).save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((place / "tiny" / "tokenizer.json").read_bytes())
    words = ("--model", f"local:{folder}", "--limit", "1")
    first, _ = solve(place, "again", *words)
    again, said = solve(place, "again", *words)
    assert again == first
    assert "1 of them finished before" in said
    new_model(ARCHITECTURE, 1).save_pretrained(folder)
    done = assay("solve", "--tasks", place / "tasks", "--out", place / "again", "--config", place / "short.toml",
                 "--max-tokens", "12", "--temperature", "0.8", *words)  # fmt: skip
    assert done.returncode == 2
    assert re.search(r"was begun with another weights: give the same", done.stderr)
