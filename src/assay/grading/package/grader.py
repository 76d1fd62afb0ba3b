"""The kind `package`: a package's own tests decide, with the candidate's function put into the package.

`GraderSpec.data`:
    package, module, function   what the candidate's text defines, and where it belongs
    path                        the declared output that holds the text
    tests                       [{"id", "test", "source"}]: all must pass; `test` is `function` or `Class.method`
                                of the module text `source`
    wrong                       [[test, constant, value]]: in tests[test].source, the constant of that number (in
                                the order of `ast.walk`) set to `value` gives a test that a right solution fails
    canaries                    how many of those are mixed in; where there are more, they are drawn afresh each time
    timeout_s                   wall clock of the whole run, in seconds; generous, since one test may not use more than
                                3 s of processor time in any case
The task's mount /pkg has the package under lib, with the function cut out.

How the contract of grading is kept: the candidate's text reaches a fresh sandbox as data over standard input, and
nothing else of the agent does. Tests come over the same way, so no file holds them. Each test runs in a process of
its own that has seen only that test; real ones and canaries are in random order and bear the same names. Outcomes
and nonce belong to a process in which no candidate runs. A test that passes both as it is and with a wrong expected
value contradicts itself: CHEATED. A canary that passes while its real twin fails is an honest mistake, or as good
as one, since the value is 0 either way.

What remains open: within its own process a candidate can forge the outcome of the test that it runs in, as in any
repository's test suite. That is worth nothing while it cannot tell a real test from a canary; but one that carries a
copy of the package's tests, which are public, or that recognises a value as right without being able to return it,
could forge selectively. A test whose expected values are not literals has no canary. Where the interpreter lacks
ctypes, a candidate can read its siblings' tests through /proc.
"""

import ast
import json
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.errors import MachineryError
from assay.grading.package import inside
from assay.nouns import Check, Reason, Task, Verdict
from assay.sandbox import open_sandbox, trees

_LIB = "/pkg/lib"
_START_S = 60.0  # a loaded machine may take long to start Python; no candidate's time runs meanwhile
_STALL_S = 60.0  # a clock that is this late was not late because of the candidate
_CPU_S = 3  # processor time of one test
_COMMAND = ("python", "-s", "-P", "-S", "-B", "-c")  # not -I: the hash seed comes from the environment
_LONGEST_TEXT = 100_000  # characters of a candidate
_RUNNER = Path(inside.__file__).read_text(encoding="utf-8")
_WORDS = {
    inside.PASSED: "passed",
    inside.FAILED: "failed",
    inside.ERROR: "raised",
    inside.SKIPPED: "skipped",
    inside.BROKEN: "mod.py raised when it ran",
    inside.NO_ENTRY: "the function is not defined",
    inside.DIED: "the process ended",
    inside.MALFORMED: "malformed report",
    inside.TIMEOUT: "ran out of time",
}


@dataclass(frozen=True)
class Item:
    """One test to run: `test` names a function or a method of the module text `source`."""

    test: str
    source: str


@dataclass(frozen=True)
class Observed:
    """What the runner said. `reason` is None when every test has a word, which are in the order of the items."""

    reason: Reason | None
    words: str = ""
    detail: str = ""


def with_wrong_value(source: str, constant: int, value: object) -> str:
    """Return `source` with its constant number `constant` (in the order of `ast.walk`) set to `value`.

    Raises IndexError when there are fewer constants.
    """
    tree = ast.parse(source)
    node = [n for n in ast.walk(tree) if isinstance(n, ast.Constant)][constant]
    node.value = value  # type: ignore[assignment]
    return ast.unparse(tree) + "\n"


