"""`assay trial` as a newcomer runs it: plan, record (by many at once, and killed), analyse; and bad input."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.e2e.conftest import assay, start
from tests.statistics.test_public_results import table


def trial(*words, code=0):
    done = assay("trial", *words)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture
def book(tmp_path):
    (tmp_path / "items.csv").write_text("item,person\n" + "".join(f"i{n},p{n % 2}\n" for n in range(8)))
    trial("plan", tmp_path / "items.csv", "--out", tmp_path / "trial.jsonl", "--seed", "3")
    return tmp_path / "trial.jsonl"


def test_a_trial_from_its_plan_to_its_effect(book, tmp_path):
    said = trial("record", book, "i0", "forecast", "--minutes", "30")
    assert "is to be done with" in said
    trial("record", book, "i0", "start", "--parallel")
    trial("record", book, "i0", "pause")
    trial("record", book, "i0", "resume")
    trial("record", book, "i0", "stop")
    assert "minutes" in trial("record", book, "i0", "review", "--minutes", "5")
    trial("record", book, "i1", "refuse", "--why", "not without it")
    assert "cannot come after planned" in trial("record", book, "i2", "start", code=2)
    assert "say why" in trial("record", book, "i2", "withhold", code=2)
    assert "there already" in trial("plan", tmp_path / "items.csv", "--out", book, "--seed", "4", code=2)
    assert "cannot be analysed" in trial("analyse", book, code=2)
    # The other six through the same file, by the library: a process an event would say no more.
    from assay.experiments.trial import Register

    register = Register(book)
    for number in range(2, 8):
        register.record(f"i{number}", "forecast", minutes=20.0 + number)
        register.record(f"i{number}", "start")
        register.record(f"i{number}", "stop")
        register.record(f"i{number}", "review", minutes=3.0 + number % 3)
    found = json.loads(trial("analyse", book, "--json"))
    assert set(found) >= {"effect", "ci", "ci_hc3", "ci_clustered", "n"}
    assert (found["n"], found["parallel"], found["clusters"]) == (7, 1, 2)
    assert sum(arm["planned"] for arm in found["attrition"]) == 8
    assert sum(arm.get("refuse", 0) for arm in found["attrition"]) == 1
    assert "With the treatment" in trial("analyse", book)


def test_many_writers_at_once_lose_nothing(book):
    words = [[book, f"i{n}", "forecast", "--minutes", str(10 + n)] for n in range(8)]
    running = [start("trial", "record", *each) for each in words]
    assert [each.wait(timeout=300) for each in running] == [0] * 8
    lines = [json.loads(line) for line in book.read_text().splitlines()]
    assert sorted(line["item"] for line in lines if line.get("event") == "forecast") == [f"i{n}" for n in range(8)]
    twice = [start("trial", "record", book, "i0", "start") for _ in range(3)]
    assert sorted(each.wait(timeout=300) for each in twice) == [0, 2, 2], "one item is started once"


LOOP = """
import sys
from assay.experiments.trial import Register
register = Register(__import__("pathlib").Path(sys.argv[1]))
register.record("i0", "forecast", minutes=5.0)
register.record("i0", "start")
print("ready", flush=True)
while True:
    register.record("i0", "pause")
    register.record("i0", "resume")
"""


def test_a_writer_that_is_killed_leaves_a_register_that_can_be_read(book):
    writer = subprocess.Popen([sys.executable, "-c", LOOP, str(book)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    while len(book.read_text().splitlines()) < 30:
        time.sleep(0.01)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert "minutes" in trial("record", book, "i0", "stop")


def test_a_last_line_that_was_cut_is_left_out_and_written_over_by_no_one(book):
    trial("record", book, "i0", "forecast", "--minutes", "5")
    with book.open("a") as file:
        file.write('{"event": "start", "it')
    trial("record", book, "i0", "start")
    assert "minutes" in trial("record", book, "i0", "stop")


BAD = {
    "one arm only": (b"treated,minutes\n1,5\n1,6\n1,7\n1,8\n", "both occur"),
    "negative": (b"treated,minutes\n1,-5\n0,6\n1,7\n0,8\n", "line 2"),
    "nought": (b"treated,minutes\n1,0\n0,6\n1,7\n0,8\n", "line 2"),
    "NaN": (b"treated,minutes\n1,nan\n0,6\n1,7\n0,8\n", "line 2 has no time"),
    "infinite": (b"treated,minutes\n1,inf\n0,6\n1,7\n0,8\n", "line 2"),
    "a word": (b"treated,minutes\n1,long\n0,6\n", "line 2 has 'long'"),
    "a third arm": (b"treated,minutes\n2,5\n0,6\n", "line 2 has the treatment '2'"),
    "no such column": (b"a,b\n1,2\n", "known as the treatment"),
    "empty": (b"", "known as the treatment"),
    "no rows": (b"treated,minutes\n", "has no rows"),
    "too few": (b"treated,minutes\n1,5\n0,6\n", "cannot carry"),
    "undecodable": (b"treated,minutes\n1,\xff\n", "cannot be read as a table"),
    "a row too short": (b"treated,minutes,person\n1,5\n0,6,p\n", "line 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_table_that_carries_no_effect_is_refused(tmp_path, case):
    data, said = BAD[case]
    (tmp_path / "t.csv").write_bytes(data)
    assert said in trial("analyse", tmp_path / "t.csv", code=2)


def test_the_public_trial_by_the_command():
    found = json.loads(trial("analyse", table("metr_rct.csv"), "--json"))
    assert (round(found["effect"], 3), found["n"]) == (0.188, 246)
    intervals = [[round(end, 3) for end in found[name]] for name in ("ci", "ci_hc3", "ci_clustered")]
    assert intervals == [[0.013, 0.395], [0.013, 0.394], [0.016, 0.390]]


def test_no_register_is_refused(tmp_path):
    (tmp_path / "t.jsonl").write_text("{}\n")
    assert "no register of a trial" in trial("analyse", tmp_path / "t.jsonl", code=2)
    (tmp_path / "items.csv").write_text("item\na\na\n")
    assert "listed 2 times" in trial("plan", tmp_path / "items.csv", "--out", tmp_path / "o", "--seed", "1", code=2)
