"""An analysis for other programs and for paper: values for JSON, rows for CSV, overlays as PNG."""

import csv
import datetime
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from skinmodel import sentences
from skinmodel.analysis import Analysis
from skinmodel.diagnoses import CODES, Diagnosis, diagnosis
from skinmodel.inferno import colour_table
from skinmodel.transforms import Box
from skinmodel.unknown import THRESHOLD

DISCLAIMER = "Decision support, not a diagnosis"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Remark = tuple[str, str]  # a file's name, and what is to be known about it
MALIGNANT_OUTPUT = Diagnosis("MALIGNANT", "Malignant lesion", "malignant")


def output_diagnosis(code: str) -> Diagnosis:
    """What an output stands for: one of the eight, or a binary model's only one."""
    return MALIGNANT_OUTPUT if code == MALIGNANT_OUTPUT.code else diagnosis(code)


def long_date(day: datetime.date | None) -> str:
    """A date as 12 Mar 2025, whatever the computer's language; nothing for no date."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}" if day else ""


def ranked(analysis: Analysis, visit: int = -1) -> list[tuple[Diagnosis, float]]:
    """The differential after a visit, most probable first."""
    row = analysis.probabilities[visit]
    order = np.argsort(-row, kind="stable")
    return [(output_diagnosis(analysis.codes[i]), float(row[i])) for i in order]


def _without(analysis: Analysis, visit: int, shown: bool) -> dict[str, float] | None:
    """The probabilities after the last visit, had this one not been there; None if not known."""
    if not shown or not len(analysis.without_each):
        return None
    return dict(zip(analysis.codes, analysis.without_each[visit].tolist(), strict=True))


def caption(analysis: Analysis, output: int, photo: int | None = None) -> str:
    """What stands under a heat map."""
    name = output_diagnosis(analysis.codes[output]).name
    if not analysis.highlights(output, photo):
        return f"No highlighted region for {name}."
    return f"Regions that raised the score for {name}. Coarse; not an outline or a biopsy guide."


def refusal(analysis: Analysis) -> str | None:
    """Why a result is withheld, and what that does not mean; None for a result to be shown."""
    strange = [i for i, far in enumerate(analysis.unknown_by_photo, 1) if far > THRESHOLD]
    if not strange:
        return None
    if len(analysis.photos) == 1:
        what = "this does not look like a dermoscopic photo"
    elif len(strange) == 1:
        what = f"photo {strange[0]} does not look like a dermoscopic photo"
    else:
        some = f"{', '.join(map(str, strange[:-1]))} and {strange[-1]}"
        what = f"photos {some} do not look like dermoscopic photos"
    said = f"Not assessed: {what} of one of the eight diagnoses."
    if len(strange) < len(analysis.photos):
        said += f" The others can be assessed without {'it' if len(strange) == 1 else 'them'}."
    return f"{said} This says nothing about whether the lesion is harmless."


def to_dict(
    analysis: Analysis,
    *,
    notices: Sequence[str] = (),
    remarks: Sequence[Remark] = (),
    refused: Sequence[Remark] = (),
    anyway: bool = False,
    drawn: bool = False,
) -> dict[str, Any]:
    """The analysis without pictures and maps, as plain values for JSON; dates are ISO 8601.

    `notices` are what else stands beside the result, `remarks` the warnings about single photos,
    `refused` the files that were not read and why. Of a result that is not assessed the numbers
    are left out, unless they are wanted `anyway`, and it has no set and no alert. One of `drawn`
    lesions has all of them, for practice.
    """
    codes = analysis.codes
    shown = analysis.assessed or anyway or drawn

    def numbers(row: NDArray[np.float64], malignant: float) -> dict[str, float] | None:
        by_code = {code: float(value) for code, value in zip(codes, row, strict=True)}
        return by_code | {"malignancy": float(malignant)} if shown else None

    return {
        "model_version": analysis.model_version,
        "model_sha256": analysis.model_sha256,
        "notice": DISCLAIMER,
        "prior": analysis.prior,
        "case_mix": analysis.case_mix.to_dict() if analysis.case_mix else None,
        "prior_statement": sentences.mix(analysis),
        "differential": [
            {"code": d.code, "name": d.name, "behaviour": d.behaviour, "probability": probability}
            for d, probability in (ranked(analysis) if shown else ())
        ],
        "malignancy": float(analysis.malignancy[-1]) if shown else None,
        "assessed": analysis.assessed,
        "not_assessed_because": None if drawn else refusal(analysis),
        "unknown": analysis.unknown,
        "prediction_set": _set(analysis, -1, drawn),
        "prediction_set_statement": " ".join(sentences.prediction_set(analysis, drawn=drawn)),
        "alert": _alert(analysis, -1, drawn),
        "alert_statement": " ".join(sentences.alert(analysis, drawn=drawn)),
        "visits": [
            {
                "date": visit.taken_on.isoformat() if visit.taken_on else None,
                "photos": [_photo(analysis, i) for i in visit.photos],
                "all_photos_up_to_this_visit": numbers(
                    analysis.probabilities[t], analysis.malignancy[t]
                ),
                "prediction_set": _set(analysis, t, drawn),
                "alert": _alert(analysis, t, drawn),
                "this_visit_alone": numbers(analysis.alone[t], analysis.malignancy_alone[t]),
                "last_visit_without_this": _without(analysis, t, shown),
            }
            for t, visit in enumerate(analysis.visits)
        ],
        "left_out": [{"name": photo.name, "sha256": photo.sha256} for photo in analysis.left_out],
        "no_highlighted_region": [
            code for k, code in enumerate(codes[: len(analysis.maps)]) if not analysis.highlights(k)
        ],
        "warnings": [*notices, *analysis.warnings],
        "photo_warnings": [{"name": name, "warning": text} for name, text in remarks],
        "refused": [{"name": name, "reason": text} for name, text in refused],
        "notes": list(analysis.notes),
        "seconds": dict(analysis.timings),
    }


def _photo(analysis: Analysis, index: int) -> dict[str, Any]:
    photo = analysis.photos[index]
    far = float(analysis.unknown_by_photo[index]) if analysis.unknown is not None else None
    return {"name": photo.name, "sha256": photo.sha256, "unknown": far}


def _set(analysis: Analysis, visit: int, drawn: bool) -> list[str] | None:
    if analysis.set_rule is None or not (analysis.assessed or drawn):
        return None
    return list(analysis.prediction_sets[visit])


def _alert(analysis: Analysis, visit: int, drawn: bool) -> str | None:
    if analysis.alert_line is None or not (analysis.assessed or drawn):
        return None
    return "above" if analysis.alerts[visit] else "below"


def to_csv(
    analysis: Analysis,
    *,
    notices: Sequence[str] = (),
    remarks: Sequence[Remark] = (),
    anyway: bool = False,
    drawn: bool = False,
) -> str:
    """The analysis as CSV: two rows a visit, of all photos up to it and of its photos alone.

    What is left out of a result that is not assessed is blank; see `to_dict`.
    """
    shown = analysis.assessed or anyway or drawn
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")  # RFC 4180
    malignancy = ("malignancy",) if analysis.codes == CODES else ()
    said = None if drawn else refusal(analysis)
    warnings = [*([said] if said else []), *notices, *analysis.warnings]
    warnings += [f"{name}: {text}" for name, text in remarks]
    far = "" if analysis.unknown is None else repr(analysis.unknown)
    made_by = analysis.prior, safe_cell(analysis.model_version), DISCLAIMER
    head = ("visit", "date", "photos", "from", *analysis.codes, *malignancy, "unknown")
    calls = ("prediction_set", "alert")
    writer.writerow((*head, *calls, "prior", "model_version", "notice", "warnings"))
    all_said = safe_cell(" ".join(warnings))
    for t, visit in enumerate(analysis.visits):
        names = "; ".join(analysis.photos[i].name for i in visit.photos)
        day = visit.taken_on.isoformat() if visit.taken_on else ""
        called = "; ".join(_set(analysis, t, drawn) or ()), _alert(analysis, t, drawn) or ""
        for source, row, summed, call in (
            (
                "all photos up to this visit",
                analysis.probabilities[t],
                analysis.malignancy[t],
                called,
            ),
            ("this visit alone", analysis.alone[t], analysis.malignancy_alone[t], ("", "")),
        ):
            values = [repr(float(value)) for value in row]
            values += [repr(float(summed))] if malignancy else []
            values = [*(values if shown else [""] * len(values)), far, *call]
            writer.writerow((t + 1, day, safe_cell(names), source, *values, *made_by, all_said))
    return file.getvalue()


def safe_cell(text: str) -> str:
    """A cell that a spreadsheet shows as text and never runs as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def overlay(
    picture: Image.Image, heat: NDArray[np.float32], frame: Box, *, opacity: float = 0.6
) -> Image.Image:
    """A picture with a heat map (h, w) in [0, 1] laid over the box it covers.

    The heat is smoothly enlarged, and its colour covers the picture by its own value times
    `opacity`: as on the page.
    """
    left, top, right, bottom = (round(edge) for edge in frame)
    size = max(1, right - left), max(1, bottom - top)
    coarse = Image.fromarray(np.ascontiguousarray(heat, dtype=np.float32))
    smooth = np.clip(np.asarray(coarse.resize(size, Image.Resampling.BICUBIC)), 0, 1)
    colours = np.array(colour_table(), dtype=np.uint8)[np.rint(smooth * 255).astype(np.uint8)]
    cover = Image.fromarray(np.rint(smooth * opacity * 255).astype(np.uint8))
    blended = picture.convert("RGB")
    blended.paste(Image.fromarray(colours), (left, top), cover)
    return blended


