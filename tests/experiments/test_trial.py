"""Uplift trials: the draw is balanced and stored, the register keeps its order, the analysis says who is missing."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from assay.cli import app
from assay.errors import UserError
from assay.experiments.trial import Register, Row, analyse, rows_of_csv, rows_of_register
from assay.experiments.trial.register import EVENTS, _drawn, read_items

CONDITIONS = ("without", "with")


class Clock:
    def __init__(self):
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.at

    def passes(self, minutes):
        self.at += timedelta(minutes=minutes)


def register(tmp_path, items=(("a", "ann"), ("b", "ann"), ("c", "bob")), seed=1):
    clock = Clock()
    path = Register.planned(tmp_path / "trial.jsonl", list(items), seed, CONDITIONS).path
    return Register(path, now=clock), clock


@given(st.lists(st.sampled_from(["ann", "bob", "cy"]), min_size=2, max_size=40), st.integers())
def test_each_person_gets_half_of_each_and_the_seed_decides(people, seed):
    items = [(f"i{number}", person) for number, person in enumerate(people)]
    drawn = _drawn(items, seed, CONDITIONS)
    assert drawn == _drawn(items, seed, CONDITIONS)
    for person in set(people):
        counts = Counter(c for c, (_, who) in zip(drawn, items, strict=True) if who == person)
        assert abs(counts["with"] - counts["without"]) <= 1


def test_pauses_are_no_work_and_a_review_comes_on_top(tmp_path):
    found, clock = register(tmp_path)
    assert found.record("a", "forecast", minutes=60).condition in CONDITIONS
    found.record("a", "start")
    clock.passes(20)
    found.record("a", "pause")
    clock.passes(100)
    found.record("a", "resume", parallel=True)
    clock.passes(5)
    item = found.record("a", "stop")
    assert item.minutes == pytest.approx(25)
    item = found.record("a", "review", minutes=7)
    assert (item.review, item.parallel, item.done) == (7, True, True)
    again = Register(found.path).items()["a"]
    assert (again.minutes, again.review, again.forecast, again.parallel) == (pytest.approx(25), 7, 60, True)


def test_a_condition_is_told_only_after_a_forecast(tmp_path):
    found, _ = register(tmp_path)
    with pytest.raises(UserError, match="cannot come after planned"):
        found.record("a", "start")
    found.record("a", "forecast", minutes=30)
    with pytest.raises(UserError, match="cannot come after forecast"):
        found.record("a", "forecast", minutes=10)


@given(st.lists(st.sampled_from(EVENTS), max_size=12))
def test_whatever_is_said_the_register_can_be_read_and_time_never_runs_back(tmp_path_factory, events):
    found, clock = register(tmp_path_factory.mktemp("trial"))
    minutes = 0.0
    for event in events:
        clock.passes(1)
        given_ = {"minutes": 5.0} if event in ("forecast", "review") else {}
        try:
            item = found.record("a", event, why="said so", **given_)
        except UserError:
            item = found.items()["a"]
        assert item.minutes >= minutes
        minutes = item.minutes
    assert found.items()["a"].state in ("planned", *EVENTS)


@pytest.mark.parametrize(
    ("event", "options", "said"),
    [
        ("nap", {}, "is no event"),
        ("forecast", {}, "needs the minutes"),
        ("start", {"minutes": 5.0}, "takes no minutes"),
        ("forecast", {"minutes": 0.0}, "cannot be"),
        ("refuse", {}, "say why"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_written(tmp_path, event, options, said):
    found, _ = register(tmp_path)
    before = found.path.read_text()
    with pytest.raises(UserError, match=said):
        found.record("a", event, **options)
    with pytest.raises(UserError, match="has no item"):
        found.record("zzz", "start")
    assert found.path.read_text() == before


def test_a_plan_is_drawn_once(tmp_path):
    found, _ = register(tmp_path)
    with pytest.raises(UserError, match="there already"):
        Register.planned(found.path, [("x", ""), ("y", "")], 2, CONDITIONS)
    with pytest.raises(UserError, match="listed 2 times"):
        Register.planned(tmp_path / "other", [("x", ""), ("x", "")], 2, CONDITIONS)
    (tmp_path / "bad.csv").write_text("item\nx\n\n ,\n")
    with pytest.raises(UserError, match="trial"):
        Register(tmp_path / "bad.csv").items()


def test_items_are_read_with_the_line_of_what_is_wrong(tmp_path):
    place = tmp_path / "items.csv"
    place.write_text("item,person\none,ann\n,bob\n")
    with pytest.raises(UserError, match="line 3"):
        read_items(place)
    place.write_text("name\none\n")
    with pytest.raises(UserError, match="no column `item`"):
        read_items(place)


def rows(count=200, effect=0.3, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        treated = bool(rng.random() < 0.5)
        forecast = float(np.exp(rng.normal(4, 0.7)))
        time = forecast * float(np.exp(effect * treated + rng.normal(0, 0.5)))
        made.append(Row(f"item {number}", treated, (time,), forecast, f"p{number % 20}", parallel=number % 10 == 0))
    return made


def test_the_effect_is_found_and_what_is_missing_is_said():
    gone = [Row(f"gone {n}", True, (float("nan"),), 50.0, "p1", ended="refuse") for n in range(12)]
    found = analyse([*rows(), *gone])
    assert found.effect.homoskedastic.low < np.expm1(0.3) < found.effect.homoskedastic.high
    assert found.effect.clusters == 20
    assert found.attrition[1].others == {"refuse": 12}
    assert found.attrition[1].planned - found.attrition[1].done == 12
    assert found.attrition_p < 0.01
    assert found.parallel == 20
    assert found.alone is not None
    assert found.alone.homoskedastic.n == 180


def test_a_trial_that_cannot_be_read_says_why():
    with pytest.raises(UserError, match="has no time"):
        analyse([*rows(20), Row("item x", True, (float("nan"),), 5.0, "")])
    with pytest.raises(UserError, match="both occur"):
        analyse([row for row in rows(50) if row.treated])


def test_a_table_of_anybodys_is_read_by_its_names(tmp_path):
    place = tmp_path / "t.csv"
    place.write_text("who,ai,mins,guess\n" + "".join(f"p{n % 3},{n % 2},{10 + n},{12 + n}\n" for n in range(12)))
    found = rows_of_csv(place, treatment="ai", times=["mins"], forecast="guess", person="who")
    assert [row.times for row in found[:2]] == [(10.0,), (11.0,)]
    with pytest.raises(UserError, match="known as the treatment"):
        rows_of_csv(place)
    place.write_text("treated,minutes\n1,5\n2,6\n")
    with pytest.raises(UserError, match="line 3"):
        rows_of_csv(place)


def test_the_commands_draw_record_and_analyse(tmp_path):
    runner = CliRunner()
    items = tmp_path / "items.csv"
    items.write_text("item,person\n" + "".join(f"i{n},p{n % 2}\n" for n in range(16)))
    book = str(tmp_path / "trial.jsonl")

    def run(*words):
        done = runner.invoke(app, ["trial", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    run("plan", str(items), "--out", book, "--seed", "3")
    for number in range(16):
        said = run("record", book, f"i{number}", "forecast", "--minutes", str(20 + number))
        assert "with" in said
        if number == 5:
            run("record", book, "i5", "withhold", "--why", "the ticket was closed")
            continue
        run("record", book, f"i{number}", "start")
        run("record", book, f"i{number}", "stop")
        run("record", book, f"i{number}", "review", "--minutes", str(1 + number % 4))
    found = json.loads(run("analyse", book, "--json"))
    assert found["n"] == 15
    assert set(found) >= {"effect", "ci", "ci_hc3", "ci_clustered", "n"}
    assert sum(arm["planned"] for arm in found["attrition"]) == 16
    assert sum(arm.get("withhold", 0) for arm in found["attrition"]) == 1
    assert len(rows_of_register(Register(tmp_path / "trial.jsonl"))) == 16
    assert "Without" not in run("analyse", book)
