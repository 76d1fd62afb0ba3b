"""The check `answers`, in the real sandbox with sympy: what is equal, what is not, what tries to break it."""

import asyncio
import contextlib
import importlib.util
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import UserError
from assay.grading import grade
from assay.grading.answers import grader as answers
from assay.grading.answers.extract import (
    NoAnswer,
    extract,
    plain_number,
    plain_text,
    without_percent,
    without_unit,
)
from assay.grading.answers.parse import FORMS, parse
from assay.grading.answers.tokens import Unreadable
from assay.nouns import GraderSpec, Reason, Task, Validity


def make(expected, **changes) -> Task:
    return Task(
        id="toy/answer",
        source="toy",
        split="test",
        family="answer",
        instruction="Answer in answer.txt.",
        files={},
        outputs=("answer.txt",),
        gold={"answer.txt": "x"},
        grader=GraderSpec(kind="answers", data={"path": "answer.txt", "expected": expected, **changes}),
    )


def judge(expected, text, **changes):
    return asyncio.run(grade(make(expected, **changes), {"answer.txt": text}))


async def _several(rows):
    return [await grade(make(expected, **changes), {"answer.txt": text}) for expected, text, _, changes in rows]


def table(rows):
    """Check rows of (expected, given, right, options) and return those that came out otherwise."""
    verdicts = asyncio.run(_several(rows))
    return [
        (expected, text, verdict.reason, verdict.detail)
        for (expected, text, right, _), verdict in zip(rows, verdicts, strict=True)
        if verdict.value != float(right)
    ]


NUMBER = {"form": "number"}
TOLERANT = {"form": "number", "tolerance": {"absolute": 0.01}}
RELATIVE = {"form": "number", "tolerance": {"relative": 1e-3}}


def test_numbers():
    assert (
        table(
            [
                ("1/2", "0.5", True, NUMBER),
                ("1/2", "  0.50\n", True, NUMBER),
                ("1/2", r"$\frac{1}{2}$", True, NUMBER),
                ("1/2", r"\dfrac12.", True, NUMBER),
                ("1/2", "2/4", True, NUMBER),
                ("1/2", "x = 1/2", True, NUMBER),
                ("7/2", r"3\frac{1}{2}", True, NUMBER),
                ("-7/2", r"-3\frac{1}{2}", True, NUMBER),
                ("1000", "1,000", True, NUMBER),
                ("1000000", r"1{,}000{,}000", True, NUMBER),
                ("1000", "1e3", True, NUMBER),
                ("2*sqrt(2)", r"\sqrt{8}", True, NUMBER),
                ("sqrt(2)/2", r"\frac{1}{\sqrt2}", True, NUMBER),
                ("5+2*sqrt(6)", r"(\sqrt2+\sqrt3)^2", True, NUMBER),
                ("pi", "π", True, NUMBER),
                ("-1", r"e^{i\pi}", True, NUMBER),
                ("3", r"\log_2 8", True, NUMBER),
                ("120", "5!", True, NUMBER),
                ("10", r"\binom{5}{2}", True, NUMBER),
                ("2", "|{-2}|", True, NUMBER),
                ("6", r"\lfloor 6.9 \rfloor", True, NUMBER),
                ("1/2", r"\sin 30 \cdot \pi / 180", False, NUMBER),
                ("1/2", r"\sin(\pi/6)", True, NUMBER),
                ("1/3", "0.33", False, NUMBER),
                ("1/3", "0.3333333333333333333333333", False, NUMBER),
                ("1/3", "0.33", True, TOLERANT),
                ("1/3", "0.35", False, TOLERANT),
                ("1000", "1000.9", True, RELATIVE),
                ("1000", "1002", False, RELATIVE),
                ("pi", "3.14", True, TOLERANT),
                ("pi", "3.14159265358979323846264338327950288419716939937510582097494459", False, NUMBER),
                ("pi", "22/7", False, NUMBER),
                ("262537412640768744", r"e^{\pi\sqrt{163}}", False, NUMBER),
                ("0", "-0", True, NUMBER),
                ("0", "10^{-40}", False, NUMBER),
                ("5", r"5 + \pi \cdot 10^{-999}", False, NUMBER),
                ("sqrt(2)+sqrt(3)", r"\sqrt{5+2\sqrt{6}}", True, NUMBER),
                ("sqrt(2)+sqrt(3)", r"\sqrt{5+2\sqrt{6}} + 10^{-999}", False, NUMBER),
                ("5", "-5", False, NUMBER),
                ("5", "5 or 6", False, NUMBER),
                ("5", "5, 6", False, NUMBER),
                ("5", r"\pm 5", False, NUMBER),
                ("5", "[5, 6]", False, NUMBER),
                ("5", "(4, 5)", False, NUMBER),
                ("5", "4 5", False, NUMBER),
                ("5", "4 = 5", False, NUMBER),
                ("5", "5 = 5", False, NUMBER),
                ("5", "x", False, NUMBER),
                ("5", "the answer is 5", False, NUMBER),
                ("5", "", False, NUMBER),
                ("5", " \n ", False, NUMBER),
                ("5", "$$", False, NUMBER),
                ("5", "nan", False, NUMBER),
                ("5", "oo", False, NUMBER),
                ("oo", r"\infty", True, NUMBER),
                ("oo", "-oo", False, NUMBER),
                ("oo", "nan", False, NUMBER),
                ("0", "1/0", False, NUMBER),
                ("0", "0/0", False, NUMBER),
                ("0", "0*oo", False, NUMBER),
                ("1", "0^0", False, NUMBER),
                (["1", "2"], "2", True, NUMBER),
                (["1", "2"], "3", False, NUMBER),
            ]
        )
        == []
    )


