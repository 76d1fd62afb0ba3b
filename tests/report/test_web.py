"""The page behind its application: what each address answers, its headers, what it refuses, and bad ledgers."""

import json
import re
import sqlite3
from pathlib import Path

import pytest

pytest.importorskip("starlette")
from starlette.testclient import TestClient

from assay.errors import UserError
from assay.ledger import Ledger
from assay.ledger.reading import LedgerReader
from assay.nouns import Attempt, PlannedAttempt, Status
from assay.report.measures import measure
from assay.report.web import curves as curves_module
from assay.report.web import listing, runs
from assay.report.web.app import application
from assay.report.web.comparisons import comparison
from assay.report.web.curves import MARKS, curves
from assay.report.web.measured import record_of
from assay.report.web.redact import Redactor
from assay.report.web.redacted import RedactedRun
from assay.report.web.runs import runs_of
from tests.report.web_run import LONG, ODD_TASK, TASK, write


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web") / "small"
    return folder, write(folder)


@pytest.fixture(scope="module")
def client(run):
    return TestClient(application(runs_of([run[0]])), base_url="http://127.0.0.1:8484")


def test_every_page_answers_under_a_strict_policy(client, run):
    ids = run[1]
    pages = [
        "/", "/small/", "/small/attempts", "/small/compare", "/small/findings", f"/small/a/{ids['hostile']}",
        f"/small/a/{ids['unfinished']}", f"/small/a/{ids['machinery']}", f"/small/task?id={TASK}",
        f"/small/pair?a={ids['modern']}&b={ids['vintage']}", f"/small/pair?a={ids['hostile']}&b={ids['machinery']}",
        "/static/page.css", "/static/page.js", "/nowhere", "/small/a/nobody",
    ]  # fmt: skip
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == (404 if page in ("/nowhere", "/small/a/nobody") else 200), page
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        if page.startswith("/small"):
            assert not re.search(r"<[^>]+ (?:style|on\w+)=", answer.text), page
            assert "javascript:" not in re.sub(
                r"&[^;]+;", "", " ".join(re.findall(r"(?:href|src)=\"([^\"]*)\"", answer.text))
            )


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8484", "localhost.evil.example", "", "169.254.1.1", "[::2]:1"]
)
def test_a_rebound_name_gets_nothing(client, host):
    answer = client.get("/small/", headers={"host": host})
    assert answer.status_code == 421
    assert "vintage" not in answer.text
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1:8484", "localhost", "LOCALHOST:1", "[::1]:8484", "127.0.0.5"])
def test_loopback_is_answered(client, host):
    assert client.get("/small/", headers={"host": host}).status_code == 200


def test_let_in_from_outside_it_answers_to_addresses_and_its_names_and_still_to_no_other(run):
    site = TestClient(application(runs_of([run[0]]), names=["desk"], addresses=True), base_url="http://desk:8484")
    assert site.get("/small/").status_code == 200
    assert site.get("/small/", headers={"host": "192.168.1.7:8484"}).status_code == 200
    assert site.get("/small/", headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_only_shows(client, method):
    assert client.request(method, "/small/attempts").status_code == 405
    assert client.request("HEAD", "/small/attempts").status_code == 200


def test_another_site_may_not_read_it(client):
    answer = client.get("/small/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"})
    assert answer.status_code == 403


def test_the_ledger_is_not_written(run):
    folder, _ = run
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".sqlite", ".jsonl")}
    fresh = TestClient(application(runs_of([folder])), base_url="http://localhost")
    for page in ("/small/", "/small/attempts?flagged=yes", "/small/compare"):
        assert fresh.get(page).status_code == 200
    assert before == {name: (folder / name).read_bytes() for name in before}


def rows_of(html):
    return re.findall(r"data-row>.*?</tr>", html, re.DOTALL)


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 50), ("status=solved&arm=modern&dose=400", None), ("status=unfinished", 2), ("task=seen/00001", 6),
     ("flagged=yes", 1), ("text=machinery", 0), ("arm=nobody", 0), ("arm=vintage&arm=modern&dose=0", 24)],
)  # fmt: skip
def test_filters(client, query, count):
    rows = rows_of(client.get(f"/small/attempts?{query}").text)
    if count is None:
        assert rows
        assert all("solved" in row and "modern" in row and ">400<" in row for row in rows)
    else:
        assert len(rows) == count


