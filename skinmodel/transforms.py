"""The one preparation of a photo for the network, shared by training and clinic.

The public training photos are thumbnails, uploads are not. So every photo is first brought to the
training scale by one filter, and only then to the network's input size; a 600x450 upload and its
200x150 thumbnail then look alike to the network.

Colours stay as they are. Shades of grey (Finlayson and Trezzi 2004, sixth power, as the winners of
ISIC 2019 prepared their photos) before the network of model 1.3, with the probabilities scaled anew
on calibration lesions so prepared, was tried on the 750 photos of its validation lesions, from one
side each. Untouched photos: balanced accuracy 0.713 without it and 0.693 with it, AUROC of
malignant or not 0.926 and 0.906, log loss 0.460 and 0.516. Colour casts of 10 % in red or blue:
0.699 to 0.724 and 0.677 to 0.721, log loss 0.458 to 0.477 and 0.509 to 0.520. Of 20 %, red up and
blue down and the other way round: 0.682 and 0.635 against 0.703 and 0.690, log loss 0.562 and 0.526
against 0.510 and 0.516. Gains of 15 % at random in each channel: 0.654 against 0.665, log loss
0.541 against 0.519. A head trained anew on features of photos so prepared, for four epochs, came to
0.693, 0.906 and 0.499 untouched, 0.692 and 0.692 with casts of 20 %, 0.677 with gains at random. So
it pays only beyond the casts that are to be borne, and costs on all photos; a whole network trained
on photos so prepared may do better, which was not tried.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from skinmodel.plain import tuples

# Of box, bilinear, Hamming, bicubic and Lanczos, antialiased bilinear came closest to the public
# 200x150 thumbnails (mean absolute difference 3.09 grey levels over 14 pairs; Lanczos 3.28).
FILTER = Image.Resampling.BILINEAR

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Preparation:
    """How a picture becomes a tensor; saved in the model's card.

    `size`: side of the network's square input in pixels. `scale`: short side, in pixels, of the
    training photos. `widest`: a photo wider (or taller) than this ratio is trimmed to it around
    its centre; what remains is squeezed into the square. `mean`, `std`: per channel, of [0, 1].
    """

    size: int = 192
    scale: int = 150
    widest: float = 4 / 3
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # ImageNet's
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The preparation from a card's JSON; TypeError for unknown names."""
        return cls(**tuples(values))

    def to_dict(self) -> dict[str, Any]:
        """The preparation as plain values for JSON."""
        return asdict(self)

    def frame(self, picture: Image.Image) -> Box:
        """The part the network sees, as (left, top, right, bottom) in the picture's pixels."""
        width, height = picture.size
        # Half a pixel of tolerance: 4:3 photos are not always exactly so.
        seen_w = width if width <= height * self.widest + 0.5 else height * self.widest
        seen_h = height if height <= width * self.widest + 0.5 else width * self.widest
        left, top = (width - seen_w) / 2, (height - seen_h) / 2
        return left, top, left + seen_w, top + seen_h

    def to_scale(self, picture: Image.Image) -> Image.Image:
        """The frame at the training scale: its short side `scale` pixels, proportions kept."""
        left, top, right, bottom = box = self.frame(picture)
        ratio = self.scale / min(right - left, bottom - top)
        wanted = round((right - left) * ratio), round((bottom - top) * ratio)
        if wanted == picture.size:
            return picture
        return picture.resize(wanted, FILTER, box=box)

    def to_tensor(self, picture: Image.Image) -> Tensor:
        """An upright RGB picture to a normalised float32 tensor (3, size, size)."""
        square = self.to_scale(picture).resize((self.size, self.size), FILTER)
        pixels = torch.from_numpy(np.array(square)).permute(2, 0, 1)
        return self.normalise(pixels)

    def normalise(self, pixels: Tensor) -> Tensor:
        """8-bit pixels (..., 3, H, W) to the network's float32 input of the same shape."""
        mean = torch.tensor(self.mean, device=pixels.device)[:, None, None]
        std = torch.tensor(self.std, device=pixels.device)[:, None, None]
        return (pixels.float() / 255 - mean) / std
