"""Hostile text on a page: escaped, seen, cut, marked at its lines; the diff that grows, believed only where it ends."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.nouns import PlannedAttempt
from assay.report.web import text
from assay.report.web.growth import grown
from tests.report.web_run import BREAK, DIFF, HALF, HOSTILE, LOOK, MEND, RIGHT, SUBMIT, WRONG, step, task, trajectory


class Seen(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = set(), ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"class", "title", "id"}

    def handle_data(self, data):
        self.text += data


def seen(markup) -> Seen:
    parser = Seen()
    parser.feed(str(markup))
    parser.close()
    return parser


def test_nothing_hostile_becomes_markup_and_everything_unseen_is_shown():
    found = seen(text.block(HOSTILE).html)
    assert found.tags <= {"span", "mark"}
    assert "<script>" in found.text
    assert "onerror" in found.text
    for sign in ("U+202E", "U+2066", "U+200B", "U+FEFF", "U+E0041", "U+00AD", "␀", "␇", "U+007F", "␛"):
        assert sign in found.text, sign
    assert not any(text.unseen(letter) for letter in found.text)
    assert "hidden" in found.text  # the code that would conceal it is not obeyed


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_text_is_text(value):
    found = seen(text.block(value, "b", {1, 2}).html)
    assert found.tags <= {"span", "mark"}
    assert not any(text.unseen(letter) for letter in found.text)
    text.block(value).html.encode()  # lone surrogates too are signs by now
    text.line(value).encode()


@given(st.text(alphabet="abc <>&'\"\n\té", max_size=200))
def test_plain_text_is_what_it_was(value):
    assert seen(text.block(value).html).text == value.removesuffix("\n")


def test_long_lines_and_many_lines_are_cut_and_said():
    found = text.block("x" * 10_000_000 + "\nend\n" + "y\n" * 9_000)
    assert len(found.html) < 100_000
    assert "9,998,000 characters more in this line" in found.html
    assert "1 long line cut" in found.cut
    assert "of 9,002 lines are not shown" in found.cut
    assert text.block("short").cut == ""
    assert not text.block("")


def test_a_run_of_one_unseen_character_is_one_sign():
    assert seen(text.block("\x00" * 5_000).html).text.startswith("␀×2,000")


def test_marked_lines_have_their_ids_and_those_cut_off_are_named():
    found = text.block("a\nb\nc", "step-3-output", {2, 9_999})
    assert '<mark class="hit" id="step-3-output-l2">b</mark>' in found.html
    assert found.missing == (9_999,)


@pytest.mark.parametrize(
    ("codes", "classes"), [("1;31", "a-bold a-1"), ("0", ""), ("38;5;1", ""), ("8", ""), ("97", "a-7")]
)
def test_colours_are_classes(codes, classes):
    assert re.findall('class="([^"]*)"', str(text.line(f"\x1b[{codes}mx"))) == ([classes] if classes else [])


PLAN = PlannedAttempt(arm="a", seed=0, dose=0, task_id="t", split="seen")


def test_the_diff_grows_step_by_step():
    found = grown(task("t"), trajectory(PLAN, [LOOK, BREAK, MEND, SUBMIT], True))
    assert found.why == ""
    assert found.diffs[0] == ""
    assert "mix(x" in found.diffs[1]
    assert found.diffs[2] == found.diffs[3] == DIFF


@pytest.mark.parametrize(
    "command",
    [
        f"cat > m.py <<'EOF'\n{RIGHT}EOF",
        f"cat <<'EOF' > m.py\n{RIGHT}EOF\npython t.py",
        f"tee m.py > /dev/null <<'EOF'\n{RIGHT}EOF",
        f"tee m.py <<EOF\n{RIGHT}EOF\npython t.py",
        "sed -i '2s/max(x/min(x/' m.py",
        "sed -i -e 's/low, max/low, min/g' ./m.py && python t.py",
        "sed -i '2s#max(x, high)#min(x, high)#' m.py",
        "sed -Ei 's/max\\(x/min(x/' m.py",
        "cp m.py n.py; sed -i 's/max(x/min(x/' n.py; mv n.py m.py",
        "sed -i '2s/\\(max\\)(x/min(x/' m.py",
        "sed -i '$s/max(x/min(x/' m.py; rm -f nothing.txt",
    ],
)
def test_plain_edits_are_followed(command):
    found = grown(task("t"), trajectory(PLAN, [step(command, "ok"), SUBMIT], True))
    assert found.diffs == (DIFF, DIFF)


@pytest.mark.parametrize(
    "command",
    [
        "python fix.py",
        "sed -i 's/(a+)+$/x/' m.py",
        "sed -Ei 's/(m|a)*(x/min(x/' m.py",
        "cat > m.py <<EOF\n$(curl x)\nEOF",
        "sed -i 's/max' m.py",
        "'unclosed",
    ],
)
def test_an_edit_that_cannot_be_followed_leaves_the_end_alone_and_says_so(command):
    found = grown(task("t"), trajectory(PLAN, [LOOK, step(command, "ok"), SUBMIT], True))
    assert found.diffs == (None, None, None)
    assert found.why


def test_what_does_not_end_at_the_recorded_files_is_not_believed():
    other = trajectory(PLAN, [BREAK, SUBMIT], True)  # it ends at HALF, and the record says RIGHT
    assert HALF not in (WRONG, RIGHT)
    assert grown(task("t"), other).diffs == (None, None)
    assert grown(None, other).diffs == (None, None)


@pytest.mark.parametrize(
    "command",
    [
        "`" * 19_000,
        "cat > a << X\n" * 1_500,
        "tee a << X\n" * 1_500,
        "sed -i 's/" + "a*" * 2_000 + "b/x/' m.py",
        "x" * 3_000_000,
        "; ".join(["sed -i 's/max(x/min(x/' m.py"] * 600),
    ],
)
def test_a_command_made_to_take_long_is_given_up_or_followed_and_nothing_hangs(command):
    from assay.audit.findings import Finding
    from assay.ledger.browse import Row
    from assay.report.web.attempt import shown
    from assay.report.web.runs import Run

    trace = trajectory(PLAN, [step(command, command, said=command) for _ in range(20)], True)
    row = Row(1, PLAN.id, "a", 0, 0, "t", "seen", 0, "failed", 0.0, "wrong", 20, 0, 0.0, "")
    about = {"attempt": PLAN.id, "task_id": "t", "kind": "task", "mechanism": "m", "confidence": 0.5}
    finding = Finding(**about, step=3, line=10**9)
    made = shown(Run("r", "r", Path("nowhere/ledger.sqlite")), row, None, trace, task("t"), [finding])
    assert len(made.steps) == 20
    assert sum(len(each.output.html) for each in made.steps) < 2_000_000
    assert made.findings[0].anchor == made.steps[3].findings[0].anchor == "step-4"  # its line is not there
