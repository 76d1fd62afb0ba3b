"""Online training: groups, importance correction, rows of sampled ids, and the whole loop in real sandboxes."""

import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from assay.errors import MachineryError, UserError
from assay.ledger import Ledger
from assay.models.formats import load_format
from assay.models.weights import load_model
from assay.nouns import Attempt, Exit, Finish, Message, PlannedAttempt, Reply, Role, Status, Step, Trajectory, Verdict
from assay.nouns.verdict import Reason
from assay.sandbox import trees
from assay.training.adapters import with_lora
from assay.training.collect import written
from assay.training.config import LoraChoice, TrainConfig
from assay.training.examples import Example
from assay.training.expert import verified
from assay.training.forward import target_logprobs
from assay.training.groups import reward_of, weigh
from assay.training.importance import PolicyGradient, correction
from assay.training.iterations import plan_of, tasks_of
from assay.training.objectives import Method, find_method, from_derivative
from assay.training.online import train_online
from assay.training.online_config import OnlineConfig, draw, read_online
from assay.training.packing import pack
from assay.training.sampling import Sampled, rows_of, sampled_of
from tests.training.bandit import RIGHT, WRONG, bandit, undecided


def ended(status, verdict=None, task="t", trial=0, steps=1):
    plan = PlannedAttempt(arm="a", seed=0, dose=0, task_id=task, split="train", trial=trial)
    return Attempt(plan=plan, status=status, verdict=verdict, steps=steps)


# groups


def test_every_status_has_a_reward_and_machinery_has_none():
    solved = Verdict.score(1.0, Reason.PASSED)
    rewards = {status: reward_of(ended(status, solved if status == "solved" else None), "solved") for status in Status}
    assert rewards == {status: 0.0 for status in Status} | {Status.SOLVED: 1.0, Status.MACHINERY: None}
    half = ended(Status.FAILED, Verdict.score(0.5, Reason.WRONG))
    assert (reward_of(half, "solved"), reward_of(half, "value")) == (0.0, 0.5)
    assert reward_of(ended(Status.CHEATED, Verdict.score(0.0, Reason.CHEATED)), "value") == 0.0
    invalid = ended(Status.MACHINERY, Verdict.invalid(Reason.MACHINERY, "no sandbox"))
    assert reward_of(invalid, "value") is None


def test_an_invalid_reward_leaves_its_group_and_not_as_zero():
    method = find_method("rloo")
    weighed = weigh(method, [[1.0, None, 0.0, 0.0], [None, 1.0], [None, None], [1.0, 1.0]])
    # the group of four became one of three
    np.testing.assert_allclose([w for w in weighed.weights[0] if w is not None], [1.0, -0.5, -0.5])
    assert weighed.weights[0][1] is None
    assert weighed.weights[1:] == [[None, 0.0], [None, None], [0.0, 0.0]]
    assert (weighed.groups, weighed.groups_without_variance, weighed.groups_too_small) == (4, 1, 2)
    assert weighed.invalid == 4
    assert weighed.reward_mean == pytest.approx(4 / 6)
    as_zero = method.weights([1.0, 0.0, 0.0, 0.0])
    assert as_zero[0] == weighed.weights[0][0] == 1.0
    assert as_zero[2] != weighed.weights[0][2]
    assert weigh(method, [[None]]).reward_mean is None


def test_a_reward_that_is_not_a_number_is_an_error_and_no_gradient():
    with pytest.raises(MachineryError, match="group 1"):
        weigh(find_method("grpo"), [[0.0, 1.0], [1.0, math.nan]])
    with pytest.raises(MachineryError, match="0 and 1 only"):
        weigh(find_method("passk:2"), [[0.0, 0.5]])


# importance


def test_where_sampler_and_trainer_agree_nothing_is_corrected():
    logprobs = torch.tensor([-1.0, -2.0, -0.5])
    for level in ("token", "sequence"):
        coefficients, told = correction(logprobs, logprobs, torch.tensor([0, 0, 1]), level=level)
        assert coefficients.tolist() == [1.0, 1.0, 1.0]
        assert told == {"ratio_mean": 1.0, "ratio_max": 1.0, "truncated_share": 0.0, "sampler_gap": 0.0}


