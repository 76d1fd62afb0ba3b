"""The page and the summary, read back as a reader would: what they say, what they refuse to hide, what they escape."""

import json
import re
import sqlite3
from html.parser import HTMLParser

import numpy as np
import pytest

from assay.errors import UserError
from assay.ledger import Ledger
from assay.nouns import Attempt, Check, Exit, Finish, Message, Reason, Reply, Role, Status, Step, Trajectory, Verdict
from assay.report.build import build
from assay.statistics import jeffreys, paired_difference

VOID = {"meta", "img", "br", "link", "input", "hr", "base", "embed", "source"}


class Page(HTMLParser):
    """A page as its tags, attributes, text and tables; fails on tags that do not balance."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags, self.attributes, self.tables, self.captions, self._open, words = [], [], {}, [], [], []
        self._words = words
        self.feed(self.source)
        self.close()
        assert self._open == []
        self.text = " ".join(" ".join(words).replace("\u00a0", " ").split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table" and self.captions:
            self.tables.setdefault(self.captions[-1], [])
        if tag == "tr" and self.captions:
            self.tables[self.captions[-1]].append([])
        if tag in ("td", "th") and self.captions:
            self.tables[self.captions[-1]][-1].append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] == "style":
            return
        self._words.append(data)
        if "figcaption" in self._open:
            self.captions.append(data)
        if self.captions and self._open and self._open[-1] in ("td", "th"):
            self.tables[self.captions[-1]][-1][-1] += data.replace("\u00a0", " ")

    def rows(self, start):
        name = next(caption for caption in self.tables if caption.startswith(start))
        return self.tables[name]


def page_of(directory):
    return Page(build(directory).index)


def summary_of(directory):
    return json.loads(build(directory).summary.read_text())


@pytest.fixture(scope="module")
def page(finished):
    return Page(finished / "report" / "index.html")


@pytest.fixture(scope="module")
def summary(finished):
    return json.loads((finished / "summary.json").read_text())


def outcomes(directory):
    """(arm, dose, split) -> status by (seed, task), read from the ledger without the report's own code."""
    table = {}
    with Ledger(directory / "ledger.sqlite") as ledger:
        for attempt in ledger.attempts():
            plan = attempt.plan
            table.setdefault((plan.arm, plan.dose, plan.split), {})[plan.seed, plan.task_id] = attempt.status
    return table


def test_the_page_fetches_nothing_and_runs_nothing(page):
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    fetched = [(name, value) for _, name, value in page.attributes if name in ("src", "href", "srcset", "action")]
    assert fetched
    assert all(value.startswith(("data:image/png;base64,", "#")) for _, value in fetched)
    assert "url(" not in page.source
    assert "@import" not in page.source
    assert page.source.startswith("<!doctype html>")
    assert any(value and "default-src 'none'" in value for _, _, value in page.attributes)


def test_every_link_leads_somewhere_and_every_image_has_words(page):
    ids = {value for _, name, value in page.attributes if name == "id"}
    assert {value[1:] for _, name, value in page.attributes if name == "href"} <= ids
    assert page.tags.count("img") == 3
    assert all(value for tag, name, value in page.attributes if tag == "img" and name == "alt")


def test_the_answer_is_computed_from_the_ledger(page, summary, finished):
    seen = outcomes(finished)
    rates = {
        arm: np.mean([status is Status.SOLVED for status in seen[arm, 2000, "seen"].values()])
        for arm in ("vintage", "modern")
    }
    vintage, modern = (summary["top"][arm]["seen"] for arm in ("vintage", "modern"))
    assert vintage["estimate"] == pytest.approx(rates["vintage"], abs=1e-6)
    assert modern["estimate"] == pytest.approx(rates["modern"], abs=1e-6)
    expected = jeffreys(round(60 * rates["vintage"]), 60)
    assert (vintage["low"], vintage["high"]) == (
        pytest.approx(expected.low, abs=1e-6),
        pytest.approx(expected.high, abs=1e-6),
    )
    difference = summary["difference"]["seen"]
    assert difference["estimate"] == pytest.approx(rates["modern"] - rates["vintage"], abs=1e-6)
    sentence = (
        f"On seen (60 tasks, 1 seed), after 2,000 trajectories, vintage passes {100 * rates['vintage']:.1f} % "
        f"[{100 * vintage['low']:.1f}, {100 * vintage['high']:.1f}] and modern passes {100 * rates['modern']:.1f} %"
    )
    assert sentence in page.text
    assert f"modern minus vintage is {100 * difference['estimate']:+.1f} points".replace("-", "−") in page.text
    assert "at a margin of 5 points" in page.text


