"""A run as files: they open from disk and are searched, hold nothing that was planted as secret, and are bounded."""

import getpass
import json
import re
import socket
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag

import pytest
import typer
from typer.testing import CliRunner

from assay.cli.publish import publish as verb
from assay.errors import MachineryError, UserError
from assay.ledger import Ledger
from assay.nouns import Attempt, PlannedAttempt, Status
from assay.report.web.publish import publish
from assay.report.web.redact import Redactor
from assay.report.web.runs import runs_of
from tests.e2e.browser import PATIENT, launched
from tests.e2e.conftest import assay
from tests.report.web_run import LOOK, SUBMIT, TASK, attempt, step, task, trajectory, write

ENVIRONMENT = {
    "MY_API_KEY": "planted-0123-in-a-variable",
    "DB_PASSWORD": "correct horse/battery",
    "PATH": "/usr/bin",
    "PASSES": "true",
}
HOME = "/srv/people/mara"
PLANTED = [
    "sk-ant-" + "api03-abcdefghij0123456789",
    "sk-proj-abcdEFGH0123456789abcd",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "hf_abcdefghijklmnopqrstuvwx",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    "xoxb-1234567890-abcdefghij",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijk",
    "MIIEowIBAAKCAQEA0123456789",
    "hunter2hunter2",
    "s3cr3tvalue0123",
    "abcdef0123456789abcdef",
    ENVIRONMENT["MY_API_KEY"],
    ENVIRONMENT["DB_PASSWORD"],
    "/srv/people/mara",
    "/home/annalise",
    "/Users/annalise",
    "mara-laptop",
    "annalise.k",
    "project-heron",
]
TEXT = (
    f"key {PLANTED[0]} {PLANTED[1]} {PLANTED[2]}\n{PLANTED[3]} and {PLANTED[4]}\n"
    f"{PLANTED[5]} {PLANTED[6]} {PLANTED[7]}\n"
    f"-----BEGIN RSA PRIVATE KEY-----\n{PLANTED[8]}\n-----END RSA PRIVATE KEY-----\n"
    f"git clone https://bob:{PLANTED[9]}@example.org/x.git\nexport SERVICE_TOKEN='{PLANTED[10]}'\n"
    f"Authorization: Bearer {PLANTED[11]}\n{PLANTED[12]}\n{PLANTED[13]}\n"
    f"ls {PLANTED[14]}/code {PLANTED[15]}/x {PLANTED[16]}/y\nlogin {PLANTED[18]}@{PLANTED[17]}: {PLANTED[19]}\n"
)
KEPT = (
    "token classification, password: none, api_key=os.environ['X'], /usr/bin/python, ok=1, sk-learn, "
    "basic configuration_options_2, token test_of_a_long_name_7"
)


