"""PyTorch counterparts of vgjax's predictors, for speed and for agreement.

Written from OpenSTL's published designs, in eager PyTorch as a practitioner would write them:
channels first, no compilation. They take and give OpenSTL's frames, [batch, time, channels, height,
width] in [0, 1]. The drop-path rates are fields, because random numbers cannot agree between
frameworks: the comparison of outputs sets them to zero.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, size, *, stride=1, dilation=1, groups=1, bias=True):
  """A convolution that keeps the size when its stride is 1."""
  return nn.Conv2d(inputs, outputs, size, stride, dilation * (size // 2), dilation, groups, bias=bias)


class FrameLayer(nn.Module):
  """Convolution, group normalisation, SiLU; upsampling is a pixel shuffle."""

  def __init__(self, inputs, outputs, stride=1, upsample=False):
    super().__init__()
    self.conv = conv(inputs, outputs * (4 if upsample else 1), 3, stride=stride)
    self.norm = nn.GroupNorm(2, outputs)
    self.upsample = upsample
    nn.init.trunc_normal_(self.conv.weight, std=0.02)
    nn.init.zeros_(self.conv.bias)

  def forward(self, x):
    x = self.conv(x)
    if self.upsample:
      x = F.pixel_shuffle(x, 2)
    return F.silu(self.norm(x))


class FrameCoder(nn.Module):
  """SimVP's encoder and decoder around a translator of frames stacked as channels."""

  def __init__(self, channels, features, layers, translator):
    super().__init__()
    self.encoder = nn.ModuleList(
      FrameLayer(features if index else channels, features, stride=1 + index % 2) for index in range(layers)
    )
    self.translator = translator
    self.decoder = nn.ModuleList(
      FrameLayer(features, features, upsample=index % 2 == 0) for index in range(layers)
    )
    self.readout = conv(features, channels, 1)

  def forward(self, frames):
    batch = frames.shape[0]
    x = frames.flatten(0, 1)
    x = skip = self.encoder[0](x)
    for layer in self.encoder[1:]:
      x = layer(x)
    x = self.translator(x.reshape(batch, -1, *x.shape[2:])).reshape(x.shape)
    for layer in self.decoder[:-1]:
      x = layer(x)
    return self.readout(self.decoder[-1](x + skip)).reshape(frames.shape)


class InceptionBlock(nn.Module):
  """A 1x1 convolution, then parallel grouped convolutions, normalised, activated, summed."""

  def __init__(self, inputs, hidden, outputs, kernel_sizes, groups):
    super().__init__()
    self.conv = conv(inputs, hidden, 1)
    self.branches = nn.ModuleList(
      nn.Sequential(conv(hidden, outputs, size, groups=groups), nn.GroupNorm(groups, outputs))
      for size in kernel_sizes
    )

  def forward(self, x):
    x = self.conv(x)
    return sum(F.leaky_relu(branch(x), 0.2) for branch in self.branches)


