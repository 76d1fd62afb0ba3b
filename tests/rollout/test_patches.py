"""The patch of an attempt: taken from the trees, whatever the agent did to git, and it applies again."""

import asyncio
import os
import subprocess

import pytest

from assay.nouns import GraderSpec, Limits, Task
from assay.rollout.patches import only_tests, taken
from assay.rollout.places import open_place
from assay.sandbox import trees

BEGIN = {
    "pkg/a.py": "a = 1\nb = 2\n",
    "pkg/old.py": "gone = True\n",
    "pkg/latin.txt": "caf\u00e9\n".encode("latin-1"),
    "built/version.py": "version = '1'\n",
    "tracked.log": "kept though ignored\n",
    "bin/tool": "#!/bin/sh\necho tool\n",
    "picture.bin": bytes(range(256)),
    ".gitignore": "built/\n*.log\n",
}


def git(folder, *words: str, **options) -> subprocess.CompletedProcess:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.autocrlf=false", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, **options)


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Task:
    """A task whose repository is a tree with a commit, a tracked file that is ignored, and one that was built."""
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))

    def build(folder) -> None:
        for path, text in BEGIN.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        (folder / "bin/tool").chmod(0o755)
        (folder / "bin/same").symlink_to("tool")
        (folder / "shown").symlink_to("pkg")
        git(folder, "init", "-q")
        git(folder, "add", "-A")
        git(folder, "add", "-f", "tracked.log")
        git(folder, "commit", "-q", "-m", "start")

    trees.prepare("repository", build)
    return Task(
        id="t",
        source="s",
        split="test",
        family="f",
        instruction="",
        files={},
        outputs=("patch.diff",),
        gold={},
        mounts={"/testbed": "repository"},
        grader=GraderSpec(kind="tests", data={"runner": "pytest", "tree": "/testbed", "env": {"LANG": "C"}}),
        limits=Limits(),
    )


def change(task: Task, *commands: str):
    async def inside():
        async with open_place(task) as place:
            said = [await place.sandbox.run(command, timeout_s=20, env=place.env) for command in commands]
            return await taken(task, place.sandbox, place.tree), said

    return asyncio.run(inside())


def applied(task: Task, patch: str, tmp_path):
    target = tmp_path / "applied"
    subprocess.run(["cp", "-r", str(trees.tree("repository")), str(target)], check=True)
    git(target, "apply", "-", input=patch.encode())
    return target


def test_the_agent_works_where_the_task_says_with_one_commit_of_history(repository):
    _, said = change(repository, "pwd && git log --oneline | wc -l && git status --short && echo $LANG")
    assert said[0].output == "/testbed\n1\nC\n"


def test_a_patch_holds_what_changed_and_applies_again(repository, tmp_path):
    found, _ = change(
        repository,
        "sed -i s/1/7/ pkg/a.py && rm pkg/old.py && printf x >> picture.bin",
        "printf 'caf\\351 noir\\n' > pkg/latin.txt",
        "echo more >> tracked.log && mkdir new && echo 'c = 3' > new/c.py && echo \"version = '2'\" > built/version.py",
        "git diff > patch.txt && mkdir -p pkg/__pycache__ && echo x > pkg/__pycache__/a.cpython-311.pyc",
        "echo x > x.log",
    )
    assert found.paths == ("new/c.py", "picture.bin", "pkg/a.py", "pkg/latin.txt", "pkg/old.py", "tracked.log")
    target = applied(repository, found.patch, tmp_path)
    assert (target / "pkg/a.py").read_text() == "a = 7\nb = 2\n"
    assert (target / "pkg/latin.txt").read_bytes() == b"caf\xe9 noir\n"
    assert (target / "picture.bin").read_bytes() == BEGIN["picture.bin"] + b"x"
    assert (target / "new/c.py").read_text() == "c = 3\n"
    assert not (target / "pkg/old.py").exists()
    assert "version" not in found.patch
    assert not found.tests_only


@pytest.mark.parametrize(
    "trick",
    [
        "git -c user.name=a -c user.email=a@b commit -qam done",
        "rm -rf .git",
        "git update-index --assume-unchanged pkg/a.py",
        "echo pkg/ >> .git/info/exclude; git config diff.external 'echo nothing'; echo x > .git/index",
        "echo '*.py -diff filter=x' > .gitattributes; git config filter.x.clean 'echo forged'",
    ],
)
def test_the_agents_git_is_never_asked(repository, trick):
    found, _ = change(repository, "sed -i s/1/7/ pkg/a.py", trick)
    assert "pkg/a.py" in found.paths
    assert "-a = 1\n+a = 7\n" in found.patch


def test_nothing_changed_is_no_patch(repository):
    assert change(repository, "cat pkg/a.py; touch pkg/a.py; git status")[0].patch == ""
    assert change(repository, "echo x > patch.txt; mkdir .pytest_cache; echo y > .pytest_cache/z")[0].patch == ""


def modes(patch: str) -> list[str]:
    return [line for line in patch.splitlines() if " mode " in line]


