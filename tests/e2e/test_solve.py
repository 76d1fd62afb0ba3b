"""`assay solve` end to end: the real command, a real endpoint of ours, tasks that a scripted policy really repairs."""

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from assay.ledger import Ledger
from assay.nouns import GraderSpec, Limits, Status, Task
from assay.tasks.folder import save
from tests.e2e.conftest import assay, start
from tests.e2e.test_run import rows
from tests.models.openai_server import SUBMIT, Raw, bash, calling, error, said, serving

WRONG, RIGHT = "return a - b", "return a + b"


def write_tasks(folder: Path, count: int) -> list[str]:
    """Write tasks that a pytest suite decides; the hidden test is none of the workspace."""
    names = [f"sum-{number}" for number in range(count)]
    for number, name in enumerate(names):
        task = Task(
            id=name,
            source="own",
            split="test",
            family="sums",
            instruction=f"total_{number}(a, b) should add; it does something else. It is in pkg/mod.py.",
            files={"pkg/__init__.py": "", "pkg/mod.py": f"def total_{number}(a, b):\n    {WRONG}\n"},
            outputs=("pkg/**/*.py",),
            gold={"pkg/mod.py": f"def total_{number}(a, b):\n    {RIGHT}\n"},
            grader=GraderSpec(
                kind="tests",
                data={
                    "runner": "unittest",
                    "fail_to_pass": ["tests.test_mod.TestMod.test_total"],
                    "pass_to_pass": [],
                    "files": {
                        "tests/__init__.py": "",
                        "tests/test_mod.py": "import unittest\n\nfrom pkg import mod\n\n\n"
                        "class TestMod(unittest.TestCase):\n    def test_total(self):\n"
                        f"        self.assertEqual(mod.total_{number}(20, 22), 42)\n",
                    },
                },
            ),
            limits=Limits(),
        )
        save(task, folder / name)
    return names


@pytest.fixture(scope="module")
def tasks(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sums")
    write_tasks(folder, 6)
    return folder


def number_of(messages: list[dict]) -> int:
    found = re.search(r"total_(\d+)", messages[1]["content"])
    assert found
    return int(found[1])


def repairs(messages: list[dict]) -> str:
    """Look, repair what was seen, try it, submit: from what the conversation shows, and nothing else."""
    turn = len(said(messages))
    if turn == 0:
        return bash("ls -a && cat pkg/mod.py && ls tests /work/tests 2>&1")
    seen = messages[-1]["content"]
    if turn == 1 and WRONG in seen:
        return bash(f"sed -i 's/{WRONG}/{RIGHT}/' pkg/mod.py && cat pkg/mod.py")
    if turn == 2 and RIGHT in seen:
        call = f"from pkg.mod import total_{number_of(messages)} as f; print(f(1, 2))"
        return bash(f"python -c '{call}'")
    if turn == 3 and "\n3\n" in seen:
        return bash(SUBMIT)
    return "I am lost."


def solve(tasks: Path | str, server, out: Path, *more: str | Path, name: str = "tiny", **options):
    return assay("solve", "--tasks", tasks, "--model", f"openai:{server.url}#{name}", "--out", out, *more, **options)


def figures(done) -> dict:
    return json.loads(done.stdout.splitlines()[-1])


def agree(out: Path) -> dict[str, str]:
    """Check that ledger, trajectories and predictions tell the same; return each task's status."""
    predictions = json.loads((out / "preds.json").read_text())
    statuses = {}
    with Ledger(out / "ledger.sqlite") as ledger:
        assert len(ledger.finished()) == len(list(ledger.attempts()))
        for attempt in ledger.attempts():
            name = attempt.plan.task_id
            statuses[name] = attempt.status.value
            path = ledger.trajectory(attempt.plan.id)
            traj = json.loads((out / name / f"{name}.traj.json").read_text())
            assert traj["instance_id"] == name
            assert traj["trajectory_format"] == "mini-swe-agent-1.1"
            assert traj["info"]["assay"]["status"] == attempt.status.value
            assert traj["info"]["model_stats"]["api_calls"] == attempt.steps == len(path.steps)
            if attempt.status is Status.MACHINERY:
                assert name not in predictions
            else:
                assert predictions[name]["model_patch"] == traj["info"]["submission"]
                assert predictions[name] == {**predictions[name], "instance_id": name, "model_name_or_path": "tiny"}
    assert set(predictions) <= set(statuses)
    assert not list(out.rglob("*.part"))
    return statuses


def test_a_model_that_repairs_solves_and_it_is_all_written_down(tasks, tmp_path):
    with serving(repairs, vllm=True, key="sk-very-secret") as server:
        done = solve(
            *(tasks, server, tmp_path / "out", "--json", "--limit", "3", "--workers", "2", "--price", "1,2"),
            env={**os.environ, "OPENAI_API_KEY": "sk-very-secret"},
        )
    assert done.returncode == 0, done.stderr
    *attempts, total = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(each["id"], each["status"], each["value"]) for each in attempts} == {
        (f"sum-{n}", "solved", 1.0) for n in range(3)
    }
    assert (total["planned"], total["solved"], total["machinery"], total["calls"]) == (3, 3, 0, 12)
    assert total["statuses"] == {"solved": 3}
    assert total["resolved_rate"] == 1.0
    assert total["interval"][1] == 1.0
    assert total["interval_n"] == 3
    assert total["sampled_tokens"] > 0
    assert total["cost"] == pytest.approx((total["prompt_tokens"] + 2 * total["sampled_tokens"]) / 1e6, abs=1e-6)
    assert set(agree(tmp_path / "out").values()) == {"solved"}
    traj = json.loads((tmp_path / "out/sum-0/sum-0.traj.json").read_text())
    assert [message["role"] for message in traj["messages"]] == [
        *("system", "user"),
        *("assistant", "user") * 3,
        *("assistant", "exit"),
    ]
    assert f"-    {WRONG}\n+    {RIGHT}\n" in traj["info"]["submission"]
    assert traj["info"]["exit_status"] == "Submitted"
    first = traj["messages"][2]["extra"]
    assert first["actions"] == [{"command": "ls -a && cat pkg/mod.py && ls tests /work/tests 2>&1"}]
    assert len(first["token_ids"]) == len(first["logprobs"]) > 3
    assert "No such file" in traj["messages"][3]["content"]  # the hidden tests are not there
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not [path for path in written if b"very-secret" in path.read_bytes()]
    assert "very-secret" not in done.stdout + done.stderr


