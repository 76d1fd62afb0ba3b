"""Tools that Harbor's test scripts fetch from the network and the sandbox therefore brings along: pytest, by uv too.

Harbor's template installs curl and uv and then runs `uvx -w pytest==8.4.1 -w pytest-json-ctrf==0.3.5 pytest --ctrf
FILE ARGUMENTS`; others say `uv add pytest` and `uv run pytest`. The installations fail without a network, which such a
script lets pass; `uv`, `uvx` and `pytest` are then these programs, last in PATH, around the pytest that is installed
beside assay. Other packages are not there: a script that asks for one fails, and so does its gold.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from assay.errors import UserError
from assay.grading.suites import suite_run
from assay.sandbox.layout import ENVIRONMENT

BIN, LIBRARY = "/opt/assay/verifier", "/opt/assay/pytest"
_WANTED = re.compile(r"\b(?:pytest|uvx)\b")
_PYTEST = r"""#!/bin/bash
# pytest without the options of pytest-json-ctrf, which writes a report that nobody here reads
words=()
while [ $# -gt 0 ]; do
    case "$1" in
        --ctrf) shift ;;
        --ctrf=*) ;;
        *) words+=("$1") ;;
    esac
    shift
done
exec python3 -m pytest "${words[@]}"
"""
_KNOWN = r"""
known() {
    case "${1%%[=<>~!@]*}" in
        pytest | pytest-json-ctrf) ;;
        *) echo "${0##*/}: there is no network here, and no package $1" >&2; exit 127 ;;
    esac
}
"""
_UVX = r"""#!/bin/bash
# uvx [-p VERSION] [-w PACKAGE] ... pytest ARGUMENTS
KNOWN
while [ $# -gt 0 ]; do
    case "$1" in
        -p | --python | --index-url | --cache-dir) shift 2 ;;
        -w | --with | --from) known "$2"; shift 2 ;;
        --with=* | --from=*) known "${1#*=}"; shift ;;
        -*) shift ;;
        *) break ;;
    esac
done
known "$1"
shift
exec /opt/assay/verifier/pytest "$@"
"""
_UV = r"""#!/bin/bash
# uv init, venv, sync, add PACKAGE, pip install PACKAGE; uv run [--with PACKAGE] pytest (or a Python program) ARGUMENTS
KNOWN
verb="$1"
shift
case "$verb" in
    init | venv | sync | lock | --version) exit 0 ;;
    pip) shift ;;
    add) ;;
    run)
        while [ $# -gt 0 ]; do
            case "$1" in
                -p | --python | --project | --directory) shift 2 ;;
                -w | --with) known "$2"; shift 2 ;;
                --with=*) known "${1#*=}"; shift ;;
                -*) shift ;;
                *) break ;;
            esac
        done
        case "$1" in
            pytest) shift; exec /opt/assay/verifier/pytest "$@" ;;
            *.py) exec python3 "$@" ;;
            *) exec "$@" ;;
        esac
        ;;
    *) echo "uv: there is no network here, so there is no uv $verb" >&2; exit 127 ;;
esac
for word in "$@"; do
    case "$word" in
        -*) ;;
        *) known "$word" ;;
    esac
done
"""
FILES = {"pytest": _PYTEST, "uvx": _UVX.replace("KNOWN", _KNOWN), "uv": _UV.replace("KNOWN", _KNOWN)}


def wanted(tests: Mapping[str, str]) -> bool:
    """Whether a script of the tests, or a test module, speaks of pytest."""
    return any(_WANTED.search(text) for path, text in tests.items() if path.endswith((".sh", ".py")))


def mounted(programs: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return `readonly` and variables of a sandbox with the tools; the host folder `programs` holds FILES.

    Both are empty when pytest is not installed beside assay.
    """
    try:
        library = suite_run.library()
    except UserError:
        return {}, {}
    return {BIN: programs, LIBRARY: library}, {"PATH": f"{ENVIRONMENT['PATH']}:{BIN}", "PYTHONPATH": LIBRARY}
