"""Many attempts of the mini agent in one process: each ends once, and what was not finished is done on resume."""

import asyncio
import json

import pytest

from assay.agents.mini import MiniAgent, MiniConfig
from assay.errors import MachineryError, UserError
from assay.ledger import Ledger
from assay.nouns import Exit, Limits, PlannedAttempt, Reason, Status
from assay.rollout.artefacts import Artefacts, latest
from assay.rollout.solving import solve_all
from assay.tasks import source
from tests.agents.test_shell import Script
from tests.models.openai_server import SUBMIT, bash


@pytest.fixture(scope="module")
def drills():
    return source("drills").load("train", 4, 11, templates=4)


class Knowing:
    """A model that edits the line with the bug as the issue's own cure has it; `waits` never answers for some."""

    name = "knowing"

    def __init__(self, tasks, stuck=()):
        self.tasks = tasks
        self.stuck = stuck
        self.asked: list[str] = []

    async def reply(self, conversation, *, seed):
        task = next(task for task in self.tasks if task.instruction in conversation[1].content)
        self.asked.append(task.id)
        if task.id in self.stuck:
            await asyncio.sleep(3600)
        if len(conversation) > 2:
            return await Script(bash(SUBMIT)).reply(conversation, seed=seed)
        line, after = task.metadata["line"], json.dumps(task.metadata["after"].rstrip("\n"))
        code = f"t = open('mod.py').read().split(chr(10)); t[{line} - 1] = {after}\n"
        code += "open('mod.py', 'w').write(chr(10).join(t))"
        return await Script(bash(f"cat > /tmp/fix.py <<'E'\n{code}\nE\npython /tmp/fix.py")).reply(
            conversation, seed=seed
        )


def plan(tasks, trial=0):
    return [PlannedAttempt(arm="a", seed=0, dose=0, task_id=t.id, split=t.split, trial=trial) for t in tasks]


def run(ledger, tasks, model, done=lambda attempt, trajectory: None, trial=0, **config):
    planned = plan(tasks, trial)
    ledger.add_tasks(tasks)
    ledger.plan(planned)
    agent = MiniAgent(MiniConfig(**config))
    return solve_all(planned, {t.id: t for t in tasks}, agent, model, ledger, workers=4, gradings=2, done=done)


def test_stopped_and_run_again_it_repeats_nothing_that_was_finished(tmp_path, drills):
    async def stopped(ledger, model):
        two = asyncio.Event()
        running = asyncio.ensure_future(
            run(ledger, drills, model, lambda attempt, trajectory: len(ledger.finished()) == 2 and two.set())
        )
        await two.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    with Ledger(tmp_path / "l.sqlite") as ledger:
        asyncio.run(stopped(ledger, Knowing(drills, stuck={drills[1].id, drills[3].id})))
        first = {attempt.plan.task_id for attempt in ledger.attempts()}
        assert first == {drills[0].id, drills[2].id}
        again = Knowing(drills)
        seen = []
        asyncio.run(run(ledger, drills, again, lambda attempt, trajectory: seen.append(attempt.plan.task_id)))
        assert set(again.asked) == set(seen) == {drills[1].id, drills[3].id}
        assert [attempt.status for attempt in ledger.attempts()] == [Status.SOLVED] * 4


def test_a_change_too_large_to_be_a_patch_fails_and_is_no_machinery(tmp_path, drills):
    roomy = drills[0].model_copy(update={"limits": Limits(file_mb=32)})
    model = Script(bash("head -c 20000000 /dev/zero | tr '\\0' 'a' > mod.py"), bash(SUBMIT))
    with Ledger(tmp_path / "l.sqlite") as ledger:
        asyncio.run(run(ledger, [roomy], model))
        (found,) = ledger.attempts()
    assert (found.status, found.verdict.reason) == (Status.FAILED, Reason.MALFORMED)
    assert "16 MB" in found.detail


def test_a_tree_that_is_not_there_is_machinery(tmp_path, monkeypatch, drills):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    lacking = drills[0].model_copy(update={"mounts": {"/opt/env": "nowhere"}})
    with Ledger(tmp_path / "l.sqlite") as ledger:
        asyncio.run(run(ledger, [lacking], Script(bash(SUBMIT))))
        (found,) = ledger.attempts()
        assert ledger.trajectory(found.plan.id).exit is Exit.MACHINERY
    assert found.status is Status.MACHINERY
    assert "not prepared" in found.detail


def test_what_the_user_must_mend_stops_everything_and_records_nothing(tmp_path, drills):
    class Revoked(Script):
        async def reply(self, conversation, *, seed):
            raise UserError("the key is gone")

    with Ledger(tmp_path / "l.sqlite") as ledger:
        with pytest.raises(ExceptionGroup) as caught:
            asyncio.run(run(ledger, drills, Revoked("x")))
        assert caught.group_contains(UserError, match="the key is gone")
        assert ledger.finished() == set()


def test_the_last_trial_of_a_task_counts_and_files_are_made_again_from_the_ledger(tmp_path, drills):
    class Gone(Script):
        async def reply(self, conversation, *, seed):
            raise MachineryError("the endpoint is gone")

    tasks = drills[:1]
    with Ledger(tmp_path / "l.sqlite") as ledger:
        files = Artefacts(tmp_path / "out", "knowing", {})
        asyncio.run(run(ledger, tasks, Gone("x"), files.add))
        assert json.loads(files.predictions.read_text()) == {}
        asyncio.run(run(ledger, tasks, Knowing(drills), files.add, trial=1))
        files.finish()
        assert [a.status for a in latest(ledger)] == [Status.SOLVED]
        written = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.json")}
        assert len(written) == 2
        for path in written:
            path.unlink()
        Artefacts(tmp_path / "out", "knowing", {}).restore(ledger)
        assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.json")} == written
