"""The endpoint of a disturbed run: a real HTTP server on this machine whose every answer can be spoilt.

It counts the requests of a drive, and that count is the clock by which faults are injected: "at the fifth request"
means the same on a fast machine and on a slow one.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from assay.chaos.answers import Answers
from assay.errors import MachineryError

NAME = "chaos"  # of the model
_JSON = {"Content-Type": "application/json"}
_POLL_S = 0.02

Spoil = Callable[["Wire", str], None]  # sends what it likes in place of the text that was due


class Wire:
    """One request, and what may be sent back."""

    def __init__(self, handler: BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
        self._handler = handler
        self.request = request
        self.streams = bool(request.get("stream"))

    def send(self, body: bytes, status: int = 200, *, cut: int | None = None, headers: Mapping[str, str] = {}) -> None:
        """Send a whole answer, or its first `cut` bytes and then hang up."""
        self._handler.send_response(status)
        for name, value in {**_JSON, **headers}.items():
            self._handler.send_header(name, value)
        self._handler.send_header("Content-Length", str(len(body)))
        self._handler.end_headers()
        self._handler.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self._handler.close_connection = True

    def say(self, text: str) -> None:
        """Answer as an endpoint should, token by token where that is asked for."""
        if self.streams:
            self.stream(text)
        else:
            self.send(completion(text))

    def stream(self, text: str, *, words: int | None = None, forever: bool = False) -> None:
        """Send server-sent events: all of the text, only its first `words`, or the text again and again."""
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", "text/event-stream")
        self._handler.send_header("Connection", "close")
        self._handler.end_headers()
        self._handler.close_connection = True
        pieces = text.split(" ")
        for number, piece in enumerate(pieces):
            if number == words:
                return
            self._event({"delta": {"content": piece if number == 0 else f" {piece}"}})
        while forever:
            self._event({"delta": {"content": text * 20}})
        self._event({"delta": {}, "finish_reason": "stop"})
        self._handler.wfile.write(b"data: [DONE]\n\n")

    def _event(self, choice: dict[str, Any]) -> None:
        data = json.dumps({"choices": [{"index": 0, **choice}]})
        self._handler.wfile.write(f"data: {data}\n\n".encode())


def completion(text: str) -> bytes:
    """Return the body of a chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": len(text.split()), "total_tokens": 10 + len(text.split())}
    body = {"id": "x", "object": "chat.completion", "model": NAME, "choices": [choice], "usage": usage}
    return json.dumps(body).encode()


@dataclass
class _Trouble:
    """What spoils the answers to one turn of one conversation, so often."""

    first: int
    left: int
    spoil: Spoil
    opening: bool
    turn: str = ""


@dataclass
class Endpoint:
    """The server. `answers` says what is right to say; `broken` is what went wrong here, which no run may hide."""

    answers: Answers
    url: str = ""
    requests: int = 0
    broken: list[str] = field(default_factory=list)
    _troubles: list[_Trouble] = field(default_factory=list)
    _moments: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _away: threading.Lock = field(default_factory=threading.Lock)
    _server: "_Server | None" = None
    _port: int = 0

    def begin(self) -> None:
        """Forget the faults of the drive before, and count from nothing. Waits until it is there again."""
        with self._away, self._lock:
            self.requests = 0
            self._troubles.clear()
            self._moments.clear()
        self.answers.clear()

    def at(self, request: int, act: Callable[[], None]) -> None:
        """Call `act` when the request of this number has come, before it is answered."""
        self._moments.setdefault(request, []).append(act)

    def spoil(self, request: int, times: int, how: Spoil, *, opening: bool = False) -> None:
        """Answer the first request from this number on by `how`, and so many in all where the same is asked again.

        `opening`: it must be the first of a conversation.
        """
        self._troubles.append(_Trouble(request, times, how, opening))

    def serve(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer one request for a turn."""
        request = json.loads(body)
        turn = json.dumps(request["messages"])
        with self._lock:
            self.requests += 1
            number = self.requests
            trouble = self._troubled(number, turn, len(request["messages"]) == 2)
        for act in self._moments.get(number, ()):
            act()
        wire = Wire(handler, request)
        text = self.answers.reply(request["messages"])
        (trouble.spoil if trouble else Wire.say)(wire, text)

    def _troubled(self, number: int, turn: str, opening: bool) -> _Trouble | None:
        taken = any(each.turn == turn for each in self._troubles)  # two on one turn could use up its tries
        for each in self._troubles:
            fits = number >= each.first and not taken and (opening or not each.opening)
            if each.left and (each.turn == turn if each.turn else fits):
                each.turn = turn
                each.left -= 1
                return each
        return None

    def listen(self) -> None:
        """Take connections, at the port of before where there was one."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self._port}/v1"
        run = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": _POLL_S}, daemon=True)
        run.start()

    def shut(self) -> None:
        """Take no connection any more, and break off those that are."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.break_off()
            self._server = None

    def refuse(self, seconds: float) -> None:
        """Be gone for so long."""
        with self._away:
            self.shut()
            time.sleep(seconds)
            self.listen()


@contextmanager
def serving(answers: Answers) -> Iterator[Endpoint]:
    """Give an endpoint that serves until the block ends."""
    endpoint = Endpoint(answers)
    endpoint.listen()
    try:
        yield endpoint
    finally:
        endpoint.shut()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def break_off(self) -> None:
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that was broken off is what is wanted here; `_Handler` has noted anything else."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        Wire(self, {}).send(json.dumps({"object": "list", "data": [{"id": NAME, "object": "model"}]}).encode())

    def do_POST(self) -> None:
        try:
            self.server.endpoint.serve(self, self.rfile.read(int(self.headers["Content-Length"])))
        except OSError:
            self.close_connection = True  # the driver hung up, or was killed
        except (MachineryError, ValueError, KeyError) as error:
            self.server.endpoint.broken.append(f"{type(error).__name__}: {error}")
            self.close_connection = True
