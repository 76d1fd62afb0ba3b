"""Inner scripts: what a command hands to a shell to run: `sh -c`, `eval`, a sourced file, an input, awk's `system`."""

import re

from assay.audit.actions.outputs import kept
from assay.audit.actions.words import Command, joined, unescaped

SHELLS = {"bash", "sh", "zsh", "dash", "ksh", "ash"}
_SYSTEM = re.compile(r"""(?:system|exec|execSync|`)\s*\(?\s*["'`]((?:[^"'`\\]|\\.)*)["'`]""")


def script_of(made: Command) -> tuple[str | None, int]:
    """Return the script that a command hands to a shell, and the line on which it begins."""
    words, name = made.words, made.name
    if name in SHELLS:
        for place, word in enumerate(words[1:], 1):
            if word.startswith("-") and not word.startswith("--") and word.endswith("c") and place + 1 < len(words):
                return words[place + 1], made.line
        files = made.arguments
        if files and files[0] not in ("-", "/dev/stdin"):
            return _content(made, files[0]), made.line
        return made.stdin, made.stdin_line or made.line
    if name == "eval" or (name == "trap" and len(words) > 2 and words[1] not in ("-", "--", "-p", "-l")):
        return words[1] if name == "trap" else " ".join(words[1:]), made.line
    if name in (".", "source") and made.arguments:
        if made.arguments[0] in ("/dev/stdin", "/proc/self/fd/0"):
            return made.stdin, made.stdin_line or made.line
        return _content(made, made.arguments[0]), made.line
    if (words and words[0].startswith(("./", "/"))) or "/" in words[0]:
        found = _content(made, words[0])
        return (None if found is not None and "python" in found[:40].partition("\n")[0] else found), made.line
    if name in ("awk", "gawk", "perl", "ruby", "node") and (ran := _SYSTEM.findall(made.text)):
        return "\n".join(unescaped(one) for one in ran), made.line
    return None, made.line


def _content(made: Command, path: str) -> str | None:
    """Return what is known to stand in a file that a command names."""
    return kept(made.files, joined(made.folder, path))
