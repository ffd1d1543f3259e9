"""What heat maps cost, beside the bare network and beside the grad-cam library's default use.

One thread, MobileNetV2, LSTM of 256, input 192: random weights, for time does not depend on them.
All arms start from prepared photos; ours ends with scaled maps, as the library's default does.
"""

import argparse
import copy
import sys
from collections.abc import Callable

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from benchmarks.sidebyside import side_by_side
from skinmodel.diagnoses import CODES
from skinmodel.gradcam import Maps, heat_maps, scale_jointly
from skinmodel.network import CnnLstm, ModelConfig, for_use

SIZE = 192
LIMITS = {3: (1.25, 1.4), 1: (1.8, 2.1)}  # photos -> most for one map, for all eight


class Whole(nn.Module):
    """The whole network as the library wants a model: photos (N, 3, H, W) to logits (1, K)."""

    def __init__(self, network: CnnLstm) -> None:
        super().__init__()
        self.network = network

    def forward(self, photos: Tensor) -> Tensor:
        visit = torch.arange(len(photos))[None]
        logits: Tensor = self.network(photos[None], visit)[:, -1]
        return logits


def measure(photos: int, *, rounds: int) -> dict[str, float]:
    """Median seconds of each arm for a series of `photos` visits of one photo."""
    torch.manual_seed(0)
    network = CnnLstm(ModelConfig()).eval().requires_grad_(False)
    textbook = Whole(CnnLstm(ModelConfig()).eval())
    network = for_use(copy.deepcopy(textbook.network))  # as a model is loaded
    pictures = torch.randn(photos, 3, SIZE, SIZE)
    visit = torch.arange(photos)

    def bare() -> Tensor:
        with torch.no_grad():
            logits: Tensor = network(pictures[None], visit[None])
            return logits

    def ours(targets: range) -> Callable[[], tuple[Tensor, Maps]]:
        def run() -> tuple[Tensor, Maps]:
            with torch.no_grad():
                features = network.forward_features(pictures)
                logits = network.forward_head(features[None], visit[None])
            return logits, scale_jointly(heat_maps(network, features, visit, targets=targets))

        return run

    def library(targets: range) -> Callable[[], object]:
        def run() -> object:
            with torch.no_grad():
                logits = textbook(pictures)
            maps = []
            for target in targets:
                with GradCAM(textbook, [textbook.network.backbone[-1]]) as cam:
                    maps.append(cam(pictures, [ClassifierOutputTarget(target)]))
            return logits, np.stack(maps)

        return run

    everything = range(len(CODES))
    arms: dict[str, Callable[[], object]] = {
        "bare": bare,
        "one": ours(range(1)),
        "eight": ours(everything),
        "library one": library(range(1)),
        "library eight": library(everything),
    }
    return side_by_side(arms, rounds=rounds)


def main() -> int:
    """Prints the ratios to a bare forward pass; 1 if ours cost more than they may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    missed = False
    print("Prediction with heat maps, as a multiple of a bare forward pass")
    for photos, limits in LIMITS.items():
        seconds = measure(photos, rounds=rounds)
        for name, limit in zip(("one", "eight"), limits, strict=True):
            ratio = seconds[name] / seconds["bare"]
            library = seconds[f"library {name}"] / seconds["bare"]
            missed |= ratio > limit
            print(
                f"{photos} photo(s), {name} map(s): {ratio:.2f} (at most {limit}),"
                f" library's default use {library:.2f}; bare {seconds['bare'] * 1000:.0f} ms"
            )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
