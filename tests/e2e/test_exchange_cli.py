"""`assay export` and `assay import`: by the real commands, and what the other verbs make of an imported run."""

import json

import pytest

from assay.ledger import Ledger
from assay.ledger.exchange.registry import known
from assay.nouns import (
    Attempt,
    Exit,
    Finish,
    Message,
    PlannedAttempt,
    Reason,
    Reply,
    Role,
    Status,
    Step,
    Trajectory,
    Verdict,
)
from tests.e2e.conftest import assay
from tests.ledger.exchange_runs import held

DIFF = "--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-a\n+b\n"


@pytest.fixture(scope="module")
def run(chat, tmp_path_factory):
    """A run of two arms with sampled ids of a tokenizer that the ledger knows, a broken attempt and an open one."""
    folder = tmp_path_factory.mktemp("lab") / "run"
    folder.mkdir()
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.set_fact("tokenizers", {"one": "ab" * 32, "two": "ab" * 32})
        for arm in ("one", "two"):
            plans = [
                PlannedAttempt(arm=arm, seed=0, dose=0, task_id=f"drills/{number}", split="seen") for number in range(6)
            ]
            ledger.plan(plans)
            for number, plan in enumerate(plans[:5]):
                text = f"look at {number}\n```bash\nls\n```"
                ids = (*chat.encode(text), chat.end)
                reply = Reply(
                    text=text, finish=Finish.STOP, token_ids=ids, logprobs=(-0.5,) * len(ids), sampled_tokens=3
                )
                broke, good = number == 4, (number + (arm == "two")) % 2 == 0
                path = Trajectory(
                    task_id=plan.task_id,
                    agent="mini",
                    model=arm,
                    prompt=(Message(role=Role.USER, content=f"mend {number} for {arm}"),),
                    steps=(Step(reply=reply, command="ls", observation="m.py", returncode=0),),
                    exit=Exit.MACHINERY if broke else Exit.SUBMITTED,
                    diff=DIFF,
                    error="the sandbox died" if broke else "",
                )
                verdict = None if broke else Verdict.score(float(good), Reason.PASSED if good else Reason.WRONG)
                status = Status.MACHINERY if broke else Status.SOLVED if good else Status.FAILED
                ended = Attempt(plan=plan, status=status, verdict=verdict, steps=1, sampled_tokens=3)
                ledger.record(ended, path)
    return folder


def done(*words, status=0):
    found = assay(*words)
    assert found.returncode == status, found.stderr
    return found.stdout


def compared(*runs):
    rows = json.loads(done("compare", *runs, "--resamples", "100", "--json"))["arms"]
    return [{name: value for name, value in row.items() if name != "arm"} for row in rows]


@pytest.mark.slow
def test_an_imported_run_is_compared_audited_published_and_learned_from(run, chat, tmp_path):
    told = json.loads(done("export", run, "--to", "inspect", "--out", tmp_path / "logs", "--json"))
    assert (told["attempts"], told["files"], sum(told["left_out"].values())) == (10, 2, 2)
    account = json.loads(done("import", tmp_path / "logs", "--out", tmp_path / "back", "--json"))
    assert (account["format"], account["read"], account["broken"], account["unfinished"]) == ("inspect", 10, 0, 2)
    assert account["statuses"] == {"failed": 4, "machinery": 2, "solved": 4}
    assert sorted(held(tmp_path / "back"), key=lambda row: row[0].id) == sorted(held(run), key=lambda row: row[0].id)

    assert compared(tmp_path / "back") == compared(run)
    rows = compared(tmp_path / "back")
    assert [(row["n"], row["invalid"], row["planned"]) for row in rows] == [(4, 2, 6)] * 2

    totals = json.loads(done("audit", tmp_path / "back", "--json").splitlines()[-1])
    assert (totals["attempts"], totals["planned"]) == (10, 12)
    done("publish", tmp_path / "back", tmp_path / "pages")
    assert (tmp_path / "pages" / "index.html").is_file()

    model = tmp_path / "model"
    model.mkdir()
    chat.save(model)
    cards = []
    for source in (run, tmp_path / "back"):
        out = tmp_path / f"data-{source.name}"
        cards.append(json.loads(done("data", "build", source, "--model", model, "--out", out, "--verified", "--json")))
    for name in ("examples", "tokens", "loss_tokens", "sampled_turns", "written_turns", "verdicts"):
        assert cards[0][name] == cards[1][name], name


def test_what_the_user_can_mend_is_one_sentence(run, tmp_path):
    (tmp_path / "other").write_text("hello")
    for words in (
        ("import", tmp_path / "absent", "--out", tmp_path / "x"),
        ("import", tmp_path / "other", "--out", tmp_path / "x"),
        ("import", tmp_path / "other", "--from", "nonsense", "--out", tmp_path / "x"),
        ("export", tmp_path, "--to", "chat", "--out", tmp_path / "x.jsonl"),
        ("export", run, "--to", "nonsense", "--out", tmp_path / "x"),
        ("export", run, "--to", "chat", "--out", tmp_path / "x.csv"),
    ):
        found = assay(*words)
        assert (found.returncode, found.stdout) == (2, "")
        assert found.stderr.startswith("assay: ")
        assert found.stderr.count("\n") == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["other"]


def test_what_could_not_be_read_is_named_on_standard_error(tmp_path):
    rows = [
        json.dumps({"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]}),
        "{oops",
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    found = assay("import", tmp_path / "rows.jsonl", "--out", tmp_path / "run")
    assert found.returncode == 0
    assert found.stderr.startswith("not read: rows.jsonl, line 2: it is not JSON")
    assert "1 were graded by nobody" in found.stdout
    assert "1 could not be read" in found.stdout


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted(known()))
def test_every_format_goes_and_comes_by_the_commands(form, run, tmp_path):
    out = tmp_path / ("rows.jsonl" if form == "chat" else "out")
    done("export", run, "--to", form, "--out", out, "--arm", "two")
    account = json.loads(done("import", out, "--out", tmp_path / "back", "--json"))
    assert (account["format"], account["arms"], account["read"], account["broken"]) == (form, ["two"], 5, 0)
    assert account["statuses"] == {"failed": 2, "machinery": 1, "solved": 2}
    (row,) = compared(tmp_path / "back")
    # An attempt without a result is in the plan of the formats that have one.
    assert (row["n"], row["planned"]) == (4, 6 if form in ("inspect", "harbor", "swebench") else 5)
