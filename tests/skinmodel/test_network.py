"""The network: padding, visits, days, and one photo as a series of one."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch

from skinmodel.backbone import BACKBONES
from skinmodel.lstm import StepLstm
from skinmodel.network import CnnLstm, ModelConfig, for_use, load_backbone

Make = Callable[..., CnnLstm]
# What is wide before the photo's resolution is halved for the last time.
EARLY_WIDTHS = {
    "efficientnet_lite0": 112, "efficientnet_lite1": 112, "efficientnet_lite2": 120,
    "mobilenet_v2": 96, "resnet18": 256, "resnet50": 1024, "efficientnet_b0": 112,
    "convnext_tiny": 384, "conv": 4,
}  # fmt: skip
TIGHT = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture
def features() -> torch.Tensor:
    return torch.rand(5, 12, 3, 3)


@pytest.mark.parametrize("uses_days", [False, True])
@torch.no_grad()
def test_padding_never_changes_a_result(
    make_network: Make, features: torch.Tensor, uses_days: bool
) -> None:
    network = make_network(uses_days=uses_days)
    visit = torch.tensor([0, 1, 1, 2, 2])
    days = torch.tensor([[0.0, 30.0, 400.0]])
    expected = network.forward_head(features[None], visit[None], days)
    padded = torch.full((3, 9, 12, 3, 3), 1e4)
    place = torch.full((3, 9), -1)
    padded[0, 4:] = features  # padding in front of, and another series longer than, this one
    place[0, 4:] = visit
    place[1] = torch.arange(9)
    place[2, 0] = 0
    long_days = torch.full((3, 9), 77.0)
    long_days[0, :3] = days
    found = network.forward_head(padded, place, long_days)
    torch.testing.assert_close(found[:1, :3], expected, **TIGHT)


@torch.no_grad()
def test_padding_never_reaches_the_backbone(make_network: Make) -> None:
    network = make_network()
    photos = torch.rand(2, 3, 3, 16, 16)
    visit = torch.tensor([[0, 1, 2], [0, -1, -1]])
    expected = network(photos, visit)
    photos[1, 1:] = float("nan")
    torch.testing.assert_close(network(photos, visit)[0], expected[0], **TIGHT)
    torch.testing.assert_close(network(photos, visit)[1, 0], expected[1, 0], **TIGHT)


@torch.no_grad()
def test_one_photo_is_a_series_of_one(make_network: Make, features: torch.Tensor) -> None:
    network = make_network()
    first = network.forward_head(features[None], torch.arange(5)[None])[0, 0]
    alone = network.forward_head(features[None, :1], torch.zeros(1, 1, dtype=torch.long))[0, 0]
    torch.testing.assert_close(first, alone, **TIGHT)


@torch.no_grad()
def test_later_visits_do_not_reach_earlier_ones(make_network: Make, features: torch.Tensor) -> None:
    network = make_network()
    whole = network.forward_head(features[None], torch.arange(5)[None])[0]
    for visits in range(1, 5):
        part = network.forward_head(features[None, :visits], torch.arange(visits)[None])[0]
        torch.testing.assert_close(part, whole[:visits], **TIGHT)
    assert all((a - b).abs().max() > 1e-4 for a, b in pairwise(whole))


@torch.no_grad()
def test_the_order_within_a_visit_does_not_matter(
    make_network: Make, features: torch.Tensor
) -> None:
    network = make_network()
    order = torch.tensor([2, 0, 1, 4, 3])
    visit = torch.tensor([[0, 0, 0, 1, 1]])
    torch.testing.assert_close(
        network.forward_head(features[None], visit),
        network.forward_head(features[order][None], visit),
        **TIGHT,
    )


@pytest.mark.parametrize("task", ["multiclass", "binary"])
@torch.no_grad()
def test_where_the_course_counts_nothing_probabilities_are_averaged(
    make_network: Make, features: torch.Tensor, task: str
) -> None:
    network = make_network(task=task)
    was = network.course.clone()
    network.course.fill_(-40)
    alone = network.forward_head(features[:, None], torch.zeros(5, 1, dtype=torch.long))[:, 0]
    logits = network.forward_head(features[None], torch.arange(5)[None])[0]
    network.course.copy_(was)

    def probabilities(of: torch.Tensor) -> torch.Tensor:
        return of.softmax(dim=-1) if task == "multiclass" else of.sigmoid()

    mean = probabilities(alone).cumsum(dim=0) / torch.arange(1, 6)[:, None]
    torch.testing.assert_close(probabilities(logits), mean, **TIGHT)


@torch.no_grad()
def test_days_matter_only_where_they_are_used(make_network: Make, features: torch.Tensor) -> None:
    soon, late = torch.arange(5.0)[None], torch.arange(5.0)[None] * 700
    for uses_days in (False, True):
        network = make_network(uses_days=uses_days)
        results = [
            network.forward_head(features[None], torch.arange(5)[None], d) for d in (soon, late)
        ]
        assert torch.equal(*results) is not uses_days


@torch.no_grad()
def test_unknown_days_are_as_no_days(make_network: Make, features: torch.Tensor) -> None:
    network = make_network(uses_days=True)
    visit = torch.arange(5)[None]
    unknown = network.forward_head(features[None], visit, torch.full((1, 5), float("nan")))
    torch.testing.assert_close(unknown, network.forward_head(features[None], visit), **TIGHT)
    assert unknown.isfinite().all()


@torch.no_grad()
def test_ten_years_between_visits_stay_finite(make_network: Make, features: torch.Tensor) -> None:
    network = make_network(uses_days=True)
    days = torch.tensor([[0.0, 0.0, 1.0, 3650.0, 36500.0]])
    assert network.forward_head(features[None], torch.arange(5)[None], days).isfinite().all()


def test_a_binary_network_has_one_output(make_network: Make, features: torch.Tensor) -> None:
    network = make_network(task="binary")
    assert network.forward_head(features[None], torch.arange(5)[None]).shape == (1, 5, 1)


@pytest.mark.parametrize("backbone", [name for name in BACKBONES if name != "conv"])
@torch.no_grad()
def test_torchvision_backbones_fit(backbone: str) -> None:
    network = CnnLstm(ModelConfig(backbone=backbone, lstm_units=8)).eval()
    logits = network(torch.zeros(1, 2, 3, 64, 64), torch.arange(2)[None])
    assert logits.shape == (1, 2, 8)
    assert logits.isfinite().all()


@pytest.mark.parametrize("backbone", BACKBONES)
@torch.no_grad()
def test_a_network_for_use_gives_the_same_results(backbone: str) -> None:
    config = ModelConfig(backbone=backbone, filters=(4, 8), lstm_units=8)
    network = CnnLstm(config)
    assert network.early_width == EARLY_WIDTHS[backbone]
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # or folding would have nothing to do
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.7, 1.3)
            module.weight.uniform_(0.7, 1.3)
            module.bias.uniform_(-0.1, 0.1)
    photos = torch.rand(3, 3, 64, 64)
    expected, expected_early = network.eval().forward_intermediates(photos)
    torch.testing.assert_close(network.backbone(photos), expected, **TIGHT)
    assert expected_early.shape == (3, network.early_width)
    folded = for_use(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    found, early = folded.forward_intermediates(photos)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.std()))
    close = 1e-4 * float(expected_early.std())
    torch.testing.assert_close(early, expected_early, rtol=1e-4, atol=close)


@pytest.mark.parametrize("layers", [1, 2])
def test_steps_are_torchs_own_lstm(layers: int) -> None:
    lstm = StepLstm(6, 5, layers, batch_first=True)
    inputs = torch.randn(2, 4, 6)
    expected, _ = lstm.train()(inputs)  # torch's kernel; without dropout the modes are equal
    found, _ = lstm.eval()(inputs)
    torch.testing.assert_close(found, expected, **TIGHT)


@pytest.mark.parametrize(
    "values", [{"backbone": "conv"}, {"task": "other"}, {"lstm_units": 0}, {"lstm_layers": 0}]
)
def test_a_config_without_sense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        ModelConfig(**values)  # type: ignore[arg-type]


def test_a_config_survives_json() -> None:
    config = ModelConfig(backbone="conv", filters=(4, 8), dense_units=(3,), uses_days=True)
    as_json = {k: list(v) if isinstance(v, tuple) else v for k, v in config.to_dict().items()}
    assert ModelConfig.from_dict(as_json) == config
    with pytest.raises(TypeError):
        ModelConfig.from_dict(as_json | {"colour": "red"})


def test_backbone_weights_are_checked(make_network: Make) -> None:
    source, network = make_network(), make_network()
    weights = {f"features.{n}": t.clone() + 1 for n, t in source.backbone.state_dict().items()}
    load_backbone(network, weights)
    first = next(network.backbone.parameters())
    assert torch.equal(first, weights["features.0.weight"])
    with pytest.raises(ValueError, match="another shape"):
        load_backbone(network, weights | {"features.0.weight": torch.zeros(1)})
    del weights["features.0.weight"]
    with pytest.raises(ValueError, match="missing"):
        load_backbone(network, weights)


def test_eight_views_see_a_turned_photo_alike() -> None:
    """Turning or mirroring the photo turns the maps with it and leaves every logit as it is."""
    config = ModelConfig(backbone="conv", filters=(6, 8), lstm_units=8, views=8)
    network = CnnLstm(config).eval()
    photo = torch.rand(5, 3, 32, 32)
    visit = torch.zeros(5, 1, dtype=torch.long)
    with torch.inference_mode():
        maps, early = network.forward_intermediates(photo)
        turned, same = network.forward_intermediates(torch.rot90(photo, 1, (-2, -1)).flip(-1))
        torch.testing.assert_close(early, same)
        torch.testing.assert_close(torch.rot90(maps, 1, (-2, -1)).flip(-1), turned)
        torch.testing.assert_close(
            network.forward_head(maps[:, None], visit), network.forward_head(turned[:, None], visit)
        )
        network.views = 1
        alone, unlike = network.forward_intermediates(photo)
    assert not torch.allclose(early, unlike)
    assert not torch.allclose(maps, alone)


def test_only_whole_sets_of_views_are_allowed() -> None:
    with pytest.raises(ValueError, match="1, 2 or 8"):
        ModelConfig(views=3)
