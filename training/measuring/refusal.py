"""The unknown score of a finished run, and how it does on lesions and on what is none."""

from itertools import chain
from pathlib import Path
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
from training.measuring.decoys import Pixels, draw_decoys, plain_skin
from training.measuring.scoring import all_features
from training.outline.examples import read_masks

MOST_EACH = 600  # training photos of a diagnosis: more cost time and no longer move the space
EACH = 30  # drawn decoys of a kind
MOST_SKIN = 200  # pieces of plain skin


def sample(run: Run) -> list[int]:
    """The training photos that the score is fitted to."""
    table = run.table[run.table["split"] == "train"]
    return [
        int(photo)
        for _, part in table.groupby("diagnosis")
        for photo in part.sample(min(len(part), MOST_EACH), random_state=run.config.seed).index
    ]


def unknown_of(network: CnnLstm, run: Run, kept_apart: Cases) -> Unknown:
    """The score from the run's training photos, its threshold from its calibration lesions."""
    photos = sample(run)
    pooled, early = all_features(network, run.cache.__getitem__, photos, run.config.preparation)
    return fit_unknown(
        pooled,
        early,
        run.table["diagnosis"].loc[photos].to_numpy(dtype=str),
        held_out=(kept_apart.pooled, kept_apart.early),
        lesions=kept_apart.photos.lesions,
    )


def measure_unknown(network: CnnLstm, run: Run, unknown: Unknown, test: Cases) -> dict[str, Any]:
    """How many test photos and lesions are refused, and how well all else is told from them."""
    real = unknown.distances(test.pooled, test.early)
    refused = unknown.scores(test.pooled, test.early) > THRESHOLD
    owners = test.photos.lesions
    codes = test.diagnoses[owners]

    def against(pictures: list[Pixels]) -> dict[str, Any]:
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
    skin = _plain_skin(run)
    return {
        "how": "Distance of a photo's features from the space of the training photos', at the end "
        "of the network or early in it, whichever is farther beyond its line. Refused above a "
        f"score of {THRESHOLD}, which {KEEP:.0%} of calibration lesions stay below with "
        "all their photos; a lesion is refused if one of its photos is. AUROC: pictures of each "
        "kind against all test photos. Plain skin: pieces of test photos beside the lesion's "
        "outline, where outlines lie beside the data.",
        "test": counted(np.ones(len(real), dtype=np.bool_)),
        "per_diagnosis": {code: counted(codes == i) for i, code in enumerate(CODES)},
        "drawn": {kind: against(pictures) for kind, pictures in drawn.items()},
        "all_drawn": against(list(chain.from_iterable(drawn.values()))),
        "plain_skin": against(skin) if skin else None,
    }


def _plain_skin(run: Run) -> list[Pixels]:
    """At most MOST_SKIN pieces of test photos, one a lesion."""
    random = np.random.default_rng(run.config.seed)
    pieces: list[Pixels] = []
    first = [photos[0] for photos in run.lesions("test").photos]
    folder = Path(str(run.table["path"].iloc[0])).parent.parent / "masks"
    masks = read_masks(folder, [str(name) for name in run.table["image"].loc[first]])
    for photo, mask in zip(first, masks, strict=True):
        if mask is None or len(pieces) == MOST_SKIN:
            continue
        pixels = run.cache[photo]
        scaled = np.asarray(run.config.preparation.to_scale(Image.fromarray(mask)))
        if scaled.shape == pixels.shape[:2]:
            piece = plain_skin(pixels, scaled > 0, random)
            pieces += [] if piece is None else [piece]
    return pieces
