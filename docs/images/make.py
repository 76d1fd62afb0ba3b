"""Makes the pictures of docs/view.md from a real run: `python docs/images/make.py RUN [CHEATS]`, or `make screenshots`.

RUN is a finished run of an experiment, CHEATS a ledger on which `assay audit` was run; without it RUN's own findings
are shown. What is shown is chosen by rule, so the same ledgers give the same pages. Needs chromium and playwright.
"""

import argparse
import io
import os
import shutil
import socket
import threading
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from assay.errors import UserError
from assay.ledger.browse import Filter, Row
from assay.report.web.app import application
from assay.report.web.runs import Run, runs_of

HERE = Path(__file__).parent
MOST_BYTES = 300_000
WIDE, PHONE = (1280, 900), (360, 780)


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("cheats", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise UserError("there is no chromium to take pictures with: apt-get install chromium")
    runs = [run for run in runs_of([given.run, *([given.cheats] if given.cheats else [])]) if "teacher" not in run.slug]
    run, cheats = runs[0], runs[-1]
    modern, vintage = told_apart(run)
    evidence = surest(cheats)
    shots = {
        "overview": (f"/{run.slug}/", WIDE, "light", ""),
        "overview-dark": (f"/{run.slug}/", WIDE, "dark", ""),
        "attempts": (f"/{run.slug}/attempts?status=solved&arm={modern.arm}", (1280, 620), "light", ""),
        "attempt": (f"/{run.slug}/a/{modern.id}", (1280, 1040), "light", ""),
        "pair": (f"/{run.slug}/pair?a={modern.id}&b={vintage.id}", (1280, 1000), "light", ""),
        "compare": (f"/{run.slug}/compare", (1280, 640), "light", ""),
        "audit": (f"/{cheats.slug}/a/{evidence}", (1280, 860), "light", "mark.hit"),
        "phone": (f"/{run.slug}/a/{modern.id}", PHONE, "light", ""),
        "phone-dark": (f"/{run.slug}/attempts?status=solved", PHONE, "dark", ""),
    }
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(runs), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{bound.getsockname()[1]}"
    try:
        with sync_playwright() as driver:
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = driver.chromium.launch(executable_path=chromium, args=arguments)
            for name, (path, size, scheme, show) in shots.items():
                data = taken(browser, address + path, size, scheme, show)
                (given.out / f"{name}.png").write_bytes(data)
                print(f"{name}.png {len(data):,} bytes")
            browser.close()
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def told_apart(run: Run) -> tuple[Row, Row]:
    """Return two attempts at one task, seed and dose: the first solved with most steps, of the last arm of the pair."""
    with run.open() as reader:
        pairs = reader.fact("experiment")["pairs"]
        first, second = pairs[0]
        solved = reader.browse(Filter(arms=(first,), statuses=("solved",)), limit=5_000)
        for row in sorted(solved, key=lambda row: (-row.steps, row.position)):
            for other in reader.same_task(row.task_id):
                same = (other.arm, other.seed, other.dose, other.trial) == (second, row.seed, row.dose, row.trial)
                if same and other.status is not None and other.steps >= 3:
                    return row, other
    raise UserError(f"{run.path} has no solved attempt with another arm's beside it: name a finished run")


def surest(run: Run) -> str:
    """Return the flagged attempt whose surest finding names a line of an action, of the longest such attempt."""
    found = run.findings()
    best: tuple[int, float, str] = (-1, 0.0, "")
    with run.open() as reader:
        for attempt in sorted(found.places)[:2_000]:
            row = reader.row(attempt)
            for finding in found.of(attempt)[:3]:
                if row and finding.line and finding.where == "action" and finding.kind in ("harness", "task"):
                    best = max(best, (min(row.steps, 5), finding.confidence, attempt))
    if not best[2]:
        raise UserError(f"no finding in {run.folder} names a line of a command: run `assay audit {run.folder}` first")
    return best[2]


def taken(browser: Browser, address: str, size: tuple[int, int], scheme: str, show: str) -> bytes:
    """Return a picture of a page as PNG, in as many colours as its size allows."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        device_scale_factor=2 if size == PHONE else 1,
    )
    page.goto(address)
    page.wait_for_load_state("networkidle")
    while page.locator("[role=status]").count():  # the curves are being made
        page.wait_for_timeout(1_000)
        page.reload()
    if show:
        page.locator(show).first.evaluate("each => each.scrollIntoView({block: 'center', behavior: 'instant'})")
    data = page.screenshot()
    page.close()
    for colours in (256, 128, 64, 32):
        buffer = io.BytesIO()
        Image.open(io.BytesIO(data)).convert("RGB").quantize(colours).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= MOST_BYTES:
            break
    return buffer.getvalue()


if __name__ == "__main__":
    main()
