"""One outline run, from a data folder with outlines to a model on disk."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from skinmodel.images import read_photo
from skinmodel.outline import Mask
from skinmodel.outline_bundle import OutlineModel, save_outline_model
from skinmodel.outline_network import OutlineNetwork, load_encoder
from skinmodel.transforms import Preparation
from training.data.manifest import InvalidData, read_isic
from training.data.splits import SHARES, Split, assign
from training.learning.checkpoint import load_tensors, write_atomically
from training.learning.config import InvalidConfig, read_object
from training.learning.dataset import Cache, open_cache
from training.outline.examples import Examples, read_masks
from training.outline.fit import BEST, HISTORY, SIDE, OutlineConfig, fit_outline
from training.outline.hands import measured_hands
from training.outline.measure import fit_certainty, measure, report
from training.outline.repeatability import measured_repeatability

CONFIG = "config.json"
MASKS = "masks"


def run_outline(
    *,
    data: Path,
    out: Path,
    cache: Path,
    config: OutlineConfig,
    init: Path | None,
    version: str,
    about: Mapping[str, Any],
    progress: Callable[[int, int], None],
    log: Callable[[dict[str, Any]], None],
    stop: Callable[[], bool],
) -> Path | None:
    """Train, measure and save as `out/models/<version>`; None if stopped before the end.

    `data` is in ISIC 2019's layout with a folder masks beside; photos without an outline are left
    out. InvalidData or InvalidConfig say what is wrong.
    """
    table = assign(read_isic(data).table)
    masks = read_masks(data / MASKS, list(table["image"]))
    if not any(mask is not None for mask in masks):
        raise InvalidData([f"{data.name} has no folder {MASKS} with outlines as <image>.png."])
    pixels = open_cache(
        list(table["path"]),
        read=lambda photo: read_photo(photo).picture,
        preparation=Preparation(),
        folder=cache,
        progress=progress,
    )
    out.mkdir(parents=True, exist_ok=True)
    saved = out / CONFIG
    if saved.exists() and read_object(saved) != asdict(config):
        raise InvalidConfig(f"{out} holds a run with other settings; choose another folder.")
    write_atomically(saved, json.dumps(asdict(config), indent=1))

    def part(split: Split) -> Examples:
        rows = [i for i in table.index[table["split"] == split] if masks[i] is not None]
        if not rows:
            raise InvalidData([f"No photo with an outline falls into the {split} split."])
        drawn = tuple(mask for i in rows if (mask := masks[i]) is not None)
        return Examples(tuple(rows), drawn, tuple(table.loc[rows, "lesion"]))

    torch.manual_seed(config.seed)
    network = OutlineNetwork()
    if init:
        try:
            load_encoder(network, load_file(init))
        except (SafetensorError, OSError, ValueError) as error:
            raise InvalidConfig(f"{init.name} cannot be used to start from: {error}") from error
    parts = {name: part(name) for name, _ in SHARES}
    if not fit_outline(
        config=config,
        network=network,
        cache=pixels,
        train=parts["train"],
        validation=parts["validation"],
        run=out,
        log=log,
        stop=stop,
    ):
        return None
    folder = out / "models" / version
    if not folder.exists():
        _finish(out, folder, pixels, parts, config=config, version=version, about=about)
    return folder


def _finish(
    run: Path,
    folder: Path,
    cache: Cache,
    parts: Mapping[Split, Examples],
    *,
    config: OutlineConfig,
    version: str,
    about: Mapping[str, Any],
) -> None:
    """Fit the certainty on calibration lesions, open the test lesions, write the model."""
    network = OutlineNetwork()
    network.load_state_dict(load_tensors(run / BEST)[0])
    network.eval().requires_grad_(False)
    for tensor in network.state_dict().values():  # what is measured is what is shipped
        if tensor.is_floating_point():
            tensor.copy_(tensor.half())
    sure_from = fit_certainty(measure(network, cache, parts["calibration"], SIDE))
    test = parts["test"]
    scores = measure(network, cache, test, SIDE)
    ready = OutlineModel(network, SIDE, sure_from, version, "", {})
    change = measured_repeatability(ready, cache.__getitem__, _masks(test), _pairs(test))
    # People drew these outlines, so it does not matter which the network has learned from.
    drawn = {
        photo: mask > 127
        for part in parts.values()
        for photo, mask in zip(part.photos, part.masks, strict=True)
    }
    change["hands"] = measured_hands(
        ready,
        cache.__getitem__,
        test=_masks(test),
        masks=drawn,
        pairs=[pair for part in parts.values() for pair in _pairs(part)],
    )
    save_outline_model(
        folder,
        network,
        version=version,
        side=SIDE,
        sure_from=sure_from,
        rest={
            "created_on": datetime.now(UTC).date().isoformat(),
            **about,
            "numbers": report(scores, sure_from, test.lesions),
            "change": change,
            "splits": {name: len(examples.photos) for name, examples in parts.items()},
            "training": {
                "settings": asdict(config),
                "history": [json.loads(line) for line in (run / HISTORY).read_text().splitlines()],
            },
        },
    )


def _masks(examples: Examples) -> dict[int, Mask]:
    """The first photo of each lesion with its outline: a lesion counts once."""
    first: dict[str, tuple[int, Mask]] = {}
    for photo, mask, lesion in zip(examples.photos, examples.masks, examples.lesions, strict=True):
        first.setdefault(lesion, (photo, mask > 127))
    return dict(first.values())


def _pairs(examples: Examples) -> list[tuple[int, int]]:
    """The first two photos of each lesion that has two."""
    photos: dict[str, list[int]] = {}
    for photo, lesion in zip(examples.photos, examples.lesions, strict=True):
        photos.setdefault(lesion, []).append(photo)
    return [(some[0], some[1]) for some in photos.values() if len(some) > 1]
