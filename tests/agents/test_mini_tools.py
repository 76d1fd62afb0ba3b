"""The agent's tools protocol: a real server that speaks the chat API, a real sandbox, streaming and not."""

import asyncio
import json

import pytest

from assay.agents.mini import MiniAgent, MiniConfig, read_config
from assay.ledger.exchange.mini import config_of, from_traj, read_plainly, to_traj
from assay.models.endpoint import Endpoint
from assay.models.http import HttpModel
from assay.models.tools import TOOLS
from assay.nouns import Attempt, Exit, PlannedAttempt, Status, ToolCall
from assay.sandbox import open_sandbox
from assay.training.examples import conversation_of
from tests.agents.test_shell import task
from tests.models.openai_server import SUBMIT, Raw, calling, said, serving


def run(*replies: Raw | str, stream: bool = False, vllm: bool = True, **config):
    """Return the trajectory of these replies, the last again and again, and the requests that asked for them."""

    def policy(messages):
        return replies[min(len(said(messages)), len(replies) - 1)]

    async def inside(url: str):
        problem = task()
        endpoint = Endpoint.parse(f"openai:{url}#tiny", tools=True, stream=stream, tries=2, pause_s=0.01)
        async with HttpModel.open(endpoint) as model, open_sandbox(problem.files) as sandbox:
            return await MiniAgent(MiniConfig(protocol="tools", **config)).run(problem, model, sandbox, seed=0)

    with serving(policy, vllm=vllm) as server:
        return asyncio.run(inside(server.url)), server.requests


@pytest.mark.parametrize("stream", [False, True])
def test_commands_are_calls_and_their_results_are_answers(stream):
    first = calling("echo one; false", "echo two > file; cat file", text="THOUGHT: both at once.")
    path, requests = run(first, calling("cat file", text=""), calling(SUBMIT), stream=stream)
    assert path.exit is Exit.SUBMITTED
    assert requests[0]["tools"] == TOOLS
    step, second, last = path.steps
    assert step.reply.text == "THOUGHT: both at once."
    assert step.reply.calls == (
        ToolCall(id="call_2_0", name="bash", arguments='{"command": "echo one; false"}'),
        ToolCall(id="call_2_1", name="bash", arguments='{"command": "echo two > file; cat file"}'),
    )
    assert [(each.id, each.command, each.returncode, each.timed_out) for each in step.results] == [
        ("call_2_0", "echo one; false", 1, False),
        ("call_2_1", "echo two > file; cat file", 0, False),
    ]
    assert step.results[0].observation == "<returncode>1</returncode>\n<output>\none\n</output>"
    assert step.command == "echo one; false\necho two > file; cat file"
    assert step.observation == "\n".join(each.observation for each in step.results)
    assert step.reply.token_ids
    assert len(step.reply.token_ids) == len(step.reply.logprobs or ())
    assert (second.reply.text, second.command) == ("", "cat file")
    assert (last.command, last.observation, last.results[0].returncode) == (SUBMIT, "", 0)
    sent = requests[1]["messages"][2:]
    assert [message["role"] for message in sent] == ["assistant", "tool", "tool"]
    assert [call["function"]["name"] for call in sent[0]["tool_calls"]] == ["bash", "bash"]
    assert [message["tool_call_id"] for message in sent[1:]] == ["call_2_0", "call_2_1"]
    assert "two" in sent[2]["content"]
    assert requests[2]["messages"][5]["content"] is None  # a turn that says nothing beside its call


def test_the_prompts_are_those_of_the_protocol_and_the_limits_the_same():
    config = MiniConfig(protocol="tools")
    told = config.say("system") + config.say("instance", task="Mend it.", workdir="/work")
    assert "calling the tool `bash`" in " ".join(told.split())
    assert "AT LEAST ONE call of the tool" in told
    assert "ONE bash code block" not in told
    assert f"```bash\n{SUBMIT}\n```" in told
    assert "{{" not in told
    assert (config.steps, config.cost, config.command_s, config.format_errors) == (250, 3.0, 60.0, 3)
    assert MiniConfig(protocol="tools", system="Mine.").system == "Mine."
    assert MiniConfig(protocol="tools").digest != MiniConfig().digest


def test_a_file_chooses_the_protocol_and_the_command_line_before_it(tmp_path):
    place = tmp_path / "agent.toml"
    place.write_text('protocol = "tools"\nsteps = 7\n')
    assert read_config(place) == MiniConfig(protocol="tools", steps=7)
    assert read_config(place, {"protocol": "text", "steps": 9}) == MiniConfig(steps=9)