def test_differences_are_paired_by_task(summary, finished):
    seen = outcomes(finished)
    tasks = sorted(seen["modern", 2000, "seen"])
    a, b = (
        np.array([[seen[arm, 2000, "seen"][key] is Status.SOLVED for key in tasks]]).astype(float)
        for arm in ("modern", "vintage")
    )
    expected = paired_difference(a, b).interval
    found = summary["difference"]["seen"]
    assert found["low"] == pytest.approx(expected.low, abs=0.02)
    assert found["high"] == pytest.approx(expected.high, abs=0.02)


def test_the_summary_has_the_promised_shape(summary):
    assert set(summary) == {
        "name", "scale", "seeds", "doses", "missing", "wall_s", "peak_rss_mb", "planned", "statuses", "top",
        "difference",
    }  # fmt: skip
    assert (summary["wall_s"], summary["peak_rss_mb"]) == (500.75, 1820.4)
    assert set(summary["statuses"]) == {status.value for status in Status}
    assert sum(summary["statuses"].values()) + summary["missing"] == summary["planned"] == 3 * 6 * 130
    for splits in summary["top"].values():
        assert list(splits) == ["seen", "unseen", "seeded"]
        for cell in splits.values():
            assert set(cell) == {"n", "estimate", "low", "high", "minus_floor"}
            assert set(cell["minus_floor"]) == {"estimate", "low", "high"}
    for difference in summary["difference"].values():
        assert set(difference) == {"estimate", "low", "high", "margin", "equivalent"}
        assert difference["margin"] == 0.05
        assert isinstance(difference["equivalent"], bool)


def test_every_row_of_endings_adds_up_to_the_plan(page, finished):
    head, *rows = page.rows("How every planned attempt ended")
    assert head[2:12] == [status.value for status in Status]
    numbers = [[0 if cell == "·" else int(cell.replace(",", "")) for cell in row[2:]] for row in rows]
    assert len(rows) == 3 * 6 + 1
    assert all(sum(row[:-1]) == row[-1] for row in numbers)
    assert numbers[-1] == np.sum(numbers[:-1], axis=0).tolist()
    assert numbers[-1][-1] == 3 * 6 * 130


def test_no_rate_stands_without_n_interval_set_and_seeds(page):
    head, *rows = page.rows("Pass rates at the top dose")
    assert head[:7] == ["split", "arm", "pass@1", "95 % interval", "n attempts", "tasks", "seeds"]
    assert len(rows) == 9
    for row in rows:
        assert re.fullmatch(r"[\d.]+ %", row[2])
        assert re.fullmatch(r"\[[\d.]+, [\d.]+\]", row[3])
        assert int(row[4]) > 0
        assert row[6] == "0"
    assert "Intervals: Jeffreys." in page.text
    sets = {row[0]: row for row in page.rows("Instance sets")[1:]}
    assert {split: row[1] for split, row in sets.items()} == {"seen": "60", "unseen": "40", "seeded": "30"}
    assert all(re.fullmatch("[0-9a-f]{16}", row[3]) for row in sets.values())


def test_one_seed_and_three_seeds_say_what_they_speak_of(page, made):
    assert "One training seed: the intervals speak of the choice of tasks and say nothing of the luck" in page.text
    three = page_of(made(seeds=(3, 4, 5), doses=(0, 100, 200), traces=False))
    assert "3 training seeds (3, 4, 5)" in three.text
    assert "On seen (60 tasks, 3 seeds)" in three.text
    assert "paired two-level bootstrap over tasks and seeds" in three.text


def test_a_cell_of_failures_alone_has_an_interval(made):
    cells = summary_of(made(rates={"vintage": 1e-9, "modern": 1e-9}, splits={"unseen": 40}, ease={"unseen": 1.0}))
    found = cells["top"]["vintage"]["unseen"]
    assert (found["estimate"], found["low"], found["n"]) == (0.0, 0.0, 40)
    assert found["high"] == pytest.approx(jeffreys(0, 40).high, abs=1e-6)
    difference = cells["difference"]["unseen"]
    assert difference["low"] == pytest.approx(-difference["high"])
    assert difference["high"] == pytest.approx(0.0876, abs=1e-4)
    assert difference["equivalent"] is False, "forty failures each do not show that two arms are equal"


def test_equal_and_different_are_said(made):
    same = made(
        rates={"vintage": 1e-9, "modern": 1e-9}, splits={"seen": 300}, ease={"seen": 1.0}, doses=(0, 100), traces=False
    )
    assert summary_of(same)["difference"]["seen"]["equivalent"] is True
    assert "equal within the margin of 5 points" in page_of(same).text
    unlike = made(
        rates={"vintage": 1e-9, "modern": 0.8}, splits={"seen": 60}, ease={"seen": 1.0}, doses=(0, 100), traces=False
    )
    assert summary_of(unlike)["difference"]["seen"]["equivalent"] is False
    assert re.search(
        r"modern minus vintage is \+[\d.]+ points \[\+[\d.]+, \+[\d.]+\]: different\.", page_of(unlike).text
    )


