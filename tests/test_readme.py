"""The README keeps its word: commands, links, tree and numbers are those of this repository."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from tests import readme
from training.learning.config import TrainConfig

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^ *```(\w+)\n(.*?)^ *```", TEXT, re.DOTALL | re.MULTILINE)
COMMANDS = [
    line.strip()
    for kind, block in BLOCKS
    if kind in {"sh", "powershell"}
    for line in block.splitlines()
]
OURS = ("records", "skinmodel", "training")
OPTION = r"(?<![\w-])--[a-z]+(?:-[a-z]+)*(?![\w.-])"
# Listed module by module.
PACKAGES = ("benchmarks", "pages", "records", "signin", "skinmodel", "training")
NUMBER = r"\d+\.\d+"

# Hosts of package registries, and folders of one person's machine. Written so that these lines
# do not match themselves.
REGISTRIES = re.compile(
    r"(pypi|pythonhosted|anaconda|npmjs|crates|rubygems|golang)\.(org|com|io)\b"
    r"|download\.pytorch\.|deb\.debian\.|index[-]url"
)
LOCAL_PATHS = re.compile(r"(?<![\w.~})\]/-])/(work|home|root|tmp|Users|private)/\w")


def tracked() -> list[Path]:
    """The repository's files, relative; without git, all files but what git would ignore."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
        files = [Path(name) for name in listed.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        files = list(_walk())
    return [file for file in files if (ROOT / file).is_file()]


def _walk() -> Iterator[Path]:
    kept = {".ci", ".streamlit"}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in {"var", "runs", "__pycache__"} and (name[0] != "." or name in kept)
        ]
        yield from ((Path(folder) / name).relative_to(ROOT) for name in names)


def tree() -> dict[str, str]:
    """The paths in the README's tree, folders with a slash at the end, and what it says of each."""
    block = re.search(r"<!-- tree -->\n```text\n(.*?)```", TEXT, re.DOTALL)
    assert block
    found: dict[str, str] = {}
    parents: list[str] = []
    for line in block[1].splitlines():
        name, _, remark = line.strip().partition(" ")
        depth = (len(line) - len(line.lstrip())) // 2
        parents[depth:] = [name]
        found["".join(parents)] = remark.strip()
    return found


def test_the_tree_is_the_disk() -> None:
    listed = set(tree())
    assert sorted(path for path in listed if not (ROOT / path).exists()) == []
    assert sorted(path for path in listed if (ROOT / path).is_dir() != path.endswith("/")) == []
    wanted = set()
    for file in tracked():
        top, *rest = file.parts
        wanted.add(f"{top}/" if rest else top)
        if top in PACKAGES and file.suffix == ".py" and file.name != "__init__.py":
            wanted.add(file.as_posix())
    assert sorted(wanted - listed) == []


