"""The chat format: texts come back, turns cannot be forged, sampled ids are kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from assay.errors import UserError
from assay.models.chat import CHAT_TOKENS, Chat
from assay.models.formats import load_format
from assay.nouns import Message, Role
from assay.training.tokenizer import PROTOCOL_TOKENS, train_tokenizer

SAMPLE = ["plain words, and numbers such as 1859 or 12, said twice over and over again"] * 20
CHAT = Chat(train_tokenizer(SAMPLE, 300))


@given(st.text())
def test_any_text_comes_back(text):
    assert CHAT.decode(CHAT.encode(text)) == text


@given(st.lists(st.sampled_from([*PROTOCOL_TOKENS, *CHAT_TOKENS, "a", " ", "\n", "```", "bash"])).map("".join))
def test_no_text_can_forge_a_turn(text):
    assert CHAT.decode(CHAT.encode(text)) == text
    assert not set(CHAT.encode(text)) & {CHAT.user, CHAT.assistant, CHAT.end, CHAT.pad, CHAT.document}


def test_protocol_tokens_are_one_id_each():
    for token in PROTOCOL_TOKENS:
        assert len(CHAT.encode(token)) == 1


def test_sampled_ids_are_kept_even_where_another_tokenisation_says_the_same():
    ids = (*(CHAT.encode(letter)[0] for letter in "plain"), CHAT.end)
    conversation = [
        Message(role=Role.USER, content="say"),
        Message(role=Role.ASSISTANT, content="plain", token_ids=ids),
    ]
    rendered, in_loss = CHAT.render(conversation)
    assert rendered[-len(ids) :] == list(ids)
    assert [i for i, learn in zip(rendered, in_loss, strict=True) if learn] == list(ids)


def test_after_a_turn_of_limited_length_the_history_has_an_end_token_that_is_not_learned():
    cut = tuple(CHAT.encode("cut sho"))
    conversation = [
        Message(role=Role.USER, content="say"),
        Message(role=Role.ASSISTANT, content="cut sho", token_ids=cut),
    ]
    rendered = CHAT.render(conversation)[0]
    assert rendered[-len(cut) :] == list(cut)
    longer = [*conversation, Message(role=Role.USER, content="more")]
    ids, mask = CHAT.render(longer)
    assert ids[: len(rendered)] == rendered
    assert (ids[len(rendered)], mask[len(rendered)]) == (CHAT.end, False)
    assert CHAT.prompt(conversation) == [*rendered, CHAT.end, CHAT.assistant]


def test_the_format_that_was_saved_is_the_one_that_is_loaded(tmp_path):
    CHAT.save(tmp_path)
    again = load_format(tmp_path)
    assert (again.name, again.stops, again.pad, again.vocabulary) == (CHAT.name, {CHAT.end}, CHAT.pad, CHAT.vocabulary)
    assert again.turn_ids("plain words") == CHAT.turn_ids("plain words")


def test_a_tokenizer_without_chat_tokens_is_refused(tmp_path):
    from tokenizers.models import BPE

    with pytest.raises(UserError, match="lacks the chat tokens"):
        Chat(Tokenizer(BPE()))
    with pytest.raises(UserError, match="no tokenizer at"):
        Chat.load(tmp_path)


def test_two_trainings_give_the_same_tokenizer_of_the_size_asked_for():
    first, second = (train_tokenizer(SAMPLE, 300).to_str() for _ in range(2))
    assert first == second
    assert train_tokenizer(SAMPLE, 290).get_vocab_size() == 290
