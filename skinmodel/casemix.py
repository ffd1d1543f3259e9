"""The clinic's case mix: how frequent each diagnosis is among the lesions it photographs."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from skinmodel.diagnoses import CODES, DIAGNOSES
from skinmodel.weights import replace_file

LEAST = 0.005  # a diagnosis held to be rarer could hardly ever be ranked first, whatever is seen


class InvalidCaseMix(ValueError):
    """The shares are no case mix; the text is one plain sentence."""


@dataclass(frozen=True)
class CaseMix:
    """The eight diagnoses' shares in their order: at least 0.005 each, 1 together."""

    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.shares) != len(CODES) or not all(
            isinstance(share, (int, float)) and math.isfinite(share) for share in self.shares
        ):
            raise InvalidCaseMix(f"A case mix needs a number for each of the {len(CODES)}.")
        for diagnosis, share in zip(DIAGNOSES, self.shares, strict=True):
            if share < LEAST - 1e-9:  # so much is lost in sums of decimals
                raise InvalidCaseMix(f"{diagnosis.name} must be at least {100 * LEAST:g} %.")
        if abs(sum(self.shares) - 1) > 1e-6:
            raise InvalidCaseMix(
                f"The shares must add up to 100 %, not {100 * sum(self.shares):.6g} %."
            )

    @classmethod
    def from_dict(cls, shares: Mapping[str, Any]) -> Self:
        """The case mix from its shares by code; InvalidCaseMix where a code is missing or odd."""
        if set(shares) != set(CODES):
            raise InvalidCaseMix(f"A case mix needs exactly {', '.join(CODES)}.")
        return cls(tuple(shares[code] for code in CODES))

    def to_dict(self) -> dict[str, float]:
        """The shares by code."""
        return dict(zip(CODES, self.shares, strict=True))


def read(path: Path) -> CaseMix | None:
    """The stored case mix; None where there is none, InvalidCaseMix where it cannot be used."""
    try:
        shares = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InvalidCaseMix("The stored case mix cannot be read.") from error
    if not isinstance(shares, dict):
        raise InvalidCaseMix("The stored case mix cannot be read.")
    return CaseMix.from_dict(shares)


def write(path: Path, mix: CaseMix | None) -> None:
    """Stores a case mix in one step, or forgets the stored one."""
    if mix is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(mix.to_dict(), indent=2).encode())
