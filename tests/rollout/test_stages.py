"""An agent on a Harbor task of several steps: one workspace, an instruction a step, graded as Harbor's rules say."""

import asyncio
import json
from contextlib import suppress

import pytest

from assay.agents.mini import MiniAgent, MiniConfig
from assay.ledger import Ledger
from assay.nouns import Exit, Finish, PlannedAttempt, Reason, Reply, Status, ToolCall
from assay.rollout.solving import solve_all
from assay.tasks.folder import load
from tests.agents.test_shell import Script
from tests.models.openai_server import SUBMIT, bash
from tests.tasks.test_harbor import STEPS, changed

ONE, TWO = bash("echo one > one.txt"), bash('cat word.txt && echo "$(cat one.txt) $(cat word.txt)" > two.txt')
FREE = {"task.toml": str(STEPS["task.toml"]).replace("min_reward = 1.0\n", "")}
LAST = {"task.toml": FREE["task.toml"].replace('"mean"', '"final"')}


def attempted(tmp_path, model, change=None, **config):
    """Run one attempt; return it and its trajectory as the ledger has them, None where it was stopped."""
    task = load(changed(tmp_path / "steps", {**STEPS, **(change or {})}))
    plan = PlannedAttempt(arm="a", seed=0, dose=0, task_id=task.id, split=task.split)

    async def run(ledger):
        agent = MiniAgent(MiniConfig(**config))
        work = asyncio.create_task(solve_all([plan], {task.id: task}, agent, model, ledger, workers=1, gradings=1))
        if isinstance(model, Stuck):
            await model.reached.wait()
            work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add_tasks([task])
        ledger.plan([plan])
        asyncio.run(run(ledger))
        for attempt in ledger.attempts():
            return attempt, ledger.trajectory(plan.id)
    return None


def test_the_steps_come_one_after_another_in_one_workspace(tmp_path):
    model = Script(bash("ls; echo kept > /tmp/note"), ONE, bash(SUBMIT), bash("cat /tmp/note"), TWO, bash(SUBMIT))
    attempt, path = attempted(tmp_path, model)
    assert (attempt.status, attempt.verdict.value, attempt.steps) == (Status.SOLVED, 1.0, 6)
    assert [(check.name, check.passed) for check in attempt.verdict.checks] == [
        ("step 01-first", True),
        ("step 02-second", True),
    ]
    prompt = path.prompt[1].content
    assert "Write one.txt." in prompt
    assert "Write two.txt" not in prompt
    assert "word.txt" not in path.steps[0].observation  # of the second step nothing is there yet
    assert path.steps[2].command == SUBMIT
    assert "Write two.txt from one.txt and word.txt." in path.steps[2].observation
    assert "kept" in path.steps[3].observation
    assert path.exit is Exit.SUBMITTED
    assert path.outputs[".steps/01-first/one.txt"] == "one\n"
    assert ".steps/01-first/two.txt" not in path.outputs
    assert path.outputs[".steps/02-second/two.txt"] == "one two\n"
    assert "+one two" in path.diff
    assert "give 1" not in str(path)  # nothing of the tests


def test_a_step_below_its_least_reward_ends_the_attempt(tmp_path):
    model = Script(bash("echo wrong > one.txt"), bash(SUBMIT), TWO, bash(SUBMIT))
    attempt, path = attempted(tmp_path, model)
    assert (attempt.status, attempt.verdict.value, attempt.verdict.reason) == (Status.FAILED, 0.0, Reason.WRONG)
    assert len(model.seen) == len(path.steps) == 2
    assert [check.evidence for check in attempt.verdict.checks][1] == "not reached"


@pytest.mark.parametrize(("change", "value"), [(FREE, 0.5), (LAST, 1.0)])
def test_the_strategy_makes_one_reward_of_the_steps(tmp_path, change, value):
    wrong = bash("echo wrong > one.txt")
    right = bash("echo one two > two.txt")
    attempt, path = attempted(tmp_path, Script(wrong, bash(SUBMIT), right, bash(SUBMIT)), change)
    assert attempt.verdict.value == value
    assert attempt.status is (Status.SOLVED if value == 1.0 else Status.FAILED)
    assert len(path.steps) == 4


def test_submitting_without_doing_anything_is_empty(tmp_path):
    attempt, _ = attempted(tmp_path, Script(bash(SUBMIT)), FREE)
    assert attempt.status is Status.EMPTY


def test_limits_hold_for_all_steps_together(tmp_path):
    attempt, path = attempted(tmp_path, Script(ONE, bash(SUBMIT), bash("ls")), steps=4)
    assert (attempt.status, attempt.verdict, len(path.steps)) == (Status.LIMIT, None, 4)


def test_a_setup_that_fails_is_the_tasks_fault(tmp_path):
    change = {"steps/02-second/workdir/setup.sh": "exit 3\n"}
    attempt, path = attempted(tmp_path, Script(ONE, bash(SUBMIT)), change)
    assert (attempt.status, attempt.verdict.reason) == (Status.MACHINERY, Reason.BAD_TASK)
    assert len(path.steps) == 2


class Stuck(Script):
    """Says what the script says, and never answers in the fourth turn."""

    def __init__(self, *replies):
        super().__init__(*replies)
        self.reached = asyncio.Event()

    async def reply(self, conversation, *, seed):
        if len(self.seen) == 3:
            self.reached.set()
            await asyncio.Event().wait()
        return await super().reply(conversation, seed=seed)


def test_an_attempt_that_was_cut_off_begins_again_and_ends_once(tmp_path):
    assert attempted(tmp_path, Stuck(ONE, bash(SUBMIT), TWO, bash(SUBMIT)), FREE) is None
    model = Script(ONE, bash(SUBMIT), TWO, bash(SUBMIT))
    attempt, _ = attempted(tmp_path, model, FREE)
    assert attempt.status is Status.SOLVED
    assert len(model.seen) == 4
    attempted(tmp_path, model, FREE)
    assert len(model.seen) == 4


def test_with_tools_the_submission_is_answered_with_the_next_step(tmp_path):
    def call(name, command):
        arguments = json.dumps({"command": command})
        return Reply(text="", finish=Finish.STOP, calls=(ToolCall(id=name, name="bash", arguments=arguments),))

    model = Script(
        call("a", "echo one > one.txt"), call("b", SUBMIT), call("c", "echo one two > two.txt"), call("d", SUBMIT)
    )
    attempt, path = attempted(tmp_path, model, protocol="tools")
    assert attempt.status is Status.SOLVED
    assert "Write two.txt" in path.steps[1].results[0].observation
    assert "Write two.txt" in path.steps[1].observation
