"""What training minimises: logit-adjusted cross-entropy of every photo and of every series."""

from math import nan

import torch
import torch.nn.functional as F
from torch import Tensor

from skinmodel.network import CnnLstm
from training.learning.batches import NO_LABEL, Batch, Lesions
from training.learning.config import TrainConfig, TrainingFailed
from training.learning.layout import Layout
from training.learning.ranks import ALONE, Ranks
from training.learning.teachers import NOBODY, Teachers

Outputs = tuple[slice | Tensor | int, ...]


def class_shares(lesions: Lesions, outputs: int) -> Tensor:
    """Each class's share of the photos (K,); for one output, the log-odds' two shares as (1,)."""
    weight = torch.tensor([float(len(photos)) for photos in lesions.photos])
    labels = torch.tensor(lesions.labels)
    counts = torch.zeros(max(outputs, 2)).index_add(0, labels, weight)
    if (counts == 0).any():
        raise TrainingFailed("Every diagnosis needs at least one lesion to train on.")
    shares = counts / counts.sum()
    return shares if outputs > 1 else (shares[1] / shares[0])[None]


def batch_loss(
    network: CnnLstm,
    layout: Layout,
    config: TrainConfig,
    batch: Batch,
    log_prior: Tensor,
    ranks: Ranks = ALONE,
    teachers: Teachers = NOBODY,
) -> Tensor:
    """Every photo by itself, and every series after each further visit.

    Each process brings the features of its own photos, and all compute the loss of the whole batch.
    """
    device = log_prior.device
    photos = batch.photos.to(device, non_blocking=True)
    pooled = photos  # features already if the head alone learns
    if config.learns == "all":
        pooled = layout.features(network, config.preparation.normalise(photos))
    pooled = ranks.gather(pooled, len(batch.labels))  # (N, F)
    labels = batch.labels.to(device, non_blocking=True)
    taught = teachers.pooled(photos, ranks, len(labels))
    taught_share = config.taught if taught else 0.0

    def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
        adjusted = logits + log_prior
        if config.model.task == "binary":
            known = (target != NO_LABEL).float()
            return F.binary_cross_entropy_with_logits(adjusted[..., 0], target * known, known)
        summed = F.cross_entropy(
            adjusted, target, label_smoothing=config.label_smoothing, reduction="sum"
        )
        return summed / len(target)

    def objective(
        series: Tensor, visit: Tensor, days: Tensor | None, counted: Outputs, target: Tensor
    ) -> Tensor:
        logits = network.forward_pooled(pooled[series], visit, days)[counted]
        loss = (1 - taught_share) * cross_entropy(logits, target)
        if taught:
            answers = teachers.logits(taught, series, visit, days)[counted]
            loss = loss + taught_share * following(logits, answers, config.softness)
        return loss

    one = torch.arange(len(labels), device=device)[:, None]
    first = (slice(None), 0)
    loss = objective(one, torch.zeros_like(one), None, first, labels)
    series, visit, days = with_repeats(batch, config.repeat_share)
    if visit.max() > 0:
        # Which outputs count is worked out before the tensors leave the CPU: asking a GPU waits.
        visits = visit.amax(dim=1)  # (B,), without the first
        real = torch.arange(1 + int(visits.max())) <= visits[:, None]
        real[:, 0] = False
        counted = tuple(index.to(device) for index in real.nonzero(as_tuple=True))
        series, visit, days = (t.to(device, non_blocking=True) for t in (series, visit, days))
        owners = labels[series[counted[0], 0]]
        later = objective(series.clamp(min=0), visit, days, counted, owners)
        loss = loss + config.series_weight * later
    return loss


def following(logits: Tensor, answers: Tensor, softness: float) -> Tensor:
    """How far logits (N, K) are from a teacher's (Hinton et al. 2015), as cross-entropy or above.

    Both at a temperature of `softness`, whose square keeps the gradient's size.
    """
    ours, theirs = logits / softness, answers / softness
    if logits.shape[-1] == 1:
        apart = F.binary_cross_entropy_with_logits(ours, theirs.sigmoid())
    else:
        apart = F.cross_entropy(ours, theirs.softmax(dim=-1))
    return softness**2 * apart


def with_repeats(batch: Batch, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Series, visits and days, some single photos repeated as series of three undated visits.

    The same photo again must change nothing.
    """
    more = max(0, 3 - batch.series.shape[1])
    series, visit = (
        F.pad(batch.series, (0, more), value=-1),
        F.pad(batch.visit, (0, more), value=-1),
    )
    chosen = (series[:, 1] < 0) & (torch.rand(len(series)) < share)
    series[chosen, :3] = series[chosen, :1]
    visit[chosen, :3] = torch.arange(3)
    days = F.pad(batch.days, (0, max(0, int(visit.max()) + 1 - batch.days.shape[1])), value=nan)
    days[chosen] = nan
    return series, visit, days
