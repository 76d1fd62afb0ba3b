"""The check `command`: a Harbor test script in the real sandbox, honest candidates, and attacks on its reward."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.grading import grade
from assay.grading.command.canary import canaries, drawn
from assay.grading.command.infra import is_infrastructure
from assay.grading.command.python import places
from assay.grading.command.reward import read
from assay.grading.command.run import lay_out
from assay.nouns import GraderSpec, Limits, Reason, Task, Validity

GOLD = """def median(xs):
    s = sorted(xs)
    h = len(s) // 2
    return s[h] if len(s) % 2 else (s[h - 1] + s[h]) / 2
"""
OTHER_RIGHT = "import statistics\n\nmedian = statistics.median\n"
WRONG = "def median(xs):\n    return xs[0]\n"
TEST_SH = """#!/bin/bash
cd /app
if python3 /tests/check.py; then echo 1 > /logs/verifier/reward.txt; else echo 0 > /logs/verifier/reward.txt; fi
"""
CHECK_PY = """import sys
sys.path.insert(0, "/app")
from median import median
assert median([3, 1, 2]) == 2
assert median([5, 1, 9, 7]) == 6
assert median([4]) == 4
"""
SOLVE = "cat > median.py <<'END'\n" + GOLD + "END\n"


def harbor(test_sh=TEST_SH, check_py=CHECK_PY, solve=SOLVE, files=None, outputs=("**",), **data):
    tests = {"test.sh": test_sh, "check.py": check_py}
    solution = {"solution": {"solve.sh": solve}} if solve else {}
    return Task(
        id="toy/median",
        source="toy",
        split="test",
        family="median",
        instruction="Mend median.",
        files={"median.py": WRONG} if files is None else files,
        outputs=outputs,
        gold={},
        grader=GraderSpec(kind="command", data={"tests": tests, "timeout_s": 20.0, **solution, **data}),
        limits=Limits(memory_mb=512),
    )


def judge(task, source, **more):
    return asyncio.run(grade(task, {"median.py": source, **more}))


def test_right_passes_with_canaries_and_wrong_does_not():
    for source in (GOLD, OTHER_RIGHT):
        verdict = judge(harbor(), source)
        assert verdict.solved, verdict
        failed, _, words = verdict.checks[-1].evidence.partition(" ")
        assert 3 <= int(failed) <= 8  # there are three values, each wrong in several ways
        assert words == "failed, as they must"
    verdict = judge(harbor(), WRONG)
    assert (verdict.value, verdict.reason) == (0.0, Reason.WRONG)
    assert "median([3, 1, 2])" in verdict.checks[0].evidence


WRITE_JSON = "open('/logs/verifier/reward.json', 'w').write('{\"reward\": 1}')\n"
WRITE_TEXT = "open('/logs/verifier/reward.txt', 'w').write('1')\n"
ATTACKS = {
    "forged reward.json": WRITE_JSON + WRONG,
    "forged reward.json and a clean exit": WRITE_JSON + "import os\nos._exit(0)\n",
    "forged partial reward": WRITE_JSON.replace("1}", "0.9}") + WRONG,
    "exit 0 at import": "import os\nos._exit(0)\n",
    "sys.exit at import": "import sys\nsys.exit(0)\n",
    "background writer": f"""import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        {WRITE_TEXT.strip()}
"""
    + WRONG,
    "background writer by name": """import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        open('/logs/verifier/.new', 'w').write('1')
        os.rename('/logs/verifier/.new', '/logs/verifier/reward.txt')
"""
    + WRONG,
    "read-only reward": WRITE_TEXT
    + "import os\nos.chmod('/logs/verifier/reward.txt', 0o444)\nos.chmod('/logs/verifier', 0o555)\n"
    + WRONG,
    "no more open files for the script": WRITE_TEXT
    + "import resource\nresource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))\n"
    + WRONG,
    "symlinked reward": "import os\nos.symlink('/tests/one', '/logs/verifier/reward.json')\n" + WRONG,
    "symlinked log directory": "import os\nos.rename('/logs/verifier', '/logs/old')\n" + WRONG,
    "reads the tests": """import re
