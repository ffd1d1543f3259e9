"""What the browser draws itself: HTML, CSS and script that lie beside a module."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

HEAT = Path(__file__).with_name("heat.js")


def component(module: str, *, heat: bool = False) -> Callable[..., Any]:
    """The streamlit component of a module, given by its `__file__`, from the files of its name.

    With `heat`, its script begins with what all scripts that show photos share.
    """
    file = Path(module)
    beside = {kind: file.with_suffix(f".{kind}") for kind in ("html", "css", "js")}
    sources = {kind: path.read_text("utf-8") for kind, path in beside.items() if path.exists()}
    if heat:
        sources["js"] = HEAT.read_text("utf-8") + sources["js"]
    return st.components.v2.component(f"dermtrace.{file.stem}", **sources)
