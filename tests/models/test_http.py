"""The HTTP model against a real server: replies, retries, what the server can give, and what each failure is."""

import asyncio
import json
import time

import pytest

from assay.errors import MachineryError, UserError
from assay.models.allowance import LocalAllowance
from assay.models.endpoint import Endpoint, EndpointError, retry_after
from assay.models.http import HttpModel
from assay.models.spending import Spending
from assay.nouns import Finish, Message, Role
from tests.models.openai_server import Raw, error, serving

HELLO = [Message(role=Role.SYSTEM, content="Be brief."), Message(role=Role.USER, content="Say hello.")]


def ask(url: str, name: str = "tiny", times: int = 1, *, check: bool = False, **options):
    """Return the last of so many replies and what was told of failed tries."""
    told: list[str] = []

    async def inside():
        endpoint = Endpoint.parse(f"openai:{url}#{name}", **{"tries": 4, "pause_s": 0.01, "reply_s": 20.0} | options)
        async with HttpModel.open(endpoint, told.append) as model:
            if check:
                await model.check()
            for _ in range(times):
                reply = await model.reply(HELLO, seed=7)
            return reply, told

    return asyncio.run(inside())


def fails(kind: type[Exception], url: str, **options) -> str:
    with pytest.raises(kind) as caught:
        ask(url, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_has_its_text_tokens_log_probabilities_and_cost(stream):
    with serving(lambda messages: f"hello, {messages[-1]['content']}", vllm=True) as server:
        reply, _ = ask(server.url, stream=stream, price=(2.0, 10.0), temperature=0.5, max_tokens=9)
    assert reply.text == "hello, Say hello."
    assert reply.finish is Finish.STOP
    assert reply.token_ids == (6, 4, 7)
    assert reply.logprobs == (-0.5, -0.5, -0.5)
    assert (reply.prompt_tokens, reply.sampled_tokens) == (4, 3)
    assert reply.cost == pytest.approx((4 * 2 + 3 * 10) / 1e6)
    asked = server.requests[0]
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Say hello."},
    ]
    assert (asked["seed"], asked["temperature"], asked["max_tokens"]) == (7, 0.5, 9)


@pytest.mark.parametrize("stream", [False, True])
def test_a_server_that_gives_no_ids_is_taken_at_its_count(stream):
    with serving(lambda messages: "one two") as server:
        reply, _ = ask(server.url, stream=stream)
    assert (reply.token_ids, reply.logprobs, reply.sampled_tokens, reply.cost) == (None, None, 2, 0.0)


def test_a_field_that_the_server_does_not_know_is_left_out_for_good():
    with serving(lambda messages: "ok", refuses=("return_token_ids", "logprobs", "seed", "max_tokens")) as server:
        reply, _ = ask(server.url, times=2, max_tokens=5)
    assert reply.text == "ok"
    assert len(server.requests) == 6  # four refused, two answered
    assert server.requests[-1] == {
        "model": "tiny",
        "messages": server.requests[0]["messages"],
        "max_completion_tokens": 5,
    }


def test_a_model_that_takes_no_system_message_gets_it_in_the_users_first():
    def alternates(messages):
        return error(400, "System role not supported") if messages[0]["role"] == "system" else messages[0]["content"]

    with serving(alternates) as server:
        assert ask(server.url, times=2)[0].text == "Be brief.\n\nSay hello."
    assert len(server.requests) == 3


def test_a_temperature_that_is_refused_is_not_quietly_dropped():
    with serving(lambda messages: "ok", refuses=("temperature",)) as server:
        assert "temperature" in fails(UserError, server.url, temperature=0.0)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
def test_what_may_pass_is_tried_again(status):
    answers = [error(status, "overloaded"), error(status, "overloaded"), "now"]
    with serving(lambda messages: answers.pop(0)) as server:
        reply, told = ask(server.url)
    assert reply.text == "now"
    assert [text.split("; ")[0] for text in told] == [f"{server.url}: status {status}: overloaded"] * 2


