"""What training minimises: logit-adjusted cross-entropy of every photo and of every series."""

import torch
import torch.nn.functional as F
from torch import Tensor

from skinmodel.network import CnnLstm
from training.batches import Batch, Lesions
from training.config import TrainConfig
from training.layout import Layout


class TrainingFailed(RuntimeError):
    """Training cannot go on; the text says why."""


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
    network: CnnLstm, layout: Layout, config: TrainConfig, batch: Batch, log_prior: Tensor
) -> Tensor:
    """Every photo by itself, and every series after each further visit."""
    device = log_prior.device
    photos = config.preparation.normalise(batch.pixels.to(device))
    pooled = layout.features(network, photos)  # (N, F)
    labels, series = batch.labels.to(device), batch.series.to(device)

    def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
        adjusted = logits + log_prior
        if config.model.task == "binary":
            return F.binary_cross_entropy_with_logits(adjusted[..., 0], target.float())
        return F.cross_entropy(adjusted, target, label_smoothing=config.label_smoothing)

    alone = network.forward_pooled(pooled[:, None], labels.new_zeros(len(labels), 1))[:, 0]
    loss = cross_entropy(alone, labels)
    series = with_repeats(series, config.repeat_share)
    if series.shape[1] > 1:
        visit = torch.arange(series.shape[1], device=device).where(series >= 0, -1)
        later = network.forward_pooled(pooled[series.clamp(min=0)], visit)[:, 1:]
        real = series[:, 1:] >= 0
        if real.any():
            loss = loss + config.series_weight * cross_entropy(
                later[real], labels[series[:, 1:][real]]
            )
    return loss


def with_repeats(series: Tensor, share: float) -> Tensor:
    """Some single photos repeated as a series: the same photo again must change nothing."""
    if series.shape[1] < 3:
        series = F.pad(series, (0, 3 - series.shape[1]), value=-1)
    chosen = (series[:, 1] < 0) & (torch.rand(len(series), device=series.device) < share)
    repeated = series.clone()
    repeated[chosen, 1:3] = series[chosen, :1]
    return repeated
