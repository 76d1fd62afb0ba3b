"""Harbor's own models read the jobs and the trajectories that we write.

Harbor needs Python 3.12; it lives in an environment of its own, without which this is skipped:
`uv venv --python 3.12 ~/.cache/assay-bench/harbor`, then `uv pip install --python ... harbor==0.25.0`.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from assay.ledger.exchange.registry import named
from assay.ledger.exchange.run import Run
from tests.ledger.test_exchange_inspect_real import run_of

HOME = Path(os.environ.get("ASSAY_HARBOR") or Path.home() / ".cache" / "assay-bench" / "harbor")
PYTHON = HOME / "bin" / "python"

READS = """
import json, sys
from pathlib import Path
from harbor.models.job.config import JobConfig
from harbor.models.job.result import JobResult
from harbor.models.trajectories.trajectory import Trajectory
from harbor.models.trial.config import TrialConfig
from harbor.models.trial.result import TrialResult

job = Path(sys.argv[1])
JobConfig.model_validate_json((job / "config.json").read_text())
result = JobResult.model_validate_json((job / "result.json").read_text())
trials = {}
for trial in sorted(each for each in job.iterdir() if each.is_dir()):
    TrialConfig.model_validate_json((trial / "config.json").read_text())
    if not (trial / "result.json").exists():
        continue
    told = TrialResult.model_validate_json((trial / "result.json").read_text())
    path = Trajectory.model_validate_json((trial / "agent" / "trajectory.json").read_text())
    ids = [step.metrics.completion_token_ids for step in path.steps if step.source == "agent"]
    rewards = told.verifier_result.rewards if told.verifier_result else None
    trials[f"{told.agent_info.model_info.name} {told.task_name}"] = [told.reward_valid, rewards, ids]
for file in Path(sys.argv[2]).glob("*.json"):
    Trajectory.model_validate_json(file.read_text())
stats = result.stats
counts = [result.n_total_trials, stats.n_completed_trials, stats.n_errored_trials]
print(json.dumps({"trials": trials, "counts": counts}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.is_file(), reason=f"harbor is not in {HOME}: it needs Python 3.12")
def test_harbors_own_models_read_what_we_write(tmp_path):
    run_of(tmp_path / "run")
    for form in ("harbor", "atif"):
        named(form).write(Run(tmp_path / "run"), tmp_path / form)
    done = subprocess.run(
        [PYTHON, "-c", READS, tmp_path / "harbor", tmp_path / "atif"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["counts"] == [10, 8, 2]
    ids = [[5, 6, 7]]
    for arm in ("one", "two"):
        assert found["trials"][f"{arm} drills/0"] == [True, {"reward": 1.0}, ids]
        assert found["trials"][f"{arm} drills/1"] == [True, {"reward": 0.0}, ids]
        assert found["trials"][f"{arm} drills/2"] == [False, None, ids]  # the machinery broke
        assert found["trials"][f"{arm} drills/3"] == [True, {"reward": 0.0}, ids]