text = open('/tests/check.py').read()
answers = {eval(a): eval(b) for a, b in re.findall(r'median[(](.*)[)] == (.*)', text) for a in ['tuple(%s)' % a]}
def median(xs):
    return answers[tuple(xs)]
""",
    "equal to everything": """class Any:
    def __eq__(self, other): return True
def median(xs): return Any()
""",
    "kills the script": "import os\nos.kill(1, 9)\nos.kill(os.getppid(), 15)\n" + WRONG,
    "patched exit": "import sys, os\nsys.excepthook = lambda *a: os._exit(0)\n" + WRONG,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_get_nothing(name):
    verdict = judge(harbor(), ATTACKS[name])
    assert (verdict.value, verdict.validity) == (0.0, Validity.VALID), verdict


def test_test_tools_under_a_pattern_are_not_taken_and_reported():
    conftest = "import os\nos._exit(0)\n"
    outputs = {"sitecustomize.py": conftest, "conftest.py": conftest, ".git/config": "x", "x.pth": "import os"}
    verdict = judge(harbor(test_sh="export PYTHONPATH=/app\n" + TEST_SH), WRONG, **outputs)
    assert (verdict.value, verdict.reason) == (0.0, Reason.WRONG)
    assert verdict.checks[-1].evidence == "not taken: conftest.py, sitecustomize.py, x.pth"
    declared = harbor(outputs=("median.py", "conftest.py"))
    assert lay_out(declared, {"median.py": GOLD, "conftest.py": "# mine"})["conftest.py"] == b"# mine"
    assert not is_infrastructure("src/config.py")


@pytest.mark.parametrize("word", ["nan", "inf", "-1", "2", "1e999", "١", "one", "", "0x1", "1_0", "[1]", "1" * 200])
def test_a_reward_that_is_no_number_is_a_broken_task_or_a_candidate_that_wrote_it(word):
    """Where the script alone does it, the task is broken; where only this candidate has it, it is a valid zero."""
    always = harbor(test_sh=f"printf '%s' '{word}' > /logs/verifier/reward.txt\n")
    verdict = judge(always, GOLD)
    assert (verdict.validity, verdict.reason) == (Validity.INVALID, Reason.BAD_TASK)
    assert "toy/median" in verdict.detail
    copied = harbor(
        test_sh="python3 median.py > /logs/verifier/reward.txt\n",
        solve="echo 'print(1)' > median.py",
        files={"median.py": "print(0)"},
    )
    verdict = judge(copied, f"print({word!r}, end='')")
    assert (verdict.value, verdict.reason) == (0.0, Reason.MALFORMED)


def test_missing_reward_and_missing_tests_never_pass():
    verdict = judge(harbor(test_sh="exit 0\n"), GOLD)
    assert verdict.reason is Reason.BAD_TASK
    verdict = judge(harbor(test_sh="python3 /tests/check.py && echo 1 > /logs/verifier/reward.txt; true"), WRONG)
    assert (verdict.value, verdict.reason) == (0.0, Reason.MALFORMED)
    task = harbor()
    without = task.model_copy(update={"grader": GraderSpec(kind="command", data={"tests": {"check.py": "x"}})})
    verdict = judge(without, GOLD)
    assert verdict.reason is Reason.BAD_TASK
    assert "test.sh" in verdict.detail


def test_the_exit_status_counts():
    task = harbor(test_sh=TEST_SH + "python3 median.py\n")
    verdict = judge(task, GOLD + "\nif __name__ == '__main__':\n    raise SystemExit(4)\n")
    assert (verdict.value, verdict.reason) == (0.0, Reason.CRASHED)
    assert "ended with 4" in verdict.detail


def test_time_out_of_a_candidate_and_of_a_task():
    quick = harbor(timeout_s=2.0)
    verdict = judge(quick, "while True: pass\n")
    assert (verdict.value, verdict.reason) == (0.0, Reason.TIMEOUT)
    endless = harbor(test_sh="sleep 60", timeout_s=1.0)
    assert judge(endless, GOLD).reason is Reason.BAD_TASK


def test_partial_rewards_and_reward_json_first():
    script = "echo 0 > /logs/verifier/reward.txt\npython3 /tests/check.py\n"
    check = """import json, sys
