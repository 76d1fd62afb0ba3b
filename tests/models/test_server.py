"""`assay serve` in a process of its own, asked by OpenAI's own client, by our HTTP model and by bare requests."""

import asyncio
import json
import random
import socket
import subprocess
import sys
import time

import httpx
import openai
import pytest

from assay.errors import UserError
from assay.models.chosen import load_local, open_model, which
from assay.models.serving.text import Decoded, Stopped
from assay.models.weights import new_model
from assay.nouns import Finish, Message, Role
from tests.conftest import ARCHITECTURE
from tests.models.assay_server import assay_serve

TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "The price of grain?"}]
CONVERSATION = [Message(role=Role(turn["role"]), content=turn["content"]) for turn in TALK]
IDS = {"return_token_ids": True}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, chat):
    """A model of random weights that sometimes ends its turn."""
    folder = tmp_path_factory.mktemp("served") / "tiny"
    new_model(ARCHITECTURE, 0).save_pretrained(folder)
    chat.tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def server(checkpoint):
    with assay_serve(checkpoint, "--port", "0", "--slots", "4") as served:
        yield served


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0, timeout=600) as client:
        yield client


@pytest.fixture(scope="module")
def local(checkpoint):
    return load_local(which(f"local:{checkpoint}", temperature=0.9, max_tokens=24, slots=4))


def sampled_here(local, seed, conversation=CONVERSATION):
    return asyncio.run(local.reply(conversation, seed=seed))


def ask(client, **options):
    given = {"model": "tiny", "messages": TALK, "temperature": 0.9, "max_tokens": 24, "extra_body": IDS} | options
    return client.chat.completions.create(**given)


def test_the_ids_are_those_that_the_local_model_samples_to_the_last_bit(client, local):
    for seed in (0, 7, 2**40):
        answer = ask(client, seed=seed, logprobs=True)
        here = sampled_here(local, seed)
        choice = answer.choices[0]
        assert tuple(choice.token_ids) == here.token_ids
        assert tuple(entry.logprob for entry in choice.logprobs.content) == here.logprobs
        assert choice.message.content == here.text
        assert choice.finish_reason == here.finish.value
        assert answer.prompt_token_ids == local.chat.prompt(CONVERSATION)
        assert answer.usage.prompt_tokens == here.prompt_tokens
        assert answer.usage.completion_tokens == len(here.token_ids)


def test_a_stream_says_the_same_in_pieces(client):
    whole = ask(client, seed=3, logprobs=True, n=2)
    text, ids, logprobs, finish, usage = ["", ""], [[], []], [[], []], ["", ""], None
    for event in ask(client, seed=3, logprobs=True, n=2, stream=True, stream_options={"include_usage": True}):
        usage = event.usage or usage
        for choice in event.choices:
            text[choice.index] += choice.delta.content or ""
            ids[choice.index] += choice.token_ids if hasattr(choice, "token_ids") else []
            logprobs[choice.index] += [e.logprob for e in choice.logprobs.content] if choice.logprobs else []
            finish[choice.index] = choice.finish_reason or finish[choice.index]
    for choice in whole.choices:
        assert text[choice.index] == choice.message.content
        assert ids[choice.index] == choice.token_ids
        assert logprobs[choice.index] == [entry.logprob for entry in choice.logprobs.content]
        assert finish[choice.index] == choice.finish_reason
    assert usage == whole.usage
    assert whole.choices[0].token_ids != whole.choices[1].token_ids


@pytest.mark.parametrize("stream", [False, True])
def test_the_id_that_ends_an_answer_is_among_its_ids(client, stream):
    ids = ask(client, seed=3).choices[0].token_ids
    last = ids[5]
    more = {"extra_body": {**IDS, "stop_token_ids": [last]}, "stream": stream, "logprobs": True}
    answer = ask(client, seed=3, **more)
    choices = [choice for event in answer for choice in event.choices] if stream else answer.choices
    found = [token for choice in choices for token in getattr(choice, "token_ids", [])]
    assert found == ids[: ids.index(last) + 1]
    assert sum(len(choice.logprobs.content) for choice in choices if choice.logprobs) == len(found)
    assert choices[-1].finish_reason == "stop"


