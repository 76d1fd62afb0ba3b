"""Budgets, secrets and hosts of `assay solve`, end to end: the real command against a real server of ours."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from assay.ledger import Ledger, events
from tests.e2e.conftest import assay, start
from tests.e2e.test_run import rows
from tests.e2e.test_solve import agree, figures, number_of, repairs, solve, write_tasks
from tests.e2e.test_stopping import until
from tests.models.openai_server import SUBMIT, Raw, bash, error, said, serving, tokens

KEY = "sk-planted-0123456789abcdef"


@pytest.fixture(scope="module")
def tasks(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sums")
    write_tasks(folder, 5)
    return folder


def spent(out: Path) -> dict:
    """Return what the ledger says was spent."""
    with Ledger(out / "ledger.sqlite") as ledger:
        return max((e.body for e in ledger.events() if e.kind == events.SPENT), key=lambda body: body["number"])


def billed(server) -> tuple[int, int]:
    """Return the tokens that the server read and wrote, as it counts them itself."""
    return sum(read for read, _ in server.billed), sum(written for _, written in server.billed)


def billing(server, policy):
    """Return the policy, with a note of what each of its answers took."""
    server.billed = []

    def inner(messages):
        text = policy(messages)
        server.billed.append((sum(len(tokens(m["content"])) for m in messages), len(tokens(text))))
        return text

    return inner


class Bill:
    billed: list


def test_money_is_spent_up_to_the_budget_and_a_higher_one_goes_on(tasks, tmp_path):
    bill = Bill()
    with serving(billing(bill, repairs)) as server:
        words = [tasks, server, tmp_path / "out", "--workers", "2", "--price", "3,15", "--max-tokens", "100"]
        first = solve(*words, "--json", "--budget-usd", "0.05")
        read, written = billed(bill)
        cost = (3 * read + 15 * written) / 1e6
        assert first.returncode == 130, first.stderr
        assert 0 < cost <= 0.05
        total = figures(first)
        assert total["budget"]["usd"] == pytest.approx(cost)
        assert total["budget"]["stopped_by"] == "money"
        assert spent(tmp_path / "out")["nano_usd"] == round(cost * 1e9)
        assert 0 < total["finished"] < 5
        done = set(agree(tmp_path / "out"))  # what was cut off has no row, no trajectory and no prediction
        last = first.stderr.splitlines()[-1]
        assert last.startswith("stopped by the budget of money ($0.0")
        assert f"{5 - len(done)} of 5 attempts are left; raise --budget-usd to go on: " in last
        assert "--budget-usd 0.05" in last
        assert re.search(r"^1/5 sum-\d: solved .* \(\$0\.\d+ of \$0\.0500\)$", first.stderr, re.MULTILINE)
        again = solve(*words, "--json", "--budget-usd", "0.05")  # there is still no room
        assert again.returncode == 130
        assert sum(read for read, _ in bill.billed) * 3 + billed(bill)[1] * 15 <= 50_000
        whole = solve(*words, "--json", "--budget-usd", "5")
        assert whole.returncode == 0, whole.stderr
    read, written = billed(bill)
    assert figures(whole)["budget"]["usd"] == pytest.approx((3 * read + 15 * written) / 1e6)  # all sessions together
    assert set(agree(tmp_path / "out").values()) == {"solved"}
    assert len(agree(tmp_path / "out")) == 5


@pytest.mark.slow
def test_killed_it_has_counted_all_that_was_billed(tasks, tmp_path):
    bill, out = Bill(), tmp_path / "out"
    with serving(billing(bill, repairs)) as server:
        words = ["--tasks", tasks, "--model", f"openai:{server.url}#tiny", "--out", out, "--workers", "2"]
        words += ["--max-tokens", "100", "--budget-tokens", "1000000"]
        for wanted in (1, 3):
            process = start("solve", *words)
            until(lambda: rows(out / "ledger.sqlite") >= wanted or process.poll() is not None, "no rows")  # noqa: B023
            process.kill()
            process.wait()
            counted = spent(out)["tokens"]
            worst = 2 * max(len(json.dumps(request)) for request in server.requests)  # of two requests under way
            assert sum(billed(bill)) <= counted <= sum(billed(bill)) + wanted * (10_000 + worst)
        done = assay("solve", *words, "--json")
        assert done.returncode == 0, done.stderr
        assert spent(out)["tokens"] >= sum(billed(bill))


def test_attempts_are_begun_as_long_as_they_fit(tasks, tmp_path):
    with serving(repairs) as server:
        done = solve(tasks, server, tmp_path / "out", "--workers", "3", "--budget-attempts", "2")
        assert done.returncode == 130, done.stderr
        assert len(server.requests) == 8
        assert "stopped by the budget of attempts (2 of 2 attempts): 3 of 5 attempts are left" in done.stderr
        more = solve(tasks, server, tmp_path / "out", "--budget-attempts", "5")
        assert more.returncode == 0, more.stderr
    assert len(server.requests) == 20
    assert len(agree(tmp_path / "out")) == 5


@pytest.mark.slow
def test_time_that_is_up_stops_attempts_under_way(tasks, tmp_path):
    def sleeps(messages):
        return repairs(messages) if number_of(messages) == 0 else bash("sleep 600")

    with serving(sleeps) as server:
        words = [tasks, server, tmp_path / "out", "--workers", "1", "--command-seconds", "900"]
        done = solve(*words, "--budget-wall", "15")
        assert done.returncode == 130, done.stderr
        assert "raise --budget-wall to go on" in done.stderr
        assert set(agree(tmp_path / "out")) <= {"sum-0"}
        assert spent(tmp_path / "out")["wall_s"] >= 15
        asked = len(server.requests)
        again = solve(*words, "--budget-wall", "15s")
        assert again.returncode == 130
        assert len(server.requests) == asked  # nothing is begun


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--budget-usd", "1"], "give --price"),
        (["--budget-usd", "1", "--price", "1,2"], "give --max-tokens"),
        (["--budget-tokens", "1000"], "give --max-tokens"),
        (["--budget-wall", "soon"], "'soon' is no duration"),
        (["--key-from", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE: this variable is not set"),
        (["--proxy", "gopher://x"], "--proxy is no URL"),
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused_before_anything_is_sent(tasks, tmp_path, more, sentence):
    with serving(repairs) as server:
        done = solve(tasks, server, tmp_path / "out", *more)
    assert (done.returncode, server.requests) == (2, [])
    assert sentence in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def holding(secret: str, folder: Path) -> list[str]:
    """Return the files that hold a secret, plainly or packed as ledgers pack."""
    found = [str(path) for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    for path in folder.rglob("ledger.sqlite"):
        with Ledger(path) as ledger:
            for attempt in ledger.attempts():
                trajectory = ledger.trajectory(attempt.plan.id)
                if secret in attempt.model_dump_json() + (trajectory.model_dump_json() if trajectory else ""):
                    found.append(f"{path}: {attempt.plan.id}")
    return found


@pytest.mark.parametrize("stream", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_key_that_a_server_sends_back_is_nowhere(tasks, tmp_path, stream):
    """The server echoes the header in its replies and in each kind of its errors; the agent looks for it."""

    def leaks(messages):
        number, turn = number_of(messages), len(said(messages))
        header = server.headers[-1]["Authorization"]
        assert header == f"Bearer {KEY}"
        if number == 0:
            return bash("env; cat /proc/*/environ | tr '\\0' '\\n'; ls -la ~ /root") if not turn else bash(SUBMIT)
        if number == 1:
            return f"You sent {header}.\n" + (bash(f"echo {header} > pkg/mod.py") if not turn else bash(SUBMIT))
        if number == 2:
            return error(503, f"busy, {header}")
        if number == 3:
            return error(418, f"no, {header}")
        return Raw(200, f"no JSON: {header}".encode(), {"Set-Cookie": f"key={KEY}"})

    env = {**os.environ, "OPENAI_API_KEY": KEY, "OTHER_COPY": KEY}
    with serving(leaks, key=KEY, vllm=True) as server:
        more = ["--stream"] if stream else []
        done = solve(tasks, server, tmp_path / "out", "--json", "--tries", "2", "--workers", "1", *more, env=env)
        people = solve(tasks, server, tmp_path / "two", "--tries", "2", *more, env=env)
    assert done.returncode in (2, 3), done.stderr
    assert rows(tmp_path / "out" / "ledger.sqlite") >= 3
    listing = assay("ledger", "events", tmp_path / "out", env=env)
    published = assay("publish", tmp_path / "out", tmp_path / "page", env=env)
    assert published.returncode == 0, published.stderr
    for said_ in (done, people, listing, published):
        assert KEY not in said_.stdout + said_.stderr
    assert holding(KEY, tmp_path) == []
    with Ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        paths = {a.plan.task_id: ledger.trajectory(a.plan.id) for a in ledger.attempts()}
    assert "PATH=" in paths["sum-0"].steps[0].observation  # it did look
    assert "You sent Bearer ***." in paths["sum-1"].steps[0].reply.text
    assert paths["sum-1"].steps[0].reply.token_ids is None  # they would spell it
    assert "echo Bearer ***" in paths["sum-1"].steps[0].command
    assert "***" in paths["sum-2"].error


WATCHED = """
import json, sys
log = open(sys.argv.pop(1), "a", buffering=1)
def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        address = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[:2]
        log.write(json.dumps([event, str(address)]) + "\\n")
