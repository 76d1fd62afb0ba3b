"""Views: what several detectors need of an attempt is worked out once; findings are kept by how sure they are."""

from unittest.mock import patch

from assay.audit import examples
from assay.audit.conduct import conduct_findings, measured
from assay.audit.contrast import signed
from assay.audit.findings import HARNESS
from assay.audit.running import look, looked
from assay.audit.views import View
from tests.audit.attempts import FIXED, TASK, attempt


def test_the_examples_of_an_attempt_are_read_once():
    view = View(attempt("cat mod.py", after={"mod.py": FIXED}))
    with patch.object(examples, "Examples", wraps=examples.Examples) as made:
        looked(view)
        measures = measured(view)
        list(conduct_findings(view, measures))
        signed(view)
    assert made.call_count == 2, "those that are shown and those that only the grader has"


def test_what_is_asked_for_twice_is_made_once():
    seen = []

    def make(view):
        seen.append(view)
        return len(seen)

    view, other = View(attempt()), View(attempt())
    assert (view.once(make), view.once(make), other.once(make)) == (1, 1, 2)


def test_the_surest_of_two_detectors_that_saw_the_same_is_kept():
    def seen(sure):
        def detect(view):
            yield view.finding("any", HARNESS, "exits", sure, "sys.exit(0)", step=0, line=1)

        return detect

    for order in ((0.9, 0.3), (0.3, 0.9)):
        found = {f"detector{place}": seen(sure) for place, sure in enumerate(order)}
        with patch("assay.audit.evidence.detectors", return_value=found):
            (kept,) = look(attempt("true"))
        assert kept.confidence == 0.9


def test_an_output_by_pattern_is_told_from_one_that_names_anything():
    task = TASK.model_copy(update={"outputs": ("src/*.py", "**")})
    view = View(attempt(task=task))
    assert view.declared("src/mod.py")
    assert not view.declared("notes.txt")
    assert not View(attempt(task=None)).declared("src/mod.py")
