"""What of a module stands aside: data and checks that nothing reaches when the module is asked for an answer."""

import ast
import re

from assay.audit.code import Code, program
from assay.audit.dataflow import Function
from assay.audit.views import View

_ALL = re.compile(  # ways by which code finds what it does not name
    r"\b(globals|locals|vars|getattr|eval|exec|(?<!re\.)compile|__dict__|__code__|__getattr__|__import__|inspect|gc|importlib|"
    r"sys\.modules|_getframe|f_globals|f_locals|attrgetter|__file__|co_consts|getsource|open|linecache)\b"
)


def aside(view: View, code: Code) -> set[ast.AST]:
    """Return the nodes of a module that no answer can come from, with all that stands in them.

    Those are new functions that nobody names, neither the task nor another file nor what the module does on its way to
    an answer, and the tables that only such functions read. A module that finds things without naming them has none.
    """
    if _ALL.search(code.source.text):
        return set()
    own = program(view, code)
    functions = {one.name: one for one in code.tree.body if isinstance(one, Function)}
    tables = {name: one for one in code.tree.body if _plain(code, one) for name in _table(one)}
    if len(tables) < sum(len(_table(one)) for one in code.tree.body):
        return set()  # a name that is given twice, or data that is made by a call
    told, read = _told(view, code), _words_of_code(view, code)
    kept: list[ast.AST] = [
        one
        for one in code.tree.body
        if not (isinstance(one, Function) and _free(code, one) and one.name not in told)
        and not (_table(one) and not _table(one) & read)
        and (own or not _guard(one))
    ]
    free = {id(one) for one in code.tree.body} - {id(one) for one in kept}
    reached: set[str] = set()
    while kept:
        used = {word for one in kept for word in _words(one)} - reached
        reached |= used
        found = [functions.get(name) or tables.get(name) for name in used if name in functions or name in tables]
        kept = [one for one in found if one is not None and id(one) in free]
    apart = [one for name, one in [*functions.items(), *tables.items()] if id(one) in free and name not in reached]
    return {node for one in apart for node in ast.walk(one)}


def _free(code: Code, function: "ast.FunctionDef | ast.AsyncFunctionDef") -> bool:
    """Whether a function is new and does nothing by being defined or to what stands outside it."""
    changes = any(
        isinstance(node, ast.Global | ast.Nonlocal)
        or (isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store))
        for node in ast.walk(function)
    )
    return code.new(function) and not function.decorator_list and not changes


def _table(node: ast.stmt) -> set[str]:
    """Return the names that a statement gives data that are written out: a literal, or records made of literals."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return set()
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    plain = all(isinstance(target, ast.Name) for target in targets)
    data = isinstance(node.value, ast.List | ast.Tuple | ast.Dict | ast.Set | ast.Constant)
    return {target.id for target in targets if isinstance(target, ast.Name)} if plain and data else set()


def _plain(code: Code, node: ast.stmt) -> bool:
    """Whether nothing is called to make some data but what only holds it: a container, or a class of fields."""
    holders = {
        one.name
        for one in code.tree.body
        if isinstance(one, ast.ClassDef) and all(isinstance(part, ast.AnnAssign | ast.Expr) for part in one.body)
    } | {"dict", "set", "frozenset", "list", "tuple"}
    return all(code.full(one.func) in holders for one in ast.walk(node) if isinstance(one, ast.Call))


def _guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test) and not node.orelse


def _words(node: ast.AST) -> set[str]:
    """Return every name that a node uses, as a name, an attribute or a text."""
    found: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            found.add(one.id)
        elif isinstance(one, ast.Attribute):
            found.add(one.attr)
        elif isinstance(one, ast.alias):
            found.add(one.name)
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and len(one.value) < 200:
            found |= set(re.findall(r"\w+", one.value))
    return found


def _told(view: View, code: Code) -> set[str]:
    """Return the words of the task and of all other files, by which somebody may ask for what the module has."""
    texts = [view.instruction, *view.files.values()]
    entry = view.task.grader.data.get("entry") if view.task is not None else None
    return set(re.findall(r"\w+", "\n".join(texts))) | {str(entry)} | _words_of_code(view, code)


def _words_of_code(view: View, code: Code) -> set[str]:
    """Return the words of all other code, which may take what it wants from this module."""
    texts = [text for path, text in view.files.items() if path.endswith(".py") and path != code.source.path]
    own = code.source.text.strip()  # which an action may have written under another name at first, or in parts
    texts += [one.text for one in [*view.sources, *view.written] if one.text.strip() not in own]
    return set(re.findall(r"\w+", "\n".join(texts)))
