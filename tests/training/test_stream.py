"""The order of the data: every pass everything once, by the seed; steps cut by tokens; the plan needs no memory."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import UserError
from assay.training.config import TrainConfig, differences, read_config
from assay.training.stream import Stream, cut, held_out_rows, reading_order
from tests.training.small import copying


class InMemory:
    """A source of examples in memory."""

    def __init__(self, examples):
        self.examples = examples
        self.lengths = np.array([len(e.ids) for e in examples])

    def example(self, place):
        return self.examples[place]

    def meta(self, place):
        return {"task_id": str(place)}


def test_every_pass_reads_everything_once_in_its_own_order():
    order = reading_order(np.arange(50), 3, 0)
    passes = [list(order[:50]), list(order[50:100]), list(order[100:])]
    assert all(sorted(places) == list(range(50)) for places in passes)
    assert passes[0] != passes[1] != passes[2]
    assert list(reading_order(np.arange(50), 1, 1)) != passes[0]
    assert list(reading_order(np.arange(50), 2, 0)) == list(order[:100])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 120))
def test_steps_are_as_full_as_they_may_be_and_cover_everything(lengths, most):
    bounds = cut(np.array(lengths), most)
    assert (bounds[0], bounds[-1]) == (0, len(lengths))
    for start, end in itertools.pairwise(bounds):
        assert end > start
        assert end == start + 1 or sum(lengths[start:end]) <= most
        if end < len(lengths):
            assert sum(lengths[start : end + 1]) > most


def test_steps_may_be_given_in_place_of_passes(chat):
    source = InMemory(copying(chat, 20))
    places = np.arange(20)
    once = Stream(source, places, TrainConfig(batch_tokens=60))
    assert sorted(place for step in range(once.steps) for place in once.places(step)) == list(range(20))
    many = Stream(source, places, TrainConfig(batch_tokens=60, steps=40))
    assert many.steps == 40
    assert [list(many.places(s)) for s in range(5)] == [list(once.places(s)) for s in range(5)]
    assert Stream(source, places, TrainConfig(batch_tokens=1, steps=50)).steps == 50


def test_the_rows_of_a_step_hold_its_examples_and_say_which(chat):
    source = InMemory(copying(chat, 20))
    stream = Stream(source, np.arange(20), TrainConfig(batch_tokens=100, pack_tokens=30))
    rows, names = stream.rows(0)
    assert len(rows) == len(names) > 1
    said = sorted(int(word) for name in names for word in name.removeprefix("examples ").split(", "))
    assert said == sorted(stream.places(0))
    assert sum(len(row.ids_T) for row in rows) == source.lengths[stream.places(0)].sum()


def test_an_example_longer_than_a_row_has_a_row_of_its_own(chat):
    source = InMemory(copying(chat, 20))
    rows, _ = Stream(source, np.arange(20), TrainConfig(batch_tokens=100, pack_tokens=1)).rows(0)
    assert max(len(row.ids_T) for row in rows) <= source.lengths.max()


def test_held_out_rows_are_the_first_that_fit(chat):
    source = InMemory(copying(chat, 20))
    rows = held_out_rows(source, np.arange(20), 50, 1000)
    assert sum(len(row.ids_T) for row in rows) <= 50
    assert held_out_rows(source, np.arange(0), 50, 1000) == []


def test_no_example_is_a_sentence(chat):
    with pytest.raises(UserError, match="no example to train on"):
        Stream(InMemory(copying(chat, 2)), np.arange(0), TrainConfig())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed = ", "is not TOML"),
        ("seed = 9223372036854775808", "wrong at `seed`"),
        ("sede = 1", "wrong at `sede`: Extra inputs"),
        ("peak_rate = 0", "wrong at `peak_rate`"),
        ("peak_rate = inf", "wrong at `peak_rate`"),
        ("betas = [0.9, 1.5]", r"wrong at `betas\.1`"),
        ("[lora]\nrank = 0", "wrong at `lora.rank`"),
        ('schedule = "linear"', "wrong at `schedule`"),
    ],
)
def test_a_configuration_that_is_wrong_names_file_and_field(tmp_path, text, said):
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=said) as error:
        read_config(path, {})
    assert "run.toml" in str(error.value)


def test_the_command_line_goes_before_the_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("seed = 3\nepochs = 2\n[online]\ngroup = 8\n")
    config, online = read_config(path, {"seed": 4})
    assert (config.seed, config.epochs, online) == (4, 2, {"group": 8})
    assert read_config(None, {})[0] == TrainConfig()


def test_differences_are_named_and_those_that_decide_nothing_are_not():
    before = {"config": {"seed": 0, "save_every": 5, "lora": {"rank": 4}}, "data": {"sha256": "a"}}
    now = {"config": {"seed": 1, "save_every": 9, "lora": {"rank": 8}}, "data": {"sha256": "a"}}
    assert differences(before, now) == ["config.lora.rank was 4 and is 8", "config.seed was 0 and is 1"]