def test_choices_are_the_seeds_that_follow(client):
    several = ask(client, seed=5, n=6)  # more than there are slots
    assert [c.index for c in several.choices] == list(range(6))
    for number in (0, 3):
        assert several.choices[number].token_ids == ask(client, seed=5 + number).choices[0].token_ids
    assert ask(client).choices[0].token_ids != ask(client).choices[0].token_ids  # without a seed, another each time


def test_the_completions_api_takes_ids_and_texts(client, local):
    prompt = local.chat.prompt(CONVERSATION)
    chat = ask(client, seed=11, logprobs=True)
    given = {"model": "tiny", "temperature": 0.9, "max_tokens": 24, "seed": 11, "logprobs": 1, "extra_body": IDS}
    stops = {"extra_body": {**IDS, "stop_token_ids": sorted(local.chat.stops)}}
    answer = client.completions.create(prompt=prompt, **given | stops)
    assert answer.choices[0].token_ids == chat.choices[0].token_ids
    assert answer.choices[0].prompt_token_ids == prompt
    assert answer.choices[0].logprobs.token_logprobs == [e.logprob for e in chat.choices[0].logprobs.content]
    streamed = list(client.completions.create(prompt=prompt, stream=True, **given))
    assert [i for event in streamed for c in event.choices for i in c.token_ids] == answer.choices[0].token_ids
    assert "".join(c.text for event in streamed for c in event.choices) == answer.choices[0].text
    several = client.completions.create(prompt=["grain", "the mill"], n=2, **given)
    assert [choice.prompt_token_ids for choice in several.choices] == [
        *[local.chat.encode("grain")] * 2,
        *[local.chat.encode("the mill")] * 2,
    ]
    one = client.completions.create(prompt="the mill", **given)
    assert several.choices[2].token_ids == one.choices[0].token_ids
    assert one.usage.prompt_tokens == len(local.chat.encode("the mill"))
    assert len(client.completions.create(model="tiny", prompt="a", temperature=0).choices[0].text) > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_text_ends_the_answer_and_is_no_part_of_it(client, stream):
    whole = ask(client, seed=2, max_tokens=60).choices[0].message.content
    stop = whole[len(whole) // 2 : len(whole) // 2 + 3]
    expected = whole[: whole.find(stop)]
    answer = ask(client, seed=2, max_tokens=60, stop=["nowhere in it", stop], stream=stream)
    if stream:
        pieces = [choice for event in answer for choice in event.choices]
        said, finish = "".join(piece.delta.content or "" for piece in pieces), pieces[-1].finish_reason
    else:
        said, finish = answer.choices[0].message.content, answer.choices[0].finish_reason
    assert (said, finish) == (expected, "stop")


@pytest.mark.parametrize("stream", [False, True])
def test_our_own_models_over_http_say_what_the_local_one_says(server, checkpoint, local, stream):
    async def inside(word: str):
        options = {"temperature": 0.9, "max_tokens": 24, "stream": stream}
        async with open_model(word, tokenizer=checkpoint, check=True, **options) as model:
            first = await model.reply(CONVERSATION, seed=4)
            longer = [
                *CONVERSATION,
                Message(role=Role.ASSISTANT, content=first.text, token_ids=first.token_ids),
                Message(role=Role.USER, content="And the ship?"),
            ]
            return first, await model.reply(longer, seed=4), longer

    here = sampled_here(local, 4)
    for kind in ("openai", "completions"):
        first, second, longer = asyncio.run(inside(f"{kind}:{server.url}#tiny"))
        assert (first.token_ids, first.logprobs) == (here.token_ids, here.logprobs)
        assert (first.text, first.finish, first.prompt_tokens) == (here.text, here.finish, here.prompt_tokens)
    # The first turn's ids are read as they were sampled, also where its text would be tokenised otherwise.
    again = sampled_here(local, 4, longer)
    assert (second.token_ids, second.logprobs) == (again.token_ids, again.logprobs)


def test_a_prompt_that_fills_the_context(server, client, checkpoint):
    with pytest.raises(openai.BadRequestError, match="maximum context length is 320 tokens") as caught:
        ask(client, messages=[{"role": "user", "content": "grain " * 400}])
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    long = [Message(role=Role.USER, content="grain " * 400)]

    async def inside(word: str):
        async with open_model(word, tokenizer=checkpoint) as model:
            return await model.reply(long, seed=0)

    for kind in ("openai", "completions"):
        assert asyncio.run(inside(f"{kind}:{server.url}#tiny")).finish is Finish.CONTEXT
    room = ask(client, messages=[{"role": "user", "content": "grain " * 100}], max_tokens=None, seed=1)
    assert room.usage.total_tokens <= ARCHITECTURE.context


@pytest.mark.parametrize(
    ("path", "body", "status", "param", "words"),
    [
        ("chat/completions", b"{oops", 400, None, "not JSON"),
        ("chat/completions", b'{"messages": [{"role": "user", "content": "\\ud800"}]}', 400, None, "not UTF-8"),
        ("chat/completions", {"messages": [{"role": "user", "content": "x" * 9**8}]}, 400, "messages", "characters"),
        ("completions", {"prompt": "x" * 9**8}, 400, "prompt", "characters"),
        ("chat/completions", [], 400, None, "not a JSON object"),
        ("chat/completions", {"model": "tiny"}, 400, "messages", "messages: is missing"),
        ("chat/completions", {"messages": []}, 400, "messages", "at least 1"),
        ("chat/completions", {"messages": [{"role": "tool", "content": "x"}]}, 400, "messages", "messages.0.role"),
        (
            "chat/completions",
            {"messages": [{"role": "assistant", "content": "x"}]},
            400,
            "messages",
            "nothing to answer",
        ),
        ("chat/completions", {"messages": TALK, "model": "big"}, 404, "model", "`big` does not exist"),
        ("chat/completions", {"messages": TALK, "temperature": 3}, 400, "temperature", "temperature"),
        ("chat/completions", {"messages": TALK, "temperature": "hot"}, 400, "temperature", "number"),
        ("chat/completions", {"messages": TALK, "top_p": 0}, 400, "top_p", "top_p"),
        ("chat/completions", {"messages": TALK, "n": 0}, 400, "n", "n: "),
        ("chat/completions", {"messages": TALK, "max_tokens": -1}, 400, "max_tokens", "max_tokens"),
        ("chat/completions", {"messages": TALK, "tools": [{}]}, 400, "tools", "not supported"),
        ("chat/completions", {"messages": TALK, "logit_bias": {"5": 1}}, 400, "logit_bias", "not supported"),
        ("chat/completions", {"messages": TALK, "no_such_field": 1}, 400, "no_such_field", "not supported"),
        ("completions", {"prompt": [[], [1]]}, 400, "prompt", "empty"),
        ("completions", {"prompt": [5, 380]}, 400, "prompt", "outside the vocabulary of 380"),
        ("completions", {"prompt": [5, "x"]}, 400, "prompt", "give a text"),
        ("completions", {"prompt": "x", "logprobs": 5}, 400, "logprobs", "logprobs"),
        ("completions", {"prompt": "x", "echo": True}, 400, "echo", "not supported"),
        ("embeddings", {"input": "x"}, 404, None, "/v1/embeddings"),
    ],
)
def test_bad_requests_are_errors_of_openais_shape_that_name_the_field(server, path, body, status, param, words):
    if isinstance(body, dict):
        body = {"model": "tiny"} | body
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = httpx.post(f"{server.url}/{path}", content=data, timeout=600)
    assert answer.status_code == status
    found = answer.json()["error"]
    assert set(found) == {"message", "type", "param", "code"}
    assert (found["param"], found["type"]) == (param, "invalid_request_error")
    assert words in found["message"]
    assert "\n" not in found["message"]


def test_fields_that_change_nothing_are_taken(client):
    plain = ask(client, seed=9).choices[0].token_ids
    odd = ask(client, seed=9, frequency_penalty=0, user="me", tools=[], stop=None, response_format={"type": "text"})
    assert odd.choices[0].token_ids == plain
    parts = [{**turn, "content": [{"type": "text", "text": turn["content"]}]} for turn in TALK]
    assert ask(client, seed=9, messages=parts).choices[0].token_ids == plain
    assert ask(client, seed=9, max_tokens=None, max_completion_tokens=24).choices[0].token_ids == plain


def test_health_and_the_list_of_models(server, client):
    assert httpx.get(server.url.removesuffix("/v1") + "/health").status_code == 200
    (card,) = client.models.list().data
    assert (card.id, card.max_model_len) == ("tiny", ARCHITECTURE.context)
    assert client.models.retrieve("tiny") == card
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("big")


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_hangs_up_gives_its_rows_back(server, client, stream):
    """All four rows are taken by long answers that nobody waits for: the next request does not wait for them."""
    body = {"model": "tiny", "messages": TALK, "n": 8, "seed": 1, "stream": stream, "temperature": 2}
    began = time.monotonic()
    assert httpx.post(f"{server.url}/chat/completions", json=body, timeout=600).status_code == 200
    some = time.monotonic() - began
    body["n"] = 128  # sixteen times as long
    with socket.create_connection(("127.0.0.1", int(server.url.split(":")[2].split("/")[0]))) as raw:
        data = json.dumps(body).encode()
        raw.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
            + f"{len(data)}\r\n\r\n".encode()
            + data
        )
        time.sleep(0.2)
    began = time.monotonic()
    ask(client, max_tokens=1)
    assert time.monotonic() - began < 8 * some


