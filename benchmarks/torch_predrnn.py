"""PyTorch counterpart of vgjax's PredRNN, for speed.

Written from OpenSTL's published design, in eager PyTorch as a practitioner would write it: channels first,
no compilation. It takes frames [batch, time, channels, height, width] in [0, 1].
"""

import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, size):
  """A convolution of unchanged size, without bias."""
  return nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)


class SpatioTemporalLSTM(nn.Module):
  """The ST-LSTM cell: two memories, c of its layer and m that passes through all layers."""

  def __init__(self, inputs, hidden, kernel_size):
    super().__init__()
    self.from_input = conv(inputs, 7 * hidden, kernel_size)
    self.from_hidden = conv(hidden, 4 * hidden, kernel_size)
    self.from_memory = conv(hidden, 3 * hidden, kernel_size)
    self.output_gate = conv(2 * hidden, hidden, kernel_size)
    self.output = conv(2 * hidden, hidden, 1)

  def forward(self, x, h, c, m):
    xi, xf, xg, xim, xfm, xgm, xo = self.from_input(x).chunk(7, 1)
    hi, hf, hg, ho = self.from_hidden(h).chunk(4, 1)
    mi, mf, mg = self.from_memory(m).chunk(3, 1)
    c = torch.sigmoid(xf + hf + 1) * c + torch.sigmoid(xi + hi) * torch.tanh(xg + hg)
    m = torch.sigmoid(xfm + mf + 1) * m + torch.sigmoid(xim + mi) * torch.tanh(xgm + mg)
    both = torch.cat([c, m], 1)
    o = torch.sigmoid(xo + ho + self.output_gate(both))
    return o * torch.tanh(self.output(both)), c, m


class PredRNN(nn.Module):
  """Four ST-LSTM layers; OpenSTL's setting for Moving MNIST."""

  def __init__(self, channels=1, hidden=128, layers=4, kernel_size=5, patch=4):
    super().__init__()
    self.patch, self.hidden = patch, hidden
    inputs = channels * patch * patch
    self.cells = nn.ModuleList(
      SpatioTemporalLSTM(hidden if layer else inputs, hidden, kernel_size) for layer in range(layers)
    )
    self.head = conv(hidden, inputs, 1)

  def forward(self, frames, mask):
    """Predicts frames 1.. of [batch, time, channels, height, width]; mask [batch, time, 1, 1, 1]."""
    batch, time, channels, height, width = frames.shape
    patches = F.pixel_unshuffle(frames.flatten(0, 1), self.patch)
    patches = patches.reshape(batch, time, *patches.shape[1:])
    m = frames.new_zeros(batch, self.hidden, height // self.patch, width // self.patch)
    h, c = [m] * len(self.cells), [m] * len(self.cells)
    prediction, predictions = torch.zeros_like(patches[:, 0]), []
    for t in range(time - 1):
      x = mask[:, t] * patches[:, t] + (1 - mask[:, t]) * prediction
      for layer, cell in enumerate(self.cells):
        h[layer], c[layer], m = cell(x, h[layer], c[layer], m)
        x = h[layer]
      prediction = self.head(x)
      predictions.append(prediction)
    video = F.pixel_shuffle(torch.stack(predictions, 1).flatten(0, 1), self.patch)
    return video.reshape(batch, time - 1, channels, height, width)
