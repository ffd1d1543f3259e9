"""The preparation: what the network sees, at which scale, and where that lies in the picture."""

import numpy as np
import pytest
from PIL import Image

from skinmodel.drawn import draw_lesion
from skinmodel.transforms import Preparation


@pytest.mark.parametrize(
    ("size", "frame"),
    [
        ((600, 450), (0, 0, 600, 450)),
        ((450, 600), (0, 0, 450, 600)),
        ((500, 500), (0, 0, 500, 500)),
        ((1000, 600), (100, 0, 900, 600)),
        ((300, 1200), (0, 400, 300, 800)),
    ],
)
def test_the_frame_is_what_the_network_sees(
    size: tuple[int, int], frame: tuple[float, float, float, float]
) -> None:
    preparation = Preparation(size=32, scale=40)
    picture = Image.new("RGB", size, "black")
    left, top, right, bottom = (round(edge) for edge in preparation.frame(picture))
    assert (left, top, right, bottom) == frame
    picture.paste("white", (left, top, right, bottom))
    # Nothing outside is seen, but for the filter's reach of a pixel; black would be -2.
    assert preparation.to_tensor(picture).amin(dim=(1, 2)).tolist() == pytest.approx(
        [(1 - m) / s for m, s in zip(preparation.mean, preparation.std, strict=True)], abs=0.4
    )


def test_an_upload_and_its_thumbnail_look_alike() -> None:
    preparation = Preparation(size=96, scale=75)
    upload = draw_lesion(3, size=(600, 450))
    thumbnail = upload.resize((100, 75), Image.Resampling.LANCZOS)
    large, small = preparation.to_tensor(upload), preparation.to_tensor(thumbnail)
    assert large.shape == small.shape == (3, 96, 96)
    assert (large - small).abs().mean() * 0.225 * 255 < 2  # grey levels


def test_a_photo_at_the_training_scale_is_not_resampled_twice() -> None:
    picture = draw_lesion(3, size=(200, 150))
    assert Preparation(scale=150).to_scale(picture) is picture


def test_normalising_is_imagenets() -> None:
    picture = Image.fromarray(np.full((40, 50, 3), (124, 116, 104), dtype=np.uint8))
    assert Preparation(size=8, scale=40).to_tensor(picture).abs().max() < 0.01


def test_a_preparation_survives_json() -> None:
    preparation = Preparation(size=128, scale=96, widest=1.5)
    values = {k: list(v) if isinstance(v, tuple) else v for k, v in preparation.to_dict().items()}
    assert Preparation.from_dict(values) == preparation
    with pytest.raises(TypeError):
        Preparation.from_dict({"colour": "red"})
