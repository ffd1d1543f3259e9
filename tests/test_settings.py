"""The environment is read in one place and its folders are absolute."""

import tomllib
from pathlib import Path

import pytest

import settings


def test_defaults_lie_in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SKIN_DATA_DIR", raising=False)
    monkeypatch.setenv("SKIN_MODELS_DIR", "  ")
    loaded = settings.load()
    assert loaded.data_dir == settings.ROOT / "var"
    assert loaded.models_dir == settings.ROOT / "assets" / "models"
    assert loaded.outline_dir == settings.ROOT / "assets" / "outline" / "1.0"


def test_folders_come_from_the_environment_and_are_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKIN_DATA_DIR", "clinic")
    monkeypatch.setenv("SKIN_MODELS_DIR", "~/models")
    loaded = settings.load()
    assert loaded.data_dir == tmp_path.resolve() / "clinic"
    assert loaded.models_dir == Path.home().resolve() / "models"
    assert not loaded.data_dir.exists()


def test_the_records_lie_in_the_data_folder_by_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("SKIN_DATABASE_URL", raising=False)
    monkeypatch.setenv("SKIN_PHOTOS_URL", "s3://clinic/photos")
    loaded = settings.load()
    assert loaded.database_url == f"sqlite:///{tmp_path.resolve()}/records.sqlite"
    assert loaded.photos_url == "s3://clinic/photos"


def test_the_server_takes_what_the_widgets_take() -> None:
    with (settings.ROOT / ".streamlit" / "config.toml").open("rb") as file:
        most = tomllib.load(file)["server"]["maxUploadSize"]
    assert most == settings.load().max_dataset_bytes >> 20


def test_a_proxy_must_speak_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.1, *")
    with pytest.raises(settings.InvalidSettings, match="not \\*"):
        settings.load()
    monkeypatch.delenv("FORWARDED_ALLOW_IPS")
    monkeypatch.setenv("SKIN_PUBLIC_URL", "https://dermtrace.clinic.example/")
    assert settings.load().public_url == "https://dermtrace.clinic.example"
    for wrong in ("http://clinic.example", "clinic.example", "https://", "https://a.example/b"):
        monkeypatch.setenv("SKIN_PUBLIC_URL", wrong)
        with pytest.raises(settings.InvalidSettings, match="SKIN_PUBLIC_URL"):
            settings.load()


def test_the_clinics_own_sign_in_is_configured_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settings.load().oidc is None
    monkeypatch.setenv("SKIN_OIDC_ISSUER", "https://id.clinic.example")
    with pytest.raises(settings.InvalidSettings, match="SKIN_OIDC_CLIENT_ID and"):
        settings.load()
    monkeypatch.setenv("SKIN_OIDC_CLIENT_ID", "dermtrace")
    monkeypatch.setenv("SKIN_OIDC_CLIENT_SECRET", "between the two")
    loaded = settings.load()
    assert loaded.oidc and loaded.oidc.claim == "groups"
    assert "between the two" not in repr(loaded)
    monkeypatch.setenv("SKIN_OIDC_ISSUER", "http://id.clinic.example")
    with pytest.raises(settings.InvalidSettings, match="https"):
        settings.load()


def test_a_mirror_of_the_training_set_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.load().isic_url == settings.ISIC_URL
    monkeypatch.setenv("SKIN_ISIC_URL", "http://mirror.example/isic/")
    assert settings.load().isic_url == "http://mirror.example/isic"
    for variable, wrong in (("SKIN_ISIC_URL", "file:///etc"), ("SKIN_ISIC_SHA256", "abc")):
        with monkeypatch.context() as patched:
            patched.setenv(variable, wrong)
            with pytest.raises(settings.InvalidSettings, match=variable):
                settings.load()
