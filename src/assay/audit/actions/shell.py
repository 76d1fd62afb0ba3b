"""Shell commands as structure: tree-sitter's bash grammar, with quotes, variables, heredocs and wrappers seen through.

Nothing is run. A word that only a run could tell (a substitution, an unset variable) keeps its text. Scripts given
to `bash -c`, `eval`, a pipe or a heredoc are read as scripts of their own, with the lines counted on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from assay.audit.actions.expansions import braced, expanded
from assay.audit.actions.inner import script_of
from assay.audit.actions.listing import Files, matched, there
from assay.audit.actions.nodes import Around, bare, parser
from assay.audit.actions.outputs import installed, kept, key_of, output_of
from assay.audit.actions.sed import edited, in_place
from assay.audit.actions.words import Command, Redirect, joined, unescaped, unwrapped

if TYPE_CHECKING:
    from tree_sitter import Node

_DEEPEST = 6  # scripts within scripts
LARGEST = 200_000  # characters of a script that is read
_GIVEN = {"HOME": "~", "TMPDIR": "/tmp"}  # variables that a shell has from the start, as far as an audit needs them
_BRACED = ("word", "concatenation", "brace_expression")


def commands_of(script: str, line: int = 1) -> list[Command]:
    """Return the simple commands of a script in their order, those inside wrappers and inner scripts in place."""
    return list(followed(script, line, {}))


def followed(script: str, line: int, files: dict[str, str]) -> Iterator[Command]:
    """Yield the commands of a script one by one; `files` is what actions wrote, and takes up what this writes."""
    try:
        yield from _Script(line, wrote=files).run(script)
    except RecursionError:  # nested beyond any use: what came before is known
        return


@dataclass
class _Script:
    """One script being read: variables and folder as far as they are known."""

    line: int
    depth: int = 0
    folder: str = ""
    variables: dict[str, str] = field(default_factory=lambda: dict(_GIVEN))
    wrote: dict[str, str] = field(default_factory=dict)  # files that actions made, to see `sh file`
    functions: dict[str, "Node"] = field(default_factory=dict)
    guesses: int = 0  # substitutions within substitutions

    def run(self, script: str) -> Iterator[Command]:
        if self.depth > _DEEPEST or not script.strip():
            return
        source = script[:LARGEST].encode("utf-8", "replace")
        tree = parser().parse(source)
        yield from self._node(tree.root_node, Around())

    def _node(self, node: "Node", around: "Around") -> Iterator[Command]:
        kind = node.type
        if kind == "command":
            yield from self._command(node, around)
        elif kind == "redirected_statement":
            yield from self._redirected(node, around)
        elif kind == "pipeline":
            yield from self._pipeline([c for c in node.named_children], around)
        elif kind == "variable_assignment":
            yield from self._assign(node)
        elif kind == "for_statement":
            yield from self._for(node, around)
        elif kind == "function_definition":
            name = node.child_by_field_name("name")
            if name is not None:
                self.functions[self._text(name)] = node.child_by_field_name("body") or node
            yield from self._children(node, around)
        elif kind == "subshell":
            inner = copied(self)
            yield from inner._children(node, around)
        elif kind in ("comment", "heredoc_body", "heredoc_start", "heredoc_end"):
            return
        else:
            yield from self._children(node, around)

    def _children(self, node: "Node", around: "Around") -> Iterator[Command]:
        for place, child in enumerate(node.children):
            if child.is_named:
                follower = node.children[place + 1] if place + 1 < len(node.children) else None
                back = around.background or (follower is not None and follower.type == "&")
                yield from self._node(child, replace(around, background=back))

    def _redirected(self, node: "Node", around: "Around") -> Iterator[Command]:
        body, redirects, stdin, stdin_line, rest = None, list(around.redirects), around.stdin, around.stdin_line, []
        for child in node.children:
            if child.type == "file_redirect":
                redirects.append(self._redirect(child))
            elif child.type == "herestring_redirect":
                stdin = self._word(child.named_children[0]) if child.named_children else ""
                stdin_line = self._line(child)
            elif child.type == "heredoc_redirect":
                for part in child.named_children:
                    if part.type == "heredoc_body":
                        stdin, stdin_line = self._spliced(part), self._line(part)
                    elif part.type == "file_redirect":
                        redirects.append(self._redirect(part))
                    elif part.type not in ("heredoc_start", "heredoc_end", "file_descriptor"):
                        rest.append(part)
            elif child.is_named and body is None:
                body = child
        mine = replace(around, redirects=tuple(redirects), stdin=stdin, stdin_line=stdin_line)
        if body is None:  # `> file` alone
            for redirect in redirects:
                yield Command((":",), self._line(node), (redirect,), folder=self.folder)
            return
        if body.type in ("list", "program") and body.named_children:  # the redirection is the last command's
            for child in body.named_children[:-1]:
                yield from self._node(child, replace(around, redirects=(), stdin=None))
            body = body.named_children[-1]
        last: Command | None = None
        for command in self._node(body, mine):
            last = command
            yield command
        said = output_of(last) if last is not None else None
        for part in rest:  # what stands behind the heredoc's mark: a pipe onwards, or && more
            piped = part.type == "pipeline"
            members = part.named_children if piped else [part]
            into = Around(stdin=said, stdin_line=self._line(node), piped=True) if piped else Around()
            yield from self._pipeline(members, into) if piped else self._node(part, into)

    def _pipeline(self, members: "list[Node]", around: "Around") -> Iterator[Command]:
        now = replace(around, redirects=())
        for place, member in enumerate(members):
            if place == len(members) - 1:
                now = replace(now, redirects=around.redirects)
            last: Command | None = None
            for command in self._node(member, now):
                last = command
                yield command
            said = output_of(last) if last is not None else None
            line = last.stdin_line or last.line if last is not None else self._line(member)
            now = Around(stdin=said, stdin_line=line, piped=True, background=around.background)

    def _assign(self, node: "Node") -> Iterator[Command]:
        name = node.child_by_field_name("name")
        value = node.child_by_field_name("value")
        if name is not None and name.text is not None:
            key = name.text.decode()
            if value is not None and value.type == "array":
                items = [self._word(child) for child in value.named_children]
                self.variables |= {f"{key}[{place}]": item for place, item in enumerate(items)}
                self.variables[f"{key}[@]"] = " ".join(items)
            else:
                said = self._word(value) if value is not None else ""
                more = b"+=" in (node.text or b"")[: len(key) + 2]
                self.variables[key] = (self.variables.get(key, "") if more else "") + said
        if value is not None:
            yield from self._inner(value)

    def _for(self, node: "Node", around: "Around") -> Iterator[Command]:
        name = node.child_by_field_name("variable")
        values: list[str] = []
        for child in node.named_children:
            if child.type == "do_group":
                if name is None or name.text is None:
                    continue
                rounds = [one for value in values for each in value.split() for one in matched(each, self._names())]
                for value in rounds if 1 < len(rounds) <= 6 and self.guesses == 0 else [" ".join(values)]:
                    self.variables[name.text.decode()] = value
                    self.guesses += 1
                    yield from self._node(child, around)
                    self.guesses -= 1
            elif child is not name and child.type != "variable_name":
                values.append(self._word(child))
                yield from self._inner(child)

    def _inner(self, node: "Node") -> Iterator[Command]:
        """Yield the commands of the substitutions within a word."""
        if node.type in ("command_substitution", "process_substitution"):
            yield from self._children(node, Around())
            return
        for child in node.named_children:
            yield from self._inner(child)

    def _command(self, node: "Node", around: "Around") -> Iterator[Command]:
        """Yield one command; where the grammar joined lines as it recovered from an error, one for each line."""
        groups: list[list[Node]] = [[]]
        for child in node.named_children:
            before = groups[-1][-1] if groups[-1] else None
            if before is not None and child.start_point.row > before.end_point.row and node.text is not None:
                gap = node.text[before.end_byte - node.start_byte : child.start_byte - node.start_byte]
                if b"\\" not in gap:
                    groups.append([])
            groups[-1].append(child)
        for place, group in enumerate(groups):
            yield from self._simple(group, around if place == 0 else Around())

    def _simple(self, nodes: "list[Node]", around: "Around") -> Iterator[Command]:
        words: list[str] = []
        assigned: dict[str, str] = {}
        redirects = list(around.redirects)
        stdin, stdin_line = around.stdin, around.stdin_line
        for child in nodes:
            if child.type == "variable_assignment":
                name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
                if name is not None and name.text is not None:
                    assigned[name.text.decode()] = self._word(value) if value is not None else ""
            elif child.type == "file_redirect":
                redirects.append(self._redirect(child))
            elif child.type == "herestring_redirect":
                stdin = self._word(child.named_children[0]) if child.named_children else ""
                stdin_line = self._line(child)
            else:
                yield from self._inner(child)
                word = self._word(child)
                words += word.split() if bare(child) else self._spread(word) if child.type in _BRACED else [word]
        if not words and not redirects:
            return
        made = Command(
            words=tuple(words) or (":",),
            line=self._line(nodes[0]),
            redirects=tuple(redirects),
            stdin=stdin,
            stdin_line=stdin_line,
            assigned=assigned,
            background=around.background,
            piped=around.piped,
            folder=self.folder,
            files=self.wrote,
        )
        yield from self._seen_through(made)

    def _seen_through(self, made: Command) -> Iterator[Command]:
        """Yield a command, and what a wrapper or a shell runs for it."""
        yield made
        name, words = made.name, made.words
        if name == "cd" and made.arguments:
            self.folder = joined(self.folder, made.arguments[0])
        elif name == "export" or name == "declare":
            for word in words[1:]:
                key, equals, value = word.partition("=")
                if equals:
                    self.variables[key] = value
        self._keep(made)
        if name == "read" and made.stdin is not None and made.arguments:
            self.variables |= dict(zip(made.arguments, made.stdin.split(), strict=False))
        elif name == "printf" and words[1:2] == ("-v",) and len(words) > 3:
            self.variables[words[2]] = output_of(replace(made, words=("printf", *words[3:]))) or ""
        elif name == "set" and "--" in words:
            self.variables |= {str(n): word for n, word in enumerate(words[words.index("--") + 1 :], 1)}
        elif name in self.functions and self.depth < _DEEPEST:
            yield from self._function(made)
        inner, line = script_of(made)
        if inner is not None:
            nested = _Script(line, self.depth + 1, self.folder, dict(self.variables), self.wrote, self.functions)
            if name in (".", "source", "eval"):
                nested.variables = self.variables
            yield from nested.run(inner)
            return
        rest = unwrapped(words)
        if rest and name == "xargs" and made.stdin is not None and len(made.stdin) < 5000:
            rest += made.stdin.split()
        if rest and self.depth < _DEEPEST:
            self.depth += 1
            yield from self._seen_through(replace(made, words=tuple(rest)))
            self.depth -= 1

    def _spread(self, word: str) -> list[str]:
        """Return the words that braces and patterns of file names stand for."""
        return [one for each in braced(word) for one in matched(each, self._names())]

    def _names(self) -> set[str]:
        """Return the files that are known to be there, as they are seen from where the script has gone."""
        names = there(self.wrote)
        if not self.folder:
            return names
        return {name.removeprefix(f"{self.folder}/") for name in names if name.startswith(f"{self.folder}/")}

    def _file(self, path: str) -> str | None:
        return kept(self.wrote, joined(self.folder, path))

    def _function(self, made: Command) -> Iterator[Command]:
        """Yield the commands of a function of the script, called with these words."""
        inner = _Script(self.line, self.depth + 2, self.folder, dict(self.variables), self.wrote, self.functions)
        inner.variables |= {str(place): word for place, word in enumerate(made.words[1:], 1)}
        inner.variables["@"] = " ".join(made.words[1:])
        yield from inner._node(self.functions[made.name], Around(stdin=made.stdin, stdin_line=made.stdin_line))

    def _keep(self, made: Command) -> None:
        """Note what a command makes of files, as far as that is known."""
        said = output_of(made) if made.redirects else None
        for redirect in made.redirects:
            if redirect.op in (">", ">>", "&>", ">|") and said is not None:
                path = key_of(joined(self.folder, redirect.target))
                self.wrote[path] = (self._file(redirect.target) or "" if redirect.op == ">>" else "") + said
            elif redirect.op in (">", "&>", ">|") and isinstance(self.wrote, Files):
                self.wrote.made.add(key_of(joined(self.folder, redirect.target)))
        given = made.arguments
        if made.name == "tee" and made.stdin is not None:
            for target in given:
                before = self._file(target) or "" if "-a" in made.words else ""
                self.wrote[key_of(joined(self.folder, target))] = before + made.stdin
        elif made.name in ("cp", "mv") and len(given) == 2 and (text := self._file(given[0])) is not None:
            target = given[1] + given[0].rpartition("/")[2] if given[1].endswith("/") else given[1]
            self.wrote[key_of(joined(self.folder, target))] = text
        elif made.name in ("sed", "perl") and in_place(made.words):
            for path in given:
                was = self._file(path)
                after = edited(made.words, was) if was is not None else None
                if after is not None:
                    self.wrote[key_of(joined(self.folder, path))] = after

    def _redirect(self, node: "Node") -> Redirect:
        op = next((child.type for child in node.children if not child.is_named), ">")
        number = next((c.text.decode() for c in node.children if c.type == "file_descriptor" and c.text), "")
        target = next((self._word(c) for c in node.named_children if c.type != "file_descriptor"), "")
        return Redirect(op if number in ("", "1", "0") else f"{number}{op}", target)

    def _line(self, node: "Node") -> int:
        return self.line + node.start_point.row

    def _text(self, node: "Node") -> str:
        return node.text.decode("utf-8", "replace") if node.text else ""

    def _word(self, node: "Node") -> str:
        """Return a word as the shell would pass it, as far as that is known."""
        kind, text = node.type, self._text(node)
        if kind == "raw_string":
            return text[1:-1]
        if kind == "ansi_c_string":
            return unescaped(text[2:-1])
        if kind in ("string", "translated_string"):
            return self._spliced(node, 1)
        if kind == "string_content":
            for escape in ('\\"', "\\$", "\\`", "\\\\"):
                text = text.replace(escape, escape[1])
            return text.replace("\\\n", "")
        if kind in ("concatenation", "command_name"):
            return "".join(self._word(child) for child in node.children)
        if kind in ("simple_expansion", "expansion"):
            return expanded(text, self.variables)
        if kind in ("command_substitution", "process_substitution"):
            return self._said(node)
        if kind == "word":
            return text.replace("\\\n", "").replace("\\", "") if "\\" in text else text
        return text

    def _spliced(self, node: "Node", edge: int = 0) -> str:
        """Return a text with what is expanded in it; `edge` is the length of the quotes around it."""
        parts, at, text = [], edge, node.text or b""
        for child in node.named_children:
            start, end = child.start_byte - node.start_byte, child.end_byte - node.start_byte
            parts += [text[at:start].decode("utf-8", "replace"), self._word(child)]
            at = end
        return "".join([*parts, text[at : len(text) - edge].decode("utf-8", "replace")])

    def _said(self, node: "Node") -> str:
        """Return what a substitution comes to where its commands tell, else its text."""
        text = self._text(node)
        if self.guesses > 1 or len(text) > 20_000:
            return text
        inner = copied(self)
        inner.wrote = Files(self.wrote, getattr(self.wrote, "names", ()))
        inner.guesses = self.guesses + 1
        found = list(inner._children(node, Around()))
        said = output_of(found[-1]) if found else None
        if said is None:
            return installed(text) or text
        if node.type == "process_substitution":
            self.wrote[key_of(text)] = said
            return text
        return said.rstrip("\n")


def copied(script: _Script) -> _Script:
    """Return a copy, as a subshell is one: its `cd` and variables end with it."""
    variables = dict(script.variables)
    return _Script(script.line, script.depth, script.folder, variables, script.wrote, script.functions, script.guesses)