def test_percent_and_units_only_when_declared():
    percent = {**NUMBER, "percent": True}
    length = {**NUMBER, "units": ["cm", "centimetres", "cm^2"]}
    assert (
        table(
            [
                ("0.5", "50%", False, NUMBER),
                ("0.5", "50%", True, percent),
                ("50%", r"50\%", True, percent),
                ("50%", "50", False, percent),
                ("50%", "1/2", True, percent),
                ("5", "5 cm", False, NUMBER),
                ("5", "5 cm", True, length),
                ("5", r"$5\text{ cm}$", True, length),
                ("5 cm", "5", True, length),
                ("5", r"5\,\mathrm{cm}", True, length),
                ("5", "5 cm^2", True, length),
                ("5", "5 m", False, length),
                ("5", "cm", False, length),
                ("5", "5 cm 6", False, length),
                ("90", r"90^\circ", True, {**NUMBER, "units": [r"^\circ", "degrees"]}),
                ("12.50", r"\$12.50", True, {**NUMBER, "units": [r"\$", "$"]}),
                ("12.50", "12.50", True, {**NUMBER, "units": [r"\$", "$"]}),
            ]
        )
        == []
    )


def test_expressions():
    positive, imaginary = {"assume": "positive"}, {"assume": "complex"}
    assert (
        table(
            [
                ("(x+1)^2", "x^2+2x+1", True, {}),
                ("(x+1)^2", "x^2+2x+2", False, {}),
                ("x^2", "f(x) = x**2", True, {}),
                ("1", r"\sin^2 x + \cos^2 x", True, {"variables": ["x"]}),
                ("sin(2x)", r"2\sin x\cos x", True, {}),
                ("tan(x)", r"\frac{\sin x}{\cos x}", True, {}),
                ("log(x^2)", r"2\ln x", False, {}),
                ("log(x^2)", r"2\ln x", True, positive),
                ("2*log(x)", r"\ln(x^2)", True, {}),
                ("x", r"\sqrt{x^2}", False, {}),
                ("x", r"\sqrt{x^2}", True, positive),
                ("abs(x)", r"\sqrt{x^2}", True, {}),
                ("abs(x)", r"\sqrt{x^2}", False, imaginary),
                ("abs(x-100)", "100-x", False, {}),
                ("x^2", "x^2 + max(0, x - 10^40)", False, {}),
                ("abs(x)", "max(x, -x)", True, {}),
                ("x", r"x + \lfloor x/5000 \rfloor", False, {}),
                ("e^(2x)", r"(e^x)^2", True, {}),
                ("e^(2x)", "exp(2x)", True, {}),
                ("a*b", "ab", True, {}),
                ("xy+yz", "y(x+z)", True, {}),
                ("x_1+x_2", "x_{2}+x_{1}", True, {}),
                ("n(n+1)/2", r"\frac{n^2+n}{2}", True, {}),
                ("n(n+1)/2", r"\binom{n+1}{2}", True, {}),
                (r"\frac{-b+\sqrt{b^2-4ac}}{2a}", r"\frac{2c}{-b-\sqrt{b^2-4ac}}", True, {}),
                (r"2\pi r", "2πr", True, {}),
                ("x/3", "0.33x", False, {}),
                ("x/3", "0.3333x", True, {"tolerance": {"relative": 1e-3}}),
                ("x", "y", False, {}),
                ("x", "x + y - y", False, {}),
                ("x", "x + 0y", True, {"variables": ["x", "y"]}),
                ("x", "", False, {}),
                ("x", "x, -x", False, {}),
                ("x", "x.real", False, {}),
                ("(x^2-1)/(x-1)", "x+1", True, {}),
                ("x+1", "(x^2-1)/(x-1)", True, {}),
                ("1/x", "x/x^2", True, {}),
                (r"\theta^2", "θ²", True, {}),
            ]
        )
        == []
    )


