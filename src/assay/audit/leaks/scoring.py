"""Log-probabilities of texts under the weights of a checkpoint directory, and samples from it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import torch

from assay.errors import UserError
from assay.models.chat import DOCUMENT
from assay.models.engine import Engine
from assay.models.tokens import Tokens, read_tokenizer
from assay.models.weights import context_of, load_model, use_one_thread


class Scorer:
    """A causal model with its tokenizer; texts begin after the id that begins documents."""

    def __init__(self, directory: Path, device: str = "cpu") -> None:
        """Raises UserError where the directory is no checkpoint."""
        if device == "cpu":
            use_one_thread(0)
        self.name = directory.resolve().name
        self.model = load_model(directory, device=device).eval()
        tokenizer, _ = read_tokenizer(directory)
        self.tokens = Tokens(tokenizer)
        config = self.model.config.get_text_config()
        begin = tokenizer.token_to_id(DOCUMENT)
        begin = begin if begin is not None else config.bos_token_id
        begin = begin if begin is not None else config.eos_token_id
        if isinstance(begin, list):
            begin = begin[0]
        if begin is None or self.tokens.vocabulary > config.vocab_size:
            raise UserError(f"{directory} names no id that begins a text, or its tokenizer is another model's: mend it")
        self.begin = int(begin)
        self.context = context_of(self.model.config)

    def nats(self, before: str, text: str) -> float:
        """Return minus the log-probability of `text` after `before`, in nats; what is beyond the context is cut off."""
        head = [self.begin, *(self.tokens.plain(before) if before else [])]
        ids = [*head, *self.tokens.plain(text)]
        if len(ids) > self.context:
            raise UserError(
                f"A text of {len(ids)} ids is longer than the {self.context} that {self.name} reads: cut it"
            )
        with torch.inference_mode():
            logits_TV = self.model(input_ids=torch.tensor([ids[:-1]], device=self.model.device)).logits[0].float()
            chosen = torch.tensor(ids[1:], device=logits_TV.device)
            nats_T = torch.nn.functional.cross_entropy(logits_TV, chosen, reduction="none")
        return float(nats_T[len(head) - 1 :].double().sum())

    def samples(self, count: int, *, tokens: int, temperature: float, seed: int) -> Iterator[str]:
        """Yield `count` texts sampled from the beginning of a document; sample n has the seed `seed` + n."""
        engine = Engine(self.model, slots=min(32, count))
        most = min(tokens, engine.context - 1)

        async def all_of_them() -> list[list[int]]:
            found = await asyncio.gather(
                *(
                    engine.sample(
                        [self.begin], most=most, stops=frozenset({self.begin}), temperature=temperature, seed=seed + n
                    )
                    for n in range(count)
                )
            )
            return [sampled.ids for sampled in found]

        for ids in asyncio.run(all_of_them()):
            yield self.tokens.decode(ids)
