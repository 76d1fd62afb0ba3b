"""What an import of a large file costs: chat rows, an Inspect log and predictions, peak memory and time.

Run: python benchmarks/exchange.py [--json] [--mb 300] [--folder DIR]
Each file is made, imported by the real command in a process of its own, and removed. A file of a tenth of the size is
imported first: memory is flat when both take as much.
"""

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

_TURN = 6000  # characters of a turn


def _words(seed: int) -> str:
    noise = random.Random(seed)
    return " ".join(f"{noise.getrandbits(40):x}" for _ in range(_TURN // 11))


def _messages(seed: int) -> list[dict[str, object]]:
    turns: list[dict[str, object]] = [{"role": "user", "content": f"task {seed}"}]
    for turn in range(8):
        text = _words(seed * 8 + turn)
        turns.append({"role": "assistant", "content": f"{text}\n```bash\nls {turn}\n```", "token_ids": [turn] * 200})
        turns.append({"role": "user", "content": text[:2000]})
    return turns


def _rows(size: int) -> Iterator[tuple[int, list[dict[str, object]]]]:
    written = number = 0
    while written < size:
        turns = _messages(number)
        yield number, turns
        written += sum(len(str(turn["content"])) + 800 for turn in turns)
        number += 1


def chat(file: Path, size: int) -> None:
    """Write chat rows of about `size` bytes."""
    with file.open("w") as stream:
        for number, turns in _rows(size):
            stream.write(
                json.dumps({"messages": turns, "instance_id": f"t{number}", "resolved": number % 3 == 0}) + "\n"
            )


def inspect(file: Path, size: int) -> None:
    """Write an Inspect log whose samples have about `size` bytes before they are packed."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        spec = {"task": "t", "model": "m", "dataset": {}, "config": {"epochs": 1}}
        packed.writestr("header.json", json.dumps({"version": 2, "status": "success", "eval": spec}))
        for number, turns in _rows(size):
            scores = {"s": {"value": "C" if number % 3 == 0 else "I"}}
            sample = {"id": number, "epoch": 1, "messages": turns, "scores": scores}
            packed.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))


def preds(file: Path, size: int) -> None:
    """Write predictions, a JSON table, of about `size` bytes."""
    with file.open("w") as stream:
        for number in range(max(1, size // (_TURN + 100))):
            row = {"instance_id": f"t{number}", "model_name_or_path": "m", "model_patch": _words(number)}
            stream.write(f"{',' if number else '{'}\n{json.dumps(f't{number}')}: {json.dumps(row)}")
        stream.write("\n}\n")


_MADE = {"chat": (chat, "rows.jsonl"), "inspect": (inspect, "log.eval"), "swebench": (preds, "preds.json")}


def measured(name: str, folder: Path, size: int) -> dict[str, float]:
    """Make a file, import it, return its size, the seconds and the peak memory of the command."""
    make, word = _MADE[name]
    file, run = folder / word, folder / "run"
    make(file, size)
    program = (
        "import resource, sys; from assay.cli import app\n"
        "try: app()\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", program, "import", str(file), "--out", str(run), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "file_mb": file.stat().st_size / 1e6,
        "attempts": json.loads(done.stdout)["read"],
        "seconds": seconds,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_rss_mb": int(done.stderr.split()[-1]) / 1024,
    }
    file.unlink()
    shutil.rmtree(run)
    return found


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=300, help="the size of the large files, before they are packed")
    parser.add_argument("--folder", type=Path, help="where files are made; the system's own by default")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for name in _MADE:
            found[name] = {
                size: measured(name, Path(folder), mb * 1_000_000)
                for size, mb in (("small", max(1, arguments.mb // 10)), ("large", arguments.mb))
            }
    if arguments.json:
        print(json.dumps(found))
        return
    for name, rows in found.items():
        for size, row in rows.items():
            print(
                f"{name:9} {size:5} {row['file_mb']:7.1f} MB, {row['attempts']:6} attempts: {row['seconds']:6.1f} s "
                f"({row['cpu_seconds']:.1f} s of CPU), peak {row['peak_rss_mb']:.0f} MB"
            )


if __name__ == "__main__":
    main()