def test_sets_tuples_intervals_matrices_equations():
    some, pair, span, grid, line = ({"form": form} for form in ("set", "tuple", "interval", "matrix", "equation"))
    assert (
        table(
            [
                ("{1, 2}", r"\{2, 1\}", True, some),
                ("{1, 2}", "1, 2", True, some),
                ("{1, 2}", "x = 2 or x = 1", True, some),
                ("{1, 2}", "{1, 2, 2, 4/2}", True, some),
                ("{1, 2}", "{1, 2, 3}", False, some),
                ("{1, 2}", "{1}", False, some),
                ("{1, 2}", "", False, some),
                ("{-3, 3}", r"\pm 3", True, some),
                ("{1-sqrt(2), 1+sqrt(2)}", r"x = 1 \pm \sqrt{2}", True, some),
                ("{}", r"\emptyset", True, some),
                ("{}", "{0}", False, some),
                ("(1, 2)", "(1, 4/2)", True, pair),
                ("(1, 2)", "(x, y) = (1, 2)", True, pair),
                ("(1, 2)", "(2, 1)", False, pair),
                ("(1, 2)", "(1, 2, 3)", False, pair),
                ("(1, 2)", "(1, 2), (3, 4)", False, pair),
                ("[0, 1)", r"\left[0, 1\right)", True, span),
                ("[0, 1)", "[0, 1]", False, span),
                ("[0, 1)", "(0, 1)", False, span),
                ("[0, 1)", "0 <= x < 1", True, span),
                ("[0, 1)", r"1 > x \ge 0", True, span),
                ("(3, oo)", "x > 3", True, span),
                ("(3, oo)", r"x \in (3, \infty)", True, span),
                ("(3, oo)", r"x \ge 3", False, span),
                (r"(-\infty, 0) \cup (0, \infty)", r"\mathbb{R} \setminus \{0\}", True, span),
                (r"(-\infty, 0) \cup (0, \infty)", "x < 0 or x > 0", True, span),
                (r"(-\infty, 0) \cup (0, \infty)", r"(-\infty, \infty)", False, span),
                ("[0, 2]", r"[0, 1] \cup [1, 2]", True, span),
                ("[0, sqrt(2)]", r"[0, \frac{2}{\sqrt{2}}]", True, span),
                ("[0, 1]", "[1, 0]", False, span),
                ("[0, 1]", "[0, y]", False, span),
                ("[0, 1]", "[i, 1]", False, span),
                (r"\emptyset", r"(0, 1) \cap (2, 3)", True, span),
                ("[[1, 2], [3, 4]]", r"\begin{pmatrix} 1 & 2 \\ 3 & \frac{8}{2} \end{pmatrix}", True, grid),
                ("[[1, 2], [3, 4]]", "Matrix([[1, 2], [3, 4]])", True, grid),
                ("[[1, 2], [3, 4]]", "[[1, 2], [4, 3]]", False, grid),
                ("[[1, 2], [3, 4]]", "[[1, 2, 3, 4]]", False, grid),
                ("[[1, 2]]", "[[1], [2]]", False, grid),
                ("[[1, 2]]", "[[1, 2], [3]]", False, grid),
                ("y = 2x + 1", "2x - y + 1 = 0", True, line),
                ("y = 2x + 1", "4x - 2y = -2", True, line),
                ("y = 2x + 1", "y = 2x", False, line),
                ("y = 2x + 1", "0 = 0", False, line),
                ("y = 2x + 1", "y - y = 0", False, line),
                ("y = 2x + 1", "2x + 1", False, line),
            ]
        )
        == []
    )


