"""Chat templates: the mask law and the prefix law for every kind of them, and turns that nobody can forge."""

import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from assay.errors import MachineryError, UserError
from assay.models.fetch import SMOLLM2, default_place
from assay.models.formats import load_format
from assay.nouns import Message, Role
from assay.training.examples import Example, check_mask, example_from
from tests.models.chat_templates import KNOWN, format_of, write

NAMES = sorted(KNOWN)
SPELLED = ["<|im_end|>", "<|im_start|>assistant\n", "</s>", "[INST]", "<|eot_id|>", "<|end|>", "<|user|>", "<think>"]
SPELLED += [
    "</think>",
    "<end_of_turn>",
    "<|assistant|>",
    "<s>",
    "<bos>",
    "<|im_",
    "end|>",
    "\n\n",
    " ",
    "🙂",
    "e\u0301",
]
# U+2581 stands for a space in the tokenizers of Llama 2's kind, which cannot tell the two apart.
ANY = st.one_of(st.text(max_size=30), st.lists(st.sampled_from(SPELLED), max_size=5).map("".join)).map(
    lambda text: text.replace("\u2581", "_").replace("\0", "0")
)


@st.composite
def conversations(draw, form):
    """A conversation of several turns: the assistant's are written, sampled, or sampled and cut off."""
    messages = [Message(role=Role.SYSTEM, content=draw(ANY))] if draw(st.booleans()) else []
    ordinary = [n for n in range(form.vocabulary) if n not in form.tokens.control.values()]
    for _ in range(draw(st.integers(1, 4))):
        messages.append(Message(role=Role.USER, content=draw(ANY)))
        kind = draw(st.sampled_from(["written", "sampled", "cut"]))
        if kind == "written":
            messages.append(Message(role=Role.ASSISTANT, content=draw(ANY)))
        else:
            ids = draw(st.lists(st.sampled_from(ordinary), min_size=1, max_size=12))
            ids += [draw(st.sampled_from(sorted(form.stops)))] if kind == "sampled" else []
            messages.append(Message(role=Role.ASSISTANT, content=form.decode(ids), token_ids=tuple(ids)))
    if draw(st.booleans()):
        messages.append(Message(role=Role.USER, content=draw(ANY)))
    return messages


def turn_of(form, message):
    return list(message.token_ids) if message.token_ids is not None else form.turn_ids(message.content)


def learned(ids, in_loss):
    return [token for token, learn in zip(ids, in_loss, strict=True) if learn]


every = pytest.mark.parametrize("name", NAMES)
thorough = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@every
@thorough
@given(data=st.data())
def test_the_mask_law(name, data):
    form = format_of(name)
    conversation = data.draw(conversations(form))
    ids, in_loss = form.render(conversation)
    turns = [message for message in conversation if message.role is Role.ASSISTANT]
    assert learned(ids, in_loss) == [token for turn in turns for token in turn_of(form, turn)]
    example = example_from(conversation, form, 10_000, "conversation")
    assert (list(example.ids), list(example.in_loss)) == (ids, in_loss)
    # by the tokenizer itself: the text in the loss is the assistant's texts, and between them nothing but end tokens
    text = form.tokens.tokenizer.decode(learned(ids, in_loss), skip_special_tokens=False)
    if all(turn.token_ids is None for turn in turns) and name != "mistral":
        assert text == "".join(turn.content + form.end_token for turn in turns)


@every
@thorough
@given(data=st.data())
def test_the_prefix_law(name, data):
    form = format_of(name)
    conversation = data.draw(conversations(form))
    whole = form.render(conversation)[0]
    for place, message in enumerate(conversation):
        if message.role is not Role.ASSISTANT:
            continue
        asked = form.prompt(conversation[:place])
        so_far = form.render(conversation[:place])[0]
        assert asked[: len(so_far)] == so_far
        said = form.render(conversation[: place + 1])[0]
        assert said == asked + turn_of(form, message)
        assert whole[: len(said)] == said
        assert form.prompt(conversation)[: len(said)] == said


@every
@thorough
@given(data=st.data())
def test_no_text_can_forge_a_turn(name, data):
    form = format_of(name)
    conversation = data.draw(conversations(form))
    harmless = [
        message if message.token_ids is not None else message.model_copy(update={"content": "x"})
        for message in conversation
    ]
    special = set(form.tokens.control.values())

    def marks(messages):
        return [token for token in form.prompt(messages) if token in special]

    assert marks(conversation) == marks(harmless)