class InceptionTranslator(nn.Module):
  """A U of inception blocks whose skips concatenate."""

  def __init__(self, channels, hidden, blocks, kernel_sizes, groups):
    super().__init__()

    def block(inputs, outputs):
      return InceptionBlock(inputs, hidden // 2, outputs, kernel_sizes, groups)

    self.down = nn.ModuleList(block(hidden if i else channels, hidden) for i in range(blocks))
    self.up = nn.ModuleList(
      block(2 * hidden if i else hidden, channels if i == blocks - 1 else hidden) for i in range(blocks)
    )

  def forward(self, x):
    skips = []
    for block in self.down:
      x = block(x)
      skips.append(x)
    skips.pop()
    x = self.up[0](x)
    for block in self.up[1:]:
      x = block(torch.cat([x, skips.pop()], 1))
    return x


def he_fan_out(module):
  """Initialises a convolution by the outputs of one group."""
  fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
  nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
  nn.init.zeros_(module.bias)


class GatedAttention(nn.Module):
  """Large-kernel convolution with a gate, and a shortcut."""

  def __init__(self, channels):
    super().__init__()
    self.inner = conv(channels, channels, 1)
    self.near = conv(channels, channels, 5, groups=channels)
    self.far = conv(channels, channels, 7, dilation=3, groups=channels)
    self.gate = conv(channels, 2 * channels, 1)
    self.outer = conv(channels, channels, 1)

  def forward(self, x):
    y = self.far(self.near(F.gelu(self.inner(x))))
    feature, gate = self.gate(y).chunk(2, 1)
    return self.outer(torch.sigmoid(gate) * feature) + x


class ConvMlp(nn.Module):
  """A pixel-wise MLP with a depthwise convolution in it."""

  def __init__(self, channels, hidden):
    super().__init__()
    self.inner = conv(channels, hidden, 1)
    self.mix = conv(hidden, hidden, 3, groups=hidden)
    self.outer = conv(hidden, channels, 1)

  def forward(self, x):
    return self.outer(F.gelu(self.mix(self.inner(x))))


class GatedBlock(nn.Module):
  """Attention and MLP, each normalised, scaled, dropped at random and added."""

  def __init__(self, inputs, outputs, mlp_ratio, drop_path):
    super().__init__()
    self.attention_norm = nn.BatchNorm2d(inputs)
    self.attention = GatedAttention(inputs)
    self.attention_scale = nn.Parameter(torch.full((inputs, 1, 1), 1e-2))
    self.mlp_norm = nn.BatchNorm2d(inputs)
    self.mlp = ConvMlp(inputs, int(inputs * mlp_ratio))
    self.mlp_scale = nn.Parameter(torch.full((inputs, 1, 1), 1e-2))
    self.drop_path = drop_path
    for module in self.modules():
      if isinstance(module, nn.Conv2d):
        he_fan_out(module)
    self.reduction = conv(inputs, outputs, 1) if inputs != outputs else None

  def drop(self, x):
    if self.drop_path == 0 or not self.training:
      return x
    keep = 1 - self.drop_path
    return x * (torch.rand(x.shape[0], 1, 1, 1) < keep) / keep

  def forward(self, x):
    x = x + self.drop(self.attention_scale * self.attention(self.attention_norm(x)))
    x = x + self.drop(self.mlp_scale * self.mlp(self.mlp_norm(x)))
    return x if self.reduction is None else self.reduction(x)


def simvp(
  channels=1, given=10, features=64, layers=4, hidden=512, blocks=8,
  kernel_sizes=(3, 5, 7, 11), groups=8,
):  # fmt: skip
  """SimVP with the inception translator; OpenSTL's setting for Moving MNIST."""
  translator = InceptionTranslator(given * features, hidden, blocks, kernel_sizes, groups)
  return FrameCoder(channels, features, layers, translator)


def simvp_v2(
  channels=1, given=10, features=64, layers=4, hidden=512, blocks=8,
  mlp_ratio=8.0, drop_path=(1e-2, 0.0),
):  # fmt: skip
  """SimVP v2 (gSTA); OpenSTL's setting for Moving MNIST."""
  widths = [given * features, *[hidden] * (blocks - 1), given * features]
  rates = np.linspace(*drop_path, blocks).tolist()
  translator = nn.Sequential(
    *[GatedBlock(widths[i], widths[i + 1], mlp_ratio, rates[i]) for i in range(blocks)]
  )
  return FrameCoder(channels, features, layers, translator)


class ConvLSTM(nn.Module):
  """OpenSTL's ConvLSTM; the `unused` convolutions are the ones it builds but never calls."""

  def __init__(self, channels=1, hidden=(128, 128, 128, 128), kernel_size=5, patch=4, unused=True):
    super().__init__()
    self.patch = patch
    inputs = [channels * patch * patch, *hidden[:-1]]
    self.from_input = nn.ModuleList(
      conv(i, 4 * h, kernel_size, bias=False) for i, h in zip(inputs, hidden, strict=True)
    )
    self.from_hidden = nn.ModuleList(conv(h, 4 * h, kernel_size, bias=False) for h in hidden)
    self.head = conv(hidden[-1], channels * patch * patch, 1, bias=False)
    self.unused = nn.ModuleList()
    if unused:
      for h in hidden:
        self.unused.append(conv(2 * h, h, kernel_size, bias=False))
        self.unused.append(conv(2 * h, h, 1, bias=False))

  def forward(self, frames, mask):
    """Predicts frames 1.. of [batch, time, channels, height, width]; mask [batch, time, 1, 1, 1]."""
    batch, time, channels, height, width = frames.shape
    patches = F.pixel_unshuffle(frames.flatten(0, 1), self.patch)
    patches = patches.reshape(batch, time, *patches.shape[1:])
    h = [
      frames.new_zeros(batch, layer.in_channels, height // self.patch, width // self.patch)
      for layer in self.from_hidden
    ]
    c = list(h)
    prediction, predictions = torch.zeros_like(patches[:, 0]), []
    for t in range(time - 1):
      x = mask[:, t] * patches[:, t] + (1 - mask[:, t]) * prediction
      for layer, (from_input, from_hidden) in enumerate(zip(self.from_input, self.from_hidden, strict=True)):
        i, f, g, o = (from_input(x) + from_hidden(h[layer])).chunk(4, 1)
        c[layer] = torch.sigmoid(f) * c[layer] + torch.sigmoid(i) * torch.tanh(g)
        x = h[layer] = torch.sigmoid(o) * torch.tanh(c[layer])
      prediction = self.head(x)
      predictions.append(prediction)
    predictions = torch.stack(predictions, 1)
    video = F.pixel_shuffle(predictions.flatten(0, 1), self.patch)
    return video.reshape(batch, time - 1, channels, height, width)
