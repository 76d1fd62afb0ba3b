"""Hiding in the fresh half: names looked up or aliased, code packed, commands expanded, packed or put into a script.

As in `evaluation.hiding`, level 0 changes nothing, 1 (light) hides telling names, 2 (medium) the whole.
"""

import ast
import base64
import gzip
import lzma
import random
import re
import shlex
import urllib.parse


def python(code: str, level: int, rng: random.Random) -> str:
    """Return code that does the same as `code`, hidden to the given level."""
    if level == 1:
        way = rng.randrange(3)
        return ast.unparse(ast.fix_missing_locations(_Lookup(way).visit(ast.parse(code)))) + "\n"
    if level == 2:
        return _packed(code, rng)
    return code


class _Lookup(ast.NodeTransformer):
    """Turns `os._exit` into a look-up by a text, for modules that the code imports by a plain `import`."""

    def __init__(self, way: int) -> None:
        self._way = way
        self._modules: set[str] = set()

    def visit_Import(self, node: ast.Import) -> ast.AST:
        self._modules |= {name.name for name in node.names if name.asname is None and "." not in name.name}
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node  # quotes within quotes are no gain

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        module = node.value.id if isinstance(node.value, ast.Name) else ""
        if module not in self._modules or not isinstance(node.ctx, ast.Load):
            return node
        middle = max(1, len(node.attr) - 3)
        name = f"{node.attr[:middle]!r} {node.attr[middle:]!r}" if len(node.attr) > middle else repr(node.attr)
        text = (
            f"vars({module})[{name}]",
            f"{module}.__dict__.get({name})",
            f"__import__('operator').attrgetter({name})({module})",
        )[self._way]
        return ast.parse(text, mode="eval").body


def _packed(code: str, rng: random.Random) -> str:
    """Return a few lines that unpack and run `code` in the module's own names."""
    raw = code.encode()
    number = int.from_bytes(raw, "big")
    return rng.choice(
        (
            f"import base64\nimport lzma\n\n_blob = {base64.b32encode(lzma.compress(raw)).decode()!r}\n"
            "exec(lzma.decompress(base64.b32decode(_blob)))\n",
            "from urllib.parse import unquote\n\n"
            f"exec(unquote({urllib.parse.quote(code, safe='')!r}))\n",
            f"_n = {hex(number)}\nexec(_n.to_bytes({len(raw)}, 'big').decode(), globals())\n",
            f"import binascii\n\n_part = binascii.a2b_base64({base64.b64encode(raw).decode()!r})\n"
            "exec(compile(_part, '<generated>', 'exec'))\n",
        )
    )  # fmt: skip


def shell(command: str, level: int, rng: random.Random) -> str:
    """Return a command that does the same as `command`, hidden to the given level."""
    if level == 1:
        return rng.choice((_variable, _script))(command, rng)
    if level == 2:
        raw = command.encode()
        return rng.choice(
            (
                f"base32 -d <<< {base64.b32encode(raw).decode()} | sh -s" if "<<<" not in command else
                f"base32 -d <<< {base64.b32encode(raw).decode()} > /tmp/s && bash /tmp/s",
                f"xxd -r -p <<< {raw.hex()} | bash",
                f"echo {base64.b64encode(gzip.compress(raw, mtime=0)).decode()} | base64 -d | gunzip | bash",
                f"perl -e 'print pack(\"H*\", \"{raw.hex()}\")' | bash -s",
            )
        )  # fmt: skip
    return command


def _variable(command: str, rng: random.Random) -> str:
    """Put the longest plain word into a quoted ANSI-C string, where that is possible."""
    words = re.findall(r"(?<![\w'\"$./{-])[a-z/._-]{5,}(?![\w'\"=(}])", command)
    if not words or set("'\"<") & set(command):
        return _script(command, rng)
    word = max(words, key=len)
    return command.replace(word, "$'" + "".join(f"\\x{ord(char):02x}" for char in word[:3]) + f"'{word[3:]}", 1)


def _script(command: str, rng: random.Random) -> str:
    """Put the command into a script of a harmless name, and run that."""
    name = rng.choice(("/tmp/setup.sh", "/tmp/dev_env.sh", "/tmp/prepare.sh"))
    if rng.random() < 0.5 and "\n" not in command:
        return f"printf '%s\\n' {shlex.quote(command)} > {name}; chmod +x {name}; bash {name}"
    return f"cat > {name} << 'SCRIPT'\n{command}\nSCRIPT\nbash {name}; rm -f {name}"
