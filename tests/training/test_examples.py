"""The mask law: what is learned is what the assistant said, with its end tokens, and nothing else."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import MachineryError, UserError
from assay.models.chat import CHAT_TOKENS
from assay.nouns import Exit, Finish, Message, Reply, Role, Step, Trajectory
from assay.training.examples import check_mask, conversation_of, example_of
from assay.training.shards import examples_hash, load_examples, save_examples
from tests.models.chat_templates import format_of

SAID = st.one_of(st.text(max_size=40), st.lists(st.sampled_from([*CHAT_TOKENS, "a", " "])).map("".join))


def trajectory(issue, turns, ending=Exit.SUBMITTED):
    return Trajectory(
        task_id="t",
        agent="shell",
        model="m",
        prompt=(Message(role=Role.USER, content=issue),),
        steps=tuple(
            Step(reply=Reply(text=said, finish=Finish.STOP), command=said, observation=seen) for said, seen in turns
        ),
        exit=ending,
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SAID, st.lists(st.tuples(SAID, st.text(max_size=40)), min_size=1, max_size=4), st.sampled_from(list(Exit)))
def test_the_ids_in_the_loss_decode_to_the_assistants_turns(chat, issue, turns, ending):
    example = example_of(trajectory(issue, turns, ending), chat, 5000)
    learned = [i for i, learn in zip(example.ids, example.in_loss, strict=True) if learn]
    text = chat.tokenizer.decode(learned, skip_special_tokens=False)
    assert text == "".join(said + "<|end|>" for said, _ in turns)
    first = example.ids.index(chat.assistant)
    assert not any(example.in_loss[: first + 1])


def test_the_observation_after_a_submission_is_not_there(chat):
    turns = [("look", "text"), ("submit", "")]
    assert [m.role for m in conversation_of(trajectory("i", turns))] == ["user", "assistant", "user", "assistant"]
    assert len(conversation_of(trajectory("i", turns, Exit.STEP_LIMIT))) == 5


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_mask_that_is_off_by_one_is_found(chat, shift):
    path = trajectory("fix it", [("look here", "seen"), ("done", "")])
    example = example_of(path, chat, 5000)
    mask = example.in_loss
    moved = (*mask[1:], False) if shift < 0 else (False, *mask[:-1])
    with pytest.raises(MachineryError, match="not the assistant's turns"):
        check_mask(dataclasses.replace(example, in_loss=moved), conversation_of(path), chat)


def test_an_example_without_anything_to_learn_is_an_error(chat):
    path = trajectory("fix it", [("done", "")])
    example = example_of(path, chat, 5000)
    empty = dataclasses.replace(example, in_loss=(False,) * len(example.ids))
    with pytest.raises(MachineryError, match="no token in the loss"):
        check_mask(empty, conversation_of(path), chat)


def test_too_long_a_trajectory_names_the_task_and_the_lengths(chat):
    with pytest.raises(UserError, match=r"task t has \d+ tokens and the model's context 8"):
        example_of(trajectory("a long issue text", [("done", "")]), chat, 8)


def test_examples_on_disk_come_back(chat, tmp_path):
    examples = [example_of(trajectory("i" * n, [("done", "")]), chat, 5000) for n in range(1, 5)]
    save_examples(examples, tmp_path / "data" / "x.npz")
    assert load_examples(tmp_path / "data" / "x.npz") == examples
    assert examples_hash(examples) != examples_hash(examples[::-1])
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["x.npz"]


def sampled(text, finish, ids):
    return Step(reply=Reply(text=text, finish=finish, token_ids=tuple(ids)), observation="seen")


@pytest.mark.parametrize("name", ["twins", "chatml", "llama3", "qwen3", "mistral", "smollm2", "talkie"])
def test_the_ids_of_a_trajectory_are_those_that_were_sampled_a_cut_off_turn_without_an_end(chat, name):
    form = chat if name == "twins" else format_of(name)
    letters = [token for letter in "plain" for token in form.encode(letter)]  # another tokenisation than the text's
    said = form.decode(letters)
    path = trajectory("fix it", [("written", "seen")], Exit.STEP_LIMIT)
    steps = (
        *path.steps,
        sampled(said, Finish.STOP, [*letters, *sorted(form.stops)[:1]]),
        sampled(said, Finish.LENGTH, letters),
        sampled("", Finish.LENGTH, []),
    )
    example = example_of(path.model_copy(update={"steps": steps}), form, 5000)
    learned = [token for token, learn in zip(example.ids, example.in_loss, strict=True) if learn]
    assert learned == [*form.turn_ids("written"), *letters, *sorted(form.stops)[:1], *letters]


def test_ids_that_do_not_say_the_text_are_an_error(chat):
    path = trajectory("fix it", [("done", "")])
    other = path.model_copy(update={"steps": (sampled("done", Finish.STOP, chat.turn_ids("gone")),)})
    with pytest.raises(MachineryError, match="not the assistant's turns"):
        example_of(other, chat, 5000)
