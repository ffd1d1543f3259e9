"""What is in a data set, as pictures and tables: the report that was made when it came in."""

import csv
import io
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from PIL import Image

from pages.components.frame import serving
from pages.components.frame.words import count, markdown, span
from skinmodel.diagnoses import CODES, diagnosis
from skinmodel.export import safe_cell
from skinmodel.images import InvalidImage
from training.data.datasets import DataSet
from training.data.inspection import Inspection, Pair, across_words
from training.data.manifest import InvalidData

SHEET, COLUMNS = 24, 4  # photos of a contact sheet, and of a row in it
TILE = (150, 112)  # pixels
TWINS = 6  # pairs shown at a time
BAR = 26  # pixels of a chart's height for each bar
SIDES = ("train", "validation", "calibration", "test")


def draw(data: DataSet, report: Inspection) -> None:
    """Warnings first, then counts, photos, and what is there twice."""
    across = [
        across_words(photos, data.name, _name(other))
        for other, photos in report.across_leaks.items()
    ]
    for text in (*report.warnings, *across):
        st.warning(markdown(text), icon=":material/warning:")
    for text in report.notes:
        st.caption(markdown(text))
    if report.shortcut and not report.shortcut.predicts:
        st.caption(report.shortcut.sentence)
    names = {code: diagnosis(code).name for code in CODES}
    left, right = st.columns(2, gap="large")
    with left:
        _bars("Photos per diagnosis", {names[c]: n for c, n in report.diagnoses.items()}, data.id)
        _bars("Body site", report.sites, data.id)
    with right:
        series = {count(int(n), "photo"): lesions for n, lesions in report.series.items()}
        _bars("Lesions by their number of photos", series, data.id)
        _bars("Age", _by_age(report.ages), data.id)
    _sides(report)
    _photos(data, report)
    _twins(data, report)


def _bars(title: str, values: Mapping[str, int], key: str) -> None:
    """A histogram lying down, so that names find room on a telephone."""
    st.markdown(f"**{title}**")
    shown = dict(list(values.items())[:12])
    theme = st.context.theme.type or "light"
    chart = go.Figure(
        go.Bar(
            x=list(shown.values()),
            y=[name[0].upper() + name[1:] for name in shown],
            orientation="h",
            text=[f"{n:,}" for n in shown.values()],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            marker={"color": st.get_option(f"theme.{theme}.grayColor")},
            hoverinfo="skip",
        )
    )
    chart.update_yaxes(autorange="reversed", fixedrange=True)
    longest = max(shown.values(), default=1)
    chart.update_xaxes(visible=False, fixedrange=True, range=[0, 1.12 * longest])
    chart.update_layout(height=BAR * len(shown) + 16, margin={"l": 0, "r": 0, "t": 0, "b": 8})
    said = ", ".join(f"{name} {n:,}" for name, n in shown.items())
    st.plotly_chart(
        chart,
        width="stretch",
        config={"displayModeBar": False, "scrollZoom": False, "staticPlot": True},
        alt=f"{title}: {said}.",
        key=f"{title}-{key}",
    )


def _by_age(ages: Mapping[str, int]) -> dict[str, int]:
    """Ages in steps of twenty years, unknown ones last."""
    steps = {f"{low} to {low + 19}": 0 for low in range(0, 80, 20)} | {"80 and more": 0}
    unknown = 0
    for text, photos in ages.items():
        try:
            age = float(text)
        except ValueError:
            unknown += photos
        else:
            low = int(age) // 20 * 20
            steps["80 and more" if low >= 80 else f"{low} to {low + 19}"] += photos
    return steps | ({"Unknown": unknown} if unknown else {})


def _sides(report: Inspection) -> None:
    """Lesions and photos per diagnosis, and on which side of the split they fall."""
    rows = [
        {
            "Diagnosis": diagnosis(code).name,
            "Lesions": report.lesions[code],
            "Photos": report.diagnoses[code],
            **{side.capitalize(): report.sides.get(side, {}).get(code, 0) for side in SIDES},
        }
        for code in CODES
    ]
    st.markdown("**Where photos go**")
    st.dataframe(rows, hide_index=True, height="content")
    sources = ", ".join(f"{name} {n:,}" for name, n in report.sources.items() if name != "unknown")
    text = "A lesion's side follows from its patient or its id, and never changes."
    if sources:
        text += f" Photos by collection, as lesions' ids name it: {sources}."
    dated = f" {count(report.dated, 'photo')} with a known day." if report.dated else ""
    st.caption(markdown(text + dated))


