"""The kind `tests`: a repository's own test suite decides, by pytest, unittest, Django's runner or SymPy's.

`GraderSpec.data` (see docs/grading.md for an example):
    runner          "pytest", "unittest", "django" or "sympy"
    fail_to_pass    ids that fail before and must pass; at least one
    pass_to_pass    ids that pass before and must still; together they are the fixed set that decides
    ids             "exact" (default), or "swebench": spelled as in its lists; see suite_names
    resolved        {id of a test: entry of a list that means it}, and
    ignored         {entry: why it is no test}: what `prepare` found for lists that are spelled so
    files           {path: text}: hidden tests, and whatever the benchmark lays over; never taken from a candidate
    test_root       the folder from which tests are imported, "" for the repository's own
    tree            where the task's mount with the repository is; without it `task.files` is the repository
    workdir         where the repository lies inside, by default /work
    network         {"blackhole": [networks]} on which connections time out
    python          interpreter of the task's own environment (in another mount); default the sandbox's, our pytest
    python_args     arguments of that interpreter, such as -X dev
    env, args       environment and further arguments of the runner; relative parts of PYTHONPATH are the repository's
    script          the script that runs Django's tests, default test_root/runtests.py
    places          {id: dotted name} of ids that are the first line of a docstring, as Django prints them
    protected       more glob patterns of paths that a candidate may not change
    order           "shuffled" (default), "files" (only files among each other), "fixed" (as listed, all in every
                    round) or "whole" (the same, with the tests of their files that are not listed)
    canaries        what `prepare` found; left out, it is found at the first grading and kept
    preload         modules from outside of the repository that a fork server imports; `prepare` finds them
    rounds          how many times the suite runs, by default as many as the canaries need
    timeout_s       wall clock of one round, in seconds
    xfail           ids that are left expected to fail; `prepare` finds them

The candidate's work is its declared outputs laid over `task.files`, or, with `tree`, the one output `patch.diff`.

How the contract is kept. Infrastructure of tests and the tests themselves are restored before anything runs, and
each dropped change is reported. Each test file runs in a process of its own in a sandbox of its own network, pid and
mount namespaces; a process in which no candidate code runs collects what they say and adds the nonce. What a
test's process says can be forged by the candidate, which shares it, as in any repository's suite: so in every
round some tests carry a wrong expected value (`suite_rounds`, `suite_edits`), drawn afresh, and a run counts only
when exactly those fail. A forger must know which they are, and nothing in the process tells.

What remains open: a candidate that carries a copy of tests that are public can compare and forge selectively; a
test in which nothing expected can be changed has no canary but the generic one of its file; a repository that is
itself the runner (pytest) runs its own code as the runner, held by the canaries alone.
"""

from collections.abc import Mapping

from assay.errors import UserError
from assay.grading.suites.suite_edits import Edit
from assay.grading.suites.suite_forked import in_rounds
from assay.grading.suites.suite_prepare import Found, found, named, names
from assay.grading.suites.suite_rounds import as_listed, draw, judge, sources
from assay.grading.suites.suite_run import Place
from assay.grading.suites.suite_spec import SpecError, Suite, parse
from assay.grading.suites.suite_trees import Repository, host_tree, with_outputs
from assay.nouns import Check, GraderSpec, Reason, Task, Verdict

_FOUND = ("canaries", "resolved", "ignored", "preload")  # what `prepare` finds
_SHOWN = 20  # dropped paths that a verdict names


async def check(task: Task, outputs: Mapping[str, str]) -> Verdict:
    """Grade `outputs` by the suite of `task`. The value is 1 when every decisive test passes, else 0."""
    try:
        tree = host_tree(task)
        task = await _named(task)
        suite, texts = _read(task)
        made = await with_outputs(task, suite, tree, outputs)
        if isinstance(made, Verdict):
            return made
        place, dropped = made
        known = await _known(task, suite, texts)
        suite = known.applied_to(suite)
        rounds = draw(suite, texts, known.edits)
    except SpecError as error:
        return Verdict.invalid(Reason.BAD_TASK, f"grader data of {task.id}: {error}")
    verdict = judge(suite, await in_rounds(task, suite, place, rounds))
    return _reported(verdict.model_copy(update={"checks": as_listed(suite, verdict.checks)}), dropped)


