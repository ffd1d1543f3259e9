"""Heat maps: which regions of the photos raised a diagnosis' score, by the grad-cam library.

The library hooks the model it is given and scales each map by itself. So it is given a small module
made for each call, an identity (which it hooks) before the network's head: nothing shared is
hooked, threads need no lock, and the backbone runs once. The head reads nothing of a feature map
but its mean, so the gradient is the same in all its cells, and the module takes the means: writing
out equal gradients cell by cell took longer than the head itself.
Reference: Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391.
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

# Means handed to the library in one call (8 MB as float32; the head holds about ten times that).
CALL_LIMIT = 2_000_000
EMPTY = 1e-7  # the library's own: a map that nowhere exceeds this shows nothing


class _SeriesHead(nn.Module):
    """The network's head for the library: rows of feature maps' means (R*N, F, 1, 1) to (R, K).

    Every N rows are one series, so that one call can explain R targets. The network is reached
    through a bound method, which torch doesn't register: the library sets modes and clears
    gradients of all it finds, and shall find nothing shared but a frozen tensor.
    """

    def __init__(self, network: CnnLstm, visit: Tensor, days: Tensor | None) -> None:
        super().__init__()
        self.hooked = nn.Identity()
        self.frozen = network.classifier.weight  # tells the library the device
        self._head = network.forward_pooled
        self._visit, self._days = visit, days

    def forward(self, rows: Tensor) -> Tensor:
        means = self.hooked(rows)
        series = means.reshape(-1, len(self._visit), means.shape[1])  # (R, N, F)
        visit = self._visit.expand(len(series), -1)
        days = None if self._days is None else self._days.expand(len(series), -1)
        logits: Tensor = self._head(series, visit, days)[:, -1]
        return logits


class _UnscaledGradCAM(GradCAM):
    """The library's Grad-CAM on whole feature maps, without the steps that scale each by itself."""

    def __init__(self, head: _SeriesHead, features: Tensor) -> None:
        super().__init__(head, [head.hooked])
        self.compute_input_gradient = True
        self._features = features.numpy()

    def compute_cam_per_layer(
        self, input_tensor: Tensor, targets: list[nn.Module], eigen_smooth: bool
    ) -> list[Maps]:
        means = self.activations_and_grads.activations[0].numpy()
        gradients = self.activations_and_grads.gradients[0].numpy()
        layer = self.target_layers[0]
        weights = self.get_cam_weights(input_tensor, layer, targets, means, gradients)
        photos, channels, height, width = self._features.shape
        cells = height * width
        # One product for the library's weighting and summing, without their intermediate result.
        each = weights.reshape(-1, photos, 1, channels) / cells  # a mean's share in its gradient
        cam = each @ self._features.reshape(photos, channels, cells)  # (R, N, 1, cells)
        return [np.maximum(cam, 0).reshape(-1, photos, height, width)]

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
    means = features.mean(dim=(-2, -1), keepdim=True)
    at_once = max(1, CALL_LIMIT // means.numel())
    maps = []
    for start in range(0, len(targets), at_once):
        group = targets[start : start + at_once]
        head = _SeriesHead(network, visit, days)
        cam = _UnscaledGradCAM(head, features)
        try:
            # The caller may have switched gradients off, which holds for its whole thread.
            with torch.enable_grad():
                rows = means.repeat(len(group), 1, 1, 1)  # (R*N, F, 1, 1)
                maps.append(cam(rows, [ClassifierOutputTarget(target) for target in group]))
        finally:
            # Not the library's `with`: that swallows an IndexError.
            cam.activations_and_grads.release()
    return np.concatenate(maps)


def scale_jointly(raw: Maps) -> Maps:
    """Unscaled maps (K, N, h, w) to [0, 1] by each target's maximum over its whole series.

    Visits stay comparable, and a map that is zero everywhere stays zero.
    """
    top = raw.max(axis=(1, 2, 3), keepdims=True)
    return np.where(top > EMPTY, raw / np.maximum(top, EMPTY), 0).astype(np.float32)