def lost(planned):
    return planned.arm == "vintage" and planned.dose == 2000 and planned.split == "seen" and planned.task_id[-1] in "12"


def test_missing_attempts_are_shown_and_flagged(made):
    run = made(lose=lost)
    summary, page = summary_of(run), page_of(run)
    assert (summary["missing"], summary["planned"]) == (12, 2340)
    assert sum(summary["statuses"].values()) == 2328
    assert summary["top"]["vintage"]["seen"]["n"] == 48
    assert "This run is not finished: 12 of 2,340 planned attempts have no result yet" in page.text
    assert (
        "modern minus vintage on seen: Coverage differs: 60 of 60 for modern and 48 of 60 for vintage have a score; "
        "compared are the 48 pairs of attempts that both have."
    ) in page.text
    row = next(row for row in page.rows("Coverage") if row[:2] == ["vintage", "2,000"])
    assert row[2:] == ["48 of 60", "40 of 40", "30 of 30", "not full"]


def broken(planned, status):
    return Status.MACHINERY if planned.arm == "modern" and planned.task_id.endswith("seen/00007") else status


def test_a_failure_of_the_machinery_is_never_a_score(made, finished):
    run = made(decide=broken)
    summary, page = summary_of(run), page_of(run)
    assert summary["statuses"]["machinery"] == 12  # seen and unseen, six doses each
    cell = summary["top"]["modern"]["seen"]
    assert cell["n"] == 59
    whole = outcomes(finished)["modern", 2000, "seen"]
    kept = [s is Status.SOLVED for (_, task), s in whole.items() if not task.endswith("seen/00007")]
    assert cell["estimate"] == pytest.approx(np.mean(kept), abs=1e-6)
    assert "12 attempts failed on our side (status machinery): no score, left out of both parts" in page.text
    assert "59 of 60 for modern and 60 of 60 for vintage" in page.text


def test_a_floor_with_other_seeds_is_compared_by_task_and_said(made):
    run = made(seeds=(0, 1), doses=(0, 200), plan=lambda each: each.dose > 0 or each.seed == 0, traces=False)
    page = page_of(run)
    assert "vintage on seen: Coverage differs: 120 of 120 for vintage at 200 and 60 of 60 for vintage at 0" in page.text
    assert "the 60 tasks, the seeds being unlike" in page.text


def test_cheats_get_three_figures(made):
    def cheat(planned, status):
        return (
            Status.CHEATED
            if planned.arm == "modern" and planned.dose == 2000 and planned.task_id[-1] == "3"
            else status
        )

    page = page_of(made(decide=cheat))
    row = next(row for row in page.rows("Cheats at the top dose") if row[:2] == ["seen", "modern"])
    rate, failure, removed, success = (float(cell.split(" ")[0]) for cell in row[2:6])
    assert rate == 10.0
    assert failure < removed < success
    assert success == pytest.approx(failure + 10.0, abs=0.11)
    assert "cheated; they count as failures, and three figures are given below" in page.text
    assert not any("Cheats" in caption for caption in page_of(made(traces=False)).captions)


def test_facts_that_are_absent_are_not_recorded(made):
    run = made(facts=False, traces=False)
    page, summary = page_of(run), summary_of(run)
    assert page.text.count("not recorded") > 10
    assert "No attempt has left a trace yet." in page.text
    assert (summary["name"], summary["scale"], summary["wall_s"], summary["peak_rss_mb"]) == (None,) * 4
    assert summary["difference"] == {}
    assert summary["top"]["vintage"]["seen"]["n"] == 60


def test_without_a_stated_margin_nothing_is_called_equal(made):
    run = made(margin=None, traces=False)
    found = summary_of(run)["difference"]["seen"]
    assert (found["margin"], found["equivalent"]) == (None, None)
    assert "no margin of equality was stated" in page_of(run).text


def test_a_run_that_has_only_begun(made):
    run = made(lose=lambda planned: True)
    page, summary = page_of(run), summary_of(run)
    assert summary["missing"] == summary["planned"] == 2340
    assert summary["top"]["vintage"]["seen"] == {
        "n": 0, "estimate": None, "low": None, "high": None,
        "minus_floor": {"estimate": None, "low": None, "high": None},
    }  # fmt: skip
    assert summary["difference"]["seen"]["equivalent"] is None
    assert "no attempt has a score yet" in page.text


def test_an_empty_ledger_is_a_page_too(tmp_path):
    Ledger(tmp_path / "ledger.sqlite").close()
    page = page_of(tmp_path)
    assert "Nothing is planned in this ledger" in page.text
    assert not list((tmp_path / "report").glob("*.png"))


