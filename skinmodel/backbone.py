"""The convolutional part of a network: torchvision's by name, EfficientNet-Lite, or plain."""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from math import ceil

import torch
import torchvision
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models._utils import _make_divisible
from torchvision.models.efficientnet import EfficientNet, MBConv, MBConvConfig

LITE = "efficientnet_lite0"
# How many times wider and deeper than the first.
LITES = {LITE: (1.0, 1.0), "efficientnet_lite1": (1.0, 1.1), "efficientnet_lite2": (1.1, 1.2)}
BACKBONES = (
    "mobilenet_v2",
    *LITES,
    "resnet18",
    "resnet50",
    "efficientnet_b0",
    "convnext_tiny",
    "conv",
)


@dataclass(frozen=True, eq=False)
class Backbone:
    """`layers` to be called one after the other, named as torchvision names them.

    `width` is the number of feature maps F at the end, `early_width` that of E after the first
    `early` layers: before the resolution is halved for the last time, at a sixteenth of the
    photo's for all of torchvision's, where textures are told apart rather than diagnoses.
    """

    layers: nn.Sequential = field(repr=False)
    width: int
    early: int
    early_width: int


def build(name: str, filters: tuple[int, ...] = ()) -> Backbone:
    """A backbone without training; ValueError for a name that torchvision does not know."""
    if name == "conv":
        return _plain(filters)
    if name in LITES:
        return _of(efficientnet_lite(name).features)
    if name not in torchvision.models.list_models(module=torchvision.models):
        raise ValueError(f"torchvision has no classifier named {name!r}.")
    whole = torchvision.models.get_model(name, weights=None)
    layers = getattr(whole, "features", None)
    if not isinstance(layers, nn.Sequential):  # ResNet and its kin: everything before pooling
        children = [(n, m) for n, m in whole.named_children() if n not in ("avgpool", "fc")]
        layers = nn.Sequential(OrderedDict(children))
    return _of(layers)


def efficientnet_lite(name: str) -> EfficientNet:
    """An EfficientNet-Lite of Liu and Tan (2020), in torchvision's parts and under its names.

    EfficientNets for processors without fast sigmoids: no squeeze-and-excitation, ReLU6 for SiLU,
    the first and the last layers of one size for all. Lite0 names 75.1 % of ImageNet's photos
    rightly, Lite1 76.6 %, Lite2 77.6 %; MobileNetV2 names 71.9 %.
    """
    wider, deeper = LITES[name]
    block = partial(MBConv, se_layer=lambda *_, **__: nn.Identity())
    widths = [32, *(_make_divisible(width * wider, 8) for width in (16, 24, 40, 80, 112, 192, 320))]
    repeats = [1, *(ceil(count * deeper) for count in (2, 2, 3, 3, 4)), 1]
    stages = zip(
        (1, 6, 6, 6, 6, 6, 6), (3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 2, 1, 2, 1),
        widths, widths[1:], repeats, strict=False,
    )  # fmt: skip
    network = EfficientNet(
        [MBConvConfig(*stage, block=block) for stage in stages],
        dropout=0.2,
        last_channel=1280,
        norm_layer=partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01),
    )
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.SiLU):
                setattr(module, name, nn.ReLU6(inplace=True))
    return network


def through(layers: nn.Sequential, photos: Tensor, early: int) -> tuple[Tensor, Tensor]:
    """Photos (N, 3, H, W) to feature maps (N, F, h, w) and the early features' means (N, E)."""
    means = photos.new_zeros(len(photos), 0)
    for count, layer in enumerate(layers, 1):
        photos = layer(photos)
        if count == early:
            means = photos.mean(dim=(-2, -1))
    return photos, means


def fold(module: nn.Module) -> None:
    """Folds each batch norm into the convolution that stands directly before it.

    So they follow one another in all of torchvision's backbones. Not by tracing with torch.fx: that
    changes every module's call in the whole process while it lasts, and a model loaded after a
    promotion would break the analyses of other threads.
    """
    before: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if (
            before
            and isinstance(before[1], nn.Conv2d)
            and isinstance(child, nn.BatchNorm2d)
            and before[1].out_channels == child.num_features
        ):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, nn.Identity())
        fold(child)
        before = name, child


def _of(layers: nn.Sequential) -> Backbone:
    shapes = _shapes(layers)
    halved = [count for count, (_, side) in enumerate(shapes, 1) if side > shapes[-1][1]]
    early = max(halved, default=len(shapes))
    return Backbone(layers, shapes[-1][0], early, shapes[early - 1][0])


def _plain(filters: tuple[int, ...]) -> Backbone:
    """A block of four layers for each filter; all blocks but the last, if there are two, are early.

    Before the last pooling would be the same features as at the end.
    """
    layers: list[nn.Module] = []
    for channels_in, channels in zip((3, *filters), filters, strict=False):
        layers += [
            nn.Conv2d(channels_in, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    blocks = max(1, len(filters) - 1)
    return Backbone(nn.Sequential(*layers), filters[-1], 4 * blocks, filters[blocks - 1])


@torch.no_grad()
def _shapes(layers: nn.Sequential) -> list[tuple[int, int]]:
    """Feature maps and their height after each layer, for a photo of 64 px."""
    was_training = layers.training
    layers.eval()
    maps, shapes = torch.zeros(1, 3, 64, 64), []
    for layer in layers:
        maps = layer(maps)
        shapes.append((int(maps.shape[1]), int(maps.shape[2])))
    layers.train(was_training)
    return shapes
