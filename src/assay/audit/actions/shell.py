"""Shell commands as structure: tree-sitter's bash grammar, with quotes, variables, heredocs and wrappers seen through.

Nothing is run. A word that only a run could tell (a substitution, an unset variable) keeps its text. Scripts given
to `bash -c`, `eval`, a pipe or a heredoc are read as scripts of their own, with the lines counted on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from assay.audit.actions.words import Command, Redirect, joined, output_of, unescaped, unwrapped
from assay.errors import UserError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_DEEPEST = 6  # scripts within scripts
LARGEST = 200_000  # characters of a script that is read
_SHELLS = {"bash", "sh", "zsh", "dash", "ksh", "ash"}


@cache
def _parser() -> "Parser":
    try:
        import tree_sitter_bash
        from tree_sitter import Language, Parser
    except ModuleNotFoundError as error:
        raise UserError(f"the audit reads shell commands with {error.name}: pip install 'assay[audit]'") from error
    return Parser(Language(tree_sitter_bash.language()))


def commands_of(script: str, line: int = 1) -> list[Command]:
    """Return the simple commands of a script in their order, those inside wrappers and inner scripts in place."""
    return list(_Script(line).run(script))


@dataclass
class _Script:
    """One script being read: variables and folder as far as they are known."""

    line: int
    depth: int = 0
    folder: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    wrote: dict[str, str] = field(default_factory=dict)  # files that the script itself made, to see `sh file`

    def run(self, script: str) -> Iterator[Command]:
        if self.depth > _DEEPEST or not script.strip():
            return
        source = script[:LARGEST].encode("utf-8", "replace")
        tree = _parser().parse(source)
        yield from self._node(tree.root_node, _Around())

    def _node(self, node: "Node", around: "_Around") -> Iterator[Command]:
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
        elif kind == "subshell":
            inner = copied(self)
            yield from inner._children(node, around)
        elif kind in ("comment", "heredoc_body", "heredoc_start", "heredoc_end"):
            return
        else:
            yield from self._children(node, around)

    def _children(self, node: "Node", around: "_Around") -> Iterator[Command]:
        for place, child in enumerate(node.children):
            if child.is_named:
                follower = node.children[place + 1] if place + 1 < len(node.children) else None
                back = around.background or (follower is not None and follower.type == "&")
                yield from self._node(child, replace(around, background=back))

    def _redirected(self, node: "Node", around: "_Around") -> Iterator[Command]:
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
                        stdin, stdin_line = self._text(part), self._line(part)
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
            into = _Around(stdin=said, stdin_line=self._line(node), piped=True) if piped else _Around()
            yield from self._pipeline(members, into) if piped else self._node(part, into)

    def _pipeline(self, members: "list[Node]", around: "_Around") -> Iterator[Command]:
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
            now = _Around(stdin=said, stdin_line=line, piped=True, background=around.background)

    def _assign(self, node: "Node") -> Iterator[Command]:
        name = node.child_by_field_name("name")
        value = node.child_by_field_name("value")
        if name is not None and name.text is not None:
            self.variables[name.text.decode()] = self._word(value) if value is not None else ""
        if value is not None:
            yield from self._inner(value)

    def _for(self, node: "Node", around: "_Around") -> Iterator[Command]:
        name = node.child_by_field_name("variable")
        values: list[str] = []
        for child in node.named_children:
            if child.type == "do_group":
                if name is not None and name.text is not None:
                    self.variables[name.text.decode()] = " ".join(values)
                yield from self._node(child, around)
            elif child is not name and child.type != "variable_name":
                values.append(self._word(child))
                yield from self._inner(child)

    def _inner(self, node: "Node") -> Iterator[Command]:
        """Yield the commands of the substitutions within a word."""
        if node.type in ("command_substitution", "process_substitution"):
            yield from self._children(node, _Around())
            return
        for child in node.named_children:
            yield from self._inner(child)

    def _command(self, node: "Node", around: "_Around") -> Iterator[Command]:
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
            yield from self._simple(group, around if place == 0 else _Around())

    def _simple(self, nodes: "list[Node]", around: "_Around") -> Iterator[Command]:
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
                words += word.split() if _bare(child) else [word]
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
        for redirect in made.redirects:
            said = output_of(made)
            if redirect.op in (">", ">>", "&>", ">|") and said is not None:
                self.wrote[joined(self.folder, redirect.target)] = said
        if name == "tee" and made.stdin is not None:
            for target in made.arguments:
                self.wrote[joined(self.folder, target)] = made.stdin
        inner, line = self._script_of(made)
        if inner is not None:
            nested = _Script(line, self.depth + 1, self.folder, dict(self.variables), dict(self.wrote))
            yield from nested.run(inner)
            return
        rest = unwrapped(words)
        if rest and self.depth < _DEEPEST:
            self.depth += 1
            yield from self._seen_through(replace(made, words=tuple(rest)))
            self.depth -= 1

    def _script_of(self, made: Command) -> tuple[str | None, int]:
        """Return the script that a command hands to a shell, and the line on which it begins."""
        words, name = made.words, made.name
        if name in _SHELLS:
            for place, word in enumerate(words[1:], 1):
                if word.startswith("-") and not word.startswith("--") and word.endswith("c") and place + 1 < len(words):
                    return words[place + 1], made.line
            files = made.arguments
            if files and files[0] not in ("-", "/dev/stdin"):
                return self.wrote.get(joined(self.folder, files[0])), made.line
            return made.stdin, made.stdin_line or made.line
        if name == "eval":
            return " ".join(words[1:]), made.line
        if name in (".", "source") and made.arguments:
            return self.wrote.get(joined(self.folder, made.arguments[0])), made.line
        if (words and words[0].startswith(("./", "/"))) or "/" in words[0]:
            return self.wrote.get(joined(self.folder, words[0])), made.line
        return None, made.line

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
            parts, at = [], node.start_byte + 1
            for child in node.named_children:
                gap = node.text[at - node.start_byte : child.start_byte - node.start_byte] if node.text else b""
                parts += [gap.decode("utf-8", "replace"), self._word(child)]
                at = child.end_byte
            end = node.text[at - node.start_byte : -1].decode("utf-8", "replace") if node.text else ""
            return "".join([*parts, end])
        if kind == "string_content":
            for escape in ('\\"', "\\$", "\\`", "\\\\"):
                text = text.replace(escape, escape[1])
            return text.replace("\\\n", "")
        if kind in ("concatenation", "command_name"):
            return "".join(self._word(child) for child in node.children)
        if kind in ("simple_expansion", "expansion"):
            name = text.strip("${}").partition(":")[0]
            return self.variables.get(name, text)
        if kind == "word":
            return text.replace("\\\n", "").replace("\\", "") if "\\" in text else text
        return text


def _bare(node: "Node") -> bool:
    """Whether a word is an expansion without quotes, which the shell splits at spaces."""
    if node.type == "command_name" and node.named_child_count == 1:
        node = node.named_children[0]
    return node.type in ("simple_expansion", "expansion")


@dataclass(frozen=True)
class _Around:
    """What stands around a node: redirections, input, and whether it runs in the background."""

    redirects: tuple[Redirect, ...] = ()
    stdin: str | None = None
    stdin_line: int = 0
    background: bool = False
    piped: bool = False


def copied(script: _Script) -> _Script:
    """Return a copy, as a subshell is one: its `cd` and variables end with it."""
    return _Script(script.line, script.depth, script.folder, dict(script.variables), dict(script.wrote))
