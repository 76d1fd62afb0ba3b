"""The completions API with token ids: we render the conversation, the server continues its ids and gives its own back.

So a turn that was sampled is read again in the next turn as the very ids that were sampled, and what is trained on
is what the sampler saw. Field names: https://platform.openai.com/docs/api-reference/completions, and vLLM's
`return_token_ids` and `stop_token_ids`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from assay.models.endpoint import Endpoint, Gathered, Malformed, numbers
from assay.nouns import Finish, Message, Reply

if TYPE_CHECKING:
    from assay.models.formats import ChatFormat

_MOST_SEED = (1 << 63) - 1
MAX_TOKENS = 1024  # of a reply, where nothing is said: the API's own default of 16 is no turn


@dataclass(frozen=True)
class CompletionsWire:
    """Token ids in and out. `context` is the most ids that the server's model holds, where the server said so."""

    endpoint: Endpoint
    format: "ChatFormat"
    context: int | None = None
    tell: Callable[[str], None] = lambda why: None

    def body(self, conversation: Sequence[Message], seed: int, without: frozenset[str]) -> dict[str, Any] | Reply:
        """Return the request, or the reply that the conversation leaves no room in the context."""
        prompt = self.format.prompt(conversation)
        most = self.endpoint.max_tokens or MAX_TOKENS
        if self.context is not None:
            most = min(most, self.context - len(prompt))
            if most < 1:
                return Reply(text="", finish=Finish.CONTEXT, prompt_tokens=len(prompt))
        asked = {
            **replace(self.endpoint, max_tokens=most).sampling(seed),
            "seed": seed & _MOST_SEED,  # whole: the servers that give ids take 64 bits
            "prompt": prompt,
            "return_token_ids": True,
            "logprobs": 1,
            "stop_token_ids": sorted(self.format.stops),
        }
        return {name: value for name, value in asked.items() if name not in without or name == "max_tokens"}

    def gathered(self, body: dict[str, Any]) -> Gathered:
        """Return what takes the answer to `body`."""
        return _GatheredIds(self, body["prompt"])


class _GatheredIds(Gathered):
    """An answer of the completions API in the making."""

    def __init__(self, wire: CompletionsWire, prompt: list[int]) -> None:
        super().__init__(wire.endpoint)
        self._wire = wire
        self._prompt = prompt

    def choice(self, choice: Any, part: str) -> bool:
        """Take a choice, whole or of a stream. Raises Malformed where the server read other ids than we sent."""
        if not isinstance(choice, dict) or not isinstance(choice.get("text"), str):
            return False
        read = choice.get("prompt_token_ids")
        if isinstance(read, list) and read and read != self._prompt:
            raise Malformed(f"the server read {len(read)} ids in place of the {len(self._prompt)} that were sent")
        self.take(choice, {"content": choice["text"]})
        return True

    def _values(self, logprobs: dict[str, Any]) -> list[float]:
        values = logprobs.get("token_logprobs")
        return numbers(values if isinstance(values, list) else ())

    def reply(self) -> Reply:
        """Return what was gathered; its text is what our own format reads in the ids, where there are ids."""
        found = super().reply()
        found = found.model_copy(update={"prompt_tokens": found.prompt_tokens or len(self._prompt)})
        if found.token_ids is None:
            return found
        if found.finish is Finish.STOP and found.token_ids[-1] not in self._wire.format.stops:
            # Without its end token the turn would run into the next one; it is written out again, not trained on.
            self._wire.tell(
                f"{self._wire.endpoint.place} leaves out the id that ended the turn: its ids are not kept "
                "(is the tokenizer that of the model?)"
            )
            return found.model_copy(update={"token_ids": None, "logprobs": None})
        text = self._wire.format.decode(found.token_ids)
        if (hidden := self._wire.endpoint.hidden(text)) != text:
            return found.model_copy(update={"text": hidden, "token_ids": None, "logprobs": None})
        return found.model_copy(update={"text": text})
