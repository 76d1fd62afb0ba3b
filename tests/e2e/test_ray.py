"""`--executor ray` end to end: on a cluster of three nodes the real commands leave the ledger that they leave here."""

import json
import signal
import subprocess
import sys
import threading
import time

import pytest

from assay.cli.solve_plan import tasks_of
from assay.errors import UserError
from assay.ledger import Ledger
from assay.nouns import Status
from tests.e2e.conftest import assay
from tests.e2e.test_run import fingerprint
from tests.e2e.test_solve import repairs, write_tasks
from tests.executors.ray_nodes import three_nodes
from tests.models.openai_server import SUBMIT, bash, said, serving
from tests.tasks.swebench.test_record import row, written

pytest.importorskip("ray", reason="ray is not installed")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    return tmp_path_factory.mktemp("nodes")


@pytest.fixture(scope="module")
def cluster(nodes):
    with three_nodes(nodes) as made:
        yield f"ray:{made.address}"


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sums")
    write_tasks(folder, 6)
    return folder


def solve(tasks, model, out, *more):
    return assay("solve", "--tasks", tasks, "--model", model, "--out", out, *more)


def test_a_run_on_a_cluster_leaves_the_same_ledger(cluster, tasks, tmp_path):
    with serving(repairs) as server:
        model = f"openai:{server.url}#tiny"
        assert solve(tasks, model, tmp_path / "here").returncode == 0
        there = solve(tasks, model, tmp_path / "there", "--executor", cluster)
        assert there.returncode == 0, there.stderr
        assert "Ray: 3 nodes, 3 cores" in there.stderr
    with Ledger(tmp_path / "here/ledger.sqlite") as here, Ledger(tmp_path / "there/ledger.sqlite") as there:
        assert {attempt.status for attempt in there.attempts()} == {Status.SOLVED}
        assert there.fingerprint() == here.fingerprint()
    assert (tmp_path / "here/preds.json").read_text() == (tmp_path / "there/preds.json").read_text()


def test_a_budget_is_kept_by_workers_on_many_nodes_and_a_higher_one_goes_on(cluster, tasks, tmp_path):
    with serving(repairs) as server:
        model = f"openai:{server.url}#tiny"
        word = ["--executor", cluster, "--max-tokens", "200", "--json"]
        first = solve(tasks, model, tmp_path / "run", *word, "--budget-tokens", "15000")
        assert first.returncode == 130, first.stderr
        summary = json.loads(first.stdout.splitlines()[-1])
        with Ledger(tmp_path / "run/ledger.sqlite") as ledger:
            ended = ledger.finished()
        assert len(ended) < 6
        assert summary["budget"]["tokens"] <= 15000
        again = solve(tasks, model, tmp_path / "run", *word, "--budget-tokens", "2000000")
        assert again.returncode == 0, again.stderr
    with Ledger(tmp_path / "run/ledger.sqlite") as ledger:
        assert {attempt.status for attempt in ledger.attempts()} == {Status.SOLVED}
        assert len(ledger.finished()) == 6


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_driver_that_is_stopped_leaves_nothing_on_the_nodes_and_goes_on(cluster, nodes, tasks, tmp_path, number):
    go = threading.Event()

    def slowly(messages):
        if len(said(messages)) == 2:
            go.wait(300)
        return repairs(messages)

    with serving(slowly) as server:
        words = ["solve", "--tasks", tasks, "--model", f"openai:{server.url}#tiny", "--out", tmp_path / "run"]
        command = [sys.executable, "-m", "assay", *map(str, words), "--executor", cluster, "--workers", "2"]
        driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        until(lambda: len(server.requests) >= 6 or driver.poll() is not None)  # two attempts wait in their third turn
        assert driver.poll() is None, driver.stderr.read()
        driver.send_signal(number)
        _, told = driver.communicate(timeout=300)
        if number == signal.SIGKILL:
            assert driver.returncode == -9
        else:
            assert driver.returncode == 130, told
            assert told.splitlines()[-1].startswith("stopped; what is finished is kept; to go on: ")
            assert "Traceback" not in told
        go.set()
        until(lambda: not [left for place in nodes.glob("*-temporary") for left in place.iterdir()])
        again = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert again.returncode == 0, again.stderr
    with Ledger(tmp_path / "run/ledger.sqlite") as ledger:
        assert [attempt.status for attempt in ledger.attempts()] == [Status.SOLVED] * 6


