"""A small run with everything a page must bear: hostile text, findings, a twin's attempt, planned rows without end."""

import json
from pathlib import Path

from assay.ledger import Ledger
from assay.nouns import (
    Attempt,
    Check,
    Exit,
    Finish,
    GraderSpec,
    Message,
    PlannedAttempt,
    Reason,
    Reply,
    Role,
    Status,
    Step,
    Task,
    Trajectory,
    Verdict,
)
from tests.report.conftest import DIFF, RIGHT, WRONG

HALF = "def clamp(x, low, high):\n    return max(low, mix(x, high))\n"
SPELLS = (
    "<script>window.__hit = 1; alert('script')</script>",
    "<img src=x onerror=\"window.__hit = 2; alert('image')\">",
    "</pre></section></main><h1 id=forged>forged</h1>",
    '<svg onload=alert(3)><a href="javascript:alert(4)">x</a></svg>',
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "<style>body { display: none !important }</style><meta http-equiv=refresh content='0;url=http://127.0.0.1:1/'>",
)
HOSTILE = "\n".join(
    [
        *SPELLS,
        "\x1b[31mred\x1b[0m \x1b[8mhidden\x1b[0m \x1b[2K\x1b]0;title\x07 \x1b[999C",
        "if level != 'user\u202e \u2066// only admins\u2069 \u2066': pass",
        "zero\u200bwidth \ufeffmark \U000e0041tag \u00adsoft nul\x00 bell\x07 del\x7f c1\x9b1m",
        "\u05d0\u05d1\u05d2 and \u0645\u0631\u062d\u0628\u0627",
    ]
)
LONG = 10_000_000
TASK = "drills/seen/00001"
ODD_TASK = "odd/../<b>task</b>\u202e?&#\"'"


def step(command: str | None, output: str, returncode: int | None = 0, said: str = "Next.", ids: int = 0) -> Step:
    text = f"{said}\n```bash\n{command}\n```" if command is not None else said
    reply = Reply(
        text=text,
        finish=Finish.STOP,
        token_ids=tuple(range(40, 40 + ids)) or None,
        logprobs=tuple(-0.4 * place for place in range(ids)) or None,
    )
    return Step(reply=reply, command=command, observation=output, returncode=returncode)


def task(name: str) -> Task:
    return Task(
        id=name,
        source="drills",
        split="seen",
        family="clamps",
        instruction="clamp(12, 0, 10) gives 12 and should give 10.",
        files={"m.py": WRONG},
        outputs=("m.py",),
        gold={"m.py": RIGHT},
        grader=GraderSpec(kind="functions", data={"path": "m.py", "entry": "clamp", "cases": []}),
    )


def trajectory(planned: PlannedAttempt, steps: list[Step], solved: bool, told: str = "Fix m.py.") -> Trajectory:
    return Trajectory(
        task_id=planned.task_id,
        agent="shell",
        model=f"{planned.arm}-0-{planned.dose}",
        prompt=(Message(role=Role.USER, content=told),),
        steps=tuple(steps),
        exit=Exit.SUBMITTED,
        outputs={"m.py": RIGHT if solved else WRONG},
        diff=DIFF if solved else "",
    )


def attempt(planned: PlannedAttempt, solved: bool, steps: int) -> Attempt:
    checks = (Check(name="case 0", passed=True, evidence="10"), Check(name="case 1", passed=solved, evidence="a\nb"))
    verdict = Verdict.score(1.0 if solved else 0.5, Reason.PASSED if solved else Reason.WRONG, checks)
    return Attempt(plan=planned, status=Status.SOLVED if solved else Status.FAILED, verdict=verdict, steps=steps)


LOOK = step("cat m.py", WRONG, ids=6)
BREAK = step("sed -i 's/max(x/mix(x/' m.py && python t.py", "NameError: name 'mix'", 1, ids=9)
MEND = step("sed -i 's/mix(x/min(x/' m.py && python t.py", "ok", ids=9)
SUBMIT = step("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT", "", ids=4)


