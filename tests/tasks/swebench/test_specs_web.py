"""What the specifications of django, flask, pylint, pytest, requests, sphinx and sympy choose for the benchmark."""

import ast
import os
import re
import subprocess
from datetime import date
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from assay.tasks.swebench.specs import Environment, Specification, specification

# Repository, and for the benchmark's versions of it the Python that an instance gets. Django's 1.x to 2.2 are the
# benchmark's with Python 3.5, and SymPy's 0.7 with 3.9, which cannot import it.
PYTHONS = {
    "django/django": {
        "3.6": ["1.7", "1.8", "1.9", "1.10", "1.11", "2.0", "2.1", "2.2", "3.0", "3.1", "3.2"],
        "3.8": ["4.0"],
        "3.9": ["4.1", "4.2"],
        "3.11": ["5.0", "5.1", "5.2"],
    },
    "pallets/flask": {"3.9": ["2.0"], "3.10": ["2.1"], "3.11": ["2.2", "2.3", "3.0", "3.1"]},
    "psf/requests": {"3.9": ["0.7", "0.14", "1.2", "2.0", "2.9", "2.10", "2.17", "2.27", "2.31", "3.0"]},
    "pylint-dev/pylint": {"3.9": ["2.8", "2.9", "2.10", "2.13", "2.15", "2.17", "3.0", "3.3", "4.0"]},
    "pytest-dev/pytest": {"3.9": ["4.4", "4.5", "4.6", "5.0", "5.2", "5.4", "6.0", "6.2", "7.0", "7.2", "7.4", "8.4"]},
    "sphinx-doc/sphinx": {
        "3.9": ["1.5", "2.4", "3.0", "3.5", "4.0", "4.4", "4.5", "5.3", "7.4"],
        "3.10": ["8.0", "8.1"],
    },
    "sympy/sympy": {"3.8": ["0.7"], "3.9": ["1.0", "1.1", "1.2", "1.4", "1.9", "1.10", "1.12", "1.13", "1.14"]},
}
# Repository, a base commit of the benchmark, its date, and what the tree or its tags say of the version.
COMMITS = [
    ("django/django", "e7fd69d051", "2019-02-08", "3.0"),
    ("django/django", "ef85b6bf0b", "2023-01-23", "5.0"),
    ("pallets/flask", "d8c37f4372", "2021-05-13", "2.0.1.dev0"),
    ("pallets/flask", "4c288bc97e", "2023-02-23", "2.3.0.dev"),
    ("psf/requests", "a0df2cbb10", "2012-09-13", "0.14.0"),
    ("psf/requests", "0be38a0c37", "2015-07-16", "2.7.0"),
    ("pylint-dev/pylint", "182cc539b8", "2022-03-02", "2.13.0-dev0"),
    ("pylint-dev/pylint", "1f8c4d9eb1", "2023-07-29", "3.0.0b1"),
    ("pytest-dev/pytest", "4a2fdce62b", "2019-05-06", "4.4.1"),
    ("pytest-dev/pytest", "6995257cf4", "2023-07-04", "8.0.0.dev0"),
    ("sphinx-doc/sphinx", "752d3285d2", "2020-05-20", "3.1.0+"),
    ("sphinx-doc/sphinx", "71db08c051", "2023-07-23", "7.1.0"),
    ("sympy/sympy", "8dcb12a6cf", "2016-07-16", "1.0.1.dev"),
    ("sympy/sympy", "d3b4158dea", "2023-03-11", "1.13.dev"),
]
ENVIRONMENTS = [
    pytest.param(repository, place, id=f"{repository.split('/')[1]}-{place}")
    for repository in PYTHONS
    for place in range(len(getattr(specification(repository), "environment", ())))
]


def known(repository: str) -> Specification:
    found = specification(repository)
    assert found is not None
    return found


def chosen(repository: str, version: str) -> Environment:
    found = known(repository).choose(version, date(2020, 1, 1), lambda path: False)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("repository", "version", "python"),
    [(name, version, python) for name, table in PYTHONS.items() for python, them in table.items() for version in them],
)
def test_every_version_of_the_benchmark_has_its_python(repository: str, version: str, python: str) -> None:
    assert chosen(repository, version).python == python


