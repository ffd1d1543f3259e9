"""Pictures that show no lesion, told by the model in use: photos of other things, screenshots.

Whole and cut out of, against real photos of test lesions. The model's card holds the same for drawn
pictures and for plain skin, which need no photos from elsewhere. `python -m benchmarks.strange
MODEL` keeps what is found in that model's card.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

import settings
from benchmarks.robustness import data_folder
from skinmodel.analysis import extract_features
from skinmodel.bundle import Model, load_model, rewrite_card
from skinmodel.images import InvalidImage, read_photo
from skinmodel.predict import InvalidInput, find_photos
from skinmodel.registry import Registry
from skinmodel.unknown import THRESHOLD
from skinmodel.weights import InvalidModel
from training.data.manifest import read_isic
from training.data.splits import assign
from training.measuring.decoys import draw_decoys

Array = NDArray[np.float64]
SCREENSHOTS = settings.ROOT / "assets" / "screenshots"
WANTED = 0.98  # AUROC
MOST = 200  # photos of lesions, one a lesion
CROPS = 20  # of each picture
HOW = (
    "python -m benchmarks strange: photos of other things and screenshots, whole and 20 pieces of "
    "each, and drawn pictures, against photos of test lesions, one a lesion."
)
SHARES = 0.25, 0.9  # of a picture's height


def measure(
    folder: Path, most: int = MOST, crops: int = CROPS, seed: int = 0, model: Path | None = None
) -> dict[str, Any]:
    """AUROC of each kind of picture, and how many are refused, by the model in use or another.

    `folder` holds photos of lesions in `isic2019` and of other things in `not_skin`. InvalidInput
    or InvalidImage where there are none or one cannot be read, InvalidModel for a model without an
    unknown score.
    """
    found = settings.load()
    used = load_model(model or Registry(found.models_dir, found.own_models_dir).active())
    if used.unknown is None:
        raise InvalidModel(f"Model {used.version} has no unknown score.")
    photos = [_read(path) for path in find_photos(folder / "not_skin").values()]
    table = assign(read_isic(folder / "isic2019").table)
    first = table[table["split"] == "test"].drop_duplicates("lesion")
    chosen = first.sample(min(most, len(first)), random_state=seed)
    real = _far(used, [_read(Path(path)) for path in chosen["path"]])
    shots = [_read(path) for path in sorted(SCREENSHOTS.glob("*.webp"))]
    drawn = [Image.fromarray(one) for kind in draw_decoys(seed, crops).values() for one in kind]
    random = np.random.default_rng(seed)
    kinds = {
        "photos of other things": _with_crops(photos, crops, random),
        "screenshots of this app": _with_crops(shots, crops, random),
        "drawn: blank, noise, textures, text": drawn,
    }
    by_kind = {name: _far(used, pictures) for name, pictures in kinds.items()}
    by_kind["all of them"] = np.concatenate(list(by_kind.values()))

    def told(far: Array) -> dict[str, Any]:
        truth = np.repeat([0, 1], [len(real), len(far)])
        return {
            "pictures": len(far),
            "refused": int((far > THRESHOLD).sum()),
            "auroc": round(float(roc_auc_score(truth, np.concatenate([real, far]))), 4),
        }

    return {
        "lesions": len(real),
        "lesions_refused": int((real > THRESHOLD).sum()),
        "kinds": {name: told(far) for name, far in by_kind.items()},
    }


def _read(path: Path) -> Image.Image:
    try:
        return read_photo(path.read_bytes()).picture
    except InvalidImage as error:
        raise InvalidImage(f"{path.name}: {error}") from error


def _far(model: Model, pictures: list[Image.Image]) -> Array:
    """The unknown score of each picture."""
    assert model.unknown
    maps, early = extract_features(model, pictures)
    return model.unknown.scores(maps.mean(dim=(-2, -1)), early)


def _with_crops(
    pictures: list[Image.Image], crops: int, random: np.random.Generator
) -> list[Image.Image]:
    """The pictures and pieces of them, 4:3 or narrower."""
    found = list(pictures)
    for picture in pictures:
        for _ in range(crops):
            high = round(picture.height * random.uniform(*SHARES))
            wide = min(picture.width, high * 4 // 3)
            left = int(random.integers(picture.width - wide + 1))
            top = int(random.integers(picture.height - high + 1))
            found.append(picture.crop((left, top, left + wide, top + high)))
    return found


def keep(model: Path, folder: Path, most: int = MOST, crops: int = CROPS) -> None:
    """Measures a model and writes what is found into its card; it stays a model as before."""
    found = measure(folder, most, crops, model=model)
    numbers = dict(load_model(model).card.get("numbers") or {})
    unknown = numbers.get("unknown") or {}
    numbers["unknown"] = unknown | {"other_pictures": {"how": HOW} | found}
    rewrite_card(model, {"numbers": numbers})


def main() -> int:
    """Writes into the card of a model what it takes strange pictures for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strange", description=main.__doc__)
    parser.add_argument("model", type=Path, help="the model's folder")
    try:
        keep(parser.parse_args().model, data_folder())
    except (InvalidModel, InvalidInput, InvalidImage) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