@every
@thorough
@given(data=st.data())
def test_after_a_turn_that_was_cut_off_the_history_has_an_end_token_that_is_not_learned(name, data):
    form = format_of(name)
    ordinary = [n for n in range(form.vocabulary) if n not in form.tokens.control.values()]
    cut = tuple(data.draw(st.lists(st.sampled_from(ordinary), min_size=1, max_size=5)))
    first = Message(role=Role.USER, content=data.draw(ANY))
    turn = Message(role=Role.ASSISTANT, content=form.decode(cut), token_ids=cut)
    whole = turn.model_copy(update={"token_ids": (*cut, form.end)})
    more = Message(role=Role.USER, content=data.draw(ANY))
    ids, in_loss = form.render([first, turn, more])
    start = len(form.prompt([first]))
    assert ids[start : start + len(cut) + 1] == [*cut, form.end]
    assert in_loss[start : start + len(cut) + 1] == [True] * len(cut) + [False]
    assert form.render([first, whole, more])[0] == ids


@every
@pytest.mark.parametrize("shift", [-1, 1])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_mask_that_is_off_by_one_is_found(name, shift, data):
    form = format_of(name)
    conversation = data.draw(conversations(form))
    ids, in_loss = form.render(conversation)
    moved = (*in_loss[1:], False) if shift < 0 else (False, *in_loss[:-1])
    with pytest.raises(MachineryError, match=r"not the assistant's turns|no token in the loss"):
        check_mask(Example(tuple(ids), moved), conversation, form)


@every
@pytest.mark.parametrize("wrong", ["all", "user's too", "without end"])
def test_other_wrong_masks_are_found(name, wrong):
    form = format_of(name)
    conversation = [
        Message(role=Role.USER, content="say"),
        Message(role=Role.ASSISTANT, content="plain words"),
        Message(role=Role.USER, content="more"),
        Message(role=Role.ASSISTANT, content="", token_ids=(form.end,)),
    ]
    ids, in_loss = form.render(conversation)
    check_mask(Example(tuple(ids), tuple(in_loss)), conversation, form)
    masks = {
        "all": [True] * len(ids),
        "user's too": [True] * 2 + in_loss[2:],
        "without end": [learn and token != form.end for token, learn in zip(ids, in_loss, strict=True)],
    }
    with pytest.raises(MachineryError, match="not the assistant's turns"):
        check_mask(Example(tuple(ids), tuple(masks[wrong])), conversation, form)


@every
@thorough
@given(data=st.data())
def test_the_ids_are_those_that_transformers_gives_for_the_same_messages(name, data):
    """The whole against the library, wherever the texts allow it to be compared: no special token spelled in them."""
    form = format_of(name)
    config = {key: value["content"] if isinstance(value, dict) else value for key, value in form.config.items()}
    theirs = PreTrainedTokenizerFast(tokenizer_object=form.tokens.tokenizer, chat_template=form.template, **config)
    word = st.text("abcdefgé東🙂 .", min_size=1, max_size=12).map(lambda text: f"w{text}w")
    asked = data.draw(st.lists(ANY if name not in ("phi3", "mistral", "vicuna") else word, min_size=1, max_size=3))
    asked = [text for text in asked if not any(token in text for token in form.tokens.added)] or ["hello"]
    said = data.draw(st.lists(word, min_size=len(asked), max_size=len(asked)))
    conversation = []
    for ask, say in zip(asked, said, strict=True):
        conversation += [Message(role=Role.USER, content=ask), Message(role=Role.ASSISTANT, content=say)]
    # The template may write something else before a text of the assistant's than it does to ask for one, or the
    # tokenizer may read the two as one (Llama 3's two line ends and a word): ours are the ids that were read.
    if name in ("qwen3", "deepseek-r1", "vicuna", "mistral", "mistral3", "llama3"):
        conversation = conversation[:1]
    else:
        conversation.pop()
    messages = [message.model_dump(include={"role", "content"}, mode="json") for message in conversation]
    assert form.prompt(conversation) == theirs.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]


@every
def test_the_end_token_is_found_in_the_template(name):
    form = format_of(name)
    assert form.end_token == KNOWN[name][3]
    assert form.end in form.stops
    eos = form.config.get("eos_token")
    eos = eos["content"] if isinstance(eos, dict) else eos
    assert eos is None or form.tokens.added[eos] in form.stops


@every
def test_a_format_that_was_saved_is_the_one_that_is_loaded(name, tmp_path):
    form = format_of(name)
    again = load_format(write(name, tmp_path / name))
    assert (again.name, again.stops, again.pad, again.vocabulary) == (name, form.stops, form.pad, form.vocabulary)
    conversation = [
        Message(role=Role.SYSTEM, content="Be brief."),
        Message(role=Role.USER, content="Hello <|im_end|> 🙂\n"),
        Message(role=Role.ASSISTANT, content="plain words"),
    ]
    assert again.render(conversation) == form.render(conversation)


def test_a_format_goes_to_another_process_as_it_is():
    form = format_of("llama3")
    again = pickle.loads(pickle.dumps(form))
    conversation = [Message(role=Role.USER, content="plain words")]
    assert again.prompt(conversation) == form.prompt(conversation)


def prompt_text(name, *messages):
    form = format_of(name)
    conversation = [Message(role=role, content=content) for role, content in messages]
    return form.tokens.tokenizer.decode(form.prompt(conversation), skip_special_tokens=False)


