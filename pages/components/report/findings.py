"""What a lesion's report says, as blocks: the same words and numbers as on the screens."""

from pages.components.examination import differential
from pages.components.frame import words
from pages.components.frame.words import count
from pages.components.patient import confirming, identity, planning
from pages.components.report import provenance, visitlog
from pages.components.report.visitlog import LARGE, Material
from records.reports.blocks import (
    Beside,
    Block,
    Facts,
    Heading,
    Notice,
    Picture,
    Pictures,
    Share,
    Shares,
    Text,
)
from records.reports.sheet import Sheets
from skinmodel import evidence, sentences
from skinmodel.analysis import Analysis
from skinmodel.diagnoses import UNKNOWN
from skinmodel.evidence import Stated
from skinmodel.export import DISCLAIMER, long_date, output_diagnosis, refusal


def sheets(material: Material) -> Sheets:
    """The whole report."""
    page, at = material.page, material.made_at.astimezone()
    patient = page.patient.fields
    year = f", born {patient.year_of_birth}" if patient.year_of_birth else ""
    whose = f"Patient {patient.clinic_id}{year}. {identity.plain_lesion(page.lesion)}"
    return Sheets(
        title=f"Report on {identity.plain_lesion(page.lesion)}",
        whose=whose,
        made=f"Lesion report, {long_date(at.date())}",
        notice=DISCLAIMER,
        blocks=(
            Text("Lesion report", "title"),
            *_identity(material),
            *_warnings(material),
            *_assessment(material),
            *_earlier(material),
            *material.changes,
            *visitlog.visits(material),
            *provenance.model(material),
            *provenance.origin(material.page, material.analysis),
        ),
    )


def _identity(material: Material) -> tuple[Block, ...]:
    page, at = material.page, material.made_at.astimezone()
    patient, lesion = page.patient.fields, page.lesion.fields
    days = [one.visit.fields.day for one in page.visits if one.visit.fields.day]
    period = (
        " to ".join(dict.fromkeys([long_date(min(days)), long_date(max(days))])) if days else ""
    )
    rows = (
        ("Patient", patient.clinic_id),
        ("Name", patient.name if material.with_name else ""),
        ("Born", str(patient.year_of_birth or "not known")),
        ("Sex", identity.SEXES[patient.sex]),
        ("Phototype", identity.PHOTOTYPES[patient.phototype - 1] if patient.phototype else ""),
        ("Lesion", lesion.label),
        ("Body site", identity.site(lesion.site)),
        ("Visits", f"{len(page.visits)}{f', {period}' if period else ''}"),
        ("Excised", long_date(lesion.excised_on)),
        ("Report made", f"{long_date(at.date())}, {at:%H:%M}, by {material.made_by}"),
    )
    confirmed = next((one for one in page.confirmations if one.current), None)
    plan = next((one for one in page.plans if one.current), None)
    decided = (
        ("History", lesion.history),
        (
            "Confirmed diagnosis",
            confirming.plain_words(confirmed) if confirmed else "None yet",
        ),
        ("Plan", _capital(planning.plain_words(plan)) if plan else "None yet"),
    )
    return Facts(rows, columns=2), Facts(decided)


def _warnings(material: Material) -> tuple[Block, ...]:
    """Everything that was ever warned of, of the result and of the photos."""
    said: list[str] = []
    assessment, analysis = material.assessment, material.analysis
    if assessment and assessment.outdated:
        said.append(f"The assessment is outdated: {' '.join(assessment.outdated)}")
    if assessment and assessment.gone:
        said.append("Photos that the assessment used are no longer on this lesion.")
    if assessment and analysis:
        said += sentences.together(analysis.warnings)
        stated = Stated(**assessment.result.more.get("stated", {}))
        outside = evidence.notice(material.card, stated) if material.card else None
        said += [outside] if outside else []
    for one in material.page.visits:
        day = long_date(one.visit.fields.day) or "day not known"
        for place, photo in enumerate(one.photos, start=1):
            named = f"Photo of {day}" if len(one.photos) == 1 else f"Photo {place} of {day}"
            said += [f"{named}: {text}" for text in (*photo.warnings, photo.fault) if text]
    said += material.faults
    return tuple(Notice(text) for text in dict.fromkeys(said))


