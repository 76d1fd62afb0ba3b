"""`assay compare` as a newcomer runs it: every source, what is refused, the plot, and each kind of bad input."""

import json
import subprocess
from pathlib import Path

import pytest

from assay.ledger import Ledger
from assay.nouns import Attempt, PlannedAttempt, Reason, Status, Verdict
from tests.e2e.conftest import assay
from tests.ledger.test_exchange_inspect_real import HOME

TASKS = {"x": 1.0, "y": 0.0, "z": 1.0, "w": 0.0}


def compared(*words, code=0):
    done = assay("compare", *words, "--resamples", "200")
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def found(*words):
    return json.loads(compared(*words, "--json").stdout)


def harness(folder: Path, outcomes: dict[str, float | None]) -> Path:
    """Write what SWE-bench's harness leaves; None is an instance that ended in an error."""
    for name, value in outcomes.items():
        place = folder / name
        place.mkdir(parents=True)
        (place / "run_instance.log").write_text("...")
        (place / "patch.diff").write_text("--- a\n")
        if value is not None:
            row = {"patch_exists": True, "patch_successfully_applied": True, "resolved": bool(value)}
            (place / "report.json").write_text(json.dumps({name: row}))
    return folder


def preds(path: Path, patches: dict[str, str]) -> Path:
    rows = {n: {"instance_id": n, "model_name_or_path": "org/m", "model_patch": p} for n, p in patches.items()}
    path.write_text(json.dumps(rows))
    return path


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> dict[str, Path]:
    """The same four outcomes in every form."""
    folder = tmp_path_factory.mktemp("sources")
    run = folder / "run"
    run.mkdir()
    with Ledger(run / "ledger.sqlite") as book:
        plans = [PlannedAttempt(arm="m", seed=0, dose=0, task_id=task, split="seen") for task in TASKS]
        book.plan(plans)
        for plan, value in zip(plans, TASKS.values(), strict=True):
            book.record(Attempt(plan=plan, status=Status.SOLVED if value else Status.FAILED), None)
    (folder / "t.csv").write_text("task,outcome\nx,1\ny,false\nz,resolved\nw,0\n")
    report = {"resolved_ids": ["x", "z"], "unresolved_ids": ["y"], "empty_patch_ids": ["w"], "error_ids": []}
    (folder / "report.json").write_text(json.dumps(report))
    (folder / "t.jsonl").write_text("".join(f'{{"task_id": "{t}", "passed": {v}}}\n' for t, v in TASKS.items()))
    logs = harness(folder / "logs" / "run_evaluation" / "r1" / "org__m", {"x": 1.0, "y": None, "z": 1.0})
    patches = preds(folder / "preds.json", {"x": "p", "y": "p", "z": "p", "w": " \n"})
    return {
        "run": run,
        "ledger": run / "ledger.sqlite",
        "csv": folder / "t.csv",
        "report": folder / "report.json",
        "lines": folder / "t.jsonl",
        "preds": Path(f"{patches}+{logs}"),
        "preds and a report": Path(f"{patches}+{folder / 'report.json'}"),
    }


def test_every_source_says_the_same_and_the_table_has_all_its_parts(sources, tmp_path):
    words = [f"{name.replace(' ', '')}={path}" for name, path in sources.items()]
    table = found(*words, "--margin", "0.1")
    assert {arm["arm"]: (arm["n"], arm["estimate"], arm["coverage"]) for arm in table["arms"]} == {
        name.replace(" ", ""): (4, 0.5, 1.0) for name in sources
    }
    for arm in table["arms"]:
        assert set(arm) >= {"n", "planned", "coverage", "estimate", "ci", "method", "seeds", "trials", "rank", "cheats"}
        assert arm["ci"][0] < 0.5 < arm["ci"][1]
    assert len(table["pairs"]) == len(sources) - 1
    for pair in table["pairs"]:
        assert pair["estimate"] == 0
        assert pair["p_holm"] >= pair["p_mcnemar"]
        assert pair["verdict"] == "neither equal nor different", "four tasks show nothing at all"
        assert set(pair) >= {"ci", "inner", "p", "p_holm", "p_mcnemar", "smallest_detectable", "matched_seeds"}
    assert "1 of 3 instances have no report.json" in " ".join(table["notes"])
    plot = tmp_path / "forest.png"
    said = compared(*words[:3], "--forest", plot)
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "paired differences to run" in said.stdout
    assert "The forest plot is" in said.stdout


