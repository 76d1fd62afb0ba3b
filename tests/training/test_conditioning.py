"""Score conditioning: tags per task, what a conditional model gives for a requested score, and no extrapolation."""

import numpy as np
import pytest
import torch

from assay.ledger import Ledger
from assay.models.weights import new_model, use_one_thread
from assay.nouns import Message, Role
from assay.training.conditioning import TOP, asking_for, calibration, deciles, tag_text, tagged
from assay.training.config import TrainConfig
from assay.training.examples import Example
from assay.training.forward import target_logprobs
from assay.training.online import train_online
from assay.training.online_config import OnlineConfig
from assay.training.packing import pack
from tests.conftest import ARCHITECTURE
from tests.training.bandit import bandit, undecided

# tags


def test_tags_by_share_of_the_best():
    assert deciles([0.0, 0.05, 0.1, 0.11, 0.7, 0.91, 1.0]) == [1, 1, 1, 2, 7, 10, 10]
    assert deciles([0.0, 1.0, None, 0.0]) == [1, 10, None, 1]
    assert deciles([2.0, 4.0]) == [5, 10]  # for its task, not by itself
    assert deciles([2.0, 4.0], best=8.0) == [3, 5]
    assert deciles([0.0, 0.0]) == [1, 1]
    assert deciles([None]) == [None]
    # 0.7 and 3 * 0.1 are not what they look like in floats
    assert deciles([3 * 0.1, 0.7], best=1.0) == [3, 7]


def test_tags_by_rank_part_a_task_into_tenths():
    rng = np.random.default_rng(0)
    tags = deciles(rng.permutation(100).astype(float).tolist(), by="rank")
    assert np.bincount(tags)[1:].tolist() == [10] * 10
    assert deciles([0.0, 0.0, 1.0, 1.0], by="rank") == [3, 3, 8, 8]


@pytest.mark.parametrize("scores", [[-0.1, 1.0], [float("nan")], [float("inf")]])
def test_a_score_that_is_none_has_no_tag(scores):
    with pytest.raises(ValueError, match="0 or more"):
        deciles(scores)
    with pytest.raises(ValueError, match="above"):
        deciles([0.5, 1.0], best=0.9)


def test_what_is_sampled_reads_what_was_trained():
    from assay.agents import ShellConfig

    prompt = [Message(role=Role.SYSTEM, content="s"), Message(role=Role.USER, content="mend {it}")]
    shown = tagged(prompt, 7)
    assert [m.content for m in shown] == ["s", "score 7/10\nmend {it}"]
    asked = asking_for(7, ShellConfig(instance="{instruction}"))
    assert asked.instance.format(instruction="mend {it}") == shown[1].content
    with pytest.raises(ValueError, match="no place"):
        tagged(prompt[:1], 1)


# a tabular conditional model: what maximum likelihood gives for each requested tag


def table(rng, tasks=40, attempts=200, actions=30):
    """Attempts of a policy at tasks whose actions score differently: (task, action, score) rows."""
    worth_TA = rng.gamma(2.0, 1.0, (tasks, actions)) * rng.uniform(0.2, 5.0, (tasks, 1))
    task_N = np.repeat(np.arange(tasks), attempts)
    action_N = rng.integers(actions, size=len(task_N))
    return worth_TA, task_N, action_N, worth_TA[task_N, action_N]


class Tabular:
    """P(action | task, tag) by counting. A tag that was never seen falls back on the nearest seen one."""

    def __init__(self, task_N, action_N, tag_N):
        self.rows = {}
        for task, action, tag in zip(task_N, action_N, tag_N, strict=True):
            self.rows.setdefault((task, tag), []).append(action)

    def sample(self, task, tag, rng):
        known = [seen for of, seen in self.rows if of == task]
        nearest = min(known, key=lambda seen: abs(seen - tag))
        return rng.choice(self.rows[task, nearest])


@pytest.fixture(scope="module")
def tabular():
    rng = np.random.default_rng(4)
    worth_TA, task_N, action_N, score_N = table(rng)
    tag_N = np.zeros(len(task_N), dtype=int)
    standing_N = np.zeros(len(task_N))  # the score's standing within its task, comparable between tasks
    for task in range(len(worth_TA)):
        mine = task_N == task
        tag_N[mine] = deciles(score_N[mine].tolist(), by="rank")
        standing_N[mine] = score_N[mine] / score_N[mine].max()
    model = Tabular(task_N, action_N, tag_N)
    best = np.array([score_N[task_N == task].max() for task in range(len(worth_TA))])
    requested, achieved = [], []
    for tag in range(1, TOP + 2):
        for task in range(len(worth_TA)):
            for _ in range(15):
                requested.append(tag)
                achieved.append(worth_TA[task, model.sample(task, tag, rng)] / best[task])
    return task_N, tag_N, standing_N, np.array(requested), np.array(achieved)


def test_the_mean_achieved_for_a_requested_bin_is_the_bins_mean(tabular):
    task_N, tag_N, standing_N, requested, achieved = tabular
    report = calibration(requested, achieved)
    for tag, mean, error in zip(report.tags[:TOP], report.mean, report.error, strict=False):
        # tasks count alike in what was requested, so they do in the bin; a task may lack a bin
        per_task = []
        for task in range(task_N.max() + 1):
            mine = task_N == task
            seen = sorted(set(tag_N[mine]), key=lambda each: abs(each - tag))
            per_task.append(standing_N[mine & (tag_N == seen[0])].mean())
        assert abs(mean - np.mean(per_task)) < 3 * error


