"""Work done in another thread, with a time limit, while the page stands there."""

import logging
import secrets
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from pages.components import serving
from records.errors import RecordError
from skinmodel.deadline import Overdue, Progress
from skinmodel.images import InvalidImage

T = TypeVar("T")
log = logging.getLogger("dermtrace")


def run(work: Callable[[Progress], T], label: str) -> T | str:
    """What comes of it, or the sentence why nothing did; a bar says how far it is."""
    bar = st.progress(0.0, label)
    try:
        return serving.places().run(
            work, seconds=serving.limits().max_analysis_seconds, progress=bar.progress
        )
    except (RecordError, InvalidImage) as error:
        return str(error)
    except Overdue:
        return "This took too long. What is done so far is kept; please try again."
    except Exception:
        reference = secrets.token_hex(2).upper()
        log.exception("Reference %s: %s failed", reference, label)
        return f"Something failed on our side. Nothing was lost. Reference {reference}"
    finally:
        bar.empty()