def test_ratios_are_truncated_by_token_or_by_sequence():
    trainer = torch.log(torch.tensor([0.6, 0.1, 0.9]))
    sampler = torch.log(torch.tensor([0.1, 0.2, 0.6]))
    documents = torch.tensor([0, 0, 1])
    by_token, told = correction(trainer, sampler, documents, cap=2.0)
    np.testing.assert_allclose(by_token, [2.0, 0.5, 1.5], rtol=1e-6)
    assert told["ratio_max"] == pytest.approx(6.0)
    assert told["truncated_share"] == pytest.approx(1 / 3)
    assert told["ratio_mean"] == pytest.approx((6 + 0.5 + 1.5) / 3)
    assert told["sampler_gap"] == pytest.approx((math.log(6) + math.log(2) + math.log(1.5)) / 3)
    by_sequence, told = correction(trainer, sampler, documents, level="sequence", cap=2.0)
    np.testing.assert_allclose(by_sequence, [2.0, 2.0, 1.5], rtol=1e-6)  # 6 x 0.5 = 3, cut to 2
    assert told["truncated_share"] == pytest.approx(2 / 3)


def test_a_log_probability_that_is_not_finite_is_an_error():
    with pytest.raises(MachineryError, match="not finite"):
        correction(torch.tensor([-1.0]), torch.tensor([-math.inf]), torch.tensor([0]))
    with pytest.raises(ValueError, match="cap"):
        correction(torch.zeros(1), torch.zeros(1), torch.zeros(1, dtype=torch.long), cap=0.5)


def test_the_correction_makes_the_mean_update_that_of_the_trainer():
    """Three arms sampled by one distribution, trained at another: without a cap the mean update is on-policy."""
    theta = torch.tensor([0.2, -0.4, 0.5], dtype=torch.float64, requires_grad=True)
    sampler = torch.log_softmax(torch.tensor([0.9, 0.0, -0.3], dtype=torch.float64), 0)
    reward = torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64)
    logprobs = torch.log_softmax(theta, 0)
    coefficients, _ = correction(logprobs.detach(), sampler, torch.arange(3), cap=1e9)
    (sampler.exp() * coefficients * reward * logprobs).sum().backward()
    chances = logprobs.detach().exp()
    exact = chances * (reward - chances @ reward)
    np.testing.assert_allclose(theta.grad, exact, atol=1e-12)


def test_the_gradient_of_the_loss_is_the_weighed_score(small_model, chat):
    """Against autograd on each attempt by itself: - Z sum_t min(r_t, cap) grad log pi(y_t)."""
    examples = [
        Example((5, 9, 11, 7), (False, True, True, True)),
        Example((5, 20, 8), (False, False, True)),
        Example((6, 30, 31, 32, 33), (False, True, False, True, True)),
    ]
    alone = [target_logprobs(small_model, pack([e], 64)[0], temperature=0.7) for e in examples]
    gaps = (0.0, 0.3, -1.2)  # the sampler gave so much more
    attempts = [
        Sampled(e, tuple((logprobs.detach() - gap).tolist()))
        for e, logprobs, gap in zip(examples, alone, gaps, strict=True)
    ]
    weights = [0.5, -1.5, 2.0]
    coefficients = [min(math.exp(gap), 1.2) for gap in gaps]
    wanted = -sum(w * c * logprobs.sum() for w, c, logprobs in zip(weights, coefficients, alone, strict=True))
    wanted_gradients = torch.autograd.grad(wanted, list(small_model.parameters()))
    total = sum(
        PolicyGradient(cap=1.2)(target_logprobs(small_model, row, temperature=0.7), row)[0]
        for row in rows_of(attempts, weights, 8)
    )
    for found, exact in zip(torch.autograd.grad(total, list(small_model.parameters())), wanted_gradients, strict=True):
        torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-5)


def test_rows_without_weights_are_an_error(small_model):
    (row,) = pack([Example((5, 9), (False, True))], 8)
    with pytest.raises(MachineryError, match="lacks its weights"):
        PolicyGradient()(torch.zeros(1), row)


# rows of sampled ids


def trajectory(chat, replies, exit=Exit.STEP_LIMIT):
    steps = tuple(
        Step(
            reply=Reply(text=chat.decode(ids), finish=Finish.STOP, token_ids=tuple(ids), logprobs=(-0.5,) * len(ids)),
            observation="grain",
        )
        for ids in replies
    )
    prompt = (Message(role=Role.USER, content="the mill"),)
    return Trajectory(task_id="t", agent="shell", model="m", prompt=prompt, steps=steps, exit=exit)