MALFORMED = {
    "no JSON": ("bash", '{"command": "touch ran', "no JSON object"),
    "a list": ("bash", '["touch ran"]', "no JSON object"),
    "no command": ("bash", '{"cmd": "touch ran"}', "lack `command`"),
    "a command that is no text": ("bash", '{"command": ["touch", "ran"]}', "lack `command`"),
    "another tool": ("python", '{"command": "touch ran"}', "no tool 'python'"),
    "empty": ("bash", "", "no JSON object"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_call_is_told_so_and_nothing_of_its_turn_is_run(name, stream):
    tool, arguments, why = MALFORMED[name]
    bad = Raw(text="Try.", calls=(("bash", '{"command": "touch ran"}'), (tool, arguments)))
    path, requests = run(bad, calling("ls"), calling(SUBMIT), stream=stream)
    assert path.exit is Exit.SUBMITTED
    step = path.steps[0]
    assert (step.command, step.results) == (None, ())
    assert why in step.observation
    assert "Arguments: {" in step.observation
    assert step.reply.calls[1].arguments == arguments
    assert "ran" not in path.steps[1].observation.split()
    assert why in requests[1]["messages"][-1]["content"]  # the server took the history: a call is answered or is text


def test_replies_without_a_call_end_it_after_three():
    path, requests = run("I think.", Raw(text="I thi", finish="length"), "I think.")
    assert path.exit is Exit.FORMAT
    assert [step.command for step in path.steps] == [None] * 3
    assert "calls no tool" in path.steps[0].observation
    assert "cut off" in path.steps[1].observation
    assert requests[1]["messages"][-1]["role"] == "user"


def test_what_follows_a_submission_in_its_turn_is_not_run():
    path, _ = run(calling("echo a", SUBMIT, "echo b"))
    assert path.exit is Exit.SUBMITTED
    assert [each.command for each in path.steps[0].results] == ["echo a", SUBMIT]
    assert len(path.steps[0].reply.calls) == 3


def test_the_seconds_of_all_commands_of_a_turn_count():
    path, _ = run(calling("sleep 0.4", "sleep 30", "echo c"), wall_s=0.8)
    assert path.exit is Exit.TIME_LIMIT
    assert [each.timed_out for each in path.steps[0].results] == [False, True]


def test_a_secret_in_a_call_is_hidden_and_its_ids_go():
    async def inside(url: str):
        endpoint = Endpoint.parse(f"openai:{url}#tiny", tools=True, key="sk-secret")
        async with HttpModel.open(endpoint) as model:
            return await model.reply([], seed=0)

    with serving(lambda messages: calling("echo sk-secret"), vllm=True) as server:
        reply = asyncio.run(inside(server.url))
    assert reply.calls[0].arguments == '{"command": "echo ***"}'
    assert reply.token_ids is None


@pytest.mark.parametrize("submits", [True, False])
def test_the_trajectory_goes_into_mini_swe_agents_file_and_back(submits):
    bad = Raw(text="", calls=(("bash", "{"),))
    path, _ = run(calling("echo one", "echo two"), bad, calling("echo x", SUBMIT if submits else "echo y"), steps=3)
    plan = PlannedAttempt(arm="a", seed=0, dose=0, task_id=path.task_id, split="test")
    attempt = Attempt(plan=plan, status=Status.EMPTY if submits else Status.LIMIT)
    described = {"model": "tiny", "endpoint": "http://x/v1", "price": None}
    data = json.loads(json.dumps(to_traj(attempt, path, config_of(MiniConfig(protocol="tools"), described, "s"))))
    assert from_traj(data, "x") == path
    first, one, two = data["messages"][2:5]
    assert first["tool_calls"][0]["function"] == {"name": "bash", "arguments": '{"command": "echo one"}'}
    assert first["extra"]["actions"] == [
        {"command": "echo one", "tool_call_id": "call_2_0"},
        {"command": "echo two", "tool_call_id": "call_2_1"},
    ]
    assert (one["role"], one["tool_call_id"], one["extra"]["returncode"]) == ("tool", "call_2_0", 0)
    assert "two" in two["content"]
    plain = read_plainly(data, "x")
    assert plain.steps[0].results == path.steps[0].results
    assert [step.command for step in plain.steps] == [step.command for step in path.steps]


def test_what_is_learned_from_holds_the_calls():
    path, _ = run(calling("echo one", "echo two", text="Look."), calling(SUBMIT, text=""), vllm=False)
    turns = [message.content for message in conversation_of(path) if message.role == "assistant"]
    assert turns == ["Look.\n\n```bash\necho one\n```\n\n```bash\necho two\n```", f"```bash\n{SUBMIT}\n```"]
    sampled, _ = run(calling("echo one"), calling(SUBMIT))
    first = conversation_of(sampled)[2]
    assert first.token_ids == sampled.steps[0].reply.token_ids
    assert first.calls == sampled.steps[0].reply.calls
