"""What a request may hold, checked: the fields of OpenAI's chat completions and completions that this server has.

https://platform.openai.com/docs/api-reference. A field that would change the answer and is not had is an error that
names it, never left out in silence; a field at its neutral value, or one that changes no answer, is taken.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.nouns import Message, Role

MOST_CHOICES = 128
_IDLE = frozenset({"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"})
_IDLE |= {"parallel_tool_calls", "request_id"}
# What a field may be when it changes nothing.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "logit_bias": ({},),
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "modalities": (["text"],),
    "echo": (False,),
    "suffix": ("",),
    "best_of": (1,),
    "top_k": (-1, 0),
    "min_p": (0,),
    "top_logprobs": (0,),
    "ignore_eos": (False,),
    "skip_special_tokens": (True,),
    "spaces_between_special_tokens": (True,),
    "add_generation_prompt": (True,),
    "continue_final_message": (False,),
    "include_stop_str_in_output": (False,),
    "return_tokens_as_token_ids": (False,),
}
_ROLES = {"system": Role.SYSTEM, "developer": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}


class BadRequest(Exception):
    """A request that cannot be answered: the sentence, the field it is about, and a code of OpenAI's."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.code = code
        self.status = status


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class StreamOptions(_Strict):
    """`include_usage` puts the count of tokens into a last event of its own."""

    include_usage: bool = False
    continuous_usage_stats: Literal[False] = False


Text = Annotated[str, Field(min_length=1, max_length=1000)]
Id = Annotated[int, Field(ge=0)]


class Sampling(_Strict):
    """What both APIs take."""

    model: str
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] = 1
    temperature: Annotated[float, Field(ge=0, le=2, strict=False)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1, strict=False)] = 1.0
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | None = None
    stop: Text | Annotated[list[Text], Field(max_length=16)] = []
    stop_token_ids: list[Id] = []
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    return_token_ids: bool = False

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts that end an answer, and are no part of it."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)


class Part(_Strict):
    """A piece of a message: text, and nothing else."""

    type: Literal["text"]
    text: str


class Turn(_Strict):
    """A message as clients send it."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]
    name: str | None = None
    refusal: None = None

    def message(self) -> Message:
        """Return it as ours."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return Message(role=_ROLES[self.role], content=text)


class ChatRequest(Sampling):
    """A request for a chat completion."""

    messages: Annotated[list[Turn], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool = False

    @property
    def conversation(self) -> list[Message]:
        """The messages as ours."""
        return [turn.message() for turn in self.messages]


class CompletionRequest(Sampling):
    """A request for a completion of texts or of token ids. `logprobs` above 1 would be of ids that were not sampled."""

    prompt: str | list[Id] | list[str] | list[list[Id]]
    logprobs: Annotated[int, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = 16  # as the API has it

    @property
    def prompts(self) -> list[str | list[int]]:
        """Each prompt, ids or text."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        if all(isinstance(each, int) for each in self.prompt):
            return [[each for each in self.prompt if isinstance(each, int)]]
        return [each for each in self.prompt if not isinstance(each, int)]


Request = TypeVar("Request", bound=Sampling)
# Fields that may be several things: pydantic speaks of one of them.
_SAYS = {
    "prompt": "give a text, a list of texts, a list of token ids, or a list of such lists",
    "stop": "give a text or up to 16 texts, none of them empty",
}


def chat_request(data: Any) -> ChatRequest:
    """Return a chat request. Raises BadRequest."""
    request = _read(ChatRequest, data)
    if request.messages[-1].role == "assistant":
        raise BadRequest("the last message is the assistant's: there is nothing to answer", param="messages")
    return request


def completion_request(data: Any) -> CompletionRequest:
    """Return a request of the completions API. Raises BadRequest."""
    request = _read(CompletionRequest, data)
    if not request.prompts or not all(request.prompts):
        raise BadRequest("a prompt is empty: give text or token ids", param="prompt")
    return request


def _read(kind: type[Request], data: Any) -> Request:
    if not isinstance(data, Mapping):
        raise BadRequest("the request is not a JSON object")
    given = {name: value for name, value in data.items() if value is not None and name not in _IDLE}
    for name in [name for name in given if name in _NEUTRAL and name not in kind.model_fields]:
        value = given.pop(name)
        if value not in _NEUTRAL[name] and not (name == "best_of" and value == given.get("n", 1)):
            raise BadRequest(f"{name} is not supported by this server: leave it out", param=name)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        path = [str(part) for part in problem["loc"]]
        where = ".".join(path[:3]) if path[0] == "messages" else path[0]
        what = _SAYS.get(path[0]) or problem["msg"]
        if problem["type"] == "extra_forbidden":
            what = "is not supported by this server: leave it out"
        elif problem["type"] == "missing":
            what = "is missing"
        raise BadRequest(f"{where}: {what}", param=path[0]) from error
