"""What a chat template writes around the messages, found by rendering marks in the messages' place.

A template (Jinja, as Hugging Face tokenizers carry it) never sees a real text here: what it writes depends on the
roles alone, so the assistant's sampled ids can stand between its pieces as they are, and nobody's text is read as
part of the template.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from assay.errors import UserError
from assay.nouns import Role

_MARK = re.compile(r"assay(\d+)mark")
# Templates that write today's date get the day that Llama 3.2's own writes where none is known: the same
# conversation must give the same ids tomorrow.
_DATE = (
    "{%- macro strftime_now(format) -%}{{ format | replace('%d', '26') | replace('%b', 'Jul') | replace('%B', 'July')"
    " | replace('%m', '07') | replace('%Y', '2024') | replace('%y', '24') }}{%- endmacro -%}"
)
_PATTERNS = 4096  # of roles, whose pieces are kept: a large training set may have as many as it has conversations
SHOWN = 60  # characters of a template's text in an error


class TemplateRefusal(UserError):
    """The template does not render these roles, or not each message once and in order."""


class Scaffold:
    """A chat template and the special tokens it names (`bos_token` and so on); `name` is for errors."""

    def __init__(self, template: str, variables: Mapping[str, str], name: str) -> None:
        self.template = template
        self.name = name
        self._variables = dict(variables)
        self._known: dict[tuple[tuple[Role, ...], bool], tuple[str, ...]] = {}

    def pieces(self, roles: Sequence[Role], *, asks: bool) -> tuple[str, ...]:
        """Return what stands before, between and after messages of these roles: one piece more than roles.

        With `asks` the template is to end with its generation prompt. Raises TemplateRefusal.
        """
        key = (tuple(roles), asks)
        if key not in self._known:
            if len(self._known) >= _PATTERNS:
                self._known.clear()
            self._known[key] = self._pieces(*key)
        return self._known[key]

    def _pieces(self, roles: tuple[Role, ...], asks: bool, around: str = "") -> tuple[str, ...]:
        from transformers.utils.chat_template_utils import render_jinja_template

        messages = [
            {"role": role.value, "content": f"{around}assay{place}mark{around}"} for place, role in enumerate(roles)
        ]
        template = f"{_DATE}{self.template}" if "strftime_now" in self.template else self.template
        asked: dict[str, Any] = {"chat_template": template, "add_generation_prompt": asks, **self._variables}
        try:
            rendered = render_jinja_template([messages], **asked)[0]
        except Exception as error:  # a template is a program of the user's and may fail in any way
            raise TemplateRefusal(
                f"the chat template of {self.name} does not render {_told(roles)} ({shown(str(error), 200)}): "
                "give another with --template"
            ) from error
        found = _MARK.split(rendered[0])
        if [int(place) for place in found[1::2]] != list(range(len(roles))):
            raise TemplateRefusal(
                f"the chat template of {self.name} does not write each message of {_told(roles)} once and in order: "
                "give another with --template"
            )
        return tuple(found[::2])

    def trims(self, *roles: Role) -> bool:
        """Whether the template takes the white space off both ends of the first of these messages."""
        try:
            bare, padded = self._pieces(roles, True), self._pieces(roles, True, "\n\n")
        except TemplateRefusal:
            return False
        return padded[0] == bare[0] and not padded[1].startswith("\n\n" + bare[1][:1])

    def renders(self, *roles: Role) -> bool:
        """Whether the template takes a conversation of these roles that ends with its generation prompt."""
        try:
            self.pieces(roles, asks=True)
        except TemplateRefusal:
            return False
        return True


def shown(text: str, most: int = SHOWN) -> str:
    """Return a text in one short line, for an error."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}..."


def _told(roles: Sequence[Role]) -> str:
    if len(roles) > 8:
        return f"a conversation of {len(roles)} messages"
    return f"a conversation of {', '.join(roles)}" if roles else "an empty conversation"