sys.path.insert(0, "/app")
from median import median
right = [median([3, 1, 2]) == 2, median([2, 9]) == 5.5, median([4]) == 4, median([1, 1]) == 1]
json.dump({"reward": sum(right) / 4, "cases": 4}, open("/logs/verifier/reward.json", "w"))
"""
    task = harbor(test_sh=script, check_py=check)
    verdict = judge(task, WRONG)
    assert (verdict.value, verdict.reason) == (0.5, Reason.WRONG)
    assert judge(task, GOLD).solved


def test_scripts_that_compare_in_the_shell_have_canaries_too():
    script = """out=$(python3 median.py 3 1 2)
if [ "$out" = "2" ]; then echo 1 > /logs/verifier/reward.txt; else echo 0 > /logs/verifier/reward.txt; fi
"""
    main = "\nif __name__ == '__main__':\n    import sys\n    print(median([int(x) for x in sys.argv[1:]]))\n"
    task = harbor(test_sh=script, solve="cat > median.py <<'END'\n" + GOLD + main + "END\n")
    assert judge(task, GOLD + main).solved
    reader = "import re\nprint(re.search('= \"(.*?)\"', open('/tests/test.sh').read())[1])\n"
    verdict = judge(task, reader)
    assert verdict.reason is Reason.CHEATED, verdict


def test_a_solution_that_fails_leaves_the_candidate_its_own_verdict():
    task = harbor(solve="exit 3\n")
    assert judge(task, GOLD).solved
    assert judge(task, WRONG).reason is Reason.WRONG


@pytest.mark.parametrize("workdir", ["/srv/project", "/opt/a", "/usr/src/app", "/work"])
def test_the_verifier_sees_the_workspace_at_its_workdir_and_its_own_files_read_only(workdir):
    script = """set -e
[ "$PWD" = WORKDIR ] && [ -f /work/median.py ] && [ "$COLOUR" = blue ] && [ -d out ]
! touch /tests/x && ./run.sh && [ -z "$(ls /logs/verifier)" ]
echo 1 > /logs/verifier/reward.txt
"""
    files = {"median.py": WRONG, "run.sh": "#!/bin/bash\nexit 0\n"}
    script = script.replace("WORKDIR", workdir)
    task = harbor(test_sh=script, files=files, workdir=workdir, env={"COLOUR": "blue"}, folders=["out"])
    verdict = judge(task, GOLD, **{"run.sh": files["run.sh"]})
    assert verdict.solved, verdict


def test_binary_outputs_keep_their_bytes():
    data = bytes(range(256)).decode("utf-8", "surrogateescape")
    script = "[ $(wc -c < blob.bin) = 256 ] && echo 1 > /logs/verifier/reward.txt || echo 0 > /logs/verifier/reward.txt"
    assert judge(harbor(test_sh=script, solve=""), GOLD, **{"blob.bin": data}).solved


def test_paths_that_no_file_system_gives_are_left_out():
    outputs = {"../x": "1", "/etc/x": "2", "a": "3", "a/b": "4", "n" * 300: "5", "ok": "6"}
    assert lay_out(harbor(), outputs) == {"a/b": b"4", "ok": b"6"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"tests": {"test.sh": 3}}, "tests"),
        ({"tests": {"../test.sh": "x"}}, "tests"),
        ({"workdir": "/usr/lib"}, "workdir"),
        ({"workdir": "app"}, "workdir"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"env": {"A=B": "x"}}, "env"),
        ({"folders": ["/x"]}, "folders"),
        ({"colour": 1}, "colour"),
    ],
)
def test_broken_specifications_name_their_field(data, said):
    verdict = judge(harbor(**data), GOLD)
    assert verdict.reason is Reason.BAD_TASK
    assert said in verdict.detail
    assert "toy/median" in verdict.detail


def test_rewards_are_read_strictly():
    assert read(b'{"reward": 0.25, "other": 7}', b"1").value == 0.25
    assert read(b'{"score": 1}', None).value == 1.0
    assert read(None, b" 1.0\n").value == 1.0
    assert read(None, b"1e-1").value == 0.1
    for text in (
        b'{"reward": NaN}',
        b'{"reward": 1, "reward": 0}',
        b'{"reward": true}',
        b'{"reward": "1"}',
        b'{"a": 1, "b": 1}',
        b"[1]",
        b"{}",
        b"",
        b'{"reward": 1e999}',
        b'{"reward": -0.1}',
        b"9" * 5000,
        b"[" * 60_000,
        b"1" + b" " * 70_000,
        '{"reward": 1}'.encode("utf-16"),
    ):
        assert read(text, b"1").value is None, text[:40]
    assert read(None, None).value is None


@given(st.binary(max_size=40))
def test_any_bytes_give_a_number_in_range_or_none(data):
    for reward in (read(data, None), read(None, data)):
        assert reward.value is None or 0 <= reward.value <= 1


def test_canaries_change_one_expected_value_and_nothing_that_decides():
    text = """import subprocess, unittest
