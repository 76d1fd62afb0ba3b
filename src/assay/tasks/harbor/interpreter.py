"""The Python of an image and its packages: found on this machine, installed once from the package index and kept."""

import sys
import tempfile
from functools import partial
from pathlib import Path

from assay.errors import UserError
from assay.nouns.base import digest
from assay.sandbox import trees, workspace
from assay.sandbox.building import Place, build
from assay.sandbox.index import Index
from assay.tasks.harbor import packages
from assay.tasks.harbor.dockerfile import NeedsEngine
from assay.tasks.harbor.image import Image
from assay.tasks.swebench import pythons
from assay.tasks.swebench.environment import script
from assay.tasks.swebench.inside import ENVIRONMENT, UV, build_readonly, build_variables, interpreter_mounts

_LAYOUT = 1  # raised when what is installed for the same image changes
_SAID = 300
_TOOLS = {"pytest", "pytest-json-ctrf"}  # which a verifier finds anyway


async def interpreter(image: Image, timeout_s: float) -> tuple[dict[str, str], list[str], list[str]]:
    """Return the mounts and the folders of PATH of the image's Python and its packages, and notes.

    What is not kept yet is built. Raises NeedsEngine where it cannot be had.
    """
    notes: list[str] = []
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = [one for one in image.requirements if packages.name_of(one) not in _TOOLS]
    if not wanted and image.requirements:
        notes.append(f"{', '.join(image.requirements)}: what is installed beside assay stands for it")
    if not wanted and image.python in ("", own):
        return {}, [], notes
    try:
        python = pythons.find(image.python or own)
        mounts = interpreter_mounts(python)
        if not wanted:
            return mounts, [str(python.prefix / "bin")], notes
        key = f"harbor-packages-{digest([_LAYOUT, python.version, str(python.prefix), image.requirements])[:24]}"
        await trees.prepare_slowly(key, partial(_install, python, image.requirements, timeout_s))
    except UserError as error:
        raise NeedsEngine(str(error)) from error
    return {**mounts, ENVIRONMENT: key}, [f"{ENVIRONMENT}/bin"], notes


async def _install(python: pythons.Python, requirements: list[str], timeout_s: float, folder: Path) -> None:
    """Install packages for Python into `folder`. Raises UserError."""
    index = Index()
    try:
        with tempfile.TemporaryDirectory(prefix="inputs-", dir=workspace.base()) as inputs:
            ended = await build(
                script(
                    [
                        [str(python.program), "-m", "venv", "--without-pip", ENVIRONMENT],
                        [UV, "pip", "install", "--quiet", *requirements],
                    ]
                ),
                Place({ENVIRONMENT: folder}, build_readonly(python, Path(inputs))),
                folder=ENVIRONMENT,
                index=index,
                env=build_variables("all"),
                timeout_s=timeout_s,
            )
    finally:
        index.close()
    if ended.returncode != 0:
        said = " ".join(ended.said[-_SAID:].split()) or f"it took longer than {timeout_s:.0f} s"
        raise UserError(f"its packages ({', '.join(requirements)[:100]}) cannot be installed: {said}")
