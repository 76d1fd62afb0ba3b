"""The shell agent as mini-swe-agent has it on SWE-bench: its prompts, limits and messages are the default.

Protocol: https://github.com/SWE-agent/mini-swe-agent, version 2: one fenced block a turn (`text`), or calls of a tool
(`tools`), each command in a fresh subshell, submission by the first line of a command's output. Commands run in the
sandbox only. The patch is not the agent's word: whoever opened the sandbox takes it from the tree afterwards.
"""

import functools
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from jinja2 import StrictUndefined, Template, TemplateError
from pydantic import Field, ValidationError, model_validator

from assay.agents import mini_prompts
from assay.agents.mini_turns import Action, Turn, actions_of, answers, said, text_turn, tools_turn
from assay.agents.shell import submits
from assay.errors import MachineryError, UserError
from assay.models import Model
from assay.nouns import Exit, Finish, Message, Reply, Role, Step, Task, ToolResult, Trajectory
from assay.nouns.base import Noun, digest
from assay.sandbox import CommandResult, Sandbox

__all__ = ["MiniAgent", "MiniConfig", "actions_of", "read_config"]


class MiniConfig(Noun):
    """Prompts and limits. Templates are jinja2, with mini-swe-agent's names (`task`, `output`, `actions`).

    `cost` in US dollars and `wall_s`, the seconds that commands may take in all, are unbounded at 0. With `protocol`
    "tools" a command is a call of the tool `bash`, several a turn if the model likes; what is not given are then that
    protocol's prompts.
    """

    protocol: Literal["text", "tools"] = "text"
    system: str = mini_prompts.SYSTEM
    instance: str = mini_prompts.INSTANCE
    observation: str = mini_prompts.OBSERVATION
    format_error: str = mini_prompts.FORMAT_ERROR
    fence: str = Field(default="mswea_bash_command", pattern=r"^[A-Za-z0-9_+-]+$")
    steps: int = Field(default=250, ge=1)
    cost: float = Field(default=3.0, ge=0)
    command_s: float = Field(default=60.0, gt=0)
    wall_s: float = Field(default=0.0, ge=0)
    output_chars: int = Field(default=10_000, ge=100)
    format_errors: int = Field(default=3, ge=1)  # so many in a row end the attempt
    environment: dict[str, str] = mini_prompts.ENVIRONMENT

    @model_validator(mode="before")
    @classmethod
    def _prompts_of_the_protocol(cls, given: Any) -> Any:
        tools = isinstance(given, Mapping) and given.get("protocol") == "tools"
        return {**mini_prompts.TOOLS, **given} if tools else given

    @model_validator(mode="after")
    def _templates_work(self) -> Self:
        for name, values in _SAMPLES.items():
            try:
                _rendered(getattr(self, name), **self._values(), **values)
            except (TemplateError, TypeError, ValueError) as error:
                raise ValueError(f"the template {name} cannot be filled in: {error}") from error
        return self

    def _values(self) -> dict[str, Any]:
        return {"fence": self.fence, "output_chars": self.output_chars}

    def say(self, name: str, **values: Any) -> str:
        """Return the template called `name`, filled in."""
        return _rendered(getattr(self, name), **self._values(), **values)

    @property
    def digest(self) -> str:
        """SHA-256 of all of it. That of the text protocol is what it was before there was another."""
        return digest(self.model_dump(mode="json", exclude={"protocol"} if self.protocol == "text" else set()))


_SAMPLES: dict[str, dict[str, Any]] = {
    "system": {},
    "instance": {"task": "", "workdir": "/work"},
    "observation": {"output": {"output": "x" * 200_000, "returncode": 0, "exception_info": ""}},
    "format_error": {"actions": [], "finish_reason": "stop", "error": "", "has_tool_calls": False},
}


def _rendered(text: str, **values: Any) -> str:
    return _template(text).render(**values)


@functools.lru_cache(maxsize=64)
def _template(text: str) -> Template:
    return Template(text, undefined=StrictUndefined, keep_trailing_newline=False)


def read_config(path: Path, given: Mapping[str, Any] = {}) -> MiniConfig:
    """Return the configuration in a TOML file, with what is `given` in place of its own. Raises UserError."""
    try:
        return MiniConfig(**{**tomllib.loads(path.read_text(encoding="utf-8")), **given})
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}): name a TOML file with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML ({error}): mend it") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise UserError(f"{path}: {f'{where}: ' if where else ''}{problem['msg']}: mend it there") from error


async def _no_more() -> str | None:
    return None


