"""A tiny honest OpenAI-compatible server for tests: chat completions from a policy, over the standard library's HTTP.

The policy is a function from the messages of the request to a text, or to a `Raw` for what an unwell server sends.
Tokens are the words of a text: counted, and with vLLM's `return_token_ids` numbered.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


@dataclass
class Raw:
    """An answer as it is, whatever it is."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    forever: bytes = b""  # sent again and again until the other side hangs up
    finish: str = "stop"
    text: str | None = None  # a chat completion with this text and `finish` in place of `body`
    calls: tuple[tuple[str, str], ...] = ()  # of tools, name and arguments, beside the text


@dataclass
class Server:
    """What runs: its URL, and every request it got."""

    url: str
    requests: list[dict] = field(default_factory=list)
    headers: list[dict] = field(default_factory=list)


def error(status: int, message: str, code: str = "", **headers: str) -> Raw:
    body = {"error": {"message": message, "type": "error", "code": code}}
    return Raw(status, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})


def tokens(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text)


def said(messages: list[dict]) -> list[str]:
    """Return what the assistant said so far."""
    return [message["content"] for message in messages if message["role"] == "assistant"]


def bash(command: str, fence: str = "mswea_bash_command") -> str:
    return f"THOUGHT: next.\n\n```{fence}\n{command}\n```"


def calling(*commands: str, text: str = "THOUGHT: next.") -> Raw:
    """A reply that calls `bash` with each command."""
    return Raw(text=text, calls=tuple(("bash", json.dumps({"command": command})) for command in commands))


def tool_calls(calls: tuple[tuple[str, str], ...], turn: int) -> list[dict]:
    return [
        {"id": f"call_{turn}_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(calls)
    ]


def history_fault(messages: list[dict], tools: bool) -> str:
    """Say what in a history of tool calls a strict server refuses, "" for nothing."""
    open_calls: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return f"no call has the id {message['tool_call_id']}"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return f"the call {open_calls[0]} is not answered"
        for call in message.get("tool_calls", ()):
            if not tools or not isinstance(json.loads(call["function"]["arguments"]), dict):
                return "the arguments of a call are no object"
            open_calls.append(call["id"])
    return f"the call {open_calls[0]} is not answered" if open_calls else ""


@contextmanager
def serving(
    policy: Callable[[list[dict]], str | Raw],
    *,
    name: str = "tiny",
    key: str = "",
    models: bool = True,
    vllm: bool = False,
    refuses: tuple[str, ...] = (),
    port: int = 0,
    completions: Callable[[dict], Raw] | None = None,
) -> Iterator[Server]:
    """Serve until the block ends. `refuses` are fields of a request that it answers with 400.

    `completions` answers the other API, from the whole request.
    """
    server = Server("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def send(self, raw: Raw) -> None:
            time.sleep(raw.wait_s)
            self.send_response(raw.status)
            for field_name, value in raw.headers.items():
                self.send_header(field_name, value)
            if raw.forever:
                self.send_header("Connection", "close")
                self.end_headers()
                while True:
                    self.wfile.write(raw.forever)
            self.send_header("Content-Length", str(len(raw.body)))
            self.end_headers()
            self.wfile.write(raw.body)

        def unwanted(self) -> Raw | None:
            if key and self.headers.get("Authorization") != f"Bearer {key}":
                given = self.headers.get("Authorization", "")
                return error(401, f"Incorrect API key provided: {given}", "invalid_api_key")
            return None

        def do_GET(self) -> None:
            if (raw := self.unwanted()) is not None:
                self.send(raw)
            elif not models:
                self.send(error(404, "Not Found"))
            else:
                body = json.dumps({"object": "list", "data": [{"id": name, "object": "model"}]}).encode()
                self.send(Raw(200, body, {"Content-Type": "application/json"}))

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append(request)
            server.headers.append(dict(self.headers))
            try:
                self.answer(request)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def answer(self, request: dict) -> None:
            if (raw := self.unwanted()) is not None:
                return self.send(raw)
            if completions is not None and self.path == "/v1/completions":
                return self.send(completions(request))
            if not self.path.endswith("/chat/completions"):
                return self.send(error(404, f"no such path {self.path}"))
            if request["model"] != name:
                return self.send(error(404, f"The model `{request['model']}` does not exist.", "model_not_found"))
            for field_name in refuses:
                if field_name in request:
                    return self.send(error(400, f"Unrecognized request argument supplied: {field_name}"))
            if why := history_fault(request["messages"], "tools" in request):
                return self.send(error(400, why))
            told = policy(request["messages"])
            if isinstance(told, Raw) and told.text is None:
                return self.send(told)
            text, finish = (told.text or "", told.finish) if isinstance(told, Raw) else (told, "stop")
            calls = told.calls if isinstance(told, Raw) else ()
            listed = tool_calls(calls, len(request["messages"]))
            finish = "tool_calls" if calls and finish == "stop" else finish
            sampled = text + "".join(f"<tool_call> {called} {arguments}" for called, arguments in calls)
            words = tokens(sampled)
            usage = {
                "prompt_tokens": sum(len(tokens(m["content"] or "")) for m in request["messages"]),
                "completion_tokens": len(words),
            }
            usage["total_tokens"] = sum(usage.values())
            if request.get("stream"):
                return self.stream(request, words, finish, usage, text, listed)
            message = {"role": "assistant", "content": text or None if listed else text}
            message |= {"tool_calls": listed} if listed else {}
            choice = {"index": 0, "message": message, "finish_reason": finish}
            choice |= self.extras(request, words)
            body = {"id": "x", "object": "chat.completion", "model": name, "choices": [choice], "usage": usage}
            self.send(Raw(200, json.dumps(body).encode(), {"Content-Type": "application/json"}))

        def extras(self, request: dict, words: list[str]) -> dict:
            found: dict = {}
            if vllm and request.get("return_token_ids"):
                found["token_ids"] = [len(word) for word in words]
            if vllm and request.get("logprobs"):
                found["logprobs"] = {"content": [{"token": word, "logprob": -0.5} for word in words]}
            return found

        def stream(
            self, request: dict, words: list[str], finish: str, usage: dict, text: str, calls: list[dict]
        ) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.send_header("Connection", "close")
            self.end_headers()
            shown = (tokens(text) or [""]) if calls else words
            for number, word in enumerate(shown):
                mine = words[number:] if number == len(shown) - 1 else [word]  # the calls' own with the last
                choice = {"index": 0, "delta": {"content": word}, **self.extras(request, mine)}
                self.event({"choices": [choice]})
            for index, call in enumerate(calls):
                arguments = call["function"]["arguments"]
                head = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
                pieces = [{"function": {"arguments": arguments[at : at + 5]}} for at in range(0, len(arguments), 5)]
                for piece in [head, *pieces]:
                    self.event({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, **piece}]}}]})
            self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
            if request.get("stream_options", {}).get("include_usage"):
                self.event({"choices": [], "usage": usage})
            self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True

        def event(self, data: dict) -> None:
            self.wfile.write(b"data: " + json.dumps(data).encode() + b"\n\n")

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    with Quiet(("127.0.0.1", port), Handler) as listening:
        server.url = f"http://127.0.0.1:{listening.server_address[1]}/v1"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
