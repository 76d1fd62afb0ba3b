"""The shell agent as mini-swe-agent has it on SWE-bench: its prompts, limits and messages are the default.

Protocol: https://github.com/SWE-agent/mini-swe-agent, version 2 for text: one fenced block a turn, each command in
a fresh subshell, submission by the first line of a command's output. Commands run in the sandbox only. The patch is
not the agent's word: whoever opened the sandbox takes it from the tree afterwards.
"""

import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from jinja2 import StrictUndefined, Template, TemplateError
from pydantic import Field, ValidationError, model_validator

from assay.agents import mini_prompts
from assay.agents.shell import submits
from assay.errors import MachineryError, UserError
from assay.models import Model
from assay.nouns import Exit, Finish, Message, Role, Step, Task, Trajectory
from assay.nouns.base import Noun, digest
from assay.sandbox import CommandResult, Sandbox

_COMMON_FENCE = "bash"  # version 1's; taken where a reply has no block of the fence that was asked for


class MiniConfig(Noun):
    """Prompts and limits. Templates are jinja2, with mini-swe-agent's names (`task`, `output`, `actions`).

    `cost` in US dollars and `wall_s`, the seconds that commands may take in all, are unbounded at 0.
    """

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
        """SHA-256 of all of it."""
        return digest(self.model_dump(mode="json"))


_SAMPLES: dict[str, dict[str, Any]] = {
    "system": {},
    "instance": {"task": "", "workdir": "/work"},
    "observation": {"output": {"output": "x" * 200_000, "returncode": 0, "exception_info": ""}},
    "format_error": {"actions": [], "finish_reason": "stop", "error": ""},
}


def _rendered(text: str, **values: Any) -> str:
    return _template(text).render(**values)


@functools.lru_cache(maxsize=64)
def _template(text: str) -> Template:
    return Template(text, undefined=StrictUndefined, keep_trailing_newline=False)


def read_config(path: Path) -> MiniConfig:
    """Return the configuration in a TOML file, the defaults where it is silent. Raises UserError."""
    try:
        return MiniConfig(**tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}): name a TOML file with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML ({error}): mend it") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise UserError(f"{path}: {f'{where}: ' if where else ''}{problem['msg']}: mend it there") from error


def actions_of(reply: str, fence: str) -> list[str]:
    """Return the commands in the reply's blocks of this fence, or where it has none in those of `bash`.

    What a model thinks aloud, up to `</think>`, is not looked at.
    """
    reply = reply.rpartition("</think>")[2]
    for name in dict.fromkeys((fence, _COMMON_FENCE)):
        found = re.findall(rf"```{re.escape(name)}[ \t]*\r?\n(.*?)\r?\n[ \t]*```", reply, re.DOTALL)
        if found:
            return [command.strip() for command in found]
    return []


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
    ) -> Trajectory:
        """Return the trajectory, without outputs. A failure of the machinery is its exit, never an exception.

        `workdir` is where commands start, `env` what they find set. UserError passes: it ends the whole run.
        """
        prompt = (
            Message(role=Role.SYSTEM, content=self.config.say("system")),
            Message(role=Role.USER, content=self.config.say("instance", task=task.instruction, workdir=workdir)),
        )
        steps: list[Step] = []
        try:
            every = {**self.config.environment, **env}
            ending, why = await self._talk(model, sandbox, seed, list(prompt), steps, every)
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
            actions = actions_of(reply.text, config.fence)
            conversation.append(Message(role=Role.ASSISTANT, content=reply.text, token_ids=reply.token_ids))
            if len(actions) != 1:
                finish = "length" if reply.finish is Finish.LENGTH else "stop"
                error = f"Expected exactly 1 action, found {len(actions)}."
                said = config.say("format_error", actions=actions, finish_reason=finish, error=error)
                steps.append(Step(reply=reply, observation=said))
                malformed += 1
                if malformed >= config.format_errors:
                    return Exit.FORMAT, ""
            else:
                malformed = 0
                left = config.wall_s - seconds if config.wall_s else config.command_s
                result = await sandbox.run(actions[0], timeout_s=min(config.command_s, left), env=env)
                seconds += result.wall_s
                submitted = result.returncode == 0 and submits(result.output)
                steps.append(
                    Step(
                        reply=reply,
                        command=actions[0],
                        observation="" if submitted else self._observation(result),
                        returncode=result.returncode,
                        timed_out=result.timed_out,
                    )
                )
                if submitted:
                    return Exit.SUBMITTED, ""
                if 0 < config.wall_s <= seconds:
                    return Exit.TIME_LIMIT, ""
            conversation.append(Message(role=Role.USER, content=steps[-1].observation))
        return Exit.STEP_LIMIT, ""

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
