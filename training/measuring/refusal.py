"""The unknown score of a finished run, and how it does on lesions and on what is none."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

from skinmodel.diagnoses import CODES
from skinmodel.network import CnnLstm
from skinmodel.unknown import KEEP, THRESHOLD, Unknown, fit_unknown
from training.learning.run import Run
from training.measuring.cases import Cases
from training.measuring.decoys import Pixels, draw_decoys
from training.measuring.robustness import CHANGES
from training.measuring.scoring import all_features
from training.measuring.skin import Pieces, cut_pieces, piece_features, toward_skin

MOST_EACH = 600  # training photos of a diagnosis: more cost time and no longer move the space
EACH = 30  # drawn decoys of a kind
MOST_SKIN = 200  # pieces of plain skin to measure with
CHANGED = 60  # test photos, and at most so many pieces of skin, that are made otherwise
OTHERWISE = (
    "short side 300 px", "450 px by nearest", "JPEG quality 60", "red + 10 %", "red - 10 %",
    "blue + 10 %", "blue - 10 %",
)  # fmt: skip
LEARNED = 600  # pieces of skin, and of lesions, that its direction is fitted to
HOW_SKIN = (
    "What skin is was learned from pieces of training photos beside the lesion's outline, against "
    "whole photos and pieces as small of the lesions."
)
HOW_WITHOUT = "Plain skin has no part in it: that takes outlines beside the training photos."


def sample(run: Run) -> list[int]:
    """The training photos that the score is fitted to."""
    table = run.table[run.table["split"] == "train"]
    return [
        int(photo)
        for _, part in table.groupby("diagnosis")
        for photo in part.sample(min(len(part), MOST_EACH), random_state=run.config.seed).index
    ]


def unknown_of(network: CnnLstm, run: Run, kept_apart: Cases) -> Unknown:
    """The score from the run's training photos, its threshold from its calibration lesions.

    Plain skin has a part in it where outlines lie beside the training photos.
    """
    photos = sample(run)
    pooled, early = all_features(network, run.cache.__getitem__, photos, run.config.preparation)
    pieces = cut_pieces(run, "train", LEARNED)
    to_skin = None
    if pieces.skin:
        skin, parts = piece_features(network, pieces, run.config.preparation)
        to_skin = toward_skin(skin, [parts, early])
    return fit_unknown(
        pooled,
        early,
        run.table["diagnosis"].loc[photos].to_numpy(dtype=str),
        held_out=(kept_apart.pooled, kept_apart.early),
        lesions=kept_apart.photos.lesions,
        to_skin=to_skin,
    )


def measure_unknown(network: CnnLstm, run: Run, unknown: Unknown, test: Cases) -> dict[str, Any]:
    """How many test photos and lesions are refused, and how well all else is told from them."""
    real = unknown.distances(test.pooled, test.early)
    refused = unknown.scores(test.pooled, test.early) > THRESHOLD
    owners = test.photos.lesions
    codes = test.diagnoses[owners]

    def against(pictures: Sequence[Pixels]) -> dict[str, Any]:
        seen = all_features(
            network, pictures.__getitem__, range(len(pictures)), run.config.preparation
        )
        far = unknown.distances(*seen)
        truth = np.repeat([0, 1], [len(real), len(far)])
        return {
            "pictures": len(far),
            "auroc": round(float(roc_auc_score(truth, np.concatenate([real, far]))), 4),
            "refused": int((unknown.scores(*seen) > THRESHOLD).sum()),
        }

    def counted(photos: NDArray[np.bool_]) -> dict[str, int]:
        lesions = np.unique(owners[photos])
        return {
            "photos": int(photos.sum()),
            "photos_refused": int(refused[photos].sum()),
            "lesions": len(lesions),
            "lesions_refused": len(np.unique(owners[photos & refused])),
        }

    drawn = draw_decoys(run.config.seed, EACH)
    pieces = cut_pieces(run, "test", MOST_SKIN)
    return {
        "how": "Distance of a photo's features from the space of the training photos', at the end "
        "of the network or early in it, or the odds of plain skin by the early ones, whichever is "
        f"farther beyond its line. {HOW_SKIN if unknown.skin else HOW_WITHOUT} "
        f"Refused above a score of {THRESHOLD}, which {KEEP:.0%} of calibration lesions stay below "
        "with all their photos; a lesion is refused if one of its photos is. AUROC: pictures of "
        "each kind against all test photos. Plain skin: pieces of test photos beside the lesion's "
        "outline, where outlines lie beside the data; lesion pieces: as large, around a point of "
        "the lesion. made_otherwise: how many of the same test photos, one a lesion, and pieces of "
        "skin are refused after each change.",
        "test": counted(np.ones(len(real), dtype=np.bool_)),
        "per_diagnosis": {code: counted(codes == i) for i, code in enumerate(CODES)},
        "drawn": {kind: against(pictures) for kind, pictures in drawn.items()},
        "all_drawn": against(list(chain.from_iterable(drawn.values()))),
        "plain_skin": against(pieces.skin) if pieces.skin else None,
        "lesion_pieces": against(pieces.lesion) if pieces.lesion else None,
        "made_otherwise": _made_otherwise(network, run, unknown, pieces),
    }


def _made_otherwise(
    network: CnnLstm, run: Run, unknown: Unknown, pieces: Pieces
) -> dict[str, dict[str, int]]:
    """How many photos of lesions, and pieces of skin, are refused as they are and changed."""
    first = [photos[0] for photos in run.lesions("test").photos]
    chosen = np.random.default_rng(run.config.seed).permutation(len(first))[:CHANGED]
    photos, skin = [run.cache[first[i]] for i in chosen], pieces.skin[:CHANGED]

    def refused(pictures: Sequence[Pixels], name: str | None) -> int:
        def read(index: int) -> Pixels:
            picture = Image.fromarray(pictures[index])
            return np.asarray(CHANGES[name](picture) if name else picture)

        if not pictures:
            return 0
        seen = all_features(network, read, range(len(pictures)), run.config.preparation)
        return int((unknown.scores(*seen) > THRESHOLD).sum())

    return {
        name or "as it is": {
            "photos": len(photos),
            "photos_refused": refused(photos, name),
            "skin": len(skin),
            "skin_refused": refused(skin, name),
        }
        for name in (None, *OTHERWISE)
    }
