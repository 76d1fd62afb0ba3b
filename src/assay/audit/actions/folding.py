"""Folding: what an expression of literals comes to (joined, reversed, decoded, mapped texts), worked out and never run.

Only functions that have no effect are applied, to values of bounded size. What cannot be told is UNKNOWN.
"""

import ast
import base64
import binascii
import codecs
import json
import operator
import re
import string
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

UNKNOWN = object()
LONGEST = 200_000  # characters, bytes or items of a value
_MOST = 20_000  # rounds of one comprehension
_DEEPEST = 60
_PLAIN = (str, bytes, bytearray, int, float, bool, type(None), list, tuple, dict, set, range)
_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        ("join", "format", "replace", "strip", "lstrip", "rstrip", "upper", "lower", "title", "swapcase", "split",
         "rsplit", "splitlines", "encode", "zfill", "translate", "removeprefix", "removesuffix", "partition", "count",
         "rpartition", "find", "index", "startswith", "endswith", "capitalize", "casefold", "ljust", "rjust")
    ),
    bytes: frozenset(("decode", "hex", "join", "replace", "strip", "lstrip", "rstrip", "split", "translate", "upper")),
    dict: frozenset(("get", "values", "keys", "items")),
    list: frozenset(("index", "count", "copy")),
    int: frozenset(("to_bytes",)),
}  # fmt: skip
_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Mod: operator.mod,
    ast.BitXor: operator.xor, ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.LShift: operator.lshift,
    ast.RShift: operator.rshift, ast.FloorDiv: operator.floordiv,
}  # fmt: skip


def _inflated(raw: bytes, bits: int) -> bytes:
    return zlib.decompressobj(bits).decompress(raw, LONGEST)


def _whole(name: str) -> Callable[[Any], Any]:
    """Return a decompressor of the standard library that stops at the bound."""

    def decompressed(raw: bytes) -> bytes:
        module = __import__(name)
        kind = module.BZ2Decompressor if name == "bz2" else module.LZMADecompressor
        return kind().decompress(raw, LONGEST)

    return decompressed


def _raw(value: Any) -> bytes:
    return value.encode("latin-1", "replace") if isinstance(value, str) else bytes(value)


def _coded(value: Any, name: str = "utf-8", *rest: Any) -> Any:
    """Decode as `codecs.decode` does: rot13, hex, base64, unicode_escape, or a character set."""
    plain = str(name).lower().replace("-", "_")
    if plain in ("rot13", "rot_13"):
        return codecs.decode(value, "rot13")
    if plain in ("hex", "hex_codec", "base64", "base64_codec", "base_64", "zlib", "zlib_codec", "bz2", "quopri", "uu"):
        return codecs.decode(_raw(value), plain)[:LONGEST]
    if plain in ("unicode_escape", "raw_unicode_escape"):
        return _raw(value).decode(plain)
    return value if isinstance(value, str) else bytes(value).decode(str(name), "replace")