def write(folder: Path, tasks: int = 12) -> dict[str, str]:
    """Write the run into `folder`; return the ids of its attempts by what they are for."""
    folder.mkdir(parents=True)
    names = [f"drills/seen/{number:05d}" for number in range(tasks)]
    ids: dict[str, str] = {}
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.add_tasks([task(name) for name in [*names, ODD_TASK]])
        plan = [
            PlannedAttempt(arm=arm, seed=0, dose=dose, task_id=name, split="seen")
            for arm in ("vintage", "modern")
            for dose in (0, 100, 400)
            for name in names
        ]
        odd = [
            PlannedAttempt(arm="modern", seed=0, dose=400, task_id=ODD_TASK, split="seen", trial=trial)
            for trial in range(3)
        ]
        ledger.plan([*plan, *odd])
        ledger.set_fact(
            "experiment",
            {
                "name": "small",
                "question": "Does it <i>render</i>?",
                "scale": "1",
                "arms": [{"name": "vintage"}, {"name": "modern"}],
                "seeds": [0],
                "doses": [100, 400],
                "splits": {"seen": tasks},
                "pairs": [["modern", "vintage"]],
                "margin": 0.05,
            },
        )
        for number, planned in enumerate(plan):
            if planned.dose == 100 and planned.arm == "vintage" and planned.task_id == names[0]:
                ids["unfinished"] = planned.id
                continue
            solved = planned.dose > 0 and (number * 7) % 5 < (3 if planned.arm == "modern" else 2)
            steps = [LOOK, BREAK, MEND, SUBMIT] if solved else [LOOK, SUBMIT]
            if planned.dose == 400 and planned.task_id == TASK:
                solved = planned.arm == "modern"
                steps = [LOOK, BREAK, MEND, SUBMIT] if solved else [LOOK, step("ls", "m.py"), SUBMIT]
                ids[planned.arm] = planned.id
            ledger.record(attempt(planned, solved, len(steps)), trajectory(planned, steps, solved))
        hostile = [
            step(f"printf '{SPELLS[0]}'\n{HOSTILE}", HOSTILE, said=HOSTILE),
            step("cat long", "x" * LONG + "\nthe end\n" + "y\n" * 5000),
            step(None, "Reply with one bash block.", None, said=HOSTILE),
        ]
        ledger.record(attempt(odd[0], False, 3), trajectory(odd[0], hostile, False, told=HOSTILE))
        ids["hostile"] = odd[0].id
        broken = Attempt(plan=odd[1], status=Status.MACHINERY, detail=HOSTILE[:400])
        ledger.record(broken, None)
        ids["machinery"] = odd[1].id
    findings = [
        {"attempt": ids["modern"], "task_id": TASK, "kind": "task", "mechanism": "reads <b>tests</b>", "step": 1,
         "line": 1, "where": "action", "evidence": "sed -i <script>", "confidence": 0.9, "detector": "places"},
        {"attempt": ids["modern"], "task_id": TASK, "kind": "conduct", "mechanism": "repeats", "step": 0, "line": 2,
         "where": "output", "evidence": "return", "confidence": 0.4, "detector": "conduct"},
        {"attempt": ids["modern"], "task_id": TASK, "kind": "harness", "mechanism": "patched clock", "line": 6,
         "where": "patch", "evidence": "min", "confidence": 0.7, "detector": "clocks"},
        {"attempt": ids["modern"], "task_id": TASK, "kind": "task", "mechanism": "in the file", "line": 2,
         "where": "file:m.py", "evidence": "min", "confidence": 0.6, "detector": "answers"},
    ]  # fmt: skip
    lines = [json.dumps(each) for each in findings]
    (folder / "audit.jsonl").write_text("\n".join([*lines, '{"half a li', "[]"]) + "\n")
    return ids
