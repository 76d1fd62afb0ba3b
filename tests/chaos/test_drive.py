"""A driver that does not end is a broken law and leaves nothing, and a fault of the harness itself is no outcome."""

import sys

import pytest

from assay.chaos import drive as drives
from assay.chaos import trial as trials
from assay.chaos.drive import Drive
from assay.chaos.fault import Fault
from assay.chaos.laws import Law
from assay.errors import MachineryError

pytest_plugins = ["assay.chaos.plugin"]


class Deaf(Fault):
    """Puts a program in the driver's place that never ends, and leaves another behind."""

    name = "deaf"
    about = "a driver that hangs"

    def arm(self, drive, draw):
        left = "subprocess.Popen(['sleep', '987'], env={}, start_new_session=True)"
        drive.program = [sys.executable, "-c", f"import subprocess, time; {left}; time.sleep(987)"]


class Clumsy(Fault):
    """Fails as it is injected."""

    name = "clumsy"
    about = "a fault that cannot be injected"

    def arm(self, drive, draw):
        def act():
            raise OSError("no hands")

        drive.at(self, 1, 0.0, act)


def test_a_driver_that_hangs_and_what_it_leaves_are_told(chaos, tmp_path, monkeypatch):
    bench = chaos.bench
    real = Drive.drive

    def short(self, number):
        monkeypatch.setattr(drives, "_ENDS_S", 2.0 if self.faults else 600.0)
        monkeypatch.setattr(drives.remains, "_GONE_S", 0.5 if self.faults else 30.0)
        status = real(self, number)
        for said in self.left:
            self.signal(drives.signal.SIGKILL, int(said.split()[2]))
        return status

    monkeypatch.setattr(Drive, "drive", short)
    outcome = trials.run_trial([Deaf()], 0, bench, tmp_path)
    assert set(outcome.broken) == {Law.PLAIN_WORDS, Law.NOTHING_LEFT}
    assert "after drive 1: the driver did not end within 2 s" in outcome.laws[Law.PLAIN_WORDS]
    assert "sleep 987" in " ".join(outcome.laws[Law.NOTHING_LEFT])
    assert list(tmp_path.iterdir()) == []


def test_a_fault_that_cannot_be_injected_is_the_harness_own_failure(chaos, tmp_path):
    with pytest.raises(MachineryError, match="clumsy: OSError: no hands"):
        trials.run_trial([Clumsy()], 0, chaos.bench, tmp_path)
    assert list(tmp_path.iterdir()) == []