def test_ids_in_the_loss_are_those_sampled_also_where_a_turn_was_cut(chat):
    cut = chat.encode("fox jumps")  # no end token: the limit of new tokens came first
    whole = [*chat.encode("dog"), chat.end]
    # another tokenisation of the same text, which encoding it again would not give
    letters = [chat.tokenizer.token_to_id(letter) for letter in "dog"]
    assert letters != chat.encode("dog")
    sampled = sampled_of(trajectory(chat, [cut, [*letters, chat.end], whole]), chat)
    learned = [i for i, learn in zip(sampled.example.ids, sampled.example.in_loss, strict=True) if learn]
    assert learned == [*cut, *letters, chat.end, *whole]
    assert len(sampled.logprobs) == len(learned)
    assert sampled.example.in_loss[-1]  # what was observed after the last turn is left out


def test_attempts_without_ids_or_of_unequal_lengths_are_errors(chat):
    assert sampled_of(trajectory(chat, []), chat) is None
    one = trajectory(chat, [[9, chat.end]])
    reply = one.steps[0].reply
    for changed, error in (
        ({"token_ids": None}, UserError),
        ({"logprobs": None}, UserError),
        ({"logprobs": (-0.1,)}, MachineryError),
    ):
        step = one.steps[0].model_copy(update={"reply": reply.model_copy(update=changed)})
        with pytest.raises(error):
            sampled_of(one.model_copy(update={"steps": (step,)}), chat)


def test_rows_carry_each_attempts_weight_and_log_probabilities(chat):
    attempts = []
    for number, length in enumerate((3, 5, 2, 4)):
        made = sampled_of(trajectory(chat, [[40 + number] * length]), chat)
        attempts.append(replace(made, logprobs=tuple(-number - place / 8 for place in range(length))))
    for row in rows_of(attempts, [1.0, 2.0, 3.0, 4.0], 32):
        for document, member in enumerate(row.members):
            mine = row.document_N == document
            assert row.targets_N[mine].tolist() == [40 + member] * len(attempts[member].logprobs)
            assert row.weights_N[mine].tolist() == [member + 1.0] * len(attempts[member].logprobs)
            assert row.old_logprobs_N[mine].tolist() == list(attempts[member].logprobs)


# plan and configuration


def test_the_plan_names_every_attempt_once_and_reads_tasks_in_turn():
    tasks = [bandit(n) for n in range(5)]
    online = OnlineConfig(groups=3, group=2, iterations=4)
    ids, read = [], []
    for number in range(4):
        chosen = tasks_of(number, tasks, online, 0)
        read += [task.id for task in chosen]
        ids += [planned.id for planned in plan_of("grpo", number, chosen, online, 0)]
    assert len(set(ids)) == len(ids) == 24
    assert read[:5] == [task.id for task in tasks]
    assert sorted(read[5:10]) == sorted(read[:5])
    few = plan_of("grpo", 0, tasks_of(0, tasks[:1], online, 0), online, 0)
    assert len({planned.id for planned in few}) == 6


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"top_p": 0.9}, "top_p"),
        ({"temperature": 0.0}, "online.temperature"),
        ({"temperature": float("inf")}, "online.temperature"),
        ({"groups": 2, "minibatches": 3}, "whole groups"),
        ({"importance": "none"}, "online.importance"),
        ({"cap": 0.5}, "online.cap"),
        ({"grups": 2}, "online.grups"),
    ],
)
def test_a_configuration_that_cannot_be_is_a_sentence(table, said):
    with pytest.raises(UserError, match=said):
        read_online(table)


def test_tasks_are_drawn_with_the_limit_on_turns():
    tasks = draw(OnlineConfig(tasks="drills", count=3, steps=4, options={"templates": 2}))
    assert [task.limits.steps for task in tasks] == [4, 4, 4]
    with pytest.raises(UserError):
        draw(OnlineConfig(tasks="nowhere"))


def test_supervised_samples_nothing(tmp_path):
    with pytest.raises(UserError, match="samples nothing"):
        train_online(tmp_path, tmp_path / "out", TrainConfig(), OnlineConfig(), tasks=[bandit(0)])


