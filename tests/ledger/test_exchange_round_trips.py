"""A run written in a format and read again is the run, but for what docs/formats.md says that the format loses."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from assay.ledger.exchange.importing import bring
from assay.ledger.exchange.registry import detected, known, named
from assay.ledger.exchange.run import Run
from assay.nouns import Exit, Status, Trajectory
from tests.ledger.exchange_runs import Row, held, keep, runs, scratch
from tests.ledger.test_exchange_inspect_real import run_of

DOCS = Path(__file__).parents[2] / "docs" / "formats.md"
# Nothing is made smaller: each example is files and two ledgers, and on a slow disk that takes minutes.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
LAW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)


def there_and_back(form: str, rows: list[Row], place: Path) -> list[Row]:
    """Write the rows and read them again, in the order of the rows. Nothing may be lost on the way without a word."""
    run = keep(place / "run", rows)
    out = place / ("rows.jsonl" if form == "chat" else "out")
    written = named(form).write(Run(run), out)
    assert written.attempts + sum(written.left.values()) == len(rows)
    if not written.attempts:
        return []
    assert form == detected(out).NAME
    found = bring(out, place / "back")
    assert (found.account.faults, dict(found.account.notes)) == ([], {})
    order = {plan: number for number, (plan, _, _) in enumerate(rows)}
    return sorted(held(place / "back"), key=lambda row: order[row[0]])


def check(form: str, rows: list[Row], expected: list[Row]) -> None:
    with scratch() as folder:
        assert there_and_back(form, rows, Path(folder)) == expected


def spoken(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row[2] is not None]


def changed(path: Trajectory, *, prompt: set[str], reply: set[str]) -> Trajectory:
    """Return the trajectory without these fields of its prompt's messages and its replies."""
    blank = {"token_ids": None, "logprobs": None, "reasoning": ""}
    messages = [message.model_copy(update={name: blank[name] for name in prompt}) for message in path.prompt]
    steps = [
        step.model_copy(update={"reply": step.reply.model_copy(update={name: blank[name] for name in reply})})
        for step in path.steps
    ]
    return path.model_copy(update={"prompt": tuple(messages), "steps": tuple(steps)})


@pytest.mark.parametrize("form", ["inspect", "harbor"])
def test_inspect_and_harbor_lose_nothing(form):
    @LAW
    @given(runs())
    def law(rows):
        check(form, rows, rows if any(attempt for _, attempt, _ in rows) else [])

    law()


@pytest.mark.parametrize("form", ["chat", "atif"])
def test_chat_rows_and_atif_lose_attempts_in_which_nothing_was_kept(form):
    @LAW
    @given(runs())
    def law(rows):
        check(form, rows, spoken(rows))

    law()


@LAW
@given(runs())
def test_mini_1_1_loses_the_ids_of_a_prompt(rows):
    expected = [(a, b, changed(path, prompt={"token_ids"}, reply=set())) for a, b, path in spoken(rows) if path]
    check("mini-1.1", rows, expected)


@LAW
@given(runs())
def test_mini_1_keeps_texts_alone(rows):
    lost = {"token_ids", "logprobs", "reasoning"}
    check("mini", rows, [(a, b, changed(p, prompt={"token_ids"}, reply=lost)) for a, b, p in spoken(rows) if p])


@LAW
@given(runs())
def test_swe_bench_keeps_the_plan_the_patch_and_whether_it_was_resolved(rows):
    with scratch() as folder:
        found = there_and_back("swebench", rows, Path(folder))
    if not found:
        assert not any(attempt for _, attempt, _ in rows)
        return
    assert [plan for plan, _, _ in found] == [plan for plan, _, _ in rows]
    for (_, was, path), (_, now, patch) in zip(rows, found, strict=True):
        if was is None:
            assert now is None
            continue
        assert now is not None
        broke = was.status is Status.MACHINERY
        submitted = path is not None and not (broke and was.verdict is None)
        diff = path.diff if path is not None and path.exit is Exit.SUBMITTED else ""
        assert (None if patch is None else patch.diff) == (diff if submitted else None)
        if broke or was.status in (Status.SOLVED, Status.CHEATED):
            assert now.status is was.status
        elif submitted:
            assert now.status is (Status.FAILED if diff else Status.EMPTY)
        else:
            assert now.status is (Status.EMPTY if was.status is Status.EMPTY else Status.FAILED)


def test_every_format_says_in_the_docs_what_it_loses():
    text = DOCS.read_text()
    for name in known():
        assert re.search(rf"^\| `{re.escape(name)}` \|", text, re.MULTILINE), f"docs/formats.md has no row for {name}"


def test_arrow_reads_chat_rows_with_one_type_a_column(tmp_path):
    """As `datasets.load_dataset("json", ...)` does, whatever the attempts of a run have and lack."""
    arrow = pytest.importorskip("pyarrow.json")
    run_of(tmp_path / "run")
    named("chat").write(Run(tmp_path / "run"), tmp_path / "rows.jsonl")
    table = arrow.read_json(tmp_path / "rows.jsonl", read_options=arrow.ReadOptions(block_size=4096))
    assert table.num_rows == 8
    message = table.schema.field("messages").type.value_type
    assert [str(message.field(name).type) for name in ("content", "token_ids", "logprobs")] == [
        "string",
        "list<item: int64>",
        "list<item: double>",
    ]
    assert table.column("resolved").to_pylist() == [True, False, None, False] * 2
    assert str(table.schema.field("assay").type) == "string"