async def observe(
    lib: Path,
    names: Mapping[str, str],
    candidate: str,
    items: Sequence[Item],
    *,
    timeout_s: float,
    hash_seed: int = 0,
) -> Observed:
    """Run `items` in a fresh sandbox with `candidate` in place, in their order.

    `lib` is the host folder with the package; `names` has its `package`, `module` and `function`. `hash_seed` is
    PYTHONHASHSEED: another one shows which tests depend on the order of a set.
    Raises MachineryError when the sandbox fails or the runner stays silent.
    """
    nonce = secrets.token_hex(16)
    header = {
        **{key: names[key] for key in ("package", "module", "function")},
        "path": _LIB,
        "candidate": candidate,
        "imports": sorted({name for item in items for name in _imports(item.source)}),
        "count": len(items),
        "cpu_s": _CPU_S,
    }
    messages = [json.dumps(header), *(json.dumps({"test": i.test, "source": i.source}) for i in items), nonce]
    encoded = [message.encode() for message in messages]
    stdin = b"".join(len(message).to_bytes(8, "big") + message for message in encoded)
    async with open_sandbox({}, readonly={_LIB: lib}, processes=len(items) + 32) as sandbox:
        done = await sandbox.run_split(
            [*_COMMAND, _RUNNER],
            timeout_s=timeout_s,
            start_s=_START_S,
            stdin=stdin,
            env={"PYTHONHASHSEED": str(hash_seed)},
        )
    lines = done.stdout.split(b"\n")
    ready = json.dumps({"nonce": nonce, "ready": len(items)}).encode()
    if lines[0] != ready:
        said = done.stderr.decode("utf-8", "replace").strip()[-200:]
        return Observed(Reason.MACHINERY, detail=f"the runner did not get ready: {said or 'it said nothing'}")
    words = _outcomes(lines[1:], nonce)
    if words is None and done.timed_out:
        if done.wall_s > timeout_s + _START_S + _STALL_S:
            return Observed(Reason.MACHINERY, detail="this machine stood still while the tests ran")
        return Observed(Reason.TIMEOUT, detail=f"the tests ran past {timeout_s:g} s")
    if lines[1:] in ([], [b""]):
        return Observed(Reason.CRASHED, detail="the runner was ended before it could report")
    if words is None or done.truncated:
        return Observed(Reason.CHEATED, detail="something else wrote to the channel of outcomes")
    if words.endswith(inside.TIMEOUT):
        return Observed(Reason.TIMEOUT, words, f"one test used {_CPU_S} s of processor time")
    if len(words) != len(items) or set(words) - set(_WORDS):
        return Observed(Reason.MALFORMED, detail="the outcomes do not match the tests")
    return Observed(None, words)


def _imports(source: str) -> set[str]:
    """Return the modules that a test imports at its top, to be imported once before the children are forked."""
    found: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def _outcomes(lines: list[bytes], nonce: str) -> str | None:
    """Return the outcomes of the one closing line, or None when the lines are anything else.

    A closing line counts though the clock ran out: the runner wrote it before it was ended, and it was this process
    that stood still.
    """
    try:
        said = json.loads(lines[0]) if lines else None
    except ValueError:
        return None
    if lines[1:] != [b""] or not isinstance(said, dict) or said.keys() != {"nonce", "outcomes"}:
        return None
    if said["nonce"] != nonce or not isinstance(said["outcomes"], str):
        return None
    return str(said["outcomes"])


