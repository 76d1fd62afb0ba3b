"""Outputs: what a command prints, where its words, its input or the files it reads tell, without running it."""

import ast
import base64
import binascii
import codecs
import gzip
import posixpath
import re
import string
from collections.abc import Callable, Mapping

from assay.audit.actions.constants import SITE, called, folded
from assay.audit.actions.folding import UNKNOWN
from assay.audit.actions.python import known_in, parsed
from assay.audit.actions.sed import edited, in_place
from assay.audit.actions.words import Command, unescaped

_LONGEST = 500_000  # characters of an output that is followed
PYTHON = re.compile(r"^(?:python|pypy)[\d.]*$")  # names of its interpreters
_PRINTS = re.compile(r"""print\s*\(?\s*(?:pack\s*\(?\s*["'](H\*|A\*)["']\s*,\s*)?("(?:[^"\\]|\\.)*"|'[^']*')""")


def output_of(command: Command | None) -> str | None:
    """Return what a command prints, None where that is not known."""
    if command is None:
        return None
    name = command.name
    if PYTHON.match(name):
        return _of_python(command)
    maker = _MAKERS.get(name)
    found = maker(command) if maker is not None else None
    return found if found is None or len(found) <= _LONGEST else None


def kept(files: Mapping[str, str], path: str) -> str | None:
    """Return what is known to stand in a file that an action wrote, from wherever it is named."""
    return files.get(key_of(path))


def key_of(path: str) -> str:
    """Return the one name under which a file is kept: as it is seen from the workspace, else the whole path."""
    from assay.audit.places import relative

    return relative(path) or path


def installed(text: str) -> str:
    """Return where, about, the modules lie that a program asks Python for; "" where it asks for none."""
    if re.search(r"getsitepackages|getusersitepackages|purelib|platlib|site\.__file__|USER_SITE|-m\s+site\b", text):
        return SITE
    found = re.search(r"\bimport\s+([\w.]+)", text)
    if found and re.search(r"__file__|__path__|getsourcefile|getfile", text):
        return f"{SITE}/{found.group(1).replace('.', '/')}" + ("" if "dirname" in text or "__path__" in text else ".py")
    if re.match(r"[$<(`]+\s*(?:mktemp)\b", text):
        return "/tmp/made"
    if re.match(r"[$<(`]+\s*(?:pwd|git rev-parse --show-toplevel)\b", text):
        return "."
    found = re.match(r"[$<(`]+\s*(?:which|command -v|type -p)\s+([\w.]+)", text)
    return f"/usr/bin/{found.group(1)}" if found else ""


def _input(command: Command) -> str | None:
    """Return what a filter reads: its files where they are known, else its input."""
    given = [word for word in command.arguments if word != "-"]
    texts = [kept(command.files, word) for word in given]
    if given and all(text is not None for text in texts):
        return "".join(text or "" for text in texts)
    return command.stdin


def _echo(command: Command) -> str:
    words = list(command.words[1:])
    flags = ""
    while words and re.fullmatch(r"-[neE]+", words[0]):
        flags += words.pop(0)
    text = " ".join(words)
    text = unescaped(text) if "e" in flags else text
    return text if "n" in flags else text + "\n"


