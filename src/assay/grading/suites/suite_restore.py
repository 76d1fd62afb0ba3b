"""What of a repository decides how its tests run, and so is never taken from a candidate; standard library only.

Used outside, on the files of a small repository, and inside, on a tree that a patch was applied to. Everything
here is about paths and texts; nothing is run or imported.
"""

import configparser
import fnmatch
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator

# Files that pytest, unittest, coverage, Python at its start, or git read by themselves, in whatever folder.
_NAMES = {
    *("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg"),
    *("pyproject.toml", ".coveragerc", "noxfile.py", "sitecustomize.py", "usercustomize.py", "pyvenv.cfg"),
    *("entry_points.txt", ".gitattributes", ".gitmodules", ".gitignore", "unittest.cfg", "nose.cfg", "runtests.py"),
}
_SUFFIXES = (".pth", ".pyc", ".pyo", ".egg-link", "._pth")
_FOLDERS = {"__pycache__", ".git", ".hg", ".svn", ".tox", ".pytest_cache", "sitecustomize", "usercustomize"}
_FOLDER_SUFFIXES = (".egg-info", ".dist-info")
# Modules that a runner imports: new ones of these names, where imports are looked for, would be imported instead.
_RUNNERS = {"pytest", "_pytest", "py", "pluggy", "iniconfig", "unittest", "xdist", "nose", "doctest", "coverage"}
IMPORT_ROOTS = {"", "src", "lib"}
_TEST_FILE = re.compile(r"test_.*\.py|.*_tests?\.py|tests?\.py")
_TOP_TEST_FOLDERS = {"test", "testing"}
_CONFIG = {"setup.cfg", "tox.ini", "pyproject.toml"}
_LONGEST_CONFIG = 200_000  # characters
_TOML_TEST_TABLES = ("pytest", "coverage", "tox", "nox")
_INI_TEST_SECTION = re.compile(r"(tool:)?pytest|coverage(:.*)?|tox(:.*)?|testenv(:.*)?|nosetests|unittest")


def is_infrastructure(path: str) -> bool:
    """Whether `path` steers a test run by its name or its folder's."""
    *folders, name = path.split("/")
    if name in _NAMES or name.endswith(_SUFFIXES):
        return True
    return any(folder in _FOLDERS or folder.endswith(_FOLDER_SUFFIXES) for folder in folders)


def top_names(path: str, roots: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (root, name by which the file's module or package is imported from there) for each root above `path`."""
    for root in roots:
        if not root or path.startswith(f"{root}/"):
            first = path[len(root) + 1 if root else 0 :].split("/", 1)[0]
            yield root, first.removesuffix(".py").removesuffix(".so")


def is_test(path: str, test_root: str = "") -> bool:
    """Whether `path` belongs to a test suite: by its name, its folder, or because it is under `test_root`."""
    folders = path.split("/")[:-1]
    if test_root and path.startswith(f"{test_root}/"):
        return True
    if folders and (folders[0] in _TOP_TEST_FOLDERS or "tests" in folders):
        return True
    return is_test_file(path)


def is_test_file(path: str) -> bool:
    """Whether a file is one that runners collect, by its own name."""
    return _TEST_FILE.fullmatch(path.rpartition("/")[2]) is not None


def protector(
    *,
    original: Collection[str],
    hidden: Collection[str],
    patterns: Collection[str],
    solved: Collection[str],
    test_root: str = "",
    roots: Iterable[str] = (),
) -> Callable[[str], bool]:
    """Return the function that says whether a candidate's change to a path is dropped.

    `hidden` are the paths that the task lays over, `patterns` globs of its own, `solved` what the task's own
    solution changes: a file that only looks like a test by its name and is part of the solution is the candidate's.
    """
    every = {*IMPORT_ROOTS, *roots}
    owned = {name for path in original for name in top_names(path, every) if name[1] in _RUNNERS}

    def shadows(path: str) -> bool:
        return any(
            (name in _RUNNERS or name.startswith("pytest_")) and (root, name) not in owned
            for root, name in top_names(path, every)
        )

    def protected(path: str) -> bool:
        if path in hidden or any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns):
            return True
        if is_infrastructure(path) or (path not in original and shadows(path)):
            return True
        return path not in solved and is_test(path, test_root)

    return protected


def spliced(path: str, old: str, new: str) -> str:
    """Return the candidate's configuration file `new` with the sections about tests as `old` has them.

    Anything that cannot be taken apart for certain comes back as `old`.
    """
    name = path.rsplit("/", 1)[-1]
    if name not in _CONFIG or len(new) > _LONGEST_CONFIG:
        return old
    try:
        if name == "pyproject.toml":
            made = _splice(old, new, _is_toml_test)
            good = _toml_tests(made) == _toml_tests(old)
        else:
            made = _splice(old, new, _is_ini_test)
            good = _ini_tests(made) == _ini_tests(old)
    except (ValueError, configparser.Error, RecursionError, AttributeError):
        return old
    return made if good else old


def _splice(old: str, new: str, is_test_section: Callable[[str], bool]) -> str:
    kept = [body for header, body in _sections(new) if not is_test_section(header)]
    own = [body for header, body in _sections(old) if is_test_section(header)]
    return "".join(part if part.endswith("\n") or not part else part + "\n" for part in [*kept, *own])


def _sections(text: str) -> list[tuple[str, str]]:
    """Return (header, text with the header) of each section; the first has the header ""."""
    found = [("", "")]
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            found.append((line.strip(), line))
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def _is_toml_test(header: str) -> bool:
    inner = header.split("#", 1)[0].strip().strip("[]").strip()
    return any(inner == f"tool.{name}" or inner.startswith(f"tool.{name}.") for name in _TOML_TEST_TABLES)


def _is_ini_test(header: str) -> bool:
    return _INI_TEST_SECTION.fullmatch(header.split("]", 1)[0].strip("[").strip()) is not None


def _toml_tests(text: str) -> dict[str, object]:
    tool = tomllib.loads(text).get("tool", {})
    return {name: tool[name] for name in _TOML_TEST_TABLES if name in tool}


def _ini_tests(text: str) -> dict[str, dict[str, str]]:
    reader = configparser.ConfigParser(interpolation=None, strict=True, default_section="\0")
    reader.read_string(text)
    return {name: dict(reader[name]) for name in reader.sections() if _INI_TEST_SECTION.fullmatch(name)}
