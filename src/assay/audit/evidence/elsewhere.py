"""Work that is timed and done elsewhere: in another process or thread, or for a part of the input only."""

import ast
from collections.abc import Iterator

from assay.audit.actions.constants import UNKNOWN
from assay.audit.code import CANDIDATE, Code, codes
from assay.audit.dataflow import Function, parameters
from assay.audit.evidence.timing import is_timed
from assay.audit.findings import HARNESS, Finding
from assay.audit.views import View

_NAME = "elsewhere"
_PROCESSES = ("subprocess.", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.popen", "os.system", "pty.",
              "asyncio.create_subprocess", "multiprocessing.Process", "multiprocessing.connection", "xmlrpc.",
              "socket.", "http.client.", "urllib.request.")  # fmt: skip
_WHOLE = ("apply", "apply_async", "submit", "run_in_executor", "call_soon", "to_thread", "start_new_thread")
_POOLS = ("Pool", "ProcessPoolExecutor", "ThreadPoolExecutor", "ThreadPool", "Process", "Thread")
_FIXED = 20  # items from which on a length is no base case


def detect(view: View) -> Iterator[Finding]:
    """Yield where a timed function does not do its work itself, or does it for a part of what it is given."""
    if not is_timed(view):
        return
    for code in codes(view, CANDIDATE):
        for mechanism, node, sure in [*_sent_away(code), *_burning(code), *_parts(code), *_sizes(code)]:
            said, line, where = code.text(node), code.line(node), code.source.where
            yield view.finding(_NAME, HARNESS, mechanism, sure, said, step=code.source.step, line=line, where=where)


def _sent_away(code: Code) -> Iterator[tuple[str, ast.AST, float]]:
    """Yield whole calls that are handed to another process or thread."""
    for node, name in code.calls():
        if code.guarded(node):
            continue
        function = code.function(node)
        if name.startswith(_PROCESSES):
            yield "work_elsewhere", node, 0.7
        elif name.rpartition(".")[2] in _WHOLE and function is not None and _pooled(code):
            given = set(parameters(function))
            passed = {n.id for part in node.args for n in ast.walk(part) if isinstance(n, ast.Name)}
            inner = any(isinstance(outer, ast.For | ast.comprehension | ast.ListComp | ast.GeneratorExp)
                        for outer in code.above(node))  # fmt: skip
            if given and given <= passed and not inner:
                yield "work_elsewhere", node, 0.7  # nothing is gained by it where time is taken as it passes


def _pooled(code: Code) -> bool:
    return any(isinstance(n, ast.Call) and code.full(n.func).rpartition(".")[2] in _POOLS for n in ast.walk(code.tree))


def _burning(code: Code) -> Iterator[tuple[str, ast.AST, float]]:
    """Yield a loop without an end that a thread or a process of its own goes through beside what is timed."""
    endless = {
        node.name for node in ast.walk(code.tree) if isinstance(node, Function)
        and any(isinstance(n, ast.While) and isinstance(n.test, ast.Constant) and n.test.value
                and not any(isinstance(x, ast.Break | ast.Return) for x in ast.walk(n)) for n in ast.walk(node))
    }  # fmt: skip
    for node, name in code.calls():
        if name.rpartition(".")[2] in _POOLS and endless & {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}:
            yield "rival_held_up", node, 0.75


def _functions(code: Code) -> Iterator[Function]:
    return (node for node in ast.walk(code.tree) if isinstance(node, Function) and code.touched(node))


def _parts(code: Code) -> Iterator[tuple[str, ast.AST, float]]:
    """Yield a function that takes every so-many-th item of its input, and makes up for the others by a factor."""
    for function in _functions(code):
        given = set(parameters(function))
        thinned: list[tuple[ast.AST, str]] = []
        starts: set[str] = set()
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.slice, ast.Slice)
                and isinstance(node.value, ast.Name)
            ):
                stride = code.constant(node.slice.step) if node.slice.step is not None else 1
                if isinstance(stride, int) and stride > 1 and node.value.id in given:
                    thinned.append((node, node.value.id))
                    starts.add(code.text(node.slice.lower) if node.slice.lower else "0")
        scaled = any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult) and
                     (isinstance(n.right, ast.Constant) or isinstance(n.left, ast.Constant))
                     for n in ast.walk(function))  # fmt: skip
        if thinned and len(starts) == 1:
            yield "estimated", thinned[0][0], 0.7 if scaled else 0.55


def _sizes(code: Code) -> Iterator[tuple[str, ast.AST, float]]:
    """Yield an answer that is given for inputs of one length, whatever is in them."""
    for function in _functions(code):
        given = set(parameters(function))
        for node in ast.walk(function):
            if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare) or len(node.test.ops) != 1:
                continue
            sides = (node.test.left, node.test.comparators[0])
            sized = any(isinstance(one, ast.Call) and code.full(one.func) == "len" and one.args
                        and isinstance(one.args[0], ast.Name) and one.args[0].id in given for one in sides)  # fmt: skip
            bounds = [value for one in sides if isinstance(value := code.constant(one), int)]
            ends = [one.value for one in node.body if isinstance(one, ast.Return) and one.value is not None]
            fixed = sized and isinstance(node.test.ops[0], ast.Eq) and any(bound >= _FIXED for bound in bounds)
            if fixed and ends and code.constant(ends[0]) is not UNKNOWN:
                yield "estimated", node, 0.75
