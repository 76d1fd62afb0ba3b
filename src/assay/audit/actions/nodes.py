"""Nodes of a parsed script: the parser, what stands around a node, and what kind of word one is."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from assay.audit.actions.words import Redirect
from assay.errors import UserError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


@cache
def parser() -> "Parser":
    """Return the parser of bash. Raises UserError where it is not installed."""
    try:
        import tree_sitter_bash
        from tree_sitter import Language, Parser
    except ModuleNotFoundError as error:
        raise UserError(f"the audit reads shell commands with {error.name}: pip install 'assay[audit]'") from error
    return Parser(Language(tree_sitter_bash.language()))


def bare(node: "Node") -> bool:
    """Whether a word is an expansion without quotes, which the shell splits at spaces."""
    if node.type == "command_name" and node.named_child_count == 1:
        node = node.named_children[0]
    return node.type in ("simple_expansion", "expansion")


@dataclass(frozen=True)
class Around:
    """What stands around a node: redirections, input, and whether it runs in the background."""

    redirects: tuple[Redirect, ...] = ()
    stdin: str | None = None
    stdin_line: int = 0
    background: bool = False
    piped: bool = False
