"""The teacher's sed commands do what they say, for any line; its detours are as frequent as stated."""

import asyncio
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.agents.shell import SENTINEL, command_of
from assay.agents.teacher import Teacher, edit
from assay.nouns import GraderSpec, Message, Role, Task

LINES = st.text(st.sampled_from("ab_(),.*[]^$/\\&'|+-<=> 01\"#`!"), min_size=1, max_size=30)


def apply(folder, text):
    path = folder / "mod.py"
    path.write_text("first\nold\nlast\n")
    subprocess.run(["bash", "-c", edit(2, text)], cwd=folder, check=True)
    return path.read_text()


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("    if x <= 3:", r"sed -i '2c\    if x <= 3:' mod.py"),
        ("    return 'a'", r"sed -i '2c\    return '\''a'\''' mod.py"),
    ],
)
def test_edits_read_like_this(tmp_path, text, command):
    assert edit(2, text) == command
    assert apply(tmp_path, text) == f"first\n{text}\nlast\n"


@settings(max_examples=150, deadline=None)
@given(LINES)
def test_any_edit_gives_the_line_meant(tmp_path_factory, text):
    assert apply(tmp_path_factory.mktemp("e"), text) == f"first\n{text}\nlast\n"


def task(number):
    return Task(
        id=f"t{number}",
        source="s",
        split="train",
        family="f",
        instruction="Fix it.",
        files={"mod.py": "a\nb\n"},
        outputs=("mod.py",),
        gold={"mod.py": "a\nc\n"},
        grader=GraderSpec(kind="functions", data={}),
        metadata={"line": 2, "before": "b", "after": "c", "wrong": ["d"]},
    )


async def commands(teacher, seed):
    conversation = [Message(role=Role.USER, content="Fix it.")]
    said = []
    while not said or SENTINEL not in said[-1]:
        reply = await teacher.reply(conversation, seed=seed)
        said.append(command_of(reply.text))
        conversation += [Message(role=Role.ASSISTANT, content=reply.text), Message(role=Role.USER, content="")]
    return said


def test_it_looks_edits_tests_and_submits():
    said = asyncio.run(commands(Teacher(task(0), 0.0), 1))
    assert said == ["grep -n . mod.py", f"{edit(2, 'c')} && python test_mod.py", f"echo {SENTINEL}"]
    said = asyncio.run(commands(Teacher(task(0), 1.0), 1))
    assert [edit(2, "d") in said[1], edit(2, "c") in said[2], len(said)] == [True, True, 4]


def test_the_share_of_detours_is_the_one_stated():
    lengths = [len(asyncio.run(commands(Teacher(task(number), 0.2), number))) for number in range(600)]
    assert 0.14 < sum(length == 4 for length in lengths) / 600 < 0.26
