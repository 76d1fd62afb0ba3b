"""The page in a real browser: it renders, links work, keys move, and hostile text neither runs nor breaks it."""

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlparse

import pytest

from tests.e2e.browser import PATIENT, launched
from tests.report.web_run import SPELLS, TASK, write

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
AXE = Path.home() / ".cache/assay-bench/axe/package/axe.min.js"  # npm pack axe-core; own checks where it is absent


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        made = launched(driver)
        yield made
        made.close()


@pytest.fixture(scope="module")
def ids(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser") / "small"
    return {**write(folder), "folder": str(folder)}


@pytest.fixture(scope="module")
def server(ids):
    """The real command, on a free port, ended by Ctrl-C."""
    command = [sys.executable, "-m", "assay", "view", ids["folder"], "--port", "0", "--no-open"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = process.stdout.readline()
    address = re.search(r"http://[^/]+/", said)
    assert address, (said, process.stderr.read() if process.poll() is not None else "")
    yield address[0].rstrip("/")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.strip(), err.strip()) == (0, "ended", "")


class Tab:
    """A page that keeps what the browser complained of."""

    def __init__(self, browser, server, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENT)
        self.server, self.complaints, self.dialogs = server, [], []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

        def dismiss(dialog):
            self.dialogs.append(dialog.message)
            dialog.dismiss()

        self.page.on("dialog", dismiss)

    def go(self, path):
        answer = self.page.goto(self.server + path if path.startswith("/") else path)
        return answer

    def sideways(self):
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture
def tab(browser, server):
    tabs = []

    def make(**options):
        tabs.append(Tab(browser, server, **options))
        return tabs[-1]

    yield make
    for each in tabs:
        each.context.close()


WIDE = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}


def pages(ids):
    return [
        "/", "/small/", "/small/attempts", "/small/attempts?status=solved", "/small/compare", "/small/findings",
        f"/small/task?id={TASK}", f"/small/a/{ids['modern']}", f"/small/a/{ids['hostile']}",
        f"/small/a/{ids['machinery']}", f"/small/a/{ids['unfinished']}",
        f"/small/pair?a={ids['modern']}&b={ids['vintage']}", "/small/nothing",
    ]  # fmt: skip


@pytest.mark.slow
def test_every_page_renders_wide_narrow_light_and_dark_without_a_complaint(tab, ids):
    for look in (WIDE, PHONE, {**PHONE, "color_scheme": "dark"}):
        one = tab(**look)
        for path in pages(ids):
            one.go(path)
            one.page.wait_for_load_state("networkidle")
            assert one.sideways() == 0, (path, look)
            assert one.page.locator("h1").count() == 1, path
            expected = 1 if path.endswith("nothing") else 0  # the browser says that the address was not found
            assert len(one.complaints) == expected, (path, one.complaints)
            one.complaints.clear()
        assert one.dialogs == []


def test_the_dark_look_is_dark_and_the_light_one_light(tab):
    for scheme, dark in (("light", False), ("dark", True)):
        one = tab(**WIDE, color_scheme=scheme)
        one.go("/small/")
        colour = one.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", colour)[:3])) < 200) == dark


@pytest.mark.slow
def test_every_link_leads_somewhere(tab, server, ids):
    one = tab(**WIDE)
    waiting, seen = ["/"], set()
    while waiting and len(seen) < 70:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        answer = one.go(path)
        assert answer.status == 200, path
        for href in one.page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))"):
            target, fragment = urldefrag(urljoin(server + path, href))
            place = urlparse(target)
            assert f"{place.scheme}://{place.netloc}" == server, href
            local = target.removeprefix(server) or "/"
            if fragment and local == path:
                assert one.page.locator(f"[id='{fragment}']").count() == 1, (path, fragment)
            if "/raw/" in local:
                with urllib.request.urlopen(target, timeout=60) as file:
                    assert file.headers["content-disposition"].startswith("attachment")
                continue
            if local not in seen and (len(waiting) < 200 or "/a/" not in local):
                waiting.append(local)
    assert not one.complaints
    assert len(seen) > 40


@pytest.mark.slow
def test_hostile_text_neither_runs_nor_breaks_the_page(tab, ids):
    for look in (WIDE, PHONE):
        one = tab(**look)
        for path in (f"/small/a/{ids['hostile']}", f"/small/pair?a={ids['hostile']}&b={ids['machinery']}"):
            one.go(path)
            one.page.wait_for_load_state("networkidle")
            assert one.dialogs == []
            assert one.page.evaluate("window.__hit") is None
            assert one.page.locator("#forged, main img, main script, main style, main svg[onload]").count() == 0
            assert one.page.locator("meta[http-equiv=refresh]").count() == 0
            assert one.page.evaluate("getComputedStyle(document.body).display") == "block"
            body = one.page.locator("main").inner_text()
            for spell in SPELLS:
                assert spell.split("\n")[0][:30] in body
            for sign in ("U+202E", "U+2066", "U+200B", "␀", "␛"):
                assert sign in body
            assert "characters more in this line" in body
            assert one.sideways() == 0
            assert one.complaints == []
            assert len(one.page.content()) < 1_000_000
    with one.page.expect_download() as download:  # the whole line, as a file
        one.go(f"/small/a/{ids['hostile']}")
        one.page.locator("a[download][href*='/raw/2/output']").click()
    assert download.value.path().stat().st_size > 10_000_000


