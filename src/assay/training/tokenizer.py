"""Train a byte-level BPE tokenizer on a corpus, with the chat and protocol tokens that every twin shares."""

from collections.abc import Iterable

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from assay.models.chat import CHAT_TOKENS

# Written the same into every twin's tokenizer: what the protocol repeats in each turn, and Python's indentation.
# They carry no knowledge of one age or the other, and halve the length of a trajectory.
PROTOCOL_TOKENS = ("```bash\n", "\n```", "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT", "    ")


def train_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """Return a tokenizer of exactly `size` ids (all added tokens counted) trained on `texts`.

    Digits stand alone, so that numbers are copied digit by digit; no text is unknown (256 bytes are in).
    Raises ValueError when the text is too small to give `size` ids.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(PROTOCOL_TOKENS),
        special_tokens=list(CHAT_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in PROTOCOL_TOKENS])
    if tokenizer.get_vocab_size() != size:
        raise ValueError(f"the text gave {tokenizer.get_vocab_size()} ids, {size} were asked for")
    return tokenizer
