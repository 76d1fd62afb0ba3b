"""mini-swe-agent's files: what we write holds all of an attempt, and what it writes itself can be read."""

import json
import os

import pytest

from assay.agents.mini import MiniConfig
from assay.errors import UserError
from assay.ledger.exchange.mini import (
    FORMAT,
    config_of,
    file_name,
    from_traj,
    patch_of,
    to_traj,
    trajectory_path,
    write_json,
)
from assay.models.endpoint import Endpoint
from assay.nouns import Attempt, Exit, Finish, Message, PlannedAttempt, Reply, Role, Status, Step, Trajectory
from tests.models.openai_server import SUBMIT, bash

DIFF = "--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-a\n+b\n"


def trajectory(end: Exit = Exit.SUBMITTED, **more) -> Trajectory:
    said = Reply(
        text=bash("ls"),
        finish=Finish.STOP,
        token_ids=(5, 6),
        logprobs=(-0.1, -0.2),
        prompt_tokens=9,
        sampled_tokens=2,
        cost=0.01,
        reasoning="hm",
    )
    return Trajectory(
        task_id="owner__name-1",
        agent="mini",
        model="tiny",
        prompt=(Message(role=Role.SYSTEM, content="s"), Message(role=Role.USER, content="u")),
        steps=(
            Step(reply=said, command="ls", observation="<returncode>2</returncode>", returncode=2),
            Step(reply=Reply(text="none", finish=Finish.LENGTH), observation="Format error"),
            Step(reply=Reply(text=bash(SUBMIT), finish=Finish.STOP), command=SUBMIT, returncode=0),
        ),
        exit=end,
        diff=DIFF,
        **more,
    )


def attempt(status: Status = Status.SOLVED) -> Attempt:
    plan = PlannedAttempt(arm="tiny", seed=0, dose=0, task_id="owner__name-1", split="test")
    return Attempt(plan=plan, status=status, steps=3)


DESCRIBED = Endpoint.parse("openai:http://me:secret@h:1/v1#tiny", temperature=0.5, key="secret").described
CONFIG = config_of(MiniConfig(), DESCRIBED, "bubblewrap")


def test_what_is_written_is_format_1_1_and_is_read_back():
    data = json.loads(json.dumps(to_traj(attempt(), trajectory(), CONFIG)))
    assert data["trajectory_format"] == FORMAT == "mini-swe-agent-1.1"
    assert data["info"]["exit_status"] == "Submitted"
    assert data["info"]["submission"] == DIFF
    assert data["info"]["model_stats"] == {"instance_cost": 0.01, "api_calls": 3}
    told = data["info"]["config"]
    assert (told["model"]["model_name"], told["model"]["model_kwargs"]) == ("tiny", {"temperature": 0.5})
    assert (told["agent"]["step_limit"], told["agent"]["cost_limit"], told["environment"]["timeout"]) == (250, 3, 60)
    assert "secret" not in json.dumps(data)
    roles = [message["role"] for message in data["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user", "assistant", "exit"]
    assert data["messages"][2]["extra"]["actions"] == [{"command": "ls"}]
    assert data["messages"][3]["extra"]["returncode"] == 2
    assert data["messages"][-1]["extra"] == {"exit_status": "Submitted", "submission": DIFF}
    back = from_traj(data, "x.traj.json")
    told = trajectory()
    # An exit status is the machine's word for a step; the last one's is not written.
    assert back.model_copy(update={"steps": back.steps[:2]}) == told.model_copy(update={"steps": told.steps[:2]})
    assert back.steps[2].command == SUBMIT


@pytest.mark.parametrize(
    ("end", "status", "word"),
    [
        (Exit.STEP_LIMIT, Status.LIMIT, "LimitsExceeded"),
        (Exit.TIME_LIMIT, Status.TIMEOUT, "TimeExceeded"),
        (Exit.FORMAT, Status.FORMAT, "RepeatedFormatError"),
        (Exit.MACHINERY, Status.MACHINERY, "MachineryError"),
    ],
)
def test_what_was_not_submitted_is_no_patch_but_stays_to_be_looked_at(end, status, word):
    data = to_traj(attempt(status), trajectory(end), CONFIG)
    assert (data["info"]["exit_status"], data["info"]["submission"]) == (word, "")
    assert data["info"]["assay"]["diff"] == DIFF
    assert patch_of(attempt(status), trajectory(end)) == ""
    assert from_traj(data, "x").exit is end


def test_version_1_of_the_format_is_read():
    data = {
        "info": {
            "exit_status": "Submitted",
            "submission": DIFF,
            "model_stats": {"instance_cost": 0.2, "api_calls": 2},
            "mini_version": "1.17.5",
            "config": {"model": {"model_name": "anthropic/claude"}},
        },
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "u"}]},
            {"role": "assistant", "content": "THOUGHT\n\n```bash\nls\n```", "extra": {"response": {"id": 1}}},
            {"role": "user", "content": "<returncode>0</returncode>\n<output>\n</output>"},
            {"role": "assistant", "content": f"```bash\n{SUBMIT}\n```"},
            {"role": "user", "content": DIFF},
        ],
        "trajectory_format": "mini-swe-agent-1",
    }
    found = from_traj(data, "/runs/owner__name-2.traj.json")
    assert (found.task_id, found.model, found.exit, found.diff) == (
        *("owner__name-2", "anthropic/claude"),
        *(Exit.SUBMITTED, DIFF),
    )
    assert [step.command for step in found.steps] == ["ls", SUBMIT]
    assert found.steps[0].observation.startswith("<returncode>0")
    assert found.steps[1].observation == ""
    assert found.prompt[1].content == "u"


