"""Memory and speed of `assay data build` on a synthetic set of 75,000 trajectories of 14,000 tokens, and parts of it.

Run: python benchmarks/data.py [--json] [--shares 1,10] [--model DIR] [--processes N] [--keep DIR]

The texts are slices of Python's own library: issues, files that were read, and short turns of the assistant between
them; one in fifty trajectories is a copy and one in fifty a copy with a few words changed. With --shares 100 it
needs about 10 GB of disk and, on one core, an hour or more; --shares 1,100 --tokens 300 shows in minutes what the
number of trajectories alone costs. The build's peak resident memory is the kernel's, of its
largest process; `bytes_per_trajectory` is the slope between the least and the largest share.
"""

import argparse
import json
import os
import random
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRAJECTORIES, TOKENS, TURNS, PER_TASK = 75_000, 14_000, 30, 6


def library() -> str:
    """Return a few megabytes of Python source."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)


def characters_per_token(model: Path, text: str) -> float:
    """Return how many characters a token of the model's tokenizer has in `text`."""
    from assay.models.formats import load_format

    sample = text[: 1 << 20]
    return len(sample) / len(load_format(model).encode(sample))


def trajectories(count: int, characters: int, text: str) -> Iterator[dict]:
    """Yield `count` conversations of about so many characters; the same number gives the same conversation."""
    for number in range(count):
        draw = random.Random(number - number % 50 if number % 50 in (1, 2) else number)
        messages = [{"role": "system", "content": "You mend programs. Answer with one command in a fenced block."}]
        task = number // PER_TASK
        issue = random.Random(f"task{task}")
        start = issue.randrange(len(text) - 4000)
        messages.append(
            {"role": "user", "content": f"Issue {task}\n{text[start : start + min(2000, characters // 4)]}"}
        )
        turns = min(TURNS, 1 + characters // 1000)
        seen = max(20, (characters - min(2000, characters // 4) - 100) // turns - 250)
        for turn in range(turns):
            start = draw.randrange(len(text) - 2 * seen)
            said = f"I look at line {start}.\n\n```bash\nsed -n {start}p lib.py\n```\n{text[start : start + 180]}"
            if number % 50 == 2 and turn == turns // 2:
                said += "\nand once more"
            messages.append({"role": "assistant", "content": said})
            if turn < turns - 1:
                messages.append(
                    {"role": "user", "content": text[start : start + draw.randrange(seen, 2 * seen)][:seen]}
                )
        yield {"instance_id": f"owner__project-{task}", "resolved": number % 3 > 0, "messages": messages}


def write(path: Path, count: int, characters: int, text: str) -> None:
    """Write the trajectories as JSONL."""
    with path.open("w", encoding="utf-8") as stream:
        for row in trajectories(count, characters, text):
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def measured(source: Path, model: Path, out: Path, processes: int) -> dict:
    """Build a training set in a process of its own; return its card, seconds and peak memory."""
    command = [sys.executable, "-m", "assay", "data", "build", str(source), "--model", str(model), "--out", str(out)]
    command += ["--length", "0", "--per-task", str(PER_TASK - 1), "--near", "0.9"]
    command += ["--splits", "train=0.95,validation=0.05", "--processes", str(processes)]
    began = time.monotonic()
    child = os.spawnv(os.P_NOWAIT, sys.executable, command)
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - began
    if status:
        raise SystemExit(f"the build of {source} ended with status {status}")
    card = json.loads((out / "card.json").read_text())
    return {
        "trajectories": card["read"],
        "examples": card["examples"],
        "dropped": card["dropped"],
        "tokens": card["tokens"],
        "seconds": round(seconds, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "tokens_per_s": round(card["tokens"] / seconds),
        "tokens_per_cpu_s": round(card["tokens"] / (usage.ru_utime + usage.ru_stime)),
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
    }


def main() -> None:
    """Measure and print a line a share, or with --json one object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--shares", default="1,10", help="per cent of the 75,000 trajectories")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="a trajectory's tokens, about")
    parser.add_argument("--model", type=Path, default=ROOT / "checkpoints" / "modern")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder to write to and keep; else one that is removed")
    arguments = parser.parse_args()
    text = library()
    characters = round(arguments.tokens * characters_per_token(arguments.model, text))
    found = {}
    place = arguments.keep or Path(tempfile.mkdtemp(prefix="assay-data-"))
    try:
        for share in arguments.shares.split(","):
            count = round(TRAJECTORIES * float(share) / 100)
            folder = place / f"share-{share}"
            folder.mkdir(parents=True)
            write(folder / "trajectories.jsonl", count, characters, text)
            found[share] = measured(folder / "trajectories.jsonl", arguments.model, folder / "set", arguments.processes)
            print(f"{share} %: {found[share]}", flush=True)
            if arguments.keep is None:
                shutil.rmtree(folder)
    finally:
        if arguments.keep is None:
            shutil.rmtree(place)
    ends = [found[share] for share in sorted(found, key=float)]
    rows = ends[-1]["trajectories"] - ends[0]["trajectories"]
    slope = (ends[-1]["peak_mb"] - ends[0]["peak_mb"]) * 2**20 / rows if rows else None
    result = {
        "shares": found,
        "bytes_per_trajectory": None if slope is None else round(slope),
        "processes": arguments.processes,
        "tokens_per_s": ends[-1]["tokens_per_s"],
        "peak_mb": ends[-1]["peak_mb"],
    }
    if arguments.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
