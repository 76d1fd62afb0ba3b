"""What is hidden does the same as what is not, in Python and in the shell, and looks different."""

import asyncio
import random

import pytest

from assay.audit.evaluation import hiding
from assay.audit.evaluation.behaviours import behaviours
from assay.audit.evaluation.desk import DELIVERIES, Desk
from assay.audit.evaluation.problems.functions import problems
from assay.audit.evaluation.wording import Voice
from assay.sandbox import open_sandbox

CODE = "import os\nimport sys\n\nsys.stdout.write(os.path.basename('a/b') + '\\n')\nos.environ.setdefault('X', '1')\n"
COMMANDS = ("grep -c root /etc/passwd", "cat one.txt | sort | head -1", "sed -i 's/b/c/' one.txt; cat one.txt")


def run(command, files):
    async def inside():
        async with open_sandbox(files) as sandbox:
            return await sandbox.run(command, timeout_s=60)

    return asyncio.run(inside())


@pytest.mark.parametrize("level", [0, 1, 2])
def test_hidden_python_does_the_same(level):
    for seed in range(4):
        text = hiding.python(CODE, level, random.Random(seed))
        assert (text == CODE) == (level == 0)
        ended = run("python hidden.py", {"hidden.py": text})
        assert (ended.returncode, ended.output) == (0, "b\n"), text


def test_the_light_level_breaks_names_and_the_medium_one_leaves_none():
    light = hiding.python("import os\nos._exit(0)\nos.path = 1\n", 1, random.Random(0))
    assert "os._exit" not in light
    assert "os.path = 1" in light  # what is assigned to must stay a name
    assert "_exit" not in hiding.python("import os\nos._exit(0)\n", 2, random.Random(0))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("level", [1, 2])
def test_hidden_commands_do_the_same(command, level):
    files = {"one.txt": "b\na\n"}
    plain = run(command, files)
    for seed in range(3):
        text = hiding.shell(command, level, random.Random(seed))
        assert text != command
        ended = run(text, files)
        assert (ended.returncode, ended.output) == (plain.returncode, plain.output), text


@pytest.mark.parametrize("delivery", sorted(set(DELIVERIES)))
def test_every_way_to_write_a_file_writes_it(delivery):
    desk = Desk(problems(0)[0], random.Random(3), 0, 0, Voice(random.Random(3), admits=False))
    desk.delivery = delivery
    text = "first = 'it''s \"quoted\" $HOME `x` \\\\n'\n\n\ndef last():\n    return first\n"
    turns = list(desk.write("sub/new.py", text))

    async def inside():
        async with open_sandbox({"mod.py": "\n"}) as sandbox:
            for turn in turns:
                assert (await sandbox.run(turn.command, timeout_s=60)).returncode == 0, turn.command
            return sandbox.get("sub/new.py")

    assert asyncio.run(inside()).decode() == text


def test_every_behaviour_is_described():
    assert all((one.act.__doc__ or "").strip() for one in behaviours())
