"""What an OpenAI-compatible endpoint is asked and what its answers mean: plain data, no connection.

The names of the fields are those of https://platform.openai.com/docs/api-reference/chat; `return_token_ids` is
vLLM's (0.10.2 or newer). Here is the chat API; `assay.models.completions` has the one that takes token ids.
"""

import base64
import email.utils
import math
import re
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from assay.errors import MachineryError, UserError
from assay.models.keys import read_key
from assay.models.tools import TOOLS, Calls, calls_of
from assay.nouns import Finish, Message, Reply

SHOWN = 300  # characters of a server's message in an error
RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_NO_CREDIT = re.compile(
    r"insufficient_quota|exceeded your current quota|billing|insufficient (credit|balance|fund)", re.I
)
_OVERFLOW = re.compile(
    r"context_length_exceeded|maximum context length|context (window|length|size)|max_model_len|prompt is too long"
    r"|input (is )?too long|too many (input |prompt )?tokens|longer than the model|reduce the length",
    re.I,
)
_REFUSED = re.compile(r"content_filter|content_policy|content management policy|safety system", re.I)
_NO_SYSTEM = re.compile(r"system (role|message|prompt)s?\b.{0,40}not supported|roles must alternate", re.I)
_SYSTEM = "system"  # stands among the optional fields for messages of that role
# Fields that only some servers know: one that is complained of is not sent again.
_OPTIONAL = ("return_token_ids", "logprobs", "stop_token_ids", "stream_options", "seed", "max_tokens")
_SECRET_FIELD = re.compile(r"key|token|secret|sig|password|auth", re.I)
_HIDDEN = "***"
_ACTIONS = {"openai": "chat/completions", "completions": "completions"}  # by the word's kind


class EndpointError(MachineryError):
    """The endpoint failed, after every try that was worth it: the attempt ends as `machinery`, never with a score."""


class Malformed(Exception):
    """An answer that is not what the protocol allows; the message says how."""


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers and what it is asked. Times in seconds, `price` in US dollars a million tokens.

    `kind` is the API: "openai" for chat completions, "completions" for token ids in and out. The two `_per_minute`
    are limits that we keep. `key` is never shown, written or pickled: it is no part of `repr` nor of `described`, and
    another process reads it where `key_from` says (see `assay.models.keys`). `proxy` is the URL of the one that all
    connections go through; none is taken from the environment. With `tools` the model is offered the tool `bash`.
    """

    url: str = field(repr=False)
    name: str
    key: str = field(default="", repr=False)
    key_from: str = ""
    proxy: str = field(default="", repr=False)
    kind: str = "openai"
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stream: bool = False
    token_ids: bool = True
    tools: bool = False
    price: tuple[float, float] | None = None
    reply_s: float = 600.0
    tries: int = 8
    pause_s: float = 1.0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    @classmethod
    def parse(cls, word: str, **options: Any) -> "Endpoint":
        """Return the endpoint that `openai:URL#NAME` or `completions:URL#NAME` names. Raises UserError for others.

        A URL without a path gets `/v1`, where these servers answer.
        """
        kind, _, rest = word.partition(":")
        url, _, name = rest.partition("#")
        parts = urlsplit(url)
        if kind not in _ACTIONS or parts.scheme not in ("http", "https") or not parts.hostname or not name.strip():
            raise UserError(
                f"--model {word!r} does not name an endpoint and a model: "
                "write openai:URL#NAME, openai:http://localhost:8000/v1#my-model for example"
            )
        path = parts.path.rstrip("/")
        for action in _ACTIONS.values():
            path = path.removesuffix(f"/{action}")
        path = path or "/v1"
        return cls(urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")), name.strip(), kind=kind, **options)

    @property
    def action(self) -> str:
        """What is asked for, after the URL."""
        return _ACTIONS[self.kind]

    @property
    def place(self) -> str:
        """The URL without a user's name, password or query, to be shown and recorded."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        return urlunsplit((parts.scheme, host + (f":{parts.port}" if parts.port else ""), parts.path, "", ""))

    def at(self, action: str) -> str:
        """The URL of an action, `chat/completions` or `models`."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc, f"{parts.path}/{action}", parts.query, ""))

    @property
    def described(self) -> dict[str, Any]:
        """What of it decides the answers, for the record."""
        return {
            "endpoint": self.place,
            "model": self.name,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "price": None if self.price is None else list(self.price),
        }

    def sampling(self, seed: int) -> dict[str, Any]:
        """Return what both APIs are told of how to sample and what to give back."""
        asked: dict[str, Any] = {"model": self.name, "seed": seed & 0x7FFFFFFF}
        for name in ("temperature", "top_p", "max_tokens"):
            if (value := getattr(self, name)) is not None:
                asked[name] = value
        if self.stream:
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        return asked

    def __reduce__(self) -> tuple[Any, ...]:
        if self.key and not self.key_from:
            raise UserError(f"the key of {self.place} cannot go to another process: say where it is read with key_from")
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "key"}
        return _elsewhere, (given, bool(self.key))

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key, and what in the URLs lets somebody in: longest first, none as short as a word may be."""
        found = {self.key}
        for parts in (urlsplit(self.url), urlsplit(self.proxy)):
            if parts.password:
                pair = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
                found |= {parts.password, unquote(parts.password), base64.b64encode(pair.encode()).decode()}
            found |= {value for name, value in parse_qsl(parts.query) if _SECRET_FIELD.search(name)}
        return tuple(sorted((each for each in found if len(each) > 3), key=len, reverse=True))

    def hidden(self, text: str) -> str:
        """Return what a server said without our secrets, which some servers and proxies send back."""
        for secret in self.secrets:
            text = text.replace(secret, _HIDDEN)
        return text

    def scrubbed(self, text: str) -> str:
        """Return what a server said as one short line, without our secrets."""
        said = self.hidden(text)
        said = " ".join("".join(c if c.isprintable() else " " for c in said).split())
        return said if len(said) <= SHOWN else f"{said[:SHOWN]}..."