def _assessment(material: Material) -> tuple[Block, ...]:
    assessment, analysis = material.assessment, material.analysis
    if assessment is None or analysis is None:
        return Heading("Assessment"), Text("This lesion was not analysed.")
    made = assessment.result.made_at.astimezone().date()
    by = material.names.get(assessment.account_id, "somebody")
    basis = (
        f"From {count(len(analysis.photos), 'photo')} of {count(len(analysis.visits), 'visit')}."
        f" Model {analysis.model_version}, analysed on {long_date(made)}, saved by {by}."
    )
    head = Heading(f"Assessment of {long_date(made)}")
    if why := refusal(analysis):
        strange = " ".join(sentences.strangeness(analysis))
        photo = _photo(material, analysis)
        return head, Notice(f"{why} {strange}"), *photo, Text(f"{basis} {DISCLAIMER}.", "small")
    rows = tuple(
        Share(row.diagnosis.name, row.diagnosis.behaviour, row.diagnosis.code, row.probability,
              row.text)
        for row in differential.ranked(analysis, -1)
    )  # fmt: skip
    right: list[Block] = [Shares(rows)]
    if len(analysis.codes) > 1:
        total = words.percent(float(analysis.malignancy[-1]))
        right.append(Text(f"Malignant in total {total}", "strong"))
    for label, said in (
        ("", sentences.alert(analysis)),
        ("Prediction set: ", sentences.prediction_set(analysis)),
    ):
        if said:
            right.append(Text(f"{label}{said[0]}", "strong"))
            right += [Text(text, "small") for text in said[1:]]
    right.append(Text(f"{sentences.mix(analysis)} {basis} {DISCLAIMER}.", "small"))
    right += [Text(note, "small") for note in analysis.notes]
    left = _photo(material, analysis)
    return head, Beside(left, tuple(right)) if left else Beside((), tuple(right), 0.0)


def _photo(material: Material, analysis: Analysis) -> tuple[Block, ...]:
    """The newest photo, and its heat map for the leading diagnosis."""
    for index in reversed(range(len(analysis.photos))):
        photo = analysis.photos[index]
        picture = material.pictures.get(photo.sha256)
        if picture is None:
            continue
        day = long_date(photo.taken_on) or "Day not known"
        found = [Picture(visitlog.encoded(picture, LARGE), day)]
        if len(analysis.maps) and analysis.assessed:
            found.append(visitlog.heat(analysis, index, picture, LARGE))
        return (Pictures(tuple(found), columns=1),)
    return ()


def _earlier(material: Material) -> tuple[Block, ...]:
    """Diagnoses that were corrected, and what was thought before the result was shown."""
    page = material.page
    found: list[Block] = []
    following = {one.replaces_id: one for one in page.confirmations}
    corrected = [one for one in page.confirmations if not one.current and one.id in following]
    for place, one in enumerate(corrected):
        by = following[one.id]
        day = long_date(by.at.astimezone().date())
        before = confirming.plain_words(one)
        found += [] if place else [Heading("Corrected diagnoses")]
        found.append(Text(f"Until {day}: {before}. Corrected because: {by.fields.reason}"))
    impression = material.assessment.impression if material.assessment else None
    if impression:
        known = impression.code != UNKNOWN
        name = output_diagnosis(impression.code).name if known else "None of the eight diagnoses"
        sure = f", {impression.confidence} % sure" if impression.confidence is not None else ""
        note = f" {impression.note}" if impression.note else ""
        found += [
            Heading("The clinician's impression before the result"),
            Text(f"{name}{sure}.{note}"),
        ]
    return tuple(found)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
