"""ATIF: every 1.x version is read, calls become text, and what no model sampled is refused."""

import json

import pytest

from assay.errors import UserError
from assay.ledger.exchange.atif import from_atif, harbor_result, is_atif
from assay.nouns import Exit, Role


def step(number, source, message="", **more):
    return {"step_id": number, "source": source, "message": message, **more}


def seen(*texts):
    return {"results": [{"source_call_id": str(place), "content": text} for place, text in enumerate(texts)]}


def call(name, **arguments):
    return {"tool_call_id": "0", "function_name": name, "arguments": arguments}


def atif(*steps, version="ATIF-v1.4", **more):
    return {
        "schema_version": version,
        "session_id": "s1",
        "agent": {"name": "a", "version": "1", "model_name": "m"},
        "steps": list(steps),
        **more,
    }


SHORT = (
    step(1, "system", "be brief"),
    step(2, "user", "list the files"),
    step(3, "agent", "I look.", tool_calls=[call("bash", command="ls")], observation=seen("a.py\nb.py")),
    step(4, "agent", "Two files."),
)


@pytest.mark.parametrize("minor", range(8))
def test_every_version_1_is_read(minor):
    data = atif(*SHORT, version=f"ATIF-v1.{minor}", extra={"instance_id": "t1"})
    assert is_atif(data)
    found = from_atif(data, "x.json")
    assert (found.task_id, found.agent, found.model, found.exit) == ("t1", "a", "m", Exit.SUBMITTED)
    assert [(m.role, m.content) for m in found.prompt] == [(Role.SYSTEM, "be brief"), (Role.USER, "list the files")]
    assert [s.reply.text for s in found.steps] == ["I look.\n\n```bash\nls\n```", "Two files."]
    assert [s.observation for s in found.steps] == ["a.py\nb.py", ""]
    assert [s.command for s in found.steps] == ["ls", None]


def test_other_calls_stand_in_tags_and_results_on_lines_of_their_own():
    calls = [call("write", path="a", content="x"), call("read", path="a")]
    found = from_atif(atif(step(1, "user", "u"), step(2, "agent", tool_calls=calls, observation=seen("ok", "x"))), "x")
    first = json.dumps({"name": "write", "arguments": {"path": "a", "content": "x"}})
    assert found.steps[0].reply.text.startswith(f"<tool_call>\n{first}\n</tool_call>\n\n<tool_call>")
    assert found.steps[0].observation == "ok\nx"
    assert found.exit is Exit.STEP_LIMIT


def test_sampled_ids_and_counts_are_kept():
    metrics = {"completion_token_ids": [5, 6, 2], "logprobs": [-0.5, -1, 0], "prompt_tokens": 7, "cost_usd": 0.25}
    reply = from_atif(atif(step(1, "user", "u"), step(2, "agent", "yes", metrics=metrics)), "x").steps[0].reply
    assert (reply.token_ids, reply.logprobs) == ((5, 6, 2), (-0.5, -1, 0))
    assert (reply.prompt_tokens, reply.cost) == (7, 0.25)


def test_a_reply_that_a_converter_split_is_one_turn_again():
    parts = (
        step(2, "agent", "", reasoning_content="hm"),
        step(3, "agent", "View", tool_calls=[call("view", file="a")]),
    )
    found = from_atif(atif(step(1, "user", "u"), *parts), "x")
    assert len(found.steps) == 1
    assert found.steps[0].reply.text.startswith("View\n\n<tool_call>")
    assert found.steps[0].reply.reasoning == "hm"


def test_turns_with_ids_of_their_own_are_never_joined():
    parts = [step(n, "agent", "a", metrics={"completion_token_ids": [n]}) for n in (2, 3)]
    assert len(from_atif(atif(step(1, "user", "u"), *parts), "x").steps) == 2


def test_content_parts_are_joined_and_a_users_later_words_are_an_observation():
    parts = [{"type": "text", "text": "one "}, {"type": "image", "source": {}}, {"type": "text", "text": "two"}]
    data = atif(step(1, "user", parts), step(2, "agent", "yes"), step(3, "user", "more"), step(4, "agent", "done"))
    found = from_atif(data, "x")
    assert found.prompt[0].content == "one two"
    assert [s.observation for s in found.steps] == ["more", ""]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (atif(*SHORT, version="ATIF-v2.0"), r"^f\.json: it is ATIF-v2\.0"),
        ({"schema_version": "ATIF-v1.0"}, r"^f\.json: it has no list of steps"),
        (atif({"source": "nobody"}), r"^f\.json: step 1 has no source"),
        (atif(7), r"^f\.json: step 1 has no source"),
        (atif(step(1, "user", "u"), step(2, "agent", "x", is_copied_context=True)), "step 2 was copied"),
        (atif(step(1, "user", "u"), step(2, "agent", "x", llm_call_count=0)), "step 2 was not sampled"),
    ],
)
def test_what_cannot_be_learned_from_is_one_sentence(data, says):
    with pytest.raises(UserError, match=says):
        from_atif(data, "f.json")


def test_the_trial_of_harbor_says_task_and_reward(tmp_path):
    trajectory = tmp_path / "trial" / "agent" / "trajectory.json"
    trajectory.parent.mkdir(parents=True)
    assert harbor_result(trajectory) == {}
    result = tmp_path / "trial" / "result.json"
    told = {"task_name": "org/t", "trial_name": "t__1", "verifier_result": {"rewards": {"reward": 0.5}}}
    result.write_text(json.dumps(told))
    assert harbor_result(trajectory) == {"task": "org/t", "trial": "t__1", "value": 0.5}
    result.write_text(json.dumps({**told, "verifier_result": None}))
    assert "value" not in harbor_result(trajectory)
    result.write_text("{")
    assert harbor_result(trajectory) == {}