def test_pages_of_a_list_meet_without_gap(client):
    seen, page = [], "/small/attempts"
    while page:
        html = client.get(page).text
        seen += re.findall(r'rowheader"><a href="/small/a/([0-9a-f]+)', html)
        found = re.search(r'rel="next" href="([^"]+)"', html)
        page = found[1].replace("&amp;", "&") if found else None
    assert len(seen) == len(set(seen)) == 12 * 6 + 3
    back = re.search(r'rel="prev" href="([^"]+)"', html)[1].replace("&amp;", "&")
    assert re.findall(r'rowheader"><a href="/small/a/([0-9a-f]+)', client.get(back).text) == seen[:50]


@pytest.mark.parametrize(
    "query", ["seed=x", "after=x", "dose=99999999999999999999999", "after=99999999999999999999999"]
)
def test_a_crooked_address_is_one_sentence(client, query):
    answer = client.get(f"/small/attempts?{query}")
    assert answer.status_code == 400
    assert "mend" in answer.text
    assert "Traceback" not in answer.text


def test_a_whole_text_is_a_file_and_never_a_page(client, run):
    answer = client.get(f"/small/a/{run[1]['hostile']}/raw/2/output")
    assert len(answer.content) > LONG
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert client.get(f"/small/a/{run[1]['hostile']}/raw/99/output").status_code == 404
    assert len(client.get(f"/small/a/{run[1]['hostile']}").text) < 400_000


def test_evidence_is_marked_at_its_line_and_unread_lines_are_counted(client, run):
    html = client.get(f"/small/a/{run[1]['modern']}").text
    assert '<mark class="hit" id="step-2-action-l1">sed -i' in html
    assert '<mark class="hit" id="step-1-output-l2">' in html
    assert 'id="patch-l6"><mark class="hit">' in html
    assert html.count('href="#patch-l6"') == 2  # as a line of the patch, and as line 2 of the file
    assert "reads &lt;b&gt;tests&lt;/b&gt;" in html
    assert "2 lines of the file could not be read" in client.get("/small/findings").text


def test_the_odd_task_has_a_page(client):
    assert client.get("/small/task", params={"id": ODD_TASK}).status_code == 200
    assert client.get("/small/task", params={"id": "none"}).status_code == 404


def test_the_comparison_is_that_of_assay_compare(run):
    from assay.ledger.outcomes import read_arms
    from assay.report.comparison import compare

    page = comparison(runs_of([run[0]])[0], ["vintage@400", "modern@400"], "", 0.05)["found"]
    arms = [arm for name in ("vintage@400", "modern@400") for arm in read_arms(f"{run[0]}:{name}")]
    theirs = compare(arms, common=True, margin=0.05)
    assert [row.score.estimate for row in page.rows] == [row.score.estimate for row in theirs.rows]
    assert page.pairs[0].difference.interval == theirs.pairs[0].difference.interval


def test_the_record_is_that_of_the_report(run):
    import numpy as np

    from assay.ledger import Ledger
    from assay.report.record import read

    with runs_of([run[0]])[0].open() as reader:
        mine = record_of(reader)
    with Ledger(run[0] / "ledger.sqlite") as ledger:
        theirs = read(ledger)
    assert (mine.arms, mine.doses, mine.splits, mine.seeds) == (theirs.arms, theirs.doses, theirs.splits, theirs.seeds)
    for key, cell in theirs.cells.items():
        np.testing.assert_array_equal(mine.cells[key].status_STK, cell.status_STK)


def bad(tmp_path, name, content):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "ledger.sqlite").write_bytes(content)
    return folder