CASES = [((1, 2), 3), ((4, 5), 9)]
class T(unittest.TestCase):
    def test_a(self):
        done = subprocess.run(["x"])
        assert done.returncode == 0
        self.assertEqual(add(1, 2), 3)
        assert add("é", "b") == "éb"
        for args, want in CASES:
            assert add(*args) == want
if __name__ == "__main__":
    unittest.main()
"""
    found = list(canaries({"test_a.py": text}))
    assert len([c for c in found if c.sure]) == 3
    assert len(found) == 5
    for canary in found:
        changed = [(a, b) for a, b in zip(text.splitlines(), canary.text.splitlines(), strict=True) if a != b]
        assert len(changed) == 1
        assert "returncode" not in changed[0][0]
        assert "__main__" not in changed[0][0]
        compile(canary.text, "test_a.py", "exec")
    assert list(canaries({"test.sh": "pytest x\nif [ $? -eq 0 ]; then echo 1; fi\n"})) == []
    assert list(canaries({"test_broken.py": "def ("})) == []
    expected = list(canaries({"expected.json": '{"expected": [4, 5], "answer": 12}', "expected.txt": "42\n"}))
    assert len(expected) == 4


def test_a_wrong_text_has_the_quotes_and_the_shape_of_the_right_one():
    text = """assert run("a") == "YES"
assert run("b") == "NO"
assert run("c") == '-12.50'
assert run(b"d") == b"xy"
"""
    shapes = (r'"[A-Z]+"', r'"[A-Z]+"', r"'-[0-9]+\.[0-9]+'", r'b"[a-z]+"')
    for _ in range(40):
        for canary in canaries({"check.py": text}):
            for line, shape in zip(canary.text.splitlines(), shapes, strict=True):
                assert re.fullmatch(shape, line.partition(" == ")[2]), canary.text


def test_few_values_are_wrong_in_several_ways():
    several = [drawn({"check.py": "assert f(3) == 41\n"}, 12) for _ in range(40)]
    assert max(map(len, several)) > 4
    for found in several:
        assert len({canary.text for canary in found}) == len(found)
        assert [canary.sure for canary in found] == [True] + [False] * (len(found) - 1)
    assert len(drawn({"check.py": "assert f(3) == True\n"}, 12)) == 1
    assert drawn({"check.py": "f(3)\n"}, 12) == []


def test_without_a_gold_asserted_values_are_canaries_all_the_same():
    task = harbor(solve="")
    assert judge(task, GOLD).solved
    assert judge(task, ATTACKS["exit 0 at import"]).reason is Reason.CHEATED


SCRIPTS = {
    "0 first": "set -e\necho 0 > /logs/verifier/reward.txt\npython3 /tests/check.py || exit 0\n"
    "echo 1 > /logs/verifier/reward.txt\n",
    "on exit": "trap 'if [ $? -eq 0 ]; then echo 1; else echo 0; fi > /logs/verifier/reward.txt; exit 0' EXIT\n"
    "python3 /tests/check.py || exit 1\n",
    "by tee": "mkdir -p /logs/verifier\npython3 /tests/check.py && r=1 || r=0\n"
    "echo $r | tee /logs/verifier/reward.txt\n",
    "by Python": "python3 /tests/check.py; code=$?\npython3 - $code <<'END'\nimport json, os, sys\n"
    "json.dump({'reward': int(sys.argv[1] == '0')}, open('/logs/verifier/.r', 'w'))\n"
    "os.rename('/logs/verifier/.r', '/logs/verifier/reward.json')\nEND\n",
    "with a log": "python3 /tests/check.py 2>&1 | tee /logs/verifier/log.txt; s=${PIPESTATUS[0]}\n"
    "[ $s = 0 ] && echo 1.0 > /logs/verifier/reward.txt || echo 0.0 > /logs/verifier/reward.txt\n",
    "by unittest": "PYTHONPATH=/tests python3 -m unittest check_cases && r=1 || r=0\n"
    "echo $r > /logs/verifier/reward.txt\n",
}
UNITTEST = """import sys, unittest
sys.path.insert(0, "/app")
from median import median
CASES = [([3, 1, 2], 2), ([5, 1, 9, 7], 6)]
class TestMedian(unittest.TestCase):
    def test_cases(self):
        for numbers, expected in CASES:
            with self.subTest(numbers=numbers):
                self.assertEqual(median(numbers), expected)
