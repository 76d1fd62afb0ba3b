"""`assay leaks` by the real command: calibrated on dated texts, then corpora, post-training data and models audited."""

import json
from pathlib import Path

import pytest

from tests.audit.leak_texts import ages, write_jsonl
from tests.e2e.conftest import assay

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """Texts of two ages and an instrument calibrated on them."""
    folder = tmp_path_factory.mktemp("leaks")
    texts, old, new = ages()
    path = write_jsonl(folder / "dated.jsonl", texts)
    out = folder / "instrument"
    done = assay("leaks", "calibrate", str(path), "--out", str(out), "--windows", "20", "--plants", "60", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {row["words"] for row in found["recall"]} == {1, 2, 5, 10, 25, 50, 100, 200}
    return folder, out, texts, old, new


def test_corpora_of_both_ages(calibrated):
    folder, out, texts, _, _ = calibrated
    early = write_jsonl(folder / "early.jsonl", [text for text in texts if text.year < 1931])
    late = write_jsonl(folder / "late.jsonl", [text for text in texts if text.year > 1931])
    done = assay("leaks", "corpus", str(early), str(late), "--calibration", str(out), "--json")
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert not first["leaks"][-1]["distinct"]
    assert second["leaks"][-1]["distinct"]
    assert second["flags"][0]["reasons"][0]["first"] >= 1931
    words = assay("leaks", "corpus", str(late), "--calibration", str(out))
    assert "it holds later text" in words.stdout
    assert "because of" in words.stdout


def test_post_training_data_with_code_set_apart(calibrated):
    folder, out, _, old, new = calibrated
    modern, plain = " ".join(new[:60]), " ".join(old[80:150])
    rows = [
        {
            "instance_id": f"task-{number}",
            "messages": [
                {"role": "user", "content": f"{' '.join(old[:80])} {number}"},
                {"role": "assistant", "content": f"{modern if number < 5 else plain}\n\n```bash\nls\n```"},
            ],
        }
        for number in range(10)
    ]
    path = folder / "chat.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "no json\n")
    done = assay("leaks", "data", str(path), "--calibration", str(out), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["flagged_learned"]["estimate"] == 0.5
    assert found["flagged_learned"]["n"] == 10
    assert found["flagged_read"]["estimate"] == 0
    assert found["distinct_learned"] == 2
    assert found["distinct_read"] == 1
    assert 0 < found["code_learned"] < 0.2
    assert found["unreadable"] == 1


@pytest.mark.slow
def test_a_built_training_set_is_read_through_its_tokenizer(calibrated):
    folder, out, _, old, new = calibrated
    rows = [
        {"messages": [{"role": "user", "content": " ".join(old[n : n + 60])}, {"role": "assistant", "content": said}]}
        for n, said in enumerate((" ".join(new[:60]), " ".join(old[80:150])))
    ]
    path = folder / "two.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    built = folder / "set"
    done = assay("data", "build", str(path), "--model", str(CHECKPOINTS / "vintage"), "--out", str(built))
    assert done.returncode == 0, done.stderr
    done = assay("leaks", "data", str(built), "--calibration", str(out), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["flagged_learned"]["estimate"] == 0.5
    assert found["flagged_read"]["estimate"] == 0
    assert found["learned"]["words"] == 130


@pytest.mark.slow
def test_two_models_are_compared_by_item():
    """The shipped twins: more surprise after 1930 for the vintage one than for the modern one, item by item."""
    done = assay(
        *("leaks", "model", str(CHECKPOINTS / "vintage"), str(CHECKPOINTS / "modern")),
        *("--samples", "3", "--tokens", "60", "--json"),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    vintage, modern = found["models"]
    assert vintage["surprise"]["rise"]["n"] == modern["surprise"]["rise"]["n"] > 180
    assert all(decade["bits"]["n"] >= 10 for decade in vintage["surprise"]["decades"])
    assert found["paired"][0]["change"]["low"] > 0
    assert vintage["choice"]["chance"] == 0.25
    assert vintage["choice"]["conclusion"]
    assert vintage["samples"]["documents"] == 3


def test_terms_are_dated():
    done = assay("leaks", "attested", "software", "whale", "zxqvy")
    assert done.returncode == 0, done.stderr
    software, whale, nowhere = done.stdout.splitlines()
    assert "coined 1958" in software
    assert int(whale.split("first ")[1][:4]) < 1931
    assert "not in the dated corpora" in nowhere


@pytest.mark.slow
def test_what_the_user_can_mend_is_one_sentence(tmp_path):
    undated = tmp_path / "t.jsonl"
    undated.write_text('{"text": "whale"}\n')
    for words in (
        ("leaks", "calibrate", str(undated), "--out", str(tmp_path / "out")),
        ("leaks", "corpus", str(tmp_path / "absent")),
        ("leaks", "corpus", str(undated), "--calibration", str(tmp_path)),
        ("leaks", "data", str(tmp_path / "absent")),
        ("leaks", "model", str(tmp_path)),
    ):
        done = assay(*words)
        assert done.returncode == 2, (words, done.stderr)
        assert len(done.stderr.strip().splitlines()[-1].split(". ")) == 1
        assert "Traceback" not in done.stderr
