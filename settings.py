"""Where data lives and what the limits are: the only reader of the environment."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Settings:
    """The folders, absolute, and the limits that app, pages and command line hand on."""

    data_dir: Path
    models_dir: Path
    max_upload_bytes: int
    max_photos: int


def load() -> Settings:
    """Reads SKIN_DATA_DIR and SKIN_MODELS_DIR; a missing or empty variable means its default.

    Nothing is created: whoever writes first makes the folder.
    """
    return Settings(
        data_dir=_folder("SKIN_DATA_DIR", ROOT / "var"),
        models_dir=_folder("SKIN_MODELS_DIR", ROOT / "assets" / "models"),
        # Equal to server.maxUploadSize in .streamlit/config.toml, so both doors refuse alike.
        max_upload_bytes=25 * 1024 * 1024,
        max_photos=200,
    )


def _folder(variable: str, default: Path) -> Path:
    text = os.environ.get(variable, "").strip()
    return Path(text).expanduser().resolve() if text else default