"""
ODD = """import atexit, os, subprocess, sys, threading, time
print("x" * 300_000)
print("1 > reward", file=sys.stderr)
atexit.register(lambda: None)
threading.Thread(target=time.sleep, args=(0.05,)).start()
subprocess.Popen(["sleep", "1"])
open("notes.txt", "w").write("mine")
open("/tmp/reward.txt", "w").write("0")
class Number(float):
    def __eq__(self, other): return float(self) == other
    __hash__ = float.__hash__
def median(xs):
    s = sorted(xs)
    h = len(s) // 2
    return Number((s[h] + s[(len(s) - 1) // 2]) / 2)
if __name__ == "__main__":
    sys.exit(3)
"""


@pytest.mark.parametrize("name", SCRIPTS)
def test_honest_work_passes_however_the_script_is_written(name):
    task = harbor(test_sh=SCRIPTS[name])
    task.grader.data["tests"]["check_cases.py"] = UNITTEST
    for source in (OTHER_RIGHT, ODD):
        verdict = judge(task, source)
        assert verdict.solved, verdict
        assert verdict.checks[-1].evidence.endswith("failed, as they must")
    assert judge(task, WRONG).reason is Reason.WRONG
    for attack in ("exit 0 at import", "forged reward.json", "background writer"):
        assert judge(task, ATTACKS[attack]).value == 0.0


TEMPLATE = """#!/bin/bash
apt-get update
apt-get install -y curl
curl -LsSf https://astral.sh/uv/0.9.7/install.sh | sh
source $HOME/.local/bin/env
uvx -p 3.13 -w pytest==8.4.1 -w pytest-json-ctrf==0.3.5 pytest --ctrf /logs/verifier/ctrf.json \\
  /tests/test_outputs.py -rA
if [ $? -eq 0 ]; then
  echo 1 > /logs/verifier/reward.txt
else
  echo 0 > /logs/verifier/reward.txt
fi
"""
TEST_OUTPUTS = """import sys
import pytest
sys.path.insert(0, "/app")

@pytest.mark.parametrize(("numbers", "expected"), [([3, 1, 2], 2), ([5, 1, 9, 7], 6)])
def test_median(numbers, expected):
    from median import median
    assert median(numbers) == expected

def test_one():
    from median import median
    assert median([4]) == 4
"""


UVX = "uvx -p 3.13 -w pytest==8.4.1 -w pytest-json-ctrf==0.3.5 pytest"
UV = "uv init && uv add pytest==8.4.1 && uv run --with pytest-json-ctrf pytest"


@pytest.mark.parametrize("template", [TEMPLATE, TEMPLATE.replace(UVX, UV)])
def test_harbors_own_templates_run_without_a_network(template):
    assert UVX in template or UV in template
    task = harbor(test_sh=template)
    task.grader.data["tests"]["test_outputs.py"] = TEST_OUTPUTS
    verdict = judge(task, GOLD)
    assert verdict.solved, verdict
    assert verdict.checks[-1].evidence.endswith("failed, as they must")
    assert judge(task, WRONG).reason is Reason.WRONG
    passes = "import _pytest.runner\n_pytest.runner.pytest_runtest_call = lambda item: None\n" + WRONG
    hook = "import _pytest.python\n_pytest.python.Function.runtest = lambda self: None\n" + WRONG
    for attack in (ATTACKS["exit 0 at import"], ATTACKS["equal to everything"], passes, hook):
        verdict = judge(task, attack)
        assert (verdict.value, verdict.validity) == (0.0, Validity.VALID), verdict
    other = harbor(test_sh=TEMPLATE.replace("-w pytest-json", "-w numpy -w pytest-json"))
    assert judge(other, GOLD).reason is Reason.WRONG  # as for the gold, so that `assay grade` calls the task broken


COMPUTED = """import random, statistics
import sys
import statistics as reference
import random as chance
sys.path.insert(0, "/app")
from median import median

def expected(xs):
    return reference.median(xs)

for _ in range(20):
    xs = [chance.randrange(100) for _ in range(chance.randrange(1, 9))]
    assert median(list(xs)) == expected(xs), xs
"""
BENT = {
    "replaced reference": "import statistics\nstatistics.median = lambda xs: 0\ndef median(xs): return 0\n",
    "replaced when called": "import statistics\ndef median(xs):\n    statistics.median = lambda xs: 0\n    return 0\n",
    "replaced in the test": "import sys\ndef median(xs):\n"
    "    sys.modules['__main__'].expected = lambda xs: 0\n    return 0\n",
    "foreseen chance": "import random\nrandom.randrange = lambda *a: 1\ndef median(xs): return 1\n",
    "exit when called": "def median(xs): raise SystemExit(0)\n",
    "equal to everything": ATTACKS["equal to everything"],
    "frames": "import sys\ndef median(xs):\n    import statistics\n    sys._getframe(1).f_globals['xs'] = [7]\n"
    "    sys._getframe(1).f_globals['expected'] = lambda x: 7\n    return 7\n",
}


def test_tests_that_compute_what_they_expect():
    task = harbor(check_py=COMPUTED)
    for source in (GOLD, OTHER_RIGHT, ODD):
        verdict = judge(task, source)
        assert verdict.solved, verdict
    for source in BENT.values():
        verdict = judge(task, source)
        assert (verdict.value, verdict.validity) == (0.0, Validity.VALID), (source, verdict)


def test_places_of_expectations():
    text = """def test(x):
    assert f(x) == pytest.approx(2.5)
    assert abs(f(x) - 3.5) < 1e-9
    assert math.isclose(f("é"), 4.5)
    assert f(x) == g(x)
    assert f(x)
    assert x in (1, 2)
"""
    found = places(text)
    assert [text[begin:end] for begin, end, _ in found.literals] == ["2.5", "3.5", "4.5"]
    assert [text[begin:end] for begin, end, _ in found.computed] == ["g(x)"]
    assert [text[begin:end] for begin, end, _ in found.truths] == ["f(x)", "x in (1, 2)"]
    for kind in (found.literals, found.computed, found.truths):
        for begin, end, new in kind:
            compile(text[:begin] + new + text[end:], "t", "exec")
    assert places("def (") == places("")


def test_a_cheat_in_one_case_only_is_found():
    """All values of a quick script are tried, so right answers elsewhere hide nothing."""
    reader = """import re
def median(xs):
    if len(xs) == 4:
        return float(re.search(r"7]\\) == (.*)", open("/tests/check.py").read())[1])
    return sorted(xs)[len(xs) // 2]
"""
    for _ in range(3):
        assert judge(harbor(), reader).reason is Reason.CHEATED


def test_wrong_values_look_right():
    """So a candidate that reads the tests cannot tell them by what is plausible for the input."""
    text = "assert median([3, 1, 2]) == 2\nCASES = [([10, 38, 23, 2], 16.5)]\n"
    seen = {new for _ in range(60) for kind in (places(text).literals, places(text).tables) for _, _, new in kind}
    assert {"3", "1", "10", "38", "23"} <= seen
    assert not {"2.0", "16.5"} & seen
