"""One attempt as a page shows it: every step with its command, output, tokens, diff and the findings at their lines."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from assay.audit.findings import Finding
from assay.ledger.browse import Row
from assay.nouns import Attempt, Step, Task, Trajectory
from assay.report.reading import ending_of
from assay.report.web import text
from assay.report.web.growth import grown
from assay.report.web.runs import Missing, Run
from assay.report.web.tokens import Masked, Sampled, masked, sampled

MOST_STEPS = 400
_PAGE_CHARS = 1_600_000
_PAGE_TOKENS = 30_000
_PATCH_LINES = 800
_FENCE = re.compile(r"```[^\n]{0,80}\n.*?(?:```|\Z)", re.DOTALL)
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d{1,9})")
_OPEN_TOKENS = 400  # up to so many sampled tokens in all stand open
_MOST_CHECKS = 60


@dataclass(frozen=True)
class DiffLine:
    """A line of a diff: its kind (add, del, hunk, file, same) and whether the step brought it."""

    kind: str
    text: Markup
    fresh: bool
    mark: str = ""


@dataclass(frozen=True)
class Diff:
    """A diff by line; `cut` lines are not shown."""

    lines: tuple[DiffLine, ...]
    cut: int


@dataclass(frozen=True)
class ShownFinding:
    """A finding and the place on the page that it points to ("" where its line is not shown)."""

    finding: Finding
    evidence: Markup
    anchor: str
    place: str


@dataclass(frozen=True)
class ShownStep:
    """One turn of the agent. `number` counts from 1; `diff` is None where the files are as before or not known."""

    number: int
    said: text.Block
    thought: text.Block
    command: text.Block | None
    output: text.Block
    ending: str
    good: bool
    tokens: Sampled | None
    diff: Diff | None
    findings: tuple[ShownFinding, ...]
    plain: str  # the command as it is, for alignment
    absent: frozenset[str] = frozenset()  # anchors of marked lines that are cut off


@dataclass(frozen=True)
class Shown:
    """An attempt, ready for a page."""

    row: Row
    attempt: Attempt | None
    agent: str
    model: str
    exit: str
    error: Markup
    prompt: tuple[tuple[str, text.Block], ...]
    steps: tuple[ShownStep, ...]
    more_steps: int
    diff: Diff | None
    growth: str
    findings: tuple[ShownFinding, ...]
    checks: tuple[tuple[Markup, bool, text.Block], ...]
    more_checks: int
    open_tokens: bool
    masked: Masked | None
    has_trace: bool

    @property
    def short(self) -> str:
        """What the attempt is, in few words."""
        dose = f" at {self.row.dose:,}" if self.row.dose else ""
        return f"{self.row.arm}{dose}, seed {self.row.seed}" + (f", trial {self.row.trial}" if self.row.trial else "")


def show(run: Run, attempt_id: str, full: bool = True) -> Shown:
    """Return an attempt of a run. Raises Missing for an id that is not planned. Not `full` leaves the tokens out."""
    with run.open() as reader:
        row = reader.row(attempt_id)
        if row is None:
            raise Missing(f"There is no attempt {attempt_id[:60]} in {run.name}: choose one from its list")
        attempt = reader.attempt(attempt_id)
        trajectory = reader.trajectory(attempt_id)
        task = reader.task(row.task_id) if trajectory is not None else None
    return shown(run, row, attempt, trajectory, task, run.findings().of(attempt_id), full=full)


def shown(
    run: Run,
    row: Row,
    attempt: Attempt | None,
    trajectory: Trajectory | None,
    task: Task | None,
    findings: list[Finding],
    full: bool = True,
) -> Shown:
    """Return an attempt as a page shows it, from what the ledger holds of it."""
    tokenizer = run.tokenizer_of(row.arm, trajectory.model) if full and trajectory else None
    steps = trajectory.steps[:MOST_STEPS] if trajectory else ()
    growth = grown(task, trajectory) if trajectory else None
    room = max(1_500, min(text.BLOCK_CHARS, _PAGE_CHARS // max(1, 3 * len(steps))))
    made: list[ShownStep] = []
    before = ""
    for place, step in enumerate(steps):
        after = growth.diffs[place] if growth else None
        changed = after is not None and after != before
        mine = [finding for finding in findings if finding.step == place]
        diff = _diff(after, before) if changed and after is not None else None
        made.append(
            _step(
                place + 1,
                step,
                mine,
                room,
                sampled(step.reply, tokenizer, _PAGE_TOKENS // len(steps)) if full else None,
                diff,
            )
        )
        before = after if after is not None else before
    verdict = attempt.verdict if attempt else None
    checks = sorted(verdict.checks, key=lambda check: check.passed) if verdict else []
    patch = trajectory.diff if trajectory else ""
    places = _patch_places(patch)
    marked = {line for finding in findings if (line := _patch_line(finding, places))}
    tokens = sum(each.tokens.count for each in made if each.tokens)
    return Shown(
        row=row,
        attempt=attempt,
        agent=trajectory.agent if trajectory else "",
        model=trajectory.model if trajectory else "",
        exit=trajectory.exit.value if trajectory else "",
        error=text.line(trajectory.error, 2_000) if trajectory else Markup(""),
        prompt=tuple(
            (m.role.value, text.block(m.content, most=room)) for m in (trajectory.prompt if trajectory else ())
        ),
        steps=tuple(made),
        more_steps=len(trajectory.steps) - len(steps) if trajectory else 0,
        diff=_diff(patch, patch, marked) if patch else None,
        growth=growth.why if growth else "",
        findings=tuple(
            shown_finding(finding, len(steps), places, frozenset().union(*(each.absent for each in made)))
            for finding in findings
        ),
        checks=tuple(
            (text.line(c.name, 200), c.passed, text.block(c.evidence, most=4_000)) for c in checks[:_MOST_CHECKS]
        ),
        more_checks=max(0, len(checks) - _MOST_CHECKS),
        open_tokens=0 < tokens <= _OPEN_TOKENS,
        masked=masked(trajectory, tokenizer) if full and trajectory else None,
        has_trace=trajectory is not None,
    )


def _step(
    number: int, step: Step, findings: list[Finding], room: int, tokens: Sampled | None, diff: Diff | None
) -> ShownStep:
    name = f"step-{number}"
    said = step.reply.text
    if step.command is not None and len(said) < text.BLOCK_CHARS:
        said = _FENCE.sub("", said)
    marks = {
        where: {finding.line for finding in findings if finding.where == where and finding.line}
        for where in ("action", "output", "plan")
    }
    command = None
    if step.command is not None:
        command = text.block(step.command, f"{name}-action", marks["action"], room)
    spoken = marks["plan"] | (marks["action"] if command is None else set())
    said_block = text.block(said.strip(), f"{name}-plan", spoken, room)
    output = text.block(step.observation, f"{name}-output", marks["output"], room)
    blocks = {"plan": said_block, "output": output} | ({"action": command} if command is not None else {})
    absent = frozenset(f"{name}-{where}-l{line}" for where, each in blocks.items() for line in each.missing)
    if command is None:  # what was sampled then stands as what was said
        absent |= {f"{name}-action-l{line}" for line in marks["action"]}
    return ShownStep(
        number=number,
        said=said_block,
        thought=text.block(step.reply.reasoning.strip(), most=room),
        command=command,
        output=output,
        ending=ending_of(step),
        good=step.command is not None and not step.timed_out and step.returncode in (0, None),
        tokens=tokens,
        diff=diff,
        findings=tuple(shown_finding(finding, MOST_STEPS, absent=absent) for finding in findings),
        absent=absent,
        plain=step.command if step.command is not None else "",
    )


def shown_finding(
    finding: Finding,
    steps: int,
    places: Mapping[tuple[str, int], int] | None = None,
    absent: frozenset[str] = frozenset(),
) -> ShownFinding:
    """Return a finding with the place that it points to.

    `places` are the lines of the patch, where they are known, and `absent` the anchors of lines that are cut off.
    """
    where = finding.where
    line = f", line {finding.line}" if finding.line else ""
    evidence = text.line(finding.evidence)
    if in_patch := _patch_line(finding, places or {}):
        part = "the patch" if where == "patch" else where.removeprefix("file:")
        anchor = f"patch-l{in_patch}" if in_patch <= _PATCH_LINES else "patch"
        return ShownFinding(finding, evidence, anchor, f"{part}{line}")
    if finding.step is not None and finding.step < steps:
        anchor = f"step-{finding.step + 1}"
        if finding.line and where in ("action", "output", "plan"):
            exact = f"{anchor}-{where}-l{finding.line}"
            anchor = anchor if exact in absent else exact
        part = {"action": "the command", "output": "the output", "plan": "what was said"}.get(where, where)
        return ShownFinding(finding, evidence, anchor, f"step {finding.step + 1}, {part}{line}")
    return ShownFinding(finding, evidence, "patch" if where == "patch" else "", f"{where.removeprefix('file:')}{line}")


def _patch_line(finding: Finding, places: Mapping[tuple[str, int], int]) -> int | None:
    """Return the line of the patch that a finding points to: as it says, or where the patch has that line of a file."""
    if finding.where == "patch":
        return finding.line
    return places.get((finding.where.removeprefix("file:"), finding.line or 0))


def _patch_places(patch: str) -> dict[tuple[str, int], int]:
    """Return where a patch shows the lines of the files after it: (path, line) to the patch's own line."""
    places: dict[tuple[str, int], int] = {}
    path, at = "", 0
    for number, line in enumerate(patch.split("\n"), 1):
        if line.startswith("+++ "):
            path = line[4:].split("\t")[0].removeprefix("b/")
        elif line.startswith("@@") and (match := _HUNK.match(line)):
            at = int(match[1])
        elif line.startswith((" ", "+")) and path:
            places[path, at] = number
            at += 1
    return places


