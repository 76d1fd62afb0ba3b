"""Programs of other languages in a command (perl, ruby, node, awk, php, lua): the files that they name, and how.

There is no parser behind this: what is known are the calls by which these languages open, read, write and delete.
"""

import re
from collections.abc import Iterator

from assay.audit.actions.kinds import Event, url_of
from assay.audit.actions.outputs import kept
from assay.audit.actions.words import Command, joined, unescaped

LANGUAGES = {"perl", "ruby", "node", "nodejs", "deno", "bun", "php", "lua", "awk", "gawk", "mawk", "tclsh", "Rscript"}
_INLINE = ("-e", "-E", "-r", "--eval", "-p", "--print", "eval")
_TEXT = r"""["'`]((?:[^"'`\\\n]|\\.)*)["'`]"""
_READS = re.compile(
    rf"(?:readFileSync|readFile|createReadStream|require|file_get_contents|readlines?|slurp|read_file|"
    rf"(?:File|IO|Pathname)\.(?:read|open|foreach|readlines|new|binread)|io\.(?:open|lines)|dofile|loadfile|readFileLines|"
    rf"readRDS|scan|source|file|fopen|readfile)\s*\(?\s*{_TEXT}(?!\s*,\s*[\"'][wa])"
)
_WRITES = re.compile(
    rf"(?:writeFileSync|writeFile|appendFileSync|appendFile|createWriteStream|copyFileSync|file_put_contents|"
    rf"(?:File|IO)\.(?:write|binwrite)|writeLines|saveRDS|writeTextFile(?:Sync)?)\s*\(?\s*{_TEXT}(?:\s*,\s*{_TEXT})?|"
    rf"(?:open|File\.open|File\.new|io\.open|fopen)\s*\(?\s*{_TEXT}\s*,\s*[\"'][wa]"
)
_HANDLES = re.compile(
    r"""open\s*\(?\s*(?:my\s+)?\$?\w+\s*,\s*["']\s*(\+?[<>]{0,2})\s*(?:["']\s*,\s*["'])?([^"']+)["']"""
)
_PRINTED = re.compile(r"""print[^;}\n]*?(>>?)\s*["']([^"']+)["']""")
_GONE = re.compile(rf"\b(?:unlinkSync|unlink|rmSync|rmdirSync|File\.(?:delete|unlink)|os\.remove)\s*\(?\s*{_TEXT}")


def inline_events(command: Command) -> Iterator[Event]:
    """Yield what the program in a command does to files, and what it fetches."""
    program = _program(command)
    if not program or len(program) > 100_000:
        return
    name, line = command.name, command.line
    for found in _READS.finditer(program):
        if _is_path(found.group(1)):
            yield Event("read", line, path=found.group(1), via=name, words=command.words)
    for found in _WRITES.finditer(program):
        path = found.group(1) or found.group(3)
        text = unescaped(found.group(2)) if found.group(2) is not None else None
        yield Event("write", line, path=path, text=text, via=name, append="append" in found.group(), text_line=line)
    for found in _HANDLES.finditer(program):
        writes = ">" in found.group(1)
        yield Event("write" if writes else "read", line, path=found.group(2).strip(), via=name,
                    append=found.group(1) == ">>")  # fmt: skip
    if name.endswith("awk"):
        for found in _PRINTED.finditer(program):
            yield Event("write", line, path=found.group(2), via=name, append=found.group(1) == ">>")
    for found in _GONE.finditer(program):
        yield Event("delete", line, path=found.group(1), via=name)
    if (url := url_of(program)) and re.search(r"fetch|http|Net::|LWP|curl|open-uri|urlopen|get\(", program):
        yield Event("fetch", line, path=url, via=name, words=command.words)


def _program(command: Command) -> str:
    """Return the program that a command runs: a word, a file that an action wrote, or its input."""
    words = command.words
    behind = [n + 1 for n, word in enumerate(words[:-1]) if word in _INLINE or re.fullmatch(r"-[a-zA-Z0]*[eE]", word)]
    told = [words[n] for n in behind]
    if told:
        return "\n".join(told)
    given = command.arguments
    if command.name.endswith("awk"):
        return given[0] if given else ""
    if given and (text := kept(command.files, joined(command.folder, given[0]))) is not None:
        return text
    return command.stdin or "" if not given or given[0] == "-" else ""


def _is_path(text: str) -> bool:
    """Whether a text names a file, and no module."""
    return "/" in text.strip("./") or "." in text.strip(".") or text.startswith(("/", "~"))
