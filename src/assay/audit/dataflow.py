"""Data flow in one function: whether what it returns depends on what it was given. Syntax only; nothing is run."""

import ast
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Flow:
    """`reads` says that a parameter is read at all, `returns` that one decides a result's value, `steers` that one
    decides which of the results is returned. `constants` counts returns of literals, `results` all returns."""

    reads: bool
    returns: bool
    steers: bool
    constants: int
    results: int

    @property
    def hard_coded(self) -> bool:
        """Whether a function that takes something gives answers into which nothing of it goes."""
        return self.results > 0 and not self.returns and not self.steers


def parameters(function: Function) -> list[str]:
    """Return the names of the parameters, `self` and `cls` left out."""
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    names += [a.arg for a in (given.vararg, given.kwarg) if a is not None]
    return [name for name in names if name not in ("self", "cls")]


def flow_of(function: Function) -> Flow:
    """Follow the parameters through assignments, calls, loops and conditions to the returns and yields.

    Over-approximates: an object that a tainted value was put into, or on which a tainted condition worked, is tainted.
    """
    given = set(parameters(function)) - _memories(function)
    tainted = set(given)
    idle = _counted(function)
    nodes = [node for node in ast.walk(function) if node not in idle]
    for _ in range(20):  # to a fixed point; loops carry values back
        size = len(tainted)
        for node in nodes:
            _spread(node, tainted)
        if len(tainted) == size:
            break
    returned = [n.value for n in nodes if isinstance(n, ast.Return | ast.Yield | ast.YieldFrom) and n.value is not None]
    reads = any(isinstance(n, ast.Name) and n.id in given and isinstance(n.ctx, ast.Load) for n in nodes)
    constants = sum(_constant(value) for value in returned)
    return Flow(
        reads=reads,
        returns=any(_names(value) & tainted for value in returned),
        steers=any(
            isinstance(n, ast.If | ast.While | ast.For | ast.IfExp | ast.Match | ast.Try)
            and _names(_condition(n)) & tainted
            and any(isinstance(inner, ast.Return | ast.Yield) for inner in ast.walk(n))
            for n in nodes
        ),
        constants=constants,
        results=len(returned),
    )


def _memories(function: Function) -> set[str]:
    """Return the parameters that are no input: callers leave them out, and the function keeps something in them."""
    args = function.args
    pairs = [*zip(reversed([*args.posonlyargs, *args.args]), reversed(args.defaults), strict=False)]
    pairs += [(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None]
    kept = {a.arg for a, d in pairs if isinstance(d, ast.List | ast.Dict | ast.Set | ast.Call)}
    return kept if len(kept) < len(parameters(function)) else set()


def _counted(function: Function) -> set[ast.AST]:
    """Return what puts something into lists of which the function knows nothing but how long they are."""
    puts: dict[str, list[ast.AST]] = {}
    used: dict[str, int] = {}
    sized: dict[str, int] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            used[node.id] = used.get(node.id, 0) + 1
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and len(node.args) == 1:
            if node.func.attr in ("append", "add", "appendleft"):
                puts.setdefault(node.func.value.id, []).append(node)
        elif isinstance(node.func, ast.Name) and node.func.id == "len" and isinstance(node.args[0], ast.Name):
            sized[node.args[0].id] = sized.get(node.args[0].id, 0) + 1
    idle = [name for name in puts if used[name] == len(puts[name]) + sized.get(name, 0) and name in sized]
    return {inner for name in idle for node in puts[name] for inner in ast.walk(node)}


def _spread(node: ast.AST, tainted: set[str]) -> None:
    if isinstance(node, ast.Assign) and _names(node.value) & tainted:
        for target in node.targets:
            tainted |= _roots(target)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
        if node.value is not None and _names(node.value) & tainted:
            tainted |= _roots(node.target)
    elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension) and _names(node.iter) & tainted:
        tainted |= _roots(node.target)
        if not isinstance(node, ast.comprehension):
            tainted |= _changed(node)
    elif isinstance(node, ast.If | ast.While) and _names(node.test) & tainted:
        tainted |= _changed(node)
    elif isinstance(node, ast.withitem) and node.optional_vars is not None and _names(node.context_expr) & tainted:
        tainted |= _roots(node.optional_vars)
    elif isinstance(node, ast.Match) and _names(node.subject) & tainted:
        tainted |= _changed(node)
        tainted |= {n.name for n in ast.walk(node) if isinstance(n, ast.MatchAs | ast.MatchStar) and n.name}
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if any(_names(argument) & tainted for argument in arguments):
            tainted |= _roots(node.func.value)  # x.append(tainted)
    elif isinstance(node, Function) and _names(node) & tainted:
        tainted.add(node.name)  # an inner function that closes over a tainted value


def _condition(node: ast.AST) -> ast.AST:
    for name in ("test", "iter", "subject"):
        if (found := getattr(node, name, None)) is not None:
            return found
    return node


def _changed(node: ast.AST) -> set[str]:
    """Return the names that are given values within a statement."""
    found: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assign):
            for target in inner.targets:
                found |= _roots(target)
        elif isinstance(inner, ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
            found |= _roots(inner.target)
        elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            found |= _roots(inner.func.value)
    return found


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _roots(target: ast.AST) -> set[str]:
    """Return the names that an assignment to `target` changes: x of x, x[i] and x.y; several of a tuple."""
    if isinstance(target, ast.Name):
        return {target.id}
    if isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
        return _roots(target.value)
    if isinstance(target, ast.Tuple | ast.List):
        return set().union(*(_roots(part) for part in target.elts)) if target.elts else set()
    return set()


def _constant(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def is_literal(node: ast.expr) -> bool:
    """Whether an expression is a literal, or a container of literals."""
    return _constant(node)
