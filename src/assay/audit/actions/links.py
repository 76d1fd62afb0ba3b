"""Links: paths that a link leads elsewhere, so that whoever reads or writes through one is seen where it arrives."""

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace

from assay.audit.actions.kinds import Event

_MOST = 8  # links that lead to links
_PASSES = ("read", "search", "list", "write", "edit", "chmod")


def through(events: Iterable[Event], links: dict[str, str]) -> Iterator[Event]:
    """Yield the events with the paths that links stand for; `links` takes up those that are made.

    A link that is written over by `cp`, or deleted, is a link no more. What links there were before is not known.
    """
    for event in events:
        if event.verb == "link":
            path, target = plain(event.path), plain(event.target)
            if path and target and path != target:
                links[path] = target
            yield event
        elif event.verb == "delete" and plain(event.path) in links:
            del links[plain(event.path)]
            yield event
        elif event.verb in (*_PASSES, "delete") and links and (found := arrived(event.path, links)) != event.path:
            yield replace(event, path=found)
        else:
            yield event


def arrived(path: str, links: dict[str, str]) -> str:
    """Return where a path leads through the links that are known; the path itself where none is on its way."""
    found = plain(path)
    for _ in range(_MOST):
        for link, target in links.items():
            if found == link or found.startswith(f"{link}/"):
                found = plain(target + found[len(link) :])
                break
        else:
            break
    return path if found == plain(path) else found


def plain(path: str) -> str:
    """Return a path without `.` and `..`, as one would write it down."""
    return posixpath.normpath(path) if path.strip() else ""


def of_link(link: str, target: str) -> str:
    """Return where a symbolic link leads: a target that begins with no slash is seen from the link's own folder."""
    return target if target.startswith(("/", "~", "$")) else posixpath.join(posixpath.dirname(link), target)
