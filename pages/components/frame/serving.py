"""What all sessions share: settings, records, originals, the model, readers of photos, cores.

Cached functions are called with plain values by keyword: for a positional one Streamlit reads the
function's whole signature anew each time, and a path costs it four times as much as a text.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

import settings
from records.database import Database
from records.keeping.snapshot import keep_in
from records.keeping.store import Store, open_store
from records.keeping.upkeep import Upkeep
from records.schema import open_database
from skinmodel import casemix
from skinmodel.bundle import Model, load_model
from skinmodel.casemix import CaseMix
from skinmodel.deadline import Places
from skinmodel.outline_bundle import OutlineModel, load_outline_model
from skinmodel.reading.decoder import Decoder
from skinmodel.recall import Recall
from skinmodel.registry import Registry, card_hash
from skinmodel.weights import InvalidModel

limits = settings.load


@dataclass(frozen=True)
class InUse:
    """The model in use; `problem` is a sentence where it is not the one that was promoted."""

    model: Model
    problem: str = ""


def registry() -> Registry:
    """The models that came with the program, and the clinic's own."""
    found = settings.load()
    return Registry(found.models_dir, found.own_models_dir)


def model() -> Model:
    """The model in use; InvalidModel with a sentence where there is none."""
    return in_use().model


def model_sha256() -> str | None:
    """The hash of the model in use, by which assessments are outdated; None where there is none."""
    try:
        return model().sha256
    except InvalidModel:
        return None


def in_use() -> InUse:
    """The model in use, asked anew each time: one promoted a moment ago serves at once.

    Whoever has a model keeps it whole until the answer is there. Where the promoted one cannot be
    read, the program's own serves; InvalidModel where that cannot either.
    """
    models = registry()
    choice = models.choice()
    try:
        return InUse(load(choice.folder), choice.problem)
    except InvalidModel as error:
        instead = models.newest_bundled()
        if instead == choice.folder:
            raise
        reason = f"Model {choice.folder.name} cannot be used. {error}"
        return InUse(load(instead), f"{reason} Model {instead.name} is used instead.")


def load(folder: Path) -> Model:
    """A model, kept in memory under its folder, which is its version, and its card's hash."""
    return _load(folder=str(folder), digest=card_hash(folder))


@st.cache_resource(show_spinner=False, max_entries=3)
def _load(folder: str, digest: str) -> Model:
    return load_model(Path(folder))


def outline_model() -> OutlineModel:
    """The outline model in use; InvalidModel with a sentence where there is none."""
    folder = settings.load().outline_dir
    try:
        changed_at = (folder / "card.json").stat().st_mtime_ns
    except OSError as error:
        raise InvalidModel("There is no outline model, so nothing can be measured.") from error
    return _outline_model(folder=folder, changed_at=changed_at)


@st.cache_resource(show_spinner=False, max_entries=2)
def _outline_model(folder: Path, changed_at: int) -> OutlineModel:
    return load_outline_model(folder)


@st.cache_resource(show_spinner=False)
def recall() -> Recall:
    """What was computed of the photos analysed last."""
    return Recall()


@st.cache_resource(show_spinner=False)
def decoder() -> Decoder:
    """The child processes that decode photos, started when the first photo comes."""
    return Decoder(max_bytes=settings.load().max_upload_bytes)


@st.cache_resource(show_spinner=False)
def places() -> Places:
    """Room for as many analyses at a time as there are cores, and for two on a single one."""
    return Places(max(2, os.cpu_count() or 1))


def database() -> Database:
    """The records; Unavailable with a sentence where they cannot be used, asked anew each time."""
    return _database(url=settings.load().database_url)


@st.cache_resource(show_spinner=False)
def _database(url: str) -> Database:
    return open_database(url, before_migration=keep_in(settings.load().backups_url))


def store() -> Store:
    """Where the original photos are kept."""
    return _store(url=settings.load().photos_url)


@st.cache_resource(show_spinner=False)
def _store(url: str) -> Store:
    return open_store(url)


def datasets() -> Path:
    """The folder of the data sets."""
    return settings.load().data_dir / "datasets"


@st.cache_resource(show_spinner=False)
def upkeep() -> Upkeep:
    """What is due by itself: backups and tidying."""
    found = settings.load()
    return Upkeep(
        database=database,
        store=store,
        to=found.backups_url,
        passphrase=found.backup_passphrase,
        folder=found.data_dir,
    )


def release(files: Iterable[UploadedFile]) -> None:
    """Frees uploads that were read: Streamlit would keep them until the tab is closed."""
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        for file in files:
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def case_mix() -> CaseMix | None:
    """The clinic's case mix, if an administrator has set one; read anew each time."""
    return casemix.read(_case_mix_file())


def set_case_mix(mix: CaseMix | None) -> None:
    """Stores the clinic's case mix for everybody, or forgets it."""
    casemix.write(_case_mix_file(), mix)


def _case_mix_file() -> Path:
    return settings.load().data_dir / "case_mix.json"
