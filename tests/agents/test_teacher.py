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


def apply(folder, before, after):
    path = folder / "mod.py"
    path.write_text(f"first\n{before}\nlast\n")
    subprocess.run(["bash", "-c", edit(2, before, after)], cwd=folder, check=True)
    return path.read_text().splitlines()[1]


@pytest.mark.parametrize(
    ("before", "after", "command"),
    [
        ("    if x < 3:", "    if x <= 3:", "sed -i '2s/</<=/' mod.py"),
        ("    return a + a - b", "    return a + a + b", "sed -i '2s/-/+/' mod.py"),
        ("    return a + b + c", "    return a + b - c", "sed -i '2s/+ c/- c/' mod.py"),
        ("    x = a // 2", "    x = a / 2", "sed -i '2s|//|/|' mod.py"),
    ],
)
def test_edits_are_short(tmp_path, before, after, command):
    assert edit(2, before, after) == command
    assert apply(tmp_path, before, after) == after


@settings(max_examples=150, deadline=None)
@given(LINES, LINES)
def test_any_edit_gives_the_line_meant(tmp_path_factory, before, after):
    if before != after and before.strip():
        assert apply(tmp_path_factory.mktemp("e"), before, after) == after


def test_equal_lines_are_refused():
    with pytest.raises(ValueError, match="equal"):
        edit(1, "a", "a")


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
    assert said == ["grep -n . mod.py", f"{edit(2, 'b', 'c')} && python test_mod.py", f"echo {SENTINEL}"]
    said = asyncio.run(commands(Teacher(task(0), 1.0), 1))
    assert [edit(2, "b", "d") in said[1], edit(2, "d", "c") in said[2], len(said)] == [True, True, 4]


def test_the_share_of_detours_is_the_one_stated():
    lengths = [len(asyncio.run(commands(Teacher(task(number), 0.2), number))) for number in range(600)]
    assert 0.14 < sum(length == 4 for length in lengths) / 600 < 0.26
