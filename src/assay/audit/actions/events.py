"""Events of a step: its shell command, the Python in it, and the tool calls of other agents' formats."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from assay.audit.actions.copies import folder_copies
from assay.audit.actions.ed import EDITORS, edited_files, program_of, runs_alone
from assay.audit.actions.inline import LANGUAGES, inline_events
from assay.audit.actions.kinds import Event, url_of
from assay.audit.actions.links import of_link
from assay.audit.actions.listing import Files, is_folder, there
from assay.audit.actions.outputs import PYTHON, kept, key_of, output_of
from assay.audit.actions.packages import CLIENTS, INSTALLERS, installs
from assay.audit.actions.python import python_events
from assay.audit.actions.sed import in_place
from assay.audit.actions.shell import followed
from assay.audit.actions.words import Command, joined
from assay.nouns import Step

__all__ = ["Event", "events_of", "shell_events"]
_READERS = {"cat", "less", "more", "head", "tail", "nl", "bat", "tac", "od", "xxd", "hexdump", "strings", "zcat", "wc"}
_READERS |= {"cut", "sort", "uniq", "diff", "cmp", "sdiff", "comm", "base64", "jq", "view", "vim", "vi", "nano", "rev"}
_READERS |= {
    "objdump",
    "readelf",
    "file",
    "gunzip",
    "zless",
    "column",
    "paste",
    "tr",
    "md5sum",
    "sha256sum",
    "fold",
    "dd",
    "sqlite3",
}
_SEARCHERS = {"grep", "egrep", "fgrep", "rg", "ag", "ack", "zgrep"}
_LISTERS = {"ls", "tree", "stat", "du", "locate", "dir"}
_FETCHERS = {"curl", "wget", "aria2c", "scp", "rsync", "ftp", "sftp", "gh", "nc", "ncat", "telnet", "socat"}
_TOOL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)
_ODD_PATH = re.compile(r"[\n()=,<>\"']|:$|\{\w")  # of a command whose quotes do not close
_NOWHERE = {"/dev/null"}
_LISTS = re.compile(r"[*?]|\[|listdir|scandir|iterdir|os\.walk")


def events_of(step: Step) -> tuple[Event, ...]:
    """Return what a step did, in order. Its command is read where it has one, else the tool calls in its reply."""
    if step.command:
        return _cached(step.command)
    return tuple(event for name, given in tool_calls(step.reply.text) for event in _tool_events(name, given))


@lru_cache(maxsize=256)
def _cached(command: str) -> tuple[Event, ...]:
    return tuple(shell_events(command))


def events_through(steps: Iterable[Step], names: tuple[str, ...] = ()) -> Iterator[tuple[Event, ...]]:
    """Yield what each step did, one tuple a step; a script that an earlier step wrote is read where a later runs it.

    `names` are the files that were there from the start, for what patterns of file names stand for.
    """
    files: dict[str, str] = {}
    for step in steps:
        if not step.command:
            events = events_of(step)
            for event in events:
                _keep(files, event, "")
            yield events
            continue
        wanted = _wanted(step.command, files)
        listed = names if _LISTS.search("\n".join([step.command, *wanted.values()])) else ()
        events, wrote = _with_files(step.command, tuple(sorted(wanted.items())), listed)
        files |= wrote
        yield events


def _wanted(command: str, files: dict[str, str]) -> dict[str, str]:
    """Return those files that a command speaks of, and those that these speak of."""
    texts, found = [command], dict[str, str]()
    while texts:
        text = texts.pop()
        for path, content in files.items():
            stem = path.rpartition("/")[2].partition(".")[0] or path
            if path not in found and stem in text:
                found[path] = content
                texts.append(content)
    return found


@lru_cache(maxsize=256)
def _with_files(
    command: str, known: tuple[tuple[str, str], ...], names: tuple[str, ...]
) -> tuple[tuple[Event, ...], dict[str, str]]:
    files = Files(known, names)
    events = tuple(shell_events(command, files=files))
    return events, {path: text for path, text in files.items() if (path, text) not in known}


def _keep(files: dict[str, str], event: Event, folder: str) -> None:
    """Note what an event writes to a file."""
    if event.verb == "write" and event.text is not None and event.path:
        path = key_of(joined(folder, event.path))
        files[path] = (kept(files, path) or "" if event.append else "") + event.text


def shell_events(script: str, line: int = 1, depth: int = 0, files: dict[str, str] | None = None) -> Iterator[Event]:
    """Yield the events of a shell script that begins on `line`. `files` takes up what is written."""
    if depth > 4:
        return
    for command in followed(script, line, {} if files is None else files):
        scripted = PYTHON.match(command.name) is not None
        redirected = {redirect.target for redirect in command.redirects}
        for event in _events(command, depth):
            if event.verb == "write" and event.text is None and event.source:
                text = _of_stream(command, event.source)
                event = replace(event, text=text, text_line=command.line) if text is not None else event
            if event.verb in ("run", "git", "fetch", "install") or not _ODD_PATH.search(event.path):
                if scripted and event.path not in redirected:
                    _keep(command.files, event, command.folder)
                yield event.at(command.folder)


def _of_stream(command: Command, path: str) -> str | None:
    """Return what is known to stand in a file or a stream that is copied."""
    if path == "/dev/null":
        return ""
    if path in ("/dev/stdin", "-", "/dev/fd/0", "/proc/self/fd/0"):
        return command.stdin
    return kept(command.files, joined(command.folder, path))


def _events(command: Command, depth: int) -> Iterator[Event]:
    name, words = command.name, command.words
    outs = [r for r in command.redirects if r.op in (">", ">>", "&>", "&>>", ">|", "1>")]
    ins = [r.target for r in command.redirects if r.op == "<"]
    quiet = any(True for _ in outs)
    source = command.text
    said = output_of(command)
    for redirect in command.redirects:
        if re.match(r"/dev/(tcp|udp)/", redirect.target):  # bash opens a connection there
            address = redirect.target.split("/", 3)[-1]
            yield Event("fetch", command.line, path=address, text=said, via=name, words=command.words)
    for redirect in outs:
        if redirect.target.startswith(("/dev/tcp/", "/dev/udp/")):
            continue
        if (
            redirect.target
            and not _ODD_PATH.search(redirect.target)
            and redirect.target not in _NOWHERE
            and not redirect.target.startswith("&")
        ):
            yield Event(
                "write", command.line, path=redirect.target, text=said, via=name, append=">>" in redirect.op,
                background=command.background, source=source, text_line=command.stdin_line or command.line,
            )  # fmt: skip
    for path in ins:
        yield Event("read", command.line, path=path, via=name, quiet=quiet)
    if PYTHON.match(name):
        yield from _python(command, depth)
    elif name == "sed" or name in LANGUAGES or (name in EDITORS and runs_alone(command)):
        yield from _edits(command, quiet)
    elif name in _READERS:
        files = [word.removeprefix("if=") for word in command.arguments if not word.startswith("of=")]
        files = [word for word in files if name != "dd" or not re.match(r"[a-z]+=", word)]
        for path in files:
            if path != "-" and not path.lstrip("+").isdigit():
                yield Event("read", command.line, path=path, via=name, quiet=quiet, words=words)
        given = next((w[3:] for w in words if w.startswith("if=")), "/dev/stdin")
        cut = any(w.startswith(("count=", "skip=", "bs=", "seek=")) for w in words)
        yield from (Event("write", command.line, path=w[3:], via=name, source="" if cut else given)
                    for w in words if w.startswith("of="))  # fmt: skip
    elif name in _SEARCHERS:
        yield from _searches(command, quiet)
    elif name == "find":
        places = []
        for word in words[1:]:
            if word.startswith(("-", "(", "!")):
                break
            places.append(word)
        for path in places or ["."]:
            yield Event("search", command.line, path=path, via=name, words=words, quiet=quiet)
        if "-delete" in words or any(w == "-exec" and words[n + 1 : n + 2] == ("rm",) for n, w in enumerate(words)):
            wanted = next((words[n + 1] for n, w in enumerate(words[:-1]) if w in ("-name", "-path", "-iname")), "")
            for path in places or ["."]:
                yield Event("delete", command.line, path=f"{path.rstrip('/')}/{wanted}".rstrip("/"), via=name)
    elif name in _LISTERS:
        for path in command.arguments or (".",):
            yield Event("list", command.line, path=path, via=name, quiet=quiet)
    else:
        yield from _changes(command)
    if not (PYTHON.match(name) and ("-c" in words or command.stdin is not None)):
        yield Event("run", command.line, path=name, words=words, background=command.background, via=name, quiet=quiet)


def _python(command: Command, depth: int) -> Iterator[Event]:
    words = command.words
    if "-c" in words and words.index("-c") + 1 < len(words):
        yield from _ran(words[words.index("-c") + 1], command, depth)
    elif "-m" in words and words.index("-m") + 1 < len(words):
        module = words[words.index("-m") + 1]
        rest = words[words.index("-m") + 2 :]
        if module == "pip":
            yield from installs(Command(("pip", *rest), command.line))
        elif (text := kept(command.files, joined(command.folder, f"{module.replace('.', '/')}.py"))) is not None:
            yield from _ran(text, command, depth)
    elif command.stdin is not None and (not command.arguments or command.arguments[0] in ("-", "/dev/stdin")):
        yield from _ran(command.stdin, command, depth, command.stdin_line or command.line)
    elif command.arguments:
        name = command.arguments[0]
        text = kept(command.files, name if name.startswith("<(") else joined(command.folder, name))
        if text is not None:
            yield from _ran(text, command, depth)


def _ran(code: str, command: Command, depth: int, line: int = 0) -> Iterator[Event]:
    """Yield what Python code does that a command runs, and what those modules do that actions wrote and it imports."""
    names = tuple(sorted(there(command.files))) if _LISTS.search(code) else ()
    yield from python_events(code, line or command.line, depth + 1, names)
    for name in set(re.findall(r"(?m)^\s*(?:import|from)\s+([\w.]+)", code)):
        text = kept(command.files, f"{name.replace('.', '/')}.py")
        if text is not None and text != code:
            yield from python_events(text, command.line, depth + 2)


def _edits(command: Command, quiet: bool) -> Iterator[Event]:
    name, words = command.name, command.words
    if name in EDITORS:
        for path in edited_files(words):
            yield Event("edit", command.line, path=path, text=program_of(words, command.stdin), via=name, words=words)
        return
    if name in LANGUAGES:
        yield from inline_events(command)
    changes = in_place(words)
    given = [w for p, w in enumerate(words[1:], 1) if not w.startswith("-") and words[p - 1] not in ("-e", "-f", "-E")]
    scripted = any(word in ("-e", "-f", "--expression") or word.startswith("-e") for word in words[1:])
    files = given if scripted else given[1:]
    program = " ".join(w for w in words[1:] if w not in files)
    for path in files:
        if changes:
            yield Event("edit", command.line, path=path, text=program, via=name, words=words)
        elif name in ("sed", "awk", "gawk", "mawk", "perl", "ruby"):
            yield Event("read", command.line, path=path, via=name, quiet=quiet, words=words)


def _searches(command: Command, quiet: bool) -> Iterator[Event]:
    given = list(command.arguments)
    if not any(word in ("-e", "-f", "--regexp") for word in command.words):
        given = given[1:]
    for path in given or ([] if command.piped else ["."]):
        yield Event("search", command.line, path=path, via=command.name, words=command.words, quiet=quiet)


def _changes(command: Command) -> Iterator[Event]:
    """Yield what the programs do that change files, fetch or speak to git."""
    name, words, given, line = command.name, command.words, command.arguments, command.line
    back = command.background
    linking = name == "cp" and any(re.match(r"^-\w*[sl]|^--(symbolic-link|link)$", word) for word in words[1:])
    if (name in ("ln", "link") or linking) and given:
        yield from _linked(command)
    elif name in ("cp", "mv", "install") and len(given) >= 2 and (inner := folder_copies(command)):
        yield from inner
    elif name in ("cp", "mv", "install") and len(given) >= 2:
        target = given[-1]
        into = target.endswith("/") or target in (".", "..") or len(given) > 2
        into = into or is_folder(joined(command.folder, target), command.files)
        for path in given[:-1]:
            yield Event("read", line, path=path, via=name, quiet=True)
            place = f"{target.rstrip('/')}/{path.rpartition('/')[2]}" if into else target
            yield Event("write", line, path=place, via=name, source=path, background=back)
            if name == "mv":
                yield Event("delete", line, path=path, via=name, source=target)
    elif name in ("rm", "unlink", "shred", "rmdir"):
        yield from (Event("delete", line, path=path, via=name) for path in given)
    elif name in ("truncate", "fallocate"):
        sized = re.search(r"(-s|--size[= ])\s*[1-9]", command.text) is not None or name == "fallocate"
        files = [path for path in given if not re.fullmatch(r"[-+<>/%]?\d+\w*", path)]
        yield from (Event("write", line, path=path, text=None if sized else "", via=name) for path in files)
    elif name == "tee":
        append = "-a" in words
        yield from (
            Event("write", line, path=path, text=command.stdin, via=name, append=append, text_line=command.stdin_line)
            for path in given
        )
    elif name == "touch":
        yield from (Event("write", line, path=path, text=None, via=name, append=True) for path in given)
    elif name in ("chmod", "chown", "chattr", "mount", "umount"):
        yield from (Event("chmod", line, path=path, via=name, words=words) for path in given[1:] or given)
    elif name == "patch" or (name == "git" and _git_verb(words) in ("apply", "am")):
        yield Event(
            "edit", line, path="", text=_patch_of(command), via="patch", words=words, text_line=command.stdin_line
        )
    elif name == "git":
        verb = _git_verb(words)
        yield Event("git", line, path=verb, words=words, quiet=_hidden(command), via=name)
        gone = [word for word in given if word not in (verb, ".")]
        if verb == "rm":
            yield from (Event("delete", line, path=path, via="git rm") for path in gone)
        elif verb == "mv" and len(gone) > 1:
            yield from _changes(replace(command, words=("mv", *gone)))
    elif name in ("rsync", "scp") and len(given) >= 2 and not any(":" in word for word in given):
        yield from _changes(replace(command, words=("cp", *given)))
    elif name in CLIENTS and CLIENTS[name] & set(words[1:4]):
        yield Event("fetch", line, path=f"{name} {' '.join(given)}", via=name, words=words)
    elif name in INSTALLERS:
        yield from installs(command)
    elif name in _FETCHERS:
        address = url_of(command.text) or next((word for word in given if "." in word or ":" in word), "")
        address = f"github.com {' '.join(given)}" if name == "gh" and given[:1] != ("auth",) else address
        yield Event("fetch", line, path=address, via=name, words=words)
    elif name in ("tar", "unzip", "zipinfo", "7z", "openssl", "gpg", "gdb", "dis", "uncompyle6", "pycdc", "decompyle3"):
        yield from (Event("read", line, path=path, via=name, words=words) for path in given)


def _patch_of(command: Command) -> str | None:
    """Return the patch that `patch` or `git apply` works with: its input, or a file that an action wrote."""
    named = [redirect.target for redirect in command.redirects if redirect.op == "<"]
    named += [word.removeprefix("--input=") for word in command.words if word.startswith("--input=")]
    named += [command.words[n + 1] for n, word in enumerate(command.words[:-1]) if word in ("-i", "--input")]
    named += [word for word in reversed(command.arguments) if word.endswith((".diff", ".patch", ".txt"))]
    texts = [kept(command.files, joined(command.folder, path)) for path in named]
    return next((text for text in texts if text is not None), command.stdin)


def _linked(command: Command) -> Iterator[Event]:
    """Yield the links that ln makes, or cp with -s or -l: the last word is the link, or the folder that they go to."""
    words, given = command.words, command.arguments
    symbolic = any(re.match(r"^-\w*s|^--symbolic", word) for word in words[1:])
    folder = next((words[n + 1] for n, w in enumerate(words[:-1]) if w in ("-t", "--target-directory")), "")
    targets = [word for word in given if word != folder] if folder else given[:-1] or given
    last = folder or (given[-1] if len(given) > 1 else ".")
    for target in targets:
        into = folder or len(targets) > 1 or last.endswith("/") or last in (".", "..")
        path = f"{last.rstrip('/')}/{target.rstrip('/').rpartition('/')[2]}" if into else last
        yield Event("link", command.line, path=path, via=command.name,
                    target=of_link(path, target) if symbolic else target)  # fmt: skip


def _hidden(command: Command) -> bool:
    """Whether a command's output goes elsewhere than to the agent."""
    return any(redirect.op in (">", ">>", "&>", ">|") for redirect in command.redirects)