_CALLS: dict[str, Callable[..., Any]] = {
    "chr": chr, "ord": ord, "bytes": bytes, "bytearray": bytearray, "str": str, "int": int, "list": list,
    "tuple": tuple, "reversed": lambda x: list(reversed(x)), "sorted": sorted, "len": len, "hex": hex, "oct": oct,
    "bin": bin, "ascii": ascii, "repr": repr, "range": range, "dict": dict,
    "zip": lambda *x: list(zip(*x, strict=False)),
    "enumerate": lambda x, *start: list(enumerate(x, *start)), "iter": lambda x: x, "memoryview": bytes,
    "format": format,
    "bytes.fromhex": bytes.fromhex, "bytearray.fromhex": bytes.fromhex, "binascii.unhexlify": binascii.unhexlify,
    "binascii.a2b_hex": binascii.unhexlify, "binascii.a2b_base64": binascii.a2b_base64,
    "base64.b64decode": lambda x, *_: base64.b64decode(_raw(x)), "base64.standard_b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode, "base64.decodebytes": lambda x: base64.b64decode(_raw(x)),
    "base64.b32decode": base64.b32decode, "base64.b16decode": base64.b16decode, "base64.b85decode": base64.b85decode,
    "base64.a85decode": base64.a85decode, "codecs.decode": _coded, "codecs.encode": _coded,
    "zlib.decompress": lambda x, *_: _inflated(x, 47), "gzip.decompress": lambda x: _inflated(x, 47),
    "bz2.decompress": _whole("bz2"), "lzma.decompress": _whole("lzma"), "json.loads": json.loads,
    "ast.literal_eval": ast.literal_eval, "str.maketrans": str.maketrans, "bytes.maketrans": bytes.maketrans,
    "urllib.parse.unquote": lambda x: __import__("urllib.parse").parse.unquote(x), "html.unescape": lambda x: (
        __import__("html").unescape(x)), "str.join": lambda sep, x: sep.join(x), "operator.add": operator.add,
    "operator.concat": operator.concat,
    "bytes.decode": lambda x, *a: bytes(x).decode(*a), "str.encode": lambda x, *a: x.encode(*a), "int.from_bytes": (
        int.from_bytes), "builtins.chr": chr, "builtins.bytes": bytes, "builtins.str": str, "textwrap.dedent": (
        lambda x: __import__("textwrap").dedent(x)), "str.lower": str.lower, "str.upper": str.upper,
}  # fmt: skip
_NAMED = {
    "os.sep": "/", "os.path.sep": "/", "string.ascii_lowercase": string.ascii_lowercase,
    "string.ascii_uppercase": string.ascii_uppercase, "string.ascii_letters": string.ascii_letters,
    "string.digits": string.digits, "string.printable": string.printable, "os.linesep": "\n", "os.devnull": "/dev/null",
    "string.punctuation": string.punctuation, "os.curdir": ".", "os.pardir": "..",
}  # fmt: skip
FUNCTIONS = frozenset(_CALLS) | {"map", "filter", "functools.reduce"}


