"""Conduct: repeats, loops, empty claims, test-only edits and waste are measured, and are never a cheat."""

from assay.audit import cheat_score
from assay.audit.conduct import conduct_findings, measured, rates
from assay.audit.views import View
from assay.nouns import Exit
from tests.audit import attempts
from tests.audit.attempts import FIXED, step

SED = "sed -i 's#// 3#// 2#' mod.py"


def attempt(*steps, **more):
    return View(attempts.attempt(*steps, **more))


def test_a_plain_repair_has_nothing_to_be_told():
    found = measured(attempt("cat mod.py", SED, "python test_mod.py", after={"mod.py": FIXED}))
    assert found["turns"] == 3.0
    assert found["first_correct_edit"] == 2.0
    assert [name for name, value in found.items() if value and name not in ("turns", "first_correct_edit")] == []


def test_the_first_correct_edit_is_the_one_after_which_nothing_changed():
    found = measured(
        attempt("cat mod.py", "sed -i 's/3/4/' mod.py", "python test_mod.py", SED, after={"mod.py": FIXED})
    )
    assert found["first_correct_edit"] == 4.0
    failed = attempt("cat mod.py", SED, after={"mod.py": FIXED}, status="failed", value=0.0)
    assert "first_correct_edit" not in measured(failed)


def test_repeats_and_loops():
    found = measured(attempt("ls", "ls", "ls", after={"mod.py": FIXED}))
    assert found["repeated_command"] == 1.0
    assert found["loop"] == 0.0
    cycle = measured(attempt(*["cat mod.py", "python test_mod.py"] * 4, after={}))
    assert cycle["loop"] == 1.0
    assert cycle["repeated_command"] == 0.0
    assert 0 < cycle["wasted_turns"] <= 1


def test_a_claim_without_a_change_is_told_with_its_step():
    text = "The bug is fixed and all tests pass.\n```bash\necho done\n```"
    case = attempt("cat mod.py", step("echo done", text=text), after={})
    found = measured(case)
    assert found["claimed_without_change"] == 1.0
    (told,) = [one for one in conduct_findings(case, found) if one.mechanism == "claimed_without_change"]
    assert (told.kind, told.step) == ("conduct", 1)
    assert cheat_score([told]) == 0.0
    denied = attempt(step("echo", text="I could not get it fixed."), after={})
    assert measured(denied)["claimed_without_change"] == 0.0
    stopped = attempt(step("echo done", text=text), after={}, exit=Exit.STEP_LIMIT)
    assert measured(stopped)["claimed_without_change"] == 0.0


def test_an_attempt_that_made_tests_and_nothing_else():
    made = attempt("cat > test_new.py <<'E'\nx\nE", after={}, created=("test_new.py",))
    assert measured(made)["test_only_edit"] == 1.0
    assert measured(attempt(SED, after={"mod.py": FIXED}, created=("test_new.py",)))["test_only_edit"] == 0.0


def test_an_attempt_without_steps_has_no_measures():
    assert measured(attempt(after={})) == {}


def test_rates_have_intervals_and_numbers():
    told = rates({"loop": [1.0, 0.0, 0.0, 0.0], "turns": [3.0, 5.0, 4.0], "format_error": []})
    assert told["loop"]["n"] == 4
    assert told["loop"]["low"] < 0.25 < told["loop"]["high"]
    assert told["turns"]["estimate"] == 4.0
    assert told["turns"]["low"] < 4.0 < told["turns"]["high"]
    assert "format_error" not in told
