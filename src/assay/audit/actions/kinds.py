"""Event: one thing that an action does to a file, a program or a host."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from assay.audit.actions.words import joined

Verb = Literal["read", "list", "search", "write", "edit", "delete", "link", "fetch", "install", "git", "run", "chmod"]
_URL = re.compile(r"(?:https?|ftp|git|ssh)://[^\s'\"<>|;)]+|git@[\w.-]+:[\w./-]+")


@dataclass(frozen=True)
class Event:
    """What was done (`verb`), to what (`path`: a file, folder, address or package), and on which line of the action.

    `text` is what was written, None where it is not known; `source` the file or command that it came from, `target`
    what a link points to, `words` the words of a command.
    """

    verb: Verb
    line: int
    path: str = ""
    text: str | None = None
    via: str = ""
    target: str = ""
    source: str = ""
    append: bool = False
    background: bool = False
    quiet: bool = False  # its output goes nowhere, or to a file
    words: tuple[str, ...] = ()
    text_line: int = 0  # the line of the action on which `text` begins

    def at(self, folder: str) -> "Event":
        """Return the event with its paths seen from where the script began."""
        if not folder or self.verb in ("fetch", "install", "run", "git"):
            return self
        target = joined(folder, self.target) if self.verb == "link" and self.target else self.target
        return replace(self, path=joined(folder, self.path), target=target)


def url_of(text: str) -> str:
    """Return the first address in a text, or ""."""
    found = _URL.search(text)
    return found.group() if found else ""
