"""The house: each room imports only from the rooms before it, says what it is, and keeps its files small."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "assay"
ORDER = ["errors", "nouns", "sandbox", "executors", "grading", "tasks", "redteam", "models", "agents", "ledger"]
ORDER += ["rollout", "corpus", "training", "statistics", "audit", "experiments", "report", "chaos", "cli"]


def modules():
    return sorted(path for path in SOURCE.rglob("*.py") if path.parent != SOURCE)


def test_arrows_point_one_way():
    wrong = []
    for path in modules():
        room = path.relative_to(SOURCE).parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                parts = name.split(".")
                if parts[0] == "assay" and len(parts) > 1 and ORDER.index(parts[1]) > ORDER.index(room):
                    wrong.append(f"{path.relative_to(SOURCE)}:{node.lineno} imports {name}")
    assert wrong == []


def test_every_module_says_what_it_is_and_is_small():
    for path in modules():
        text = path.read_text()
        assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
        assert len(text.splitlines()) <= 400, f"{path} has two jobs"


def test_the_list_of_rooms_is_the_house():
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(ORDER) - {"errors"}
