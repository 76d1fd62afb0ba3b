"""The visible test of a seeded task, as the agent's workspace runs it: prints `ok`, or `fail: ...` and exits 1.

A copy lies at /pkg/check.py in the sandbox, beside the package without the function (lib), one test of the
package's own (visible.py), what it is about (about.json) and inside.py. assay itself never imports this file.
"""

import json
import re
import sys

LONGEST_VALUE, LONGEST_LINE = 60, 160  # characters


def compare(left: object, right: object, shown: str, expected_first: bool = False) -> None:
    """Stand for `assert left == right`, with a message that says what came out and what was expected."""
    if left == right:
        return
    got, want = (right, left) if expected_first else (left, right)
    raise AssertionError(f"{shown} gave {short(got)}, expected {short(want)}")


def short(value: object) -> str:
    """Return the repr of `value` on one line, its middle left out where it is long, addresses removed."""
    text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(repr(value).split()))
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 13]}...{text[-10:]}"


def failure(error: BaseException) -> str:
    """Return one short line on what a test raised."""
    said = str(error).strip().splitlines()
    line = re.sub(r" at 0x[0-9a-f]+", "", said[0].strip() if said else "")
    if not isinstance(error, AssertionError):
        line = f"{type(error).__name__}: {line}" if line else type(error).__name__
    return (line or "an assertion is false")[:LONGEST_LINE]


def main() -> None:
    """Put /work/mod.py in place, run the visible test and say how it went."""
    sys.path[:0] = ["/pkg", "/pkg/lib"]
    from inside import put_in_place, run_test, shape_error

    with open("/pkg/about.json", encoding="utf-8") as file:
        about = json.load(file)
    with open("/pkg/visible.py", encoding="utf-8") as file:
        source = file.read()
    __import__(about["module"])
    try:
        with open("/work/mod.py", encoding="utf-8") as file:
            text = file.read()
        fault = shape_error(text)
        if fault:
            raise AssertionError(f"mod.py: {fault}")
        put_in_place(about["package"], about["module"], about["function"], text)
        run_test(source, about["test"])
    except Exception as error:
        sys.exit(f"fail: {failure(error)}")
    print("ok")


if __name__ == "__main__":
    main()
