"""Rows of chat data sets: the names in use are understood, and what is no conversation is one sentence."""

import json

import pytest

from assay.errors import UserError
from assay.ledger.exchange.chatrows import from_row, is_chat
from assay.nouns import Role

PLAIN = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]


def said(row):
    return [(message.role, message.content) for message in from_row(row, "x").messages]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": PLAIN},
        {"messages": json.dumps(PLAIN)},
        {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]},
        {"messages": [{"role": "USER", "content": [{"type": "text", "text": "hi"}]}, PLAIN[1]]},
    ],
)
def test_both_ways_of_writing_a_conversation_are_read(row):
    assert is_chat(row)
    assert said(row) == [(Role.USER, "hi"), (Role.ASSISTANT, "hello")]


def test_tools_speak_as_the_user_and_their_calls_as_the_assistant():
    function = {"name": "bash", "arguments": json.dumps({"command": "ls"})}
    row = {
        "messages": [
            PLAIN[0],
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": function}]},
            {"role": "tool", "content": "a"},
            {"role": "tool", "content": "b"},
            PLAIN[1],
        ]
    }
    assert said(row)[1:3] == [(Role.ASSISTANT, "```bash\nls\n```"), (Role.USER, "a\nb")]


def test_a_command_that_holds_a_fence_has_a_longer_one():
    function = {"name": "shell", "arguments": {"cmd": "cat <<E\n```\nE"}}
    row = {"messages": [PLAIN[0], {"role": "assistant", "tool_calls": [{"function": function}]}]}
    assert said(row)[1][1] == "````bash\ncat <<E\n```\nE\n````"


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ({"resolved": True}, 1.0),
        ({"resolved": False, "reward": 1.0}, 0.0),
        ({"target": True}, 1.0),
        ({"reward": 0.25}, 0.25),
        ({"resolved": 1}, 1.0),
        ({"score": 17}, None),
        ({}, None),
    ],
)
def test_the_value_is_what_the_row_says(told, value):
    assert from_row({"messages": PLAIN, **told}, "x").value == value


def test_what_is_beside_the_messages_is_taken():
    row = from_row(
        {
            "messages": [PLAIN[0], {**PLAIN[1], "token_ids": [4, 2]}],
            "instance_id": "o__p-1",
            "traj_id": "o__p-1.7",
            "repo": "o/p",
            "exit_status": "submitted",
            "model_patch": "diff",
            "flags": ["hardcoded"],
            "tokenizer_sha256": "ab",
        },
        "x",
    )
    assert (row.task_id, row.attempt, row.repository, row.exit) == ("o__p-1", "o__p-1.7", "o/p", "submitted")
    assert (row.patch, row.flags, row.tokenizer) == ("diff", ("hardcoded",), "ab")
    assert row.messages[1].token_ids == (4, 2)


@pytest.mark.parametrize(
    "messages", ["not json", [{"role": "wizard", "content": "x"}], [5], {"role": "user"}, [{"content": "x"}]]
)
def test_what_is_no_conversation_is_one_sentence(messages):
    with pytest.raises(UserError, match=r"^data, line 3: "):
        from_row({"messages": messages}, "data, line 3")
