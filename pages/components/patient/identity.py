"""Who a patient and which a lesion is, in the words of every screen. Texts are safe in Markdown."""

from pages.components.frame.words import markdown
from records.clinic.lesions import Lesion
from records.clinic.patients import Patient

SEXES = {"female": "Female", "male": "Male", "other": "Other", "unknown": "Not known"}
PHOTOTYPES = ("I", "II", "III", "IV", "V", "VI")
NO_SITE = "Site not known"


def patient(known: Patient) -> str:
    """A patient by two identifiers at least, as 4711, born 1958, female."""
    return markdown(plain_patient(known))


def plain_patient(known: Patient) -> str:
    """The same where no Markdown is understood."""
    fields = known.fields
    year = f"born {fields.year_of_birth}" if fields.year_of_birth else "year of birth not known"
    parts = [fields.clinic_id, fields.name, year]
    if fields.sex != "unknown":
        parts.append(SEXES[fields.sex].lower())
    return ", ".join(part for part in parts if part)


def lesion(known: Lesion) -> str:
    """A lesion by its label and where it is, as Lesion B, lower extremity."""
    return markdown(plain_lesion(known))


def plain_lesion(known: Lesion) -> str:
    """The same where no Markdown is understood."""
    return f"Lesion {known.fields.label}, {site(known.fields.site).lower()}"


def site(name: str) -> str:
    """A body site of ISIC's."""
    return name.capitalize() or NO_SITE
