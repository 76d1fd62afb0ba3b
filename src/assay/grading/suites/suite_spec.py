"""What the kind `tests` is told: its grader data, read and checked, and how test ids name places in files.

An id names a test function of a file. pytest's are `path::Class::name[parameters]`, SymPy's `path::name`; those of
unittest and Django are `package.module.Class.name` or `name (package.module.Class)` or
`name (package.module.Class.name)`, and, as Django prints them, the first line of a test's docstring; of such a one
`places` has the dotted name. Lists of SWE-bench hold whatever its parser of logs took for ids (`"ids": "swebench"`):
`suite_names` finds the tests that they mean, and `resolved` keeps them.
"""

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.nouns import Task
from assay.sandbox import layout

RUNNERS = ("pytest", "unittest", "django", "sympy")
ORDERS = ("shuffled", "files", "fixed", "whole")
SPELLINGS = ("exact", "swebench")
PATCH = "patch.diff"
WORK = "/work"
_KEYS = {"runner", "fail_to_pass", "pass_to_pass", "files", "protected", "python", "env", "args", "order", "canaries"}
_KEYS |= {"timeout_s", "test_root", "tree", "rounds", "xfail", "script", "places", "workdir", "network", "ids"}
_KEYS |= {"resolved", "ignored", "python_args", "preload"}
_OLD_ID = re.compile(r"(\w+) \(([\w.]+)\)")
_DOTTED = re.compile(r"\w+(\.\w+)+")


class SpecError(ValueError):
    """Grader data that cannot be used; the message names the field."""


@dataclass(frozen=True)
class Place:
    """Where a test is defined: a file, and a function in it, `name` or `Class.name`."""

    file: str
    test: str


@dataclass(frozen=True)
class Suite:
    """The grader data of one task. `places` has every decisive id, in the order given: fail_to_pass, pass_to_pass.

    Where ids are spelled as SWE-bench has them, `places` has the tests that they mean, and is empty until those are
    known; `listed` has the id of the list that each means, where it is another, and `wanted` the whole list. Without
    `preload` each round starts anew.
    """

    runner: str
    places: Mapping[str, Place]
    must_turn: frozenset[str]
    files: Mapping[str, str]
    protected: tuple[str, ...] = ()
    python: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()
    order: str = "shuffled"
    canaries: tuple[Mapping[str, Any], ...] | None = None
    rounds: int = 0
    timeout_s: float = 60.0
    test_root: str = ""
    tree: str = ""
    script: str = ""
    xfail: frozenset[str] = frozenset()
    workdir: str = WORK
    blackhole: tuple[str, ...] = ()
    python_args: tuple[str, ...] = ()
    listed: Mapping[str, str] = field(default_factory=dict)
    ignored: Mapping[str, str] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()
    preload: tuple[str, ...] | None = None

    def ids_of(self, place: Place) -> list[str]:
        """Return the decisive ids of one test function."""
        return [name for name, where in self.places.items() if where == place]


