"""Runs that other tools wrote: what ended how, what nobody graded, and that broken machinery is never a score."""

import json
import zipfile
from pathlib import Path

import pytest

from assay.ledger import Ledger
from assay.ledger.exchange.importing import bring
from assay.ledger.exchange.reports import read_report
from assay.nouns import Exit, Reason, Status
from tests.ledger.exchange_runs import held

DIFF = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"


def write(path: Path, value) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def outcomes(place: Path) -> dict[str, tuple[str, float | None]]:
    return {
        plan.task_id: (attempt.status.value, attempt.verdict.value if attempt.verdict else None)
        for plan, attempt, _ in held(place)
        if attempt is not None
    }


def mini(task: str, status: str, submission: str = "", form: str = "mini-swe-agent-1.1") -> dict:
    said = {"role": "assistant", "content": "```bash\nls\n```", "extra": {"actions": [{"command": "ls"}]}}
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, said]
    messages += [{"role": "user", "content": "a.py", "extra": {"returncode": 0}}]
    messages += [{"role": "exit", "content": status, "extra": {"exit_status": status, "submission": submission}}]
    info = {"exit_status": status, "submission": submission, "config": {"model": {"model_name": "claude"}}}
    return {"info": info, "messages": messages, "trajectory_format": form, "instance_id": task}


def test_mini_swe_agents_own_runs(tmp_path):
    ends = {
        "submitted": ("Submitted", DIFF),
        "nothing": ("Submitted", ""),
        "steps": ("LimitsExceeded", ""),
        "time": ("TimeExceeded", ""),
        "window": ("ContextWindowExceededError", ""),
        "format": ("RepeatedFormatError", ""),
        "endpoint": ("APIConnectionError", ""),
        "unfinished": ("", ""),
    }
    for task, (status, submission) in ends.items():
        write(tmp_path / "runs" / task / f"{task}.traj.json", mini(task, status, submission))
    write(tmp_path / "runs" / "preds.json", {"submitted": {"instance_id": "submitted", "model_patch": DIFF}})
    found = bring(tmp_path / "runs", tmp_path / "run")
    assert (found.format, found.ungraded, found.arms) == ("mini-1.1", 1, {"claude"})
    assert outcomes(tmp_path / "run") == {
        "submitted": ("machinery", None),  # nobody graded it
        "nothing": ("empty", None),
        "steps": ("limit", None),
        "time": ("timeout", None),
        "window": ("context", None),
        "format": ("format", None),
        "endpoint": ("machinery", None),
        "unfinished": ("machinery", None),
    }
    (tmp_path / "report.json").write_text(json.dumps({"resolved_ids": ["submitted", "endpoint"], "error_ids": []}))
    bring(tmp_path / "runs", tmp_path / "graded", results=read_report(tmp_path / "report.json"))
    graded = outcomes(tmp_path / "graded")
    assert graded["submitted"] == ("solved", 1.0)
    assert graded["endpoint"] == ("machinery", None)  # it broke: no report makes that a score
    path = next(path for plan, _, path in held(tmp_path / "graded") if plan.task_id == "submitted")
    assert (path.diff, path.steps[0].command, path.steps[0].observation) == (DIFF, "ls", "a.py")


def harbor(trial: Path, reward: float | None, thrown: str = "", *, model: str = "opus", **more) -> None:
    result = {
        "task_name": more.pop("task", trial.name.split("__")[0]),
        "trial_name": trial.name,
        "agent_info": {"name": "terminus", "version": "2", "model_info": {"name": model, "provider": "anthropic"}},
        "verifier_result": None if reward is None else {"rewards": {"reward": reward}},
        "exception_info": None
        if not thrown
        else {"exception_type": thrown, "exception_message": "why", "exception_traceback": "", "occurred_at": "x"},
        **more,
    }
    write(trial / "result.json", result)
    write(trial / "config.json", {"trial_name": trial.name, "task": {"path": f"tasks/{trial.name.split('__')[0]}"}})
    steps = [
        {"step_id": 1, "source": "user", "message": "u"},
        {
            "step_id": 2,
            "source": "agent",
            "message": "hi",
            "metrics": {"completion_token_ids": [4, 2], "logprobs": [-1]},
        },
    ]
    agent = {"name": "terminus", "version": "2", "model_name": model}
    write(trial / "agent" / "trajectory.json", {"schema_version": "ATIF-v1.8", "agent": agent, "steps": steps})


