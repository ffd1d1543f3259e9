"""Saves photos of a lesion, and what the model said of them, in one transaction: all or nothing.

The files are stored first. If anything fails after that, what is left over are files that nothing
refers to, which the next tidying removes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import select

from records import audit, lookup, receipts
from records.access.actors import CLINICIAN, Actor
from records.clinic import assessments, photos, visits
from records.clinic.assessments import Assessment, Result
from records.clinic.confirmations import Confirmation
from records.clinic.confirmations import of_lesion as confirmations_of
from records.clinic.impressions import Impression
from records.clinic.impressions import of_lesion as impressions_of
from records.clinic.lesions import Lesion, read_lesion
from records.clinic.outlines import DrawnOutline
from records.clinic.outlines import of_lesion as outlines_of
from records.clinic.patients import Patient, read_patient, remember
from records.clinic.photos import NewPhoto, Photo, read_photos
from records.clinic.plans import Plan
from records.clinic.plans import of_lesion as plans_of
from records.clinic.scales import MarkedScale
from records.clinic.scales import of_lesion as scales_of
from records.clinic.visits import Visit, VisitFields, read_visit
from records.database import Database
from records.keeping.store import Store
from records.tables import PhotoRow, VisitRow


@dataclass(frozen=True)
class NewVisit:
    """Photos of one day, taken in one way. A visit of that day and way is joined, not doubled."""

    fields: VisitFields
    photos: tuple[NewPhoto, ...]


@dataclass(frozen=True)
class Saved:
    """What a save has made; `already` are sentences about photos that were on the lesion."""

    photo_ids: tuple[str, ...]
    assessment_id: str | None
    already: tuple[str, ...]


@dataclass(frozen=True)
class VisitPhotos:
    """A visit and its photos, in the order they were added."""

    visit: Visit
    photos: tuple[Photo, ...]


@dataclass(frozen=True)
class LesionPage:
    """All of one lesion: visits in time order, the undated last, everything else oldest first."""

    patient: Patient
    lesion: Lesion
    visits: tuple[VisitPhotos, ...]
    assessments: tuple[Assessment, ...]
    impressions: tuple[Impression, ...]
    confirmations: tuple[Confirmation, ...]
    plans: tuple[Plan, ...]
    outlines: tuple[DrawnOutline, ...]
    scales: tuple[MarkedScale, ...]


def save(
    database: Database,
    store: Store,
    *,
    actor: Actor,
    lesion_id: str,
    new: Sequence[NewVisit] = (),
    result: Result | None = None,
    maps: bytes | None = None,
    impression_id: str | None = None,
    although_known: bool = False,
    save_key: str,
) -> Saved:
    """Adds visits, photos and an assessment to a lesion, whichever are given.

    Photos that are on the lesion already are left where they are, and named in `already`; the
    result may use them. KnownPhoto asks about photos kept elsewhere: `although_known=True` is yes.
    InvalidRecord names fields that cannot be saved. Saving the same form again gives what it made.
    """
    actor.require(CLINICIAN)
    content = {
        "form": "series",
        "lesion": lesion_id,
        "visits": [[asdict(one.fields), [photo.plain() for photo in one.photos]] for one in new],
        "result": asdict(result) if result else None,
        "impression": impression_id,
    }
    pictures = [photo for one in new for photo in one.photos]
    with database.read() as session:  # refuse before anything is written
        lookup.lesion(session, lesion_id)
        for one in new:
            visits.check(database, session, lesion_id=lesion_id, fields=one.fields)
        if not although_known and not receipts.earlier(
            session, actor=actor, key=save_key, content=content
        ):
            for photo in pictures:
                if not photos.on_lesion(session, lesion_id, photo.sha256):
                    photos.refuse_known(session, lesion_id, photo.sha256)
    for photo in pictures:
        store.put(photo.data)
    if maps:
        store.put(maps)
    with database.write() as session:
        lesion = lookup.lesion(session, lesion_id)
        earlier = receipts.earlier(session, actor=actor, key=save_key, content=content)
        if earlier:
            return Saved(tuple(earlier["photos"]), earlier["assessment"], tuple(earlier["already"]))
        ids: list[str] = []
        already: list[str] = []
        for one in new:
            row = None
            for photo in one.photos:
                there = photos.on_lesion(session, lesion_id, photo.sha256)
                if there:
                    day = session.get_one(VisitRow, there.visit_id).day
                    already.append(f"{photo.name}: {photos.already(day)}")
                    continue
                row = row or visits.ensure(
                    database, session, actor=actor, lesion_id=lesion_id, fields=one.fields
                )
                ids.append(
                    photos.attach(
                        database,
                        session,
                        store,
                        actor=actor,
                        visit=row,
                        photo=photo,
                        although_known=although_known,
                    ).id
                )
        assessment = result and assessments.attach(
            database,
            session,
            store,
            actor=actor,
            lesion=lesion,
            result=result,
            maps=maps,
            impression_id=impression_id,
        )
        saved = Saved(tuple(ids), assessment.id if assessment else None, tuple(already))
        made = {"photos": ids, "assessment": saved.assessment_id, "already": already}
        receipts.keep(database, session, actor=actor, key=save_key, content=content, made=made)
        return saved


def page(
    database: Database, *, actor: Actor, lesion_id: str, model_sha256: str | None = None
) -> LesionPage:
    """All of one lesion. `model_sha256` is the model in use, to tell outdated assessments.

    NotFound for an id that is missing, deleted or guessed. Notes the look.
    """
    actor.require(CLINICIAN)
    with database.read() as session:
        lesion = lookup.lesion(session, lesion_id)
        rows = session.scalars(
            select(VisitRow)
            .where(VisitRow.lesion_id == lesion_id, VisitRow.deleted_at.is_(None))
            .order_by(VisitRow.day.is_(None), VisitRow.day, VisitRow.added_at, VisitRow.id)
        ).all()
        by_visit: dict[str, list[Photo]] = {row.id: [] for row in rows}
        for photo in read_photos(session, PhotoRow.lesion_id == lesion_id):
            if photo.visit_id in by_visit:  # a deleted visit's photos are hidden with it
                by_visit[photo.visit_id].append(photo)
        found = LesionPage(
            patient=read_patient(lookup.patient(session, lesion.patient_id)),
            lesion=read_lesion(lesion),
            visits=tuple(VisitPhotos(read_visit(row), tuple(by_visit[row.id])) for row in rows),
            assessments=tuple(assessments.of_lesion(session, lesion_id, model_sha256=model_sha256)),
            impressions=tuple(impressions_of(session, lesion_id)),
            confirmations=tuple(confirmations_of(session, lesion_id)),
            plans=tuple(plans_of(session, lesion_id)),
            outlines=tuple(outlines_of(session, lesion_id)),
            scales=tuple(scales_of(session, lesion_id)),
        )
    remember(database, actor, found.patient.id)
    audit.looked(database, actor=actor, kind="lesion viewed", object_id=lesion_id)
    return found
