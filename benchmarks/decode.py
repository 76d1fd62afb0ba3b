"""Decode speed of the engine at 1 and 32 rows, beside transformers' `generate` on the same requests.

Run: python benchmarks/decode.py [--json] [--checkpoint DIR] [--repeats N] [--requests N] [--new N] [--clock cpu]
What is measured, and how, is said in benchmarks/rollout_decode.py. `--clock cpu` counts the process's own time, for a
machine that does other things as well; caches and memory are still shared with those.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.rollout_decode import TWIN, measure


def main() -> None:
    """Measure and print a table, or with --json one object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--checkpoint", type=Path, default=TWIN)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--requests", type=int, default=128, help="of the comparison with generate")
    parser.add_argument("--new", type=int, default=128, help="ids a request of the comparison of 32 rows with 1")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    asked = parser.parse_args()
    clock = time.perf_counter if asked.clock == "wall" else time.process_time
    found = measure(asked.checkpoint, asked.repeats, asked.requests, asked.new, clock)
    if asked.json:
        print(json.dumps(found))
        return
    for name, value in found["tokens_per_s"].items():
        low, high = found["spread"][name]
        print(f"{name:22} {value:9,.1f} ids/s  ({low:,.1f} to {high:,.1f})")
    print(f"32 rows over 1: {found['batch_gain']}")
    print(f"over generate: {found['decode_ratio_to_generate']}, uniform {found['uniform_ratio_to_generate']}")
    print(f"generate at: {found['generate_at']}")


if __name__ == "__main__":
    main()