def _elsewhere(given: dict[str, Any], keyed: bool) -> Endpoint:
    """Return an endpoint in the process that it was sent to. Raises UserError where its key is not to be found."""
    key = read_key(given["key_from"]) if keyed else ""
    made = Endpoint(key=key, **given)
    if keyed and not key:
        raise UserError(
            f"the key of {made.place} is not on {socket.gethostname()}: set {given['key_from']} for the workers there"
        )
    return made


class Wire(Protocol):
    """One API of an endpoint: what is sent for a conversation, and what gathers the answer."""

    def body(self, conversation: Sequence[Message], seed: int, without: frozenset[str]) -> dict[str, Any] | Reply:
        """Return the request for the next turn, or a reply where there is nothing to ask.

        `without` are the optional fields that the server does not take.
        """
        ...

    def gathered(self, body: dict[str, Any]) -> "Gathered":
        """Return what takes the answer to `body`."""
        ...


@dataclass(frozen=True)
class ChatWire:
    """Chat completions: messages in, the server renders them."""

    endpoint: Endpoint

    def body(self, conversation: Sequence[Message], seed: int, without: frozenset[str]) -> dict[str, Any]:
        """Return the request. Some servers refuse a turn without text, such as one in which the model only thought."""
        messages = [_sent(message) for message in conversation]
        if _SYSTEM in without:
            messages = _without_system(messages)
        asked = {"messages": messages, **self.endpoint.sampling(seed)}
        if self.endpoint.tools:
            asked["tools"] = TOOLS
        if self.endpoint.token_ids:
            asked |= {"return_token_ids": True, "logprobs": True}
        for name in without:
            value = asked.pop(name, None)
            if name == "max_tokens" and value is not None:
                asked["max_completion_tokens"] = value
        return asked

    def gathered(self, body: dict[str, Any]) -> "Gathered":
        """Return what takes the answer."""
        return Gathered(self.endpoint)


def _sent(message: Message) -> dict[str, Any]:
    """Return a message as the API has it: what answers a call has the role `tool`."""
    content = message.content if message.content.strip() else "(no text)"
    if message.answers:
        return {"role": "tool", "tool_call_id": message.answers, "content": content}
    if message.calls:  # the one turn that may go without text
        text = message.content if message.content.strip() else None
        return {"role": message.role.value, "content": text, "tool_calls": calls_of(message)}
    return {"role": message.role.value, "content": content}


def unknown_field(said: str, sent: dict[str, Any]) -> str | None:
    """Return the optional field of ours that a 400 or 422 complains of, or None; "system" for messages of that role."""
    if _NO_SYSTEM.search(said) and "messages" in sent and sent["messages"][0]["role"] == _SYSTEM:
        return _SYSTEM
    for name in _OPTIONAL:
        if name in sent and name in said:
            return name
    return None


