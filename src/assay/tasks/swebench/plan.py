"""What one record needs: its commit, its version, the specification that fits, and the keys of what is to be built."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import PurePosixPath

from assay.errors import UserError
from assay.nouns.base import digest
from assay.sandbox.building import check_programs
from assay.tasks.swebench import pythons
from assay.tasks.swebench.git import Repository
from assay.tasks.swebench.pythons import Python
from assay.tasks.swebench.record import Record
from assay.tasks.swebench.specs import Environment, Specification, known, specification

_LAYOUT = 1  # raised when what is built from the same plan changes
_PEP440 = re.compile(r"\d+(\.\d+)*((a|b|rc)\d*)?(\.?(dev|post)\d*)?")
_SETUP = ("setup.py", "setup.cfg", "pyproject.toml")
_INCLUDED = re.compile(r"(?:-r|--requirement)[ =]*(\S+)")


@dataclass(frozen=True)
class Plan:
    """All that is known of a record before anything is built. `cut` is a date or "all"."""

    record: Record
    repository: Repository
    commit: str
    specification: Specification
    environment: Environment
    version: str
    full_version: str
    python: Python
    requirements: tuple[str, ...]
    cut: str
    setup: tuple[str, ...]
    lacking: tuple[str, ...] = ()  # paths of the specification's `spare` that the mirror lacks at this commit

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the builds, filled in."""
        named = {"{version}": self.version, "{full_version}": self.full_version}
        found = dict(self.environment.variables)
        for name, value in found.items():
            for mark, text in named.items():
                value = value.replace(mark, text)
            found[name] = value
        return found

    @property
    def environment_key(self) -> str:
        """The key of the installed packages: everything that determines them, and not the commit."""
        wanted = self.environment
        about = {
            "layout": _LAYOUT,
            "python": [self.python.version, str(self.python.prefix)],
            "build": wanted.build,
            "packages": wanted.packages,
            "requirements": self.requirements,
            "constraints": wanted.constraints,
            "project": [wanted.extras, self.setup, self.variables] if self.needs_project else [],
            "wheels_only": wanted.wheels_only,
            "cut": self.cut,
        }
        return f"swe-packages-{digest(about)[:24]}"

    @property
    def project_key(self) -> str:
        """The key of the project built at its commit, in that environment."""
        wanted = self.environment
        steps = [wanted.project, wanted.path_folder, wanted.prepare, wanted.finish, self.variables]
        steps += [[path, self.specification.spare[path]] for path in self.lacking]
        return f"swe-built-{digest([_LAYOUT, self.environment_key, self.record.repo, self.commit, steps])[:24]}"

    @property
    def needs_project(self) -> bool:
        """Whether the project's own dependencies are asked for."""
        return self.environment.dependencies or bool(self.environment.extras)


def known_specification(repository: str) -> Specification:
    """Return the specification of a repository. Raises UserError when there is none."""
    if (found := specification(repository)) is None:
        raise UserError(f"there is no specification for {repository}: the repositories known are {', '.join(known())}")
    return found


def plan(record: Record, repository: Repository) -> Plan:
    """Return what `record` needs. Raises UserError, with the remedy, where that cannot be had on this machine."""
    found = known_specification(record.repo)
    commit = repository.commit(record.base_commit)
    day = repository.date(commit).date()
    full = _version(found, repository, commit)
    version = record.version or full
    if not version and any(entry.versions for entry in found.environment):
        raise UserError(
            f"the version of {record.repo} at {commit[:12]} cannot be read: give the record its `version`, or "
            "fetch the tags of the mirror"
        )
    wanted = found.choose(version, day, lambda path: repository.contains(commit, path))
    if wanted is None:
        raise UserError(f"no environment is known for {record.repo} {version} of {day}: add one to its specification")
    check_programs(wanted.system, wanted.libraries)
    lines = [
        line
        for entry in wanted.requirements
        for line in _lines(entry.file, entry.drop, entry.optional, repository, commit)
    ]
    needs_project = wanted.dependencies or wanted.extras
    setup = tuple(digest(repository.text(commit, name)) for name in _SETUP) if needs_project else ()
    return Plan(
        record=record,
        repository=repository,
        commit=commit,
        specification=found,
        environment=wanted,
        version=version,
        full_version=_pep440(full) or _pep440(version) or "0",
        python=pythons.find(wanted.python),
        requirements=tuple(lines),
        cut=_cut(wanted.exclude_newer, day),
        setup=setup,
        lacking=repository.lacking(commit, tuple(found.spare)),
    )


def _version(found: Specification, repository: Repository, commit: str) -> str:
    """Return the version of a tree as the first way that finds one gives it, "" for none."""
    for way in found.version:
        if way.tags:
            version = repository.tag(commit, way.tags) or ""
        else:
            seen = re.search(way.pattern, repository.text(commit, way.file) or "", re.MULTILINE)
            version = ".".join(group for group in seen.groups() if group) if seen else ""
        if version:
            return version
    return ""


def _pep440(version: str) -> str:
    seen = _PEP440.search(version)
    return seen[0] if seen else ""


def _cut(exclude_newer: str, day: date) -> str:
    if exclude_newer == "commit":
        return str(day + timedelta(days=1))
    return exclude_newer or "all"


def _lines(
    file: str, drop: tuple[str, ...], optional: bool, repository: Repository, commit: str, depth: int = 0
) -> list[str]:
    """Return the requirements in a file of the tree and in those that it includes; options of pip are left out."""
    text = repository.text(commit, file)
    if text is None:
        if optional:
            return []
        raise UserError(f"the tree has no {file}, which its specification installs from: mend the specification")
    found: list[str] = []
    for raw in text.splitlines():
        line = raw.split(" #")[0].strip()
        if not line or line.startswith("#") or any(re.search(pattern, line) for pattern in drop):
            continue
        if (included := _INCLUDED.fullmatch(line)) and depth < 8:
            path = str(PurePosixPath(file).parent / included[1])
            found += _lines(path, drop, optional, repository, commit, depth + 1)
        elif not line.startswith("-"):
            found.append(line)
    return found