def test_harbors_own_jobs(tmp_path):
    job = tmp_path / "job"
    harbor(job / "solved__a", 1.0)
    harbor(job / "solved__b", 0.0)
    harbor(job / "partly__a", 0.5)
    harbor(job / "timeout__a", 0.0, "AgentTimeoutError")
    harbor(job / "saved__a", 1.0, "AgentTimeoutError")
    harbor(job / "docker__a", None, "EnvironmentStartTimeoutError")
    harbor(job / "endpoint__a", 0.0, "ApiRateLimitError")
    harbor(job / "unknown__a", 1.0, "SomethingElse")
    harbor(job / "verifier__a", None, "VerifierTimeoutError")
    harbor(job / "ungraded__a", None)
    harbor(job / "wild__a", 7.5)
    harbor(job / "refused__a", 0.0, "AgentSafetyRefusalError")
    steps = [{"step_name": "one", "exception_info": {"exception_type": "HealthcheckError", "exception_message": "m"}}]
    harbor(job / "steps__a", 1.0, step_results=steps)
    write(job / "running__a" / "config.json", {"trial_name": "running__a", "task": {"path": "tasks/running"}})
    write(job / "config.json", {"job_name": "job"})
    write(job / "result.json", {"n_total_trials": 20, "stats": {}})
    found = bring(job, tmp_path / "run")
    assert (found.format, found.account.broken, found.unfinished) == ("harbor", 0, 1)
    rows = {(plan.task_id, plan.trial): attempt for plan, attempt, _ in held(tmp_path / "run")}
    assert {key: attempt and attempt.status.value for key, attempt in rows.items()} == {
        ("solved", 0): "solved",
        ("solved", 1): "failed",
        ("partly", 0): "failed",
        ("timeout", 0): "timeout",
        ("saved", 0): "solved",
        ("docker", 0): "machinery",
        ("endpoint", 0): "machinery",
        ("unknown", 0): "machinery",
        ("verifier", 0): "machinery",
        ("ungraded", 0): "machinery",
        ("wild", 0): "machinery",
        ("refused", 0): "refused",
        ("steps", 0): "machinery",
        ("running", 0): None,
    }
    assert rows["partly", 0].verdict.value == 0.5
    for name in ("docker", "endpoint", "unknown", "verifier", "steps"):
        assert rows[name, 0].verdict is None
        assert rows[name, 0].detail
    plan, _, path = next(row for row in held(tmp_path / "run") if row[0].task_id == "docker")
    assert plan.arm == "terminus/anthropic/opus"
    assert path.steps[0].reply.token_ids == (4, 2)
    assert path.exit is Exit.MACHINERY
    assert bring(job / "partly__a", tmp_path / "one").statuses == {"failed": 1}


def inspect(tmp_path: Path, name: str, samples: list[dict], **spec) -> Path:
    told = {"task": "t", "model": "m", "dataset": {}, "config": {"epochs": 1}, "created": "x", **spec}
    return write(tmp_path / name, {"version": 2, "status": "success", "eval": told, "samples": samples})


def sample(name, value=None, epoch=1, **more) -> dict:
    messages = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a", "id": "m1"}]
    scores = {} if value is None else {"first": {"value": value}}
    return {"id": name, "epoch": epoch, "messages": messages, "scores": scores, **more}