def test_bad_ledgers_are_one_sentence_each_and_the_others_still_show(run, tmp_path):
    whole = (run[0] / "ledger.sqlite").read_bytes()
    foreign = tmp_path / "foreign" / "ledger.sqlite"
    foreign.parent.mkdir()
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE other (x)")
    db.close()
    folders = [
        bad(tmp_path, "text", b"this is no ledger\n" * 500),
        bad(tmp_path, "empty", b""),
        bad(tmp_path, "cut", whole[: len(whole) // 2]),
        foreign.parent,
    ]
    runs = runs_of([run[0], *folders])
    site = TestClient(application(runs), base_url="http://localhost", raise_server_exceptions=False)
    home = site.get("/")
    assert home.status_code == 200
    assert "/small/" in home.text
    for each in runs[1:]:
        for page in ("", "attempts", "compare", "task?id=x", f"a/{run[1]['modern']}"):
            answer = site.get(f"/{each.slug}/{page}")
            if each.slug != "cut":  # of a file cut short some pages may still be read
                assert answer.status_code == 500, (each.slug, page)
            assert answer.status_code in (200, 404, 500)
            assert "Something of ours" not in answer.text, (each.slug, page)
            assert "Traceback" not in answer.text


def test_a_run_that_has_only_begun_and_one_that_grows(tmp_path):
    from assay.ledger import Ledger
    from assay.nouns import Attempt, PlannedAttempt, Status

    folder = tmp_path / "young"
    folder.mkdir()
    with Ledger(folder / "ledger.sqlite") as ledger:
        site = TestClient(application(runs_of([folder])), base_url="http://localhost")
        assert "Nothing is planned" in site.get("/young/").text
        assert site.get("/young/compare").status_code == 200
        plan = [PlannedAttempt(arm="a", seed=0, dose=0, task_id=f"t{n}", split="s") for n in range(3)]
        ledger.plan(plan)
        assert "3 planned attempts, 0 recorded" in site.get("/young/").text
        ledger.record(Attempt(plan=plan[1], status=Status.LIMIT, steps=3), None)
        assert "3 planned attempts, 1 recorded" in site.get("/young/").text
        assert "This attempt left no trace" in site.get(f"/young/a/{plan[1].id}").text


def test_runs_are_found_and_named_apart(run, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "ledger.sqlite").write_bytes((run[0] / "ledger.sqlite").read_bytes())
    (folder / "teacher.sqlite").write_bytes((run[0] / "ledger.sqlite").read_bytes())
    assert [each.slug for each in runs_of([run[0], folder])] == ["small", "small-2", "small-teacher"]
    assert [each.slug for each in runs_of([tmp_path])] == ["small", "small-teacher"]
    with pytest.raises(UserError, match=r"There is no run in .*assay run"):
        runs_of([tmp_path / "none"])


def test_with_more_arms_than_marks_every_line_still_has_a_style(tmp_path):
    plans = [
        PlannedAttempt(arm=f"arm-{arm}", seed=0, dose=dose, task_id=f"t{task}", split="seen")
        for arm in range(2 * len(MARKS) + 1)
        for dose in (0, 10)
        for task in range(3)
    ]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.plan(plans)
        for plan in plans:
            ledger.record(Attempt(plan=plan, status=Status.FORMAT), None)
    with LedgerReader(tmp_path / "ledger.sqlite") as reader:
        record = record_of(reader)
    (panel,) = curves(record, measure(record))
    assert [line.look for line in panel.lines] == [n % len(MARKS) for n in range(2 * len(MARKS) + 1)]
    assert [line.mark for line in panel.lines][-1] == MARKS[0]
    (run,) = runs_of([tmp_path])
    page = TestClient(application([run]), base_url="http://127.0.0.1:8484").get(f"/{run.slug}/")
    used = {int(number) for number in re.findall(r"class=\"[kf](\d+)", page.text)}
    css = (Path(curves_module.__file__).parent / "static" / "page.css").read_text()
    assert used == set(range(len(MARKS))) <= {int(number) for number in re.findall(r"\.k(\d+)", css)}


def test_mechanisms_are_redacted_too_and_those_that_become_one_are_counted_together(tmp_path):
    write(tmp_path / "small")
    lines = (tmp_path / "small" / "audit.jsonl").read_text()
    found = [json.loads(line) for line in lines.splitlines()[:2]]
    for number, each in enumerate(found):
        each |= {"kind": "task", "mechanism": f"reads secret{number}"}
    (tmp_path / "small" / "audit.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in found))
    (run,) = runs_of([tmp_path / "small"])
    redactor = Redactor(words=["secret0", "secret1"])
    redacted = RedactedRun(run.slug, run.name, run.path, redactor=redactor)
    assert redacted.findings().mechanisms == {("task", "reads [redacted]"): 2}
    assert all(finding.mechanism == "reads [redacted]" for finding in redacted.findings().of(found[0]["attempt"]))


@pytest.mark.parametrize(
    "query", [{"task": ["seen/0000"]}, {"status": ["unfinished"]}, {"flagged": ["yes"]}, {"text": ["none"]}]
)
def test_pages_of_a_filter_are_the_same_whether_its_positions_are_kept_or_not(query, run, monkeypatch):
    monkeypatch.setattr(listing, "PAGE", 7)
    asked = listing.wanted(query)
    told = {}
    for few in (0, 1000):
        monkeypatch.setattr(runs, "_FEW", few)
        (opened,) = runs_of([run[0]])
        count, positions = opened.matches(asked.filter)
        assert (positions is None) == (few == 0 < count)
        places = [0, *range(1, 90, 3)]
        pages = [listing.listing(opened, asked, after, backwards) for after in places for backwards in (False, True)]
        found = [
            (page["rows"], page["matching"], page["next"], page["previous"])
            for page, back in zip(pages, [False, True] * len(places), strict=True)
            if page["rows"] or not back
        ]
        told[few] = (found[2:], [listing.beside(opened, asked, position) for position in range(1, 90)])
    assert told[0] == told[1000]