def test_the_pause_is_what_the_server_asks_for():
    answers = [error(429, "slow down", **{"Retry-After": "0.4"}), "now"]
    with serving(lambda messages: answers.pop(0)) as server:
        began = time.monotonic()
        ask(server.url)
    assert time.monotonic() - began >= 0.4
    assert retry_after("3600", 60.0) == 60.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 60.0) == 0.0
    assert [retry_after(odd, 60.0) for odd in (None, "", "soon", "nan", "inf")] == [None] * 5


@pytest.mark.parametrize(
    "answer",
    [
        Raw(200, b"<html>hello</html>"),
        Raw(200, b'{"choices": [{"mess'),
        Raw(200, b'{"choices": []}'),
        Raw(200, b'{"choices": [{"message": {"content": 5}}]}'),
        Raw(200, b"[" * 100_000),
        Raw(200, b"data: {oops\n\n", {"Content-Type": "text/event-stream"}),
        Raw(200, b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n', {"Content-Type": "text/event-stream"}),
        error(500, "boom"),
        Raw(200, forever=b" " * 65536),
    ],
)
def test_an_answer_that_is_none_is_the_endpoints_failure(answer):
    with serving(lambda messages: answer) as server:
        why = fails(EndpointError, server.url)
    assert why.startswith(server.url)
    assert isinstance(EndpointError(), MachineryError)


def test_an_answer_that_takes_too_long_is_given_up():
    with serving(lambda messages: Raw(200, b"{}", wait_s=3.0)) as server:
        assert "within 0.3 s" in fails(EndpointError, server.url, reply_s=0.3, tries=2)


def test_a_stream_without_end_is_cut():
    event = b"data: " + json.dumps({"choices": [{"delta": {"content": "la " * 1000}}]}).encode() + b"\n\n"
    endless = Raw(200, headers={"Content-Type": "text/event-stream"}, forever=event)
    with serving(lambda messages: endless) as server:
        reply, _ = ask(server.url, stream=True)
    assert reply.finish is Finish.LENGTH
    assert 400_000 < len(reply.text) < 500_000


@pytest.mark.parametrize(
    ("answer", "finish"),
    [
        (error(400, "This model's maximum context length is 4096 tokens. However, ..."), Finish.CONTEXT),
        (error(400, "too long", "context_length_exceeded"), Finish.CONTEXT),
        (error(400, "flagged", "content_filter"), Finish.REFUSED),
        (Raw(text="I can", finish="content_filter"), Finish.REFUSED),
        (Raw(text="and so on", finish="length"), Finish.LENGTH),
        (Raw(200, b'{"choices": [{"message": {"content": null, "refusal": "no"}}]}'), Finish.REFUSED),
    ],
)
def test_what_ends_a_conversation_is_a_reply(answer, finish):
    with serving(lambda messages: answer) as server:
        assert ask(server.url)[0].finish is finish


def test_what_the_user_can_mend_is_one_sentence():
    with serving(lambda messages: "ok", key="right-key", models=False) as server:
        assert "wants an API key" in fails(UserError, server.url)
        why = fails(UserError, server.url, key="wrong-key")
        assert "does not take the API key" in why
        assert "wrong-key" not in why  # the server echoes it
        assert fails(UserError, server.url, key="wrong-key", check=True) == why
        assert "knows no model 'big'" in fails(UserError, server.url, name="big", key="right-key")
        assert ask(server.url, key="right-key", check=True)[0].text == "ok"
    with serving(lambda messages: "ok") as server:
        assert "it has tiny" in fails(UserError, server.url, name="big", check=True)
    assert "nothing answers at" in fails(UserError, server.url, check=True)
    with serving(lambda messages: error(429, "You exceeded your current quota", "insufficient_quota")) as server:
        assert "no credit left" in fails(UserError, server.url)
    with serving(lambda messages: error(400, "n must be 1")) as server:
        assert "n must be 1" in fails(UserError, server.url)


def test_an_endpoint_that_fails_attempt_after_attempt_ends_the_run():
    async def inside(url: str):
        async with HttpModel.open(Endpoint.parse(f"openai:{url}#tiny", tries=2, pause_s=0.01)) as model:
            kinds = []
            for _ in range(3):
                with pytest.raises((EndpointError, UserError)) as caught:
                    await model.reply(HELLO, seed=0)
                kinds.append(type(caught.value))
            return kinds

    with serving(lambda messages: error(503, "gone")) as server:
        assert asyncio.run(inside(server.url)) == [EndpointError, EndpointError, UserError]


@pytest.mark.parametrize(
    "word", ["", "tiny", "openai:", "openai:http://h/v1", "openai:#tiny", "openai:ftp://h#x", "local:http://h#x"]
)
def test_a_word_that_names_no_endpoint_is_refused(word):
    with pytest.raises(UserError, match="openai:URL#NAME"):
        Endpoint.parse(word)


def test_an_endpoint_is_shown_without_secrets():
    endpoint = Endpoint.parse("openai:http://me:secret@host:8000/api/v1?token=secret#org/model#2", key="secret-key")
    assert endpoint.name == "org/model#2"
    assert endpoint.place == "http://host:8000/api/v1"
    assert "secret" not in json.dumps(endpoint.described) + repr(endpoint).replace(endpoint.url, "")
    for url in ("http://host:8000", "http://host:8000/v1/", "http://host:8000/v1/chat/completions"):
        assert Endpoint.parse(f"openai:{url}#m").at("models") == "http://host:8000/v1/models"


def test_halves_of_characters_are_joined_or_replaced():
    body = json.dumps({"choices": [{"message": {"content": "\ud83d\ude00 \ud800"}}]}).encode()
    with serving(lambda messages: Raw(200, body)) as server:
        assert ask(server.url)[0].text == "\U0001f600 \ufffd"


def test_proxies_and_passwords_of_the_environment_are_not_used(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(lambda messages: "ok") as server:
        assert ask(server.url, check=True)[0].text == "ok"
    assert "Authorization" not in server.headers[0]
    assert "($http_proxy is not used: name it with --proxy)" in fails(UserError, server.url, check=True)


def test_a_proxy_that_is_named_is_used():
    with serving(lambda messages: "by the proxy", models=False) as proxy:
        host = proxy.url.removesuffix("/v1")
        reply, _ = ask("http://nowhere.invalid/v1", proxy=host)
        assert reply.text == "by the proxy"
    assert proxy.headers[0]["Host"] == "nowhere.invalid"


def test_a_redirect_is_one_sentence_and_is_not_followed():
    with serving(lambda messages: "never asked") as other:
        elsewhere = Raw(308, b"", {"Location": f"{other.url}/chat/completions?token=abcdef"})
        with serving(lambda messages: elsewhere) as server:
            why = fails(UserError, server.url)
    assert "sends requests on to http://127.0.0.1: name that" in why
    assert "abcdef" not in why
    assert other.requests == []


@pytest.mark.parametrize(
    ("answer", "counted"),
    [
        ("two words", True),
        (error(503, "busy"), False),
        (error(400, "maximum context length"), False),
        (Raw(200, b"no JSON"), True),  # something was sampled, and paid for
        (Raw(200, b'{"choices": [{"message": {"content": "no count"}}]}'), True),
    ],
)
def test_what_may_have_been_paid_for_counts(answer, counted):
    allowance = LocalAllowance(Spending(tokens=10**6))

    async def inside(url):
        endpoint = Endpoint.parse(f"openai:{url}#tiny", tries=1, max_tokens=100)
        async with HttpModel.open(endpoint, allowance=allowance) as model:
            try:
                return await model.reply(HELLO, seed=0)
            except (EndpointError, UserError):
                return None

    with serving(lambda messages: answer) as server:
        reply = asyncio.run(inside(server.url))
    spent = allowance.spending.spent.tokens
    assert allowance.spending.under_way == 0
    if answer == "two words":
        assert spent == reply.prompt_tokens + reply.sampled_tokens
    else:
        assert spent > 100 if counted else spent == 0
