"""A model behind any OpenAI-compatible endpoint, over HTTP: retries, an allowance, streaming or not.

Connections go to the endpoint's own host, or through the proxy that it names, and nowhere else: no redirect is
followed, and neither proxies nor passwords are taken from the environment or from a .netrc.

What the user can mend (no server there, a wrong key, an unknown model) is a UserError and stops the run; what fails
after every retry is an EndpointError and ends one attempt as `machinery`. A conversation that is too long and a
refusal are replies. https://platform.openai.com/docs/api-reference/chat
"""

import asyncio
import json
import os
import random
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from assay.errors import UserError
from assay.models.allowance import Allowance, LocalAllowance, Taken, admitted
from assay.models.endpoint import (
    RETRIED,
    ChatWire,
    Endpoint,
    EndpointError,
    Gathered,
    Malformed,
    Wire,
    out_of_credit,
    overflows,
    refuses,
    reply_of,
    retry_after,
    unknown_field,
)
from assay.models.limits import RateLimit
from assay.models.prompts import Prompts, Said
from assay.nouns import Finish, Message, Reply

_MOST_BYTES = 32 << 20  # of one answer
_MOST_CHARACTERS = 400_000  # of a streamed answer, which is then cut
_LONGEST_PAUSE = 60.0
_CONNECT_S = 20.0
_CHARACTERS_A_TOKEN = 3  # fewer than English has, so that a rate of tokens is kept rather than broken
_MALFORMED = 3  # tries for an answer that is not what the protocol allows
_GIVEN_UP = 3  # so many attempts in a row that the endpoint failed stop the run


class _Failed(Exception):
    """One try failed in a way that another may not; `pause` is what the server asked for, `most` the tries it gets."""

    def __init__(self, why: str, *, pause: float | None = None, most: int = 1000) -> None:
        super().__init__(why)
        self.pause = pause
        self.most = most


