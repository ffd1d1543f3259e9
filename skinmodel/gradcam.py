"""Heat maps: which regions of the photos raised a diagnosis' score, by the grad-cam library.

The library hooks the model it is given, takes one photo per row and scales each map by itself. So
it is given a small module made for each call, an identity (which it hooks) before the network's
head, with feature maps as input: nothing shared is hooked, threads need no lock, and the backbone
runs once. Reference: Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from skinmodel.network import CnnLstm

Maps = NDArray[np.float32]

# Numbers handed to the library in one call (64 MB as float32, of which it holds about five).
CALL_LIMIT = 16_000_000
EMPTY = 1e-7  # the library's own: a map that nowhere exceeds this shows nothing


class _SeriesHead(nn.Module):
    """The network's head for the library: rows of feature maps (R*N, F, h, w) to (R, K).

    Every N rows are one series, so that one call can explain R targets. The network is reached
    through a bound method, which torch doesn't register: the library sets modes and clears
    gradients of all it finds, and shall find nothing shared but a frozen tensor.
    """

    def __init__(self, network: CnnLstm, visit: Tensor, days: Tensor | None) -> None:
        super().__init__()
        self.hooked = nn.Identity()
        self.frozen = network.classifier.weight  # tells the library the device
        self._head = network.forward_head
        self._visit, self._days = visit, days

    def forward(self, rows: Tensor) -> Tensor:
        maps = self.hooked(rows)
        photos = len(self._visit)
        series = maps.reshape(-1, photos, *maps.shape[1:])  # (R, N, F, h, w)
        visit = self._visit.expand(len(series), -1)
        days = None if self._days is None else self._days.expand(len(series), -1)
        logits: Tensor = self._head(series, visit, days)[:, -1]
        return logits


class _UnscaledGradCAM(GradCAM):
    """The library's Grad-CAM without the two steps that scale each map by itself."""

    def compute_cam_per_layer(
        self, input_tensor: Tensor, targets: list[nn.Module], eigen_smooth: bool
    ) -> list[Maps]:
        activations = self.activations_and_grads.activations[0].numpy()
        gradients = self.activations_and_grads.gradients[0].numpy()
        layer = self.target_layers[0]
        weights = self.get_cam_weights(input_tensor, layer, targets, activations, gradients)
        rows, channels, height, width = activations.shape
        # One product for the library's weighting and summing, without their intermediate result.
        cam = weights[:, None] @ activations.reshape(rows, channels, height * width)
        return [np.maximum(cam, 0).reshape(rows, height, width)]

    def aggregate_multi_layers(self, cam_per_target_layer: list[Maps]) -> Maps:
        return cam_per_target_layer[0]


def heat_maps(
    network: CnnLstm,
    features: Tensor,
    visit: Tensor,
    days: Tensor | None = None,
    *,
    targets: Sequence[int],
) -> Maps:
    """Unscaled heat maps (K, N, h, w), never negative, of K targets' logits after the last visit.

    `features` (N, F, h, w) are one series' feature maps without a graph, `visit` (N,) its photos'
    visits, `days` (T,) as in `CnnLstm.forward_head`, all on the network's device. The network is
    in evaluation, with every parameter frozen.
    """
    at_once = max(1, CALL_LIMIT // features.numel())
    groups = [targets[i : i + at_once] for i in range(0, len(targets), at_once)]
    return np.concatenate([_one_call(network, features, visit, days, group) for group in groups])


def _one_call(
    network: CnnLstm, features: Tensor, visit: Tensor, days: Tensor | None, targets: Sequence[int]
) -> Maps:
    head = _SeriesHead(network, visit, days)
    rows = features.repeat(len(targets), 1, 1, 1)  # (K*N, F, h, w)
    cam = _UnscaledGradCAM(head, [head.hooked])
    cam.compute_input_gradient = True
    try:
        # The caller may have switched gradients off, which holds for its whole thread.
        with torch.enable_grad():
            maps: Maps = cam(rows, [ClassifierOutputTarget(target) for target in targets])
    finally:
        # Not the library's `with`: that swallows an IndexError.
        cam.activations_and_grads.release()
    return maps.reshape(len(targets), len(features), *maps.shape[1:])


def scale_jointly(raw: Maps) -> Maps:
    """Unscaled maps (K, N, h, w) to [0, 1] by each target's maximum over its whole series.

    Visits stay comparable, and a map that is zero everywhere stays zero.
    """
    top = raw.max(axis=(1, 2, 3), keepdims=True)
    return np.where(top > EMPTY, raw / np.maximum(top, EMPTY), 0).astype(np.float32)