def overlay_png(
    analysis: Analysis,
    output: int,
    photo: int,
    *,
    opacity: float = 0.6,
    remarks: Sequence[str] = (),
    drawn: bool = False,
) -> bytes:
    """A photo's heat map for one diagnosis as PNG, with its caption and the notice below it.

    `remarks` are warnings about this photo; they stand there too.
    """
    subject = analysis.photos[photo]
    picture = subject.picture.convert("RGB")
    if analysis.highlights(output, photo):
        heat = analysis.maps[output, photo]
        picture = overlay(picture, heat, analysis.frames[photo], opacity=opacity)
    texts = {
        "Title": caption(analysis, output, photo),
        "Software": f"Model {analysis.model_version}",
        "Disclaimer": DISCLAIMER,
    }
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    file = io.BytesIO()
    said = None if drawn else refusal(analysis)
    footer = (
        *([said] if said else []),
        texts["Title"],
        *remarks,
        f"{texts['Software']}. {DISCLAIMER}.",
    )
    _with_footer(picture, " ".join(footer)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def _with_footer(picture: Image.Image, text: str) -> Image.Image:
    size = max(11, picture.width // 45)
    font = ImageFont.load_default(size)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > picture.width - 2 * size:
            lines.append(word)
        else:
            lines[-1] = longer
    step = round(size * 1.4)
    sheet = Image.new("RGB", (picture.width, picture.height + step * len(lines) + size), "white")
    sheet.paste(picture, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for row, line in enumerate(lines):
        draw.text((size, picture.height + size // 2 + row * step), line, fill="black", font=font)
    return sheet