def test_a_patch_holds_modes_as_git_has_them(repository, tmp_path):
    script = "printf '#!/bin/sh\\necho hi\\n' > run.sh"
    found, _ = change(
        repository, f"chmod +x pkg/a.py picture.bin .gitignore; chmod a-x bin/tool; {script}; chmod 700 run.sh"
    )
    assert found.paths == (".gitignore", "bin/tool", "picture.bin", "pkg/a.py", "run.sh")
    assert sorted(modes(found.patch)) == sorted(
        [*["old mode 100644", "new mode 100755"] * 3, "old mode 100755", "new mode 100644", "new file mode 100755"]
    )
    target = applied(repository, found.patch, tmp_path)
    assert {path: bool((target / path).stat().st_mode & 0o100) for path in found.paths} == {
        **dict.fromkeys((".gitignore", "picture.bin", "pkg/a.py", "run.sh"), True),
        "bin/tool": False,
    }
    assert (target / "picture.bin").read_bytes() == BEGIN["picture.bin"]
    assert change(repository, "chmod go-rwx pkg/a.py bin/tool; chmod u-w tracked.log")[0].patch == ""


def test_a_mode_and_a_text_changed_together_are_one_patch(repository, tmp_path):
    found, _ = change(repository, "chmod +x pkg/a.py && sed -i s/1/7/ pkg/a.py && rm bin/tool")
    assert sorted(modes(found.patch)) == ["deleted file mode 100755", "new mode 100755", "old mode 100644"]
    target = applied(repository, found.patch, tmp_path)
    assert (target / "pkg/a.py").read_text() == "a = 7\nb = 2\n"
    assert (target / "pkg/a.py").stat().st_mode & 0o100


def test_a_patch_holds_links_as_git_has_them(repository, tmp_path):
    made = "ln -s a.py pkg/new.py; ln -sfn ../pkg/a.py bin/same; rm shown; mv pkg/old.py kept; ln -s ../kept pkg/old.py"
    odd = "ln -s \"$(printf 'one\\ntwo')\" lines; ln -s \"$(printf 'caf\\351')\" latin; ln -s x x.log"
    found, _ = change(repository, f"{made}; {odd}")
    links = ("bin/same", "lines", "pkg/new.py", "pkg/old.py", "shown")
    assert found.paths == tuple(sorted([*links, "kept"]))
    target = applied(repository, found.patch, tmp_path)
    ends = {path: os.readlink(os.fsencode(target / path)) for path in links if os.path.lexists(target / path)}
    assert ends == {
        **{"bin/same": b"../pkg/a.py", "lines": b"one\ntwo"},
        **{"pkg/new.py": b"a.py", "pkg/old.py": b"../kept"},
    }
    assert (target / "kept").read_text() == BEGIN["pkg/old.py"]


def test_a_folder_and_a_link_may_change_places(repository, tmp_path):
    found, _ = change(repository, "mv pkg lib && ln -s lib pkg && rm shown && mkdir shown && echo 1 > shown/one.txt")
    target = applied(repository, found.patch, tmp_path)
    assert os.readlink(target / "pkg") == "lib"
    assert (target / "pkg/a.py").read_text() == BEGIN["pkg/a.py"]
    assert (target / "shown/one.txt").read_text() == "1\n"


def test_a_link_that_leads_out_is_its_name_and_nothing_of_what_it_leads_to(repository, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("never to be read\n")
    out = [str(secret), f"../../../../../..{secret}", "/etc/passwd", "/proc/self/root/etc/hostname", "/work", "."]
    commands = [f"ln -s {target} out-{number}" for number, target in enumerate(out)]
    found, _ = change(repository, *commands, f"ln -sfn {tmp_path} pkg/latin.txt; ln -s {tmp_path} tmp; echo x > tmp/y")
    assert "never to be read" not in found.patch
    assert "root:" not in found.patch
    added = {line[1:] for line in found.patch.splitlines() if line.startswith("+") and not line.startswith("+++")}
    assert {*out, str(tmp_path)} == added
    assert not (tmp_path / "y").exists()


def test_a_patch_of_tests_alone_is_noted(repository):
    found, _ = change(repository, "mkdir tests; echo 'assert True' > tests/test_a.py")
    assert found.tests_only
    assert found.paths == ("tests/test_a.py",)
    assert not only_tests(["tests/test_a.py", "pkg/a.py"])
    assert not only_tests([])


def test_files_of_a_task_directory_are_compared_too(repository):
    picture = bytes(range(256)).decode("utf-8", "surrogateescape")  # as a Harbor task keeps it
    small = {"files": {"mod.py": "a = 1\n", "picture.png": picture}, "outputs": ("mod.py",), "mounts": {}}
    task = repository.model_copy(update={**small, "grader": GraderSpec(kind="k", data={})})
    found, said = change(task, "pwd", "sed -i s/1/2/ mod.py; echo b > other.txt")
    assert said[0].output == "/work\n"
    assert found.paths == ("mod.py", "other.txt")
    assert "-a = 1\n+a = 2\n" in found.patch


def test_what_a_command_leaves_in_tmp_is_there_for_the_next_one_and_no_part_of_the_patch(repository):
    shared = 'python -c \'import multiprocessing as m; m.Lock(); print(open("/dev/shm/x", "w").write("y"))\''
    first = "echo kept > /tmp/note; cd /tmp && mkdir -p a/b"
    found, said = change(repository, first, "cat /tmp/note; ls /tmp/a", shared)
    assert said[1].output == "kept\nb\n"
    assert said[2].output == "1\n"
    assert found.patch == ""