def parse(task: Task, known: Collection[str]) -> Suite:
    """Return the suite of `task`; `known` are the paths that the repository has, hidden tests included.

    Raises SpecError, whose message says which field is wrong.
    """
    data = task.grader.data
    unknown = sorted(set(data) - _KEYS)
    if unknown:
        raise SpecError(f"there is no field {unknown[0]!r}")
    runner = data.get("runner")
    if runner not in RUNNERS:
        raise SpecError(f"runner is {runner!r}; it must be one of {', '.join(RUNNERS)}")
    order = data.get("order", "shuffled")
    if order not in ORDERS:
        raise SpecError(f"order is {order!r}; it must be one of {', '.join(ORDERS)}")
    first, second = _texts(data, "fail_to_pass"), _texts(data, "pass_to_pass")
    if not first:
        raise SpecError("fail_to_pass is empty: no test shows the fault")
    ids = [*first, *second]
    if len(set(ids)) != len(ids):
        raise SpecError(f"the id {next(i for i in ids if ids.count(i) > 1)!r} stands twice")
    if (spelling := data.get("ids", "exact")) not in SPELLINGS:
        raise SpecError(f"ids is {spelling!r}; it must be one of {', '.join(SPELLINGS)}")
    named = _table(data, "places")
    resolved = {name: name for name in ids} if spelling == "exact" else _table(data, "resolved")
    if stray := sorted(set(resolved.values()) - set(ids)):
        raise SpecError(f"resolved names {stray[0]!r}, which is neither in fail_to_pass nor in pass_to_pass")
    root = str(data.get("test_root", "")).strip("/")
    tree = str(data.get("tree", ""))
    if tree and tree not in task.mounts:
        raise SpecError(f"tree is {tree!r}, which is not among the task's mounts")
    workdir = str(data.get("workdir", WORK))
    if not layout.is_free(workdir):
        raise SpecError(f"workdir is {workdir!r}; it must be a plain absolute path outside the system's folders")
    python = str(data.get("python", ""))
    if python and (not python.startswith("/") or f"{python}/".startswith(f"{workdir}/")):
        raise SpecError(f"python is {python!r}; it must be an absolute path outside {workdir}, where candidates write")
    canaries = data.get("canaries")
    if canaries is not None and not (isinstance(canaries, list) and all(isinstance(c, dict) for c in canaries)):
        raise SpecError("canaries is not a list of edits; leave it out to have them found")
    return Suite(
        runner=str(runner),
        places={name: _place(str(runner), named.get(name, name), root, known) for name in resolved},
        must_turn=frozenset(name for name, of in resolved.items() if of in set(first)),
        files=_table(data, "files"),
        protected=tuple(_texts(data, "protected")),
        python=python,
        env=_table(data, "env"),
        args=tuple(_texts(data, "args")),
        order=str(order),
        canaries=None if canaries is None else tuple(canaries),
        rounds=int(_number(data, "rounds", 0, 8, default=0)),
        timeout_s=_number(data, "timeout_s", 0.1, 86_400, default=60),
        test_root=root,
        tree=tree,
        script=str(data.get("script", "")),
        xfail=frozenset(_texts(data, "xfail")),
        workdir=workdir,
        blackhole=_blackhole(data),
        python_args=tuple(_texts(data, "python_args")),
        listed={name: of for name, of in resolved.items() if name != of},
        ignored=_table(data, "ignored"),
        wanted=tuple(ids) if spelling != "exact" else (),
        preload=tuple(_texts(data, "preload")) if "preload" in data else None,
    )


def _blackhole(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the networks on which connections must time out. Raises SpecError."""
    network = data.get("network", {})
    if not isinstance(network, dict) or set(network) - {"blackhole"}:
        raise SpecError("network is not a table with blackhole, the one thing that can be said of it")
    places = _texts(network, "blackhole")
    try:
        return tuple(str(ipaddress.IPv4Network(place)) for place in places)
    except ValueError as error:
        raise SpecError(f"network: blackhole: {error}") from error


def _number(data: Mapping[str, Any], key: str, least: float, most: float, *, default: float) -> float:
    value = data.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise SpecError(f"{key} is {value!r}; it must be a number from {least:g} to {most:g}")
    return float(value)


def _texts(data: Mapping[str, Any], key: str) -> list[str]:
    value = data.get(key, [])
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise SpecError(f"{key} is not a list of strings")
    return list(value)


def _table(data: Mapping[str, Any], key: str) -> dict[str, str]:
    value = data.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise SpecError(f"{key} is not a table of strings")
    return dict(value)


def _place(runner: str, name: str, root: str, known: Collection[str]) -> Place:
    """Return where the test of an id is. Raises SpecError when its file is not in the repository."""
    if runner in ("pytest", "sympy"):
        path, _, rest = name.partition("::")
        test = rest.split("[", 1)[0].replace("::", ".")
        if not test:
            raise SpecError(f"no such test: {name!r} is not of the form path::name")
        if path not in known:
            raise SpecError(f"no such test: the repository has no file {path!r}, which {name!r} names")
        return Place(path, test)
    dotted = name
    if old := _OLD_ID.fullmatch(name):
        method, owner = old.groups()
        dotted = owner if owner.endswith(f".{method}") else f"{owner}.{method}"
    if not _DOTTED.fullmatch(dotted):
        raise SpecError(f"no such test: {name!r} is neither module.Class.name nor name (module.Class)")
    words = dotted.split(".")
    for cut in range(len(words) - 1, 0, -1):
        stem = "/".join([*([root] if root else []), *words[:cut]])
        for path in (f"{stem}.py", f"{stem}/__init__.py"):
            if path in known:
                return Place(path, ".".join(words[cut:]))
    raise SpecError(f"no such test: the repository has no file for the module that {name!r} names")


def dotted_module(path: str, root: str) -> str:
    """Return the name by which unittest and Django import the file `path`."""
    inner = path[len(root) + 1 :] if root else path
    return inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
