"""`assay compare` and `assay power`: every format read alike, other tasks refused, paired numbers, one forest plot."""

import json
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from assay.cli import app
from assay.errors import UserError
from assay.ledger import Ledger
from assay.ledger.outcomes import read_arms
from assay.nouns import Attempt, PlannedAttempt, Status
from assay.report.comparison import as_json, compare
from assay.report.forest import forest

if sys.version_info >= (3, 14):
    import zipfile
else:
    from backports.zstd import zipfile


def csv_of(path, scores_AST, head="arm,task,seed,outcome"):
    lines = [head]
    for name, scores_ST in scores_AST.items():
        for seed, row in enumerate(scores_ST):
            lines += [f"{name},t{task},{seed},{'' if np.isnan(v) else v:}" for task, v in enumerate(row)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def two(seed=0, tasks=80, seeds=1, lift=0.25):
    rng = np.random.default_rng(seed)
    ease = rng.random(tasks)
    draw = rng.random((seeds, tasks))
    return {"a": (draw < ease * 0.6).astype(float), "b": (draw < np.clip(ease * 0.6 + lift, 0, 1)).astype(float)}


def command(*words, code=0):
    done = CliRunner().invoke(app, list(words))
    if isinstance(done.exception, UserError):
        return str(done.exception)
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def ledger(path, outcomes):
    with Ledger(path) as book:
        plans = [
            PlannedAttempt(arm=arm, seed=0, dose=dose, task_id=task, split="seen") for arm, dose, task, _ in outcomes
        ]
        book.plan(plans)
        for plan, (*_, status) in zip(plans, outcomes, strict=True):
            if status is not None:
                book.record(Attempt(plan=plan, status=status), None)
    return str(path)


def test_a_table_a_report_lines_a_log_and_a_ledger_say_the_same(tmp_path):
    outcomes = {"x": 1.0, "y": 0.0, "z": 1.0, "w": 0.0}
    (tmp_path / "run.csv").write_text("task,outcome\nx,1\ny,false\nz,resolved\nw,0\n")
    report = {"resolved_ids": ["x", "z"], "unresolved_ids": ["y"], "empty_patch_ids": ["w"], "error_ids": []}
    (tmp_path / "report.json").write_text(json.dumps(report))
    lines = [{"task_id": task, "passed": bool(value)} for task, value in outcomes.items()]
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with zipfile.ZipFile(tmp_path / "log.eval", "w", zipfile.ZIP_ZSTANDARD) as file:
        file.writestr("header.json", json.dumps({"version": 2, "status": "success", "eval": {"model": "m/one"}}))
        for task, value in outcomes.items():
            sample = {"id": task, "epoch": 1, "scores": {"match": {"value": "C" if value else "I"}}}
            file.writestr(f"samples/{task}_epoch_1.json", json.dumps(sample))
    book = ledger(
        tmp_path / "ledger.sqlite",
        [("m", 5, task, Status.SOLVED if value else Status.FAILED) for task, value in outcomes.items()],
    )
    for source in ("run.csv", "report.json", "lines.jsonl", "log.eval", book):
        (arm,) = read_arms(str(tmp_path / source))
        assert {score.task: score.value for score in arm.scores} == outcomes, source
    assert read_arms(str(tmp_path / "log.eval"))[0].name == "m/one"
    assert read_arms(f"mine={tmp_path / 'run.csv'}")[0].name == "mine"


def test_the_plan_is_the_denominator_and_our_failures_are_no_score(tmp_path):
    book = ledger(
        tmp_path / "ledger.sqlite",
        [
            ("m", 0, "x", Status.FAILED),
            ("m", 5, "x", Status.SOLVED),
            ("m", 0, "y", Status.MACHINERY),
            ("m", 5, "y", Status.CHEATED),
            ("m", 0, "z", None),
            ("m", 5, "z", Status.LIMIT),
        ],
    )
    floor, trained = read_arms(book)
    assert (floor.name, trained.name) == ("m@0", "m@5")
    found = compare([floor, trained])
    row = found.rows[0]
    assert (row.score.n, row.planned, row.score.invalid) == (1, 3, 2)
    assert row.coverage == pytest.approx(1 / 3)
    assert any("coverage differs" in note for note in found.notes)
    assert any("no result yet" in note for note in found.notes)
    cheats = found.rows[1].cheats
    assert cheats is not None
    assert (found.rows[1].score.estimate, cheats[0].estimate, cheats[1].estimate) == pytest.approx(
        (1 / 3, 1 / 2, 2 / 3)
    )
    assert read_arms(f"{book}:m@5")[0].name == "m@5"
    with pytest.raises(UserError, match="it has m@0, m@5"):
        read_arms(f"{book}:n")


def test_a_difference_is_paired_and_narrower_than_its_parts(tmp_path):
    path = csv_of(tmp_path / "t.csv", two())
    found = json.loads(command("compare", path, "--json", "--margin", "0.05"))
    pair = found["pairs"][0]
    assert pair["arm"] == "b"
    assert pair["ci"][0] > 0
    assert pair["verdict"] == "different"
    assert pair["p_mcnemar"] < 0.01
    widths = [arm["ci"][1] - arm["ci"][0] for arm in found["arms"]]
    assert pair["ci"][1] - pair["ci"][0] < max(widths)
    assert pair["smallest_detectable"] == pytest.approx(2.8 * (pair["ci"][1] - pair["ci"][0]) / 3.92, rel=0.1)
    assert found["arms"][1]["rank"] == [1, 1, 1]
    said = command("compare", path, "--margin", "0.05")
    assert "paired differences to a" in said


def test_seeds_of_one_source_are_pairs_and_of_two_are_not(tmp_path):
    scores = two(seeds=3)
    path = csv_of(tmp_path / "t.csv", scores)
    assert json.loads(command("compare", path, "--json"))["pairs"][0]["matched_seeds"]
    apart = [csv_of(tmp_path / f"{name}.csv", {name: table}) for name, table in scores.items()]
    assert not json.loads(command("compare", *apart, "--json"))["pairs"][0]["matched_seeds"]


def test_other_tasks_are_refused_unless_common_and_then_said(tmp_path):
    (tmp_path / "a.csv").write_text("task,outcome\nx,1\ny,0\nz,1\n")
    (tmp_path / "b.csv").write_text("task,outcome\nx,1\ny,0\nw,1\n")
    words = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    said = command("compare", *words)
    assert "1 of a's 3" in said
    assert "--common" in said
    found = json.loads(command("compare", *words, "--common", "--json"))
    assert found["tasks"] == 2
    assert "of 4" in found["notes"][0]
    (tmp_path / "c.csv").write_text("task,outcome\nq,1\n")
    assert "no task in common" in command("compare", words[0], str(tmp_path / "c.csv"), "--common")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task,outcome\nx,1\nx,2\n", "line 3 has the outcome 2"),
        ("task,trial,outcome\nx,0,1\nx,0,0\n", "line 3 is a second outcome"),
        ("task,outcome\nx,maybe\n", "line 2 has the outcome 'maybe'"),
        ("task,outcome\n,1\n", "line 2 names no task"),
        ("task,outcome\nx\n", "line 2 has another number of fields"),
        ("name,score2\nx,1\n", "no column for the task"),
        ("task,outcome\n", "has no rows"),
        ("task,outcome,passed\nx,1,1\n", "both say the outcome"),
    ],
)
def test_a_table_that_cannot_be_read_names_the_line(tmp_path, text, said):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        read_arms(str(tmp_path / "t.csv"))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.eval", b"not a zip", "log of Inspect"),
        ("x.json", b'{"resolved_ids": 3}', "not a list"),
        ("x.jsonl", b'{"task_id": "a"}\n', "line 1 has no outcome"),
        ("x.jsonl", b"[1]\n", "line 1 is no object"),
        ("x.jsonl", b"{\n", "line 1 is not JSON"),
        ("x.png", b"\x89PNG", "nothing whose outcomes"),
        ("x.sqlite", b"nothing", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=said):
        read_arms(str(tmp_path / name))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_alike_a_single_task_and_unequal_trials_are_handled(tmp_path, value):
    (tmp_path / "a.csv").write_text("task,outcome\n" + f"x,{value}\n" * 4)
    (tmp_path / "b.csv").write_text("task,outcome\n" + f"x,{value}\n" * 2)
    found = compare([*read_arms(str(tmp_path / "a.csv")), *read_arms(str(tmp_path / "b.csv"))], margin=0.1)
    assert found.rows[0].score.estimate == value
    assert found.rows[0].score.low < found.rows[0].score.high
    assert found.pairs[0].difference.interval.estimate == 0
    assert any("single task" in note for note in found.notes)
    assert json.dumps(as_json(found))


