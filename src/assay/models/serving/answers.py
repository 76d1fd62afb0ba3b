"""The shapes of answers: OpenAI's objects for chat completions, completions, their streams and errors.

Token ids stand where vLLM puts them: `token_ids` in a choice; `prompt_token_ids` beside the choices of a chat
completion, and in each choice of a completion.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.models.serving.asked import ChatRequest, CompletionRequest
from assay.models.serving.jobs import Job, Piece
from assay.nouns import Finish

_FINISH = {Finish.STOP: "stop", Finish.LENGTH: "length"}


def error(message: str, *, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """Return an error as OpenAI has it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def usage(read: int, sampled: int) -> dict[str, int]:
    """Return the count of tokens."""
    return {"prompt_tokens": read, "completion_tokens": sampled, "total_tokens": read + sampled}


@dataclass
class ChatAnswer:
    """The answer to a chat request. `decode` gives the text of single ids, for the log-probabilities."""

    request: ChatRequest
    name: str
    decode: Callable[[Sequence[int]], str]
    prompt: Sequence[int]
    head: dict[str, Any] = field(default_factory=lambda: _head("chatcmpl"))

    def whole(self, jobs: Sequence[Job], pieces: Sequence[Piece]) -> dict[str, Any]:
        """Return the whole answer."""
        choices = [
            {
                "index": job.index,
                "message": {"role": "assistant", "content": piece.text, "refusal": None},
                **self._more(piece),
                "finish_reason": _ended(piece),
            }
            for job, piece in zip(jobs, pieces, strict=True)
        ]
        counted = usage(len(self.prompt), sum(len(piece.ids) for piece in pieces))
        return self._event("chat.completion", choices) | self._read() | {"usage": counted}

    def opening(self, jobs: Sequence[Job]) -> list[dict[str, Any]]:
        """Return the events that begin a stream."""
        first = {"delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
        return [self._chunk([{"index": job.index, **first}]) | self._read() for job in jobs]

    def piece(self, job: Job, piece: Piece) -> dict[str, Any]:
        """Return the event of a piece."""
        delta = {"content": piece.text} if piece.text or piece.ids else {}
        return self._chunk([{"index": job.index, "delta": delta, **self._more(piece), "finish_reason": _ended(piece)}])

    def counted(self, sampled: int) -> dict[str, Any]:
        """Return the last event, with the count of tokens."""
        return self._chunk([]) | {"usage": usage(len(self.prompt), sampled)}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return self._event("chat.completion.chunk", choices)

    def _event(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {**self.head, "object": kind, "model": self.name, "choices": choices}

    def _read(self) -> dict[str, Any]:
        return {"prompt_token_ids": list(self.prompt)} if self.request.return_token_ids else {}

    def _more(self, piece: Piece) -> dict[str, Any]:
        more: dict[str, Any] = {"logprobs": None}
        if self.request.logprobs:
            more["logprobs"] = {"content": [self._entry(*pair) for pair in _pairs(piece)], "refusal": None}
        if self.request.return_token_ids:
            more["token_ids"] = piece.ids
        return more

    def _entry(self, token: int, logprob: float) -> dict[str, Any]:
        text = self.decode([token])
        return {"token": text, "logprob": logprob, "bytes": list(text.encode()), "top_logprobs": []}


@dataclass
class CompletionAnswer:
    """The answer to a completion request, of one prompt or several: `prompts` are their ids."""

    request: CompletionRequest
    name: str
    decode: Callable[[Sequence[int]], str]
    prompts: Sequence[Sequence[int]]
    head: dict[str, Any] = field(default_factory=lambda: _head("cmpl"))
    _offsets: dict[int, int] = field(default_factory=dict)  # characters that a stream's choice has said so far

    def whole(self, jobs: Sequence[Job], pieces: Sequence[Piece]) -> dict[str, Any]:
        """Return the whole answer."""
        choices = [self._choice(job, piece, first=True) for job, piece in zip(jobs, pieces, strict=True)]
        return self._event(choices) | {"usage": self._usage(sum(len(piece.ids) for piece in pieces))}

    def opening(self, jobs: Sequence[Job]) -> list[dict[str, Any]]:
        """Return the events that begin a stream: none, but for the prompts' ids where they are asked for."""
        if not self.request.return_token_ids:
            return []
        return [self._event([self._choice(job, Piece(), first=True)]) for job in jobs]

    def piece(self, job: Job, piece: Piece) -> dict[str, Any]:
        """Return the event of a piece."""
        return self._event([self._choice(job, piece, first=False)])

    def counted(self, sampled: int) -> dict[str, Any]:
        """Return the last event, with the count of tokens."""
        return self._event([]) | {"usage": self._usage(sampled)}

    def _usage(self, sampled: int) -> dict[str, int]:
        return usage(sum(map(len, self.prompts)), sampled)

    def _event(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {**self.head, "object": "text_completion", "model": self.name, "choices": choices}

    def _choice(self, job: Job, piece: Piece, *, first: bool) -> dict[str, Any]:
        found: dict[str, Any] = {
            "index": job.index,
            "text": piece.text,
            "logprobs": None if self.request.logprobs is None else self._logprobs(job, piece),
            "finish_reason": _ended(piece),
        }
        if self.request.return_token_ids:
            found["token_ids"] = piece.ids
            if first:
                found["prompt_token_ids"] = list(job.prompt)
        return found

    def _logprobs(self, job: Job, piece: Piece) -> dict[str, Any]:
        tokens = [self.decode([token]) for token in piece.ids]
        offsets = []
        for text in tokens:
            offsets.append(self._offsets.get(job.index, 0))
            self._offsets[job.index] = offsets[-1] + len(text)
        return {"tokens": tokens, "token_logprobs": piece.logprobs, "top_logprobs": None, "text_offset": offsets}


Answer = ChatAnswer | CompletionAnswer


def _head(prefix: str) -> dict[str, Any]:
    return {"id": f"{prefix}-{uuid.uuid4().hex}", "created": int(time.time())}


def _ended(piece: Piece) -> str | None:
    return None if piece.finish is None else _FINISH[piece.finish]


def _pairs(piece: Piece) -> list[tuple[int, float]]:
    return list(zip(piece.ids, piece.logprobs, strict=True))