async def prepare(task: Task) -> Task:
    """Return `task` with the canaries that running its gold in the sandbox showed, in `data["canaries"]`.

    So with the tests that ids in SWE-bench's spelling mean (`resolved`) and the entries that are none (`ignored`).
    Raises UserError when the specification is broken or gold does not pass, MachineryError when the sandbox fails.
    """
    data = {key: value for key, value in task.grader.data.items() if key not in _FOUND}
    bare = task.model_copy(update={"grader": GraderSpec(kind=task.grader.kind, data=data)})
    try:
        bare = await _named(bare)
        suite, texts = _read(bare)
        seen = await _known(bare, suite, texts)
    except SpecError as error:
        raise UserError(f"the task {task.id} cannot be prepared: {error}; mend its grader data") from error
    data = {**bare.grader.data, **seen.data()}
    return task.model_copy(update={"grader": GraderSpec(kind=task.grader.kind, data=data)})


async def _named(task: Task) -> Task:
    """Return the task with what its ids mean, where they are spelled as SWE-bench spells them and that is not known.

    Raises SpecError where they cannot be known, MachineryError when the sandbox fails.
    """
    data = task.grader.data
    if data.get("ids") != "swebench" or "resolved" in data:
        return task
    suite = suite_of(task)
    if not task.gold:
        raise SpecError("ids is 'swebench' and the task has no gold, whose run could show what they mean")
    seen = await names(task, suite, await gold_tree(task, suite))
    return task.model_copy(update={"grader": GraderSpec(kind=task.grader.kind, data={**data, **seen})})


def suite_of(task: Task) -> Suite:
    """Return the suite of a task as it is read from its grader data. Raises SpecError, MachineryError."""
    return parse(task, _repository(task))


def _repository(task: Task) -> Repository:
    hidden = task.grader.data.get("files", {})
    return Repository(task, hidden if isinstance(hidden, dict) else {}, host_tree(task))


async def gold_tree(task: Task, suite: Suite) -> Place:
    """Return the tree that the task's own solution makes. Raises SpecError where it makes none."""
    gold = await with_outputs(task, suite, host_tree(task), task.gold)
    if isinstance(gold, Verdict):
        raise SpecError(f"gold fails: {gold.detail}")
    return gold[0]


def _read(task: Task) -> tuple[Suite, dict[str, str]]:
    """Return the suite and the texts of its test files. Raises SpecError, MachineryError for a tree not prepared."""
    repository = _repository(task)
    suite = parse(task, repository)
    texts = {file: repository.text(file) or "" for file in {place.file for place in suite.places.values()}}
    named(suite, sources(texts, set(texts)))
    return suite, texts


async def _known(task: Task, suite: Suite, texts: Mapping[str, str]) -> Found:
    """Return the canaries that the task has, or those that running its gold shows; none where it has no gold."""
    if suite.canaries is not None:
        edits = tuple(Edit.read(entry) for entry in suite.canaries)
        return Found(edits, suite.order, tuple(suite.xfail), suite.rounds, suite.preload)
    if not task.gold:
        return Found((), suite.order, tuple(suite.xfail), suite.rounds, suite.preload)
    return await found(task, suite, await gold_tree(task, suite), texts)


def _reported(verdict: Verdict, dropped: tuple[str, ...]) -> Verdict:
    """Return the verdict with what was dropped of the candidate's changes; they are no fault by themselves."""
    if not dropped or verdict.value is None:
        return verdict
    names = ", ".join(dropped[:_SHOWN]) + (f" and {len(dropped) - _SHOWN} more" if len(dropped) > _SHOWN else "")
    note = Check(name="changes to the test suite", passed=True, evidence=f"dropped: {names}")
    said = f"changes to the suite were dropped: {names}"
    detail = f"{verdict.detail}; {said}" if verdict.detail else said
    return verdict.model_copy(update={"checks": (*verdict.checks, note), "detail": detail})