def test_text():
    text = {"form": "text"}
    assert (
        table(
            [
                ("Paris", " paris. ", True, text),
                ("Paris", r"\text{Paris}", True, text),
                ("New York", "new   york", True, text),
                ("Paris", "Paris or London", False, text),
                ("Paris", "not Paris", False, text),
                ("Paris", "Par", False, text),
                ("Paris", "", False, text),
                ("Paris", "paris", False, {**text, "case_sensitive": True}),
                (["B", "(B)"], "(b)", True, text),
            ]
        )
        == []
    )


BOMBS = [
    "9**9**9**9", "9^{9^{9^9}}", "(9^999)^999", "((10!)!)!", "999999999!", "2^(10^10)", "(1/3)^(10^9)", "10^300^300",
    "(x+1)^1000000", "e^(10^9)", "e^(9^9*pi)", r"\binom{10^9}{5*10^8}", "1e999", "9" * 200, "1/" * 900 + "1",
    "(" * 1000, "-" * 1000 + "5", "sin(" * 100 + "1" + ")" * 100, "2^" * 500 + "2", "x" * 3000, "|" * 300,
    r"\frac" * 300, "{" * 500, "5!!!!!!", "lcm(" + ",".join(str(10**9 + n) for n in range(100)) + ")",
    "gcd(pi, 1)", "((((sqrt(2)+1)^999)^999)^999)", "floor(10^300*pi)", "1e300^0.99999999", "cos(10^300)^999",
]  # fmt: skip
CODE = [
    "__import__('os').system('id')", "().__class__", "x.__class__", "lambda: 5", "[5 for x in (1,)]", "5 if 1 else 6",
    "exec", "eval(5)", "open(5)", "os", "5;import os", "5\nimport os", "{{5}}", "`id`", "$(id)", "5#comment", "'5'",
    '"5"', "5\\", "\\", "\\input{/etc/passwd}", "\\def\\x{5}", "5\0", "\ud800", "５", "٥", "5\u200b", "sympify(5)",
    "S(5)", "Integer(5)", "5_000", "0x5", "5j", "5L", "5e", "5.", "+5", "5 % 6", "5 @ 6", "5 == 5", "~5", "5 & 5",
]  # fmt: skip
HARMLESS = {"5.", "+5", "{{5}}", "~5"}  # these are the number five, as LaTeX writes it too


def test_no_text_makes_the_comparison_hang_fall_or_run_code():
    for text in BOMBS:
        verdict = judge("5", text, form="expression", variables=["x"], timeout_s=5.0)
        assert (verdict.value, verdict.reason) == (0.0, Reason.WRONG), (text, verdict)
    wrong = table([("5", text, text in HARMLESS, NUMBER) for text in CODE])
    assert wrong == []


def test_bombs_in_the_task_are_the_tasks_fault():
    for expected in ("9**9**9**9", "1/0", "(((", "5 6", "x + ", "'5'", "999999999!"):
        verdict = judge(expected, "5", timeout_s=5.0)
        assert (verdict.validity, verdict.reason) == (Validity.INVALID, Reason.BAD_TASK), (expected, verdict)
        assert "toy/answer: grader.data.expected" in verdict.detail
    verdict = judge(["5", "1/0"], "5")
    assert "grader.data.expected[1]" in verdict.detail


