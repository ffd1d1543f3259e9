"""For whom a model was never tested: what its card says lies outside its evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

PHOTOTYPES = ("I", "II", "III", "IV", "V", "VI")  # Fitzpatrick's
SITES = ("head or neck", "trunk", "arm or leg", "palm", "sole", "nail", "mucosa")
ENTRY = "outside_evidence"  # the card's
UNSAID = "This model's card does not say for whom it was tested."


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What a clinician says of a patient's skin and of the lesion's place; all of it optional."""

    phototype: str | None = None
    site: str | None = None
    age: int | None = None

    def words(self) -> str:
        """What was stated, as phototype II, trunk, 45 years; empty if nothing was."""
        parts = (
            f"phototype {self.phototype}" if self.phototype else "",
            self.site or "",
            "" if self.age is None else f"{self.age} year{'' if self.age == 1 else 's'}",
        )
        return ", ".join(filter(None, parts))


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What lies outside a model's evidence: phototypes, body sites, and ages under `under_age`."""

    phototypes: tuple[str, ...]
    sites: tuple[str, ...]
    under_age: int

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Self | None:
        """The limits that a card states; None where it states none or cannot be understood."""
        entry = card.get(ENTRY)
        if not isinstance(entry, Mapping):
            return None
        phototypes, sites = entry.get("phototypes"), entry.get("sites")
        under_age = entry.get("under_age")
        if not (isinstance(phototypes, list) and all(one in PHOTOTYPES for one in phototypes)):
            return None
        if not (isinstance(sites, list) and all(one in SITES for one in sites)):
            return None
        if type(under_age) is not int:
            return None
        return cls(phototypes=tuple(phototypes), sites=tuple(sites), under_age=under_age)

    def crossed(self, stated: Stated) -> tuple[str, ...]:
        """What of the stated lies outside, in words."""
        found: tuple[str, ...] = ()
        if stated.phototype in self.phototypes:
            found += (f"phototype {stated.phototype}",)
        if stated.site in self.sites:
            found += (str(stated.site),)
        if stated.age is not None and stated.age < self.under_age:
            found += (f"age under {self.under_age}",)
        return found


def notice(card: Mapping[str, Any], stated: Stated) -> str:
    """What must stand beside a result about such a patient; empty where nothing must."""
    limits = Limits.from_card(card)
    if limits is None:
        return UNSAID if stated != Stated() else ""
    crossed = limits.crossed(stated)
    if not crossed:
        return ""
    return (
        f"Outside this model's evidence: {', '.join(crossed)}."
        " Its probabilities and tested figures do not hold here."
    )
