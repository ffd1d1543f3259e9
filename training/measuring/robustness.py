"""How a photo is made and how little that may change: sizes, filters, JPEG, light, turns.

The same lesion photographed once must not get another answer because its file was made otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinmodel.calibration import Calibration
from skinmodel.network import CnnLstm
from skinmodel.transforms import Preparation
from training.learning.run import Run
from training.measuring.metrics import proportion
from training.measuring.scoring import head_logits, photo_features

Pixels = NDArray[np.uint8]
Change = Callable[[Image.Image], Image.Image]
Progress = Callable[[int, int], None]  # how many changes are done, of how many
SAME = 0.95  # wanted: this share of photos keeps its top diagnosis
SHORT_SIDES = (150, 300, 450, 1000, 3000)  # pixels
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "Hamming": Image.Resampling.HAMMING,
    "Lanczos": Image.Resampling.LANCZOS,
}
QUALITIES = (60, 75, 85, 95)


def resized(short: int, how: Image.Resampling = Image.Resampling.BICUBIC) -> Change:
    """The photo with another short side, in pixels."""

    def change(picture: Image.Image) -> Image.Image:
        scale = short / min(picture.size)
        size = round(picture.width * scale), round(picture.height * scale)
        return picture.resize(size, how)

    return change


def stored(quality: int) -> Change:
    """The photo stored as JPEG and read again."""

    def change(picture: Image.Image) -> Image.Image:
        file = BytesIO()
        picture.save(file, "JPEG", quality=quality)
        return Image.open(file).convert("RGB")

    return change


def large_and_stored(quality: int) -> Change:
    """The photo as a camera's file: a short side of 450 pixels, and JPEG."""
    return lambda picture: stored(quality)(resized(450)(picture))


def balanced(red: float, green: float, blue: float) -> Change:
    """The photo with its channels multiplied."""

    def change(picture: Image.Image) -> Image.Image:
        pixels = np.asarray(picture) * np.array([red, green, blue])
        return Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8))

    return change


def turned(how: Image.Transpose) -> Change:
    """The photo turned by quarters or mirrored."""
    return lambda picture: picture.transpose(how)


CHANGES: dict[str, Change] = {
    **{f"short side {short} px": resized(short) for short in SHORT_SIDES},
    **{f"450 px by {name}": resized(450, how) for name, how in FILTERS.items()},
    **{f"JPEG quality {quality}": stored(quality) for quality in QUALITIES},
    **{f"450 px, JPEG quality {quality}": large_and_stored(quality) for quality in QUALITIES[:1]},
    "red + 10 %": balanced(1.1, 1, 1),
    "red - 10 %": balanced(0.9, 1, 1),
    "green + 10 %": balanced(1, 1.1, 1),
    "green - 10 %": balanced(1, 0.9, 1),
    "blue + 10 %": balanced(1, 1, 1.1),
    "blue - 10 %": balanced(1, 1, 0.9),
    "warmer: red + 10 %, blue - 10 %": balanced(1.1, 1, 0.9),
    "cooler: red - 10 %, blue + 10 %": balanced(0.9, 1, 1.1),
    "a quarter turn": turned(Image.Transpose.ROTATE_90),
    "a half turn": turned(Image.Transpose.ROTATE_180),
    "three quarter turns": turned(Image.Transpose.ROTATE_270),
    "mirrored": turned(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned upside down and mirrored": turned(Image.Transpose.FLIP_TOP_BOTTOM),
}
# What a new model's card tells: of each kind the ends, where most changes, and fewer photos.
SHORT = (
    "short side 150 px", "short side 300 px", "short side 3000 px", "450 px by nearest",
    "450 px by Lanczos", "JPEG quality 60", "JPEG quality 95", "red + 10 %", "red - 10 %",
    "blue + 10 %", "blue - 10 %", "a quarter turn", "mirrored",
)  # fmt: skip
MOST = 200  # photos for a new model's card


def for_card(
    network: CnnLstm,
    run: Run,
    calibration: Calibration,
    *,
    most: int = MOST,
    changes: Sequence[str] = SHORT,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """These changes on a sample of at most so many test photos, one a lesion."""
    first = [photos[0] for photos in run.lesions("test").photos]
    chosen = np.random.default_rng(run.config.seed).permutation(len(first))[:most]
    found = measure_changes(
        network,
        run.config.preparation,
        calibration,
        [run.cache[first[i]] for i in chosen],
        {name: CHANGES[name] for name in changes},
        progress,
    )
    return {
        "how": f"{len(chosen):,} of {len(first):,} test lesions, one photo each, made otherwise. "
        "same_top_diagnosis: share whose likeliest diagnosis at the training mix stays, with "
        "Wilson's 95 % interval; mean_change: of a probability; moved: of the probability that "
        "changes most. The photos are as large as the training photos, so larger ones are enlarged "
        "from them and hold no more detail.",
        **found,
    }


def measure_changes(
    network: CnnLstm,
    preparation: Preparation,
    calibration: Calibration,
    photos: Sequence[Pixels],
    changes: Mapping[str, Change] = CHANGES,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """For each change how many photos keep their top diagnosis, and how far numbers move.

    The top diagnosis is that of the shown probabilities, at the training mix; `moved` is the mean
    over photos of the largest change of any probability, `mean_change` that over all of them.
    """

    def probabilities(change: Change | None) -> NDArray[np.float64]:
        def read(index: int) -> Pixels:
            picture = Image.fromarray(photos[index])
            return np.asarray(change(picture) if change else picture)

        pooled = photo_features(network, read, range(len(photos)), preparation)
        logits = head_logits(network, pooled, [[row] for row in range(len(photos))])
        shown = calibration.probabilities(logits)
        return shown if shown.shape[1] > 1 else np.concatenate([1 - shown, shown], axis=1)

    before = probabilities(None)
    found = {}
    for done, (name, change) in enumerate(changes.items()):
        progress(done, len(changes))
        after = probabilities(change)
        moved = np.abs(after - before)
        same = int((after.argmax(1) == before.argmax(1)).sum())
        share = proportion(same, len(photos))
        found[name] = {
            "same": same,
            "same_top_diagnosis": share and share[0],
            "interval": share and share[1:],
            "mean_change": round(float(moved.mean()), 4),
            "moved": round(float(moved.max(axis=1).mean()), 4),
        }
    progress(len(changes), len(changes))
    return {"photos": len(photos), "wanted": SAME, "changes": found}