class Folder:
    """Works expressions out with what names are known to be; `full` gives the dotted name of an expression."""

    def __init__(
        self, names: Mapping[str, Any], full: Callable[[ast.AST], str], budget: list[int] | None = None
    ) -> None:
        self.names, self.full = names, full
        self.budget = budget if budget is not None else [20 * LONGEST]  # characters and items that may be made

    def value(self, node: ast.AST | None, depth: int = 0) -> Any:
        """Return the value of an expression, or UNKNOWN."""
        if node is None or depth > _DEEPEST or self.budget[0] <= 0:
            return UNKNOWN
        try:
            found = self._value(node, depth + 1)
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, SyntaxError, RecursionError):
            return UNKNOWN
        except (zlib.error, EOFError, OSError, MemoryError, AssertionError):
            return UNKNOWN
        except Exception as error:  # lzma.LZMAError is no subclass of the above
            if type(error).__name__ != "LZMAError":
                raise
            return UNKNOWN
        self.budget[0] -= len(found) if isinstance(found, str | bytes | bytearray | list) else 1
        return found if _bounded(found) and self.budget[0] > 0 else UNKNOWN

    def _value(self, node: ast.AST, depth: int) -> Any:
        def of(part: ast.AST | None) -> Any:
            found = self.value(part, depth)
            if found is UNKNOWN:
                raise ValueError("not known")
            return found

        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.names.get(node.id, UNKNOWN)
        if isinstance(node, ast.JoinedStr):
            return "".join(str(of(part)) for part in node.values)
        if isinstance(node, ast.FormattedValue):
            made = of(node.value)
            shown: dict[int, Callable[[Any], Any]] = {97: ascii, 114: repr, 115: str}
            made = shown[node.conversion](made) if node.conversion in shown else made
            return _formatted(format, made, of(node.format_spec) if node.format_spec is not None else "")
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            values: list[Any] = []
            for part in node.elts:
                values += list(of(part.value)) if isinstance(part, ast.Starred) else [of(part)]
            return values
        if isinstance(node, ast.Dict):
            return {of(key): of(value) for key, value in zip(node.keys, node.values, strict=True)}
        if isinstance(node, ast.Subscript):
            return of(node.value)[of(node.slice)]
        if isinstance(node, ast.Slice):
            return slice(*(of(part) if part is not None else None for part in (node.lower, node.upper, node.step)))
        if isinstance(node, ast.UnaryOp):
            operand = of(node.operand)
            kinds: dict[type[ast.unaryop], Callable[[Any], Any]] = {
                ast.USub: operator.neg,
                ast.Invert: operator.invert,
                ast.Not: operator.not_,
                ast.UAdd: operator.pos,
            }
            return kinds[type(node.op)](operand)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
            return self._operated(node.op, of(node.left), of(node.right))
        if isinstance(node, ast.IfExp):
            return of(node.body if of(node.test) else node.orelse)
        if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
            return [inner.value(node.elt, depth) for inner in self._rounds(node.generators, depth)]
        if isinstance(node, ast.DictComp):
            rounds = self._rounds(node.generators, depth)
            return {inner.value(node.key, depth): inner.value(node.value, depth) for inner in rounds}
        if isinstance(node, ast.Attribute):
            return _NAMED.get(self.full(node), UNKNOWN)
        if isinstance(node, ast.Call):
            return self._called(node, of, depth)
        return UNKNOWN

    def _operated(self, op: ast.operator, left: Any, right: Any) -> Any:
        if isinstance(op, ast.Mult):
            sizes = [len(x) if isinstance(x, str | bytes | list) else abs(x) for x in (left, right)]
            if sizes[0] * sizes[1] > LONGEST and not (isinstance(left, int) and isinstance(right, int)):
                return UNKNOWN
        if isinstance(op, ast.LShift) and right > 4096:
            return UNKNOWN
        if isinstance(op, ast.Mod) and isinstance(left, str | bytes):
            return _formatted(operator.mod, left, tuple(right) if isinstance(right, list) else right)
        return _OPERATIONS[type(op)](left, right)

    def _rounds(self, generators: list[ast.comprehension], depth: int) -> "Iterator[Folder]":
        if not generators:
            yield self
            return
        first, rest = generators[0], generators[1:]
        items = self.value(first.iter, depth)
        if items is UNKNOWN or len(items) > _MOST:
            raise ValueError("not known")
        for item in items:
            inner = Folder({**self.names, **_unpacked(first.target, item)}, self.full, self.budget)
            if all(inner.value(test, depth) for test in first.ifs):
                yield from inner._rounds(rest, depth)

    def _called(self, node: ast.Call, of: Callable[[ast.AST | None], Any], depth: int) -> Any:
        name = self.full(node.func)
        if any(keyword.arg is None for keyword in node.keywords):
            return UNKNOWN
        args: list[Any] = []
        if name in ("map", "filter", "functools.reduce", "reduce") and len(node.args) >= 2:
            return self._mapped(name, node, of, depth)
        if name in ("compile", "builtins.compile"):  # whatever it is called and compiled for
            return of(node.args[0] if node.args else node.keywords[0].value)
        owner = self.value(node.func.value, depth) if isinstance(node.func, ast.Attribute) else UNKNOWN
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if owner is UNKNOWN and name not in _CALLS:
            return UNKNOWN
        for part in node.args:
            args += list(of(part.value)) if isinstance(part, ast.Starred) else [of(part)]
        given = {keyword.arg: of(keyword.value) for keyword in node.keywords if keyword.arg}
        if owner is not UNKNOWN:
            kind = bytes if isinstance(owner, bytearray) else type(owner)
            if method not in _METHODS.get(kind, ()):
                return UNKNOWN
            if method == "decode" and args and str(args[0]).lower() not in ("utf-8", "utf8", "ascii", "latin-1"):
                return _coded(owner, *args)
            if any(isinstance(arg, int) and arg > LONGEST for arg in args):
                return UNKNOWN
            if method in ("replace", "translate", "join") and not _fits(owner, method, args):
                return UNKNOWN
            if method == "format" and isinstance(owner, str):
                return _formatted(owner.format, *args, **given)
            found = getattr(owner, method)(*args, **given)
            return list(found) if isinstance(owner, dict) and method != "get" else found
        if name in ("bytes", "bytearray", "range", "builtins.bytes") and any(
            isinstance(a, int) and a > LONGEST for a in args
        ):
            return UNKNOWN
        return _CALLS[name](*args, **given)

    def _mapped(self, name: str, node: ast.Call, of: Callable[[ast.AST | None], Any], depth: int) -> Any:
        function, lists = node.args[0], [list(of(part)) for part in node.args[1:]]
        if any(len(items) > _MOST for items in lists):
            return UNKNOWN

        def apply(*values: Any) -> Any:
            if isinstance(function, ast.Lambda):
                names = [argument.arg for argument in function.args.args]
                known = {**self.names, **dict(zip(names, values, strict=True))}
                return Folder(known, self.full, self.budget).value(function.body, depth)
            called = self.full(function)
            if isinstance(function, ast.Attribute) and called not in _CALLS:  # "...".__getitem__, "".join
                owner = of(function.value)
                if function.attr == "__getitem__":
                    return owner[values[0]]
                return getattr(owner, function.attr)(*values) if function.attr in _METHODS[type(owner)] else UNKNOWN
            return _CALLS[called](*values)

        if name == "map":
            return [apply(*values) for values in zip(*lists, strict=False)]
        if name == "filter":
            return [value for value in lists[0] if apply(value)]
        total = of(node.args[2]) if len(node.args) > 2 else lists[0].pop(0)
        for value in lists[0]:
            total = apply(total, value)
            if not _bounded(total):
                return UNKNOWN
        return total