def test_the_policy_blocks_what_a_page_did_not_bring(tab, ids):
    one = tab(**WIDE)
    answer = one.go(f"/small/a/{ids['modern']}")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    blocked = one.page.evaluate(
        """() => new Promise((done) => {
            const seen = [];
            document.addEventListener('securitypolicyviolation', (event) => seen.push(event.effectiveDirective));
            const script = document.createElement('script');
            script.textContent = 'window.__ran = 1';
            document.body.append(script);
            const image = new Image();
            image.src = 'http://127.0.0.1:9/x.png';
            const div = document.createElement('div');
            div.innerHTML = '<p style="color: red" onclick="window.__ran = 2">x</p>';
            document.body.append(div);
            div.firstChild.click();
            setTimeout(() => done([seen, window.__ran ?? null]), 500);
        })"""
    )
    assert blocked[1] is None
    assert {"script-src-elem", "img-src", "style-src-attr", "script-src-attr"} <= set(blocked[0])


def address(page):
    """Return the address's fragment as the page has it: `page.url` may lag behind."""
    return page.evaluate("location.hash")


def focused(page):
    return page.evaluate("document.activeElement.id || document.activeElement.textContent.trim().slice(0, 40)")


def test_keys_move_through_steps_and_the_address_follows(tab, ids):
    one = tab(**WIDE)
    one.go(f"/small/a/{ids['modern']}")
    page = one.page
    for key, place in (
        ("j", "step-1"),
        ("j", "step-2"),
        ("ArrowRight", "step-3"),
        ("k", "step-2"),
        ("ArrowLeft", "step-1"),
    ):
        page.keyboard.press(key)
        assert focused(page) == place
        assert address(page) == f"#{place}"
    page.keyboard.press("e")
    assert address(page) == "#step-1-output-l2"
    page.keyboard.press("t")
    assert page.locator("details.tok[open]").count() == 0
    page.keyboard.press("t")
    assert page.locator("details.tok[open]").count() == 4
    page.keyboard.press("?")
    assert page.locator("dialog#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog#help").is_visible()
    page.keyboard.press("s")
    page.wait_for_url("**/pair?**")
    page.keyboard.press("j")
    assert focused(page) == "step-1"
    assert one.complaints == []


def test_keys_move_through_a_list_and_open_a_row(tab):
    one = tab(**WIDE)
    one.go("/small/attempts?status=solved")
    one.page.keyboard.press("j")
    one.page.keyboard.press("j")
    row = one.page.locator("tr[data-row]").nth(1)
    assert focused(one.page) == row.locator("th").inner_text()
    one.page.keyboard.press("/")
    assert focused(one.page) == "search"
    one.page.keyboard.type("jjk")  # letters, not moves
    assert one.page.locator("#search").input_value() == "jjk"
    row.locator("th a").focus()
    one.page.keyboard.press("Enter")
    one.page.wait_for_url("**/a/*")
    one.page.keyboard.press("n")  # the next one under the same filter
    one.page.wait_for_load_state()
    assert "solved" in one.page.locator("h1").inner_text()


def test_a_permalink_shows_its_step(tab, ids):
    one = tab(viewport={"width": 1280, "height": 400})
    one.go(f"/small/a/{ids['modern']}#step-3")
    playwright.expect(one.page.locator("#step-3")).to_be_in_viewport(timeout=PATIENT)
    assert "ok" in one.page.locator("#step-3").inner_text()
    assert "min(x, high)" in one.page.locator("#step-3 .diff .fresh.add").inner_text()


def test_two_attempts_stand_side_by_side_aligned_by_step(tab, ids):
    path = f"/small/pair?a={ids['modern']}&b={ids['vintage']}"
    one = tab(**WIDE)
    one.go(path)
    turns = one.page.locator("section.turn")
    assert turns.count() == 4  # the same look, two of one's own beside one of the other's, the same submission
    assert one.page.locator("section.turn.same").count() == 2
    halves = turns.nth(0).locator(".half")
    left, right = halves.nth(0).bounding_box(), halves.nth(1).bounding_box()
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    narrow = tab(**PHONE)
    narrow.go(path)
    halves = narrow.page.locator("section.turn").nth(0).locator(".half")
    assert halves.nth(0).bounding_box()["y"] < halves.nth(1).bounding_box()["y"]


