"""The confirmed lesions that can be searched: the clinic's own, and those made ready beside."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import streamlit as st

from pages.components.comparison.comparing import Reader
from pages.components.frame import serving
from pages.components.frame.words import markdown, percent
from records.clinic import precedents
from records.clinic.precedents import ConfirmedCase
from records.errors import RecordError
from skinmodel import neighbours
from skinmodel.bundle import Model
from skinmodel.images import InvalidImage
from skinmodel.neighbours import Case, Index, InvalidIndex, Vector

CLINIC = "This clinic"
BATCH = 16  # lesions between two saves, so that an interruption costs little
Report = Callable[[float, str], object]


def folder() -> Path:
    """Where `python -m training index` puts its files."""
    return serving.limits().data_dir / "neighbours"


def others(model: Model) -> tuple[list[Index], list[str]]:
    """The indices of other data for this model, and sentences about files that are not usable."""
    found, problems = [], []
    for path in sorted(folder().glob("*.safetensors")):
        try:
            index = _load(path, path.stat().st_mtime_ns)
        except (InvalidIndex, OSError) as error:
            problems.append(str(error))
            continue
        if index.model_sha256 == model.sha256:
            found.append(index)
        else:
            problems.append(
                f"The lesions of {index.name} were made ready for another model. An administrator"
                " makes them ready for this one with: python -m training index"
            )
    ready = {index.name for index in found}
    return found, [text for text in dict.fromkeys(problems) if not _superseded(text, ready)]


def _superseded(sentence: str, ready: set[str]) -> bool:
    """Whether it is about an older model's file of data that this model has, too."""
    return any(sentence.startswith(f"The lesions of {name} were") for name in ready)


@st.cache_resource(show_spinner=False, max_entries=8)
def _load(path: Path, changed_at: int) -> Index:
    return neighbours.load(path)


def clinic(
    model: Model, reader: Reader, report: Report, *, without: str
) -> tuple[Index, Mapping[str, tuple[str, str]]]:
    """The clinic's own index brought up to date, and the cases that there are now.

    It lies in the cache folder, which is emptied when a patient is erased. `without` is a lesion
    that need not be in it.
    """
    now = precedents.known(reader.database, actor=reader.actor)
    path = serving.limits().data_dir / "cache" / f"cases-{model.sha256[:16]}.safetensors"
    index = neighbours.empty(CLINIC, model)
    if path.is_file():
        with contextlib.suppress(InvalidIndex):  # then it is made again
            index = neighbours.load(path)
    have = {case.key: (case.diagnosis, case.photo) for case in index.cases}
    lacking = [key for key, mark in now.items() if have.get(key) != mark and key != without]
    for start in range(0, len(lacking), BATCH):
        report(start / len(lacking), f"Confirmed lesion {start + 1} of {len(lacking)}")
        some = precedents.get(
            reader.database, actor=reader.actor, lesion_ids=lacking[start : start + BATCH]
        )
        done = [(now[key], one, _vector(model, reader, one)) for key, one in some.items()]
        whole = [(mark, one, row) for mark, one, row in done if row is not None]
        if whole:
            index = index.joined(
                [Case(one.lesion_id, *mark) for mark, one, _ in whole],
                np.stack([row for _, _, row in whole]),
            )
            index.save(path)
    if lacking:
        precedents.note(reader.database, actor=reader.actor, count=len(lacking))
    return index, now


def _vector(model: Model, reader: Reader, case: ConfirmedCase) -> Vector | None:
    """A case's vector; None where none of its photos can be read."""
    pictures = []
    for photo in case.photos:
        try:
            data = precedents.read(reader.database, reader.store, actor=reader.actor, photo=photo)
            pictures.append(reader.decoder.read(data).picture)
        except (RecordError, InvalidImage):
            continue
    if not pictures:
        return None
    return neighbours.vector(model, neighbours.photo_features(model, pictures)[0])


def said(index: Index) -> str:
    """How often neighbours share the diagnosis in these data, in a sentence; empty if unknown."""
    measured, melanoma = index.agreement, index.agreement.get("per_diagnosis", {}).get("MEL")
    if measured.get("share") is None:
        return ""
    text = f"Of the five nearest of a lesion, {percent(measured['share'])} share its diagnosis"
    if melanoma:
        text += f"; of a melanoma, {percent(melanoma['share'])}"
    return markdown(f"In testing: {text[0].lower()}{text[1:]}.")
