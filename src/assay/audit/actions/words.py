"""Commands as words: what one is, what a wrapper runs, and what one prints where that is known without running it."""

import base64
import binascii
import codecs
from dataclasses import dataclass, field

_WRAPPERS = {"sudo", "nohup", "nice", "time", "command", "exec", "stdbuf", "setsid", "builtin", "ionice", "unbuffer"}
_TAKES_VALUE = {"-u", "-n", "-g", "-i", "-o", "-e", "-k", "-s", "-P", "-I", "-L", "-d", "-a", "-c"}


@dataclass(frozen=True)
class Redirect:
    """`op` is >, >>, <, &> ...; `target` the file."""

    op: str
    target: str


@dataclass(frozen=True)
class Command:
    """One simple command. `stdin` is the text that it reads where that is known, `line` counts from 1."""

    words: tuple[str, ...]
    line: int
    redirects: tuple[Redirect, ...] = ()
    stdin: str | None = None
    stdin_line: int = 0
    assigned: dict[str, str] = field(default_factory=dict)
    background: bool = False
    piped: bool = False  # its input is another command's output
    folder: str = ""  # where `cd` had led, "" for the start

    @property
    def name(self) -> str:
        """The program's name without its folder."""
        return self.words[0].rpartition("/")[2] if self.words else ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words after the name that are no options."""
        return tuple(word for word in self.words[1:] if not word.startswith("-") or word == "-")

    @property
    def text(self) -> str:
        """The command in one line."""
        return " ".join(self.words)


def joined(folder: str, path: str) -> str:
    """Return a path as seen from where the script began."""
    path = path.removeprefix("./")
    if not folder or path.startswith(("/", "~", "$")):
        return path
    return folder if path in (".", "") else f"{folder.rstrip('/')}/{path}"


def unwrapped(words: tuple[str, ...]) -> list[str]:
    """Return the command that a wrapper (sudo, env, timeout, xargs, find -exec ...) runs, [] where it is none."""
    name = words[0].rpartition("/")[2] if words else ""
    if name == "find":
        for flag in ("-exec", "-execdir", "-ok"):
            if flag in words:
                return [word for word in words[words.index(flag) + 1 :] if word not in (";", "+", "\\;")]
        return []
    if name not in _WRAPPERS | {
        "env",
        "timeout",
        "xargs",
        "parallel",
        "watch",
        "faketime",
        "chroot",
        "unshare",
        "strace",
    }:
        return []
    rest = list(words[1:])
    while rest and (rest[0].startswith("-") or ("=" in rest[0] and name in ("env", "sudo"))):
        flag = rest.pop(0)
        if flag in _TAKES_VALUE and rest and name not in ("nohup", "command", "time", "builtin", "setsid", "exec"):
            rest.pop(0)
    if name in ("timeout", "faketime", "chroot") and rest:
        rest.pop(0)
    return rest


def output_of(command: Command | None) -> str | None:
    """Return what a command prints, where its words or its input tell without running it."""
    if command is None:
        return None
    name, words = command.name, list(command.words[1:])
    if name == "echo":
        plain = [word for word in words if word not in ("-n", "-e", "-ne", "-en", "-E")]
        text = " ".join(plain)
        return (unescaped(text) if any("e" in w for w in words if w.startswith("-") and len(w) < 4) else text) + "\n"
    if name in (":", "true", "false"):
        return ""
    if name == "printf" and words:
        text = unescaped(words[0])
        for value in words[1:]:
            text = text.replace("%s", value, 1).replace("%b", unescaped(value), 1)
        return text
    if name == "cat" and not command.arguments:
        return command.stdin
    if name == "base64" and any(word in ("-d", "-D", "--decode", "-di") for word in words):
        return _decoded(command.stdin)
    if name in ("tee", "sort", "cat") and command.stdin is not None:
        return command.stdin
    if name == "xxd" and "-r" in words and command.stdin is not None:
        try:
            return bytes.fromhex("".join(command.stdin.split())).decode("utf-8", "replace")
        except ValueError:
            return None
    if name == "rev" and command.stdin is not None:
        return "\n".join(line[::-1] for line in command.stdin.splitlines())
    return None


def _decoded(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None


def unescaped(text: str) -> str:
    try:
        return codecs.decode(text.encode("latin-1", "backslashreplace"), "unicode_escape")
    except (UnicodeDecodeError, ValueError):
        return text
