"""Faults planted in runs that sample their own data: stale sampler weights, rewards that are no numbers."""

import copy

import numpy as np
import pytest

from assay.models.engine import Engine
from assay.models.formats import load_format
from assay.models.weights import load_model
from assay.training import collect
from assay.training.config import TrainConfig
from assay.training.doctor import Patient, Status, examine
from assay.training.examples import Example
from assay.training.importance import PolicyGradient
from assay.training.loop import Trainer
from assay.training.online import train_online
from assay.training.online_config import OnlineConfig
from assay.training.sampling import Sampled, rows_of
from tests.training.bandit import RIGHT, WRONG, bandit, undecided
from tests.training.doctor.test_doctor_data import failed

ONLINE = OnlineConfig(group=6, groups=4, iterations=10, max_new_tokens=64, slots=24)
CONFIG = TrainConfig(objective="rloo", peak_rate=3e-3, schedule="constant", warmup=0, keep=1, seed=1)


@pytest.fixture(scope="module")
def start(chat, tmp_path_factory):
    tasks = [bandit(number) for number in range(4)]
    return tasks, undecided(chat, tasks, tmp_path_factory.mktemp("doctor") / "start")


def examined(start, out):
    tasks, model = start
    train_online(model, out, CONFIG, ONLINE, tasks=tasks)
    return examine(Patient(out))


@pytest.mark.slow
def test_a_sampler_with_stale_weights_is_found_and_a_fresh_one_is_not(start, tmp_path, monkeypatch):
    clean = examined(start, tmp_path / "clean")
    by_check = {finding.check: finding for finding in clean}
    assert by_check["sampler_log"].status is Status.OK, by_check["sampler_log"]
    assert by_check["rewards.numbers"].status is Status.OK
    assert not failed(clean)

    stale = copy.deepcopy(load_model(start[1]))
    monkeypatch.setattr(collect, "Engine", lambda model, slots: Engine(stale, slots))
    (finding,) = [one for one in examined(start, tmp_path / "stale") if one.check == "sampler_log"]
    assert finding.status is Status.FAIL, finding
    assert finding.value["last_quarter"] > 0.05
    assert "stale weights" in finding.advice


def test_a_reward_that_is_no_number_and_was_hidden_from_the_weights_is_found(start, tmp_path):
    """The loop refuses a loss that is NaN; an objective that swallows NaN weights trains on, and the log tells."""
    _, folder = start
    format = load_format(folder)
    trainer = Trainer(load_model(folder), format, CONFIG.model_copy(update={"steps": 3}), tmp_path / "run")
    for step in range(3):
        attempts = []
        for text in (RIGHT, WRONG):
            prompt, said = format.encode("mill 1"), format.turn_ids(text)
            example = Example((*prompt, *said), (False,) * len(prompt) + (True,) * len(said))
            attempts.append(Sampled(example, (-1.0,) * len(said)))
        rewards = np.array([1.0, np.nan if step == 1 else 0.0])
        weights = np.nan_to_num(rewards - rewards.mean()).tolist()
        told = {"groups": 1, "groups_without_variance": 0, "invalid": 0, "reward_mean": float(rewards.mean())}
        trainer.step(rows_of(attempts, weights, 512), PolicyGradient(), told=told)
    trainer.save()
    found = failed(examine(Patient(tmp_path / "run")))
    assert found["rewards.numbers"].value["not_a_number"] == 1
    assert "`reward_mean` is not a finite number from step 2 on" in found["finite.log"].advice
    assert "find the grader" in found["finite.log"].advice


def test_rounds_in_which_all_attempts_end_alike_are_found(chat, tmp_path):
    tasks = [bandit(number) for number in range(2)]
    model = undecided(chat, tasks, tmp_path / "start", right=0, wrong=1)
    online = ONLINE.model_copy(update={"groups": 2, "group": 4, "iterations": 2, "temperature": 0.2})
    train_online(model, tmp_path / "run", CONFIG, online, tasks=tasks)
    finding = failed(examine(Patient(tmp_path / "run")))["rewards.groups"]
    assert finding.value["without_variance"] == 1.0
    assert "too hard" in finding.advice