def _unpacked(target: ast.AST, item: Any) -> dict[str, Any]:
    if isinstance(target, ast.Name):
        return {target.id: item}
    if isinstance(target, ast.Tuple | ast.List):
        found: dict[str, Any] = {}
        for part, value in zip(target.elts, item, strict=True):
            found |= _unpacked(part, value)
        return found
    raise ValueError("not known")


def _fits(owner: Any, method: str, args: list[Any]) -> bool:
    """Whether what a method makes has a size that is looked at."""
    if method == "join":
        items = args[0]
        return len(owner) * len(items) + sum(len(item) for item in items) <= LONGEST
    if method == "replace":
        return owner.count(args[0]) * len(args[1]) + len(owner) <= LONGEST
    values = args[0].values() if isinstance(args[0], dict) else ()
    return len(owner) * max((len(v) for v in values if isinstance(v, str)), default=1) <= LONGEST


def _formatted(made: Callable[..., Any], *args: Any, **given: Any) -> Any:
    """Apply a format whose widths are not larger than what is looked at."""
    texts = [a for a in (*args, getattr(made, "__self__", "")) if isinstance(a, str)]
    if any(
        re.search(r"\d{5,}|%[^a-z%]*\*|\{:[^}]*\{", text)
        for text in texts
        if "%" in text or "{" in text or made is format
    ):
        return UNKNOWN
    return made(*args, **given)


def _bounded(value: Any) -> bool:
    """Whether a value is plain, wholly known and of a size that is looked at."""
    if isinstance(value, slice):
        return True
    if not isinstance(value, _PLAIN):
        return False
    if isinstance(value, int):
        return value.bit_length() < 5000
    if isinstance(value, str | bytes | bytearray | list | tuple | dict | set | range) and len(value) > LONGEST:
        return False
    return not (isinstance(value, list | tuple | set) and any(item is UNKNOWN for item in value))
