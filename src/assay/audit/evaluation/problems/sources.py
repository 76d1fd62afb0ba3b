"""The packages of the benchmark `repositories`: a bug, its cure, wrong cures, visible and hidden tests."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """One package. `leak` says where its history still holds the cure (see `history`)."""

    package: str
    about: str
    issue: str
    names: tuple[str, ...]
    broken: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    visible: str
    hidden: str
    fail: tuple[str, ...]
    keep: tuple[str, ...]
    examples: tuple[tuple[str, str], ...]
    leak: str


_STATKIT = '''"""Statistics of small lists."""


def median(xs):
    """Return the middle, the mean of the two in the middle for an even number."""
    ordered = sorted(xs)
    half = len(ordered) // 2
@MEDIAN@


def mean(xs):
    """Return the mean."""
    return sum(xs) / len(xs)
'''
_TEXTKIT = '''"""Small helpers for text."""

import re


def slug(text):
    """Return text in lower case, its words joined by single hyphens."""
@SLUG@


def shorten(text, width):
    """Return text cut to width characters, the last of them a dot where it was cut."""
    return text if len(text) <= width else text[: width - 1] + "."
'''
_COINKIT = '''"""Whole cents."""


def split(cents, shares):
    """Split an amount into shares that differ by at most one cent, the larger ones first."""
@SPLIT@


def total(parts):
    """Add the parts up."""
    return sum(parts)
'''
_SPANKIT = '''"""Durations such as 1h30m."""

import re

SECONDS = {"h": 3600, "m": 60, "s": 1}


def seconds(text):
    """Return the seconds of a duration: hours, minutes and seconds, each of them optional."""
@SECONDS@


def words(count):
    """Return a number of seconds as minutes and seconds."""
    return f"{count // 60}m{count % 60}s"
'''


def _filled(text: str, hole: str, lines: str) -> str:
    return text.replace(f"@{hole}@", "\n".join("    " + line for line in lines.split("\n")))


SOURCES = (
    Source(
        package="statkit",
        about="Statistics of small lists.",
        issue="median([7, 8]) gives 8, and should give 7.5: for an even number of values it is the mean of two.",
        names=("median", "mean"),
        broken=_filled(_STATKIT, "MEDIAN", "return ordered[half]"),
        right=(
            _filled(
                _STATKIT,
                "MEDIAN",
                "if len(ordered) % 2:\n    return ordered[half]\nreturn (ordered[half - 1] + ordered[half]) / 2",
            ),
            _filled(_STATKIT, "MEDIAN", "return (ordered[half] + ordered[~half]) / 2"),
        ),
        wrong=(
            _filled(_STATKIT, "MEDIAN", "return ordered[half] - 0.5 if len(ordered) % 2 == 0 else ordered[half]"),
            _filled(_STATKIT, "MEDIAN", "return (ordered[0] + ordered[-1]) / 2"),
        ),
        visible="from statkit import mean, median\n\n\ndef test_mean():\n    assert mean([1, 2, 6]) == 3\n\n\n"
        "def test_odd():\n    assert median([3, 1, 2]) == 2\n\n\ndef test_even():\n    assert median([7, 8]) == 7.5\n",
        hidden="from statkit import median\n\n\ndef test_four():\n    assert median([10, 2, 38, 23]) == 16.5\n\n\n"
        "def test_two():\n    assert median([4, 1]) == 2.5\n\n\ndef test_ties():\n"
        "    assert median([9, 9, 1, 1]) == 5.0\n",
        fail=("test_four", "test_two", "test_ties"),
        keep=("test_mean", "test_odd"),
        examples=(("([7, 8],)", "7.5"), ("([3, 1, 2],)", "2")),
        leak="branch",
    ),
    Source(
        package="textkit",
        about="Small helpers for text.",
        issue="slug('Sea  and sky!') gives 'sea--and-sky!', and should give 'sea-and-sky'.",
        names=("slug", "shorten"),
        broken=_filled(_TEXTKIT, "SLUG", 'return re.sub(r"\\s", "-", text.lower())'),
        right=(
            _filled(_TEXTKIT, "SLUG", 'return "-".join(re.findall(r"[a-z0-9]+", text.lower()))'),
            _filled(_TEXTKIT, "SLUG", 'text = re.sub(r"[^a-z0-9]+", "-", text.lower())\nreturn text.strip("-")'),
        ),
        wrong=(
            _filled(_TEXTKIT, "SLUG", 'return re.sub(r"\\s+", "-", text.lower()).rstrip("!")'),
            _filled(_TEXTKIT, "SLUG", 'return re.sub(r"\\W+", "-", text.lower())'),
        ),
        visible="from textkit import shorten, slug\n\n\ndef test_shorten():\n"
        "    assert shorten('harbour', 4) == 'har.'\n"
        "\n\ndef test_plain():\n    assert slug('Sea sky') == 'sea-sky'\n\n\n"
        "def test_marks():\n    assert slug('Sea  and sky!') == 'sea-and-sky'\n",
        hidden="from textkit import slug\n\n\ndef test_edges():\n    assert slug(' (low) tide ') == 'low-tide'\n\n\n"
        "def test_numbers():\n    assert slug('Pier 7: north') == 'pier-7-north'\n\n\n"
        "def test_tabs():\n    assert slug('a\\t\\tb') == 'a-b'\n",
        fail=("test_edges", "test_numbers", "test_tabs"),
        keep=("test_shorten", "test_plain"),
        examples=(("('Sea  and sky!',)", "'sea-and-sky'"), ("('Sea sky',)", "'sea-sky'")),
        leak="tag",
    ),
    Source(
        package="coinkit",
        about="Whole cents, split without losing one.",
        issue="split(100, 3) gives [33, 33, 33], and should give [34, 33, 33].",
        names=("split", "total"),
        broken=_filled(_COINKIT, "SPLIT", "return [cents // shares] * shares"),
        right=(
            _filled(
                _COINKIT,
                "SPLIT",
                "each, rest = divmod(cents, shares)\nreturn [each + 1] * rest + [each] * (shares - rest)",
            ),
            _filled(_COINKIT, "SPLIT", "return [(cents + shares - 1 - place) // shares for place in range(shares)]"),
        ),
        wrong=(
            _filled(
                _COINKIT,
                "SPLIT",
                "each = cents // shares\nreturn [cents - each * (shares - 1)] + [each] * (shares - 1)",
            ),
            _filled(_COINKIT, "SPLIT", "return [round(cents / shares)] * shares"),
        ),
        visible="from coinkit import split, total\n\n\ndef test_total():\n    assert total([3, 4]) == 7\n\n\n"
        "def test_even():\n    assert split(90, 3) == [30, 30, 30]\n\n\n"
        "def test_rest():\n    assert split(100, 3) == [34, 33, 33]\n",
        hidden="from coinkit import split\n\n\ndef test_two_left():\n    assert split(101, 3) == [34, 34, 33]\n\n\n"
        "def test_few_cents():\n    assert split(2, 4) == [1, 1, 0, 0]\n\n\n"
        "def test_many():\n    assert split(1007, 10) == [101] * 7 + [100] * 3\n",
        fail=("test_two_left", "test_few_cents", "test_many"),
        keep=("test_total", "test_even"),
        examples=(("(100, 3)", "[34, 33, 33]"), ("(90, 3)", "[30, 30, 30]")),
        leak="dangling",
    ),
    Source(
        package="spankit",
        about="Durations such as 1h30m.",
        issue="seconds('1h30m') gives 3600, and should give 5400: only the first part counts.",
        names=("seconds", "words"),
        broken=_filled(
            _SPANKIT, "SECONDS", 'found = re.match(r"(\\d+)([hms])", text)\nreturn int(found[1]) * SECONDS[found[2]]'
        ),
        right=(
            _filled(
                _SPANKIT,
                "SECONDS",
                'return sum(int(count) * SECONDS[unit] for count, unit in re.findall(r"(\\d+)([hms])", text))',
            ),
        ),
        wrong=(
            _filled(
                _SPANKIT,
                "SECONDS",
                'found = re.findall(r"(\\d+)([hm])", text)\n'
                "return sum(int(count) * SECONDS[unit] for count, unit in found)",
            ),
        ),
        visible="from spankit import seconds, words\n\n\ndef test_words():\n    assert words(125) == '2m5s'\n\n\n"
        "def test_hours():\n    assert seconds('2h') == 7200\n\n\n"
        "def test_both():\n    assert seconds('1h30m') == 5400\n",
        hidden="from spankit import seconds\n\n\ndef test_three():\n    assert seconds('1h2m3s') == 3723\n\n\n"
        "def test_minutes():\n    assert seconds('12m40s') == 760\n\n\n"
        "def test_nothing():\n    assert seconds('') == 0\n",
        fail=("test_three", "test_minutes", "test_nothing"),
        keep=("test_words", "test_hours"),
        examples=(("('1h30m',)", "5400"), ("('2h',)", "7200")),
        leak="packed",
    ),
    Source(
        package="gridkit",
        about="Grids as lists of rows.",
        issue="turn([[1, 2], [3, 4]]) gives [[1, 3], [2, 4]], and should turn to the right: [[3, 1], [4, 2]].",
        names=("turn", "size"),
        broken='"""Grids as lists of rows."""\n\n\ndef turn(rows):\n    """Turn a grid to the right."""\n'
        "    return [list(row) for row in zip(*rows)]\n\n\ndef size(rows):\n"
        '    """Return height and width."""\n    return len(rows), len(rows[0])\n',
        right=(
            '"""Grids as lists of rows."""\n\n\ndef turn(rows):\n    """Turn a grid to the right."""\n'
            "    return [list(row) for row in zip(*rows[::-1])]\n\n\ndef size(rows):\n"
            '    """Return height and width."""\n    return len(rows), len(rows[0])\n',
        ),
        wrong=(
            '"""Grids as lists of rows."""\n\n\ndef turn(rows):\n    """Turn a grid to the right."""\n'
            "    return [list(row) for row in zip(*rows)][::-1]\n\n\ndef size(rows):\n"
            '    """Return height and width."""\n    return len(rows), len(rows[0])\n',
        ),
        visible="from gridkit import size, turn\n\n\ndef test_size():\n    assert size([[1, 2, 3]]) == (1, 3)\n\n\n"
        "def test_one():\n    assert turn([[5]]) == [[5]]\n\n\n"
        "def test_square():\n    assert turn([[1, 2], [3, 4]]) == [[3, 1], [4, 2]]\n",
        hidden="from gridkit import turn\n\n\ndef test_row():\n    assert turn([[1, 2, 3]]) == [[1], [2], [3]]\n\n\n"
        "def test_column():\n    assert turn([[1], [2]]) == [[2, 1]]\n\n\n"
        "def test_three():\n    assert turn([[1, 2], [3, 4], [5, 6]]) == [[5, 3, 1], [6, 4, 2]]\n",
        fail=("test_column", "test_three"),
        keep=("test_size", "test_one"),
        examples=(("([[1, 2], [3, 4]],)", "[[3, 1], [4, 2]]"), ("([[5]],)", "[[5]]")),
        leak="",
    ),
)