def test_when_the_comparison_runs_out_the_fault_is_found(monkeypatch):
    """A comparison that never ends with the answer, but ends with the expected one, is the answer's fault."""
    slow = 'def judge():\n    while request["answer"] == ["num", "6"]: pass\n    return ["equal", True]\n'
    always = "def judge():\n    while True: pass\n"

    def program(judge):
        from assay.grading.answers.inside import _PROGRAM

        return compile(_PROGRAM.replace("chance = random", judge + "\nchance = random"), "<assay>", "exec")

    monkeypatch.setattr(answers, "PROGRAM", program(slow))
    verdict = judge("5", "6", timeout_s=1.0)
    assert (verdict.value, verdict.reason) == (0.0, Reason.WRONG)
    assert "could not be compared: the comparison ran past 1 s" in verdict.detail
    monkeypatch.setattr(answers, "PROGRAM", program(always))
    assert judge("5", "6", timeout_s=1.0).reason is Reason.BAD_TASK
    monkeypatch.setattr(answers, "PROGRAM", compile("raise SystemExit(3)", "x", "exec"))
    assert judge("5", "6").reason is Reason.MACHINERY


def test_where_the_answer_is():
    boxed, marked, any_way = ["boxed"], ["marked"], ["boxed", "marked", "whole"]
    assert extract(r"So we get \boxed{\frac{1}{2}}.", boxed) == r"\frac{1}{2}"
    assert extract(r"\boxed{1} and again \boxed{ 1 }", boxed) == "1"
    assert extract(r"\boxed{\{1, 2\}}", boxed) == r"\{1, 2\}"
    assert extract(r"\boxed{ \fbox{\boxed{3}}}", boxed) == "3"
    assert extract(r"\boxed{16 \boxed{17} 18}", boxed) == r"16 \boxed{17} 18"
    assert extract(r"\boxed{\frac{1}{\boxed{2}}}", boxed) == r"\frac{1}{\boxed{2}}"
    assert extract("some work\n**Final answer:** $5$\n", marked) == "5"
    assert extract("Answer: 5", marked) == "5"
    assert extract("The answer is: x = 5.", marked) == "x = 5"
    assert extract(r"\boxed{5}" + "\nanswer: 6", any_way) == "5"
    assert extract("answer: 6", any_way) == "6"
    assert extract("7", any_way) == "7"
    for text, ways in (
        (r"\boxed{1} \boxed{2}", boxed), ("answer: 1\nanswer: 2", marked), ("5", boxed), ("5", marked), ("", any_way),
        (r"\boxed{}", boxed), (r"\boxed{5", boxed), ("answer:", marked), ("the answer: or so I thought 5", boxed),
    ):  # fmt: skip
        with pytest.raises(NoAnswer):
            extract(text, ways)
    assert judge("17", r"\boxed{16 \boxed{17} 18}", extract="boxed").reason is Reason.WRONG
    assert judge("1/2", r"Hence \boxed{0.5}", extract="boxed").solved
    assert judge("1/2", r"\boxed{0.5} or perhaps \boxed{0.6}", extract="boxed").reason is Reason.WRONG


@pytest.mark.parametrize(
    "text",
    ["\\boxed{" * 300_000, "\\boxed{{" * 200_000 + "}" * 300_000, ". " * 1_000_000, "answer:" + " x" * 1_000_000,
     "answer" + " " * 2_000_000, "$" * 2_000_000, "answer: 1\n" * 200_000 + "answer: 2", "\\text{" * 300_000],
)  # fmt: skip
def test_long_texts_do_not_keep_the_parent_busy(text):
    began = time.process_time()
    with pytest.raises((NoAnswer, Unreadable)):
        parse(extract(text, ["boxed", "marked", "whole"]), "number", None)
    assert time.process_time() - began < 5  # quadratic work on them would take minutes


PIECES = (
    r"x y 1 23 .5 1e5 + - * / ^ ** ( ) [ ] { } \{ \} , ; | = < <= > ! & _ ~ \frac \sqrt \binom \pi \infty \cup \cap"
)
PIECES += (
    r" \in \emptyset \mathbb \setminus \pm \begin{pmatrix} \end{pmatrix} \\\\ \left or sin log_2 max Matrix \text{or}"
)
PIECES += r" x_{2} {,} \boxed{ answer: % cm $ . e i U \lfloor \rfloor \langle ² π \\ ' é"