def _printf(command: Command) -> str | None:
    words = list(command.words[1:])
    if words and words[0] == "--":
        words.pop(0)
    if not words:
        return None
    form, values = unescaped(words[0]), words[1:]
    marks = re.findall(r"%[-0-9.]*([sbdxocq%])", form)
    takes = sum(mark != "%" for mark in marks)
    parts = []
    for _ in range(max(1, -(-len(values) // takes) if takes else 1)):
        parts.append(re.sub(r"%[-0-9.]*([sbdxocq%])", lambda mark: _filled(mark.group(1), values), form))
        if len(parts) > 1000:
            break
    return "".join(parts)


def _filled(mark: str, values: list[str]) -> str:
    if mark == "%":
        return "%"
    value = values.pop(0) if values else ""
    try:
        number = int(value, 0) if mark in "dxo" and value else 0
    except ValueError:
        return value
    plain = {"b": unescaped(value), "c": value[:1], "d": str(number), "x": f"{number:x}", "o": f"{number:o}"}
    return plain.get(mark, value)


def _decoder(flags: tuple[str, ...], decode: Callable[[str], bytes]) -> Callable[[Command], str | None]:
    def decoded(command: Command) -> str | None:
        text = _input(command)
        if text is None or not any(word in flags for word in command.words):
            return None
        try:
            return decode(text).decode("utf-8", "surrogateescape")
        except (binascii.Error, ValueError):
            return None

    return decoded


def _padded(text: str) -> bytes:
    plain = "".join(text.split())
    return base64.b64decode(plain + "=" * (-len(plain) % 4))


def _hex(text: str) -> bytes:
    return bytes.fromhex("".join(re.sub(r"(?m)^[0-9a-f]+:|\s{2,}.*$", "", text).split()))


def _unpacked(command: Command) -> str | None:
    text = command.stdin
    if text is None:
        return None
    try:
        return gzip.decompress(text.encode("utf-8", "surrogateescape"))[:_LONGEST].decode("utf-8", "replace")
    except (OSError, EOFError, ValueError):
        return None


def _ranges(text: str) -> str:
    classes = {"[:upper:]": string.ascii_uppercase, "[:lower:]": string.ascii_lowercase, "[:digit:]": string.digits}
    for name, letters in classes.items():
        text = text.replace(name, letters)
    text = re.sub(
        r"(.)-(.)",
        lambda m: "".join(map(chr, range(ord(m.group(1)), min(ord(m.group(2)), 0x2FF) + 1))),
        text,
        flags=re.S,
    )
    return unescaped(text)


def _translated(command: Command) -> str | None:
    if command.stdin is None:
        return None
    sets = [_ranges(word) for word in command.words[1:] if not re.fullmatch(r"-[a-zA-Z]+", word)]
    if any(re.fullmatch(r"-\w*d\w*", word) for word in command.words[1:]) and sets:
        return "".join(letter for letter in command.stdin if letter not in sets[0])
    if len(sets) < 2 or not sets[1]:
        return command.stdin
    table = dict(zip(sets[0], sets[1].ljust(len(sets[0]), sets[1][-1]), strict=False))
    return "".join(table.get(letter, letter) for letter in command.stdin)


def _sed(command: Command) -> str | None:
    if in_place(command.words):
        return ""
    text = command.stdin if command.stdin is not None else kept(command.files, command.words[-1])
    return None if text is None else edited(command.words, text)


def _cut(command: Command) -> str | None:
    """Return the first or last lines, or the characters that `cut -c` takes."""
    text = _input(command)
    return text if text is not None and len(command.words) <= 3 else None


def _reversed(command: Command) -> str | None:
    text = _input(command)
    return None if text is None else "\n".join(line[::-1] for line in text.splitlines())


def _backwards(command: Command) -> str | None:
    text = _input(command)
    return None if text is None else "\n".join(reversed(text.splitlines())) + "\n"


def _of_perl(command: Command) -> str | None:
    """Return the constant that a one-line program in perl, awk or ruby prints."""
    found = _PRINTS.search(command.text)
    if found is None:
        return None
    text = unescaped(found.group(2)[1:-1]) if found.group(2)[0] == '"' else found.group(2)[1:-1]
    return bytes.fromhex(text).decode("utf-8", "replace") if found.group(1) == "H*" and re.fullmatch(
        r"(?:[0-9a-fA-F]{2})+", text) else text  # fmt: skip


def _of_python(command: Command) -> str | None:
    """Return what a program prints that does nothing but print constants."""
    words = command.words
    code = words[words.index("-c") + 1] if "-c" in words[:-1] else command.stdin if len(words) == 1 else None
    if code is None:
        files = command.arguments
        code = (command.stdin if files[:1] == ("-",) else kept(command.files, files[0])) if files else None
    found = parsed(code) if code and len(code) < 100_000 else None
    if found is None:
        return None
    imports, names = known_in(found[0])
    said = []
    for node in found[0].body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            name = called(node.value, imports)
            if name not in ("print", "sys.stdout.write", "sys.stdout.buffer.write"):
                return None
            values = [folded(value, names, imports) for value in node.value.args]
            if any(value is UNKNOWN for value in values):
                return None
            texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]
            bare = any(keyword.arg == "end" for keyword in node.value.keywords) or name != "print"
            said.append(" ".join(texts) + ("" if bare else "\n"))
        elif not isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign):
            return None
    return "".join(said)


def _counted(command: Command) -> str | None:
    """Return what seq counts."""
    given = [int(word) for word in command.arguments if re.fullmatch(r"-?\d+", word)]
    if not 1 <= len(given) <= 3 or len(given) != len(command.arguments):
        return None
    first, step, last = (given[0] if len(given) > 1 else 1), (given[1] if len(given) > 2 else 1), given[-1]
    numbers = range(first, last + (1 if step > 0 else -1), step or 1)[:5000]
    return "".join(f"{number}\n" for number in numbers)


def _basename(command: Command) -> str | None:
    given = command.arguments
    return posixpath.basename(given[0]).removesuffix(given[1] if len(given) > 1 else "") if given else None


_FLAGS64 = ("-d", "-D", "--decode", "-di", "-id", "-base64", "base64")
_MAKERS: dict[str, Callable[[Command], str | None]] = {
    "echo": _echo, "printf": _printf, "cat": _input, "tee": lambda c: c.stdin, "sort": _input, "rev": _reversed,
    "tac": _backwards, "tr": _translated, "sed": _sed, ":": lambda c: "", "true": lambda c: "", "false": lambda c: "",
    "base64": _decoder(_FLAGS64, _padded), "openssl": _decoder(_FLAGS64, _padded),
    "base32": _decoder(("-d", "--decode"), lambda t: base64.b32decode("".join(t.split()))),
    "xxd": _decoder(("-r", "-rp", "-r -p", "-pr"), _hex), "gunzip": _unpacked, "zcat": _unpacked,
    "gzip": lambda c: _unpacked(c) if any("d" in w for w in c.words[1:]) else None, "head": _cut, "tail": _cut,
    "rot13": lambda c: None if c.stdin is None else codecs.encode(c.stdin, "rot13"), "perl": _of_perl, "awk": _of_perl,
    "gawk": _of_perl, "ruby": _of_perl, "mawk": _of_perl, "fold": _input, "uniq": _input, "seq": _counted,
    "basename": _basename, "dirname": lambda c: (posixpath.dirname(c.arguments[0]) or ".") if c.arguments else None,
}  # fmt: skip
