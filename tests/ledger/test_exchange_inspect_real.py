"""Inspect AI itself: it reads what we write, its viewer serves it, and what it writes is read here.

It lives in an environment of its own, made by `make peers-inspect`; without it these tests are skipped.
"""

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from assay.ledger.exchange.importing import bring
from assay.ledger.exchange.registry import named
from assay.ledger.exchange.run import Run
from assay.nouns import (
    Attempt,
    Exit,
    Finish,
    Message,
    PlannedAttempt,
    Reason,
    Reply,
    Role,
    Status,
    Step,
    Trajectory,
    Verdict,
)
from tests.ledger.exchange_runs import held, keep

HOME = Path(os.environ.get("ASSAY_INSPECT") or Path.home() / ".cache" / "assay-bench" / "inspect")
PYTHON = HOME / "bin" / "python"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.is_file(), reason=f"inspect-ai is not in {HOME}: make peers-inspect"),
]

READS = """
import json, sys
from inspect_ai.log import list_eval_logs, read_eval_log, read_eval_log_sample_summaries

def text(message):
    content = message.content
    return content if isinstance(content, str) else "".join(c.text for c in content if c.type == "text")

def thought(message):
    content = message.content
    return "" if isinstance(content, str) else "".join(c.reasoning for c in content if c.type == "reasoning")

found = []
for info in list_eval_logs(sys.argv[1]):
    head = read_eval_log(info, header_only=True)
    log = read_eval_log(info)
    found.append({
        "model": head.eval.model, "status": head.status, "ids": head.eval.dataset.sample_ids,
        "epochs": head.eval.config.epochs, "task": info.task,
        "accuracy": head.results.scores[0].metrics["accuracy"].value, "scored": head.results.scores[0].scored_samples,
        "summaries": [[s.id, s.epoch, s.error] for s in read_eval_log_sample_summaries(info)],
        "samples": [{
            "id": s.id, "epoch": s.epoch, "error": s.error and s.error.message, "limit": s.limit and s.limit.type,
            "score": s.scores["assay"].value if s.scores else None, "seconds": s.total_time,
            "prompt": [] if isinstance(s.input, str) else [[m.role, text(m)] for m in s.input],
            "messages": [[m.role, text(m), thought(m), m.metadata] for m in s.messages],
            "usage": {name: [u.input_tokens, u.output_tokens] for name, u in s.model_usage.items()},
        } for s in log.samples],
    })
print(json.dumps(found))
"""

WRITES = """
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import basic_agent
from inspect_ai.tool import bash

def says(messages, tools, choice, config):
    if "break" in messages[1].text:
        raise RuntimeError("the endpoint died")
    more = sum(message.role == "assistant" for message in messages) < 1
    call = ("bash", {"command": "echo seen-by-inspect"}) if more else ("submit", {"answer": "done"})
    output = ModelOutput.for_tool_call("mockllm/model", *call)
    output.usage = ModelUsage(input_tokens=5, output_tokens=3, total_tokens=8)
    return output

asked = {"good": ("do it", "done"), "bad": ("do it", "otherwise"), "broken": ("break", "done")}
task = Task(
    dataset=[Sample(id=name, input=text, target=target) for name, (text, target) in asked.items()],
    solver=basic_agent(tools=[bash(timeout=30)], max_attempts=1), scorer=includes(), sandbox="local", name="tiny",
    epochs=2,
)
model = get_model("mockllm/model", custom_outputs=says)
(log,) = eval(task, model=model, display="none", log_dir=sys.argv[1], log_format=sys.argv[2], max_samples=1,
              fail_on_error=False)
print(log.location)
"""

THINKS = Reply(
    text="look\n```bash\nls\n```",
    finish=Finish.STOP,
    token_ids=(5, 6, 7),
    logprobs=(-0.1, -0.25, -3.5),
    prompt_tokens=11,
    sampled_tokens=3,
    reasoning="a file must be there",
)
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e \u00e9 \U0001f40d"


def run_of(place: Path) -> list:
    rows = []
    for arm in ("one", "two"):
        for number, status in enumerate((Status.SOLVED, Status.FAILED, Status.MACHINERY, Status.LIMIT, None)):
            plan = PlannedAttempt(arm=arm, seed=0, dose=0, task_id=f"drills/{number}", split="seen", trial=0)
            if status is None:
                rows.append((plan, None, None))
                continue
            exit = {Status.MACHINERY: Exit.MACHINERY, Status.LIMIT: Exit.STEP_LIMIT}.get(status, Exit.SUBMITTED)
            verdict = None
            if status in (Status.SOLVED, Status.FAILED):
                good = status is Status.SOLVED
                verdict = Verdict.score(float(good), Reason.PASSED if good else Reason.WRONG)
            path = Trajectory(
                task_id=plan.task_id,
                agent="mini",
                model=arm,
                prompt=(Message(role=Role.SYSTEM, content="be brief"), Message(role=Role.USER, content=HOSTILE)),
                steps=(Step(reply=THINKS, command="ls", observation=HOSTILE, returncode=0),),
                exit=exit,
                diff="--- a/x\n+++ b/x\n",
                error="the sandbox died" if status is Status.MACHINERY else "",
            )
            attempt = Attempt(plan=plan, status=status, verdict=verdict, steps=1, sampled_tokens=3, wall_s=2.5)
            rows.append((plan, attempt, path))
    keep(place, rows)
    return rows