def test_tool_calls_of_format_1_1_are_read():
    data = {
        "info": {"exit_status": "LimitsExceeded", "submission": ""},
        "instance_id": "owner__name-3",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "u"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1"}, {"id": "2"}],
                "extra": {"actions": [{"command": "ls"}, {"command": "pwd"}], "cost": 0.5},
            },
            {"role": "tool", "tool_call_id": "1", "content": "one", "extra": {"returncode": 0}},
            {"role": "tool", "tool_call_id": "2", "content": "two", "extra": {"returncode": 1}},
            {"role": "exit", "content": "LimitsExceeded", "extra": {"exit_status": "LimitsExceeded"}},
        ],
        "trajectory_format": "mini-swe-agent-1.1",
    }
    found = from_traj(data, "x")
    assert found.exit is Exit.STEP_LIMIT
    assert len(found.steps) == 1
    assert (found.steps[0].command, found.steps[0].observation) == ("ls\npwd", "one\ntwo")
    assert (found.steps[0].returncode, found.steps[0].reply.cost) == (1, 0.5)


@pytest.mark.parametrize("data", [None, [], {}, {"messages": 5}, {"messages": [5]}, {"messages": [{"content": "x"}]}])
def test_what_is_no_trajectory_is_one_sentence(data):
    with pytest.raises(UserError, match=r"^x\.json: "):
        from_traj(data, "x.json")


@pytest.mark.parametrize(
    ("task_id", "name"),
    [
        ("sympy__sympy-1", "sympy__sympy-1"),
        ("drills/train/00001", "drills__train__00001"),
        ("../../etc/passwd", "..__..__etc__passwd"),
        ("..", "_.."),
        ("", "_"),
        ("a b\n", "a_b_"),
    ],
)
def test_an_id_never_leaves_its_folder(tmp_path, task_id, name):
    assert file_name(task_id) == name
    assert trajectory_path(tmp_path, task_id) == tmp_path / name / f"{name}.traj.json"


def test_a_file_is_whole_or_as_it_was(tmp_path):
    file = tmp_path / "deep" / "preds.json"
    write_json(file, {"a": 1})
    with pytest.raises(TypeError):
        write_json(file, {"a": object()})
    assert json.loads(file.read_text()) == {"a": 1}
    assert os.listdir(file.parent) == ["preds.json"]
    (tmp_path / "wall").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_json(tmp_path / "wall" / "x.json", {})
