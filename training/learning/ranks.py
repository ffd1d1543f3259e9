"""Several processes as one trainer: each takes its share of the photos, all keep equal weights.

Started by torchrun, over gloo on CPUs and NCCL on GPUs. A batch is split by photos; their features
are gathered, so that every process computes the same head and the same loss as one process would.
Gradients are summed over the processes. Batch norm uses the statistics of the whole batch, so the
number of processes changes nothing but rounding.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.learning.config import TrainingFailed

SILENCE = timedelta(minutes=10)  # a machine that was lost says nothing for longer than this
WORKING, READY = 1, 0


@dataclass(frozen=True)
class Ranks:
    """This process among those of one run; one process alone by default."""

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def writes(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def share(self, total: int) -> slice:
        """This process's part of so many things in a row; the parts differ by one at most."""
        return slice(self.rank * total // self.count, (self.rank + 1) * total // self.count)

    def gather(self, mine: Tensor, total: int) -> Tensor:
        """All rows (total, ...) from each process's share of them.

        Gradients reach this process's own rows; the other processes see to theirs.
        """
        if self.count == 1:
            return mine
        rows = mine.detach().new_zeros(math.ceil(total / self.count), *mine.shape[1:])
        rows[: len(mine)] = mine.detach()
        parts = [torch.empty_like(rows) for _ in range(self.count)]
        with together():
            dist.all_gather(parts, rows)
        whole = []
        for rank, part in enumerate(parts):
            own = Ranks(rank, self.count).share(total)
            whole.append(mine if rank == self.rank else part[: own.stop - own.start])
        return torch.cat(whole)

    def sum_gradients(self, backbone: nn.Module, network: nn.Module) -> None:
        """Add up the backbone's gradients; all others are equal already but for rounding."""
        if self.count == 1:
            return
        shared = {id(parameter) for parameter in backbone.parameters()}
        learning = [p for p in network.parameters() if p.grad is not None]
        gradients = [p.grad for p in learning if p.grad is not None]
        weights = [1.0 if id(p) in shared else 1 / self.count for p in learning]
        flat = torch.cat([(g * w).flatten() for g, w in zip(gradients, weights, strict=True)])
        parts = summed(flat).split([g.numel() for g in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def any(self, flag: bool) -> bool:
        """Whether it is so for any process."""
        if self.count == 1:
            return flag
        flags = torch.tensor([int(flag)])
        with together():
            dist.all_reduce(flags, dist.ReduceOp.MAX)
        return bool(flags)

    def told(self, number: int) -> int:
        """The first process's number."""
        if self.count == 1:
            return number
        numbers = torch.tensor([number])
        with together():
            dist.broadcast(numbers, 0)
        return int(numbers)

    def wait(self) -> None:
        """In all but the first process: wait while it works alone, until `told(READY)`."""
        while self.told(READY) == WORKING:
            pass


ALONE = Ranks()


@contextmanager
def joined() -> Iterator[Ranks]:
    """The processes that torchrun started, met and parted again; without torchrun, this one."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    device = accelerator or torch.device("cpu")
    if not dist.is_torchelastic_launched():
        yield Ranks(device=device)
        return
    if accelerator:
        local = dist.get_node_local_rank()
        if local >= torch.accelerator.device_count():
            raise TrainingFailed(
                f"There are more processes than GPUs ({torch.accelerator.device_count()})."
            )
        torch.accelerator.set_device_index(local)
        device = torch.device(accelerator.type, local)
    # gloo carries what stays on the CPU on a GPU machine, too: it notices at once when one ends.
    gpu = accelerator is not None and accelerator.type == "cuda"
    with together("The processes of this run could not find each other."):
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=SILENCE)
    yield Ranks(dist.get_rank(), dist.get_world_size(), device)
    # Only here: after an error the others may never answer again.
    dist.destroy_process_group()


def summed(values: Tensor) -> Tensor:
    """The sum over all processes; `values` is overwritten."""
    with together():
        dist.all_reduce(values)
    return values


@contextmanager
def together(
    sentence: str = "Another process of this run ended, so this one stops;"
    " what the other printed says why.",
) -> Iterator[None]:
    """Turns the failure of a common operation into TrainingFailed with this sentence."""
    try:
        yield
    except RuntimeError as error:  # gloo has no finer one
        raise TrainingFailed(sentence) from error
