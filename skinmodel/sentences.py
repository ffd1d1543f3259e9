"""What a result says in words: its mix, its prediction set, its alert line, what is strange."""

import re
from collections.abc import Sequence
from itertools import accumulate

from skinmodel.alert import AlertLine
from skinmodel.analysis import Analysis
from skinmodel.diagnoses import CODES, diagnosis
from skinmodel.unknown import KEEP, THRESHOLD

NUMBERED = re.compile(r"Photo (\d+) (.+)", re.DOTALL)
UNUSUAL = f"{KEEP:.0%}".replace("%", " %")
MIXES = {
    "training": "Probabilities at the training mix, not your clinic's.",
    "balanced": "Probabilities as if all diagnoses were equally common.",
    "clinic": "Probabilities at this clinic's case mix.",
}


def mix(analysis: Analysis) -> str:
    """Which mix of diagnoses the shown probabilities assume."""
    return MIXES[analysis.prior]


def strangeness(analysis: Analysis) -> tuple[str, ...]:
    """Why a result is not assessed: a sentence for each photo that is the reason."""
    named = len(analysis.photos) > 1
    return tuple(
        f"{photo.name if named else 'This photo'} is further from the photos the model was trained"
        f" on than {UNUSUAL} of real lesions are (score {score:.2f}; the line is {THRESHOLD:g})."
        for photo, score in zip(analysis.photos, analysis.unknown_by_photo, strict=False)
        if score > THRESHOLD
    )


def prediction_set(analysis: Analysis, visit: int = -1, *, drawn: bool = False) -> tuple[str, ...]:
    """The diagnoses of a visit's set, and how such sets did in testing; empty without a set.

    A result that is not assessed has none, unless it is of `drawn` lesions, for practice.
    """
    if analysis.set_rule is None or not (analysis.assessed or drawn):
        return ()
    said = f"{one_of(analysis.prediction_sets[visit])}."
    tested = analysis.set_rule.test(_photos(analysis, visit))
    if tested is None:
        return said, "Such sets were not tested."
    worth = f"In testing, {tested.contained} of {tested.cases} such sets contained the diagnosis"
    if tested.melanomas:
        worth += f"; for melanoma {tested.melanomas_contained} of {tested.melanomas}"
    return said, f"{worth}."


def one_of(codes: Sequence[str]) -> str:
    """Diagnoses as one choice: Melanoma, benign keratosis or dermatofibroma."""
    if len(codes) == len(CODES):
        return "Any of the eight diagnoses"
    names = [diagnosis(code).name.lower() for code in codes]
    said = " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return said[0].upper() + said[1:]


def alert(analysis: Analysis, visit: int = -1, *, drawn: bool = False) -> tuple[str, ...]:
    """Where a visit lies, as "Above the alert line.", and what that was worth in testing.

    Empty without a line; a refused result is never called below it.
    """
    line = analysis.alert_line
    if line is None or not (analysis.assessed or drawn):
        return ()
    where = f"{'Above' if analysis.alerts[visit] else 'Below'} the alert line."
    worth = _worth(line, _photos(analysis, visit), above=analysis.alerts[visit])
    if analysis.prior != "training":
        worth += " The line is drawn at the training mix, whatever mix is shown."
    return where, worth


def together(warnings: Sequence[str]) -> tuple[str, ...]:
    """Warnings of numbered photos, each said once: "Photo 2 is blurred. Also photos 4 to 9."."""
    numbers: dict[str, list[int]] = {}
    for warning in dict.fromkeys(warnings):
        numbered = NUMBERED.fullmatch(warning)
        text, photo = (numbered[2], [int(numbered[1])]) if numbered else (warning, [])
        numbers.setdefault(text, []).extend(photo)
    return tuple(_of_photos(text, photos) for text, photos in numbers.items())


def _of_photos(text: str, photos: Sequence[int]) -> str:
    if not photos:
        return text
    others = photos[1:]
    also = f" Also photo{'s' * (len(others) > 1)} {_listed(others)}." if others else ""
    return f"Photo {photos[0]} {text}{also}"


def _listed(numbers: Sequence[int]) -> str:
    """Rising numbers as "2, 4 and 6 to 9"."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    named: list[str] = []
    for span in spans:
        whole = len(span) > 2
        named += [f"{span[0]} to {span[-1]}"] if whole else [str(number) for number in span]
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))


def _worth(line: AlertLine, photos: int, *, above: bool) -> str:
    tested = line.test(photos)
    if above:
        if tested is None:
            return "How often benign lesions lie there was not tested."
        malignant = tested.malignant - tested.malignant_below
        return (
            f"In testing {malignant} of {tested.malignant} malignant lesions and"
            f" {tested.benign - tested.benign_below} of {tested.benign} others were above it."
        )
    if tested is None or not tested.melanomas:
        return "This does not exclude malignancy."
    return (
        f"In testing {tested.melanomas_below} of {tested.melanomas} melanomas also fell below it;"
        " this does not exclude malignancy."
    )


def _photos(analysis: Analysis, visit: int) -> int:
    """How many photos a visit's running result is from."""
    return list(accumulate(len(one.photos) for one in analysis.visits))[visit]
