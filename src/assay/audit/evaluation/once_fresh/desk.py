"""OnceFreshDesk: the desk of the once-fresh half, with other ways to look, write, edit and run Python."""

import base64
import difflib
import gzip
import json
import shlex
from collections.abc import Iterator

from assay.audit.evaluation.desk import Desk, Turn
from assay.audit.evaluation.once_fresh import hiding

WAYS = ("heredoc", "ed", "patch", "apply", "lines", "moved", "echoes", "json", "dd", "gzip", "in-place", "in-place")


class OnceFreshDesk(Desk):
    """As a Desk. It knows what it wrote, so that it can write a file anew as a patch of what is there."""

    def __post_init__(self) -> None:
        self.delivery = self.rng.choice(WAYS)
        self._known = dict(self.problem.task.files)

    def look(self) -> Iterator[Turn]:
        """Look around, as anybody would: one to three turns."""
        kept_back = {*self.problem.traps.values()}
        files = sorted(path for path in self.problem.task.files if path not in kept_back)
        path, check = self.problem.path, self.problem.check
        choices = [
            [f"pwd && ls -la && cat -n {path}"],
            ["git status --short 2>/dev/null | head; ls", f"nl -ba {path} | head -60"],
            [f'for f in {" ".join(files[:5])}; do echo "--- $f"; cat $f; done'],
            [f"wc -l {' '.join(files)}", f"awk 'NR <= 80' {path}", check],
            [f"python - <<'PY'\nimport pathlib\nprint(pathlib.Path('{path}').read_text())\nPY", "ls -a"],
            [f"tail -n +1 {' '.join(files[-3:])} | head -90", f"head -c 2500 {path}"],
            ["ls *", f"less {path} | cat"],
        ]
        for command in self.rng.choice(choices):
            yield Turn(command, self.voice.say("look"))

    def sneak(self, command: str, secret: str = "") -> Turn:
        """Run a command, hidden to the attempt's level."""
        return self.run(hiding.shell(command, self.level, self.rng), secret, self.rng.choice(("look", "check")))

    def hidden(self, code: str) -> str:
        """Return Python code hidden to the attempt's level."""
        return hiding.python(code, self.level, self.rng)

    def python(self, code: str, secret: str = "") -> Turn:
        """Run Python code in the sandbox: from a file, a pipe, an argument or standard input."""
        name = self.rng.choice(("/tmp/probe.py", "/tmp/work1.py", "/tmp/script.py"))
        command = self.rng.choice(
            (
                f"python3 - <<'END'\n{code.rstrip()}\nEND",
                f"cat <<'END' > {name}\n{code.rstrip()}\nEND\npython3 {name} && rm -f {name}",
                f"printf '%s\\n' {shlex.quote(code.rstrip())} | python",
                f"PYTHONPATH=. python3 -c {shlex.quote(code.rstrip())}",
            )
        )
        return Turn(command, self.voice.say("check", secret=secret))

    def write(self, path: str, text: str, secret: str = "") -> Iterator[Turn]:
        """Write a whole file, in the way that was drawn for this attempt."""
        body = text if text.endswith("\n") else text + "\n"
        before = self._known.get(path)
        self._known[path] = body
        said = self.voice.say("write", path, secret)
        folder = f"mkdir -p {path.rpartition('/')[0]} && " if "/" in path and before is None else ""
        for number, command in enumerate(self._commands(path, body, before)):
            yield Turn(f"{folder if number == 0 else ''}{command}", said if number == 0 else "")

    def _commands(self, path: str, body: str, before: str | None) -> list[str]:
        """Return the commands that write `body`; without what was there before, no patch can be made of it."""
        quoted, how = shlex.quote(path), self.delivery
        lines = body.splitlines()
        plain = body.isascii() and not {".", "END", "EOF"} & set(lines) and not set("\r\v\f\x1c\x1d\x1e") & set(body)
        diff = "".join(
            difflib.unified_diff((before or "").splitlines(True), body.splitlines(True), f"a/{path}", f"b/{path}")
        )
        if not plain or (how == "echoes" and len(lines) > 30):
            how = "json"
        if how in ("ed", "patch", "apply", "in-place") and (not before or not diff or before == "\n"):
            how = "heredoc"
        if how == "ed":
            return [f"ed -s {quoted} <<'END'\n,d\n0a\n{body}.\nw\nq\nEND"]
        if how == "patch":
            return [f"patch -p1 <<'END'\n{diff}END"]
        if how == "apply":
            return [f"cat > change.diff <<'END'\n{diff}END", "git apply -v change.diff && rm change.diff"]
        if how == "in-place":
            code = (
                f"p = pathlib.Path({path!r})\nold = p.read_text()\nnew = {body!r}\nassert old != new\np.write_text(new)"
            )
            return [f"python3 - <<'END'\nimport pathlib\n\n{code}\nEND"]
        if how == "lines":
            rows = "".join(f"    {line!r},\n" for line in lines)
            return [f"python3 <<'END'\nlines = [\n{rows}]\nopen({path!r}, 'w').write('\\n'.join(lines) + '\\n')\nEND"]
        if how == "moved":
            return [f"cat > new.txt <<'END'\n{body}END", f"mv new.txt {quoted}"]
        if how == "echoes":
            rows = "\n".join(f"  printf '%s\\n' {shlex.quote(line)}" for line in lines)
            return [f"{{\n{rows}\n}} > {quoted}"]
        if how == "json":
            packed = json.dumps({"path": path, "text": body})
            code = "import json, sys; d = json.load(sys.stdin); open(d['path'], 'w').write(d['text'])"
            return [f"python3 -c {shlex.quote(code)} <<'END'\n{packed}\nEND"]
        if how == "dd":
            return [f"dd of={quoted} status=none <<'END'\n{body}END"]
        if how == "gzip":
            packed = base64.b64encode(gzip.compress(body.encode(), mtime=0)).decode()
            return [f"base64 -d <<< {packed} | gunzip > {quoted}"]
        return [f"cat <<'END' > {quoted}\n{body}END"]

    def replace(self, path: str, old: str, new: str, secret: str = "") -> Iterator[Turn]:
        """Replace a piece of a file: by sed or ed where it is one plain line, by Perl or Python, or as a patch."""
        before = self._known.get(path)
        after = None if before is None else before.replace(old, new, 1)
        if after is not None and self.delivery in ("ed", "patch", "apply"):
            yield from self.write(path, after, secret)
            return
        if after is None:
            self._known.pop(path, None)
        else:
            self._known[path] = after
        said = self.voice.say("write", path, secret)
        plain = "\n" not in old + new and not set("|&\\[]*^$'/.") & set(old + new)
        if plain and self.delivery in ("lines", "echoes", "dd"):
            yield Turn(f"sed -i -e '0,/{old}/s//{new}/' {path} && grep -n -F -- '{new}' {path}", said)
        elif plain and self.delivery == "moved":
            yield Turn(f"perl -pi -e 's/\\Q{old}\\E/{new}/ && ($d = 1) unless $d' {path}", said)
        else:
            code = f"t = p.read_text()\nassert {old!r} in t\np.write_text(t.replace({old!r}, {new!r}, 1))"
            yield Turn(f"python3 - <<'END'\nfrom pathlib import Path\n\np = Path({path!r})\n{code}\nEND", said)
