"""Plain JSON values back to the values that frozen dataclasses hold."""

from collections.abc import Mapping
from typing import Any


def tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values with every list, also inside lists, as a tuple."""
    return {name: _tuple(value) for name, value in values.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(one) for one in value) if isinstance(value, list) else value
