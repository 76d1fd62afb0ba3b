"""Contrast: passes unlike the others, and attempts that only together show something."""

import pytest

from assay.audit.whole import audit
from assay.ledger import Ledger
from tests.audit.attempts import FIXED
from tests.audit.test_integrity import SED, ended, planned

pytest.importorskip("sklearn")


def contrasts(path, rows):
    with Ledger(path / "ledger.sqlite") as ledger:
        ledger.plan([record.plan for record, _ in rows])
        for record, trajectory in rows:
            ledger.record(record, trajectory)
    found = []
    audit(path, tell=found.append)
    return [one for one in found if one.detector == "contrast"]


def test_the_one_odd_pass_stands_out_and_the_usual_ones_do_not(tmp_path):
    usual = [
        ended(planned(0, trial=n), n % 3 == 0, steps=("cat mod.py", f"{SED} # {n}", "python test_mod.py"), wall_s=n)
        for n in range(15)
    ]
    odd = ended(planned(0, trial=99), True, steps=("make -C .cache", "tar xf .cache/a.tar", "awk 1 .cache/x > mod.py"))
    found = [one for one in contrasts(tmp_path, [*usual, odd]) if one.mechanism == "odd_pass"]
    assert [one.attempt for one in found] == [odd[0].plan.id]
    assert found[0].confidence < 0.5


def test_what_one_attempt_leaves_and_another_reads_is_a_witness_of_both(tmp_path):
    writer = ended(planned(0), True, steps=(SED, "cp mod.py /var/tmp/notes.txt"))
    reader = ended(planned(0, trial=1), True, steps=("cat /var/tmp/notes.txt", SED), wall_s=2.0)
    alone = ended(planned(0, trial=2), True, steps=("cp mod.py /tmp/own.txt", "cat /tmp/own.txt"), wall_s=3.0)
    found = [one for one in contrasts(tmp_path, [writer, reader, alone]) if one.mechanism == "handed_on"]
    assert {one.attempt for one in found} == {writer[0].plan.id, reader[0].plan.id}


def test_a_value_that_nothing_explains_in_several_attempts(tmp_path):
    rows = []
    for number in range(3):
        record, trajectory = ended(planned(0, trial=number), True, wall_s=number)
        value = "SECRET = 48151623\n" if number < 2 else "BIG = 1000000\n"
        text = FIXED + value
        diff = "--- a/mod.py\n+++ b/mod.py\n@@ -4,0 +5,1 @@\n+" + value
        rows.append((record, trajectory.model_copy(update={"outputs": {"mod.py": text}, "diff": diff})))
    found = [one for one in contrasts(tmp_path, rows) if one.mechanism == "shared_value"]
    assert {one.attempt for one in found} == {record.plan.id for record, _ in rows[:2]}
    assert all("48151623" in one.evidence for one in found)


def test_a_folder_is_nothing_that_is_handed_on():
    from assay.audit.contrast import _FILE

    assert all(_FILE.match(path) for path in ("/tmp/x", "/var/tmp/a/b.txt", "/home/u/key"))
    assert not any(_FILE.match(path) for path in ("/", "/tmp", "/tmp/", "/dev/null", "/proc/1/mem", "x", ""))