@pytest.mark.slow
def test_a_key_that_is_asked_for_a_port_in_use_and_ctrl_c(checkpoint):
    words = ("--port", "0", "--key-from", "SERVE_KEY", "--name", "org/mine")
    with assay_serve(f"local:{checkpoint}", *words, env={"SERVE_KEY": "right"}) as served:
        with pytest.raises(openai.AuthenticationError), openai.OpenAI(base_url=served.url, api_key="wrong") as client:
            ask(client, model="org/mine")
        with openai.OpenAI(base_url=served.url, api_key="right") as client:
            assert ask(client, model="org/mine").choices[0].token_ids
            assert client.models.retrieve("org/mine").id == "org/mine"
        port = served.url.split(":")[2].split("/")[0]
        other = subprocess.run(
            [sys.executable, "-m", "assay", "serve", str(checkpoint), "--port", port],
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert other.returncode == 2
        assert other.stderr == f"assay: port {port} of 127.0.0.1 is in use: name another with --port\n"
        assert served.interrupt() == 0
        assert served.process.stderr.read() == ""
    with pytest.raises(UserError, match="nothing answers"):
        asyncio.run(_check(f"openai:{served.url}#org/mine"))


async def _check(word: str) -> None:
    async with open_model(word, check=True):
        pass


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere"], "there is no checkpoint in nowhere"),
        (["DIR", "--host", "no.such.host.invalid"], "is no address of this machine"),
        (["DIR", "--key-from", "NOT_SET_AT_ALL"], "NOT_SET_AT_ALL"),
        (["BARE", "--port", "0"], "There is no tokenizer at"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(checkpoint, tmp_path, words, sentence):
    (tmp_path / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    places = {"DIR": str(checkpoint), "BARE": str(tmp_path)}
    given = [places.get(word, word) for word in words]
    done = subprocess.run([sys.executable, "-m", "assay", "serve", *given], capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert sentence in done.stderr


def test_text_in_pieces_is_the_text_and_never_half_a_character(chat):
    draw = random.Random(0)
    for _ in range(300):
        ids = [draw.randrange(5, chat.vocabulary) for _ in range(draw.randrange(1, 40))]
        decoded = Decoded(chat.decode)
        assert "".join([decoded.add(token) for token in ids] + [decoded.end()]) == chat.decode(ids)
    told = Decoded(chat.decode)
    pieces = [told.add(token) for token in chat.encode("gr\u00fcn \U0001f600!")]
    assert "".join(pieces) == "gr\u00fcn \U0001f600!"
    assert not any("\ufffd" in piece for piece in pieces)


def test_stop_texts_that_come_in_pieces_are_never_said():
    draw = random.Random(1)
    for _ in range(2000):
        text = "".join(draw.choice("ab") for _ in range(draw.randrange(30)))
        stops = ["".join(draw.choice("ab") for _ in range(draw.randrange(1, 6))) for _ in range(draw.randrange(1, 3))]
        end = min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))
        stopped, said, rest = Stopped(stops), "", text
        while rest and not stopped.done:
            size = draw.randrange(1, 5)
            said, rest = said + stopped.add(rest[:size]), rest[size:]
            assert text.startswith(said)
        said += stopped.end()
        # A stop text that ends first may begin later than one that was under way: what is said is then shorter.
        assert said == text[:end] or (stopped.done and any(text.startswith(said + stop) for stop in stops))