class MiniAgent:
    """Asks the model for a command, runs it, shows the output, until submission or a limit of the configuration."""

    name = "mini"

    def __init__(self, config: MiniConfig | None = None) -> None:
        self.config = config or MiniConfig()

    async def run(
        self,
        task: Task,
        model: Model,
        sandbox: Sandbox,
        *,
        seed: int,
        workdir: str = "/work",
        env: Mapping[str, str] = {},
        further: Callable[[], Awaitable[str | None]] = _no_more,
    ) -> Trajectory:
        """Return the trajectory, without outputs. A failure of the machinery is its exit, never an exception.

        `workdir` is where commands start, `env` what they find set. `further` is asked at each submission for what is
        to be done next in the same conversation, and says None at the end. UserError passes: it ends the whole run.
        """
        prompt = (
            Message(role=Role.SYSTEM, content=self.config.say("system")),
            Message(role=Role.USER, content=self.config.say("instance", task=task.instruction, workdir=workdir)),
        )
        steps: list[Step] = []
        try:
            every = {**self.config.environment, **env}
            ending, why = await self._talk(model, sandbox, seed, list(prompt), steps, every, further)
        except MachineryError as problem:
            ending, why = Exit.MACHINERY, str(problem)
        return Trajectory(
            task_id=task.id,
            agent=self.name,
            model=model.name,
            prompt=prompt,
            steps=tuple(steps),
            exit=ending,
            error=why,
        )

    async def _talk(
        self,
        model: Model,
        sandbox: Sandbox,
        seed: int,
        conversation: list[Message],
        steps: list[Step],
        env: Mapping[str, str],
        further: Callable[[], Awaitable[str | None]],
    ) -> tuple[Exit, str]:
        config = self.config
        seconds, cost = 0.0, 0.0
        malformed = 0
        while len(steps) < config.steps:
            if 0 < config.cost <= cost:
                return Exit.STEP_LIMIT, f"it has cost ${cost:.2f}, and the limit is ${config.cost:g}"
            reply = await model.reply(conversation, seed=seed)
            cost += reply.cost
            if reply.finish is Finish.CONTEXT:
                return Exit.CONTEXT, ""
            if reply.finish is Finish.REFUSED:
                return Exit.REFUSED, ""
            turn = text_turn(reply, config.fence) if config.protocol == "text" else tools_turn(reply)
            spoken = said(reply)
            conversation.append(spoken)
            if not turn.actions:
                steps.append(Step(reply=reply, observation=self._complaint(reply, turn)))
                malformed += 1
                if malformed >= config.format_errors:
                    return Exit.FORMAT, ""
                conversation += answers(spoken, {}, steps[-1].observation)
                continue
            malformed = 0
            results: list[ToolResult] = []
            ending = None
            for action in turn.actions:
                left = config.wall_s - seconds if config.wall_s else config.command_s
                result = await sandbox.run(action.command, timeout_s=min(config.command_s, left), env=env)
                seconds += result.wall_s
                submitted = result.returncode == 0 and submits(result.output)
                results.append(self._result(action, result, submitted))
                if submitted or 0 < config.wall_s <= seconds:
                    ending = Exit.SUBMITTED if submitted else Exit.TIME_LIMIT
                    break
            if ending is Exit.SUBMITTED and (told := await further()) is not None:
                ending = None
                shown = _rendered(mini_prompts.NEXT_STEP, task=told)
                results[-1] = results[-1].model_copy(update={"observation": shown})
            steps.append(_step(reply, results))
            if ending is not None:
                return ending, ""
            conversation += answers(spoken, {each.id: each.observation for each in results}, steps[-1].observation)
        return Exit.STEP_LIMIT, ""

    def _complaint(self, reply: Reply, turn: Turn) -> str:
        """Return what a reply is told that asks for nothing that can be run."""
        return self.config.say(
            "format_error",
            actions=list(turn.found),
            finish_reason="length" if reply.finish is Finish.LENGTH else "stop",
            error=turn.error,
            has_tool_calls=bool(reply.calls),
        )

    def _result(self, action: Action, result: CommandResult, submitted: bool) -> ToolResult:
        return ToolResult(
            id=action.call,
            command=action.command,
            observation="" if submitted else self._observation(result),
            returncode=result.returncode,
            timed_out=result.timed_out,
        )

    def _observation(self, result: CommandResult) -> str:
        why = ""
        if result.timed_out:
            why = f"The command took longer than {self.config.command_s:g} seconds and was stopped."
        output = {
            "output": result.output,
            "returncode": -1 if result.returncode is None else result.returncode,
            "exception_info": why,
        }
        return self.config.say("observation", output=output)


def _step(reply: Reply, results: list[ToolResult]) -> Step:
    """Return the step of a reply whose commands were run, all or those up to the one that ended the attempt."""
    return Step(
        reply=reply,
        command="\n".join(each.command for each in results),
        observation="\n".join(each.observation for each in results if each.observation),
        returncode=results[-1].returncode,
        timed_out=results[-1].timed_out,
        results=tuple(results) if reply.calls else (),
    )