class HttpModel:
    """A Model that asks an endpoint. One instance serves any number of attempts at once; use it within `open`."""

    def __init__(
        self,
        endpoint: Endpoint,
        client: httpx.AsyncClient,
        tell: Callable[[str], None],
        wire: Wire | None = None,
        allowance: Allowance | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._tell = tell
        self.name = endpoint.name
        self._client = client
        self._wire = wire or ChatWire(endpoint)
        self._allowance = allowance or LocalAllowance(rate=rate_of(endpoint))
        self._prompts = Prompts()
        self._longest = 0  # tokens that an answer has had so far
        self._without: frozenset[str] = frozenset()
        self._answered = False
        self._given_up = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        endpoint: Endpoint,
        tell: Callable[[str], None] = lambda why: None,
        wire: Wire | None = None,
        allowance: Allowance | None = None,
    ) -> AsyncIterator["HttpModel"]:
        """Give the model, its connections open for as long. The key goes into each request's header only.

        `tell` is called with one sentence for each try that failed and is made again. `wire` is chat unless given.
        `allowance` admits each request; the endpoint's own rates unless given.
        """
        async with _client(endpoint) as client:
            yield cls(endpoint, client, tell, wire, allowance)

    async def check(self) -> int | None:
        """Ask for the list of models, so that what cannot work stops before any attempt. Raises UserError.

        A server without such a list is not held against it. Returns the model's context in tokens, where the list
        says it (`max_model_len`, as vLLM and `assay serve` do).
        """
        try:
            answer = await self._client.get(self.endpoint.at("models"), timeout=min(_CONNECT_S, self.endpoint.reply_s))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as error:
            raise UserError(f"{self.endpoint.place} is no URL that can be asked ({error}): mend --model") from error
        except httpx.ConnectError as error:
            raise UserError(
                f"nothing answers at {self.endpoint.place} ({self._said(error)}): start the server, or mend --model"
                f"{_unused_proxy(self.endpoint)}"
            ) from error
        except httpx.HTTPError:
            return None  # it may be loaded: the attempts' own requests are tried again
        if answer.status_code == 401:
            raise self._mend(answer.status_code, answer.text)
        models = _models(answer) if answer.status_code == 200 else {}
        if models and self.name not in models:
            names = list(models)
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            raise UserError(f"{self.endpoint.place} has no model {self.name!r}: it has {shown}")
        return models.get(self.name)

    async def reply(self, conversation: Sequence[Message], *, seed: int) -> Reply:
        """Ask for the assistant's next turn, again after a pause where that may help."""
        tries = self.endpoint.tries
        seldom = 0  # failures of the kind that is tried fewer times
        for number in range(1, tries + 1):
            try:
                answer = await self._fitting(conversation, seed)
            except _Failed as failure:
                seldom += failure.most < tries
                if number >= tries or seldom >= failure.most:
                    raise self._give_up(str(failure), number) from failure
                backoff = min(self.endpoint.pause_s * 2 ** (number - 1), _LONGEST_PAUSE) * random.uniform(0.75, 1.25)
                pause = backoff if failure.pause is None else failure.pause
                self._tell(f"{self.endpoint.place}: {failure}; trying again in {pause:.1f} s")
                await asyncio.sleep(pause)
            else:
                self._answered = True
                self._given_up = 0
                return answer
        raise AssertionError("a request is tried at least once")

    def _give_up(self, why: str, tries: int) -> Exception:
        self._given_up += 1
        if self._given_up >= _GIVEN_UP:
            return UserError(
                f"{self.endpoint.place} failed {self._given_up} attempts in a row ({why}): what is finished is kept; "
                "look at the server and run the same command again"
            )
        return EndpointError(f"{self.endpoint.place} failed {tries} times: {why}")

    async def _fitting(self, conversation: Sequence[Message], seed: int) -> Reply:
        """Ask once; where the server does not know an optional field of ours, at once again without it."""
        while True:
            body = self._wire.body(conversation, seed, self._without)
            if isinstance(body, Reply):
                return body
            said = _said(body)
            read, most = _tokens_read(body, said, self._prompts)
            written = body.get("max_tokens") or body.get("max_completion_tokens")
            async with admitted(self._allowance, most, written, about=read + (written or self._longest)) as taken:
                found = await self._once(body, taken)
            if isinstance(found, Reply):
                self._longest = max(self._longest, found.sampled_tokens)
                if said:
                    self._prompts.counted(said, found.prompt_tokens)
                return found
            self._without |= {found}

    async def _once(self, body: dict[str, Any], taken: Taken) -> Reply | str:
        """Return the reply, or the name of a field that is not to be sent again; count what it took.

        A request that nobody took, or that was answered by an error, costs nothing. One that broke off may have been
        paid for, and counts to the full.
        """
        try:
            async with (
                asyncio.timeout(self.endpoint.reply_s),
                self._client.stream("POST", self.endpoint.at(self.endpoint.action), json=body) as answer,
            ):
                if answer.status_code != 200:
                    taken.nothing()
                    return await self._not_ok(answer, body)
                if answer.headers.get("content-type", "").startswith("text/event-stream"):
                    reply = await self._streamed(answer, self._wire.gathered(body))
                else:
                    reply = reply_of(_json(await _whole(answer)), self._wire.gathered(body))
                taken.by(reply)
                return reply
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            taken.nothing()
            raise _Failed(self._said(error)) from error
        except TimeoutError as error:
            raise _Failed(f"no whole answer within {self.endpoint.reply_s:g} s") from error
        except httpx.TimeoutException as error:
            raise _Failed(f"it timed out ({type(error).__name__})") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise _Failed(self._said(error)) from error
        except Malformed as error:
            raise _Failed(f"{error}", most=_MALFORMED) from error

    async def _not_ok(self, answer: httpx.Response, body: dict[str, Any]) -> Reply | str:
        """Say what a status other than 200 means: a reply, a field to leave out, or an error that is raised."""
        status = answer.status_code
        said = (await _whole(answer, SHORT)).decode("utf-8", "replace")
        if status in (400, 413, 422):
            if overflows(said):
                return Reply(text="", finish=Finish.CONTEXT)
            if refuses(said):
                return Reply(text="", finish=Finish.REFUSED)
            if (name := unknown_field(said, body)) is not None:
                return name
        if status in (401, 403, 404) or (status == 429 and out_of_credit(said)):
            raise self._mend(status, said)
        if 300 <= status < 400:
            raise UserError(f"{self.endpoint.place} sends requests on to {_elsewhere(answer)}: name that in --model")
        why = f"status {status}: {self.endpoint.scrubbed(_message(said)) or 'no message'}"
        if status in RETRIED:
            raise _Failed(why, pause=retry_after(answer.headers.get("retry-after"), _LONGEST_PAUSE))
        if not self._answered:
            raise UserError(f"{self.endpoint.place} does not take the request ({why}): mend --model or its options")
        raise EndpointError(f"{self.endpoint.place} answered with {why}")

    def _mend(self, status: int, said: str) -> UserError:
        """Return the sentence for an error that only the user can mend."""
        place, why = self.endpoint.place, self.endpoint.scrubbed(_message(said)) or f"status {status}"
        if status == 401:
            what = "does not take the API key" if self.endpoint.key else "wants an API key"
            return UserError(f"{place} {what} ({why}): set OPENAI_API_KEY, or name the variable with --key-from")
        if status == 403:
            return UserError(f"{place} forbids this key to use {self.name!r} ({why}): ask whoever runs it")
        if status == 404:
            return UserError(f"{place} knows no model {self.name!r}, or is no such endpoint ({why}): mend --model")
        return UserError(f"{place} says that the account has no credit left ({why}): what is finished is kept")

    async def _streamed(self, answer: httpx.Response, gathered: Gathered) -> Reply:
        """Gather a stream of server-sent events, at most so many characters of it."""
        seen = False
        async for line in _lines(answer):
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                return gathered.reply()
            event = _json(data)
            if not isinstance(event, dict):
                raise Malformed("an event of the stream is no object")
            if "error" in event:
                raise _Failed(f"the stream broke off: {self.endpoint.scrubbed(_message(json.dumps(event)))}")
            gathered.count(event.get("usage"))
            choices = event.get("choices")
            for choice in choices if isinstance(choices, list) else ():
                seen = gathered.choice(choice, "delta") or seen
            if gathered.length > _MOST_CHARACTERS:
                gathered.cut()
                return gathered.reply()
        if not seen or not gathered.finish:
            raise _Failed("the stream ended before its answer did")
        return gathered.reply()

    def _said(self, error: Exception) -> str:
        return self.endpoint.scrubbed(str(error)) or type(error).__name__


