"""How fast a ledger takes attempts, opens, and lists and filters them, and how flat its memory stays, beside peers.

Run: python benchmarks/ledger.py [--json] [--attempts 200000] [--inspect PYTHON] [--keep DIR]

An attempt is four steps of about 1.3 kB each with token ids and log-probabilities, a verdict and a detail; 2,000 tasks,
4 arms, 5 seeds. What is timed is the recording, not the making of the attempts. Every part runs in a process of its
own, so that its peak memory is its own; memory is measured at a tenth of the attempts too. The peers write the same
attempts in the same run: JSON lines (a flush an attempt), a plain SQLite table of JSON (batches of as many), and
Inspect's own `.eval` recorder where PYTHON has inspect-ai (at 2,000 samples: it keeps and lists less).
`filter_ms` is the slowest of the listed filters: a page of 50 rows or a count, best of three. On a machine that does
other work too, `appends_per_cpu_s` and `filter_cpu_ms` say what the ledger itself takes.
"""

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ARMS, SEEDS, TASKS, POOL = 4, 5, 2000, 400
SINGLE = 5000  # attempts recorded one transaction each
INSPECT_SAMPLES = 2000
INSPECT = Path.home() / ".cache" / "assay-bench" / "rollout-peers" / "bin" / "python"


class Made:
    """The attempts of a run, made one at a time; `seconds` and `cpu` are what the making took."""

    def __init__(self, count: int) -> None:
        from assay.nouns import Exit, Finish, Message, Reply, Role, Step, Trajectory

        self.count = count
        self.seconds = self.cpu = 0.0
        draw = random.Random(0)
        text = "\n".join(
            path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[:40]
        )

        def cut(size: int) -> str:
            start = draw.randrange(len(text) - size)
            return text[start : start + size]

        self._pool = []
        for _ in range(POOL):
            prompt = (Message(role=Role.SYSTEM, content="Mend the program."), Message(role=Role.USER, content=cut(600)))
            steps = tuple(
                Step(
                    reply=Reply(
                        text=cut(180),
                        finish=Finish.STOP,
                        token_ids=tuple(draw.randrange(50_000) for _ in range(40)),
                        logprobs=tuple(-round(draw.expovariate(2), 4) for _ in range(40)),
                    ),
                    command="sed -n 1,20p mod.py",
                    observation=cut(500),
                    returncode=0,
                )
                for _ in range(4)
            )
            self._pool.append(
                Trajectory(
                    task_id="t",
                    agent="shell",
                    model="m",
                    prompt=prompt,
                    steps=steps,
                    exit=Exit.SUBMITTED,
                    diff=cut(300),
                )
            )
        self._words = text[:20_000].split()

    def plan(self) -> Iterator:
        from assay.nouns import PlannedAttempt

        cells = [(f"arm-{arm}", seed) for arm in range(ARMS) for seed in range(SEEDS)]
        tasks = max(1, min(TASKS, self.count // len(cells)))
        for number in range(self.count):
            arm, seed = cells[number // tasks % len(cells)]
            task, trial = number % tasks, number // (tasks * len(cells))
            split = "seen" if task % 3 else "unseen"
            name = f"owner-{task % 40}__project-{task}"
            yield PlannedAttempt(arm=arm, seed=seed, dose=0, task_id=name, split=split, trial=trial)

    def ended(self) -> Iterator:
        from assay.nouns import Attempt, Check, Reason, Status, Verdict

        draw = random.Random(1)
        for number, planned in enumerate(self.plan()):
            began, cpu = time.perf_counter(), time.process_time()
            solved, lost = draw.random() < 0.3, draw.random() < 0.02
            said = f"case {number % 977}: expected {draw.randrange(10**6)}, got {' '.join(draw.sample(self._words, 8))}"
            checks = (Check(name="case 1", passed=solved, evidence=said[:80]),)
            verdict = Verdict.score(
                float(solved), Reason.PASSED if solved else Reason.WRONG, checks, "" if solved else said
            )
            status = Status.SOLVED if solved else Status.FAILED
            if lost:
                verdict, status = Verdict.invalid(Reason.MACHINERY, "the sandbox was killed"), Status.MACHINERY
            attempt = Attempt(
                plan=planned,
                status=status,
                verdict=verdict,
                steps=4,
                sampled_tokens=160,
                wall_s=1.5,
                detail=verdict.detail,
            )
            trajectory = self._pool[number % POOL]
            self.seconds += time.perf_counter() - began
            self.cpu += time.process_time() - cpu
            yield attempt, trajectory


def append(place: Path, count: int, single: int) -> dict:
    """Plan and record `count` attempts in batches; then `single` more runs' worth, a transaction each, elsewhere."""
    from assay.ledger import Ledger

    made = Made(count)
    with Ledger(place / "ledger.sqlite") as ledger:
        began = time.perf_counter()
        ledger.plan(made.plan())
        planning = time.perf_counter() - began
        began, cpu = time.perf_counter(), time.process_time()
        ledger.record_many(made.ended())
        batched = time.perf_counter() - began - made.seconds
        busy = time.process_time() - cpu - made.cpu
    peak = peak_mb()
    seconds = None
    if single:
        few = Made(single)
        (place / "single").mkdir()
        with Ledger(place / "single" / "ledger.sqlite") as ledger:
            ledger.plan(few.plan())
            pairs = list(few.ended())
            began = time.perf_counter()
            for attempt, trajectory in pairs:
                ledger.record(attempt, trajectory)
            seconds = time.perf_counter() - began
    return {
        "plans_per_s": round(count / planning),
        "appends_per_s": round(count / batched),
        "appends_per_cpu_s": round(count / busy),
        "single_appends_per_s": round(single / seconds) if seconds else None,
        "peak_rss_mb": peak,
        "bytes_per_attempt": round(folder_bytes(place, "ledger.sqlite") / count),
    }


def read(place: Path, count: int) -> dict:
    """Open the ledger; time listing and filters."""
    from assay.ledger.browse import Filter
    from assay.ledger.reading import LedgerReader

    base = peak_mb()
    began = time.perf_counter()
    reader = LedgerReader(place / "ledger.sqlite")
    first = reader.browse(Filter())
    opened = time.perf_counter() - began
    assert len(first) == min(50, count)
    filters = {
        "all": Filter(),
        "arm": Filter(arms=("arm-2",)),
        "status": Filter(statuses=("machinery",)),
        "arm, seed, split, status": Filter(arms=("arm-3",), seeds=(4,), splits=("unseen",), statuses=("solved",)),
        "unfinished": Filter(statuses=("unfinished",)),
        "task": Filter(task="project-77"),
        "text, in many": Filter(text="expected 99"),
        "text, in none": Filter(text="no such words anywhere"),
        "text and status": Filter(text="got", statuses=("failed",)),
    }
    times: dict[str, tuple[float, float]] = {}
    for name, wanted in filters.items():
        times[f"page: {name}"] = both(lambda wanted=wanted: reader.browse(wanted))
        times[f"last page: {name}"] = both(lambda wanted=wanted: reader.browse(wanted, newest_first=True))
        times[f"page from the middle: {name}"] = both(lambda wanted=wanted: reader.browse(wanted, after=count // 2))
        times[f"count: {name}"] = both(lambda wanted=wanted: reader.count(wanted))
    times["coverage"] = both(reader.coverage)
    times["same task"] = both(lambda: reader.same_task(first[0].task_id))
    times["an attempt and its trajectory"] = both(lambda: (reader.attempt(first[7].id), reader.trajectory(first[7].id)))
    return {
        "open_s": round(opened, 4),
        "ms": {name: took for name, (took, _) in times.items()},
        "filter_ms": max(took for took, _ in times.values()),
        "filter_cpu_ms": max(busy for _, busy in times.values()),
        "peak_rss_mb": peak_mb(),
        "base_mb": base,
    }


def peers(place: Path, count: int) -> dict:
    """Write the same attempts as JSON lines and into a plain SQLite table; time a filter in each."""
    found: dict[str, dict[str, float]] = {}
    made = Made(count)
    path = place / "plain.jsonl"
    began, cpu = time.perf_counter(), time.process_time()
    with path.open("w", encoding="utf-8") as stream:
        for attempt, trajectory in made.ended():
            stream.write(f'{{"attempt":{attempt.model_dump_json()},"trajectory":{trajectory.model_dump_json()}}}\n')
            stream.flush()
    found["JSON lines"] = {"appends_per_s": round(count / (time.perf_counter() - began - made.seconds))}
    found["JSON lines"] |= {"appends_per_cpu_s": round(count / (time.process_time() - cpu - made.cpu))}
    began = time.perf_counter()
    with path.open(encoding="utf-8") as stream:
        sum(json.loads(line)["attempt"]["status"] == "machinery" for line in stream)
    found["JSON lines"] |= {"filter_ms": round(1000 * (time.perf_counter() - began), 1)}
    found["JSON lines"] |= {"bytes_per_attempt": round(path.stat().st_size / count)}
    path.unlink()
    made = Made(count)
    path = place / "plain.sqlite"
    began, cpu = time.perf_counter(), time.process_time()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute("CREATE TABLE attempts (id TEXT PRIMARY KEY, body TEXT, trace TEXT)")
    rows = ((a.plan.id, a.model_dump_json(), t.model_dump_json()) for a, t in made.ended())
    while True:
        db.execute("BEGIN")
        done = db.executemany("INSERT INTO attempts VALUES (?, ?, ?)", _some(rows)).rowcount
        db.execute("COMMIT")
        if done <= 0:
            break
    found["plain SQLite"] = {"appends_per_s": round(count / (time.perf_counter() - began - made.seconds))}
    found["plain SQLite"] |= {"appends_per_cpu_s": round(count / (time.process_time() - cpu - made.cpu))}
    sql = "SELECT COUNT(*) FROM attempts WHERE json_extract(body, '$.status') = 'machinery'"
    found["plain SQLite"] |= {"filter_ms": best(lambda: db.execute(sql).fetchone())}
    db.close()
    found["plain SQLite"] |= {"bytes_per_attempt": round(path.stat().st_size / count)}
    path.unlink()
    return found


def _some(rows: Iterator) -> Iterator:
    for number, row in enumerate(rows, 1):
        yield row
        if number == 256:
            return


_INSPECT = """
import asyncio, json, sys, time
from pathlib import Path
from inspect_ai._util.constants import get_deserializing_context
from inspect_ai.log import EvalSample, EvalSpec, EvalPlan, EvalStats, EvalResults, read_eval_log_sample_summaries
from inspect_ai.log._recorders.eval import EvalRecorder
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser
from inspect_ai.scorer import Score
rows = [json.loads(line) for line in open(sys.argv[1])]
async def main():
    recorder = EvalRecorder(sys.argv[2])
    spec = EvalSpec(created='2026-01-01T00:00:00+00:00', task='bench', dataset={}, model='m', config={})
    await recorder.log_init(spec)
    await recorder.log_start(spec, EvalPlan())
    samples = []
    for number, row in enumerate(rows):
        messages = [ChatMessageUser(content=m['content']) for m in row['trajectory']['prompt']]
        for step in row['trajectory']['steps']:
            messages.append(ChatMessageAssistant(content=step['reply']['text'], metadata={
                'token_ids': step['reply']['token_ids'], 'logprobs': step['reply']['logprobs']}))
            messages.append(ChatMessageUser(content=step['observation']))
        samples.append(EvalSample(id=str(number), epoch=1, input='i', target='t', messages=messages,
            scores={'v': Score(value=(row['attempt']['verdict'] or {}).get('value') or 0.0)}))
    began = time.perf_counter()
    for number, sample in enumerate(samples, 1):
        await recorder.log_sample(spec, sample)
        if number % 10 == 0:
            await recorder.flush(spec)
    log = await recorder.log_finish(spec, 'success', EvalStats(), EvalResults(), None)
    seconds = time.perf_counter() - began
    file = next(Path(sys.argv[2]).rglob('*.eval'))
    began = time.perf_counter()
    found = [s for s in read_eval_log_sample_summaries(str(file)) if s.error]
    listing = time.perf_counter() - began
    print(json.dumps({'appends_per_s': round(len(rows) / seconds), 'filter_ms': round(1000 * listing, 1),
        'bytes_per_attempt': round(file.stat().st_size / len(rows)), 'n': len(rows)}))
asyncio.run(main())
"""


def inspect(place: Path, python: Path) -> dict | None:
    """Write attempts by Inspect's own recorder, flushed every ten samples as Inspect does; None without inspect-ai."""
    if not python.is_file():
        return None
    source = place / "few.jsonl"
    with source.open("w", encoding="utf-8") as stream:
        for attempt, trajectory in Made(INSPECT_SAMPLES).ended():
            stream.write(f'{{"attempt":{attempt.model_dump_json()},"trajectory":{trajectory.model_dump_json()}}}\n')
    out = subprocess.run(
        [str(python), "-c", _INSPECT, str(source), str(place / "inspect")], capture_output=True, text=True, check=False
    )
    if out.returncode:
        print(f"inspect-ai's recorder could not be timed: {out.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return json.loads(out.stdout.splitlines()[-1])


def best(call) -> float:
    """Return the least milliseconds of three calls."""
    return both(call)[0]


def both(call) -> tuple[float, float]:
    """Return the least milliseconds of three calls, by the clock and of this process's CPU time."""
    times, busy = [], []
    for _ in range(3):
        began, cpu = time.perf_counter(), time.process_time()
        call()
        times.append(time.perf_counter() - began)
        busy.append(time.process_time() - cpu)
    return round(1000 * min(times), 2), round(1000 * min(busy), 2)


def peak_mb() -> float:
    """Return the peak resident memory of this process; getrusage would count what it was forked from."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024, 1)


def folder_bytes(place: Path, name: str) -> int:
    return sum(path.stat().st_size for entry in place.glob(f"{name}*") for path in [entry, *entry.rglob("*")])


def apart(part: str, place: Path, *numbers: int) -> dict:
    """Run a part of this file in a process of its own."""
    command = [sys.executable, __file__, "--part", part, "--keep", str(place), "--numbers", *map(str, numbers)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--attempts", type=int, default=200_000)
    parser.add_argument("--inspect", type=Path, default=INSPECT, help="a Python that has inspect-ai")
    parser.add_argument("--keep", type=Path, help="write here and leave it")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--numbers", type=int, nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(globals()[arguments.part](arguments.keep, *arguments.numbers)))
        return
    place = arguments.keep or Path(tempfile.mkdtemp(prefix="assay-ledger-"))
    try:
        report(place, arguments.attempts, arguments.inspect, arguments.json)
    finally:
        if arguments.keep is None:
            shutil.rmtree(place, ignore_errors=True)


def report(place: Path, count: int, python: Path, as_json: bool) -> None:
    """Run all parts and print what they found."""
    results = {}
    for number in (count // 10, count):
        folder = place / str(number)
        folder.mkdir(parents=True)
        written = apart("append", folder, number, SINGLE if number == count else 0)
        results[number] = (written, apart("read", folder, number))
    beside = apart("peers", place, count // 10)
    if (other := inspect(place, python)) is not None:
        beside["Inspect .eval"] = other
    written, listed = results[count]
    last = {
        "appends_per_s": written["appends_per_s"],
        "open_s": listed["open_s"],
        "filter_ms": listed["filter_ms"],
        "peak_rss_mb": max(written["peak_rss_mb"], listed["peak_rss_mb"]),
    }
    if as_json:
        for number, (appended, found) in results.items():
            print(json.dumps({"attempts": number, "append": appended, "read": found}))
        for name, figures in beside.items():
            print(json.dumps({"peer": name, **figures}))
        print(json.dumps(last))
        return
    for number, (appended, found) in results.items():
        print(f"{number} attempts: {appended['appends_per_s']} a second in batches, peak {appended['peak_rss_mb']} MB")
        print(f"  {appended['appends_per_cpu_s']} a second of CPU time: what an idle machine would come near to")
        if appended["single_appends_per_s"]:
            print(f"  {appended['single_appends_per_s']} a second with a transaction each")
        print(f"  {appended['bytes_per_attempt']} bytes an attempt; {appended['plans_per_s']} plans a second")
        slowest = f"{found['filter_ms']} ms ({found['filter_cpu_ms']} of CPU)"
        print(f"  opened in {found['open_s']} s; slowest filter {slowest}; peak {found['peak_rss_mb']} MB")
        for name, took in found["ms"].items():
            print(f"    {took:8.2f} ms  {name}")
    for name, figures in beside.items():
        print(f"{name}: {', '.join(f'{key} {value}' for key, value in figures.items())}")
    print(last)


if __name__ == "__main__":
    main()