HOSTILE = (
    "</pre><script>document.title='owned'</script><img src=x onerror=alert(1)> & \x1b[31mred\x1b[0m \u202egnp.exe \x00"
)


def hostile_trajectory(planned, status, _):
    steps = (
        Step(
            reply=Reply(text=f"{HOSTILE}\n```bash\necho '{HOSTILE}'\n```", finish=Finish.STOP),
            command=f"echo '{HOSTILE}'",
            observation=HOSTILE + "y" * 100_000,
            returncode=0,
        ),
        Step(reply=Reply(text=HOSTILE, finish=Finish.LENGTH), observation=HOSTILE),
    )
    return Trajectory(
        task_id=planned.task_id,
        agent="shell",
        model="m",
        prompt=(Message(role=Role.SYSTEM, content=HOSTILE), Message(role=Role.USER, content=HOSTILE)),
        steps=steps,
        exit=Exit.SUBMITTED,
        diff=f"--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-{HOSTILE}\n+{HOSTILE}\n",
        error=HOSTILE,
    )


def hostile_attempt(planned, status):
    checks = tuple(Check(name=HOSTILE, passed=bool(n % 2), evidence=f"{HOSTILE}\n{n}") for n in range(60))
    verdict = Verdict.score(0.0, Reason.WRONG, checks, HOSTILE)
    return Attempt(plan=planned, status=status, verdict=verdict, steps=2, detail=HOSTILE)


def test_hostile_text_neither_runs_nor_hides_nor_swells_the_page(made):
    arm = '<b onclick="x()">$arm</b>'
    run = made(
        rates={arm: 0.5, "modern": 0.5}, splits={"seen": 10}, ease={"seen": 1.0}, doses=(0, 100),
        pairs=(("modern", arm),), trajectory=hostile_trajectory, attempt=hostile_attempt,
    )  # fmt: skip
    page = page_of(run)
    assert not {"script", "b"} & set(page.tags)
    assert page.tags.count("img") == 3
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "<script>document.title='owned'</script>" in page.text, "shown, not run"
    assert not set("\x1b\x00\u202e") & set(page.source)
    assert "\\x1b[31mred" in page.text
    assert "\\u202egnp.exe" in page.text
    assert "characters are left out here" in page.text
    assert "and 20 more checks" in page.text
    assert len(page.source) < 1_500_000


def test_ten_trajectories_one_can_read(page):
    assert "10 trajectories, step by step" in page.text
    details = [value for tag, name, value in page.attributes if tag == "details" and name == "id"]
    assert details == [f"trajectory-{number}" for number in range(1, 11)]
    shown = page.source[page.source.index('id="read"') :]
    first = shown[shown.index('id="trajectory-1"') : shown.index('id="trajectory-2"')]
    assert "went on" in first
    assert "NameError: name &#39;mix&#39;" in first
    assert '<span class="add">+    return max(low, min(x, high))</span>' in first
    assert "expected 10\ngot 12" in shown, "the evidence of a failed check"
    assert "clamp(12, 0, 10) gives 12 and should give 10." in shown
    badges = re.findall(r'<summary><span class="badge (\w+)">\w+</span> <span class="what">(\w+)<', shown)
    assert {arm for _, arm in badges} == {"vintage", "modern", "random"}
    assert {"solved", "failed"} < {status for status, _ in badges}


def test_the_same_ledger_gives_the_same_bytes(made):
    one, other = made(splits={"seen": 20}, doses=(0, 100)), made(splits={"seen": 20}, doses=(0, 100))
    first, second = build(one), build(other)
    again = first.index.read_bytes(), first.summary.read_bytes()
    assert again == (second.index.read_bytes(), second.summary.read_bytes()), "another directory, the same page"
    build(one)
    assert again == (first.index.read_bytes(), first.summary.read_bytes())
    assert [png.read_bytes() for png in first.figures] == [png.read_bytes() for png in second.figures]


def test_figures_carry_no_date_or_version(finished):
    for path in (finished / "report").glob("*.png"):
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert not {b"tEXt", b"iTXt", b"tIME"} & {content[i : i + 4] for i in range(len(content))}


def test_no_run_and_no_room_are_one_sentence(tmp_path, made):
    with pytest.raises(UserError, match=r"no run in .* holds no ledger\.sqlite"):
        build(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    run = made(splits={"seen": 5}, doses=(0, 10))
    (run / "report").write_text("in the way")
    with pytest.raises(UserError, match="could not be written"):
        build(run)
    assert not (run / "summary.json").exists()


def test_nothing_is_written_into_the_ledger(made):
    run = made(splits={"seen": 5}, doses=(0, 10))

    def content():
        with sqlite3.connect(run / "ledger.sqlite") as database:
            return list(database.iterdump())

    before = content()
    build(run)
    assert content() == before
