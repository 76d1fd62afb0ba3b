"""A Python function called inside a sandbox: its source and JSON go in, JSON comes back behind a nonce.

The answer is parsed as data and nothing in it is run. Code that shares the function's process can read the nonce
and forge the answer: a grader does not ask the candidate's process for its verdict.
"""

import ast
import builtins
import functools
import inspect
import json
import secrets
import symtable
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from assay.errors import UserError
from assay.sandbox import layout

_PYTHON = f"{layout.TOOLS}/python"
_SHOWN = 2000  # characters of stderr in an error
# Runs as `python -I -S -c`, so that nothing of the workspace is imported before it. It greets with a line end, and
# keeps the channel apart from the function's own stdout, which becomes stderr.
_RUNNER = """
import json, os, sys
def plain(value, depth=0):
    if depth > 200:
        raise ValueError("the result is nested over 200 deep")
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                raise TypeError(f"the result holds the dict key {key!r}, which is no str")
            plain(value[key], depth + 1)
    elif type(value) in (list, tuple):
        for item in value:
            plain(item, depth + 1)
    elif value is not None and type(value) not in (bool, int, float, str):
        raise TypeError(f"the result holds a {type(value).__name__}, which JSON cannot say")
    return value
def words(error):
    import traceback
    try:
        message = str(error)
    except BaseException:
        message = ""
    lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-20)
    return {"error": type(error).__name__, "message": message[:10000], "traceback": "".join(lines)[-10000:]}
def main():
    request = json.loads(sys.stdin.buffer.read())
    channel = os.dup(1)
    os.dup2(2, 1)
    os.write(channel, b"\\n")
    sys.path.insert(0, os.getcwd())
    space = {"__name__": request["module"]}
    try:
        exec(compile(request["source"], request["name"] + ".py", "exec"), space)
        text = json.dumps({"value": plain(space[request["name"]](*request["args"]))}, allow_nan=False)
    except BaseException as error:
        text = json.dumps(words(error))
    data = memoryview((request["nonce"] + text + "\\n").encode())
    try:
        sys.stdout.flush()
    except BaseException:
        pass
    while data:
        data = data[os.write(channel, data):]
    os._exit(0)
main()
"""


class CallError(Exception):
    """What a function called in a sandbox did instead of returning; neither the user's fault nor the machinery's.

    `kind` is the name of the exception's type, or "" when it ended without an answer; `traceback` and `stderr` are
    text that untrusted code wrote.
    """

    def __init__(self, message: str, *, kind: str = "", traceback: str = "", stderr: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.traceback = traceback
        self.stderr = stderr


class CallTimeout(CallError, TimeoutError):
    """The function was not done when its time was up."""


class Call:
    """One call: `argv` and `request` (stdin) for the sandbox. Raises UserError when it cannot be sent."""

    argv = (_PYTHON, "-I", "-S", "-c", _RUNNER)

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._name, source = _source(function)
        self._nonce = secrets.token_hex(16)
        self.request = json.dumps(
            {
                "module": function.__module__,
                "name": self._name,
                "source": source,
                "args": _plain(args, self._name),
                "nonce": self._nonce,
            }
        ).encode()

    def result(self, stdout: bytes, stderr: bytes, returncode: int | None, *, truncated: bool) -> Any:
        """Return what the function returned, or raise the CallError that says what it did instead."""
        said = stderr.decode("utf-8", "replace")
        if returncode is None:
            raise CallTimeout(f"{self._name} was not done in its time", stderr=said)
        start = b"\n" + self._nonce.encode()
        if returncode or not stdout.startswith(start) or stdout.count(b"\n") != 2 or not stdout.endswith(b"\n"):
            why = "its answer was too long" if truncated else f"it ended with return code {returncode}"
            raise CallError(f"{self._name} gave no answer: {why}: {said[-_SHOWN:].strip()}", stderr=said)
        try:
            answer = json.loads(stdout[len(start) :], parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise CallError(f"{self._name} gave an answer that cannot be read: {error}", stderr=said) from None
        if isinstance(answer, dict) and set(answer) == {"value"}:
            return answer["value"]
        if isinstance(answer, dict) and set(answer) == {"error", "message", "traceback"}:
            kind, message, traceback = (str(answer[key]) for key in ("error", "message", "traceback"))
            raise CallError(f"{self._name} raised {kind}: {message}", kind=kind, traceback=traceback, stderr=said)
        raise CallError(f"{self._name} gave an answer of another form", stderr=said)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _plain(args: tuple[Any, ...], name: str) -> list[Any]:
    """Return the arguments when JSON gives them back as they are (a tuple as a list)."""

    def check(value: Any) -> None:
        if isinstance(value, dict):
            if not all(type(key) is str for key in value):
                raise UserError(f"an argument of {name} has a dict key that is no str; JSON has none other")
            for item in value.values():
                check(item)
        elif isinstance(value, list | tuple):
            for item in value:
                check(item)

    try:
        check(args)
        return list(json.loads(json.dumps(args, allow_nan=False)))
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(f"an argument of {name} cannot be sent into the sandbox as JSON: {error}") from error


@functools.lru_cache(maxsize=256)
def _source(function: Callable[..., Any]) -> tuple[str, str]:
    """Return the name and the source of a function that stands alone. Raises UserError, saying why it does not."""
    name = getattr(function, "__qualname__", repr(function))
    if not inspect.isfunction(function) or function.__name__ == "<lambda>" or "." in name:
        raise UserError(f"{name} cannot be called in a sandbox: give a function made by def at the top of a module")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise UserError(
            f"{name} cannot be called in a sandbox: it is asynchronous or a generator; give a plain function"
        )
    if function.__closure__:
        raise UserError(f"{name} cannot be called in a sandbox: it closes over {function.__code__.co_freevars}")
    try:
        source = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError) as error:
        raise UserError(f"{name} cannot be called in a sandbox: its source is not to be had ({error})") from error
    first = tree.body[0]
    if not isinstance(first, ast.FunctionDef) or first.decorator_list:
        raise UserError(f"{name} cannot be called in a sandbox: it is decorated, or not made by def")
    unknown = sorted(set(_globals(_without_annotations(tree))) - set(dir(builtins)) - {name, "__name__"})
    if unknown:
        raise UserError(
            f"{name} cannot be called in a sandbox: it uses the global names {', '.join(unknown)}; import or define "
            "them in its body"
        )
    return name, f"from __future__ import annotations\n{source}"


def _without_annotations(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.unparse(tree)


def _globals(source: str) -> Iterator[str]:
    """Yield the names that the source takes from outside itself or makes there."""
    pending = [symtable.symtable(source, "<function>", "exec")]
    while pending:
        table = pending.pop()
        outermost = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_global() or outermost:
                yield symbol.get_name()
        pending += table.get_children()