@pytest.mark.parametrize(("repository", "commit", "day", "full"), COMMITS)
def test_what_a_tree_says_of_its_version(repository: str, commit: str, day: str, full: str) -> None:
    mirrors = os.environ.get("ASSAY_SWEBENCH_MIRRORS")
    if not mirrors:
        pytest.skip("needs ASSAY_SWEBENCH_MIRRORS, a folder of git directories of the benchmark's repositories")
    from assay.tasks.swebench.git import find
    from assay.tasks.swebench.plan import _version

    there = find(repository, Path(mirrors), lambda text: None)
    whole = there.commit(commit)
    assert str(there.date(whole).date()) == day
    assert _version(known(repository), there, whole) == full


@pytest.mark.parametrize(("repository", "place"), ENVIRONMENTS)
def test_an_environment_is_the_same_tomorrow(repository: str, place: int) -> None:
    """Whatever is not pinned is cut at a fixed date; only for Python 3.6, which nothing new is made for, it is not."""
    wanted = known(repository).environment[place]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", wanted.exclude_newer) or wanted.python == "3.6"
    assert all("==" in tool for tool in wanted.build)


@pytest.mark.parametrize(("repository", "place"), ENVIRONMENTS)
def test_steps_are_shell(repository: str, place: int) -> None:
    wanted = known(repository).environment[place]
    for step in (*wanted.prepare, *wanted.finish):
        said = subprocess.run(["bash", "-n"], input=step, text=True, capture_output=True, check=False)
        assert (said.returncode, said.stderr) == (0, "")


def test_requirements_of_django_lose_only_what_no_test_on_sqlite_needs() -> None:
    lines = ["asgiref >= 3.6.0", "bcrypt", "argon2-cffi >= 19.2.0", "mysqlclient", "psycopg2-binary>=2.8", "cx_Oracle"]
    lines += [
        "pylibmc; sys.platform != 'win32'",
        "selenium",
        "geoip2",
        "pywatchman",
        "redis >= 3.4.0",
        "tblib >= 1.5.0",
    ]
    for entry in known("django/django").environment:
        [wanted] = entry.requirements
        kept = [line for line in lines if not any(re.search(pattern, line) for pattern in wanted.drop)]
        assert kept == ["asgiref >= 3.6.0", "bcrypt", "argon2-cffi >= 19.2.0", "redis >= 3.4.0", "tblib >= 1.5.0"]


def test_the_builds_of_pytest_are_told_a_version_of_their_group() -> None:
    for version in ("4.4", "4.5", "4.6", "5.4", "6.0", "6.3", "7.2", "8.0"):
        told = chosen("pytest-dev/pytest", version).variables["SETUPTOOLS_SCM_PRETEND_VERSION"]
        assert told.split(".")[0] == version.split(".")[0]


def test_the_plugin_that_answers_for_httpbin_is_loaded_and_is_python_of_its_environment() -> None:
    wanted = chosen("psf/requests", "2.3")
    [step] = wanted.finish
    written = re.search(r"/(\w+)\.py\" <<'END'\n(.*)\nEND\n", step, re.DOTALL)
    assert written is not None
    assert wanted.test.args == ("-p", written[1])
    tree = ast.parse(written[2], feature_version=(3, 9))
    imported = {
        name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    installed = {re.split(r"[=<>]", line)[0] for line in wanted.packages}
    assert imported - {"os", "socket", "ssl", "tempfile", "threading", "six"} <= installed  # six comes with httpbin


@pytest.mark.parametrize(
    ("repository", "version", "lines", "kept"),
    [
        ("django/django", "1.10", ["pytz > dev", "jinja2 >= 2.7,<2.9", "Pillow"], ["jinja2 >= 2.7,<2.9", "Pillow"]),
        (
            "pylint-dev/pylint",
            "3.3",
            [".[testutils]", "-e .[testutils]", "setuptools==41.6.0", "py~=1.11.0"],
            ["py~=1.11.0"],
        ),
    ],
)
def test_no_line_is_left_that_uv_cannot_read_or_meet(
    repository: str, version: str, lines: list[str], kept: list[str]
) -> None:
    """Lines that the trees' own files have had, and the exact pins beside them."""
    wanted = chosen(repository, version)
    [entry] = wanted.requirements
    left = [line for line in lines if not any(re.search(pattern, line) for pattern in entry.drop)]
    assert left == kept
    pins = dict(line.lower().split("==") for line in wanted.constraints if "==" in line)
    pinned = [asked for asked in map(Requirement, left) if asked.name.lower() in pins]
    assert all(asked.specifier.contains(pins[asked.name.lower()]) for asked in pinned)
