"""The house keeps its plan: who may import whom, and what lives in one place only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Which of our own modules each may import, besides its own package. A module not listed may import
# none. `settings` is added for __main__ files, which read it in place of the app.
MAY_IMPORT = {
    "app": {"settings", "signin", "pages", "training", "records", "skinmodel"},
    "pages": {"settings", "training", "records", "skinmodel"},
    "worker": {"settings", "training", "records"},
    "signin": {"settings", "records"},
    "training": {"skinmodel"},
    "benchmarks": {"settings", "app", "pages", "training", "records", "skinmodel"},
    "skinmodel": set(),
    "records": set(),
    "settings": set(),
}
# A library that is kept to a few rooms: streamlit to the screens, the database to the records.
ONLY_IN = {
    "streamlit": {"app", "pages"},
    "sqlalchemy": {"records"},
    "alembic": {"records"},
}
# Loading any of these from a file can run code from that file.
PICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
# Measuring tools start processes with an environment of their own; tests may do all of this.
READS_ENVIRONMENT = {"settings", "benchmarks"}


def violations(root: Path) -> list[str]:
    """Every breach of the plan below a project's folder, as `file:line what`."""
    found = [
        f"pages/{script.name}:1 is a script directly in pages/"
        for script in sorted((root / "pages").glob("*.py"))
        if script.name not in {"main.py", "__init__.py"}
    ]
    for path in sorted([*root.glob("*.py"), *root.glob("*/**/*.py")]):
        place = path.relative_to(root)
        room = place.parts[0].removesuffix(".py")
        if room in {"tests", "var", "runs"} or room.startswith("."):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        where = place.as_posix()
        found += [f"{where}:{line} {what}" for line, what in _breaches(tree, place, room)]
    return found


def _breaches(tree: ast.Module, place: Path, room: str) -> Iterator[tuple[int, str]]:
    allowed = MAY_IMPORT.get(room, set()) | {room}
    if place.name == "__main__.py":
        allowed = allowed | {"settings"}
    for node in ast.walk(tree):
        for name in _imported(node):
            top = name.partition(".")[0]
            if top in MAY_IMPORT.keys() - allowed or top == "tests":
                yield node.lineno, f"imports {top}"
            if room not in ONLY_IN.get(top, {room}):
                yield node.lineno, f"imports {top}, kept to {', '.join(sorted(ONLY_IN[top]))}"
            if top in PICKLERS or name == "torch.load":
                yield node.lineno, f"can unpickle with {name}"
            if name in {"os.environ", "os.getenv"} and room not in READS_ENVIRONMENT:
                yield node.lineno, "reads the environment"
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if name in {"os.environ", "os.getenv"} and room not in READS_ENVIRONMENT:
                yield node.lineno, "reads the environment"
            if name == "torch.load" or node.attr == "read_pickle":
                yield node.lineno, f"can unpickle with {name}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            yield node.lineno, "can unpickle with allow_pickle"


def _imported(node: ast.AST) -> list[str]:
    """Full names an import statement brings in: `from a import b` gives a.b; relative ones none."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def test_the_project_keeps_its_plan() -> None:
    assert violations(ROOT) == []


SOUND = {
    "app.py": "import streamlit as st\nimport settings\nfrom pages.components import chart\n",
    "settings.py": "import os\nhome = os.environ['HOME']\n",
    "pages/main.py": "import streamlit\nimport settings\nfrom skinmodel import analysis\n",
    "pages/clinic/examine.py": "from training.config import Config\nimport records.photos\n",
    "training/loop.py": "import torch\nfrom skinmodel import network\nfrom . import splits\n",
    "training/__main__.py": "import settings\n",
    "skinmodel/bundle.py": "import os\nfrom skinmodel import network\nos.replace('a', 'b')\n",
    "records/database.py": "import sqlalchemy\n",
    "tests/test_all.py": "import pickle, os\nos.environ['A'] = '1'\n",
    "var/anything.py": "import pickle\n",
}


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, source in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(source, encoding="utf-8")
    return root


def test_a_sound_tree_has_no_violation(tmp_path: Path) -> None:
    assert violations(plant(tmp_path, SOUND)) == []


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("pages/patients.py", "x = 1", "pages/patients.py:1 is a script directly in pages/"),
        ("skinmodel/a.py", "import records", "skinmodel/a.py:1 imports records"),
        ("skinmodel/a.py", "def f():\n    import settings", "skinmodel/a.py:2 imports settings"),
        ("skinmodel/a.py", "from training.loop import fit", "skinmodel/a.py:1 imports training"),
        ("training/a.py", "from pages.components import x", "training/a.py:1 imports pages"),
        ("training/a.py", "from settings import load", "training/a.py:1 imports settings"),
        ("training/a.py", "import records.photos", "training/a.py:1 imports records"),
        ("records/a.py", "from skinmodel import analysis", "records/a.py:1 imports skinmodel"),
        ("pages/clinic/a.py", "import app", "pages/clinic/a.py:1 imports app"),
        ("settings.py", "import skinmodel", "settings.py:1 imports skinmodel"),
        ("newcomer/a.py", "import skinmodel", "newcomer/a.py:1 imports skinmodel"),
        ("app.py", "from tests import conftest", "app.py:1 imports tests"),
        (
            "skinmodel/a.py",
            "import streamlit as st",
            "skinmodel/a.py:1 imports streamlit, kept to app, pages",
        ),
        (
            "training/__main__.py",
            "from streamlit import cache_data",
            "training/__main__.py:1 imports streamlit, kept to app, pages",
        ),
        (
            "pages/main.py",
            "from sqlalchemy.orm import Session",
            "pages/main.py:1 imports sqlalchemy, kept to records",
        ),
        ("app.py", "import os\nos.environ.get('A')", "app.py:2 reads the environment"),
        ("app.py", "import os\nos.getenv('A')", "app.py:2 reads the environment"),
        ("app.py", "from os import environ", "app.py:1 reads the environment"),
        ("training/a.py", "import pickle", "training/a.py:1 can unpickle with pickle"),
        ("training/a.py", "m = torch.load(f)", "training/a.py:1 can unpickle with torch.load"),
        ("training/a.py", "from torch import load", "training/a.py:1 can unpickle with torch.load"),
        ("training/a.py", "pd.read_pickle(f)", "training/a.py:1 can unpickle with pd.read_pickle"),
        (
            "training/a.py",
            "np.load(f, allow_pickle=True)",
            "training/a.py:1 can unpickle with allow_pickle",
        ),
    ],
)
def test_a_planted_violation_is_found(
    tmp_path: Path, name: str, source: str, expected: str
) -> None:
    assert violations(plant(tmp_path, SOUND | {name: source})) == [expected]