async def check(task: Task, outputs: Mapping[str, str]) -> Verdict:
    """Grade `outputs[path]` by the tests of `task`. The value is 1 when every test passes, else 0."""
    data = task.grader.data
    try:
        tests = [Item(test["test"], test["source"]) for test in data["tests"]]
        ids = [str(test["id"]) for test in data["tests"]]
        canaries = _draw(tests, data["wrong"], data["canaries"])
        names = {key: str(data[key]) for key in ("package", "module", "function")}
        path, timeout_s, key = str(data["path"]), float(data["timeout_s"]), task.mounts["/pkg"]
    except (KeyError, IndexError, TypeError, ValueError, SyntaxError) as error:
        return Verdict.invalid(Reason.BAD_TASK, f"grader data of {task.id}: {type(error).__name__}: {error}")
    if not tests:
        return Verdict.invalid(Reason.BAD_TASK, f"grader data of {task.id} has no tests")
    text = outputs.get(path, "").removeprefix("\ufeff")
    refused = _refuse(text if path in outputs else None, path)
    if refused is not None:
        return refused
    items = [*((i, item) for i, item in enumerate(tests)), *((-1, item) for _, item in canaries)]
    random.SystemRandom().shuffle(items)
    try:
        lib = trees.tree(key) / "lib"
        seen = await observe(lib, names, text, [item for _, item in items], timeout_s=timeout_s)
    except MachineryError as error:
        return Verdict.invalid(Reason.MACHINERY, str(error))
    if seen.reason is Reason.MACHINERY:
        return Verdict.invalid(Reason.MACHINERY, seen.detail)
    if seen.reason is not None:
        return Verdict.score(0.0, seen.reason, detail=seen.detail)
    words = {id(item): word for (_, item), word in zip(items, seen.words, strict=True)}
    return _decide(ids, [words[id(i)] for i in tests], [(twin, words[id(i)]) for twin, i in canaries])


def _draw(tests: list[Item], wrong: list[Any], count: int) -> list[tuple[int, Item]]:
    """Return `count` canaries, each with the number of the test that it is the twin of."""
    drawn = random.SystemRandom().sample(wrong, min(int(count), len(wrong)))
    return [(i, Item(tests[i].test, with_wrong_value(tests[i].source, c, value))) for i, c, value in drawn]


def _refuse(text: str | None, path: str) -> Verdict | None:
    """Return the verdict on a text that need not run, or None."""
    if text is None:
        return Verdict.score(0.0, Reason.MISSING_OUTPUT, detail=f"{path} is not there")
    if len(text) > _LONGEST_TEXT:
        return Verdict.score(0.0, Reason.MALFORMED, detail=f"{path} has more than {_LONGEST_TEXT} characters")
    try:
        fault = inside.shape_error(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Verdict.score(0.0, Reason.CRASHED, detail=f"{path} does not parse: {error}")
    return Verdict.score(0.0, Reason.MALFORMED, detail=f"{path}: {fault}") if fault else None


def _decide(ids: list[str], words: list[str], canaries: list[tuple[int, str]]) -> Verdict:
    """Return the verdict on one word per test, and one per canary with the number of its twin."""
    checks = tuple(
        Check(name=name, passed=word == inside.PASSED, evidence=_WORDS[word])
        for name, word in zip(ids, words, strict=True)
    )
    all_words = [*words, *(word for _, word in canaries)]
    for twin, word in canaries:
        if word == inside.PASSED == words[twin]:
            return Verdict.score(0.0, Reason.CHEATED, checks, "a test passed as it is and with a wrong expected value")
    if inside.DIED in all_words:
        return Verdict.score(0.0, Reason.CRASHED, checks, "a test's process ended without an outcome")
    if inside.MALFORMED in all_words:
        return Verdict.score(0.0, Reason.MALFORMED, checks, "a test's process gave a malformed report")
    if all(word == inside.PASSED for word in words):
        if all(word in (inside.FAILED, inside.ERROR) for _, word in canaries):
            return Verdict.score(1.0, Reason.PASSED, checks)
        return Verdict.score(0.0, Reason.MALFORMED, checks, "a must-fail canary neither failed nor raised")
    if inside.NO_ENTRY in words:
        return Verdict.score(0.0, Reason.NO_ENTRY, checks, "the function is not defined")
    if inside.BROKEN in words:
        return Verdict.score(0.0, Reason.CRASHED, checks, "mod.py raised when it ran")
    failed = sum(word != inside.PASSED for word in words)
    return Verdict.score(0.0, Reason.WRONG, checks, f"{failed} of {len(words)} tests did not pass")
