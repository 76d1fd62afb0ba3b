"""Trajectory: what an agent saw and did, with the very token ids that were sampled."""

from enum import StrEnum

from assay.nouns.base import Noun


class Role(StrEnum):
    """Who speaks. An observation of the shell agent comes back as the user's turn."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class ToolCall(Noun):
    """A call of a tool as the model wrote it: `arguments` is text that should be a JSON object, and may be anything."""

    id: str
    name: str
    arguments: str


class ToolResult(Noun):
    """What one call of a step did: its command, and the message that answered it."""

    id: str
    command: str
    observation: str = ""
    returncode: int | None = None
    timed_out: bool = False


class Message(Noun):
    """One turn of a conversation. `token_ids` are the sampled ids of an assistant's turn, end token included.

    `calls` are an assistant's calls of tools beside its text; a user's turn that answers one has its id in `answers`.
    """

    role: Role
    content: str
    token_ids: tuple[int, ...] | None = None
    calls: tuple[ToolCall, ...] = ()
    answers: str = ""


class Finish(StrEnum):
    """Why a model stopped."""

    STOP = "stop"  # it sampled its end token
    LENGTH = "length"  # the limit on new tokens
    CONTEXT = "context"  # the prompt leaves no room in the model's context
    REFUSED = "refused"  # the endpoint declined to answer


class Reply(Noun):
    """What a model gave back: text, and where the model has them the sampled ids and log-probabilities (nats)."""

    text: str
    finish: Finish
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    prompt_tokens: int = 0
    sampled_tokens: int = 0  # what the endpoint counted, also where it gives no ids
    cost: float = 0.0  # US dollars; 0 where no price is known
    reasoning: str = ""  # what a model thought apart from its text, where the endpoint gives it
    calls: tuple[ToolCall, ...] = ()  # of tools, where the endpoint was asked with some


class Step(Noun):
    """One turn of the agent: the reply, the command taken from it, and what the sandbox answered.

    Where the reply called tools, `results` has what each call that was run did; `command` and `observation` are then
    all of theirs, each on lines of its own, and `returncode` and `timed_out` those of the last.
    """

    reply: Reply
    command: str | None = None  # None when the reply held none that could be run
    observation: str = ""
    returncode: int | None = None
    timed_out: bool = False
    results: tuple[ToolResult, ...] = ()


class Exit(StrEnum):
    """How a trajectory ended."""

    SUBMITTED = "submitted"
    STEP_LIMIT = "step_limit"
    TIME_LIMIT = "time_limit"
    CONTEXT = "context"
    FORMAT = "format"
    REFUSED = "refused"
    MACHINERY = "machinery"


class Trajectory(Noun):
    """One run of an agent on a task. `outputs` are the declared files at its end, `diff` against the start."""

    task_id: str
    agent: str
    model: str
    prompt: tuple[Message, ...]
    steps: tuple[Step, ...]
    exit: Exit
    outputs: dict[str, str] = {}
    created: tuple[str, ...] = ()  # files the agent made that are not declared outputs (new tests, say)
    diff: str = ""
    error: str = ""
