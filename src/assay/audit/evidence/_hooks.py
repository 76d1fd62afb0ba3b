"""Hooks of pytest: which of them only say something, and change neither what is run nor what is reported."""

import ast
import re

from assay.audit.code import Code
from assay.audit.evidence._patches import roots

_SAYS = {
    "pytest_report_header", "pytest_addoption", "pytest_configure", "pytest_unconfigure", "pytest_sessionstart",
    "pytest_sessionfinish", "pytest_terminal_summary", "pytest_report_collectionfinish", "pytest_runtest_logstart",
    "pytest_runtest_setup", "pytest_runtest_teardown", "pytest_assertrepr_compare", "pytest_make_parametrize_id",
    "pytest_collection_modifyitems", "pytest_generate_tests", "pytest_fixture_setup", "pytest_addhooks",
}  # fmt: skip
_ANSWERS = {"pytest_report_header", "pytest_report_collectionfinish", "pytest_assertrepr_compare",
            "pytest_make_parametrize_id"}  # fmt: skip
_CALLS = re.compile(
    r"(^|\.)(print|write|write_line|line|section|sep|info|debug|warning|getLogger|format|join|split|strip|len|str|repr|"
    r"sorted|sort|get|getoption|getini|perf_counter|time|monotonic|append|items|keys|values|parametrize|addinivalue_line|"
    r"addoption|getgroup|addini|python_version|platform|uname|version|cwd|getcwd|basename|startswith|endswith|seed|"
    r"mkdir|isinstance|getattr|enumerate|zip|list|tuple|dict|set|min|max|sum|int|float|round|get_closest_marker)$"
)
_VERDICT = re.compile(r"\b(pass(ed|es)?|success\w*|ok|solved|score|reward|0 failed|verdict)\b", re.IGNORECASE)
_SLOW = re.compile(r"^pytest\.mark\.(?!skip|xfail)\w+$")


def harmless(code: Code, hook: ast.FunctionDef) -> bool:
    """Whether a hook only speaks: it changes nothing that it was given, and what it says is no verdict."""
    if hook.name not in _SAYS or hook.decorator_list:
        return False
    given = {argument.arg for argument in hook.args.args}
    for node in ast.walk(hook):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            return False
        if isinstance(node, ast.Raise | ast.Yield | ast.Global | ast.Nonlocal | ast.Delete | ast.AugAssign):
            return False
        if isinstance(node, ast.Return) and node.value is not None and hook.name not in _ANSWERS:
            return False
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _VERDICT.search(node.value):
            return False
        if isinstance(node, ast.Call) and not _speaks(code, node, given):
            return False
    return True


def _speaks(code: Code, node: ast.Call, given: set[str]) -> bool:
    name = code.full(node.func)
    last = name.rpartition(".")[2]
    if last == "add_marker":
        return bool(node.args) and _SLOW.match(code.full(node.args[0])) is not None
    if last in ("append", "sort", "extend"):
        return not roots(node.func) & given
    return _CALLS.search(name) is not None
