"""A photo's file to its differential: our path against a plain torchvision-and-Pillow script.

The script opens, converts, resizes, normalises and runs the same convolutional network: no check
of the file, no orientation, no colour profile, no LSTM, no calibration. Ours reads through the
decoder's child process, as page and command line do, and analyses; the last arm also makes all heat
maps. One core.
"""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision.transforms import v2

import settings
from benchmarks.decode import photograph
from benchmarks.sidebyside import ratios, side_by_side
from skinmodel.analysis import SeriesPhoto, analyse
from skinmodel.backbone import LITES, efficientnet_lite
from skinmodel.bundle import Model, load_model, save_model
from skinmodel.calibration import Calibration
from skinmodel.diagnoses import CODES
from skinmodel.drawn import draw_lesion
from skinmodel.network import CnnLstm, ModelConfig
from skinmodel.reading.decoder import Decoder
from skinmodel.registry import Registry
from skinmodel.transforms import Preparation
from skinmodel.weights import InvalidModel

BASE = "plain script"
LARGE, SMALL = "12 megapixels", "600 x 450"
# Times the script's. It looks at the photo once, ours from as many sides as the model wants: eight.
# A large photo is read in a fraction of the script's time, which pays for that.
LIMITS = {LARGE: 1.1, SMALL: 5.0}


def measure(
    rounds: int = 15, seed: int = 0, *, photos: dict[str, bytes] | None = None
) -> dict[str, dict[str, Any]]:
    """For each photo the seconds of each arm, and as a multiple of the plain script's."""
    photos = photos or {LARGE: photograph(seed), SMALL: upload(seed)}
    model = a_model()
    script = _script(model)
    results = {}
    with Decoder(workers=1) as decoder:

        def ours(data: bytes, *, explain: bool) -> Callable[[], object]:
            def run() -> object:
                photo = decoder.read(data)
                one = SeriesPhoto(photo.picture, photo.sha256, "photo.jpg", photo.taken_on)
                return analyse(model, [one], explain=explain)

            return run

        for name, data in photos.items():
            arms = {
                BASE: lambda data=data: script(data),
                "differential": ours(data, explain=False),
                "with all heat maps": ours(data, explain=True),
            }
            medians = side_by_side(arms, rounds=rounds, seed=seed)
            results[name] = {"seconds": medians, "ratios": ratios(medians, base=BASE)}
    return results


def upload(seed: int) -> bytes:
    """A drawn lesion as a 600 x 450 JPEG."""
    file = io.BytesIO()
    draw_lesion(seed).save(file, "JPEG", quality=90)
    return file.getvalue()


def _script(model: Model) -> Callable[[bytes], torch.Tensor]:
    preparation, backbone = model.preparation, model.network.config.backbone
    if backbone in LITES:
        network: nn.Module = efficientnet_lite(backbone).eval()
    else:
        network = torchvision.models.get_model(backbone, weights=None).eval()
    transform = v2.Compose([
        v2.ToImage(),
        v2.Resize((preparation.size, preparation.size), antialias=True),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(preparation.mean, preparation.std),
    ])  # fmt: skip

    @torch.inference_mode()
    def run(data: bytes) -> torch.Tensor:
        with Image.open(io.BytesIO(data)) as image:
            photo = transform(image.convert("RGB"))
        found: torch.Tensor = network(photo[None])
        return found.softmax(dim=1)

    return run


def a_model() -> Model:
    """The model in use; where there is none yet, one as large with random weights."""
    found = settings.load()
    try:
        return load_model(Registry(found.models_dir, found.own_models_dir).active())
    except InvalidModel:
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            made = save_model(
                Path(folder) / "random",
                CnnLstm(ModelConfig()),
                version="random",
                preparation=Preparation(),
                calibration=Calibration(1.0, (1 / len(CODES),) * len(CODES)),
            )
            return load_model(made)
