"""An LSTM whose evaluation costs as little as its arithmetic."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class StepLstm(nn.LSTM):
    """torch's LSTM, in evaluation taken one step at a time; equal within rounding.

    Inputs are (B, T, F). torch's fused CPU kernel puts its weights into another order at every
    call, 2.7 ms for 1280 inputs and 256 units against 0.3 for one step without it, and in its
    backward pass computes gradients for frozen weights: 16 ms against 1 to 4. cuDNN's kernel has
    no backward pass in evaluation at all.
    """

    def forward(self, inputs: Tensor) -> tuple[Tensor, object]:  # type: ignore[override]
        """States of the last layer (B, T, U) and, in training alone, torch's closing state."""
        if self.training:
            states, closing = super().forward(inputs)
            return states, closing
        for layer in range(self.num_layers):
            inputs = self._layer(layer, inputs)
        return inputs, None

    def each_and_course(self, steps: Tensor, more: Tensor | None) -> tuple[Tensor, Tensor]:
        """States (B, T, U) of each step read by itself, and of all steps up to each.

        `more` (B, T, M) are the last of the inputs, which are zero for a step read by itself and
        for every first step.
        """
        rows, count, width = steps.shape
        if self.training or count == 1:
            single = steps if more is None else F.pad(steps, (0, more.shape[2]))
            each = self(single.flatten(0, 1)[:, None])[0].view(rows, count, -1)
            if count == 1:
                return each, each
            return each, self(steps if more is None else torch.cat([steps, more], dim=-1))[0]
        # What the first layer makes of its inputs is most of the arithmetic, and serves both.
        weight_in, weight, bias = self._weights(0)
        projected = F.linear(steps, weight_in[:, :width], bias)
        each = _states(projected.flatten(0, 1)[:, None], weight)
        if more is not None:
            projected = projected + F.linear(more, weight_in[:, width:])
        course = _states(projected, weight)
        for layer in range(1, self.num_layers):
            each, course = self._layer(layer, each), self._layer(layer, course)
        return each.view(rows, count, -1), course

    def _layer(self, layer: int, inputs: Tensor) -> Tensor:
        weight_in, weight, bias = self._weights(layer)
        return _states(F.linear(inputs, weight_in, bias), weight)  # all steps at once

    def _weights(self, layer: int) -> tuple[Tensor, Tensor, Tensor]:
        """A layer's weights of inputs (4U, F) and states (4U, U), and its bias (4U,)."""
        weight_in, weight, bias_in, bias = (
            getattr(self, f"{name}_l{layer}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        return weight_in, weight, bias_in + bias


def _states(projected: Tensor, weight: Tensor) -> Tensor:
    """States (B, T, U) after each step, from what a layer makes of its inputs (B, T, 4U)."""
    hidden = cell = projected.new_zeros(len(projected), weight.shape[1])
    states = []
    for number, step in enumerate(projected.unbind(dim=1)):
        gates = step + F.linear(hidden, weight) if number else step  # the first state is 0
        add, keep, new, show = gates.chunk(4, dim=1)
        cell = keep.sigmoid() * cell + add.sigmoid() * new.tanh()
        hidden = show.sigmoid() * cell.tanh()
        states.append(hidden)
    return torch.stack(states, dim=1)