def test_a_log_that_inspect_itself_wrote(tmp_path):
    if not (HOME / "bin" / "python").is_file():
        pytest.skip(f"Inspect AI is not at {HOME}: name its environment in ASSAY_INSPECT")
    program = f"""
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import includes
def says(messages, tools, choice, config):
    output = ModelOutput.from_content("mockllm/model", "right")
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)  # else it fetches a tokenizer
    return output
model = get_model("mockllm/model", custom_outputs=says)
samples = [Sample(id=t, input="say it", target="right" if v else "nothing") for t, v in {TASKS!r}.items()]
eval(Task(dataset=samples, scorer=includes(), epochs=2), model=model, log_dir="logs", display="none")
"""
    done = subprocess.run([HOME / "bin" / "python", "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (log,) = (tmp_path / "logs").glob("*.eval")
    (tmp_path / "t.csv").write_text("task,outcome\nx,0\ny,0\nz,1\nw,0\n")
    table = found(tmp_path / "t.csv", log)
    assert [(arm["arm"], arm["n"], arm["estimate"], arm["trials"]) for arm in table["arms"]] == [
        ("t", 4, 0.25, 1),
        ("mockllm/model", 8, 0.5, 2),
    ]
    assert table["pairs"][0]["estimate"] == pytest.approx(0.25)


def test_a_run_of_the_harness_has_an_arm_a_model_and_preds_say_what_is_missing(tmp_path):
    run = tmp_path / "logs" / "run_evaluation" / "r1"
    harness(run / "org__m", {"x": 1.0, "y": 0.0})
    harness(run / "org__n", {"x": 1.0, "y": 1.0})
    assert [arm["arm"] for arm in found(run)["arms"]] == ["org__m", "org__n"]
    some = preds(tmp_path / "preds.json", {"x": "p", "y": "p", "q": "p", "e": ""})
    table = found(f"{some}+{run}")
    assert (table["arms"][0]["arm"], table["arms"][0]["n"], table["arms"][0]["planned"]) == ("org/m", 3, 4)
    assert "1 patches have no result" in " ".join(table["notes"])
    assert "no outcome: add their results" in compared(some, code=2).stderr
    (tmp_path / "preds.report.json").write_text(json.dumps({"resolved_ids": ["x"], "unresolved_ids": ["y", "q"]}))
    assert found(some)["arms"][0]["estimate"] == 0.25
    (run / "org__n" / "y" / "report.json").write_text('{"y": {"resolved": tr')
    assert "report.json is not JSON" in compared(run, code=2).stderr


def test_other_tasks_are_refused_and_with_common_what_was_dropped_is_said(tmp_path):
    (tmp_path / "a.csv").write_text("task,outcome\nx,1\ny,0\nz,1\n")
    (tmp_path / "b.csv").write_text("task,outcome\nx,1\ny,0\nw,1\n")
    said = compared(tmp_path / "a.csv", tmp_path / "b.csv", code=2).stderr
    assert "1 of a's 3 are not in all (z)" in said
    assert "--common" in said
    table = found(tmp_path / "a.csv", tmp_path / "b.csv", "--common")
    assert table["tasks"] == 2
    assert "on the 2 tasks in common, of 4" in table["notes"][0]


def test_three_figures_where_cheats_are_known(tmp_path):
    (tmp_path / "t.csv").write_text("task,outcome,cheated\nx,1,1\ny,1,0\nz,0,0\nw,0,0\n")
    assert found(tmp_path / "t.csv")["arms"][0]["cheats"] == pytest.approx(
        {"failed": 0.25, "dropped": 1 / 3, "passed": 0.5}
    )


HANDLED = {
    "unequal trials": ("task,trial,outcome\nx,0,1\nx,1,0\ny,0,1\n", 3, 0.75 * 0 + 2 / 3),
    "missing cells": ("task,seed,outcome\nx,0,1\nx,1,0\ny,0,1\n", 3, 2 / 3),
    "a single task": ("task,outcome\nx,1\n", 1, 1.0),
    "all noughts": ("task,outcome\n" + "".join(f"t{n},0\n" for n in range(20)), 20, 0.0),
    "all ones": ("task,outcome\n" + "".join(f"t{n},1\n" for n in range(20)), 20, 1.0),
    "NaN": ("task,outcome\nx,nan\ny,\nz,1\n", 1, 1.0),
    "columns not known": ("task,outcome,colour\nx,1,red\ny,0,blue\n", 2, 0.5),
}


@pytest.mark.parametrize("case", HANDLED)
def test_what_is_odd_is_handled_and_said(tmp_path, case):
    text, n, estimate = HANDLED[case]
    (tmp_path / "t.csv").write_text(text)
    table = found(tmp_path / "t.csv")
    (arm,) = table["arms"]
    assert (arm["n"], arm["estimate"]) == (n, pytest.approx(estimate))
    assert arm["ci"][0] < arm["ci"][1]
    notes = " ".join(table["notes"])
    if case == "a single task":
        assert "single task" in notes
    if case == "columns not known":
        assert "colour were not used" in notes
    if case == "NaN":
        assert (arm["invalid"], arm["planned"]) == (2, 3)
    if case in ("unequal trials", "missing cells"):
        assert "not as many" in notes


REFUSED = {
    "duplicate row": ("t.csv", b"task,trial,outcome\nx,0,1\nx,0,0\n", "line 3 is a second outcome"),
    "no such column": ("t.csv", b"name,score2\nx,1\n", "no column for the task"),
    "empty": ("t.csv", b"", "no column for the task"),
    "undecodable": ("t.csv", b"task,outcome\nx,1\n\xff\xfe,0\n", "cannot be read as a table"),
    "huge": ("t.csv", b"task,outcome\nx,1e308\n", "line 2 has the outcome 1e+308"),
    "infinite": ("t.csv", b"task,outcome\nx,inf\n", "line 2 has the outcome inf"),
    "negative": ("t.csv", b"task,outcome\nx,-1\n", "line 2 has the outcome -1"),
    "a word": ("t.csv", b"task,outcome\nx,perhaps\n", "line 2 has the outcome 'perhaps'"),
    "a huge trial": ("t.csv", b"task,trial,outcome\nx,-1,1\n", "line 2 has the trial '-1'"),
    "bytes in lines": ("t.jsonl", b'{"task_id": "\xff", "passed": true}\n', "line 1 is not UTF-8"),
    "NaN by name": ("t.jsonl", b'{"task_id": "x", "passed": Infinity}\n', "line 1 has the outcome inf"),
    "empty lines": ("t.jsonl", b"", "holds no outcome"),
    "no report": ("r.json", b'{"x": 1}', "nothing whose outcomes can be read"),
    "half a zip": ("l.eval", b"PK\x03\x04 and no more", "cannot be read as a log of Inspect"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_with_its_row(tmp_path, case):
    name, data, said = REFUSED[case]
    (tmp_path / name).write_bytes(data)
    assert said in compared(tmp_path / name, code=2).stderr


def test_the_same_arm_twice_and_no_file_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text("task,outcome\nx,1\ny,0\n")
    assert "named twice" in compared(tmp_path / "t.csv", tmp_path / "t.csv", code=2).stderr
    assert "there is no" in compared(tmp_path / "none.csv", code=2).stderr


def test_what_the_audit_flags_is_said_and_counts_as_a_cheat_when_asked(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        planned = [
            PlannedAttempt(arm=arm, seed=0, dose=0, task_id=f"t{n}", split="test") for arm in "ab" for n in range(10)
        ]
        ledger.plan(planned)
        for plan in planned:
            ledger.record(Attempt(plan=plan, status=Status.SOLVED, verdict=Verdict.score(1.0, Reason.PASSED)), None)
    line = {"attempt": planned[0].id, "kind": "task", "mechanism": "gold_read", "confidence": 0.9}
    (tmp_path / "audit.jsonl").write_text(json.dumps(line) + "\n")
    plain = found(tmp_path)
    assert (
        "a: 1 of the attempts that the audit flags count as they were graded; --flagged counts them as cheats"
        in plain["notes"]
    )
    assert [arm["estimate"] for arm in plain["arms"]] == [1.0, 1.0]
    asked = found(tmp_path, "--flagged")
    assert [arm["estimate"] for arm in asked["arms"]] == [0.9, 1.0]
    assert asked["arms"][0]["cheats"] is not None
    assert not any("that the audit flags" in note for note in asked["notes"])