def test_inspects_scores_errors_and_limits(tmp_path):
    usage = {"output": {"usage": {"input_tokens": 9, "output_tokens": 2}}, "event": "model"}
    choice = {"message": {"id": "m1"}, "stop_reason": "max_tokens"}
    choice["logprobs"] = {"content": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -2}]}
    usage["output"]["choices"] = [choice]
    log = inspect(
        tmp_path,
        "log.json",
        [
            sample("right", "C", events=[usage]),
            sample("wrong", "I"),
            sample("half", "P"),
            sample("number", 0.75),
            sample("nan", float("nan")),
            sample("table", {"a": 1}),
            sample("high", 11),
            sample("unscored"),
            sample("error", "C", error={"message": "boom", "traceback": "", "traceback_ansi": ""}),
            sample("invalid", "C", invalidation={"author": "me"}),
            sample("time", "I", limit={"type": "time", "limit": 9}),
            sample("unseen", None, limit={"type": "message", "limit": 9}),
            sample(17, "C"),
            sample("several", "C") | {"scores": {"first": {"value": "C"}, "second": {"value": "I"}}},
        ],
    )
    found = bring(log, tmp_path / "run")
    assert outcomes(tmp_path / "run") == {
        "right": ("solved", 1.0),
        "wrong": ("failed", 0.0),
        "half": ("failed", 0.5),
        "number": ("failed", 0.75),
        "nan": ("machinery", None),
        "table": ("machinery", None),
        "high": ("machinery", None),
        "unscored": ("machinery", None),
        "error": ("machinery", None),
        "invalid": ("machinery", None),
        "time": ("timeout", 0.0),
        "unseen": ("machinery", None),
        "17": ("solved", 1.0),
        "several": ("solved", 1.0),
    }
    assert found.account.notes == {"samples with several scorers, of which the first decides": 1}
    path = held(tmp_path / "run")[0][2]
    assert (path.steps[0].reply.logprobs, path.steps[0].reply.sampled_tokens) == ((-0.5, -2), 2)
    assert path.steps[0].reply.finish.value == "length"


def test_the_plan_of_an_inspect_log_counts_what_it_did_not_get_to(tmp_path):
    log = inspect(tmp_path, "log.json", [sample("a", "C", 2)], dataset={"sample_ids": ["a", "b"]}, config={"epochs": 2})
    assert bring(log, tmp_path / "run").unfinished == 3
    assert len(held(tmp_path / "run")) == 4


def test_logs_of_one_folder_do_not_fall_together(tmp_path):
    for name, task, model in (("1", "gsm8k", "m"), ("2", "math", "m"), ("3", "math", "m"), ("4", "math", "n")):
        with zipfile.ZipFile(tmp_path / f"{name}.eval", "w") as file:
            spec = {"task": task, "model": model, "dataset": {"sample_ids": [1]}, "config": {"epochs": 1}}
            file.writestr("header.json", json.dumps({"version": 2, "status": "success", "eval": spec}))
            file.writestr("samples/1_epoch_1.json", json.dumps(sample(1, "C")))
    found = bring(tmp_path, tmp_path / "out" / "run")
    assert (found.account.broken, found.statuses) == (0, {"solved": 4})
    assert {(plan.arm, plan.task_id, plan.trial) for plan, _, _ in held(tmp_path / "out" / "run")} == {
        ("m", "gsm8k/1", 0),
        ("m", "math/1", 0),
        ("m", "math/1", 1),
        ("n", "math/1", 0),
    }


def test_atif_without_a_verdict_is_no_failure(tmp_path):
    steps = [
        {"step_id": 1, "source": "user", "message": "u"},
        {"step_id": 2, "source": "agent", "message": "hi", "observation": {"results": [{"content": "cut off"}]}},
    ]
    data = {"schema_version": "ATIF-v1.4", "session_id": "s", "agent": {"name": "a", "version": "1"}, "steps": steps}
    write(tmp_path / "t.json", data)
    found = bring(tmp_path / "t.json", tmp_path / "run")
    assert (found.format, found.ungraded) == ("atif", 1)
    ((_, attempt, _),) = held(tmp_path / "run")
    assert (attempt.status, attempt.verdict.reason) == (Status.MACHINERY, Reason.MACHINERY)


def chat(tmp_path: Path, *rows: dict) -> Path:
    turns = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "```bash\nls\n```"}]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"messages": turns, "model": "m", **row}) + "\n" for row in rows))
    return file


