"""`assay data`: built by the real command from every kind of source, shown, killed, and on a full disk."""

import json
import os
import signal
import subprocess
import sys

import pytest

from assay.ledger import Ledger
from assay.ledger.exchange.mini import write_json
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
from assay.training.data import open_dataset
from tests.e2e.conftest import assay


@pytest.fixture(scope="module")
def model(chat, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    chat.save(folder)
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 300}))
    return folder


def ledger(path, chat, count=6):
    plans = [PlannedAttempt(arm="m", seed=0, dose=0, task_id=f"drills/{n}", split="train") for n in range(count)]
    with Ledger(path) as kept:
        kept.plan(plans)
        for n, plan in enumerate(plans):
            text = f"look at {n}"
            reply = Reply(text=text, finish=Finish.STOP, token_ids=(*chat.encode(text), chat.end))
            trajectory = Trajectory(
                task_id=plan.task_id,
                agent="shell",
                model="m",
                prompt=(Message(role=Role.USER, content=f"mend {n}"),),
                steps=(Step(reply=reply, command=text),),
                exit=Exit.SUBMITTED,
            )
            good = n % 2 == 0
            verdict = Verdict.score(float(good), Reason.PASSED if good else Reason.WRONG)
            kept.record(
                Attempt(plan=plan, status=Status.SOLVED if good else Status.FAILED, verdict=verdict), trajectory
            )


def sources(place, chat):
    ledger(place / "ledger.sqlite", chat)
    mini = {
        "info": {"exit_status": "Submitted", "submission": "--- a/m.py\n+++ b/m.py\n"},
        "instance_id": "o__p-1",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "mend it"},
            {"role": "assistant", "content": "```bash\nls\n```"},
        ],
        "trajectory_format": "mini-swe-agent-1",
    }
    write_json(place / "mini" / "o__p-1" / "o__p-1.traj.json", mini)
    steps = [
        {"step_id": 1, "source": "user", "message": "say hello"},
        {"step_id": 2, "source": "agent", "message": "hello"},
    ]
    atif = {"schema_version": "ATIF-v1.6", "session_id": "s", "agent": {"name": "a", "version": "1"}, "steps": steps}
    write_json(place / "trial" / "agent" / "trajectory.json", atif)
    write_json(place / "trial" / "result.json", {"task_name": "t", "verifier_result": {"rewards": {"reward": 1}}})
    rows = [
        {"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}], "resolved": True},
        {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "b"}], "id": "x"},
    ]
    (place / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows) + "{broken\n")
    return [place / "ledger.sqlite", place / "mini", place / "trial", place / "rows.jsonl"]


def test_every_kind_of_source_is_read_and_shown(model, chat, tmp_path):
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"resolved_ids": ["o__p-1"]}))
    given = sources(tmp_path, chat)
    done = assay("data", "build", *given, "--model", model, "--out", tmp_path / "all", "--results", report, "--json")
    assert done.returncode == 0, done.stderr
    card = json.loads(done.stdout)
    assert (card["examples"], card["read"], card["broken"]) == (10, 11, {"unreadable": 1})
    assert card["verdicts"] == {"passed": 6, "failed": 3, "unknown": 1}
    assert (card["sampled_turns"], card["written_turns"]) == (6, 4)
    assert card["recipe"]["length"] == 300
    assert "at most 300 tokens" in done.stderr
    assert "rows.jsonl, line 3" in done.stderr

    done = assay(
        *("data", "build", *given, "--model", model, "--out", tmp_path / "some", "--results", report),
        *("--verified", "--no-test-only", "--unflagged", "--per-task", "1", "--near", "0.9", "--processes", "2"),
    )
    assert done.returncode == 0, done.stderr
    assert "6 examples of 6 tasks" in done.stdout
    assert "left out, not verified: 4" in done.stdout
    data = open_dataset(tmp_path / "some")
    assert {data.meta(n)["kind"] for n in range(6)} == {"ledger", "mini-swe-agent", "ATIF", "chat"}

    places = {data.meta(n)["task_id"]: n for n in range(6)}
    shown = assay("data", "show", tmp_path / "some", "--verify", "--example", str(places["o__p-1"]))
    assert "value: 1.0" in shown.stdout
    assert shown.stdout.endswith("<|user|>s<|end|><|user|>mend it<|end|><|assistant|>⟦```bash\nls\n```<|end|>⟧\n")
    told = json.loads(assay("data", "show", tmp_path / "some", "--example", "0", "--json").stdout)
    assert len(told["ids"]) == len(told["in_loss"]) == told["tokens"]


def test_errors_are_one_sentence_and_status_2(model, chat, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]}\n')
    for arguments, says in (
        (["build", rows, "--model", model, "--out", tmp_path / "a", "--verified"], "left out: 1 by not verified"),
        (["build", rows, "--model", model, "--out", tmp_path / "a", "--splits", "train=2"], "add up"),
        (["show", tmp_path / "absent"], "There is no training set"),
    ):
        done = assay("data", *arguments)
        assert done.returncode == 2, (arguments, done.stdout, done.stderr)
        assert says in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert assay("data", "build", rows, "--model", model, "--out", tmp_path / "a").returncode == 0
    assert assay("data", "show", tmp_path / "a", "--example", "1").returncode == 2


def test_a_killed_build_is_no_training_set_and_goes_on(model, tmp_path):
    rows = tmp_path / "rows.jsonl"
    with rows.open("w") as stream:
        for number in range(4000):
            turns = [{"role": "user", "content": f"u {number}"}, {"role": "assistant", "content": "say it " * 30}]
            stream.write(json.dumps({"instance_id": str(number), "messages": turns * 3}) + "\n")
    command = [sys.executable, "-m", "assay", "data", "build", str(rows), "--model", str(model), "--length", "0"]
    killed = subprocess.Popen([*command, "--out", str(tmp_path / "a")], stderr=subprocess.PIPE, text=True)
    for line in killed.stderr:
        if "trajectories read" in line:
            killed.send_signal(signal.SIGKILL)
            break
    killed.communicate()
    assert assay("data", "show", tmp_path / "a").returncode == 2
    again = subprocess.run([*command, "--out", str(tmp_path / "a")], capture_output=True, text=True, check=True)
    assert "going on with it" in again.stderr
    subprocess.run([*command, "--out", str(tmp_path / "b")], capture_output=True, check=True)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()} for name in "ab"
    )
    assert one == two


def test_a_full_disk_is_one_sentence_and_nothing_reads_as_whole(model, tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", place]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        rows = tmp_path / "rows.jsonl"
        with rows.open("w") as stream:
            for number in range(2000):
                turns = [{"role": "user", "content": f"u {number}"}, {"role": "assistant", "content": "say it " * 30}]
                stream.write(json.dumps({"messages": turns}) + "\n")
        done = assay("data", "build", rows, "--model", model, "--out", place / "set")
        assert done.returncode == 2, done.stderr
        assert "is full" in done.stderr.splitlines()[-1]
        assert assay("data", "show", place / "set").returncode == 2
    finally:
        subprocess.run(["umount", place], check=True)