def _without_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put what the system message says at the head of the user's first."""
    if len(messages) < 2 or messages[0]["role"] != _SYSTEM:
        return messages
    first = {**messages[1], "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
    return [first, *messages[2:]]


def overflows(said: str) -> bool:
    """Whether an error says that the conversation is longer than the model takes."""
    return _OVERFLOW.search(said) is not None


def refuses(said: str) -> bool:
    """Whether an error says that the endpoint declines to answer this conversation."""
    return _REFUSED.search(said) is not None


def out_of_credit(said: str) -> bool:
    """Whether a 429 says that there is no money left, so that waiting does not help."""
    return _NO_CREDIT.search(said) is not None


def retry_after(value: str | None, most: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, at most `most`; None where it says nothing usable."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), most) if math.isfinite(seconds) else None


def reply_of(data: Any, gathered: "Gathered") -> Reply:
    """Return the reply in a whole answer. Raises Malformed when it is none."""
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Malformed("the answer has no choices")
    if not gathered.choice(choices[0], "message"):
        raise Malformed("the answer's first choice has no message")
    gathered.count(data.get("usage"))
    return gathered.reply()


class Gathered:
    """An answer in the making: all at once, or delta by delta of a stream."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._text: list[str] = []
        self._thought: list[str] = []
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._calls = Calls()
        self._refusal = False
        self._usage: dict[str, Any] = {}
        self.finish = ""
        self.length = 0

    def choice(self, choice: Any, part: str) -> bool:
        """Take a choice of a whole answer (`part` "message") or of a stream ("delta"); False where it holds none."""
        message = choice.get(part) if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            return False
        self.take(choice, message)
        return True

    def take(self, choice: dict[str, Any], message: dict[str, Any]) -> None:
        """Take a choice with its message, or with the delta of one. Raises Malformed."""
        text = message.get("content")
        if isinstance(text, list):  # parts, as some servers give them
            text = "".join(str(part.get("text", "")) for part in text if isinstance(part, dict))
        if text is not None and not isinstance(text, str):
            raise Malformed(f"the answer's content is not text but {type(text).__name__}")
        thought = message.get("reasoning_content") or message.get("reasoning")
        for words, into in ((text, self._text), (thought, self._thought)):
            if isinstance(words, str) and words:
                into.append(words)
                self.length += len(words)
        if self._endpoint.tools:
            self.length += self._calls.take(message.get("tool_calls"))
        self._refusal = self._refusal or bool(message.get("refusal"))
        self.finish = str(choice.get("finish_reason") or self.finish)
        ids = choice.get("token_ids")
        if isinstance(ids, list) and all(type(each) is int for each in ids):
            self._ids += ids
        logprobs = choice.get("logprobs")
        self._logprobs += self._values(logprobs if isinstance(logprobs, dict) else {})

    def _values(self, logprobs: dict[str, Any]) -> list[float]:
        content = logprobs.get("content")
        entries = content if isinstance(content, list) else []
        return numbers(entry.get("logprob") if isinstance(entry, dict) else None for entry in entries)

    def count(self, usage: Any) -> None:
        """Take the server's count of tokens, the last one it gives."""
        if isinstance(usage, dict):
            self._usage = usage

    def cut(self) -> None:
        """End an answer that would not end."""
        self.finish = "length"

    def reply(self) -> Reply:
        """Return what was gathered."""
        prompt, sampled = (_count(self._usage.get(f"{kind}_tokens")) for kind in ("prompt", "completion"))
        ids = tuple(self._ids) or None
        sampled = sampled or len(self._ids)
        # Log-probabilities without ids, or of another number, cannot be laid beside tokens.
        logprobs = tuple(self._logprobs) if ids and len(self._logprobs) == len(ids) else None
        cost = self._usage.get("cost")
        if self._endpoint.price is not None:
            cost = (prompt * self._endpoint.price[0] + sampled * self._endpoint.price[1]) / 1e6
        paid = isinstance(cost, int | float) and not isinstance(cost, bool) and math.isfinite(cost) and cost > 0
        text, thought = _whole("".join(self._text)), _whole("".join(self._thought))
        calls = self._calls.whole(lambda written: self._endpoint.hidden(_whole(written)))
        if self._endpoint.hidden(text) != text or calls != self._calls.whole(_whole):
            ids = logprobs = None  # they spell the secret too
        return Reply(
            text=self._endpoint.hidden(text),
            finish=self._finish(),
            token_ids=ids,
            logprobs=logprobs,
            prompt_tokens=prompt,
            sampled_tokens=sampled,
            cost=float(cost) if paid and cost is not None else 0.0,
            reasoning=self._endpoint.hidden(thought),
            calls=calls,
        )

    def _finish(self) -> Finish:
        if self._refusal or self.finish == "content_filter":
            return Finish.REFUSED
        return Finish.LENGTH if self.finish in ("length", "max_tokens") else Finish.STOP


def _whole(text: str) -> str:
    """Join the halves of characters that a stream cut in two; a half that stays alone cannot be written."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def numbers(values: Iterable[Any]) -> list[float]:
    """Return those of the values that are finite numbers."""
    plain = (value for value in values if isinstance(value, int | float) and not isinstance(value, bool))
    return [float(value) for value in plain if math.isfinite(value)]


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
