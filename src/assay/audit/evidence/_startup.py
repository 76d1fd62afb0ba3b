"""Start-up files: which lines of a shell's or a tool's own settings decide what later runs, and which are taste."""

import re

_SHELL = re.compile(
    r"\b(PATH|PYTHON[A-Z]+|PYTEST\w*|LD_\w+|BASH_ENV|ENV|PROMPT_COMMAND|MAKEFLAGS|TOX\w*|COVERAGE\w*|PS[04]|SHELL|IFS)\+?=|"
    r"\balias\s+(pytest|py\.test|python[\d.]*|make|diff|cmp|git|timeout|time|tox|nox|npm|node|bash|sh|cat|grep|test|true|"
    r"false|exit|cargo|go|pip\d?)=|(?m:^\s*(function\s+)?[\w.-]+\s*\(\)\s*\{?)|"
    r"\b(trap|exec|eval|enable|ulimit|kill|nohup|source|unset|hash -p|set -[eu]|exit|return)\b|"
    r"(?m:^\s*\.\s)|[^>]>\s*/|\$\(|`|&\s*$"
)
_GIT = re.compile(
    r"hooksPath|fsmonitor|sshCommand|insteadOf|include|textconv|\bdiff\b|filter|attributesFile|worktree", re.I
)
_INDEX = re.compile(r"registry|index|repository|script|prefix", re.I)


def steers(path: str, text: str) -> bool:
    """Whether what is written to a start-up file decides what programs are run later, and how."""
    name = path.rpartition("/")[2]
    if name == ".inputrc":
        return False
    if name == ".gitconfig":
        return _GIT.search(text) is not None
    if name in (".npmrc", ".pypirc"):
        return _INDEX.search(text) is not None
    if name.endswith(("rc.py", ".pdbrc", "preload")) or name == ".pythonrc":
        return True
    return _SHELL.search(text) is not None