def _photos(data: DataSet, report: Inspection) -> None:
    """A contact sheet of one diagnosis at a time."""
    there = [code for code in CODES if report.diagnoses[code]]
    if not there:
        return
    st.markdown("**Photos**")
    code = st.segmented_control(
        "Diagnosis",
        there,
        default=there[0],
        required=True,
        format_func=lambda one: diagnosis(one).name,
        label_visibility="collapsed",
        key=f"sheet-{data.id}",
    )
    total = report.diagnoses[code]
    starts = list(range(0, total, SHEET))[:10]
    start = 0
    if len(starts) > 1:
        start = st.segmented_control(
            "Photos shown",
            starts,
            default=0,
            required=True,
            format_func=lambda at: span(at, SHEET, total),
            label_visibility="collapsed",
            key=f"sheet-{data.id}-{code}",
        )
    try:
        table = data.table()
    except InvalidData as error:
        st.warning(str(error))
        return
    paths = list(table["path"][table["diagnosis"] == code])[start : start + SHEET]
    halves = (paths[: SHEET // 2], paths[SHEET // 2 :])
    for column, half in zip(st.columns(2), halves, strict=True):  # below each other on a telephone
        if half:
            column.image(
                sheet(tuple(half), data.created_on.isoformat()),
                width="stretch",
                alt=f"{count(len(half), 'photo')} of {diagnosis(code).name.lower()}",
            )


# What is erased is out of memory, too, within the hour.
@st.cache_data(show_spinner="Reading photos", max_entries=64, ttl=3600)
def sheet(paths: tuple[str, ...], _made: str) -> bytes:
    """Photos side by side as one WebP; one that cannot be read stays blank."""
    rows = -(-len(paths) // COLUMNS)
    gap = 4
    width, height = TILE
    tiles = Image.new("RGBA", (COLUMNS * (width + gap) - gap, rows * (height + gap) - gap))
    for place, path in enumerate(paths):
        try:
            with open(path, "rb") as file:
                picture = serving.decoder().read(file.read()).picture
        except (OSError, InvalidImage):
            continue
        picture.thumbnail(TILE)
        left = place % COLUMNS * (width + gap) + (width - picture.width) // 2
        top = place // COLUMNS * (height + gap) + (height - picture.height) // 2
        tiles.paste(picture, (left, top))
    return _webp(tiles)


def _webp(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=85)
    return file.getvalue()


def _twins(data: DataSet, report: Inspection) -> None:
    """Pairs of photos that look the same though their lesions differ."""
    st.markdown("**Photos that look the same**")
    st.caption(_twin_words(report))
    if not report.twins:
        return
    starts = list(range(0, len(report.twins), TWINS))[:10]
    start = 0
    if len(starts) > 1:
        start = st.segmented_control(
            "Pairs shown",
            starts,
            default=0,
            required=True,
            format_func=lambda at: span(at, TWINS, len(report.twins)),
            label_visibility="collapsed",
            key=f"twins-{data.id}",
        )
    try:
        table = data.table()
    except InvalidData:
        return
    known = dict(zip(table["image"], table["path"], strict=True))
    with st.container(horizontal=True, gap="medium"):
        for pair in report.twins[start : start + TWINS]:
            paths = tuple(known.get(image, "") for image in pair.images)
            with st.container(width=310, gap="xsmall"):
                st.image(pair_picture(paths), width="stretch", alt="Two photos that look the same")
                st.caption(_pair_words(pair, named=data.kind != "clinic"))
    if data.kind != "clinic":
        st.download_button(
            "All pairs as CSV",
            lambda: pairs_csv(report.twins),
            "pairs.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            key=f"pairs-{data.id}",
        )


def _twin_words(report: Inspection) -> str:
    parts = []
    if report.twin_count:
        parts.append(
            f"{count(report.twin_count, 'pair')} of two lesions, {report.leaks} of them on two"
            " sides of the split."
        )
    else:
        parts.append("No two lesions share one.")
    if report.repeats:
        parts.append(f"{count(report.repeats, 'pair')} of one lesion, which does no harm.")
    parts += [
        f"{count(n, 'photo')} also in {markdown(_name(other))}."
        for other, n in report.across.items()
    ]
    return " ".join(parts) + " Copies that were cropped or turned are not found."


def _name(data_set: str) -> str:
    found = DataSet.read(serving.datasets() / data_set)
    return "a data set that was deleted" if found.fault else found.name


def _pair_words(pair: Pair, *, named: bool) -> str:
    one, two = (diagnosis(code).name for code in pair.diagnoses)
    text = f"{one} · {pair.sides[0]}, {two.lower()} · {pair.sides[1]}"
    return f"{markdown(' / '.join(pair.images))}  \n{text}" if named else text


@st.cache_data(show_spinner=False, max_entries=128, ttl=3600)
def pair_picture(paths: tuple[str, ...]) -> bytes:
    """Two photos beside each other."""
    tiles = []
    for path in paths:
        tile = Image.new("RGBA", TILE)
        try:
            with open(path, "rb") as file:
                picture = serving.decoder().read(file.read()).picture
            picture.thumbnail(TILE)
            tile.paste(picture, (0, 0))
        except (OSError, InvalidImage):
            pass
        tiles.append(np.asarray(tile))
    return _webp(Image.fromarray(np.concatenate(tiles, axis=1)))


def pairs_csv(pairs: Sequence[Pair]) -> bytes:
    """The pairs as CSV; no cell can run as a formula in a spreadsheet."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("image", "other_image", "diagnosis", "other_diagnosis", "side", "other_side"))
    for pair in pairs:
        writer.writerow(map(safe_cell, (*pair.images, *pair.diagnoses, *pair.sides)))
    return file.getvalue().encode()
