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
    database_url: str
    photos_url: str
    max_upload_bytes: int
    max_photos: int
    max_analysis_seconds: float


def load() -> Settings:
    """Reads the variables SKIN_...; a missing or empty one means its default.

    Nothing is created: whoever writes first makes the folder.
    """
    data_dir = _folder("SKIN_DATA_DIR", ROOT / "var")
    return Settings(
        data_dir=data_dir,
        models_dir=_folder("SKIN_MODELS_DIR", ROOT / "assets" / "models"),
        database_url=_text("SKIN_DATABASE_URL", f"sqlite:///{data_dir / 'records.sqlite'}"),
        photos_url=_text("SKIN_PHOTOS_URL", str(data_dir / "photos")),
        # Equal to server.maxUploadSize in .streamlit/config.toml, so both doors refuse alike.
        max_upload_bytes=25 * 1024 * 1024,
        max_photos=200,
        # Two hundred photos take about ten on one slow core; more than this is no answer any more.
        max_analysis_seconds=90,
    )


def _text(variable: str, default: str) -> str:
    return os.environ.get(variable, "").strip() or default


def _folder(variable: str, default: Path) -> Path:
    text = _text(variable, "")
    return Path(text).expanduser().resolve() if text else default