def test_chat_rows_count_their_attempts_and_keep_their_flags(tmp_path):
    rows = [
        {"instance_id": "a", "resolved": True, "flags": ["hard-coded"]},
        {"instance_id": "a", "resolved": False},
        {"instance_id": "b", "reward": 0.25},
        {"instance_id": "c", "resolved": True, "flags": ["cheated"]},
        {"instance_id": "d", "exit_status": "exit_error", "resolved": False},
        {"instance_id": "e", "exit_status": "exit_cost"},
        {"instance_id": "f"},
        {},
        {},
    ]
    found = bring(chat(tmp_path, *rows), tmp_path / "run")
    every = held(tmp_path / "run")
    named = [(plan.task_id[:6], plan.trial, attempt.status.value) for plan, attempt, _ in every]
    assert named == [
        ("a", 0, "solved"),
        ("a", 1, "failed"),
        ("b", 0, "failed"),
        ("c", 0, "cheated"),
        ("d", 0, "machinery"),
        ("e", 0, "limit"),
        ("f", 0, "machinery"),
        ("prompt", 0, "machinery"),
        ("prompt", 1, "machinery"),
    ]
    assert found.ungraded == 3
    with Ledger(tmp_path / "run" / "ledger.sqlite") as ledger:
        assert ledger.facts("flags/") == {
            f"flags/{every[0][0].id}": ["hard-coded"],
            f"flags/{every[3][0].id}": ["cheated"],
        }
        told = ledger.fact("import")
        assert (told["format"], told["source"], told["files"], len(told["sha256"])) == ("chat", "rows.jsonl", 1, 64)
        assert ledger.fact("import/account")["read"] == 9


def test_chat_rows_may_call_tools_and_think(tmp_path):
    call = {"id": "1", "function": {"name": "bash", "arguments": json.dumps({"command": "pwd"})}}
    turns = [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [call], "logprobs": [-1.5, 0]},
        {"role": "tool", "content": "/x"},
        {"role": "assistant", "content": "done", "token_ids": [1, 2]},
    ]
    bring(chat(tmp_path, {"messages": turns}), tmp_path / "run")
    path = held(tmp_path / "run")[0][2]
    first, second = path.steps
    assert (first.command, first.observation, first.reply.reasoning) == ("pwd", "/x", "hm")
    assert (first.reply.logprobs, second.reply.token_ids, second.command) == ((-1.5, 0), (1, 2), None)


def test_a_report_alone_and_predictions_alone(tmp_path):
    report = write(
        tmp_path / "m.run.json",
        {"resolved_ids": ["a"], "unresolved_ids": ["b"], "error_ids": ["c"], "incomplete_ids": ["d"]},
    )
    assert bring(report, tmp_path / "one").unfinished == 1
    assert outcomes(tmp_path / "one") == {"a": ("solved", 1.0), "b": ("failed", 0.0), "c": ("failed", 0.0)}
    rows = {name: {"model_patch": patch, "model_name_or_path": "m"} for name, patch in (("a", DIFF), ("b", ""))}
    preds = write(tmp_path / "preds.json", rows)
    found = bring(preds, tmp_path / "two")
    assert (found.ungraded, outcomes(tmp_path / "two")) == (1, {"a": ("machinery", None), "b": ("empty", None)})
    bring(preds, tmp_path / "three", results=read_report(report))
    assert outcomes(tmp_path / "three") == {"a": ("solved", 1.0), "b": ("empty", 0.0)}


@pytest.mark.parametrize("changed", [{"turns": []}, {"prompt": "x"}])
def test_a_row_changed_by_another_hand_is_read_as_anothers(changed, tmp_path):
    told = {"attempt": {"arm": "a"}, "trajectory": {"prompt": 1, "turns": [], **changed}}
    found = bring(chat(tmp_path, {"instance_id": "a", "resolved": True, "assay": json.dumps(told)}), tmp_path / "run")
    assert found.account.notes == {"rows changed since assay wrote them, read as another's": 1}
    assert outcomes(tmp_path / "run") == {"a": ("solved", 1.0)}