def redactor(**more) -> Redactor:
    return Redactor(
        ENVIRONMENT, HOME, users=["annalise.k"], hosts=["mara-laptop"], paths={"project-heron": "[redacted]"}, **more
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publish") / "small"
    ids = write(folder)
    planned = PlannedAttempt(arm="modern", seed=0, dose=400, task_id=f"{TEXT[:60]}/task", split="seen", trial=7)
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.plan([planned])
        ledger.add_tasks([task(planned.task_id).model_copy(update={"instruction": TEXT, "files": {"m.py": TEXT}})])
        said = step(f"cat <<X\n{TEXT}\nX", TEXT + KEPT, said=TEXT, ids=9)
        trace = trajectory(planned, [LOOK, said, SUBMIT], True, told=TEXT).model_copy(
            update={"error": TEXT, "model": HOME + "/m"}
        )
        ended = attempt(planned, True, 3).model_copy(update={"detail": TEXT})
        verdict = ended.verdict.model_copy(update={"detail": TEXT})
        ledger.record(ended.model_copy(update={"verdict": verdict}), trace)
    finding = {"attempt": planned.id, "task_id": "t", "kind": "task", "mechanism": "m", "step": 1, "line": 2,
               "where": "output", "evidence": PLANTED[0], "confidence": 0.9}  # fmt: skip
    with (folder / "audit.jsonl").open("a") as file:
        file.write(json.dumps(finding) + "\n")
    return folder, {**ids, "secret": planned.id}


@pytest.fixture(scope="module")
def published(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "page"
    made = publish(runs_of([run[0]])[0], folder, redactor=redactor())
    return folder, made


def test_nothing_planted_is_in_any_file(published, run):
    folder, made = published
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == made.files > 100
    for path in files:
        text = path.read_text(encoding="utf-8")
        for secret in [*PLANTED, str(run[0])]:
            assert secret not in text, (path.name, secret)
    assert made.redacted["key"] > 6
    page = (folder / "a" / f"{run[1]['secret']}.html").read_text()
    assert "[redacted: $MY_API_KEY]" in page
    for kept in ("token classification", "/usr/bin/python", "sk-learn", "password: none"):
        assert kept in page
    assert "9 sampled" not in page  # the ids of a reply that was redacted would spell it
    assert "6 sampled" in page


@pytest.mark.parametrize("secret", PLANTED)
def test_each_is_taken_out_alone(secret):
    line = next(line for line in TEXT.splitlines() if secret in line)
    if secret == PLANTED[8]:
        line = f"-----BEGIN RSA PRIVATE KEY-----\n{secret}\n(cut"
    assert secret not in redactor().text(line)


def test_plain_text_stays():
    mine = redactor()
    assert mine.text(KEPT) == KEPT
    assert not mine.counts


def test_this_machine_is_known_by_itself(monkeypatch):
    monkeypatch.setenv("SOME_SECRET", "a-long-secret-0815")
    monkeypatch.setattr(getpass, "getuser", lambda: "quirina")
    monkeypatch.setattr(socket, "gethostname", lambda: "heron-7.lab")
    monkeypatch.setenv("HOME", "/srv/q")
    found = Redactor().text("a-long-secret-0815 quirina@heron-7.lab heron-7 /srv/q/x requirinas")
    assert found == "[redacted: $SOME_SECRET] [user]@[host] [host] ~/x requirinas"


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.ids = [], set()

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        self.links += [held[name] for name in ("href", "src") if held.get(name)]
        self.ids.add(held.get("id"))


def test_every_link_is_relative_and_leads_to_a_file_that_is_there(published):
    folder, _ = published
    pages = {}
    for path in folder.rglob("*.html"):
        pages[path.resolve()] = Links()
        pages[path.resolve()].feed(path.read_text())
    for path, found in pages.items():
        for link in found.links:
            if link.startswith("data:"):
                continue
            assert not re.match(r"[a-z]+:|/", link), (path.name, link)
            target, fragment = urldefrag(link)
            goal = (path.parent / target).resolve() if target else path
            assert goal.is_file(), (path, link)
            if fragment and goal.suffix == ".html" and goal.name != "attempts.html":
                assert fragment in pages[goal].ids, (path, link)


def test_a_big_run_is_bounded_and_says_what_was_left_out(run, tmp_path):
    made = publish(runs_of([run[0]])[0], tmp_path / "few", attempts=10, listed=30, redactor=redactor())
    pages = list((tmp_path / "few" / "a").iterdir())
    assert len(pages) == made.attempts == 10
    assert {run[1]["modern"], run[1]["secret"]} <= {page.stem for page in pages}  # what the audit flagged comes first
    index = (tmp_path / "few" / "index.html").read_text()
    assert "10 of 74 recorded attempts have a page here" in index
    assert "--attempts" in index
    assert "46 attempts more are not listed here" in (tmp_path / "few" / "attempts.html").read_text()
    statuses = {re.search(r"b-(\w+)", page.read_text())[1] for page in pages}
    assert {"solved", "failed"} <= statuses


def test_a_folder_with_something_else_is_left_alone(run, tmp_path):
    chosen = runs_of([run[0]])[0]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds something else"):
        publish(chosen, tmp_path / "mine", attempts=1)
    with pytest.raises(UserError, match="is a file"):
        publish(chosen, tmp_path / "mine" / "thesis.tex", attempts=1)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.tex"]
    publish(chosen, tmp_path / "page", attempts=1)
    publish(chosen, tmp_path / "page", attempts=2)  # its own folder is written anew
    assert len(list((tmp_path / "page" / "a").iterdir())) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "page"]


def test_what_slips_through_stops_everything(run, tmp_path, monkeypatch):
    mine = redactor()
    monkeypatch.setattr(Redactor, "text", lambda self, text: text)
    with pytest.raises(MachineryError, match="would have published"):
        publish(runs_of([run[0]])[0], tmp_path / "page", redactor=mine)
    assert list(tmp_path.iterdir()) == []


def test_a_run_with_nothing_recorded_is_published_too(tmp_path):
    folder = tmp_path / "young"
    folder.mkdir()
    with Ledger(folder / "ledger.sqlite") as ledger:
        plan = [PlannedAttempt(arm="a", seed=0, dose=0, task_id=f"t{n}", split="s") for n in range(3)]
        ledger.plan(plan)
        made = publish(runs_of([folder])[0], tmp_path / "one")
        assert (made.attempts, made.listed, made.planned) == (0, 3, 3)
        ledger.record(Attempt(plan=plan[0], status=Status.LIMIT), None)
    assert publish(runs_of([folder])[0], tmp_path / "one").attempts == 1


def test_the_command_says_what_it_wrote(run, tmp_path):
    app = typer.Typer()
    app.command()(verb)
    arguments = [str(run[0]), str(tmp_path / "page"), "--attempts", "4", "--redact", "vintage"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "4 of 76 attempts with a page, 76 listed" in result.output
    assert "taken out: " in result.output
    assert "vintage" not in (tmp_path / "page" / "index.html").read_text()


def test_it_opens_from_disk_and_is_searched(published, run):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    folder, _ = published
    complaints = []
    with playwright.sync_playwright() as driver:
        browser = launched(driver)
        page = browser.new_page(viewport={"width": 360, "height": 740})
        page.set_default_timeout(PATIENT)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))

        def narrow():
            return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0

        page.goto((folder / "index.html").as_uri())
        assert page.evaluate("getComputedStyle(document.querySelector('.top')).display") == "block"  # the style holds
        assert narrow()
        page.get_by_role("link", name="Attempts", exact=True).click()
        rows = page.locator("#found tbody tr")
        playwright.expect(rows).to_have_count(76, timeout=PATIENT)
        page.get_by_label("Status").select_option("solved")
        page.get_by_label("Text").fill("00001 modern")
        playwright.expect(rows).to_have_count(1, timeout=PATIENT)
        assert "status=solved" in page.url
        assert narrow()
        page.reload()
        playwright.expect(rows).to_have_count(1, timeout=PATIENT)
        rows.nth(0).locator("a").click()
        page.wait_for_url("**/a/*.html")
        page.keyboard.press("j")
        assert page.url.endswith("#step-1")
        page.keyboard.press("s")
        page.wait_for_url("**/pair/*.html")
        assert page.locator("section.turn").count() > 0
        page.goto((folder / "a" / f"{run[1]['hostile']}.html").as_uri())
        assert page.evaluate("window.__hit") is None
        assert narrow()
        ran = "const s = document.createElement('script'); s.textContent = 'window.__ran = 1'; document.body.append(s);"
        assert page.evaluate(f"() => {{ {ran} return window.__ran ?? null; }}") is None
        page.goto((folder / "task" / "00001.html").as_uri())
        assert page.locator("tr[data-row]").count() == 6
        browser.close()
    assert [text for text in complaints if "Content Security Policy" not in text] == []
    assert len(complaints) == 1  # that script


def test_the_index_is_data_that_no_row_can_leave(published):
    folder, _ = published
    for path in (folder / "index").iterdir():
        text = path.read_text()
        assert text.startswith("assayIndex({")
        assert "<" not in text
        assert json.loads(text[len("assayIndex(") : text.rindex(");")])["rows"]
    assert TASK in text
    assert Path(folder / "assay-published.json").is_file()


def test_a_short_word_and_the_name_of_the_run_are_taken_out_too(tmp_path):
    run = tmp_path / "acme-7"
    run.mkdir()
    with Ledger(run / "ledger.sqlite") as ledger:
        plan = PlannedAttempt(arm="acme", seed=0, dose=0, task_id="t", split="seen")
        ledger.plan([plan])
        ledger.record(Attempt(plan=plan, status=Status.FAILED, detail="for acme"), None)
    done = assay("publish", run, tmp_path / "out", "--redact", "acme")
    assert done.returncode == 0, done.stderr
    pages = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert any(b"[redacted]-7" in page for page in pages)
    assert not any(b"acme" in page for page in pages)
