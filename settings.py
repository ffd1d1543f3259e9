"""Where data lives and what the limits are: the only reader of the environment."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent


ISIC_URL = "https://isic-challenge-data.s3.amazonaws.com/2019"


class InvalidSettings(Exception):
    """A variable cannot be understood; the text names it."""


@dataclass(frozen=True)
class Oidc:
    """The clinic's own sign-in, and which words in its claim give which role."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    label: str
    claim: str
    clinicians: str
    admins: str


@dataclass(frozen=True)
class Settings:
    """The folders, absolute, and the limits that app, pages and command line hand on."""

    data_dir: Path
    models_dir: Path
    outline_dir: Path  # of one outline model, which no promotion of a classifier moves
    database_url: str = field(repr=False)
    photos_url: str
    backups_url: str
    backup_passphrase: str = field(repr=False)
    public_url: str  # of the reverse proxy that brings visitors by HTTPS, "" where there is none
    oidc: Oidc | None
    isic_url: str  # where the ISIC 2019 training set is fetched from
    isic_sha256: str  # of its ZIP of photos, "" where it is not known
    max_upload_bytes: int  # of a photo
    max_archive_bytes: int  # of a ZIP of photos
    max_dataset_bytes: int  # of a data set's or a model's ZIP that a browser sends
    max_session_bytes: int
    max_photos: int
    max_analysis_seconds: float
    worker: bool  # whether the app starts a worker for training runs beside itself

    @property
    def own_models_dir(self) -> Path:
        """The clinic's own models, beside those that came with the program in `models_dir`."""
        return self.data_dir / "models"


def load() -> Settings:
    """Reads the variables SKIN_...; a missing or empty one means its default.

    Nothing is created: whoever writes first makes the folder. InvalidSettings for a variable that
    cannot be understood.
    """
    data_dir = _folder("SKIN_DATA_DIR", ROOT / "var")
    _refuse_any_proxy()
    return Settings(
        data_dir=data_dir,
        models_dir=_folder("SKIN_MODELS_DIR", ROOT / "assets" / "models"),
        outline_dir=_folder("SKIN_OUTLINE_DIR", ROOT / "assets" / "outline" / "1.0"),
        database_url=_text("SKIN_DATABASE_URL", f"sqlite:///{data_dir / 'records.sqlite'}"),
        photos_url=_text("SKIN_PHOTOS_URL", str(data_dir / "photos")),
        backups_url=_text("SKIN_BACKUPS_URL", str(data_dir / "backups")),
        backup_passphrase=_text("SKIN_BACKUP_PASSPHRASE"),
        public_url=_public_url(),
        oidc=_oidc(),
        isic_url=_isic_url(),
        isic_sha256=_isic_sha256(),
        max_upload_bytes=25 * 1024 * 1024,
        max_archive_bytes=200 * 1024 * 1024,
        # Larger ones come by way of the inbox. No widget takes more: the server itself refuses what
        # is over its server.maxUploadSize in .streamlit/config.toml.
        max_dataset_bytes=500 * 1024 * 1024,
        max_session_bytes=1024 * 1024 * 1024,  # uploads that one signed-in browser may hold here
        max_photos=200,
        # Two hundred photos, eight views each, take about 25 on one core that others may share.
        max_analysis_seconds=180,
        worker=_text("SKIN_WORKER", "yes").lower() not in {"no", "0", "false"},
    )


def _refuse_any_proxy() -> None:
    """The server reads this variable; with *, every visitor would choose the address they have."""
    if "*" in _text("FORWARDED_ALLOW_IPS"):
        raise InvalidSettings("FORWARDED_ALLOW_IPS must name the reverse proxy's address, not *.")


def _text(variable: str, default: str = "") -> str:
    return os.environ.get(variable, "").strip() or default


def _folder(variable: str, default: Path) -> Path:
    text = _text(variable)
    return Path(text).expanduser().resolve() if text else default


def _public_url() -> str:
    text = _text("SKIN_PUBLIC_URL").rstrip("/")
    parts = urlsplit(text)
    if text and (parts.scheme != "https" or not parts.hostname or parts.path):
        raise InvalidSettings("SKIN_PUBLIC_URL must be like https://dermtrace.clinic.example")
    return text


def _isic_url() -> str:
    text = _text("SKIN_ISIC_URL", ISIC_URL).rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidSettings("SKIN_ISIC_URL must be like https://mirror.example/isic2019")
    return text


def _isic_sha256() -> str:
    text = _text("SKIN_ISIC_SHA256").lower()
    if text and not re.fullmatch("[0-9a-f]{64}", text):
        raise InvalidSettings("SKIN_ISIC_SHA256 must be a SHA-256: 64 letters of 0-9 and a-f.")
    return text


def _oidc() -> Oidc | None:
    issuer = _text("SKIN_OIDC_ISSUER")
    if not issuer:
        return None
    parts = urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise InvalidSettings("SKIN_OIDC_ISSUER must begin with https://")
    needed = ("SKIN_OIDC_CLIENT_ID", "SKIN_OIDC_CLIENT_SECRET")
    if missing := [name for name in needed if not _text(name)]:
        raise InvalidSettings(f"SKIN_OIDC_ISSUER needs {' and '.join(missing)} as well.")
    return Oidc(
        issuer=issuer,
        client_id=_text("SKIN_OIDC_CLIENT_ID"),
        client_secret=_text("SKIN_OIDC_CLIENT_SECRET"),
        label=_text("SKIN_OIDC_LABEL", "Sign in with the clinic's account"),
        claim=_text("SKIN_OIDC_CLAIM", "groups"),
        clinicians=_text("SKIN_OIDC_CLINICIANS", "dermtrace-clinicians"),
        admins=_text("SKIN_OIDC_ADMINS", "dermtrace-admins"),
    )