def _git_verb(words: tuple[str, ...]) -> str:
    rest = list(words[1:])
    while rest and rest[0].startswith("-"):
        if rest.pop(0) in ("-C", "-c", "--git-dir", "--work-tree") and rest:
            rest.pop(0)
    return rest[0] if rest else ""


def tool_calls(text: str) -> Iterable[tuple[str, dict[str, object]]]:
    """Yield (name, arguments) of the calls written in Hermes' tags, as `assay.ledger.calls` has them."""
    for found in _TOOL.finditer(text):
        try:
            call = json.loads(found.group(1))
        except ValueError:
            continue
        if isinstance(call, dict) and isinstance(call.get("arguments"), dict):
            yield str(call.get("name") or ""), call["arguments"]


def _tool_events(name: str, given: dict[str, object]) -> Iterator[Event]:
    """Yield the events of an editor's or a shell's call, under the argument names that are in use."""

    def text(*keys: str) -> str | None:
        return next((str(given[key]) for key in keys if isinstance(given.get(key), str)), None)

    path = text("path", "file_path", "filename", "file", "target_file") or ""
    content = text("file_text", "content", "contents", "text")
    changed = text("new_str", "new_string", "replacement", "new_text", "insert_text")
    command = text("command", "cmd", "keystrokes")
    code = text("code", "script", "python")
    word = f"{name} {command or ''}".lower()
    if path and (content is not None and any(key in word for key in ("create", "write", "save", "new"))):
        yield Event("write", 1, path=path, text=content, via=name, text_line=1)
    elif path and changed is not None:
        yield Event("edit", 1, path=path, text=changed, via=name, text_line=1)
    elif path and any(key in word for key in ("delete", "remove")):
        yield Event("delete", 1, path=path, via=name)
    elif path:
        yield Event("read", 1, path=path, via=name)
    elif url := url_of(text("url", "query") or ""):
        yield Event("fetch", 1, path=url, via=name)
    elif code is not None:
        yield from python_events(code)
    elif command is not None:
        yield from shell_events(command)
