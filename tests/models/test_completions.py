"""The completions API: what is sent, what an answer means, what happens where a server gives less than vLLM does."""

import asyncio
import json

import pytest

from assay.errors import UserError
from assay.models.allowance import LocalAllowance
from assay.models.chosen import open_model, which
from assay.models.completions import CompletionsWire
from assay.models.endpoint import Endpoint, EndpointError
from assay.models.http import HttpModel, rate_of
from assay.nouns import Finish, Message, Role
from tests.models.openai_server import Raw, error, serving

TALK = [Message(role=Role.USER, content="The price of grain?")]


def ask(chat, answer, *, context=None, stream=False, tell=lambda why: None, **options):
    """Return what a reply is when the server answers with `answer` (or a function of the request)."""
    given = {"tries": 1, "temperature": 0.5, "max_tokens": 9, "stream": stream} | options

    async def inside(url):
        endpoint = Endpoint.parse(f"completions:{url}#tiny", **given)
        async with HttpModel.open(endpoint, tell, CompletionsWire(endpoint, chat, context, tell)) as model:
            return await model.reply(TALK, seed=7)

    with serving(lambda messages: "", completions=answer) as server:
        return asyncio.run(inside(server.url)), server.requests


def whole(choice):
    return Raw(200, json.dumps({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}).encode())


def test_ids_are_sent_and_ids_come_back(chat):
    ids = [*chat.encode("one two"), chat.end]
    logprobs = [-0.5] * len(ids)

    def answer(asked):
        assert asked["prompt"] == chat.prompt(TALK)
        choice = {"text": "as the server reads it", "finish_reason": "stop", "token_ids": ids}
        return whole(choice | {"logprobs": {"token_logprobs": logprobs}, "prompt_token_ids": asked["prompt"]})

    reply, (asked,) = ask(chat, answer)
    assert reply.token_ids == tuple(ids)
    assert reply.logprobs == tuple(logprobs)
    assert reply.text == "one two"  # what our own format reads in the ids
    assert (reply.finish, reply.prompt_tokens, reply.sampled_tokens) == (Finish.STOP, 7, 3)
    assert (asked["seed"], asked["temperature"], asked["max_tokens"]) == (7, 0.5, 9)
    assert asked["stop_token_ids"] == [chat.end]


def test_a_stream_is_gathered(chat):
    ids = [*chat.encode("one two three"), chat.end]

    def answer(asked):
        events = [{"choices": [{"text": "", "token_ids": [], "prompt_token_ids": asked["prompt"]}]}]
        events += [
            {"choices": [{"text": "x", "token_ids": [token], "logprobs": {"token_logprobs": [-0.25]}}]} for token in ids
        ]
        events += [{"choices": [{"text": "", "finish_reason": "stop"}]}, {"choices": [], "usage": {"prompt_tokens": 5}}]
        body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
        return Raw(200, body + b"data: [DONE]\n\n", {"Content-Type": "text/event-stream"})

    reply, (asked,) = ask(chat, answer, stream=True)
    assert asked["stream"]
    assert (reply.token_ids, reply.text, reply.prompt_tokens) == (tuple(ids), "one two three", 5)
    assert reply.logprobs == (-0.25,) * len(ids)


def test_a_server_that_read_other_ids_failed(chat):
    answer = whole({"text": "x", "token_ids": [5], "prompt_token_ids": [1, 2, 3]})
    with pytest.raises(EndpointError, match="read 3 ids in place of"):
        ask(chat, lambda asked: answer)


def test_ids_without_the_end_token_are_not_kept_and_it_is_said(chat):
    told = []
    answer = whole({"text": "hello", "finish_reason": "stop", "token_ids": chat.encode("hello")})
    reply, _ = ask(chat, lambda asked: answer, tell=told.append)
    assert (reply.text, reply.token_ids, reply.logprobs) == ("hello", None, None)
    assert "leaves out the id that ended the turn" in told[0]
    cut = whole({"text": "hello", "finish_reason": "length", "token_ids": chat.encode("hello")})
    assert ask(chat, lambda asked: cut)[0].token_ids == tuple(chat.encode("hello"))


def test_a_server_without_ids_is_taken_at_its_text(chat):
    answers = [error(400, "unknown field return_token_ids"), error(400, "stop_token_ids is not permitted")]

    def answer(asked):
        return answers.pop(0) if answers else whole({"text": "hello", "finish_reason": "stop"})

    reply, requests = ask(chat, answer)
    assert (reply.text, reply.token_ids, reply.sampled_tokens) == ("hello", None, 3)
    assert [("return_token_ids" in r, "stop_token_ids" in r) for r in requests] == [
        *[(True, True), (False, True)],
        (False, False),
    ]


def test_the_context_bounds_what_is_asked_for(chat):
    length = len(chat.prompt(TALK))
    answer = whole({"text": "x", "finish_reason": "length"})
    _, (asked,) = ask(chat, lambda asked: answer, context=length + 4)
    assert asked["max_tokens"] == 4
    reply, requests = ask(chat, lambda asked: answer, context=length)
    assert (reply.finish, requests) == (Finish.CONTEXT, [])


def test_the_word_says_which_model(chat, tmp_path):
    script = tmp_path / "script.json"
    script.write_text('["one", "two"]')
    chat.tokenizer.save(str(tmp_path / "tokenizer.json"))

    async def said(word, **options):
        async with open_model(word, **options) as model:
            first = await model.reply(TALK, seed=0)
            later = [*TALK, Message(role=Role.ASSISTANT, content=first.text), *TALK]
            return [first.text, (await model.reply(later, seed=0)).text, model.name]

    assert asyncio.run(said(f"scripted:{script}")) == ["one", "two", "script"]
    with serving(
        lambda messages: "", completions=lambda asked: whole({"text": "hi", "finish_reason": "stop"})
    ) as server:
        word = f"completions:{server.url}#tiny"
        assert asyncio.run(said(word, tokenizer=tmp_path)) == ["hi", "hi", "tiny"]
        with pytest.raises(UserError, match="--tokenizer"):
            asyncio.run(said(word))
    for word in ("", "tiny", "local:", "local:nowhere", "scripted:nowhere", "https://x#y"):
        with pytest.raises(UserError) as caught:
            which(word)
        assert "\n" not in str(caught.value)
    for text in ("{}", "[1]", "["):
        script.write_text(text)
        with pytest.raises(UserError, match="JSON list of texts"):
            asyncio.run(said(f"scripted:{script}"))


def test_an_endpoints_rate_is_kept(chat):
    """Three requests a (short) minute: the fourth waits for the first to be one minute old."""

    async def inside(url):
        endpoint = Endpoint.parse(f"openai:{url}#tiny", requests_per_minute=3)
        rate = rate_of(endpoint)
        rate.window_s = 0.4
        async with HttpModel.open(endpoint, allowance=LocalAllowance(rate=rate)) as model:
            loop = asyncio.get_running_loop()
            began = loop.time()
            await asyncio.gather(*(model.reply(TALK, seed=n) for n in range(7)))
            return loop.time() - began

    with serving(lambda messages: "ok") as server:
        assert asyncio.run(inside(server.url)) >= 0.8
    assert len(server.requests) == 7
