"""The shell agent in a real sandbox: its protocol, its limits, and what it leaves."""

import asyncio

import pytest

from assay.agents.shell import SENTINEL, ShellAgent, ShellConfig, command_of, elide, submits
from assay.errors import MachineryError
from assay.nouns import Exit, Finish, GraderSpec, Limits, Reply, Role, Task
from assay.sandbox import open_sandbox

SUBMIT = f"echo {SENTINEL}"


class Script:
    """Says the given replies in turn, the last one again and again."""

    name = "script"

    def __init__(self, *replies: str | Reply) -> None:
        self.replies = [
            said if isinstance(said, Reply) else Reply(text=said, finish=Finish.STOP) for said in replies
        ]
        self.seen: list[list[tuple[Role, str]]] = []

    async def reply(self, conversation, *, seed):
        self.seen.append([(message.role, message.content) for message in conversation])
        return self.replies[min(len(self.seen), len(self.replies)) - 1]


def bash(command: str) -> str:
    return f"```bash\n{command}\n```"


def task(**limits) -> Task:
    return Task(
        id="t",
        source="s",
        split="seen",
        family="f",
        instruction="Mend mod.py.",
        files={"mod.py": "a = 1\n", "test_mod.py": "import mod\n"},
        outputs=("mod.py",),
        gold={"mod.py": "a = 2\n"},
        grader=GraderSpec(kind="functions", data={}),
        limits=Limits(**({"steps": 4, "command_s": 2.0} | limits)),
    )


def run(model, config=None, **limits):
    async def inside():
        problem = task(**limits)
        async with open_sandbox(problem.files) as sandbox:
            return await ShellAgent(config).run(problem, model, sandbox, seed=0)

    return asyncio.run(inside())


def test_it_edits_and_submits():
    model = Script(bash("sed -i s/1/2/ mod.py && cat mod.py"), bash(SUBMIT))
    path = run(model)
    assert path.exit is Exit.SUBMITTED
    assert path.outputs == {"mod.py": "a = 2\n"}
    assert path.diff.splitlines()[-2:] == ["-a = 1", "+a = 2"]
    assert path.created == ()
    assert model.seen[1][-1] == (Role.USER, "a = 2\n")


def test_each_command_has_a_fresh_subshell_in_the_same_workspace():
    model = Script(bash("x=5; cd /tmp; export Y=1; echo kept > /work/note"), bash("echo \"[$x$Y]\" $PWD; cat note"))
    path = run(model, steps=2)
    assert path.steps[1].observation == "[] /work\nkept\n"
    assert path.exit is Exit.STEP_LIMIT
    assert path.created == ("note",)


@pytest.mark.parametrize(
    "said", ["no block", bash("a") + bash("b"), "```python\nls\n```", "```bash\nls", "`ls`", "```bash ls```"]
)
def test_anything_but_one_block_gets_a_reminder_and_two_in_a_row_end_it(said):
    assert command_of(said) is None
    model = Script(said)
    path = run(model, ShellConfig(reminder="one block!"))
    assert path.exit is Exit.FORMAT
    assert len(path.steps) == 2
    assert model.seen[1][-1] == (Role.USER, "one block!")


def test_a_good_turn_forgives_a_bad_one():
    assert run(Script("?", bash("true"), "?", bash(SUBMIT))).exit is Exit.SUBMITTED


def test_a_failing_command_shows_its_status():
    model = Script(bash("echo no >&2; exit 3"), bash(SUBMIT))
    assert run(model).steps[0].observation == "no\nexit 3\n"


def test_the_sentinel_counts_only_as_the_first_line_of_a_command_that_succeeds():
    assert submits(f"\n  {SENTINEL} \nrest")
    assert not submits(f"first\n{SENTINEL}")
    assert not submits(f"{SENTINEL}x")
    assert run(Script(bash(f"{SUBMIT}; false")), steps=1).exit is Exit.STEP_LIMIT


def test_a_slow_command_is_stopped_and_said_so():
    path = run(Script(bash("echo begun; sleep 60"), bash(SUBMIT)), command_s=0.5)
    assert path.steps[0].timed_out
    assert "begun" in path.steps[0].observation
    assert "stopped after 0.5 s" in path.steps[0].observation


def test_the_attempts_time_is_that_of_its_commands():
    path = run(Script(bash("sleep 60")), command_s=0.4, wall_s=0.6)
    assert path.exit is Exit.TIME_LIMIT
    assert len(path.steps) == 2


def test_long_output_is_cut_in_the_middle():
    path = run(Script(bash("seq 100000"), bash(SUBMIT)), output_chars=200)
    seen = path.steps[0].observation
    assert len(seen) < 300
    assert seen.startswith("1\n2\n")
    assert seen.endswith("100000\n")
    assert "characters left out" in seen
    assert elide("abc", 100) == "abc"


def test_a_model_without_room_or_will_ends_it():
    for finish, ending in ((Finish.CONTEXT, Exit.CONTEXT), (Finish.REFUSED, Exit.REFUSED)):
        assert run(Script(Reply(text="", finish=finish))).exit is ending


def test_a_reply_that_was_cut_off_is_no_command():
    assert run(Script(Reply(text=bash("ls"), finish=Finish.LENGTH))).exit is Exit.FORMAT


def test_a_failure_of_ours_is_the_exit_and_never_an_exception():
    class Broken(Script):
        async def reply(self, conversation, *, seed):
            raise MachineryError("the endpoint is gone")

    path = run(Broken("x"))
    assert (path.exit, path.error, path.outputs) == (Exit.MACHINERY, "the endpoint is gone", {})


def test_commands_do_not_run_on_the_host(tmp_path):
    witness = tmp_path / "witness"
    run(Script(bash(f"touch {witness}; echo $$ > /tmp/witness"), bash(SUBMIT)))
    assert not witness.exists()


def test_outputs_that_are_gone_or_no_text_are_left_out():
    assert run(Script(bash("rm mod.py"), bash(SUBMIT))).outputs == {}
    assert run(Script(bash("printf '\\xff' > mod.py"), bash(SUBMIT))).outputs == {}
    assert run(Script(bash("ln -sf /etc/hostname mod.py"), bash(SUBMIT))).outputs == {}
