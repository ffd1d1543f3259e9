"""Heat maps: equal to the library's own, one call or many, scaled over a series."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from skinmodel import gradcam
from skinmodel.gradcam import heat_maps, scale_jointly
from skinmodel.network import CnnLstm

Make = Callable[..., CnnLstm]


class Whole(nn.Module):
    """The whole network for single photos, as the library's documentation would wrap it."""

    def __init__(self, network: CnnLstm) -> None:
        super().__init__()
        self.network = network

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        visit = torch.zeros(len(photos), 1, dtype=torch.long)
        logits: torch.Tensor = self.network(photos[:, None], visit)[:, -1]
        return logits


@pytest.fixture
def network(make_network: Make) -> CnnLstm:
    return make_network().requires_grad_(False)


@pytest.mark.parametrize("changes", [{}, {"lstm_layers": 2}, {"uses_days": True}])
def test_single_photo_maps_are_the_librarys_own(
    make_network: Make, changes: dict[str, int]
) -> None:
    photo = torch.randn(1, 3, 48, 48)
    textbook = make_network(**changes)
    network = make_network(**changes).requires_grad_(False)
    with torch.no_grad():
        features = network.forward_features(photo)
    ours = heat_maps(network, features, torch.tensor([0]), targets=range(8))
    shown = 0
    for target in range(8):
        with GradCAM(Whole(textbook), [textbook.backbone[-1]]) as cam:
            theirs = cam(photo, [ClassifierOutputTarget(target)])
        scaled = scale_cam_image(scale_cam_image(ours[target], (48, 48)))
        np.testing.assert_allclose(scaled, theirs, atol=1e-4)
        shown += theirs.max() > 0
    assert shown >= 2  # the others have nothing but evidence against them


def test_series_maps_are_the_gradient_of_the_last_visit(network: CnnLstm) -> None:
    visit = torch.tensor([0, 1, 1, 2])
    features = torch.rand(4, 12, 6, 6)
    found = heat_maps(network, features, visit, targets=[3])[0]
    leaf = features.clone().requires_grad_(True)
    network.forward_head(leaf[None], visit[None])[0, -1, 3].backward()
    assert leaf.grad is not None
    weights = leaf.grad.mean(dim=(2, 3), keepdim=True)
    expected = (weights * features).sum(dim=1).clamp(min=0)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)
    assert found.max() > 0


@pytest.mark.parametrize("limit", [1, 80, 10**9])
def test_one_call_equals_eight(
    network: CnnLstm, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, visit = torch.rand(3, 12, 6, 6), torch.arange(3)
    each = [heat_maps(network, features, visit, targets=[k])[0] for k in range(8)]
    monkeypatch.setattr(gradcam, "CALL_LIMIT", limit)
    together = heat_maps(network, features, visit, targets=range(8))
    np.testing.assert_allclose(together, np.stack(each), atol=1e-5)
    assert any(not np.allclose(each[0], other, atol=1e-3) for other in each[1:])


def test_nothing_shared_is_touched(network: CnnLstm) -> None:
    features = torch.rand(3, 12, 6, 6)
    with torch.no_grad():  # as it is in the caller's thread
        heat_maps(network, features, torch.arange(3), targets=range(8))
    assert all(not module._forward_hooks for module in network.modules())
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())
    assert not features.requires_grad
    assert not network.training


def test_a_failing_target_is_not_swallowed(network: CnnLstm) -> None:
    with pytest.raises(IndexError):
        heat_maps(network, torch.rand(1, 12, 6, 6), torch.tensor([0]), targets=[8])


def test_maps_are_scaled_over_the_series() -> None:
    raw = np.zeros((3, 2, 2, 2), dtype=np.float32)
    raw[0, 0, 0, 0], raw[0, 1, 0, 0] = 4, 1
    raw[2, 0, 0, 0] = 1e-9  # rounding noise
    scaled = scale_jointly(raw)
    assert scaled[0, 0, 0, 0] == 1
    assert scaled[0, 1, 0, 0] == 0.25
    assert scaled[1:].max() == 0
    assert scaled.dtype == np.float32