def rate_of(endpoint: Endpoint) -> RateLimit:
    """Return the limit that keeps an endpoint's rates."""
    return RateLimit(endpoint.requests_per_minute, endpoint.tokens_per_minute)


def _client(endpoint: Endpoint) -> httpx.AsyncClient:
    """Return what holds the connections to an endpoint. Raises UserError for a key or a proxy that cannot be used."""
    authorities = os.environ.get("SSL_CERT_FILE")  # whom to trust is the machine's matter; where to go is not
    try:
        return httpx.AsyncClient(
            headers={"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {},
            timeout=httpx.Timeout(endpoint.reply_s, connect=min(_CONNECT_S, endpoint.reply_s), pool=None),
            limits=httpx.Limits(max_connections=None),
            follow_redirects=False,
            trust_env=False,
            proxy=endpoint.proxy or None,
            verify=ssl.create_default_context(cafile=authorities) if authorities else True,
        )
    except UnicodeEncodeError as error:
        raise UserError("the API key holds characters that no header can carry: set it again") from error
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise UserError(f"--proxy is no URL of a proxy that can be used ({endpoint.scrubbed(str(error))})") from error
    except OSError as error:
        raise UserError(f"the certificates in $SSL_CERT_FILE cannot be read ({error}): mend or unset it") from error


def _unused_proxy(endpoint: Endpoint) -> str:
    """Say that there is a proxy which is not used, where that may be why nothing answers."""
    scheme = urlsplit(endpoint.url).scheme
    for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"):
        if os.environ.get(name) and not endpoint.proxy:
            return f" (${name} is not used: name it with --proxy)"
    return ""


def _elsewhere(answer: httpx.Response) -> str:
    """Return the host that a redirect names."""
    parts = urlsplit(answer.headers.get("location", ""))
    return f"{parts.scheme}://{parts.hostname}" if parts.scheme and parts.hostname else "another path"


def _said(body: dict[str, Any]) -> list[Said]:
    """Return the messages of a request, none where it has token ids."""
    return [
        (message["role"], (message["content"] or "") + "".join(map(str, message.get("tool_calls", ()))))
        for message in body.get("messages", ())
    ]


def _tokens_read(body: dict[str, Any], said: list[Said], prompts: Prompts) -> tuple[int, int]:
    """Return how many tokens a request will have the endpoint read, about and at most: exactly for ids."""
    if isinstance(prompt := body.get("prompt"), list):
        return len(prompt), len(prompt)
    told = len(json.dumps(body["tools"])) if "tools" in body else 0
    return (told + sum(len(text) for _, text in said)) // _CHARACTERS_A_TOKEN, told + prompts.most(said)


SHORT = 1 << 16  # bytes of an error's message that are read


async def _whole(answer: httpx.Response, most: int = _MOST_BYTES) -> bytes:
    """Read a body; an error's message is cut at `most`, an answer that is longer is Malformed."""
    data = bytearray()
    async for piece in answer.aiter_bytes():
        data += piece
        if len(data) > most:
            if most == SHORT:
                break
            raise Malformed(f"the answer has over {most >> 20} MB")
    return bytes(data)


async def _lines(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the lines of a stream. Raises Malformed for one that does not end."""
    rest = b""
    async for piece in answer.aiter_bytes():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r")
        if len(rest) > _MOST_BYTES:
            raise Malformed("a line of the stream does not end")
    if rest:
        yield rest


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the answer is not JSON ({str(error)[:100]})") from error


def _message(said: str) -> str:
    """Return the message in a server's error, or all that it said where it is no such object."""
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return said
    for key in ("error", "detail", "message"):
        found = found.get(key, found) if isinstance(found, dict) else found
    return found if isinstance(found, str) else json.dumps(found)


def _models(answer: httpx.Response) -> dict[str, int | None]:
    """Return the context of each model in a server's list, None where it does not say."""
    try:
        listed = answer.json()["data"]
        contexts = {each["id"]: each.get("max_model_len") for each in listed if isinstance(each["id"], str)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: value if type(value) is int and value > 0 else None for name, value in contexts.items()}
