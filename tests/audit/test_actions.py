"""Reading actions: shells, heredocs, pipes, Python and tool calls as events, with their lines, and nothing run."""

import pytest

from assay.audit.actions.events import shell_events
from assay.audit.actions.python import python_events
from assay.audit.actions.shell import commands_of
from assay.audit.places import Place, place_of


def told(script):
    return [(event.verb, event.path, event.line) for event in shell_events(script) if event.verb != "run"]


@pytest.mark.parametrize(
    ("script", "events"),
    [
        ("cat a.py", [("read", "a.py", 1)]),
        ("ls\ncat a.py | head -3", [("list", ".", 1), ("read", "a.py", 2)]),
        ("cd src && cat a.py", [("read", "src/a.py", 1)]),
        ("(cd src; cat a.py); cat b.py", [("read", "src/a.py", 1), ("read", "b.py", 1)]),
        ("cat > a.py <<'E'\nx = 1\nE", [("write", "a.py", 1)]),
        ("python - <<'E' | tee out\nprint(open('a').read())\nE", [("read", "a", 2), ("write", "out", 1)]),
        ('python3 -c \'open("a", "w")\'', [("write", "a", 1)]),
        ("bash -c \"cat 'a b'; rm c\"", [("read", "a b", 1), ("delete", "c", 1)]),
        ("eval 'cat a'", [("read", "a", 1)]),
        ("echo 'cat a' | sh", [("read", "a", 1)]),
        ("bash <<'E'\n\ncat a\nE", [("read", "a", 3)]),
        ("X=a; Y=$X.py; cat $Y", [("read", "a.py", 1)]),
        ("for f in a b; do cat $f; done", [("read", "a", 1), ("read", "b", 1)]),
        ("sudo -u x timeout 5 env A=1 cat a", [("read", "a", 1)]),
        ("find . -name '*.c' -exec cat {} +", [("search", ".", 1), ("read", "{}", 1)]),
        ("sed -i 's/a/b/' f.py g.py", [("edit", "f.py", 1), ("edit", "g.py", 1)]),
        ("sed -n '1,20p' f.py", [("read", "f.py", 1)]),
        (
            "cp a b; mv c d",
            [("read", "a", 1), ("write", "b", 1), ("read", "c", 1), ("write", "d", 1), ("delete", "c", 1)],
        ),
        ("cat > run.sh <<'E'\ncat secret\nE\nsh run.sh", [("write", "run.sh", 1), ("read", "secret", 4)]),
        ("echo $(git show HEAD~1:a)", [("git", "show", 1)]),
        ("git -C x -c a=b log -p", [("git", "log", 1)]),
        ("python -m pip download x==1", [("install", "x==1", 1)]),
        ("ln -s /a b", [("link", "b", 1)]),
        ("cat a 2>/dev/null >> b", [("write", "b", 1), ("read", "a", 1)]),
    ],
)
def test_a_script_is_seen_through(script, events):
    assert told(script) == events


def test_what_a_heredoc_writes_is_known_with_its_line():
    (event,) = [e for e in shell_events("ls\ncat > a.py <<'E'\nx = 1\ny = 2\nE\n") if e.verb == "write"]
    assert (event.text, event.text_line) == ("x = 1\ny = 2\n", 3)


@pytest.mark.parametrize(
    ("code", "events"),
    [
        ("from pathlib import Path\nPath('a').joinpath('b').read_text()", [("read", "a/b", 2)]),
        ("import os.path as p\nopen(p.join('/x', 'y'))", [("read", "/x/y", 2)]),
        ("import shutil\nshutil.copy('a', 'b')", [("read", "a", 2), ("write", "b", 2)]),
        ("import subprocess as s\ns.run('cat a; rm b', shell=True)", [("read", "a", 2), ("delete", "b", 2)]),
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-c', \"open('q')\"])", [("read", "q", 2)]),
        ("exec('open(\"a\")')", [("read", "a", 1)]),
        ("import urllib.request as u\nu.urlopen('https://x.org/a')", [("fetch", "https://x.org/a", 2)]),
        ("with open('a', 'w') as f:\n    f.write('1')", [("write", "a", 1)]),
        ("import os\nos.symlink('/t', 'l')", [("link", "l", 2)]),
    ],
)
def test_python_is_seen_through(code, events):
    found = [e for e in python_events(code) if e.verb != "run"]
    assert [(e.verb, e.path, e.line) for e in found] == events


@pytest.mark.parametrize(
    "script",
    [
        "'",
        "cat <<E\nno end",
        "((((",
        "\x00\x01",
        "if true; then",
        "a" * 300_000,
        "$(" * 2000,
        "$(" * 500 + "ls" + ")" * 500,
        "f() { f; f; }; f",
        "",
        "#",
    ],
)
def test_broken_scripts_are_read_as_far_as_they_go(script):
    list(shell_events(script))


def test_lines_that_recovery_joined_are_commands_of_their_own():
    script = (
        "python3 - \"$x\" <<'PY' && echo done\nprint(1)\nPY\necho a | base64 -d | bash\nfind / -exec cat {} \\;\nls\n"
    )
    assert "ls" in [command.name for command in commands_of(script)]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/tests/test_a.py", Place.HIDDEN_TEST),
        ("tests/test_a.py", Place.TEST),
        ("/work/tests/test_a.py", Place.TEST),
        ("../tests/test_a.py", Place.HIDDEN_TEST),
        ("/logs/verifier/reward.txt", Place.REWARD),
        ("/proc/42/environ", Place.PROCESS),
        ("/proc/cpuinfo", Place.SYSTEM),
        (".git/packed-refs", Place.GIT),
        ("src/app.py", Place.WORKSPACE),
        ("/tmp/out.txt", Place.SCRATCH),
        ("/usr/lib/python3/dist-packages/six.py", Place.SITE),
    ],
)
def test_a_path_is_placed_by_its_name(path, place):
    assert place_of(path)[0] is place
