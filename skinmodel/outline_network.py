"""The network that finds a lesion's outline: a small U-Net on the first blocks of a MobileNetV2.

It shares nothing with the classifier, so that a new classifier never moves a measured area.
U-Net: Ronneberger, Fischer, Brox 2015; depthwise separable decoder as in MobileNetV2 itself.
"""

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

STAGES = ((0, 2), (2, 4), (4, 7), (7, 14))  # blocks of MobileNetV2 that end at strides 2, 4, 8, 16
CHANNELS = (16, 24, 32, 96)
DECODER = (32, 48, 64)  # channels of the decoder at strides 2, 4, 8
STRIDE = 16  # sides of the input must be multiples of this


class OutlineNetwork(nn.Module):
    """Photos (N, 3, H, W), normalised, to logits (N, 1, H, W) of being lesion."""

    def __init__(self) -> None:
        super().__init__()
        blocks = list(torchvision.models.mobilenet_v2(weights=None).features.children())
        self.encoder = nn.ModuleList(nn.Sequential(*blocks[a:b]) for a, b in STAGES)
        below = (*DECODER[1:], CHANNELS[-1])
        self.decoder = nn.ModuleList(
            _separable(below[i] + CHANNELS[i], DECODER[i]) for i in range(len(DECODER))
        )
        self.head = nn.Conv2d(DECODER[0], 1, 1)

    def forward(self, photos: Tensor) -> Tensor:
        """ValueError if a side is no multiple of 16."""
        if photos.shape[-2] % STRIDE or photos.shape[-1] % STRIDE:
            raise ValueError(f"The sides must be multiples of {STRIDE}, not {photos.shape[-2:]}.")
        stages = []
        x = photos
        for stage in self.encoder:
            x = stage(x)
            stages.append(x)
        for place in reversed(range(len(self.decoder))):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = self.decoder[place](torch.cat([x, stages[place]], dim=1))
        logits: Tensor = self.head(x)
        return F.interpolate(logits, scale_factor=2.0, mode="bilinear", align_corners=False)


def load_encoder(network: OutlineNetwork, weights: dict[str, Tensor]) -> None:
    """Fill the encoder from torchvision's MobileNetV2; ValueError if a tensor is missing."""
    for (first, _), stage in zip(STAGES, network.encoder, strict=True):
        state = {}
        for name in stage.state_dict():
            block, _, rest = name.partition(".")
            published = f"features.{first + int(block)}.{rest}"
            if published in weights:
                state[name] = weights[published].float()
            elif not name.endswith("num_batches_tracked"):
                raise ValueError(f"These are not weights for mobilenet_v2: {published} is missing.")
        stage.load_state_dict(state, strict=False)


def _separable(channels_in: int, channels: int) -> nn.Sequential:
    """3x3 per channel, then 1x1 across channels, each with batch norm."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_in, 3, padding=1, groups=channels_in, bias=False),
        nn.BatchNorm2d(channels_in),
        nn.ReLU6(inplace=True),
        nn.Conv2d(channels_in, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU6(inplace=True),
    )
