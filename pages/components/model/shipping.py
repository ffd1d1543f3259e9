"""A model as a file: taken in from another server, handed out, and models deleted."""

from pathlib import Path

import streamlit as st

from pages.components.frame import guard, serving
from pages.components.learning import runs
from pages.components.model import promoting
from records.access.actors import ADMIN
from records.models import promotions
from skinmodel import parcel
from skinmodel.bundle import CARD
from skinmodel.registry import card_hash
from skinmodel.weights import InvalidModel
from training.measuring import compared


def take_in() -> None:
    """A model's file; it is registered, and not used before it is promoted."""
    actor = guard.require(ADMIN).actor
    number = st.session_state.setdefault("model-uploader", 0)
    file = st.file_uploader(
        "Model file (.zip), as another DermTrace exports it",
        type="zip",
        max_upload_size=serving.limits().max_dataset_bytes >> 20,
        key=f"model-file-{number}",
    )
    if not file or not st.button("Import", type="primary", key="import-model"):
        return
    models = serving.registry()
    data = file.getvalue()

    def carry_out() -> str:
        version = parcel.receive(models, data)
        kept = promoting.named(models.folder(version))
        promotions.note(
            serving.database(),
            actor=actor,
            kind="model imported",
            version=version,
            sha256=kept.sha256,
        )
        return version

    version = promoting.attempt(carry_out)
    if version:
        serving.release([file])
        st.session_state["model-uploader"] = number + 1
        st.session_state["models-said"] = f"Model {version} was imported. It is not in use."
        st.rerun()


def hand_out(folder: Path) -> None:
    """The model as one file; that it was taken is in the audit log."""
    actor = guard.require(ADMIN).actor

    def packed() -> bytes:
        data = _packed(folder, card_hash(folder))
        promotions.note(
            serving.database(),
            actor=actor,
            kind="model exported",
            version=folder.name,
            sha256=promoting.named(folder).sha256,
        )
        return data

    try:
        card_hash(folder)
    except InvalidModel as error:
        st.warning(str(error))
        return
    st.download_button(
        "Export as one file",
        packed,
        f"dermtrace-model-{folder.name}.zip",
        "application/zip",
        icon=":material/download:",
        on_click="ignore",
    )


def hand_out_card(folder: Path) -> None:
    """The model's card by itself, to keep or to send."""
    try:
        data = (folder / CARD).read_bytes()
    except OSError:
        return
    st.download_button(
        "Download its card",
        data,
        f"dermtrace-model-{folder.name}-card.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
    )


@st.cache_data(show_spinner=False, max_entries=2)
def _packed(folder: Path, digest: str) -> bytes:
    return parcel.pack(folder)


@st.dialog("Delete this model")
def delete(folder: Path) -> None:
    """Asks once, and deletes one of the clinic's own models."""
    st.write(
        f"Model {folder.name} is deleted for good. Results that it gave stay as they are."
        " Its version is not given to another model."
    )
    if not st.button("Delete", type="primary", key="delete-model"):
        return
    actor, models = guard.require(ADMIN).actor, serving.registry()
    gone = promoting.named(folder)

    def carry_out() -> bool:
        models.delete(folder.name)
        compared.forget(folder.name, runs.places().comparisons)
        promotions.note(
            serving.database(),
            actor=actor,
            kind="model deleted",
            version=gone.version,
            sha256=gone.sha256,
        )
        return True

    if promoting.attempt(carry_out):
        st.session_state["models-said"] = f"Model {folder.name} was deleted."
        st.rerun()