def _diff(patch: str, before: str, marked: Iterable[int] = (), most: int = _PATCH_LINES) -> Diff:
    old = set(before.splitlines())
    wanted = set(marked)
    lines = patch.splitlines()
    made = []
    for number, each in enumerate(lines[:most], 1):
        kind = _kind(each)
        fresh = kind in ("add", "del") and each not in old
        mark = f"patch-l{number}" if number in wanted else ""
        made.append(DiffLine(kind, text.line(each, 1_000), fresh, mark))
    return Diff(tuple(made), max(0, len(lines) - most))


def _kind(each: str) -> str:
    if each.startswith(("+++ ", "--- ", "diff ", "index ")):
        return "file"
    return {"+": "add", "-": "del", "@": "hunk"}.get(each[:1], "same")


def whole(run: Run, attempt_id: str, step: int, part: str) -> str:
    """Return a whole text of an attempt: of step `step` (from 1) its reply, command or output; of 0 patch or json."""
    with run.open() as reader:
        trajectory = reader.trajectory(attempt_id)
    if trajectory is None:
        raise Missing("This attempt has no trace in the ledger: choose another")
    every: dict[str, Any] = {}
    if step == 0:
        every = {"patch": trajectory.diff, "prompt": "\n\n".join(message.content for message in trajectory.prompt)}
        if part == "json":
            return trajectory.model_dump_json(indent=1)
    elif 0 < step <= len(trajectory.steps):
        turn = trajectory.steps[step - 1]
        every = {"reply": turn.reply.text, "command": turn.command or "", "output": turn.observation}
        every["thought"] = turn.reply.reasoning
    if part not in every:
        raise Missing(f"There is no {part[:20]} of step {step} in this attempt: follow a link of its page")
    return str(every[part])
