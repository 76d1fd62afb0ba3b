"""The steps of a Harbor task as an agent works through them: one sandbox, one conversation, an instruction a step.

When the agent submits a step, the workspace as it is then is kept as that step's output, the files of the next step
are laid over it and its setup.sh is run, and the agent is told the next instruction. Where a step asks for a least
reward, the steps so far are graded first, apart from the agent's sandbox, and the attempt ends when it got less. What
is handed in at the end are the states of all steps that were reached, without files that are no UTF-8, which no output
holds; the grader then judges each of them.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from assay.errors import MachineryError
from assay.grading import grade
from assay.grading.command.place import as_bytes
from assay.grading.command.spec import Step, parse_spec
from assay.grading.command.steps import outputs_of, step_task
from assay.grading.spec_fields import BadSpec
from assay.nouns import GraderSpec, Task, Verdict
from assay.rollout.patches import is_text
from assay.rollout.places import Place

_LARGEST = 64 << 20  # bytes of all states of an attempt
_SETUP = "./setup.sh"


def has_steps(task: Task) -> bool:
    """Whether a task has several steps."""
    return task.grader.kind == "command" and bool(task.grader.data.get("steps"))


class Stages:
    """One attempt's way through the steps of `task`. Open its sandbox on `first`, then `begin`; `further` goes on.

    `outputs` is what it hands in, `changed` whether any step left the workspace other than it found it, `fault` why
    what it left cannot be graded.
    """

    def __init__(self, task: Task, grading: Callable[[], AbstractAsyncContextManager[object]]) -> None:
        """Raises MachineryError for a task whose steps cannot be read: that is no model's fault."""
        self._task = task
        self._grading = grading
        try:
            spec = parse_spec(task)
        except BadSpec as error:
            raise MachineryError(str(error)) from error
        self._steps, self._setup_s = spec.steps, spec.solution_timeout_s
        self._number = 0
        self._found: dict[str, str] = {}
        self._bytes = 0
        self.outputs: dict[str, str] = {}
        self.changed = False
        self.fault = ""

    @property
    def first(self) -> Task:
        """The first step as a task of its own, in the workspace that the task begins with."""
        files = {path: as_bytes(text) for path, text in self._task.files.items()}
        one = step_task(self._task, self._steps[0], files)
        return one.model_copy(update={"id": self._task.id})

    async def begin(self, place: Place) -> None:
        """Make the workspace as the first step finds it. Raises MachineryError where its setup.sh fails."""
        if why := await self._lay(place, self._steps[0]):
            raise MachineryError(f"task {self._task.id}: step {self._steps[0].name}: {why}")

    async def further(self, place: Place) -> str | None:
        """Keep what the step that was submitted left; return the next instruction, None where the attempt ends.

        Raises MachineryError when a step could not be graded.
        """
        step = self._steps[self._number]
        listing = await asyncio.to_thread(place.sandbox.listing)
        read = {path: data for path in listing if (data := place.sandbox.get(path)) is not None}
        files = {path: data for path, data in read.items() if is_text(data)}
        self._bytes += sum(map(len, files.values()))
        if self._bytes > _LARGEST:
            self.fault = f"the workspaces that its steps left have over {_LARGEST >> 20} MB"
            return None
        self.changed |= listing != self._found
        self.outputs |= outputs_of(step.name, files)
        self._number += 1
        if self._number == len(self._steps) or not await self._passes(step):
            return None
        following = self._steps[self._number]
        # A setup.sh that fails ends the attempt here; the grader runs it again and says whose fault it is.
        return None if await self._lay(place, following) else following.instruction

    async def _lay(self, place: Place, step: Step) -> str:
        """Lay a step's files over the workspace and run its setup.sh; return "" or how that failed."""
        for path, text in step.files.items():
            place.sandbox.put(path, as_bytes(text))
        if "setup.sh" in step.files:
            run = await place.sandbox.run_split(["/bin/bash", _SETUP], timeout_s=self._setup_s, env=place.env)
            if run.returncode != 0:
                said = run.stderr[-400:].decode("utf-8", "replace").strip()
                return f"setup.sh {'ran past its time' if run.timed_out else f'ended with {run.returncode}'}: {said}"
        self._found = await asyncio.to_thread(place.sandbox.listing)
        return ""

    async def _passes(self, step: Step) -> bool:
        """Whether a step got the reward that the next one asks of it."""
        if step.min_reward is None:
            return True
        async with self._grading():
            verdict = await grade(self._so_far(), self.outputs)
        return self._value(verdict) >= step.min_reward

    def _so_far(self) -> Task:
        """Return the task as if it ended with the step just submitted, whose reward is then that of the whole."""
        data = self._task.grader.data
        kept = {**data, "steps": data["steps"][: self._number], "strategy": "final"}
        return self._task.model_copy(update={"grader": GraderSpec(kind=self._task.grader.kind, data=kept)})

    def _value(self, verdict: Verdict) -> float:
        if verdict.value is None:
            raise MachineryError(verdict.detail)
        return verdict.value
