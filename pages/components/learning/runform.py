"""The form for a new training run: what to learn from, what to start from, and how."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.components.frame.words import count
from pages.components.learning import ended, runs, together
from skinmodel.backbone import BACKBONES
from skinmodel.weights import InvalidModel
from training.data.datasets import DataSet
from training.learning.config import InvalidConfig, TrainConfig
from training.runs.request import IMAGENET, MODEL, NOTHING, Request

LEARNS = {"head": "Head only", "all": "Whole network"}
TASKS = {"multiclass": "Eight diagnoses", "binary": "Malignant against benign"}
SIZES = (96, 128, 160, 192, 224, 256, 320)
HEAD = {"epochs": 20, "learning_rate": 1e-3, "batch": 32}
ALL = {"epochs": 23, "learning_rate": 4e-4, "batch": 32}


def ask(there: tuple[DataSet, ...]) -> Request | None:
    """The request as it stands; None where something is missing, which is then said."""
    was: Mapping[str, Any] = st.session_state.get(ended.AGAIN) or {}
    before: Mapping[str, Any] = was.get("settings", {})
    # Other defaults are another form: Streamlit would keep what was chosen in the one before.
    key = f"run-{was!s}"
    left, right = st.columns(2, gap="large")
    with left:
        chosen = st.pills(
            "Data sets", [one.id for one in there], selection_mode="multi",
            format_func=runs.labels(there).__getitem__,
            default=[one for one in was.get("data", ()) if one in {s.id for s in there}]
            or [there[-1].id],
            key=f"{key}-data",
        )  # fmt: skip
        photos = sum(one.photos for one in there if one.id in chosen)
        lesions = sum(one.lesions for one in there if one.id in chosen)
        st.caption(
            f"{count(photos, 'photo')} of {count(lesions, 'lesion')}. A seventh of the lesions is"
            " kept for testing and never learnt from."
        )
        objections = st.container()
        kind = _choice("What to do", runs.KINDS, was.get("kind", "fit"), f"{key}-kind")
        st.caption(
            {
                "fit": "Makes one candidate model.",
                "cross-validate": "Trains several times, each on other lesions, and says how far"
                " the results spread. Makes no candidate.",
                "tune": "Tries settings and ranks them. Makes no candidate.",
            }[kind]
        )
        folds = trials = 0
        if kind == "cross-validate":
            folds = _number("Folds", was.get("folds") or 5, 2, 10, f"{key}-folds")
            st.caption("How often the data is divided. Time grows with it.")
        if kind == "tune":
            trials = _number("Trials", was.get("trials") or 20, 1, 500, f"{key}-trials")
            st.caption("How many settings are tried. Hopeless ones are cut off early.")
    with right:
        active = _active()
        starts = {IMAGENET: "ImageNet's weights", NOTHING: "Nothing"}
        if active:
            starts = {MODEL: f"Active model {active}", **starts}
        # Folds are of lesions that the start has not met, and the active model has met most.
        usual = IMAGENET if kind == "cross-validate" else next(iter(starts))
        start = _choice("Start from", starts, was.get("start", usual), f"{key}-{kind}-start")
        st.caption(
            {
                MODEL: "Already knows skin; needs the least data."
                if kind != "cross-validate"
                else "Only for data that it has never met.",
                IMAGENET: "Knows photos in general; needs thousands of photos.",
                NOTHING: "Random weights; needs far more data and time.",
            }[start]
        )
        learns = "all"
        if start != NOTHING:
            learns = _choice("What learns", LEARNS, before.get("learns", "head"), f"{key}-learns")
            st.caption(
                "Minutes on a processor: each photo goes through the network once."
                if learns == "head"
                else "Hours to days without a graphics card; learns the most from much data."
            )
        task = _choice(
            "Diagnoses", TASKS, before.get("model", {}).get("task", "multiclass"), f"{key}-task"
        )
        st.caption("What the model tells apart.")
    with objections:
        sets = [one for one in there if one.id in chosen]
        sound = not chosen or together.check(sets, binary=task == "binary")
    settings = _more(before, start=start, learns=learns, task=task, key=f"{key}-{start}-{learns}")
    try:
        request = Request(
            kind=kind, data=tuple(sorted(chosen)), start=start,
            version=(active or "") if start == MODEL else "",
            settings=settings, folds=folds, trials=trials,
        )  # fmt: skip
        request.config(request.init(runs.places(), fetch=False))
    except (InvalidConfig, InvalidModel) as error:
        st.warning(str(error))
        return None
    return request if sound else None


def _more(
    before: Mapping[str, Any], *, start: str, learns: str, task: str, key: str
) -> dict[str, Any]:
    """The other settings, folded up: their defaults are sound."""
    usual = {**(HEAD if learns == "head" else ALL), **before}
    network = dict(before.get("model", {}))
    model: dict[str, Any] = {"task": task}
    found: dict[str, Any] = {"learns": learns, "model": model}
    with st.expander("Settings"):
        one, two, three = st.columns(3, gap="medium")
        with one:
            found["epochs"] = _number("Epochs", usual["epochs"], 1, 500, f"{key}-epochs")
            st.caption("How often each photo is seen.")
            found["learning_rate"] = st.number_input(
                "Learning rate", 1e-6, 1.0, float(usual["learning_rate"]), step=1e-4,
                format="%.5f", key=f"{key}-rate",
            )  # fmt: skip
            st.caption("How far each step goes. Too high, and the loss jumps.")
            found["batch"] = _number("Batch size", usual["batch"], 2, 512, f"{key}-batch")
            st.caption("Photos per step. Smaller needs less memory.")
        with two:
            model["lstm_units"] = _number(
                "LSTM units", network.get("lstm_units", 256), 1, 2048, f"{key}-units"
            )
            st.caption("Memory of the part that reads visits in order.")
            model["lstm_layers"] = _number(
                "LSTM layers", network.get("lstm_layers", 1), 1, 4, f"{key}-layers"
            )
            st.caption("One is enough for most series.")
            found["seed"] = _number("Seed", before.get("seed", 0), 0, 2**31 - 1, f"{key}-seed")
            st.caption("The same seed gives the same model again.")
        with three:
            if start == MODEL:
                st.caption("Backbone and image size are those of the active model.")
            else:
                _network(found, model, network, before, start=start, key=key)
    return found


def _network(
    found: dict[str, Any],
    model: dict[str, Any],
    network: Mapping[str, Any],
    before: Mapping[str, Any],
    *,
    start: str,
    key: str,
) -> None:
    """Backbone, filters and size, which a run from a model takes over from it."""
    names = [name for name in BACKBONES if name != "conv" or start == NOTHING]
    was = network.get("backbone", "mobilenet_v2")
    model["backbone"] = st.selectbox(
        "Backbone", names, index=names.index(was) if was in names else 0,
        format_func=lambda name: "Own stack of filters" if name == "conv" else name,
        key=f"{key}-backbone",
    )  # fmt: skip
    st.caption(
        "The part that looks at one photo. mobilenet_v2 is the fastest, efficientnet_lite0 nearly"
        " as fast; its larger kin take up to twice as long."
    )
    if model["backbone"] == "conv":
        text = st.text_input(
            "Filters", " ".join(map(str, network.get("filters") or (16, 32, 64, 128))),
            key=f"{key}-filters",
        )  # fmt: skip
        st.caption("How many in each layer, as in 16 32 64.")
        model["filters"] = [int(word) for word in text.split() if word.isdigit()]
    size = before.get("preparation", {}).get("size", TrainConfig().preparation.size)
    sizes = sorted({*SIZES, size})
    size = st.select_slider("Image size", sizes, size, key=f"{key}-size")
    st.caption("Side in pixels. Twice the side takes four times as long.")
    found["preparation"] = {"size": size}
    found["sizes"] = [[1.0, size]]


def _active() -> str | None:
    """The version in use, None where there is none."""
    try:
        return runs.places().registry.active().name
    except InvalidModel:
        return None


def _choice(label: str, options: Mapping[str, str], was: str, key: str) -> str:
    """One of a few, always chosen."""
    names = list(options)
    default = was if was in options else names[0]
    return str(
        st.segmented_control(
            label, names, format_func=options.__getitem__, default=default, key=key, required=True
        )
    )


def _number(label: str, was: int, least: int, most: int, key: str) -> int:
    return int(st.number_input(label, least, most, min(most, max(least, int(was))), key=key))
