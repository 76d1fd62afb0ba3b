"""A run from a training set, in process: what does not fit is refused, evaluations are made and logged."""

import json

import pytest

from assay.errors import UserError
from assay.models.weights import load_model, new_model, use_one_thread
from assay.tasks import source
from assay.training.config import LoraChoice, TrainConfig
from assay.training.data import write_dataset
from assay.training.data.tokenise import open_format
from assay.training.passrate import PassRate, pass_rate_on
from assay.training.tune import tune
from tests.conftest import ARCHITECTURE
from tests.training.small import copying, write_copying

CONFIG = TrainConfig(batch_tokens=200, peak_rate=1e-2, warmup=2, evaluate_every=3)


@pytest.fixture
def folder(chat, tmp_path):
    use_one_thread(0)
    new_model(ARCHITECTURE, 0).save_pretrained(tmp_path / "model")
    chat.save(tmp_path / "model")
    write_copying(chat, tmp_path / "model", tmp_path / "data")
    return tmp_path


def run(folder, config=CONFIG, **options):
    said = []
    result = tune(folder / "model", folder / "data", folder / "out", config, say=said.append, **options)
    return result, said


def test_a_run_says_what_it_chose_and_what_came_out(folder):
    result, said = run(folder)
    assert any("device cpu" in line and "1 thread(s)" in line for line in said)
    assert any("all weights: 32,800 of 32,800" in line for line in said)
    assert any("at most 200 tokens" in line for line in said)
    lines = [json.loads(text) for text in (folder / "out" / "training.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, result["steps"] + 1))
    assert result["loss_tokens"] == sum(line["loss_tokens"] for line in lines)
    evaluations = [json.loads(text) for text in (folder / "out" / "evaluation.jsonl").read_text().splitlines()]
    assert [line["step"] for line in evaluations][:3] == [0, 3, 6]
    assert evaluations[-1]["held_out_loss"] == result["held_out_loss"] < evaluations[0]["held_out_loss"]
    card = json.loads((folder / "out" / "checkpoints" / str(result["steps"]) / "card.json").read_text())
    assert card["base"]["directory"] == str(folder / "model")
    assert card["data"]["tokenizer_sha256"] == open_format(folder / "model").tokenizer_sha256
    again, said = run(folder)
    assert again["loss"] is None
    assert again["held_out_loss"] == result["held_out_loss"]
    assert again["checkpoint"] == result["checkpoint"]
    assert any("going on after step" in line for line in said)


def test_a_run_killed_while_it_measures_measures_again(folder):
    config = CONFIG.model_copy(update={"save_every": 3})
    killed_at = [3]

    def kill(trainer):
        if trainer.steps_done in killed_at:
            killed_at.clear()
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        run(folder, config, evaluations=[kill])
    result, _ = run(folder, config, evaluations=[kill])
    lines = (folder / "out" / "evaluation.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [*range(0, result["steps"], 3), result["steps"]]
    (folder / "out" / "evaluation.jsonl").write_text("\n".join(lines[:-1]) + "\n")  # killed after the last step
    again, _ = run(folder, config)
    assert (folder / "out" / "evaluation.jsonl").read_text().splitlines() == lines
    assert again["held_out_loss"] == result["held_out_loss"]


def test_a_base_that_is_not_finite_is_a_sentence_and_no_line_of_the_log(folder):
    model = load_model(folder / "model")
    model.get_input_embeddings().weight.data[20] = float("nan")
    model.save_pretrained(folder / "model")
    with pytest.raises(UserError, match=r"held-out loss after step 0 is nan.* look at both with `assay doctor`"):
        run(folder)
    assert not (folder / "out" / "evaluation.jsonl").exists()


def test_data_in_another_template_are_refused(chat, folder):
    about = {"vocabulary": chat.vocabulary, "tokenizer_sha256": open_format(folder / "model").tokenizer_sha256}
    examples = [(e.ids, e.in_loss, {"task_id": "t", "split": "train"}) for e in copying(chat, 3)]
    write_dataset(folder / "other", examples, about={**about, "format_sha256": "0" * 64})
    with pytest.raises(UserError, match="another chat template"):
        tune(folder / "model", folder / "other", folder / "out", CONFIG, say=lambda text: None)
    right = {**about, "format_sha256": open_format(folder / "model").format_sha256}
    write_dataset(folder / "right", examples, about=right)
    assert tune(folder / "model", folder / "right", folder / "out", CONFIG, say=lambda text: None)["steps"] == 1


@pytest.mark.parametrize(
    ("field", "value", "said"), [("context", 900, "`context` is 900"), ("context", 10, "longer than the context of 10")]
)
def test_a_context_that_cannot_be_is_refused(folder, field, value, said):
    with pytest.raises(UserError, match=said):
        run(folder, CONFIG.model_copy(update={field: value}))
    assert not (folder / "out" / "run.json").exists()


@pytest.mark.parametrize(
    ("lora", "said"),
    [
        (LoraChoice(rank=100_000), r"`lora\.rank` is 100000 and no layer of the model has a rank above 32"),
        (LoraChoice(rank=2, targets=("nope",)), r"`lora\.targets` \['nope'\] do not fit the model"),
    ],
)
def test_adapters_that_cannot_be_are_refused(folder, lora, said):
    with pytest.raises(UserError, match=said):
        run(folder, CONFIG.model_copy(update={"lora": lora}))
    assert not (folder / "out" / "run.json").exists()


def test_what_differs_from_the_run_that_is_there_is_named(folder):
    run(folder)
    with pytest.raises(UserError, match=r"config\.peak_rate was 0\.01 and is 0\.02; config\.seed was 0 and is 1"):
        run(folder, CONFIG.model_copy(update={"seed": 1, "peak_rate": 0.02}))
    with pytest.raises(UserError, match=r"config\.lora was None and is"):
        run(folder, CONFIG.model_copy(update={"lora": LoraChoice(rank=2)}))
    model = load_model(folder / "model")
    model.get_input_embeddings().weight.data[0] += 1.0
    model.save_pretrained(folder / "model")
    with pytest.raises(UserError, match=r"model\.sha256\.model\.safetensors was"):
        run(folder)


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, LoraChoice(rank=2)], ids=["all weights", "lora"])
def test_a_pass_rate_is_measured_and_changes_no_weight(folder, lora):
    config = CONFIG.model_copy(update={"lora": lora, "evaluate_every": 4})
    plain, _ = run(folder, config)
    (folder / "out").rename(folder / "plain")
    rate = PassRate(source("drills").load("seen", 3, 0, templates=4), folder / "out", max_new_tokens=8)
    result, _ = run(folder, config, evaluations=[rate])
    assert (result["attempts"], result["solved"]) == (3, 0)
    assert result["pass_rate"] == 0.0
    assert result["loss"] == plain["loss"]
    lines = [json.loads(text) for text in (folder / "out" / "evaluation.jsonl").read_text().splitlines()]
    assert all(line["attempts"] == 3 for line in lines)


def test_tasks_of_a_pass_rate_are_named_by_source_and_split(tmp_path):
    with pytest.raises(UserError, match="of the form source:split"):
        pass_rate_on("drills", 3, tmp_path)