def test_two_are_chosen_from_the_page_of_a_task(tab):
    one = tab(**WIDE)
    one.go(f"/small/task?id={TASK}")
    one.page.get_by_role("button", name="Put the two side by side").click()
    one.page.wait_for_url("**/pair?**")
    assert one.page.locator("section.turn").count() > 0


def test_a_filter_is_chosen_and_leaves_a_clean_address(tab):
    one = tab(**WIDE)
    one.go("/small/attempts")
    one.page.get_by_label("Status").select_option("solved")
    one.page.get_by_label("Task").fill("seen/0000")
    one.page.get_by_role("button", name="Filter").click()
    one.page.wait_for_url("**status=solved**")
    assert urlparse(one.page.url).query == "status=solved&task=seen%2F0000"
    assert set(one.page.locator("tr[data-row] .badge").all_inner_texts()) == {"solved"}
    assert one.page.get_by_label("Status").input_value() == "solved"
    one.page.go_back()
    one.page.wait_for_load_state()
    assert one.page.locator("form.filter :disabled").count() == 0


def test_a_point_of_a_curve_says_its_numbers_to_pointer_and_keyboard(tab):
    one = tab(**WIDE)
    one.go("/small/")
    points = one.page.locator("svg a.pt")
    assert points.count() == 6
    points.nth(1).focus()
    said = one.page.locator(".readout").inner_text()
    assert re.search(r"(vintage|modern), after \d+ trajectories: [\d.]+.% \[.*\], n = \d+", said)
    assert said == points.nth(1).get_attribute("aria-label")
    points.nth(2).hover()
    assert one.page.locator(".readout").inner_text() == points.nth(2).get_attribute("aria-label")
    points.nth(2).press("Enter")
    one.page.wait_for_url("**/attempts?**dose=400**")
    assert one.page.locator("tr[data-row]").count() > 0


def test_without_scripts_everything_can_be_read(tab, ids):
    one = tab(**WIDE, java_script_enabled=False)
    one.go(f"/small/a/{ids['modern']}")
    assert one.page.locator("section.step").count() == 4
    assert one.page.locator("mark.hit").count() == 3
    assert not one.page.locator("#keys").is_visible()


def test_the_static_report_is_reached_from_the_page(tab, ids):
    from assay.report.build import build

    build(Path(ids["folder"]))
    one = tab(**WIDE)
    one.go("/small/")
    one.page.get_by_role("link", name="the report").click()
    one.page.wait_for_url("**/report")
    assert one.page.locator("img").first.evaluate("image => image.naturalWidth") > 100
    assert one.page.evaluate("getComputedStyle(document.querySelector('.answer')).borderRadius") != "0px"
    assert one.complaints == []


CONTRAST = """() => {
  const part = (x) => (x / 255 <= 0.03928 ? x / 3294.6 : ((x / 255 + 0.055) / 1.055) ** 2.4);
  const light = (c) => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
  const parse = (text) => {
    const n = text.match(/[\\d.]+/g).map(Number);
    return n.length < 4 ? [...n, 1] : n;
  };
  const under = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c[3] > 0.99) return c;
    }
    return [255, 255, 255, 1];
  };
  const bad = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest('svg, option, .hide, .skip, dialog') || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(under(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push([element.className, element.textContent.trim().slice(0, 30), ratio.toFixed(2)]);
  }
  return bad;
}"""
LABELS = """() => {
  const all = (query) => [...document.querySelectorAll(query)];
  const said = (each) => each.labels?.length || each.textContent.trim() || each.getAttribute('aria-label');
  const ids = all('[id]').map((each) => each.id);
  return [
    ...all('input, select, button, a[href]').filter((each) => !said(each)).map((each) => each.outerHTML),
    ...all('table').filter((each) => !each.querySelector('th[scope]') || !each.caption).map(() => 'table'),
    ...['header', 'main', 'footer', 'html[lang]', 'head > title'].filter((name) => all(name).length !== 1),
    ...ids.filter((id, place) => ids.indexOf(id) !== place),
  ];
}"""
RUN_AXE = """() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then((result) =>
  result.violations.map((each) => [each.id, each.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))]))"""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_eyes_and_by_screen_readers(tab, ids, scheme):
    one = tab(**WIDE, color_scheme=scheme)
    for path in pages(ids):
        one.go(path)
        one.page.wait_for_load_state("networkidle")
        assert one.page.evaluate(CONTRAST) == [], path
        assert one.page.evaluate(LABELS) == [], path
        if AXE.is_file():
            one.page.evaluate(AXE.read_text() + "; 0")
            found = one.page.evaluate(RUN_AXE)
            assert found == [], path


def test_a_port_in_use_is_a_sentence_when_it_was_asked_for(server, ids):
    port = server.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "assay", "view", ids["folder"], "--port", port, "--no-open"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert f"port {port} of 127.0.0.1 is in use" in ended.stderr
    assert ended.stderr.count("\n") == 1