def test_requested_and_achieved_go_together_and_the_top_is_the_top(tabular):
    _, _, standing_N, requested, achieved = tabular
    report = calibration(requested, achieved)
    assert report.rank_correlation >= 0.8
    assert report.mean[TOP - 1] >= np.quantile(standing_N, 0.8)
    assert list(report.mean[:TOP]) == sorted(report.mean[:TOP])


def test_a_tag_above_the_range_does_not_beat_the_top_one(tabular):
    report = calibration(tabular[3], tabular[4])
    assert report.beyond is not None
    assert not report.extrapolates
    # and the test can fail: a model that did extrapolate would be found
    better = tabular[4].copy()
    better[tabular[3] == TOP + 1] += 0.1
    assert calibration(tabular[3], better).extrapolates


def test_tags_that_say_nothing_are_found_out():
    rng = np.random.default_rng(1)
    report = calibration(np.repeat(np.arange(1, 12), 50), rng.random(550))
    assert abs(report.rank_correlation) < 0.2
    with pytest.raises(ValueError, match="at least one"):
        calibration([], [])
    assert calibration([3], [0.5]).beyond is None


# a small model, trained on everything with its tag


@pytest.mark.slow
def test_a_small_model_gives_what_is_asked_for_and_no_more(chat):
    """Answers are letters that score 0.1 to 1.0, all equally frequent: the bad ones are learned from as well."""
    use_one_thread(0)
    letters = [chat.tokenizer.token_to_id(letter) for letter in "abcdefghij"]
    rng = np.random.default_rng(2)
    examples = []
    for _ in range(600):
        place = int(rng.integers(10))
        (tag,) = deciles([(place + 1) / 10], best=1.0)
        said = Message(role=Role.ASSISTANT, content="", token_ids=(letters[place], chat.end))
        prompt = tagged([Message(role=Role.USER, content="sort the mill")], tag)
        ids, in_loss = chat.render([*prompt, said])
        examples.append(Example(tuple(ids), tuple(in_loss)))
    model = new_model(ARCHITECTURE, 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(150):
        chosen = [examples[place] for place in rng.permutation(600)[:32]]
        for group in optimizer.param_groups:
            group["lr"] = 5e-3 * (1 - step / 150)
        loss = sum(-target_logprobs(model, row).sum() for row in pack(chosen, 1024)) / 64
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    requested, achieved = [], []
    worth = np.zeros(ARCHITECTURE.vocabulary)
    worth[letters] = np.arange(1, 11) / 10
    for tag in range(1, TOP + 2):
        prompt = tagged([Message(role=Role.USER, content="sort the mill")], tag)
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([chat.prompt(prompt)])).logits[0, -1]
        drawn = rng.choice(len(worth), size=200, p=torch.softmax(logits.double(), 0).numpy())
        requested += [tag] * 200
        achieved += worth[drawn].tolist()
    report = calibration(requested, achieved)
    assert report.rank_correlation >= 0.8
    assert report.mean[TOP - 1] >= 0.8
    for tag in range(1, TOP + 1):
        assert abs(report.mean[tag - 1] - tag / 10) < 0.1
    assert not report.extrapolates


@pytest.mark.slow
def test_rounds_of_conditioning_in_real_sandboxes(chat, tmp_path):
    tasks = [bandit(0), bandit(1)]
    start = undecided(chat, tasks, tmp_path / "start")
    online = OnlineConfig(groups=2, group=10, iterations=2, max_new_tokens=64, slots=12, calibration=8)
    config = TrainConfig(
        objective="conditioned", epochs=20, batch_tokens=512, pack_tokens=512, peak_rate=5e-3, warmup=0
    )
    said = []
    result = train_online(start, tmp_path / "out", config, online, tasks=tasks, say=said.append)
    with Ledger(tmp_path / "out" / "ledger.sqlite") as ledger:
        facts = [ledger.fact(f"round/{number:03d}") for number in range(2)]
        assert [fact["kept"] for fact in facts] == [20, 20]  # the failed ones too
        assert ledger.fact("calibration") == result["calibration"]
        asked = [plan for plan in ledger.planned() if plan.arm.startswith("conditioned, asked")]
        assert len(asked) == 3 * 2 * 8
        assert all(ledger.attempt(plan.id) is not None for plan in asked)
        for plan in asked:
            first = ledger.trajectory(plan.id).prompt[0].content
            assert first.startswith(tag_text(int(plan.arm.split()[-1].split("/")[0])))
    report = result["calibration"]
    assert report["tags"] == [1, TOP, TOP + 1]
    assert report["n"] == [2, 2, 2]
    assert facts[1]["reward_mean"] > facts[0]["reward_mean"]  # the second round asked for the top score
    assert report["mean"][1] > report["mean"][0] + 0.4
    assert not report["extrapolates"]
    assert any("does not beat the top one" in line for line in said)
    again = train_online(start, tmp_path / "out", config, online, tasks=tasks)
    assert again["calibration"] == report