@pytest.mark.parametrize(("objective", "group"), [("rloo", 1), ("grpo", 1), ("passk:9", 8)])
def test_a_group_in_which_nothing_can_weigh_is_refused(tmp_path, objective, group):
    online = OnlineConfig(group=group)
    with pytest.raises(UserError, match=rf"`online\.group` is {group}, and {objective} weighs nothing"):
        train_online(tmp_path, tmp_path / "out", TrainConfig(objective=objective), online, tasks=[bandit(0)])


def test_rewards_that_the_method_does_not_define_are_refused_before_anything_is_sampled(tmp_path):
    config, online = TrainConfig(objective="passk:4"), OnlineConfig(reward="value")
    with pytest.raises(UserError, match=r"`online\.reward` is value, and passk:4 is defined for rewards 0 and 1 only"):
        train_online(tmp_path, tmp_path / "out", config, online, tasks=[bandit(0)])
    assert not (tmp_path / "out").exists()


def test_verified_keeps_distinct_solutions_and_few_of_a_task(chat):
    solved = Verdict.score(1.0, Reason.PASSED)
    tried = []
    for trial, (status, ids, steps) in enumerate(
        [("solved", [40], 3), ("failed", [41], 1), ("solved", [42], 2), ("solved", [42], 2), ("solved", [43], 4)]
    ):
        attempt = ended(Status(status), solved if status == "solved" else None, trial=trial, steps=steps)
        tried.append((attempt, trajectory(chat, [ids])))
    assert [attempt.plan.trial for attempt, _ in verified(tried, 2)] == [2, 0]
    assert len(verified(tried, 9)) == 3


# the whole loop, in real sandboxes


@pytest.fixture(scope="module")
def tasks():
    return [bandit(0), bandit(1)]


@pytest.fixture(scope="module")
def start(chat, tasks, tmp_path_factory):
    return undecided(chat, tasks, tmp_path_factory.mktemp("start") / "model")


def config(objective, rate=1e-3, **more):
    given = {"schedule": "constant", "warmup": 0, "decay_share": 0.01, "weight_decay": 0.0, "pack_tokens": 512}
    return TrainConfig(objective=objective, peak_rate=rate, **{**given, **more})


ONLINE = OnlineConfig(groups=2, group=6, iterations=3, max_new_tokens=64, slots=12)


def checkpoint(result):
    return Path(result["checkpoint"])


def lines(out):
    return [json.loads(text) for text in (out / "training.jsonl").read_text().splitlines()]


def solved_by(out):
    with Ledger(out / "ledger.sqlite") as ledger:
        found = {}
        for attempt in ledger.attempts():
            found.setdefault(attempt.plan.dose, []).append(attempt.status is Status.SOLVED)
        assert len(ledger.planned()) == len(ledger.finished())
    return [float(np.mean(found[dose])) for dose in sorted(found)]


@pytest.mark.parametrize("objective", ["grpo", "expert"])
def test_what_cannot_be_trained_is_refused_before_a_directory_is_claimed(start, tasks, tmp_path, objective):
    for choice in ({"lora": LoraChoice(targets=("nope",))}, {"compile": True}):
        with pytest.raises(UserError, match=r"`lora\.targets` .* do not fit|`compile` is for cuda"):
            train_online(start, tmp_path / "out", config(objective, **choice), ONLINE, tasks=tasks)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["grpo", "rloo", "passk:4+baseline"])
def test_training_on_what_is_sampled_raises_the_pass_rate(start, tasks, tmp_path, objective):
    online = ONLINE.model_copy(update={"iterations": 6, "group": 8, "slots": 16})
    train_online(start, tmp_path / "out", config(objective), online, tasks=tasks)
    rates = solved_by(tmp_path / "out")
    assert 0.1 < rates[0] < 0.9
    assert rates[-1] >= min(1.0, rates[0] + 0.2)
    logged = lines(tmp_path / "out")
    assert all(line["sampler_gap"] < 1e-5 and abs(line["ratio_max"] - 1) < 1e-3 for line in logged)
    names = {"groups", "groups_without_variance", "invalid", "ratio_mean", "ratio_max", "truncated_share"}
    assert all(names | {"sampler_gap", "reward_mean"} <= line.keys() for line in logged)


@pytest.mark.slow
def test_the_second_minibatch_is_off_policy_and_corrected(start, tasks, tmp_path):
    online = ONLINE.model_copy(update={"iterations": 1, "minibatches": 2})
    train_online(start, tmp_path / "out", config("rloo", rate=2e-2), online, tasks=tasks)
    first, second = lines(tmp_path / "out")
    assert first["sampler_gap"] < 1e-5 < 1e-2 < second["sampler_gap"]


