"""Commands as words: what one is, and what a wrapper runs."""

import codecs
import re
from dataclasses import dataclass, field

_WRAPPERS = {"sudo", "nohup", "nice", "time", "command", "exec", "stdbuf", "setsid", "builtin", "ionice", "unbuffer"}
_STARTERS = {"screen", "tmux", "script", "flock", "su", "runuser", "ssh", "expect", "entr", "systemd-run", "daemonize"}
_STARTERS |= {"start-stop-daemon", "setpriv", "docker", "podman", "nsenter", "proot", "prlimit", "taskset", "hyperfine"}
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
    files: dict[str, str] = field(default_factory=dict, compare=False, repr=False)  # what actions wrote until then

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
    if name in ("busybox", "toybox", "doas", "fakeroot", "catchsegv", "eatmydata", "tsp"):
        return list(words[1:])
    if name in _STARTERS:
        for place, word in enumerate(words[1:], 1):
            if re.fullmatch(r"(?:/\S*/)?(?:ba|da|z|k)?sh", word) and words[place + 1 : place + 2]:
                return list(words[place:])
        told = next((word for word in words[:0:-1] if re.search(r"[a-z]\s|[;>|]", word)), "")
        return ["sh", "-c", told] if told else []
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


def unescaped(text: str) -> str:
    """Return a text with its backslash escapes read, as printf and $'...' do."""
    text = re.sub(r"\\0([0-7]{1,3})", r"\\\1", text)
    try:
        return codecs.decode(text.encode("latin-1", "backslashreplace"), "unicode_escape")
    except (UnicodeDecodeError, ValueError):
        return text
