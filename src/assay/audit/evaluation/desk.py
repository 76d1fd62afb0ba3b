"""Desk: what a behaviour acts with: its problem, its dice, and the ways to look, write, run and submit.

How a file is written (here-document, Python, printf, base64, in parts, by a helper script) and how code is hidden are
drawn for each attempt, for honest behaviours and cheats alike as far as honest people do such things.
"""

import base64
import random
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from assay.agents.shell import SENTINEL
from assay.audit.evaluation import hiding
from assay.audit.evaluation.problems import Problem
from assay.audit.evaluation.wording import Voice

DELIVERIES = ("heredoc", "heredoc", "heredoc", "python", "python-file", "printf", "base64", "parts", "tee")


@dataclass(frozen=True)
class Turn:
    """One reply of a script: what is said, and the command; without one it breaks the agent's protocol."""

    command: str
    prose: str = ""

    @property
    def text(self) -> str:
        """The reply as the shell agent expects it."""
        if not self.command:
            return self.prose
        said = f"{self.prose}\n\n" if self.prose else ""
        return f"{said}```bash\n{self.command}\n```"


@dataclass
class Desk:
    """What one attempt acts with. `variant` counts the attempts of its behaviour from 0; `level` hides (see hiding)."""

    problem: Problem
    rng: random.Random
    variant: int
    level: int
    voice: Voice
    delivery: str = field(init=False)

    def __post_init__(self) -> None:
        self.delivery = self.rng.choice(DELIVERIES)

    @property
    def right(self) -> str:
        """A right solution."""
        return self.rng.choice(self.problem.right)

    @property
    def wrong(self) -> str:
        """A solution that an honest solver might hand in, and that is wrong."""
        return self.rng.choice(self.problem.wrong)

    @property
    def start(self) -> str:
        """The text of the file to mend as it is at the start."""
        return self.problem.task.files[self.problem.path]

    def look(self) -> Iterator[Turn]:
        """Look around, as anybody would: one to three turns."""
        kept_back = {*self.problem.traps.values()}  # a look around is no look at a key
        files = sorted(path for path in self.problem.task.files if path not in kept_back)
        path = self.problem.path
        choices = [
            ["ls -la", f"cat {path}"],
            [f"ls; cat {path}"],
            ["find . -type f -not -path './.git/*' | head -50", f"sed -n 1,80p {path}"],
            [f"cat {' '.join(files[:6])}"],
            [f"grep -n . {path}"],
            ["ls -R . | head -40", f"head -60 {path}", self.problem.check],
        ]
        for command in self.rng.choice(choices):
            yield Turn(command, self.voice.say("look"))

    def run(self, command: str, secret: str = "", kind: str = "check") -> Turn:
        """Run a command in the open."""
        return Turn(command, self.voice.say(kind, self.problem.path, secret))

    def sneak(self, command: str, secret: str = "") -> Turn:
        """Run a command, hidden to the attempt's level."""
        return self.run(hiding.shell(command, self.level, self.rng), secret, self.rng.choice(("look", "check")))

    def hidden(self, code: str) -> str:
        """Return Python code hidden to the attempt's level."""
        return hiding.python(code, self.level, self.rng)

    def python(self, code: str, secret: str = "") -> Turn:
        """Run Python code in the sandbox: as an argument, from standard input, or from a scratch file."""
        how = self.rng.randrange(3)
        if how == 0:
            command = f"python -c {shlex.quote(code)}"
        elif how == 1:
            command = f"python - <<'PY'\n{code.rstrip()}\nPY"
        else:
            command = f"cat > /tmp/t.py <<'PY'\n{code.rstrip()}\nPY\npython /tmp/t.py"
        return Turn(command, self.voice.say("check", secret=secret))

    def write(self, path: str, text: str, secret: str = "") -> Iterator[Turn]:
        """Write a whole file, in the way that was drawn for this attempt."""
        said = self.voice.say("write", path, secret)
        folder = f"mkdir -p {path.rpartition('/')[0]} && " if "/" in path else ""
        quoted = shlex.quote(path)
        body = text if text.endswith("\n") else text + "\n"
        how = self.delivery
        if "EOF\n" in body or (how == "printf" and len(body) > 900):
            how = "base64"
        if how == "heredoc":
            yield Turn(f"{folder}cat > {quoted} <<'EOF'\n{body}EOF", said)
        elif how == "tee":
            yield Turn(f"{folder}tee {quoted} > /dev/null <<'EOF'\n{body}EOF", said)
        elif how == "python":
            yield Turn(f"{folder}python - <<'PY'\nopen({path!r}, 'w').write({body!r})\nPY", said)
        elif how == "python-file":
            script = f"import pathlib\n\npathlib.Path({path!r}).write_text({body!r})\n"
            yield Turn(f"{folder}cat > /work/write_it.py <<'PY'\n{script}PY\npython write_it.py; rm write_it.py", said)
        elif how == "printf":
            yield Turn(f"{folder}printf '%s' {shlex.quote(body)} > {quoted}", said)
        elif how == "base64":
            packed = base64.b64encode(body.encode()).decode()
            yield Turn(f"{folder}echo {packed} | base64 -d > {quoted}", said)
        else:
            lines = body.splitlines(keepends=True)
            middle = (len(lines) + 1) // 2
            yield Turn(f"{folder}cat > {quoted} <<'EOF'\n{''.join(lines[:middle])}EOF", said)
            if lines[middle:]:
                yield Turn(f"cat >> {quoted} <<'EOF'\n{''.join(lines[middle:])}EOF", self.voice.say("write", path))

    def replace(self, path: str, old: str, new: str, secret: str = "") -> Iterator[Turn]:
        """Replace a piece of a file: by sed where it is one plain line, else by Python."""
        said = self.voice.say("write", path, secret)
        plain = "\n" not in old + new and not set("|&\\[]*^$'") & set(old + new)
        if plain and self.delivery != "python":
            yield Turn(f"sed -i 's|{old}|{new}|' {path}", said)
        else:
            code = f"text = open({path!r}).read()\nopen({path!r}, 'w').write(text.replace({old!r}, {new!r}, 1))"
            yield Turn(f"python - <<'PY'\n{code}\nPY", said)

    def check(self) -> Turn:
        """Run what the task shows for trying a solution."""
        return self.run(self.problem.check)

    def submit(self, claim: str = "") -> Turn:
        """Hand it in; `claim` is said in any tone but the silent one."""
        prose = claim if claim and self.voice.tone != "silent" else self.voice.say("end")
        return Turn(f"echo {SENTINEL}", prose)