sys.addaudithook(watch)
from assay.cli import main
sys.argv[0] = "assay"
main()
"""


def watched(log: Path, *words) -> tuple[list[list[str]], subprocess.CompletedProcess[str]]:
    """Run the command; return every connection and look-up that its process asked for, and how it ended."""
    driver = log.with_suffix(".py")
    driver.write_text(WATCHED)
    # What could lead elsewhere is set: a proxy that nobody named, and a hub for models.
    lures = {"HTTP_PROXY": "http://192.0.2.1:9", "http_proxy": "http://192.0.2.1:9", "ALL_PROXY": "http://192.0.2.1:9"}
    done = subprocess.run(
        [sys.executable, str(driver), str(log), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**{k: v for k, v in os.environ.items() if k not in ("NO_PROXY", "no_proxy")}, **lures},
    )
    assert done.returncode in (0, 2), done.stderr
    found = [json.loads(line) for line in log.read_text().splitlines()]
    return [[event, address] for event, address in found if not address.startswith(("/", "b'/", "b'\\x00"))], done


def test_nothing_is_connected_to_but_the_endpoint(tasks, tmp_path):
    with serving(repairs) as server:
        words = ["solve", "--tasks", tasks, "--model", f"openai:{server.url}#tiny", "--out", tmp_path / "out"]
        asked, done = watched(tmp_path / "log", *words, "--limit", "2")
        assert done.returncode == 0, done.stderr
        port = int(re.search(r":(\d+)/", server.url)[1])
    assert {event for event, _ in asked} >= {"socket.connect"}
    for event, address in asked:
        assert re.fullmatch(rf"\(b?'127\.0\.0\.1', {port}\)", address), (event, address)


@pytest.mark.slow
def test_a_model_on_this_machine_connects_to_nothing(laboratory, tasks, tmp_path):
    words = ["solve", "--tasks", tasks, "--model", f"local:{laboratory / 'first'}", "--out", tmp_path / "out"]
    asked, done = watched(tmp_path / "log", *words, "--limit", "1", "--max-tokens", "8", "--budget-tokens", "100000")
    assert done.returncode == 0, done.stderr
    assert asked == []


def test_a_redirect_is_not_followed(tasks, tmp_path):
    with (
        serving(repairs) as other,
        serving(lambda m: Raw(307, b"", {"Location": f"{other.url}/x?key={KEY}"})) as server,
    ):
        done = solve(tasks, server, tmp_path / "out", env={**os.environ, "OPENAI_API_KEY": KEY})
    assert done.returncode == 2
    assert "sends requests on to http://127.0.0.1" in done.stderr.splitlines()[-1]
    assert KEY not in done.stderr
    assert other.requests == []