def test_a_system_message_goes_into_the_first_users_where_the_template_has_no_place_for_it():
    messages = ((Role.SYSTEM, "Be brief."), (Role.USER, "one"), (Role.ASSISTANT, "two"), (Role.USER, "three"))
    assert prompt_text("gemma", *messages) == (
        "<bos><start_of_turn>user\nBe brief.\n\none<end_of_turn>\n<start_of_turn>model\ntwo<end_of_turn>\n"
        "<start_of_turn>user\nthree<end_of_turn>\n<start_of_turn>model\n"
    )
    assert prompt_text("mistral3", *messages) == "<s>[INST] Be brief.\n\none[/INST]two</s>[INST] three[/INST]"
    assert prompt_text("talkie", *messages).startswith("<|user|>Be brief.<|end|><|user|>one<|end|><|assistant|>two")


def test_messages_of_one_role_in_a_row_become_one_where_roles_must_alternate():
    messages = ((Role.USER, "one"), (Role.USER, "two"))
    assert "user\none\n\ntwo<end_of_turn>" in prompt_text("gemma", *messages)
    assert "user\none<|im_end|>\n<|im_start|>user\ntwo<|im_end|>" in prompt_text("chatml", *messages)


def test_thinking_stays_in_the_history_as_it_was_sampled():
    form = format_of("qwen3")
    ids = (*form.encode("<think>\nhm\n</think>\n\nyes"), form.end)
    conversation = [
        Message(role=Role.USER, content="one"),
        Message(role=Role.ASSISTANT, content=form.decode(ids), token_ids=ids),
        Message(role=Role.USER, content="two"),
    ]
    assert form.decode(ids) == "<think>\nhm\n</think>\n\nyes"
    text = form.tokens.tokenizer.decode(form.prompt(conversation), skip_special_tokens=False)
    assert "assistant\n<think>\nhm\n</think>\n\nyes<|im_end|>\n<|im_start|>user\ntwo" in text


def test_an_endpoint_may_have_taken_the_thinking_from_the_text_but_not_from_the_ids():
    form = format_of("qwen3")
    ids = (*form.encode("<think>\nhm\n</think>\n\nyes"), form.end)
    question = Message(role=Role.USER, content="one")
    answered = Message(role=Role.ASSISTANT, content="yes", token_ids=ids)
    assert sum(example_from([question, answered], form, 1000, "conversation").in_loss) == len(ids)
    with pytest.raises(MachineryError, match="not the assistant's turns"):
        example_from([question, answered.model_copy(update={"content": "no"})], form, 1000, "conversation")


def test_the_first_token_stands_once_where_the_template_writes_it_twice():
    form = format_of("llama3")
    doubled = type(form)("doubled", form.tokens.tokenizer, "<|begin_of_text|>" + form.template, form.config)
    question = [Message(role=Role.USER, content="one")]
    assert doubled.prompt(question) == form.prompt(question)
    assert form.prompt(question).count(form.tokens.added["<|begin_of_text|>"]) == 1


def test_a_template_that_writes_the_date_gives_the_same_ids_every_day():
    form = format_of("chatml")
    dated = "{%- set day = strftime_now('%d %B %Y') -%}{{ 'Today: ' + day + '\\n' }}" + form.template
    rendered = type(form)("dated", form.tokens.tokenizer, dated, form.config).prompt(
        [Message(role=Role.USER, content="one")]
    )
    assert form.decode(rendered).startswith("Today: 26 July 2024\n")


def test_a_turn_that_the_tokenizer_cannot_write_is_named():
    form = format_of("mistral")
    conversation = [Message(role=Role.USER, content="one"), Message(role=Role.ASSISTANT, content="a\u2581b")]
    with pytest.raises(UserError, match=r"conversation 7 has a turn .* mistral cannot write \(characters '\\u2581'\)"):
        example_from(conversation, form, 1000, "conversation 7")


@pytest.mark.skipif(not default_place(SMOLLM2.name).is_dir(), reason="SmolLM2 is not here: assay models fetch smollm2")
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_laws_hold_for_the_real_smollm2(data):
    form = smollm2()
    conversation = data.draw(conversations(form))
    # Its tokenizer has no id for a few bytes that only unassigned characters need.
    written = [message for message in conversation if message.role is Role.ASSISTANT and message.token_ids is None]
    assume(all(form.decode(form.turn_ids(message.content)) == message.content for message in written))
    example = example_from(conversation, form, 10_000, "conversation")
    for place, message in enumerate(conversation):
        if message.role is Role.ASSISTANT:
            said = form.prompt(conversation[:place]) + turn_of(form, message)
            assert list(example.ids[: len(said)]) == said


_LOADED: list = []


def smollm2():
    if not _LOADED:
        _LOADED.append(load_format(Path(default_place(SMOLLM2.name))))
    return _LOADED[0]
