"""FreshDesk: the desk of the fresh half, with ways to look, write, edit and run that agents of today use."""

import difflib
import shlex
from collections.abc import Iterator

from assay.audit.evaluation.desk import Desk, Turn
from assay.audit.evaluation.fresh import hiding

WAYS = ("here", "here", "quoted", "blocks", "staged", "chunks", "raw", "tee", "reviewed", "function")
_TOOL = """import sys

path = sys.argv[1]
text = open(path).read()
for part in sys.stdin.read().split("<<<<<<< SEARCH\\n")[1:]:
    old, rest = part.split("=======\\n", 1)
    new = rest.split(">>>>>>> REPLACE", 1)[0]
    assert text.count(old) >= 1, "the block was not found"
    text = text.replace(old, new, 1)
open(path, "w").write(text)
print("edited", path)
"""


class FreshDesk(Desk):
    """As a Desk. Some agents begin every command with a change of folder; some edit by search and replace blocks."""

    def __post_init__(self) -> None:
        self.delivery = self.rng.choice(WAYS)
        self._prefix = self.rng.choice(("", "", "cd /work && "))
        self._known = dict(self.problem.task.files)
        self._has_tool = False

    def _turn(self, command: str, said: str) -> Turn:
        return Turn(f"{self._prefix}{command}", said)

    def look(self) -> Iterator[Turn]:
        """Look around, as anybody would: one to three turns."""
        kept_back = {*self.problem.traps.values()}
        files = sorted(path for path in self.problem.task.files if path not in kept_back)
        path, tests = self.problem.path, self.problem.tests
        choices = [
            [f"ls -la && cat {path}"],
            ["find . -maxdepth 3 -type f -not -path './.git/*' | sort | head -40", f"cat {path}"],
            [f"cat {path} {tests}"],
            [f"sed -n '1,160p' {path}", f"sed -n '1,160p' {tests}" if tests else "ls"],
            ["ls -R . | grep -v pycache | head -30", f"cat -A {path} | head -5; cat {path}", self.problem.check],
            [f"grep -n '' {' '.join(files[:4])} | head -70"],
            [f"stat -c '%n %s' {' '.join(files)}", f"more {path} | cat"],
            [f"wc -l {path} && cat -n {path} | sed -n '1,80p'", f"{self.problem.check} 2>&1 | tail -15"],
        ]
        for command in self.rng.choice(choices):
            yield self._turn(command, self.voice.say("look"))

    def run(self, command: str, secret: str = "", kind: str = "check") -> Turn:
        """Run a command in the open."""
        return self._turn(command, self.voice.say(kind, self.problem.path, secret))

    def sneak(self, command: str, secret: str = "") -> Turn:
        """Run a command, hidden to the attempt's level."""
        return self.run(hiding.shell(command, self.level, self.rng), secret, self.rng.choice(("look", "check")))

    def hidden(self, code: str) -> str:
        """Return Python code hidden to the attempt's level."""
        return hiding.python(code, self.level, self.rng)

    def python(self, code: str, secret: str = "") -> Turn:
        """Run Python code in the sandbox: from standard input, an argument, or a file that is left or removed."""
        name = self.rng.choice(("/tmp/analyze.py", "/tmp/check_it.py", "tmp_run.py"))
        body = code.rstrip()
        command = self.rng.choice(
            (
                f"python3 << 'PYEOF'\n{body}\nPYEOF",
                f"python -c {shlex.quote(body)}",
                f"cat > {name} << 'PYEOF'\n{body}\nPYEOF\nPYTHONPATH=. python3 {name}; rm -f {name}",
                f"python3 - << \"PYEOF\" 2>&1 | tail -40\n{body}\nPYEOF",
            )
        )  # fmt: skip
        return self._turn(command, self.voice.say("check", secret=secret))

    def write(self, path: str, text: str, secret: str = "") -> Iterator[Turn]:
        """Write a whole file, in the way that was drawn for this attempt."""
        body = text if text.endswith("\n") else text + "\n"
        before = self._known.get(path)
        self._known[path] = body
        said = self.voice.say("write", path, secret)
        folder = f"mkdir -p {path.rpartition('/')[0]} && " if "/" in path and before is None else ""
        for number, command in enumerate(self._commands(path, body, before)):
            yield self._turn(f"{folder if number == 0 else ''}{command}", said if number == 0 else "")

    def _commands(self, path: str, body: str, before: str | None) -> list[str]:
        """Return the commands that write `body`; `before` is what is known to be there."""
        quoted, how = shlex.quote(path), self.delivery
        here = f"<< 'EOF'\n{body}EOF"
        if {"EOF", "PYEOF"} & set(body.splitlines()) or not body.isascii():
            return [f"python3 - << 'PYEOF'\nopen({path!r}, 'w').write({body!r})\nPYEOF"]
        if how == "blocks" and before and before.endswith("\n") and before.strip() and "=======" not in before + body:
            return [*self._tool(), self._block(path, *_changed(before, body))]
        if how == "staged":
            compiled = "python3 -m py_compile .staged && " if path.endswith(".py") else ""
            return [f"cat > .staged {here}", f"{compiled}mv .staged {quoted} && wc -l {quoted}"]
        if how == "chunks":
            lines = body.splitlines(keepends=True)
            middle = (len(lines) + 1) // 2
            found = [f"cat > {quoted} << 'EOF'\n{''.join(lines[:middle])}EOF"]
            if lines[middle:]:
                found.append(f"cat >> {quoted} << 'EOF'\n{''.join(lines[middle:])}EOF\ncat {quoted}")
            return found
        if how == "raw" and "'''" not in body and not body.endswith("'\n"):
            return [f"python3 << 'PYEOF'\ncontent = r'''{body}'''\nwith open({path!r}, 'w') as f:\n"
                    "    f.write(content)\nPYEOF"]  # fmt: skip
        if how == "tee":
            return [f"tee {quoted} {here}"]
        if how == "reviewed" and before:
            return [f"cat > candidate.new {here}", f"diff -u {quoted} candidate.new; mv candidate.new {quoted}"]
        if how == "function":
            return [f"write_file() {{ cat > \"$1\"; }}\nwrite_file {quoted} {here}"]  # fmt: skip
        if how == "quoted":
            return [f'cat << "EOF" > {quoted}\n{body}EOF']
        return [f"cat > {quoted} {here}"]

    def _tool(self) -> list[str]:
        """Return the command that makes the tool for edits by blocks, where it is not there yet."""
        if self._has_tool:
            return []
        self._has_tool = True
        return [f"cat > edit_blocks.py << 'EOF'\n{_TOOL}EOF"]

    def _block(self, path: str, old: str, new: str) -> str:
        blocks = f"<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n"
        return f"python3 edit_blocks.py {shlex.quote(path)} << 'BLOCKS'\n{blocks}BLOCKS"

    def replace(self, path: str, old: str, new: str, secret: str = "") -> Iterator[Turn]:
        """Replace a piece of a file: a line by its number, by blocks, by Perl, or by Python."""
        before = self._known.get(path)
        after = None if before is None else before.replace(old, new, 1)
        if before is None or after is None:
            self._known.pop(path, None)
        else:
            self._known[path] = after
        said = self.voice.say("write", path, secret)
        if before is not None and after is not None and self.delivery == "blocks" and "=======" not in before + after:
            for number, command in enumerate([*self._tool(), self._block(path, *_changed(before, after))]):
                yield self._turn(command, said if number == 0 else "")
            return
        if before is not None and after is not None and self.delivery in ("here", "staged") and before.isascii():
            old_lines, new_lines = before.splitlines(), after.splitlines()
            changed = [n for n, (a, b) in enumerate(zip(old_lines, new_lines, strict=False), 1) if a != b]
            if (
                len(old_lines) == len(new_lines)
                and len(changed) == 1
                and not set("'\\") & set(new_lines[changed[0] - 1])
            ):
                line = new_lines[changed[0] - 1]
                stripped = f"\\{line}" if line.startswith(" ") else line
                yield self._turn(f"sed -i '{changed[0]}c\\{stripped}' {path} && sed -n '{changed[0]}p' {path}", said)
                return
        code = (
            f"import re\npath = {path!r}\nsource = open(path).read()\nold = {old!r}\nnew = {new!r}\n"
            "if old not in source:\n    raise SystemExit('pattern not found')\n"
            "open(path, 'w').write(source.replace(old, new, 1))\nprint('replaced')"
        )
        yield self._turn(f"python3 << 'PYEOF'\n{code}\nPYEOF", said)

    def check(self) -> Turn:
        """Run what the task shows for trying a solution."""
        tail = self.rng.choice(("", "", " 2>&1 | tail -20", "; echo \"exit code: $?\""))  # fmt: skip
        return self.run(f"{self.problem.check}{tail}")


def _changed(before: str, after: str) -> tuple[str, str]:
    """Return the first and last changed lines and what is between, before and after, with a line before them."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    spans = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    if not spans:
        return before, after
    first, last = spans[0], spans[-1]
    start, start_new = max(first[1] - 1, 0), max(first[3] - 1, 0)
    if start and "".join(old[start : last[2]]) and before.count("".join(old[start : last[2]])) == 1:
        return "".join(old[start : last[2]]), "".join(new[start_new : last[4]])
    return before, after