def python(program: str, *arguments: object) -> str:
    # Inspect's own runs look for keys and a home: give it neither a network nor anything of this one's settings.
    done = subprocess.run(
        [PYTHON, "-c", program, *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def exported(tmp_path):
    rows = run_of(tmp_path / "run")
    named("inspect").write(Run(tmp_path / "run"), tmp_path / "logs")
    return rows, tmp_path / "logs"


def test_inspects_own_reader_reads_what_we_hold(exported):
    rows, logs = exported
    found = {log["model"]: log for log in json.loads(python(READS, logs))}
    assert set(found) == {"one", "two"}
    for arm, log in found.items():
        mine = [(plan, attempt, path) for plan, attempt, path in rows if plan.arm == arm]
        assert log["ids"] == [plan.task_id for plan, _, _ in mine]
        # One of the plan has no result; a failure of the machinery is in no mean, and a limit is a failure.
        assert (log["status"], log["epochs"], log["scored"], log["accuracy"]) == (
            "cancelled",
            1,
            3,
            pytest.approx(1 / 3),
        )
        assert log["task"].endswith(arm)
        done = [(attempt, path) for _, attempt, path in mine if attempt is not None]
        assert [entry[:2] for entry in log["summaries"]] == [[attempt.plan.task_id, 1] for attempt, _ in done]
        for sample, (attempt, path) in zip(log["samples"], done, strict=True):
            broke = attempt.status is Status.MACHINERY
            assert (sample["id"], sample["epoch"]) == (attempt.plan.task_id, attempt.plan.trial + 1)
            assert sample["error"] == ("the sandbox died" if broke else None)
            assert sample["score"] == (None if broke else float(attempt.status is Status.SOLVED))
            assert sample["limit"] == ("turn" if attempt.status is Status.LIMIT else None)
            assert sample["seconds"] == attempt.wall_s
            assert sample["prompt"] == [[message.role.value, message.content] for message in path.prompt]
            asked = [[message.role.value, message.content, "", None] for message in path.prompt]
            reply = path.steps[0].reply
            kept = {"token_ids": list(reply.token_ids), "logprobs": list(reply.logprobs)}
            said = ["assistant", reply.text, reply.reasoning, kept]
            assert sample["messages"] == [*asked, said, ["user", path.steps[0].observation, "", None]]
            assert sample["usage"] == {arm: [11, 3]}


def test_the_viewer_serves_the_log(exported, tmp_path):
    rows, logs = exported
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [HOME / "bin" / "inspect", "view", "start", "--log-dir", logs, "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "view.log").open("w") as said:
        server = subprocess.Popen([*map(str, command)], stdout=said, stderr=said)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client:
            until = time.monotonic() + 300
            while True:
                assert server.poll() is None, (tmp_path / "view.log").read_text()
                try:
                    page = client.get("/")
                    break
                except httpx.TransportError:
                    assert time.monotonic() < until, (tmp_path / "view.log").read_text()
                    time.sleep(0.2)
            assert page.status_code == 200
            assert "<html" in page.text.lower()
            files = client.get("/api/logs").raise_for_status().json()["files"]
            assert sorted(file["name"].split("/")[-1] for file in files) == sorted(os.listdir(logs))
            place = f"/api/logs/{quote(files[0]['name'], safe='')}"
            head = client.get(place, params={"header-only": "0"}).raise_for_status().json()
            arm = head["eval"]["model"]
            assert (head["status"], head.get("samples")) == ("cancelled", None)
            sample = client.get(place).raise_for_status().json()["samples"][0]
            path = next(path for plan, _, path in rows if plan.arm == arm)
            assert (sample["id"], sample["messages"][-1]["content"]) == ("drills/0", HOSTILE)
            assert sample["messages"][2]["content"][1]["text"] == path.steps[0].reply.text
            size = client.get(place.replace("/logs/", "/log-size/")).raise_for_status().json()
            part = client.get(place.replace("/logs/", "/log-bytes/"), params={"start": 0, "end": size - 1})
            assert part.content in [file.read_bytes() for file in logs.iterdir()]  # what its page unpacks itself
    finally:
        server.terminate()
        server.wait(timeout=60)


@pytest.mark.parametrize("form", ["eval", "json"])
def test_a_log_that_inspect_wrote_is_read(form, tmp_path):
    python(WRITES, tmp_path / "logs", form)
    (log,) = (tmp_path / "logs").glob(f"*.{form}")
    found = bring(log, tmp_path / "run")
    assert (found.format, found.account.broken, dict(found.account.notes)) == ("inspect", 0, {})
    rows = held(tmp_path / "run")
    assert [(plan.task_id, plan.trial) for plan, _, _ in rows] == [
        (name, trial) for trial in (0, 1) for name in ("good", "bad", "broken")
    ]
    for plan, attempt, path in rows:
        assert attempt is not None
        assert path is not None
        wanted = {"good": Status.SOLVED, "bad": Status.FAILED, "broken": Status.MACHINERY}
        assert attempt.status is wanted[plan.task_id]
        assert (plan.arm, path.model) == ("mockllm/model", "mockllm/model")
        if plan.task_id == "broken":
            assert attempt.verdict is None
            assert "the endpoint died" in attempt.detail
            continue
        assert path.prompt[-1].content == "do it"
        assert path.steps[0].command == "echo seen-by-inspect"
        assert "seen-by-inspect" in path.steps[0].observation
        assert (path.steps[0].reply.prompt_tokens, path.steps[0].reply.sampled_tokens) == (5, 3)
        assert attempt.sampled_tokens == 6
