"""A tokenizer that reads special tokens in a template's text, and none in anybody else's."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from assay.errors import MachineryError, UserError

Part = tuple[str, bool]  # a text, and whether the template wrote it
TOKENIZER_FILE = "tokenizer.json"
_KEPT = 4_000_000  # characters of texts whose ids are kept: an agent's history is read again every turn


def read_tokenizer(directory: Path) -> tuple[Tokenizer, str]:
    """Return the tokenizer in a directory's `tokenizer.json` and the text of that file. Raises UserError."""
    path = directory / TOKENIZER_FILE
    if not path.is_file():
        raise UserError(f"There is no tokenizer at {path}: name a checkpoint directory that has one.")
    try:
        text = path.read_bytes().decode()
        return Tokenizer.from_str(text), text
    except Exception as error:  # the library raises nothing narrower
        raise UserError(f"{path} is no tokenizer that can be read ({str(error)[:200]}): make it again.") from error


def write_tokenizer(directory: Path, tokenizer: Tokenizer, text: str | None) -> None:
    """Write `tokenizer.json`: the text it was read from where there is one, so that its hash stays what it was."""
    if text is None:
        tokenizer.save(str(directory / TOKENIZER_FILE))
    else:
        (directory / TOKENIZER_FILE).write_bytes(text.encode())


class Tokens:
    """A tokenizer with its control tokens: those that no text but the template's may become.

    They are the tokenizer's special tokens and `more` of its added tokens. `control` maps their texts to ids.
    """

    def __init__(self, tokenizer: Tokenizer, more: Iterable[str] = ()) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        added = tokenizer.get_added_tokens_decoder()
        named = set(more)
        self.added = {token.content: number for number, token in added.items()}
        self.control = {t.content: n for n, t in added.items() if t.special or t.content in named}
        self._ids = frozenset(self.control.values())
        self._eats_left = frozenset(n for n, token in added.items() if token.lstrip)
        self._eats_right = frozenset(n for n, token in added.items() if token.rstrip)
        longest_first = sorted(self.control, key=len, reverse=True)
        self._find = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._plain = _reading_no_control(tokenizer, frozenset(self.control))
        self._known: dict[str | tuple[Part, ...], list[int]] = {}
        self._characters = 0

    @property
    def vocabulary(self) -> int:
        """One more than the highest id."""
        return max(self.tokenizer.get_vocab().values(), default=-1) + 1

    def starts_with_control(self, text: str) -> bool:
        """Whether a text begins with a control token."""
        return self._find.match(text) is not None

    def plain(self, text: str) -> list[int]:
        """Return the ids of a text in which nothing is a control token."""
        ids = self._known.get(text)
        return list(ids) if ids is not None else self._keep(text, self._of_plain(text), len(text))

    def _of_plain(self, text: str) -> list[int]:
        ids = self._plain.encode(text, add_special_tokens=False).ids
        if not self._ids.isdisjoint(ids):
            raise MachineryError("the tokenizer made a special token of plain text")
        return ids

    def mixed(self, parts: Sequence[Part]) -> list[int]:
        """Return the ids of texts end to end, read as one: only in the template's is a control token read.

        Where no other text spells one, these are the tokenizer's own ids of the whole.
        """
        key = tuple(parts)
        ids = self._known.get(key)
        return list(ids) if ids is not None else self._keep(key, self._of_mixed(key), sum(len(t) for t, _ in key))

    def _of_mixed(self, parts: Sequence[Part]) -> list[int]:
        text = "".join(part for part, _ in parts)
        wanted = self._placed(parts)
        if [(match.start(), match.group()) for match in self._find.finditer(text)] == wanted:
            ids = self.tokenizer.encode(text, add_special_tokens=False).ids
            if sum(token in self._ids for token in ids) == len(wanted):
                return ids
        return self._apart(text, wanted)

    def _keep(self, key: str | tuple[Part, ...], ids: list[int], characters: int) -> list[int]:
        self._characters += characters
        if self._characters > _KEPT:
            self._known.clear()
            self._characters = characters
        self._known[key] = ids
        return list(ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, control tokens left out."""
        return self.tokenizer.decode([token for token in ids if token not in self._ids], skip_special_tokens=False)

    def spell(self, ids: Sequence[int]) -> str:
        """Return the text of ids, control tokens spelled out."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=False)

    def _placed(self, parts: Sequence[Part]) -> list[tuple[int, str]]:
        """Return where in the whole text the template wrote which control token."""
        placed: list[tuple[int, str]] = []
        start = 0
        for part, ours in parts:
            if ours:
                placed += [(start + match.start(), match.group()) for match in self._find.finditer(part)]
            start += len(part)
        return placed

    def _apart(self, text: str, placed: Sequence[tuple[int, str]]) -> list[int]:
        """Return the ids where the text between the template's control tokens is read as plain."""
        ids: list[int] = []
        start, strip = 0, False
        for place, token in [*placed, (len(text), "")]:
            run = text[start:place]
            number = self.control.get(token)
            run = run.lstrip() if strip else run
            run = run.rstrip() if number in self._eats_left else run
            ids += self._of_plain(run) if run else []
            if number is not None:
                ids.append(number)
            start, strip = place + len(token), number in self._eats_right
        return ids


def _reading_no_control(tokenizer: Tokenizer, control: frozenset[str]) -> Tokenizer:
    """Return a copy that reads control tokens as any other text."""
    data = json.loads(tokenizer.to_str())
    for token in data.get("added_tokens", ()):
        token["special"] = token["content"] in control
    copy = Tokenizer.from_str(json.dumps(data))
    copy.encode_special_tokens = True
    return copy