@pytest.mark.slow
def test_sampling_at_a_temperature_is_trained_at_it(start, tasks, tmp_path):
    online = ONLINE.model_copy(update={"iterations": 1, "temperature": 0.6})
    train_online(start, tmp_path / "out", config("reinforce"), online, tasks=tasks)
    assert lines(tmp_path / "out")[0]["sampler_gap"] < 1e-5


@pytest.mark.slow
def test_an_objective_made_from_its_h(start, tasks, tmp_path):
    own = Method("own", table=lambda size: from_derivative(lambda t: 2 * (1 - t), size, how="solved"), smallest=2)
    online = ONLINE.model_copy(update={"iterations": 1})
    chosen = config("passk:2+baseline")
    last = checkpoint(train_online(start, tmp_path / "own", chosen, online, tasks=tasks, method=own))
    assert last.name == "1"
    assert any(not torch.equal(_weights(start)[name], value) for name, value in _weights(last).items())
    np.testing.assert_allclose(own.table(6).right_M, find_method("passk:2+baseline").table(6).right_M, atol=1e-9)
    with pytest.raises(UserError, match="method was own"):
        train_online(start, tmp_path / "own", chosen, online, tasks=tasks)


@pytest.mark.slow
def test_adapters_are_sampled_with_and_trained(start, tasks, tmp_path):
    chosen = config("rloo", rate=1e-2, lora=LoraChoice(rank=4))
    online = ONLINE.model_copy(update={"iterations": 2})
    last = checkpoint(train_online(start, tmp_path / "out", chosen, online, tasks=tasks))
    logged = lines(tmp_path / "out")
    # the second iteration samples with what the first one trained
    assert [line["sampler_gap"] < 1e-5 for line in logged] == [True, True]
    assert (last / "adapter_model.safetensors").is_file()


@pytest.mark.slow
def test_nothing_is_stepped_where_no_attempt_weighs_anything(chat, tasks, tmp_path):
    sure = undecided(chat, tasks, tmp_path / "sure", right=1, wrong=0)
    online = ONLINE.model_copy(update={"iterations": 1, "temperature": 0.1})
    last = checkpoint(train_online(sure, tmp_path / "out", config("grpo"), online, tasks=tasks))
    assert last.name == "0"
    with Ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        (told,) = ledger.facts("no step/").values()
    assert told["groups_without_variance"] == told["groups"] == 2
    before, after = _weights(sure), _weights(last)
    assert all(torch.equal(before[name], after[name]) for name in before)


def _weights(directory):
    from safetensors.torch import load_file

    return load_file(directory / "model.safetensors")


def check_equal(out_a, checkpoint_a, out_b, checkpoint_b):
    """Both runs sampled the same and ended with the same weights, to the last bit."""
    with Ledger(out_a / "ledger.sqlite") as one, Ledger(out_b / "ledger.sqlite") as other:
        for planned, same in zip(one.planned(), other.planned(), strict=True):
            assert one.trajectory(planned.id) == other.trajectory(same.id), planned
        assert one.fingerprint() == other.fingerprint()
    before, after = _weights(checkpoint_a), _weights(checkpoint_b)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.slow
@pytest.mark.parametrize("save_every", [1, 2])
def test_a_run_that_stopped_before_it_saved_trains_again_on_what_it_had_sampled(start, tasks, tmp_path, save_every):
    chosen = config("grpo", save_every=save_every)
    whole = checkpoint(train_online(start, tmp_path / "whole", chosen, ONLINE, tasks=tasks))

    def stop(text):
        if text.startswith("iteration 2/"):
            raise InterruptedError(text)

    with pytest.raises(InterruptedError):
        train_online(start, tmp_path / "out", chosen, ONLINE, tasks=tasks, say=stop)
    said = []
    resumed = checkpoint(train_online(start, tmp_path / "out", chosen, ONLINE, tasks=tasks, say=said.append))
    assert (said[0] == "going on after iteration 1 of 3") is (save_every == 1)
    check_equal(tmp_path / "whole", whole, tmp_path / "out", resumed)
    seen = [{**line, "seconds": 0} for line in lines(tmp_path / "whole")]
    assert seen == [{**line, "seconds": 0} for line in lines(tmp_path / "out")]