def repairs_by_calls(messages: list[dict]) -> Raw:
    """The same by calls of a tool, looking and trying in one turn."""
    turn, number = len(said(messages)), number_of(messages)
    attempt = f"python -c 'from pkg.mod import total_{number} as f; print(f(1, 2))'"
    if turn == 0:
        return calling("ls -a && cat pkg/mod.py", "ls tests")
    if turn == 1 and WRONG in messages[-2]["content"]:
        return calling(f"sed -i 's/{WRONG}/{RIGHT}/' pkg/mod.py", attempt, text="")
    return calling(SUBMIT) if turn == 2 and "\n3\n" in messages[-1]["content"] else Raw(text="I am lost.")


@pytest.mark.slow
def test_a_model_that_calls_tools_solves_and_everything_reads_it(tasks, tmp_path):
    out = tmp_path / "out"
    with serving(repairs_by_calls, vllm=True) as server:
        done = solve(tasks, server, out, "--protocol", "tools", "--limit", "2", "--json", "--stream")
        again = solve(tasks, server, out, "--protocol", "tools", "--limit", "2", "--json", "--stream")
        other = solve(tasks, server, out, "--limit", "2")
    assert done.returncode == again.returncode == 0, done.stderr
    assert figures(done)["solved"] == figures(again)["solved"] == 2
    assert len(server.requests) == 6  # none for the second run
    assert other.returncode == 2
    assert set(agree(out).values()) == {"solved"}
    with Ledger(out / "ledger.sqlite") as ledger:
        paths = [ledger.trajectory(attempt.plan.id) for attempt in ledger.attempts()]
    assert [[len(step.results) for step in path.steps] for path in paths] == [[2, 2, 1]] * 2
    traj = json.loads((out / "sum-0/sum-0.traj.json").read_text())
    roles = ["system", "user", *("assistant", "tool", "tool") * 2, "assistant", "exit"]
    assert [message["role"] for message in traj["messages"]] == roles
    assert traj["info"]["config"]["model"]["protocol"] == "tools"
    for form in ("mini-1.1", "mini", "atif", "inspect"):
        told = assay("export", out, "--to", form, "--out", tmp_path / form)
        assert told.returncode == 0, told.stderr