@settings(max_examples=500, deadline=None)
@given(
    pieces=st.lists(st.sampled_from(PIECES.split()) | st.text(max_size=2), max_size=20),
    form=st.sampled_from(FORMS),
    variables=st.sampled_from([None, ["x"], ["x_2"]]),
)
def test_any_text_is_read_or_refused(pieces, form, variables):
    """Anything else would look like a failure of the machinery, and a candidate could bring it about."""
    text = " ".join(pieces)
    with contextlib.suppress(NoAnswer, Unreadable):
        text = extract(text, ["boxed", "marked", "whole"])
        plain_text(text, case_sensitive=False)
        text, _ = without_percent(without_unit(text, ["cm", "$"]))
        parse(plain_number(text), form, variables)


def test_units_and_texts():
    assert without_unit(r"5\text{ cm}", ["cm"]) == "5"
    assert without_unit("xcm", ["cm"]) == "xcm"
    assert without_unit("cm", ["cm"]) == "cm"
    assert plain_text(r" \text{A  b}. ", case_sensitive=False) == "a b"


@pytest.mark.parametrize("text", ["", "x +", "2 3", "f(", "unknown(3)", "1..2", "a.b", "\\frac{1}", "|x", "x)", "(x]"])
def test_unreadable(text):
    with pytest.raises(Unreadable):
        parse(text, "expression", ["x", "y"])


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("path", {"path": "other.txt"}),
        ("expected", {"expected": ""}),
        ("expected", {"expected": []}),
        ("expected", {"expected": 5}),
        ("expected", {"expected": "."}),
        ("expected", {"expected": "x", "form": "number"}),
        ("expected", {"expected": "1, 2"}),
        ("form", {"form": "poem"}),
        ("extract", {"extract": "somewhere"}),
        ("extract", {"extract": []}),
        ("variables", {"variables": "x"}),
        ("assume", {"assume": "nice"}),
        ("tolerance", {"tolerance": 0.1}),
        ("tolerance.absolute", {"tolerance": {"absolute": -1}}),
        ("percent", {"percent": "yes"}),
        ("units", {"units": [3]}),
        ("units", {"units": ["cm"], "form": "text"}),
        ("case_sensitive", {"case_sensitive": True}),
        ("timeout_s", {"timeout_s": 0}),
        ("", {"surprise": 1}),
    ],
)
def test_a_broken_task_is_never_the_candidates_fault(field, changes):
    verdict = judge(**{"expected": "5", "text": "5", **changes})
    assert (verdict.validity, verdict.reason, verdict.value) == (Validity.INVALID, Reason.BAD_TASK, None), verdict
    assert f"toy/answer: grader.data{'.' if field else ''}{field}" in verdict.detail


def test_a_missing_output_and_a_missing_sympy(monkeypatch):
    assert asyncio.run(grade(make("5"), {})).reason is Reason.MISSING_OUTPUT
    answers._library.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="assay\\[answers\\]"):
        judge("5", "5")
    answers._library.cache_clear()


def test_the_verdict_does_not_tell_the_expected_answer():
    assert "271828" not in judge("271828", "314159").model_dump_json()


def test_what_dresses_an_answer_is_taken_off():
    array = r"\left[\begin{array}{c|c} 1 & 2 \\ 3 & \frac12 \end{array}\right]"
    matrix, numbers = {"form": "matrix"}, {"form": "set"}
    rows = [
        (r"\frac{1}{2}", "\ufeff1/2\r\n", True, NUMBER),
        (r"\frac{1}{2}", "1∕2", True, NUMBER),
        (r"\frac{1}{2}", r"$\boxed{\frac12}$.", True, NUMBER),
        (r"\frac{1}{2}", r"\boxed{1/2}\boxed{1/3}", False, NUMBER),
        (r"\frac{1}{2}", r"\boxed{1/2} or 1/3", False, NUMBER),
        ("Paris", r"\boxed{\text{Paris}}", True, {"form": "text"}),
        ("[[1,2],[3,1/2]]", array, True, matrix),
        ("[[1,2],[3,1/2]]", array.replace("2 ", "4 "), False, matrix),
        ("[[1,2],[3,1/2]]", array.replace(r"\right]", ""), False, matrix),
        ("{1,2}", r"x \in \{2, 1\}", True, numbers),
        ("{1,2}", r"x \in \{2, 3\}", False, numbers),
    ]
    assert table(rows) == []
