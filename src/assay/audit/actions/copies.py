"""Copies: what cp, mv, install and rsync do with the folders that actions filled, file by file."""

from assay.audit.actions.kinds import Event
from assay.audit.actions.listing import is_folder
from assay.audit.actions.words import Command, joined


def folder_copies(command: Command) -> list[Event]:
    """Return the copies of the files that actions wrote into the folders which a command copies whole."""
    name, line, target = command.name, command.line, command.arguments[-1]
    found: list[Event] = []
    for path in command.arguments[:-1]:
        folder = joined(command.folder, path.rstrip("/").removesuffix("/."))
        held = [one for one in sorted(command.files) if one.startswith(f"{folder}/")]
        apart = path.endswith(("/", "/.")) or not is_folder(joined(command.folder, target), command.files)
        into = target.rstrip("/") if apart else f"{target.rstrip('/')}/{folder.rpartition('/')[2]}"
        for one in held:
            found.append(Event("read", line, path=one, via=name, quiet=True))
            place = f"{into}/{one[len(folder) + 1 :]}"
            found.append(Event("write", line, path=place, via=name, source=one))
        if held and name == "mv":
            found.append(Event("delete", line, path=path, via=name, source=target))
    return found
