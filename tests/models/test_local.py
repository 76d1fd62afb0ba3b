"""A checkpoint directory as a Model: its own format or a template given, ids as sampled, one row for an attempt."""

import asyncio

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from assay.errors import UserError
from assay.models.engine import Engine
from assay.models.engine_llama import Llama
from assay.models.formats import load_format
from assay.models.local import LocalModel
from assay.nouns import Finish, Message, Role
from tests.conftest import ARCHITECTURE

TURNS = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}<|assistant|>{{ message['content'] }}<|end|>"
    "{% else %}<|user|>{{ message['role'] }}\n{{ message['content'] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
ASK = [Message(role=Role.SYSTEM, content="Be brief."), Message(role=Role.USER, content="What is the price of grain?")]


@pytest.fixture
def directory(small_model, chat, tmp_path):
    small_model.save_pretrained(tmp_path)
    chat.tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def load(directory, **changes):
    return LocalModel.load(directory, **{"temperature": 0.8, "max_new_tokens": 12, "slots": 4} | changes)


def talk(model, seed=1, turns=3):
    """Return the replies of a conversation of several turns, and the conversation."""

    async def go():
        with model.attempt() as mine:
            conversation, replies = list(ASK), []
            for _ in range(turns):
                reply = await mine.reply(conversation, seed=seed)
                replies.append(reply)
                said = Message(role=Role.ASSISTANT, content=reply.text, token_ids=reply.token_ids)
                conversation += [said, Message(role=Role.USER, content="And then?")]
            return replies, conversation

    return asyncio.run(go())


def test_replies_have_ids_and_log_probabilities_that_a_plain_forward_gives(directory):
    model = load(directory)
    replies, conversation = talk(model)
    ids, in_loss = model.chat.render(conversation)
    with torch.inference_mode():
        logits = model.engine.model(input_ids=torch.tensor([ids])).logits[0, :-1] / 0.8
    logprobs = torch.log_softmax(logits.double(), -1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    expected = [value for value, learn in zip(logprobs.tolist(), in_loss[1:], strict=True) if learn]
    assert [i for i, learn in zip(ids, in_loss, strict=True) if learn] == [i for r in replies for i in r.token_ids]
    assert [value for reply in replies for value in reply.logprobs] == pytest.approx(expected, abs=1e-5)
    assert model.engine.cache.held == []


def test_equal_seeds_give_equal_replies_and_others_do_not(directory):
    model = load(directory)
    assert talk(model, seed=1)[0] == talk(load(directory), seed=1)[0]
    assert talk(model, seed=1)[0] != talk(model, seed=2)[0]


def test_a_template_given_renders_the_prompt(directory):
    model = load(directory, template=TURNS)
    prompt = model.chat.prompt(ASK)
    assert "system\nBe brief." in model.chat.spell(prompt)
    replies, _ = talk(model, turns=1)
    assert replies[0].prompt_tokens == len(prompt) != load(directory).chat.prompt(ASK)


def test_top_p_narrows_what_is_said(directory):
    sure = talk(load(directory, top_p=1e-6))[0]
    greedy = talk(load(directory, temperature=0.0))[0]
    assert [reply.token_ids for reply in sure] == [reply.token_ids for reply in greedy]


def test_a_conversation_without_room_ends_with_context(directory):
    model = load(directory)
    long = [Message(role=Role.USER, content="grain " * ARCHITECTURE.context)]
    reply = asyncio.run(model.reply(long, seed=1))
    assert (reply.finish, reply.text, reply.token_ids) == (Finish.CONTEXT, "", ())


def test_a_tokenizer_with_more_ids_than_the_model_is_refused(directory):
    config = AutoConfig.from_pretrained(directory, vocab_size=300)
    AutoModelForCausalLM.from_config(config).save_pretrained(directory)
    with pytest.raises(UserError, match="tokenizer"):
        load(directory)


def test_a_model_in_training_with_an_adapter_is_decoded_as_it_is_after_every_step(small_model, chat):
    """The engine takes the adapter in, follows the optimiser, and leaves the owner's settings alone."""
    torch.manual_seed(0)
    adapted = get_peft_model(small_model, LoraConfig(r=4, target_modules="all-linear")).train()
    engine = Engine(adapted, slots=4)
    model = LocalModel("adapted", engine, chat, temperature=1.0, max_new_tokens=10)
    optimizer = torch.optim.AdamW([p for p in adapted.parameters() if p.requires_grad], lr=0.05)
    seen = []
    for _ in range(3):
        reply = talk(model, turns=1)[0][0]
        ids = torch.tensor([[*chat.prompt(ASK), *reply.token_ids]])
        logprobs = torch.log_softmax(adapted(input_ids=ids).logits[0, :-1], -1).gather(1, ids[0, 1:, None])[:, 0]
        own = logprobs[-len(reply.token_ids) :]
        assert reply.logprobs == pytest.approx(own.tolist(), abs=1e-5)
        seen.append(reply.logprobs)
        optimizer.zero_grad()
        own.sum().backward()
        optimizer.step()
    assert len(set(seen)) == 3
    assert adapted.training
    assert small_model.config._attn_implementation == "sdpa"
    assert isinstance(engine._forward, Llama)


def test_the_format_of_a_saved_checkpoint_is_its_own(directory, chat):
    assert load_format(directory).prompt(ASK) == chat.prompt(ASK)