def test_tools_are_for_endpoints_of_chat(tasks, tmp_path):
    script = tmp_path / "script.json"
    script.write_text("[]")
    words = ["--model", f"scripted:{script}", "--protocol", "tools", "--out", tmp_path / "out"]
    done = assay("solve", "--tasks", tasks, *words)
    assert done.returncode == 2
    assert "--protocol tools asks over chat completions" in done.stderr


def test_the_words_for_people_have_the_rate_its_interval_and_the_set(tasks, tmp_path):
    with serving(repairs) as server:
        done = solve(tasks, server, tmp_path / "out", "--instances", "sum-4,sum-1", "--stream")
        assert done.returncode == 0, done.stderr
        assert "solved 2 of 2 planned: 100.0 % (95 % interval" in done.stdout
        assert "instance set " in done.stdout
        assert "limits nothing" in done.stderr
        again = solve(tasks, server, tmp_path / "out", "--instances", "sum-4,sum-1", "--stream")
        assert "2 of them finished before" in again.stderr
        assert again.stdout == done.stdout
        other = solve(tasks, server, tmp_path / "out", "--temperature", "0.5")
        assert (other.returncode, other.stderr.count("\n")) == (2, 3)
        assert "another temperature" in other.stderr
        missing = solve(tasks, server, tmp_path / "out", "--instances", "sum-9")
        assert missing.returncode == 2
        assert "'sum-9'" in missing.stderr
    assert len(server.requests) == 8


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_and_everything_agrees(tasks, tmp_path):
    def slowly(messages):
        time.sleep(0.15)
        return repairs(messages)

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    words = ["--tasks", tasks, "--workers", "2", "--json"]
    with serving(slowly) as server:
        model = ["--model", f"openai:{server.url}#tiny"]
        assert assay("solve", *words, *model, "--out", whole).returncode == 0
        asked = len(server.requests)
        kept: dict[str, bytes] = {}
        for wanted in (1, 3):
            process = start("solve", *words, *model, "--out", broken)
            until = time.monotonic() + 120
            while rows(broken / "ledger.sqlite") < wanted and process.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
            process.kill()
            process.wait()
            assert rows(broken / "ledger.sqlite") >= wanted
            with Ledger(broken / "ledger.sqlite") as ledger:
                for attempt in ledger.attempts():
                    body = attempt.model_dump_json().encode()
                    assert kept.setdefault(attempt.plan.id, body) == body
            if wanted == 1:  # as if the kill had come between the ledger and the files
                for file in broken.rglob("*.json"):
                    file.unlink()
        done = assay("solve", *words, *model, "--out", broken)
        assert done.returncode == 0, done.stderr
    assert f"{len(kept)} of them finished before" in done.stderr
    assert len(done.stdout.splitlines()) == 6 - len(kept) + 1
    assert agree(broken) == agree(whole) == {f"sum-{n}": "solved" for n in range(6)}
    assert json.loads((broken / "preds.json").read_text()) == json.loads((whole / "preds.json").read_text())
    with Ledger(broken / "ledger.sqlite") as one, Ledger(whole / "ledger.sqlite") as other:
        assert one.fingerprint() == other.fingerprint()
    # What was under way when it was killed was asked again, and nothing else was.
    assert len(server.requests) - asked <= 24 + 2 * 2 * 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_tidily(tasks, tmp_path, number):
    def waits(messages):
        if number_of(messages) > 0:
            time.sleep(100)  # longer than it is waited for
        return repairs(messages)

    with serving(waits) as server:
        words = ["solve", "--tasks", tasks, "--model", f"openai:{server.url}#tiny", "--out", tmp_path / "out"]
        process = start(*words, "--workers", "1")
        until = time.monotonic() + 60
        while rows(tmp_path / "out" / "ledger.sqlite") < 1 and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        assert process.wait(timeout=80) == 130, "it did not wait for the answer"
    assert agree(tmp_path / "out") == {"sum-0": "solved"}