SCRIPT = """
import sys
from pathlib import Path
from tests.training.bandit import bandit
from tests.training.test_online import ONLINE, config
from assay.training.online import train_online
objective, start, out = sys.argv[1:]
train_online(Path(start), Path(out), config(objective), ONLINE, tasks=[bandit(0), bandit(1)])
"""


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["grpo", "expert"])
def test_a_run_that_is_killed_goes_on_and_ends_where_one_that_was_not_does(start, tasks, tmp_path, objective):
    whole = checkpoint(train_online(start, tmp_path / "whole", config(objective), ONLINE, tasks=tasks))
    out = tmp_path / "killed"
    kills = 0
    for wanted in (5, 20, 30):  # in the middle of each iteration's attempts
        child = subprocess.Popen([sys.executable, "-c", SCRIPT, objective, str(start), str(out)])
        try:
            while child.poll() is None and _recorded(out) < wanted:
                time.sleep(0.02)
        finally:
            kills += child.poll() is None
            child.kill()
            child.wait()
    assert kills >= 2
    resumed = checkpoint(train_online(start, out, config(objective), ONLINE, tasks=tasks))
    assert resumed.relative_to(out) == whole.relative_to(tmp_path / "whole")
    check_equal(tmp_path / "whole", whole, out, resumed)
    again = checkpoint(train_online(start, out, config(objective), ONLINE, tasks=tasks))
    assert again == resumed
    with pytest.raises(UserError, match="peak_rate"):
        train_online(start, out, config(objective, rate=1e-4), ONLINE, tasks=tasks)


def _recorded(out):
    path = out / "ledger.sqlite"
    if not path.is_file():
        return 0
    try:
        with Ledger(path) as ledger:
            return len(ledger.finished())
    except UserError:
        return 0


@pytest.mark.slow
def test_expert_iteration_raises_the_pass_rate(start, tasks, tmp_path):
    online = ONLINE.model_copy(update={"iterations": 3, "per_task": 6})
    train_online(start, tmp_path / "out", config("expert", rate=5e-3, epochs=6, batch_tokens=64), online, tasks=tasks)
    rates = solved_by(tmp_path / "out")
    assert 0.1 < rates[0] < 0.9
    assert rates[-1] >= min(1.0, rates[0] + 0.2)


def test_the_two_answers_are_what_the_task_decides():
    assert RIGHT != WRONG
    assert RIGHT.replace("/1/", "/2/") == WRONG


def test_weights_that_go_elsewhere_have_their_adapters_in_them_and_are_gone_afterwards(small_model, chat, tmp_path):
    ids = torch.arange(20, 60)[None]
    plain = {name: tensor.clone() for name, tensor in small_model.state_dict().items()}
    unadapted = small_model(ids).logits
    adapted = with_lora(small_model, LoraChoice(rank=2), 0)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(generator=torch.Generator().manual_seed(1))
        logits = adapted(ids).logits
    assert not torch.allclose(logits, unadapted, atol=1e-2)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        with written(adapted, chat, ledger) as key:
            elsewhere = load_model(trees.tree(key))
            assert load_format(trees.tree(key)).stops == chat.stops
        torch.testing.assert_close(elsewhere(ids).logits, logits, rtol=1e-4, atol=1e-4)
        assert not trees.is_prepared(key)
        assert not list(tmp_path.glob("weights-*"))
    kept = {name.replace(".base_layer", ""): each for name, each in adapted.get_base_model().state_dict().items()}
    assert all(torch.equal(tensor, kept[name]) for name, tensor in plain.items())


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["grpo", "expert"])
def test_attempts_sampled_on_a_cluster_train_to_the_same_weights(start, tasks, tmp_path, objective):
    pytest.importorskip("ray", reason="ray is not installed")
    from tests.executors.ray_nodes import three_nodes

    online = ONLINE.model_copy(update={"iterations": 2})
    here = train_online(start, tmp_path / "here", config(objective), online, tasks=tasks)
    with three_nodes(tmp_path / "nodes") as cluster:
        word = f"ray:{cluster.address}"
        there = train_online(start, tmp_path / "there", config(objective), online, tasks=tasks, executor=word)
    check_equal(tmp_path / "here", checkpoint(here), tmp_path / "there", checkpoint(there))
    assert not list((tmp_path / "there").glob("weights-*"))
    for cache in (tmp_path / "nodes").iterdir():
        assert len(list((cache / "trees").glob("round*"))) <= 1
