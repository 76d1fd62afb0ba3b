"""Actions: editors, patches, patterns of names, loops and handed-on calls are followed to what they come to."""

import ast

import pytest

from assay.audit.actions.ed import scripted
from assay.audit.actions.events import events_through
from assay.audit.actions.patches import patched
from assay.audit.actions.python import parsed, python_events
from tests.audit.attempts import step

TEXT = "import mod\nassert mod.f(1) == 2\nprint('ok')\n"
NAMES = ("examples/1.in", "examples/1.out", "examples/2.in", "examples/2.out", "main.py")


@pytest.mark.parametrize(
    ("program", "after"),
    [
        (",d\n0a\nprint('ok')\n.\nw\nq\n", "print('ok')\n"),
        ("2d\nwq", "import mod\nprint('ok')\n"),
        ("2c\nassert True\n.\nwq", "import mod\nassert True\nprint('ok')\n"),
        ("%s/== 2/== 3/\nwq", TEXT.replace("== 2", "== 3")),
        ("g/assert/d\nwq", "import mod\nprint('ok')\n"),
        ("$a\nmore\n.\nw", TEXT + "more\n"),
        ("2,$d\nwq", "import mod\n"),
        ("2m0\nwq", None),
    ],
)
def test_a_script_of_ed(program, after):
    assert scripted(program, TEXT) == after


def test_a_patch_fits_where_its_lines_stand():
    patch = "--- a/x.py\n+++ b/x.py\n@@ -9,2 +9,2 @@\n assert mod.f(1) == 2\n-print('ok')\n+print('fine')\n"
    assert patched(patch, {"x.py": TEXT}) == {"x.py": TEXT.replace("ok", "fine")}
    assert patched(patch, {"x.py": "other\n"}) == {}
    gone = "--- a/x.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
    assert patched(gone, {"x.py": "a\n"}) == {"x.py": None}


def told(command):
    return [(one.verb, one.path) for events in events_through([step(command)], NAMES) for one in events]


def test_patterns_stand_for_the_files_that_are_there():
    found = told("for f in examples/*.in; do python main.py < $f > ${f%.in}.out; done")
    assert ("write", "examples/1.out") in found
    assert ("write", "examples/2.out") in found
    found = told("for n in 1 2; do python main.py > /tmp/n/$n.out; done; cp /tmp/n/*.out examples")
    assert ("write", "examples/2.out") in found
    assert ("write", "a/*.x") in told("echo 1 > 'a/*.x'")


def test_a_program_of_another_language_names_its_files():
    assert ("read", "/a/b.json") in told("node -e \"require('fs').readFileSync('/a/b.json')\"")
    assert ("write", "/a/b.txt") in told('perl -e \'open(my $f, ">", "/a/b.txt"); print $f 1\'')
    assert ("write", "/a/b.txt") in told("awk 'BEGIN{print 1 > \"/a/b.txt\"}'")
    assert ("write", "/a/b") in told("screen -dmS x sh -c 'echo 1 > /a/b'")


def test_python_goes_through_loops_and_calls_that_are_handed_on():
    code = "import glob\nfor p in glob.glob('examples/*.in'):\n    open(p.replace('.in', '.out'), 'w').write('1')\n"
    found = [e.path for e in python_events(code, 1, 0, NAMES) if e.verb == "write"]
    assert found == ["examples/1.out", "examples/2.out"]
    code = "import pathlib\nbox = pathlib.Path.home() / 'bin'\n"
    code += "for n in ('a', 'b'):\n    t = box / n\n    t.write_text('')\n"
    assert [e.path for e in python_events(code) if e.verb == "write"] == ["~/bin/a", "~/bin/b"]
    code = "import os, threading\nthreading.Timer(9, os.remove, ['/a/b']).start()\n"
    assert [e.path for e in python_events(code) if e.verb == "delete"] == ["/a/b"]


def test_code_that_is_evaluated_stands_in_the_tree_and_is_marked():
    text = b"import os\nos._exit(0)\n".hex()
    for code in (f"eval(compile(bytes.fromhex('{text}'), 'x', 'exec'))", f"x = [exec(bytes.fromhex('{text}'))]"):
        found = parsed(code)
        assert found is not None
        assert "_exit" in {getattr(node, "attr", "") for node in ast.walk(found[0])}
        assert getattr(found[0], "hides", False)
    plain = parsed("import os\nNAME = 'getcwd'\nprint(getattr(os, NAME)())")
    assert plain is not None
    assert not getattr(plain[0], "hides", False)