def test_make_commands_exist() -> None:
    named = set(re.findall(r"^ *make ([a-z]+)|`make ([a-z]+)", TEXT, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {one or other for one, other in named} <= targets
    assert {"run", "test"} <= targets


@pytest.mark.parametrize("command", [line for line in COMMANDS if "python -m" in line])
def test_python_commands_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command.replace("\\", "/"))
    module, *arguments = words[words.index("-m") + 1 :]
    if module not in OURS:
        needed = (ROOT / "requirements-dev.txt").read_text("utf-8")
        needed += (ROOT / "requirements.txt").read_text("utf-8")
        assert module in {"pip", "venv"} or re.search(rf"^{module}==", needed, re.MULTILINE)
        given = [word for word in arguments if "requirements" in word]
        assert all((ROOT / name).is_file() for name in given)
        return
    shown = _help(module, arguments[0], capsys)
    assert {word for word in arguments if word.startswith("--")} <= _options(shown)
    for word in arguments:
        if word.startswith("assets/"):
            assert (ROOT / word).exists()


def test_options_in_the_text_exist(capsys: pytest.CaptureFixture[str]) -> None:
    known = set()
    for module, command in (
        ("skinmodel", "diagnose"),
        ("skinmodel", "predict"),
        ("training", "fit"),
        ("training", "cross-validate"),
        ("training", "tune"),
        ("training", "evaluate"),
        ("training", "remeasure"),
        ("training", "fit-outline"),
        ("records", "export"),
        ("records", "verify"),
    ):
        known |= _options(_help(module, command, capsys))
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    assert _options(prose) <= known
    assert {"--model", "--init"} <= _options(prose)


def _help(module: str, command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        import_module(f"{module}.__main__").main([command, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def _options(text: str) -> set[str]:
    return set(re.findall(OPTION, text))


def test_links_and_pictures_exist() -> None:
    links = re.findall(r"\]\(([^)]+)\)|(?:src|srcset)=\"([^\"]+)\"", TEXT)
    paths = [link for pair in links for link in pair if link and "://" not in link]
    assert len(paths) > 3
    assert [path for path in paths if not (ROOT / path.partition("#")[0]).exists()] == []


def test_versions_and_sizes_are_those_of_the_installation() -> None:
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8").split()
    named = re.findall(r"torch(?:vision)?==[\d.]+", TEXT)
    assert len(named) == 2
    assert set(named) <= set(pinned)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    sizes = re.findall(r"[\d.]+ GB", TEXT)
    assert sizes and all(size in makefile for size in sizes)


def test_variables_are_those_that_are_read() -> None:
    sources = [ROOT / "settings.py", *(ROOT / "tests").rglob("conftest.py")]
    read = {
        name for file in sources for name in re.findall(r"SKIN_[A-Z_]+", file.read_text("utf-8"))
    }
    assert set(re.findall(r"SKIN_[A-Z_]+", TEXT)) == read


def test_the_settings_example_is_understood() -> None:
    examples = [block for kind, block in BLOCKS if kind == "json"]
    assert len(examples) == 1
    config = TrainConfig.from_dict(json.loads(examples[0]))
    assert config.model.backbone == "resnet18"


def test_numbers_and_limits_are_the_cards() -> None:
    parts = readme.from_card(readme.bundled_card()) | readme.from_outline(readme.outline_card())
    for name, content in parts.items():
        assert readme.part(TEXT, name) == content, f"{name}: run make readme"


def test_pictures_show_the_model() -> None:
    version = readme.bundled_card()["version"]
    for picture in sorted((ROOT / "assets" / "screenshots").glob("*.webp")):
        with Image.open(picture) as screenshot:
            assert screenshot.getexif()[0x0131] == version, f"{picture.name}: run make readme"


def test_outputs_are_the_models() -> None:
    for name, content in readme.from_model().items():
        shown = readme.part(TEXT, name)
        # Another processor may round the last digit otherwise.
        numbers = [[float(n) for n in re.findall(NUMBER, text)] for text in (shown, content)]
        assert numbers[0] == pytest.approx(numbers[1], abs=0.11), f"{name}: run make readme"
        assert re.sub(NUMBER, "", shown) == re.sub(NUMBER, "", content), f"{name}: run make readme"


def test_speeds_are_a_table() -> None:
    rows = [line for line in readme.part(TEXT, "speed").splitlines() if line.startswith("|")]
    assert len(rows) > 3, "run make speed"


def test_an_undefined_number_is_a_dash() -> None:
    assert readme.interval(None) == "-"
    assert readme.interval([0.7412, 0.7, None]) == "0.741 (0.700 to -)"


@pytest.mark.parametrize("pattern", [REGISTRIES, LOCAL_PATHS], ids=["registries", "local paths"])
def test_no_file_names_what_others_do_not_have(pattern: re.Pattern[str]) -> None:
    found = []
    for file in tracked():
        data = (ROOT / file).read_bytes()
        if b"\0" in data[:8192]:
            continue
        for number, line in enumerate(data.decode("utf-8").splitlines(), start=1):
            if hit := pattern.search(line):
                found.append(f"{file}:{number} {hit[0]}")
    assert found == []
