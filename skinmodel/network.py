"""The network: a convolutional backbone per photo, an LSTM over the visits, dense layers on top.

A series of one visit is the single-photo path; there is no second one. The split into
`forward_features` and `forward_head` follows timm, and lets heat maps rerun only the small head.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from skinmodel.backbone import build, fold, through
from skinmodel.diagnoses import CODES
from skinmodel.lstm import StepLstm
from skinmodel.plain import tuples

DAY_INPUTS = 3  # known or not, log days since the first visit, log days since the one before
LARGEST_BATCH = 32  # photos times views at once: bounds the memory
LOG_TEN_YEARS = 8.2  # log1p(3650): brings the two day inputs to about [0, 1]


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to build a `CnnLstm` again; saved in the model's card.

    `backbone` is a torchvision name, or "conv" for a plain stack of convolutions with `filters`
    channels each. `task` "binary" means one output, malignant against the rest. `views`: over how
    many of a photo's eight mirror images and quarter turns a trained network averages its feature
    maps; 1, 2 (mirrored left to right) or 8.
    """

    backbone: str = "mobilenet_v2"
    filters: tuple[int, ...] = ()
    lstm_units: int = 256
    lstm_layers: int = 1
    dense_units: tuple[int, ...] = ()
    dropout: float = 0.2
    uses_days: bool = False
    task: Literal["multiclass", "binary"] = "multiclass"
    views: int = 1

    def __post_init__(self) -> None:
        if self.backbone == "conv" and not self.filters:
            raise ValueError('The backbone "conv" needs filters, for example (16, 32, 64).')
        if self.task not in ("multiclass", "binary"):
            raise ValueError(f"Unknown task {self.task!r}: multiclass or binary.")
        if self.lstm_units < 1 or self.lstm_layers < 1:
            raise ValueError("lstm_units and lstm_layers must be at least 1.")
        if self.views not in (1, 2, 8):
            raise ValueError("views must be 1, 2 or 8.")

    @property
    def outputs(self) -> int:
        """Number of logits."""
        return len(CODES) if self.task == "multiclass" else 1

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The config from a card's JSON (tuples are lists there); TypeError for unknown names."""
        return cls(**tuples(values))

    def to_dict(self) -> dict[str, Any]:
        """The config as plain values for JSON."""
        return asdict(self)


