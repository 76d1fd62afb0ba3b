"""Environments: the packages that a plan asks for, installed once for each key in a build sandbox and kept."""

import asyncio
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from assay.errors import UserError
from assay.sandbox import trees, workspace
from assay.sandbox.building import Built, Place, build
from assay.sandbox.index import Index
from assay.sandbox.sharing import settle, share
from assay.tasks.swebench.inside import ENVIRONMENT, INPUTS, PYTHON, TESTBED, UV, build_readonly, build_variables
from assay.tasks.swebench.plan import Plan

_UNCOMPILED = r"/tests/"  # of installed packages: nobody imports their tests
_SHOWN = 600
LONGEST_S = 3600.0  # a compiled project takes minutes of two free cores, and a busy machine gives it a tenth of one
JOBS = min(4, os.cpu_count() or 1)
_WITHOUT_PROJECT = (
    f"names=$({UV} pip list --quiet --editable --format json | {PYTHON} -c "
    "'import json, sys; print(*(p[\"name\"] for p in json.load(sys.stdin)))')\n"
    f'[ -z "$names" ] || {UV} pip uninstall --quiet $names'
)


async def packages(plan: Plan, index: Index) -> str:
    """Build the environment of a plan where it is not there yet; return its key. Raises UserError when that fails."""

    async def make(folder: Path) -> None:
        root, testbed, inputs = (folder / name for name in ("root", "testbed", "inputs"))
        for made in (root, testbed, inputs):
            os.mkdir(made)
        _write_inputs(plan, inputs)
        writable = {ENVIRONMENT: root}
        if plan.needs_project:
            await asyncio.to_thread(plan.repository.check_out, plan.commit, testbed, plan.lacking)
            shutil.rmtree(testbed / ".git")
            writable[TESTBED] = testbed
        place = Place(writable, build_readonly(plan.python, inputs))
        inside = TESTBED if plan.needs_project else ENVIRONMENT
        tools, wanted = _commands(plan)
        steps = [[str(plan.python.program), "-m", "venv", "--without-pip", ENVIRONMENT], *tools]
        variables = {**build_variables("all"), **plan.variables}
        check("its build tools", await build(script(steps), place, folder=inside, index=index, env=variables))
        variables = {**build_variables(plan.cut), **plan.variables}
        done = await build(script(wanted), place, folder=inside, index=index, env=variables, timeout_s=LONGEST_S)
        check("its packages", done)
        shutil.rmtree(root / ".uv", ignore_errors=True)
        (root / ".lock").unlink(missing_ok=True)
        await asyncio.to_thread(settle, root)
        await build(compiling(f"{ENVIRONMENT}/lib", _UNCOMPILED), place, folder=ENVIRONMENT)
        await asyncio.to_thread(_keep, root, folder)

    await trees.prepare_slowly(plan.environment_key, make)
    return plan.environment_key


def _keep(root: Path, folder: Path) -> None:
    """Share the files of a finished environment and leave nothing but it in `folder`."""
    share(root)
    for entry in list(folder.iterdir()):
        if entry != root:
            workspace.remove(entry)
    root.rename(beside := folder / ".root")
    for entry in beside.iterdir():
        entry.rename(folder / entry.name)
    beside.rmdir()


def _write_inputs(plan: Plan, folder: Path) -> None:
    (folder / "requirements.txt").write_text("\n".join(plan.requirements) + "\n", encoding="utf-8")
    (folder / "constraints.txt").write_text("\n".join(plan.environment.constraints) + "\n", encoding="utf-8")


def _commands(plan: Plan) -> tuple[list[list[str]], list[list[str] | str]]:
    """Return the commands that install the build tools, and those for the rest."""
    wanted = plan.environment
    install = [UV, "pip", "install", "--quiet"]
    tools = [[*install, *wanted.build]] if wanted.build else []
    words = list(wanted.packages)
    if plan.requirements:
        words += ["-r", f"{INPUTS}/requirements.txt"]
    if wanted.constraints:
        words += ["-c", f"{INPUTS}/constraints.txt"]
    if wanted.wheels_only:
        words += ["--only-binary", ":all:"]
    if not plan.needs_project:
        return tools, [[*install, *words]] if wanted.packages or plan.requirements else []
    # The project takes part in the resolution, so that nothing brings another release of it, and is taken out again.
    extras = f"[{','.join(wanted.extras)}]" if wanted.extras else ""
    options = [word for extra in wanted.extras for word in ("--extra", extra)]
    together = editable(
        [*install, *words, "--no-build-isolation", "-e", f".{extras}"],
        [*install, *words, "--no-build-isolation", "-r", f"{TESTBED}/setup.py", *options],
    )
    return tools, [together, _WITHOUT_PROJECT]


def editable(modern: Sequence[str], old: Sequence[str]) -> str:
    """Return a line of shell: `modern` makes an editable wheel, which setuptools cannot before 64; else `old`."""
    can = f"{PYTHON} -c 'from setuptools.build_meta import build_editable' 2>/dev/null"
    return f"if [ -f setup.py ] && ! {can}; then {shlex.join(old)}; else {shlex.join(modern)}; fi"


def script(steps: Sequence[Sequence[str] | str]) -> list[str]:
    """Return a command that takes these steps, words or lines of shell, until one fails."""
    lines = [step if isinstance(step, str) else shlex.join(step) for step in steps]
    return ["/bin/bash", "-ec", "\n".join(lines) or ":"]


def compiling(folder: str, without: str) -> list[str]:
    """Return the command that compiles what is in a folder to bytecode. What is no Python stays as it is."""
    return [PYTHON, "-m", "compileall", "-q", "-q", "-j", str(JOBS), "-x", without, folder]


def check(what: str, built: Built) -> None:
    """Raise UserError with the end of what a build said, unless it succeeded."""
    if built.returncode == 0:
        return
    if built.returncode is None:
        raise UserError(
            f"{what} could not be built: it took longer than {built.wall_s:.0f} s; if this machine is busy or slow, "
            "check the instance again when it has more time"
        )
    said = re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", built.said[-_SHOWN:])).strip()
    raise UserError(f"{what} could not be built: ...{said}: mend its specification or what it names")
