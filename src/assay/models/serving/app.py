"""The server's routes: requests in, checked, sampled by the worker, answered whole or as server-sent events."""

import asyncio
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from assay.errors import AssayError, UserError
from assay.models.serving.answers import Answer, ChatAnswer, CompletionAnswer, error
from assay.models.serving.asked import BadRequest, Sampling, chat_request, completion_request
from assay.models.serving.jobs import Job, merged, room, short_enough
from assay.models.serving.worker import Worker

_MOST_BYTES = 64 << 20  # of a request
_Found = TypeVar("_Found")


class _Gone(Exception):
    """The client hung up: nobody reads the answer."""


class Server:
    """What the routes share: the worker, the model's name, and the key that clients must show, if any."""

    def __init__(self, worker: Worker, name: str, key: str = "") -> None:
        self.worker = worker
        self.name = name
        self.key = key
        self.began = int(time.time())

    async def health(self, request: Request) -> Response:
        """Say whether the engine is there."""
        return Response(status_code=200 if self.worker.alive else 503)

    async def models(self, request: Request) -> Response:
        """List the one model."""
        self._allow(request)
        return JSONResponse({"object": "list", "data": [self._card()]})

    async def model(self, request: Request) -> Response:
        """Describe it."""
        self._allow(request)
        self._named(request.path_params["name"])
        return JSONResponse(self._card())

    async def chat(self, request: Request) -> Response:
        """Answer a conversation."""
        asked = chat_request(await self._body(request))
        self._named(asked.model)
        form = self.worker.model.chat
        short_enough(self.worker, [turn.content for turn in asked.conversation], "messages")
        try:
            prompt = form.prompt(asked.conversation)
        except UserError as problem:
            raise BadRequest(str(problem), param="messages") from problem
        most = room(self.worker, prompt, asked.max_completion_tokens or asked.max_tokens, "messages")
        jobs = self._jobs(asked, [(prompt, most)])
        return await self._answer(request, asked, jobs, ChatAnswer(asked, self.name, form.decode, prompt))

    async def completions(self, request: Request) -> Response:
        """Continue texts or ids."""
        asked = completion_request(await self._body(request))
        self._named(asked.model)
        form = self.worker.model.chat
        for prompt in asked.prompts:
            short_enough(self.worker, [prompt] if isinstance(prompt, str) else [], "prompt")
        prompts = [form.encode(prompt) if isinstance(prompt, str) else prompt for prompt in asked.prompts]
        for prompt in prompts:
            if not prompt or max(prompt) >= form.vocabulary:
                raise BadRequest(f"a prompt has ids outside the vocabulary of {form.vocabulary}", param="prompt")
        jobs = self._jobs(
            asked, [(prompt, room(self.worker, prompt, asked.max_tokens, "prompt")) for prompt in prompts]
        )
        return await self._answer(request, asked, jobs, CompletionAnswer(asked, self.name, form.decode, prompts))

    def _jobs(self, asked: Sampling, prompts: Sequence[tuple[list[int], int]]) -> list[Job]:
        """Return `n` jobs a prompt: the first has the seed that was given, each further one the next."""
        seed = secrets.randbits(48) if asked.seed is None else asked.seed
        return [
            Job(self.worker, asked, place * asked.n + number, prompt, most, seed + number)
            for place, (prompt, most) in enumerate(prompts)
            for number in range(asked.n)
        ]

    async def _answer(self, request: Request, asked: Sampling, jobs: list[Job], answer: Answer) -> Response:
        if asked.stream:
            return StreamingResponse(_events(asked, jobs, answer), media_type="text/event-stream")
        pieces = await _unless_gone(request, asyncio.gather(*(job.whole() for job in jobs)))
        return JSONResponse(answer.whole(jobs, pieces))

    def _allow(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if self.key and not hmac.compare_digest(given.encode(), self.key.encode()):
            raise BadRequest("the API key is missing or wrong", code="invalid_api_key", status=401)

    async def _body(self, request: Request) -> Any:
        self._allow(request)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > _MOST_BYTES:
                raise BadRequest(f"the request is longer than {_MOST_BYTES >> 20} MB", status=413)
        try:
            found = json.loads(body)
            if b"\\u" in body:  # JSON can spell halves of characters, which are no text
                json.dumps(found, ensure_ascii=False).encode()
            return found
        except UnicodeEncodeError as problem:
            raise BadRequest(f"the request has text that is not UTF-8: {problem.reason}") from problem
        except (ValueError, RecursionError) as problem:
            raise BadRequest(f"the request is not JSON: {problem}") from problem

    def _named(self, name: str) -> None:
        if name != self.name:
            raise BadRequest(
                f"The model `{name}` does not exist: this server has `{self.name}`.",
                param="model",
                code="model_not_found",
                status=404,
            )

    def _card(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "object": "model",
            "created": self.began,
            "owned_by": "assay",
            "max_model_len": self.worker.model.engine.context,
        }


async def _events(asked: Sampling, jobs: list[Job], answer: Answer) -> AsyncIterator[bytes]:
    """Yield the events of a stream; what fails under way is an event as well, for the status is sent already."""
    sampled = 0
    try:
        for event in answer.opening(jobs):
            yield _event(event)
        async for job, piece in merged(jobs):
            sampled += len(piece.ids)
            yield _event(answer.piece(job, piece))
        if asked.stream_options.include_usage:
            yield _event(answer.counted(sampled))
    except AssayError as problem:
        yield _event(error(str(problem), kind="server_error"))
    yield b"data: [DONE]\n\n"


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


async def _unless_gone(request: Request, work: Awaitable[_Found]) -> _Found:
    """Return what the work gives, or cancel it and raise when the client hangs up first."""
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(_hung_up(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise _Gone
        return task.result()
    finally:
        gone.cancel()
        task.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _bad(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, BadRequest)
    kind = "authentication_error" if problem.status == 401 else "invalid_request_error"
    return JSONResponse(
        error(str(problem), kind=kind, param=problem.param, code=problem.code), status_code=problem.status
    )


def _unknown(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    said = f"{request.method} {request.url.path}: {problem.detail}"
    return JSONResponse(error(said, kind="invalid_request_error"), status_code=problem.status_code)


def _failed(_: Request, problem: Exception) -> Response:
    return JSONResponse(error(str(problem), kind="server_error"), status_code=500)


def _nobody(_: Request, __: Exception) -> Response:
    return Response(status_code=499)  # as nginx has it; the client is gone


def app(worker: Worker, name: str, key: str = "") -> Starlette:
    """Return the application for a worker that is started."""
    server = Server(worker, name, key)
    handlers: dict[Any, Callable[[Request, Exception], Response]] = {
        BadRequest: _bad,
        HTTPException: _unknown,
        AssayError: _failed,
        _Gone: _nobody,
        ClientDisconnect: _nobody,
    }
    return Starlette(
        routes=[
            Route("/health", server.health),
            Route("/v1/models", server.models),
            Route("/v1/models/{name:path}", server.model),
            Route("/v1/chat/completions", server.chat, methods=["POST"]),
            Route("/v1/completions", server.completions, methods=["POST"]),
        ],
        exception_handlers=handlers,
    )