def test_each_attempt_ends_in_its_own_status_and_machinery_is_no_score(tasks, tmp_path):
    def each(messages):
        number, turn = number_of(messages), len(said(messages))
        return [
            lambda: repairs(messages),
            lambda: bash(SUBMIT),  # nothing changed
            lambda: bash("echo 'def total_2(a, b): return 41' > pkg/mod.py") if turn == 0 else bash(SUBMIT),
            lambda: "I would rather talk.",
            lambda: error(400, "maximum context length is 10 tokens", "context_length_exceeded"),
            lambda: Raw(200, b"not JSON at all"),
        ][number]()

    with serving(each) as server:
        words = ["--json", "--workers", "3"]
        done = solve(tasks, server, tmp_path / "out", *words)
        assert done.returncode == 3, done.stderr
        assert agree(tmp_path / "out") == {
            "sum-0": "solved",
            "sum-1": "empty",
            "sum-2": "failed",
            "sum-3": "format",
            "sum-4": "context",
            "sum-5": "machinery",
        }
        total = figures(done)
        assert (total["planned"], total["solved"], total["machinery"], total["interval_n"]) == (6, 1, 1, 5)
        assert total["resolved_rate"] == 0.2
        assert "not JSON" in next(json.loads(line) for line in done.stdout.splitlines() if "sum-5" in line)["detail"]
        again = solve(tasks, server, tmp_path / "out", *words)
        budgets = figures(again)["budget"], total["budget"]
        assert budgets[0]["attempts"] == budgets[1]["attempts"] == 6
        assert budgets[0]["wall_s"] >= budgets[1]["wall_s"]  # of both sessions
        assert (again.returncode, {**figures(again), "budget": None}) == (3, {**total, "budget": None})
    with serving(repairs) as server:  # the endpoint is mended, at another place
        done = solve(tasks, server, tmp_path / "out", *words, "--retry-machinery")
        assert done.returncode == 0, done.stderr
        assert len(server.requests) == 4
        total = figures(done)
        assert (total["planned"], total["solved"], total["machinery"], total["retried"]) == (6, 2, 0, 1)
    assert sorted(json.loads((tmp_path / "out/preds.json").read_text())) == [f"sum-{n}" for n in range(6)]


def test_a_test_that_an_agent_only_adds_is_kept_and_noted(tasks, tmp_path):
    def tests_only(messages):
        return bash("mkdir tests && echo 'assert 1' > tests/test_new.py") if not said(messages) else bash(SUBMIT)

    with serving(tests_only) as server:
        done = solve(tasks, server, tmp_path / "out", "--json", "--limit", "1")
    assert figures(done)["statuses"] == {"empty": 1}
    assert figures(done)["test_only"] == 1
    assert "test_new.py" in json.loads((tmp_path / "out/preds.json").read_text())["sum-0"]["model_patch"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "openai:http://127.0.0.1:9#tiny"], "nothing answers at http://127.0.0.1:9/v1"),
        (["--model", "tiny"], "openai:URL#NAME"),
        (["--model", "openai:URL#big"], "has no model 'big'"),
        (["--tasks", "nothing-of-this-name"], "nothing-of-this-name"),
        (["--price", "cheap"], "--price cheap"),
        (["--protocol", "xml"], "--protocol xml: write text or tools"),
        (["--config", "none.toml"], "none.toml cannot be read"),
    ],
)
def test_bad_input_is_one_sentence(tasks, tmp_path, words, sentence):
    with serving(repairs) as server:
        given = {"--tasks": str(tasks), "--model": f"openai:{server.url}#tiny", "--out": str(tmp_path / "out")}
        given |= {words[0]: words[1].replace("URL", server.url) if words[1] == "openai:URL#big" else words[1]}
        done = assay("solve", *[word for pair in given.items() for word in pair])
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("assay: ")
    assert sentence in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert not server.requests


def test_a_key_that_is_refused_while_it_runs_stops_it_and_loses_nothing(tasks, tmp_path):
    def revoked(messages):
        return repairs(messages) if number_of(messages) < 2 else error(401, "revoked")

    with serving(revoked) as server:
        done = solve(tasks, server, tmp_path / "out", "--workers", "1")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("assay: http://127.0.0.1:")
    assert agree(tmp_path / "out") == {"sum-0": "solved", "sum-1": "solved"}


def test_two_runs_do_not_share_a_folder(tasks, tmp_path):
    def waits(messages):
        time.sleep(20)
        return ""

    with serving(waits) as server:
        words = ["--tasks", tasks, "--model", f"openai:{server.url}#tiny", "--out", tmp_path / "out", "--limit", "1"]
        first = start("solve", *words)
        try:
            until = time.monotonic() + 30
            while not (tmp_path / "out" / "ledger.sqlite").exists() and time.monotonic() < until:
                time.sleep(0.05)
            assert first.poll() is None
            second = assay("solve", *words)
            assert second.returncode == 2
            assert "Another run is at work" in second.stderr
        finally:
            first.kill()
            first.wait()
