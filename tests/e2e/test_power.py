"""`assay power` as a newcomer runs it: from guesses, from a finished run, and what is refused."""

import json

import numpy as np
import pytest

from tests.e2e.conftest import assay


def planned(*words, code=0):
    done = assay("power", *words)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def test_from_guesses(tmp_path):
    found = json.loads(planned("--rates", "0.3", "0.36", "--difference", "0.06", "--tasks", "300", "--json"))
    spread = (0.21 + 0.2304 - (0.21 * 0.2304) ** 0.5) ** 0.5
    assert found["spread"]["task_sd"] == pytest.approx(spread)
    assert found["detectable"] == pytest.approx(2.8016 * spread / 300**0.5, rel=1e-4)
    assert found["tasks_needed"] == int(np.ceil((2.801585 * spread / 0.06) ** 2))
    assert 0 < found["power"] < 0.8
    said = planned("--rates", "0.3", "0.36", "--difference", "0.06", "--tasks", "300")
    assert "power" in said
    assert f"needs {found['tasks_needed']} tasks" in said


def test_from_a_run(tmp_path):
    rng = np.random.default_rng(0)
    ease = rng.random(120)
    lines = ["arm,task,seed,outcome"]
    for arm, share in (("a", 0.5), ("b", 0.6)):
        for seed in range(3):
            lines += [f"{arm},t{t},{seed},{int(rng.random() < e * share)}" for t, e in enumerate(ease)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    found = json.loads(
        planned("--like", f"{path}:a", "--like", f"{path}:b", "--tasks", "240", "--seeds", "3", "--json")
    )
    assert found["from"] == "a and b"
    assert 0.01 < found["detectable"] < 0.3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tasks", "5"), "two arms with --like"),
        (("--rates", "0.3", "0.4"), "give --tasks"),
        (("--rates", "0.3", "1.4", "--tasks", "5"), "Rates and the correlation lie in [0, 1]"),
        (("--rates", "0.3", "0.4", "--difference", "0"), "a difference is not 0"),
        (("--rates", "nan", "0.4", "--tasks", "5"), "Rates and the correlation lie in [0, 1]"),
        (("--like", "t.csv", "--tasks", "5"), "there is no t.csv"),
    ],
)
def test_what_cannot_be_judged_is_refused(words, said):
    assert said in planned(*words, code=2)


def test_one_arm_or_a_single_task_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("arm,task,outcome\na,x,1\nb,x,0\n")
    assert "--like names 1 arms" in planned("--like", f"{path}:a", "--tasks", "5", code=2)
    assert "at least two tasks" in planned("--like", path, "--tasks", "5", code=2)
