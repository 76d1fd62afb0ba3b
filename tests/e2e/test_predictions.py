"""`assay grade --predictions`: SWE-bench's predictions in its three forms, its report, and what that lacks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from assay.errors import UserError
from assay.ledger.exchange.predictions import Prediction, read_predictions
from tests.e2e.conftest import assay
from tests.e2e.test_solve import RIGHT, WRONG, write_tasks

SWE_BENCH = {  # what SWE-bench's own report of schema version 2 has
    *("total_instances", "submitted_instances", "completed_instances", "resolved_instances", "unresolved_instances"),
    *("infra_failure_instances", "ambiguous_failure_instances", "empty_patch_instances", "error_instances"),
    *("completed_ids", "incomplete_ids", "empty_patch_ids", "submitted_ids", "resolved_ids", "unresolved_ids"),
    *("infra_failure_ids", "ambiguous_failure_ids", "failure_reasons", "error_ids", "schema_version"),
}


def patch(number: int, line: str = RIGHT, was: str = WRONG) -> str:
    return (
        "diff --git a/pkg/mod.py b/pkg/mod.py\n--- a/pkg/mod.py\n+++ b/pkg/mod.py\n@@ -1,2 +1,2 @@\n"
        f" def total_{number}(a, b):\n-    {was}\n+    {line}\n"
    )


NEW_TEST = "--- /dev/null\n+++ b/tests/test_new.py\n@@ -0,0 +1 @@\n+assert True\n"


@pytest.fixture(scope="module")
def tasks(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sums")
    write_tasks(folder, 8)
    broken = folder / "sum-7" / "task.toml"
    broken.write_text(broken.read_text().replace('kind = "tests"', 'kind = "testz"'))
    return folder


def entries(patches: dict[str, str | None]) -> dict[str, dict]:
    return {
        name: {"instance_id": name, "model_name_or_path": "m", "model_patch": text} for name, text in patches.items()
    }


GIVEN = {
    "sum-0": patch(0),
    "sum-1": patch(1, "return 42 if a == 20 else 0"),
    "sum-2": patch(2, "return a * b"),
    "sum-3": patch(3, was="return a / b"),  # it does not apply
    "sum-4": "",
    "sum-5": NEW_TEST,
    "sum-7": patch(7),
    "sum-99": patch(0),
}


def test_each_outcome_has_its_list_and_the_report_is_swe_benchs(tasks, tmp_path):
    file = tmp_path / "preds.json"
    file.write_text(json.dumps(entries(GIVEN)))
    done = assay("grade", "--predictions", file, "--dataset", tasks, "--json")
    assert done.returncode == 3, done.stderr  # an instance is broken
    report = json.loads(done.stdout)
    assert json.loads((tmp_path / "preds.report.json").read_text()) == report
    assert set(report) >= SWE_BENCH
    assert report["resolved_ids"] == ["sum-0", "sum-1"]
    assert report["unresolved_ids"] == ["sum-2", "sum-5"]
    assert report["completed_ids"] == ["sum-0", "sum-1", "sum-2", "sum-5"]
    assert report["empty_patch_ids"] == ["sum-4"]
    assert report["error_ids"] == ["sum-3", "sum-7"]
    assert report["incomplete_ids"] == ["sum-6"]
    assert report["submitted_ids"] == sorted(GIVEN)
    assert (report["total_instances"], report["submitted_instances"], report["schema_version"]) == (8, 8, 2)
    assert report["patch_not_applied_ids"] == ["sum-3"]
    assert report["test_only_ids"] == ["sum-5"]
    assert report["bad_task_ids"] == report["infra_failure_ids"] == ["sum-7"]
    assert report["machinery_ids"] == []
    assert report["unknown_ids"] == ["sum-99"]
    assert "testz" in report["failure_reasons"]["sum-7"]
    # Seven are of this dataset, and one of them cannot be decided.
    assert (report["resolved_rate"], report["interval_n"]) == (pytest.approx(2 / 6, abs=1e-6), 6)
    assert report["interval"][0] < 2 / 6 < report["interval"][1]
    assert report["resolved_of_total"]["n"] == 8
    for name in ("resolved", "unresolved", "empty_patch", "error", "completed", "submitted"):
        assert report[f"{name}_instances"] == len(report[f"{name}_ids"])


def test_jsonl_and_a_list_give_the_same_and_words_say_it(tasks, tmp_path):
    some = list(entries({"sum-0": patch(0), "sum-2": patch(2, "return 0")}).values())
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in some))
    (tmp_path / "b.json").write_text(json.dumps(some, indent=1))
    outs = []
    for name in ("a.jsonl", "b.json"):
        out = tmp_path / f"{name}.out"
        done = assay("grade", "--predictions", tmp_path / name, "--dataset", tasks, "--out", out)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("resolved 1 of 2 submitted: 50.0 % (95 % interval ")
        outs.append(json.loads(out.read_text()))
    assert outs[0] == outs[1]


def test_what_is_no_prediction_is_listed_and_the_others_go_on(tmp_path):
    file = tmp_path / "preds.jsonl"
    lines = [
        json.dumps({"instance_id": "a", "model_patch": "x", "model_name_or_path": "m"}),
        "{oops",
        json.dumps({"model_patch": "x"}),
        json.dumps({"instance_id": "b"}),
        json.dumps({"instance_id": "c", "model_patch": 5}),
        json.dumps({"instance_id": "d", "model_patch": None}),
        json.dumps({"instance_id": "a", "model_patch": "y"}),
        json.dumps([1]),
        '{"instance_id": "e", "model_patch": "\\ud800"}',
    ]
    file.write_text("\n".join(lines))
    found = read_predictions(file)
    assert found.good == [Prediction("a", "x", "m"), Prediction("d", "")]
    assert [where.rpartition(" ")[2] for where, _ in found.broken] == ["2", "3", "4", "5", "7", "8", "9"]
    assert [why for _, why in found.broken][1:5] == [
        "it has no instance_id",
        "b has no model_patch",
        "the model_patch of c is not text but int",
        "a second prediction for a: the first one counts",
    ]


def test_a_table_of_predictions_is_read_by_its_keys(tmp_path):
    file = tmp_path / "preds.json"
    file.write_text(json.dumps({"a": {"model_patch": "x"}, "b": {"instance_id": "c", "model_patch": "x"}, "d": 5}))
    found = read_predictions(file)
    assert found.good == [Prediction("a", "x")]
    assert [why for _, why in found.broken] == ["its key is b, but its instance_id c", "it is not an object"]
    file.write_text(json.dumps({"instance_id": "one", "model_patch": "x"}))
    assert read_predictions(file).good == [Prediction("one", "x")]


@pytest.mark.parametrize("text", ["", "{", "{\n oops", "5", "[]", "{}", "\xff\xfe", '"text"'])
def test_a_file_that_holds_none_is_one_sentence(tmp_path, text):
    file = tmp_path / "preds.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError) as caught:
        read_predictions(file)
    assert str(file) in str(caught.value)
    with pytest.raises(UserError, match="cannot be read"):
        read_predictions(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--predictions", "P"], "--predictions FILE with --dataset FILE"),
        (["--predictions", "P", "--dataset", "none.jsonl"], "none.jsonl"),
        (["--predictions", "none.json", "--dataset", "D"], "none.json cannot be read"),
        (["--predictions", "P", "--dataset", "D", "--task", "D"], "nothing else"),
    ],
)
def test_a_wrong_call_is_one_sentence(tasks, tmp_path, words, sentence):
    file = tmp_path / "preds.json"
    file.write_text(json.dumps(entries({"sum-0": ""})))
    done = assay("grade", *[{"P": file, "D": tasks}.get(word, word) for word in words])
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.startswith("assay: ")
    assert done.stderr.count("\n") == 1


def test_a_run_that_was_killed_goes_on_and_grades_nothing_twice(tasks, tmp_path):
    file = tmp_path / "preds.json"
    given = {f"sum-{number}": patch(number) for number in range(6)} | {"sum-6": patch(6, "return a * b")}
    file.write_text(json.dumps(entries(given)))
    words = ("grade", "--predictions", file, "--dataset", tasks, "--workers", "1", "--json")
    begun = subprocess.Popen(
        [sys.executable, "-m", "assay", *map(str, words)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    for line in begun.stderr:
        if line.startswith("2/7"):
            break
    begun.kill()
    begun.communicate()
    kept = tmp_path / "preds.report.graded.jsonl"
    found = kept.read_text().splitlines()
    assert 2 <= len(found) < 7
    assert not (tmp_path / "preds.report.json").exists()
    with kept.open("a") as cut:
        cut.write(found[0][: len(found[0]) // 2])  # as a kill in the midst of a line leaves it
    done = assay(*words)
    assert done.returncode == 0, done.stderr
    assert f"{len(found)} of 7 were graded before" in done.stderr
    report = json.loads(done.stdout)
    assert report["resolved_ids"] == [f"sum-{number}" for number in range(6)]
    assert report["unresolved_ids"] == ["sum-6"]
    again = assay(*words)
    assert "7 of 7 were graded before" in again.stderr
    assert json.loads(again.stdout) == report
    file.write_text(json.dumps(entries(given | {"sum-0": patch(0, "return a * b")})))
    other = assay(*words)
    assert "6 of 7 were graded before" in other.stderr
    assert json.loads(other.stdout)["unresolved_ids"] == ["sum-0", "sum-6"]
