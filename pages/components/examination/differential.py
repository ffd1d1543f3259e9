"""The ranked diagnoses as every screen shows them: name, share, and how the lesion behaves."""

from dataclasses import dataclass

from pages.components.frame.words import percent
from skinmodel.analysis import Analysis
from skinmodel.diagnoses import Diagnosis
from skinmodel.export import output_diagnosis

# Shapes, so that nothing depends on colour; drawn alike in the viewer and in the trend.
MARKS = {"malignant": "triangle-up", "pre-malignant": "diamond", "benign": "circle-open"}
# Names of the theme's colours, set for light and dark in .streamlit/config.toml.
COLOURS = {"malignant": "redColor", "pre-malignant": "yellowColor", "benign": "grayColor"}


@dataclass(frozen=True)
class Row:
    """One diagnosis with its probability; `text` is the probability as shown."""

    diagnosis: Diagnosis
    probability: float
    text: str


def ranked(analysis: Analysis, visit: int, *, alone: bool = False) -> tuple[Row, ...]:
    """The diagnoses after a visit, likeliest first; `alone` counts that visit's photos only."""
    shares = (analysis.alone if alone else analysis.probabilities)[visit]
    rows = (
        Row(output_diagnosis(code), float(share), percent(float(share)))
        for code, share in zip(analysis.codes, shares, strict=True)
    )
    return tuple(sorted(rows, key=lambda row: -row.probability))
