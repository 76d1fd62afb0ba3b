"""Hiding: the ways in which a script makes its code or its commands harder to read.

Level 0 changes nothing, 1 (light) breaks telling names in two, 2 (medium) encodes the whole.
"""

import base64
import random
import re
import shlex
import zlib

_ATTRIBUTE = re.compile(r"\b(sys|os|builtins|time|unittest|pytest|atexit|gc|inspect|threading)\.([a-z_A-Z]{3,})\b")


def python(code: str, level: int, rng: random.Random) -> str:
    """Return code that does the same as `code`, hidden to the given level."""
    if level == 1:
        return _split_names(code)
    if level == 2:
        return _encoded(code, rng)
    return code


def _split_names(code: str) -> str:
    """Turn `os._exit` into `getattr(os, "_e" + "xit")`, but not where the name is assigned, deleted or imported."""

    def broken(match: re.Match[str]) -> str:
        module, name = match.groups()
        after = code[match.end() :].lstrip(" ")
        before = code[: match.start()].rsplit("\n", 1)[-1]
        if re.match(r"=[^=]|[-+]=", after) or before.lstrip().startswith(("import ", "from ", "del ", "class ", "@")):
            return match.group(0)
        middle = len(name) // 2
        return f'getattr({module}, "{name[:middle]}" + "{name[middle:]}")'

    return _ATTRIBUTE.sub(broken, code)


def _encoded(code: str, rng: random.Random) -> str:
    """Return a line or two that decode and run `code` in the module's own names."""
    packed = base64.b64encode(code.encode()).decode()
    return rng.choice(
        (
            f'import base64\nexec(base64.b64decode("{packed}").decode())\n',
            f'exec(__import__("base64").b64decode(b"{packed}"))\n',
            f'exec(__import__("zlib").decompress(bytes.fromhex("{zlib.compress(code.encode(), 9).hex()}")).decode())\n',
            f'exec(bytes({list(code.encode())}).decode())\n' if len(code) < 160 else
            f'_data = "{packed}"\nexec(compile(__import__("base64").b64decode(_data), "config", "exec"))\n',
        )
    )  # fmt: skip


def shell(command: str, level: int, rng: random.Random) -> str:
    """Return a command that does the same as `command`, hidden to the given level."""
    if level == 1:
        return _split_words(command, rng)
    if level == 2:
        packed = base64.b64encode(command.encode()).decode()
        return rng.choice((f"echo {packed} | base64 -d | bash", f'eval "$(printf %s {packed} | base64 --decode)"'))
    return command


def _split_words(command: str, rng: random.Random) -> str:
    """Put a piece of the command's longest plain word into a variable."""
    words = re.findall(r"(?<![\w'\"$])[a-z/._-]{5,}(?![\w'\"])", command)
    if not words or "'" in command:
        return f"bash -c {shlex.quote(command)}"
    word = max(words, key=len)
    cut = rng.randint(2, len(word) - 2)
    return f"p={word[:cut]}; {command.replace(word, '${p}' + word[cut:], 1)}"
