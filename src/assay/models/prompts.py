"""How many tokens a conversation has at most, before anybody has counted it; closely, where its beginning was counted.

An agent's conversation only grows. What the endpoint counted in one turn holds for the next, and only what came after
is reckoned by its bytes: no tokenizer in use has a token shorter than a byte.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

_TEMPLATE = 256  # tokens that a chat template may write around all messages: a default system prompt, say
_A_MESSAGE = 16  # and around each
_KEPT = 8192  # conversations

Said = tuple[str, str]  # a role and a text


class Prompts:
    """The conversations that were counted, as digests; the oldest are forgotten."""

    def __init__(self) -> None:
        self._counted: OrderedDict[bytes, int] = OrderedDict()

    def most(self, messages: Sequence[Said]) -> int:
        """Return the most tokens that a conversation has for any model."""
        sizes = [_A_MESSAGE + len(text.encode("utf-8", "replace")) for _, text in messages]
        for end, digest in reversed(list(enumerate(_digests(messages), 1))):
            if digest in self._counted:
                return self._counted[digest] + sum(sizes[end:])
        return _TEMPLATE + sum(sizes)

    def counted(self, messages: Sequence[Said], tokens: int) -> None:
        """Take what an endpoint counted in a conversation; 0 says that it did not."""
        if not tokens:
            return
        *_, digest = _digests(messages)
        self._counted[digest] = tokens
        while len(self._counted) > _KEPT:
            self._counted.popitem(last=False)


def _digests(messages: Sequence[Said]) -> list[bytes]:
    """Return the digest of each beginning of a conversation."""
    state = hashlib.blake2b(digest_size=16)
    found = []
    for role, text in messages:
        data = text.encode("utf-8", "replace")
        state.update(f"{role} {len(data)}\n".encode() + data)
        found.append(state.copy().digest())
    return found
