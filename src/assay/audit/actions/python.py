"""Python code as structure: which files, programs and hosts it touches, read from its syntax tree and never run."""

import ast
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from assay.audit.actions.constants import UNKNOWN, bound, called, dotted, folded, names_of
from assay.audit.actions.kinds import Event, url_of
from assay.audit.actions.links import of_link
from assay.audit.actions.plain import plain
from assay.audit.actions.rounds import calls

LARGEST = 1_000_000  # characters of code that is read
_SMALL = 50_000  # characters of code whose tree is kept
_READS = {"read_text", "read_bytes"}
_WRITES = {"write_text", "write_bytes", "touch"}
_DELETES = {"unlink", "rmdir", "remove", "removedirs", "rmtree"}
_LISTS = {"listdir", "scandir", "glob", "rglob", "iglob", "iterdir", "walk"}
_LINKS = {"os.symlink", "os.link", "symlink_to", "hardlink_to"}
_COPIES = {"copy", "copy2", "copyfile", "copytree", "move", "rename", "replace"}
_SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
_RUNS = {"subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output", "subprocess.Popen"}
_RUNS |= {"os.execv", "os.execvp", "os.execl", "os.execlp", "os.spawnv", "os.posix_spawn", "pty.spawn"}
_NETWORK = ("requests.", "httpx.", "urllib.request.", "urllib3.", "aiohttp.", "http.client.", "ftplib.", "socket.")
_REMOTE = (
    "datasets.load_dataset", "huggingface_hub.", "kagglehub.", "torch.hub.", "nltk.download", "gdown.", "boto3.",
    "paramiko.", "git.Repo.clone_from", "evaluate.load", "tensorflow_datasets.load", "modelscope.", "openai.",
    "anthropic.", "litellm.", "pygit2.clone_repository", "dulwich.porcelain.clone", "google.cloud.", "fsspec.",
    "sklearn.datasets.fetch_", "xmlrpc.client.", "telnetlib.", "smtplib.", "pip.main", "pip._internal.",
)  # fmt: skip
_OPENS = {"open", "io.open", "codecs.open", "os.open", "gzip.open", "bz2.open", "lzma.open", "zipfile.ZipFile"}
_OPENS |= {"tarfile.open", "tokenize.open", "linecache.getlines", "linecache.getline", "np.load", "numpy.load"}
_OPENS |= {"runpy.run_path", "pd.read_csv", "pandas.read_csv", "pd.read_json", "fileinput.input", "shelve.open"}
_OPENS |= {"sqlite3.connect", "dbm.open", "pandas.read_json", "pandas.read_parquet", "pandas.read_pickle", "io.FileIO"}
_OPENS |= {"pandas.read_table", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "h5py.File", "ctypes.CDLL"}
_OPENS |= {"joblib.load", "torch.load", "imp.load_source", "toml.load", "numpy.memmap", "polars.read_csv"}
_KEEPS = {"logging.FileHandler": 0, "numpy.save": 0, "numpy.savetxt": 0, "joblib.dump": 1, "torch.save": 1}
_KEEPS |= {"shutil.make_archive": 0, "to_csv": 0, "to_json": 0, "to_pickle": 0, "savefig": 0, "toml.dump": 1}


def parsed(code: str) -> tuple[ast.Module, int] | None:
    """Return the tree of the code and by how many lines it stands lower in it, or None when it cannot be read.

    Indented fragments, as a patch has them, are read too. The tree is plain: names and code that are put together out
    of literals stand in it as what they come to. It is shared, so nobody may change it.
    """
    return _kept(code) if len(code) < _SMALL else parsed_anew(code)


@lru_cache(maxsize=64)
def _kept(code: str) -> tuple[ast.Module, int] | None:
    return parsed_anew(code)