def until(condition):
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_script_goes_along_to_the_nodes(cluster, tasks, tmp_path):
    script = tmp_path / "script.json"
    script.write_text(json.dumps([bash("sed -i 's/a - b/a + b/' pkg/mod.py"), bash(SUBMIT)]))
    done = solve(tasks, f"scripted:{script}", tmp_path / "run", "--executor", cluster)
    assert done.returncode == 0, done.stderr
    with Ledger(tmp_path / "run/ledger.sqlite") as ledger:
        assert [attempt.status for attempt in ledger.attempts()] == [Status.SOLVED] * 6


def test_the_environments_of_a_benchmark_are_built_where_the_executor_is(tmp_path):
    dataset = written(tmp_path / "records.jsonl", [row()])
    for executor, why in (("ray:127.0.0.1:1", "no Ray cluster could be used"), ("nowhere", "names none")):
        with pytest.raises(UserError, match=why):
            tasks_of(f"swebench:{dataset}", "test", None, 0, "", None, executor)


def test_a_cluster_that_is_not_there_is_one_sentence(tasks, tmp_path):
    script = tmp_path / "script.json"
    script.write_text("[]")
    done = solve(tasks, f"scripted:{script}", tmp_path / "run", "--executor", "ray:127.0.0.1:1")
    assert done.returncode == 2
    assert "no Ray cluster could be used at 127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_samples_and_predictions_and_tasks_have_the_same_verdicts_there(cluster, tasks, tmp_path):
    problems, samples = tmp_path / "problems.jsonl", tmp_path / "samples.jsonl"
    names = [f"HumanEval/{number}" for number in range(5)]
    texts = {
        "task_id": "{}",
        "prompt": "def f(x):\n",
        "entry_point": "f",
        "canonical_solution": "    return x + {}\n",
        "test": "def check(candidate):\n    assert candidate(1) == 1 + {}\n",
    }
    records = [
        {key: text.format(name if key == "task_id" else n) for key, text in texts.items()}
        for n, name in enumerate(names)
    ]
    problems.write_text("".join(json.dumps(record) + "\n" for record in records))
    given = [
        {"task_id": name, "completion": f"    return x + {n * k}\n"} for n, name in enumerate(names) for k in (1, 2)
    ]
    samples.write_text("".join(json.dumps(sample) + "\n" for sample in given))
    predictions = tmp_path / "preds.json"
    wrong = "--- a/pkg/mod.py\n+++ b/pkg/mod.py\n@@ -1,2 +1,2 @@\n def total_{0}(a, b):\n"
    wrong += "-    return a - b\n+    return a {1} b\n"
    made = {f"sum-{n}": {"model_patch": wrong.format(n, "+" if n % 2 else "*")} for n in range(4)}
    predictions.write_text(json.dumps(made))
    for name, words in {
        "samples": ["grade", problems, samples, "--k", "1", "--json", "--out", tmp_path / "samples.out"],
        "predictions": ["grade", "--predictions", predictions, "--dataset", tasks, "--json"],
        "check": ["tasks", "check", tasks, "--json", "--repeats", "1"],
    }.items():
        found = []
        for number, word in enumerate(("local", cluster)):
            out = ["--out", tmp_path / f"report{number}.json"] if name == "predictions" else []
            done = assay(*words, *out, "--executor", word)
            assert done.returncode == 0, (name, word, done.stderr)
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            for line in lines:
                line.pop("seconds", None)
            found.append((sorted(map(json.dumps, lines)), name == "samples" and (tmp_path / "samples.out").read_text()))
        assert found[0] == found[1], name


def test_bootstraps_give_the_same_figures_there(cluster, tasks, tmp_path):
    for name, factor in (("good", "+"), ("bad", "*")):
        script = tmp_path / f"{name}.json"
        script.write_text(json.dumps([bash(f"sed -i 's/a - b/a {factor} b/' pkg/mod.py"), bash(SUBMIT)]))
        assert solve(tasks, f"scripted:{script}", tmp_path / name).returncode == 0
    arms = [f"{name}={tmp_path / name}" for name in ("bad", "good")]
    found = [assay("compare", *arms, "--json", "--executor", word) for word in ("local", cluster)]
    assert [done.returncode for done in found] == [0, 0], found[1].stderr
    assert found[0].stdout == found[1].stdout


def test_an_experiment_leaves_the_same_ledgers(cluster, laboratory):
    for name, word in (("on-this-machine", "local"), ("on-a-cluster", cluster)):
        words = ["run", laboratory / "small.toml", "--out", laboratory / name, "--executor", word]
        if word == cluster:
            stopped = assay(*words, "--budget-tokens", "3000")
            assert stopped.returncode == 130, stopped.stderr
            assert "raise --budget-tokens to go on" in stopped.stderr
        done = assay(*words)
        assert done.returncode == 0, done.stderr
    assert fingerprint(laboratory / "on-a-cluster") == fingerprint(laboratory / "on-this-machine")