class CnnLstm(nn.Module):
    """Photos of one lesion to logits after each visit.

    Shapes: B series, P photos in the longest, T visits in the longest, F feature maps, E early
    ones, K outputs.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.views = config.views  # may be set to 1 where speed counts more than the last percent
        found = build(config.backbone, config.filters)
        self.backbone, width = found.layers, found.width
        self.early, self.early_width = found.early, found.early_width
        units = config.lstm_units
        self.lstm = StepLstm(
            width + DAY_INPUTS * config.uses_days,
            units,
            config.lstm_layers,
            batch_first=True,
            dropout=config.dropout if config.lstm_layers > 1 else 0.0,
        )
        self.shortcut = nn.Linear(width, units)  # around the LSTM, from the visits' mean features
        # How far the reading of the course counts against the mean of the visits read one by one,
        # which is the baseline that a sequence model has to beat. Half at first.
        self.course = nn.Parameter(torch.zeros(()))
        dense: list[nn.Module] = []
        for units_in, units_out in zip(
            (units, *config.dense_units), config.dense_units, strict=False
        ):
            dense += [nn.Linear(units_in, units_out), nn.ReLU(), nn.Dropout(config.dropout)]
        self.dense = nn.Sequential(nn.Dropout(config.dropout), *dense)
        self.classifier = nn.Linear((units, *config.dense_units)[-1], config.outputs)

    def forward_features(self, photos: Tensor) -> Tensor:
        """Photos (N, 3, H, W) to feature maps (N, F, h, w).

        In evaluation the mean over the photo's `views`, each map turned back. A lesion has no
        upright, and strided convolutions are not symmetric: their maps lie half a cell off, to a
        side that turns with the photo. With eight views, photos must be square.
        """
        return self.forward_intermediates(photos)[0]

    def forward_intermediates(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward_features`, and the early features (N, E) that were met on the way.

        They are means over the photo, and in evaluation over its views.
        """
        if self.training or self.views == 1:
            return through(self.backbone, photos, self.early)
        parts, means = [], []
        for few in photos.split(max(1, LARGEST_BATCH // self.views)):
            seen = torch.cat([_turned(few, view) for view in range(self.views)])
            maps, early = through(self.backbone, seen, self.early)
            each = maps.unflatten(0, (self.views, len(few)))
            back = [_turned_back(one, view) for view, one in enumerate(each)]
            parts.append(torch.stack(back).mean(dim=0))
            means.append(early.unflatten(0, (self.views, len(few))).mean(dim=0))
        return torch.cat(parts), torch.cat(means)

    def forward_head(self, features: Tensor, visit: Tensor, days: Tensor | None = None) -> Tensor:
        """Feature maps (B, P, F, h, w) to logits (B, T, K) from all photos up to each visit.

        `visit` (B, P) holds each photo's visit 0 … T-1, and -1 for padding, which never changes
        a result. `days` (B, T) holds days since the first visit, NaN where unknown, and is read
        only if `config.uses_days`.
        """
        return self.forward_pooled(features.mean(dim=(-2, -1)), visit, days)

    def forward_pooled(self, pooled: Tensor, visit: Tensor, days: Tensor | None = None) -> Tensor:
        """As `forward_head`, from features already pooled over the photo: (B, P, F).

        Each visit is read by itself, and the course up to it; the result lies between the mean
        probability of the visits so far and what the course says, both as logarithms.
        """
        visits, present = _mean_by_visit(pooled, visit)  # (B, T, F), (B, T)
        elapsed = _day_inputs(days, present) if self.config.uses_days else None
        each, course = self.lstm.each_and_course(visits, elapsed)
        direct = self.shortcut(visits)
        alone = self._logits(each + direct)  # as if each were the first
        if visits.shape[1] == 1:
            return alone
        # Causal, so padding at the end reaches no earlier visit. The shortcut is linear, so the
        # mean of its answers is its answer to the mean.
        count = torch.arange(1, visits.shape[1] + 1, device=visits.device, dtype=visits.dtype)
        together = self._logits(course + direct.cumsum(dim=1) / count[:, None])
        share = self.course.sigmoid()
        later = share * together + (1 - share) * _mean_so_far(alone)
        return torch.cat([alone[:, :1], later[:, 1:]], dim=1)

    def _logits(self, states: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.dense(states))
        return logits

    def forward(self, photos: Tensor, visit: Tensor, days: Tensor | None = None) -> Tensor:
        """Photos (B, P, 3, H, W) to logits (B, T, K); the backbone never sees padding."""
        real = visit >= 0
        maps = self.forward_features(photos[real])  # (N, F, h, w)
        pooled = maps.new_zeros(*visit.shape, maps.shape[1])
        pooled[real] = maps.mean(dim=(-2, -1))
        return self.forward_pooled(pooled, visit, days)


def _turned(photos: Tensor, view: int) -> Tensor:
    """One of the eight views of photos (..., H, W): mirrored if odd, after view // 2 turns."""
    turned = torch.rot90(photos, view // 2, (-2, -1))
    return turned.flip(-1) if view % 2 else turned


def _turned_back(maps: Tensor, view: int) -> Tensor:
    """Undoes `_turned`."""
    return torch.rot90(maps.flip(-1) if view % 2 else maps, -(view // 2), (-2, -1))


def for_use(network: CnnLstm) -> CnnLstm:
    """The network in evaluation and frozen, batch norm folded into the convolutions, in place.

    Results stay equal within rounding. It can no longer be trained or saved. On one core folding
    and the channels-last order together take a third off MobileNetV2's time, a quarter off
    EfficientNet-B0's and a sixth off ResNet-18's.
    """
    network.eval().requires_grad_(False)
    fold(network.backbone)
    network.backbone.to(memory_format=torch.channels_last)
    return network.requires_grad_(False)


def load_backbone(network: CnnLstm, weights: Mapping[str, Tensor]) -> None:
    """Fill the backbone from torchvision's own weights for the whole classifier.

    ValueError if a tensor of the backbone is missing or has another shape.
    """
    prefix = "features." if any(name.startswith("features.") for name in weights) else ""
    own = network.backbone.state_dict()
    state = {name: weights[prefix + name].float() for name in own if prefix + name in weights}
    # A published file may leave out the batch counters, which nothing reads in evaluation.
    missing = [n for n in own if n not in state and not n.endswith("num_batches_tracked")]
    if missing:
        raise ValueError(
            f"These are not weights for {network.config.backbone}: {missing[0]} is missing."
        )
    wrong = [n for n, tensor in state.items() if tensor.shape != own[n].shape]
    if wrong:
        raise ValueError(
            f"These are not weights for {network.config.backbone}: {wrong[0]} has another shape."
        )
    network.backbone.load_state_dict(state, strict=False)


def _mean_by_visit(pooled: Tensor, visit: Tensor) -> tuple[Tensor, Tensor]:
    """Mean features of each visit's photos (B, T, F) and which visits exist (B, T)."""
    visits = int(visit.max()) + 1
    belongs = (
        visit[:, None, :] == torch.arange(visits, device=visit.device)[None, :, None]
    )  # (B, T, P)
    count = belongs.sum(dim=-1, keepdim=True)  # (B, T, 1)
    weights = belongs.to(pooled.dtype) / count.clamp(min=1)
    return weights @ pooled, count[..., 0] > 0


def _mean_so_far(logits: Tensor) -> Tensor:
    """Logits of the mean probabilities of the visits up to each (B, T, K), from each visit's.

    What is added to all logits alike is averaged, so that equal visits give their own logits.
    """
    single = logits.shape[-1] == 1
    if single:
        logits = torch.cat([logits, torch.zeros_like(logits)], dim=-1)
    count = torch.arange(1, logits.shape[1] + 1, device=logits.device, dtype=logits.dtype)
    common = logits.logsumexp(dim=-1, keepdim=True)  # (B, T, 1)
    mean = torch.logcumsumexp(logits - common, dim=1)
    if single:
        return mean[..., :1] - mean[..., 1:]
    return mean + common.cumsum(dim=1) / count[:, None] - count.log()[:, None]


def _day_inputs(days: Tensor | None, present: Tensor) -> Tensor:
    """Elapsed days as network inputs (B, T, 3); all zeros where unknown and at the first visit."""
    if days is None:
        return torch.zeros(*present.shape, DAY_INPUTS, device=present.device)
    before = torch.cat([torch.full_like(days[:, :1], torch.nan), days[:, :-1]], dim=1)
    known = present & ~days.isnan() & ~before.isnan()
    since_first = torch.where(known, days, 0.0).clamp(min=0).log1p() / LOG_TEN_YEARS
    since_last = torch.where(known, days - before, 0.0).clamp(min=0).log1p() / LOG_TEN_YEARS
    return torch.stack([known.to(days.dtype), since_first, since_last], dim=-1)