def parsed_anew(code: str) -> tuple[ast.Module, int] | None:
    """Return what `parsed` does, as a tree of the caller's own."""
    if len(code) > LARGEST:
        return None
    for text, lower in ((code, 0), (textwrap.dedent(code), 0), ("if 1:\n" + code, 1)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # invalid escapes in others' code
                return plain(ast.parse(text), text), lower
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def known_in(tree: ast.Module) -> tuple[dict[str, str], dict[str, Any]]:
    """Return what a tree's imported names stand for, and its names of one constant value; worked out once a tree."""
    kept: tuple[dict[str, str], dict[str, Any]] | None = getattr(tree, "known", None)
    if kept is None:
        imports = names_of(tree)
        kept = imports, bound(tree, imports)
        tree.known = kept  # type: ignore[attr-defined]
    return kept


@lru_cache(maxsize=512)
def python_events(code: str, line: int = 1, depth: int = 0, names: tuple[str, ...] = ()) -> tuple[Event, ...]:
    """Return the events of code that begins on `line`; what it hands to a shell or to `exec` is read as well.

    `names` are files that are known to be there, for what the code lists of them.
    """
    found = parsed(code)
    if found is None or depth > 4:
        return ()
    tree, lower = found
    imports, known = known_in(tree)
    reader = _Reader(imports, known, line - 1 - lower, depth)
    reader.written = _writes(tree)
    made: dict[Event, None] = {}
    try:
        for node, reader.names in calls(tree, known, imports, names):
            made |= dict.fromkeys(reader.events(node))
        return tuple(made)
    except RecursionError:
        return ()


def _writes(tree: ast.AST) -> dict[int, list[ast.expr]]:
    """Return, for each call that opens a file, the expressions that are written to it."""
    handles: dict[str, ast.Call] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            if isinstance(node.context_expr, ast.Call):
                handles[node.optional_vars.id] = node.context_expr
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            handles |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
    found: dict[int, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        owner: ast.AST = node.func.value
        if node.func.attr in ("dump", "dumps") and len(node.args) > 1:
            owner = node.args[1]
        elif node.func.attr not in ("write", "writelines"):
            continue
        opened = handles.get(owner.id) if isinstance(owner, ast.Name) else owner
        if isinstance(opened, ast.Call):
            found.setdefault(id(opened), []).append(node.args[0])
    return found


class _Reader:
    """What is known while one piece of code is read."""

    def __init__(self, imports: dict[str, str], names: Mapping[str, Any], above: int, depth: int) -> None:
        self.imports, self.names, self.above, self.depth = imports, names, above, depth
        self.written: dict[int, list[ast.expr]] = {}

    def events(self, node: ast.Call) -> Iterator[Event]:
        name = called(node, self.imports)
        last = name.rpartition(".")[2]
        line = node.lineno + self.above
        first = self._arg(node, 0)
        owner = self._owner(node)
        if name in _OPENS or (last == "open" and owner is not None):
            yield from self._open(node, name, owner if name not in _OPENS else first, line)
        elif (kept := _KEEPS.get(name, _KEEPS.get(last))) is not None and (told := self._arg(node, kept)):
            yield Event("write", line, path=told, via="python")
        elif name == "logging.basicConfig" and (told := self._keyword(node, "filename")):
            yield Event("write", line, path=told, via="python", append=True)
        elif last == "spec_from_file_location" and (told := self._arg(node, 1) or self._keyword(node, "location")):
            yield Event("read", line, path=told, via="python")
        elif last in _READS and owner is not None:
            yield Event("read", line, path=owner, via="python")
        elif last in _WRITES and owner is not None:
            yield Event("write", line, path=owner, text=self._text(node, 0), via="python")
        elif name in _LINKS or last in ("symlink_to", "hardlink_to"):
            target, place = (first, self._arg(node, 1)) if name.startswith("os.") else (first, owner)
            hard = last in ("link", "hardlink_to")
            to = target if hard or not (place and target) else of_link(place, target)
            yield Event("link", line, path=place or "", target=to or "", via="python")
        elif last in _DELETES and (owner or first):
            yield Event("delete", line, path=first or owner or "", via="python")
        elif last in _COPIES and name.startswith(("shutil.", "os.")):
            yield Event("read", line, path=first or "", via="python")
            yield Event("write", line, path=self._arg(node, 1) or "", via="python", source=first or "")
        elif last in _LISTS:
            yield Event("list", line, path=owner or first or ".", via="python")
        elif name in _SHELLS or (name in _RUNS and isinstance(first, str)):
            yield from self._shell(first, line)
        elif name in _RUNS:
            yield from self._words(node, line)
        elif name.startswith(_NETWORK):
            pair = folded(node.args[0], self.names, self.imports) if node.args else UNKNOWN
            if first is None and isinstance(pair, list | tuple) and pair and isinstance(pair[0], str):
                first = f"{pair[0]}:{pair[1]}" if len(pair) > 1 else pair[0]  # the address of a socket
            said = first or self._arg(node, 1) or self._keyword(node, "url") or ""
            if (url := url_of(str(said))) or last in ("create_connection", "connect", "urlopen", "urlretrieve"):
                yield Event("fetch", line, path=url or str(said), via=name)
        elif name.startswith(_REMOTE) and "." in name:
            yield Event("fetch", line, path=f"{name} {first or ''}".strip(), via=name)
        elif name in ("exec", "eval", "builtins.exec", "compile") and isinstance(first, str) and not _read(node):
            yield from python_events(first, line, self.depth + 1)
        elif name == "os.chdir" and first:
            yield Event("list", line, path=first, via="cd")

    def _open(self, node: ast.Call, name: str, path: str | None, line: int) -> Iterator[Event]:
        if path is None:
            return
        mode = self._arg(node, 1 if name in _OPENS else 0) or self._keyword(node, "mode") or "r"
        flags = ast.dump(node.args[1]) if name == "os.open" and len(node.args) > 1 else ""
        writes = any(sign in mode for sign in "wax+") if not flags else any(w in flags for w in ("O_WRONLY", "O_RDWR"))
        if writes and name != "linecache.getline":
            yield Event("write", line, path=path, text=self._written(node), via="python", append="a" in mode)
        else:
            yield Event("read", line, path=path, via="python")

    def _written(self, node: ast.Call) -> str | None:
        """Return what is written to the file that this call opens, as far as it is constant."""
        parts = [folded(value, self.names, self.imports) for value in self.written.get(id(node), ())]
        known = [
            part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part)
            for part in parts
            if part is not UNKNOWN
        ]
        return "".join(known) if known else None

    def _shell(self, command: Any, line: int) -> Iterator[Event]:
        from assay.audit.actions.events import shell_events

        if isinstance(command, str):
            yield from shell_events(command, line, self.depth + 1)

    def _words(self, node: ast.Call, line: int) -> Iterator[Event]:
        import shlex

        value = folded(node.args[0], self.names, self.imports) if node.args else UNKNOWN
        if value is UNKNOWN and node.args and isinstance(node.args[0], ast.List | ast.Tuple):
            parts = [folded(part, self.names, self.imports) for part in node.args[0].elts]
            value = [
                "python" if _is_interpreter(n) else "?" if p is UNKNOWN else p
                for p, n in zip(parts, node.args[0].elts, strict=True)
            ]
        if isinstance(value, list):
            yield from self._shell(shlex.join(map(str, value)), line)

    def _owner(self, node: ast.Call) -> str | None:
        """Return the path whose method is called."""
        if not isinstance(node.func, ast.Attribute):
            return None
        value = folded(node.func.value, self.names, self.imports)
        return value if isinstance(value, str) else None

    def _arg(self, node: ast.Call, place: int) -> str | None:
        value = folded(node.args[place], self.names, self.imports) if len(node.args) > place else UNKNOWN
        return (
            value if isinstance(value, str) else value.decode("utf-8", "replace") if isinstance(value, bytes) else None
        )

    def _keyword(self, node: ast.Call, name: str) -> str | None:
        for keyword in node.keywords:
            if keyword.arg == name:
                value = folded(keyword.value, self.names, self.imports)
                return value if isinstance(value, str) else None
        return None

    def _text(self, node: ast.Call, place: int) -> str | None:
        return self._arg(node, place)


def _read(node: ast.Call) -> bool:
    """Whether what the call runs stands in the tree already."""
    return getattr(node, "read", False)


def _is_interpreter(node: ast.expr) -> bool:
    return dotted(node).rpartition(".")[2] == "executable"