def test_an_arm_without_a_valid_score_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("task,outcome\nx,nan\ny,\n")
    (tmp_path / "b.csv").write_text("task,outcome\nx,1\ny,0\n")
    with pytest.raises(UserError, match="no valid score"):
        compare([*read_arms(str(tmp_path / "a.csv")), *read_arms(str(tmp_path / "b.csv"))])


def test_several_comparisons_are_corrected(tmp_path):
    rng = np.random.default_rng(0)
    arms = {f"m{n}": (rng.random((1, 60)) < 0.3 + 0.08 * n).astype(float) for n in range(4)}
    found = compare(read_arms(csv_of(tmp_path / "t.csv", arms)))
    assert all(pair.p_holm >= pair.p == pair.exact for pair in found.pairs)
    assert max(pair.p_holm / pair.p for pair in found.pairs) == pytest.approx(3.0)


def test_the_forest_plot_is_a_figure_and_the_same_twice(tmp_path):
    found = compare(read_arms(csv_of(tmp_path / "t.csv", two())), margin=0.05)
    png = forest(found)
    assert png.startswith(b"\x89PNG")
    assert png == forest(found)
    path = csv_of(tmp_path / "u.csv", two(seed=1))
    command("compare", path, "--forest", str(tmp_path / "f.png"))
    assert (tmp_path / "f.png").stat().st_size > 5000
    assert "cannot be written" in command("compare", path, "--forest", str(tmp_path / "no" / "f.png"))


def test_power_from_guesses_and_from_a_run_of_ones_own(tmp_path):
    found = json.loads(command("power", "--rates", "0.3", "0.36", "--difference", "0.06", "--tasks", "300", "--json"))
    assert 0 < found["power"] < 1
    assert found["tasks_needed"] > 300
    path = csv_of(tmp_path / "t.csv", two(seeds=3))
    own = json.loads(
        command("power", "--like", f"{path}:a", "--like", f"{path}:b", "--tasks", "80", "--seeds", "3", "--json")
    )
    assert 0 < own["detectable"] < 0.5
    assert "no number" not in command("power", "--rates", "0.3", "0.4", "--tasks", "100")
    assert "No number of tasks" in command(
        "power", "--rates", "0.3", "0.32", "--difference", "0.02", "--seed-sd", "0.1", "--seeds", "2"
    )
    assert "give --tasks" in command("power", "--rates", "0.3", "0.4")
    assert "two arms with --like" in command("power", "--tasks", "5")
