"""RIFE's IFNet in PyTorch, for `train_step.py`: written anew after Huang et al., ECCV 2022.

The same layers as `vgjax/models/ifnet.py`, which `check_reference.py rife` compares with the authors' code,
and the two losses of training: the teacher's Laplacian pyramid and the distillation of its flow.
"""

import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, stride=1):
  return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.PReLU(outputs))


def resize(x, factor):
  return x if factor == 1 else F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def warp(x, flow):
  """x as seen along a flow of its own size, in pixels."""
  height, width = x.shape[2:]
  across = torch.linspace(-1, 1, width).view(1, 1, width) + flow[:, 0] / ((width - 1) / 2)
  down = torch.linspace(-1, 1, height).view(1, height, 1) + flow[:, 1] / ((height - 1) / 2)
  grid = torch.stack([across, down], dim=-1)
  return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=True)


class Block(nn.Module):
  def __init__(self, inputs, features):
    super().__init__()
    self.down = nn.Sequential(conv(inputs, features // 2, 2), conv(features // 2, features, 2))
    self.body = nn.Sequential(*(conv(features, features) for _ in range(8)))
    self.readout = nn.ConvTranspose2d(features, 5, 4, 2, 1)

  def forward(self, x, flow, scale):
    x = resize(x, 1 / scale)
    if flow is not None:
      x = torch.cat([x, resize(flow, 1 / scale) / scale], 1)
    x = self.down(x)
    y = resize(self.readout(self.body(x) + x), 2 * scale)
    return y[:, :4] * 2 * scale, y[:, 4:]


class Refinement(nn.Module):
  def __init__(self, channels, features):
    super().__init__()

    def pair(inputs, outputs):
      return nn.Sequential(conv(inputs, outputs, 2), conv(outputs, outputs))

    widths = [channels] + [features << level for level in range(4)]
    self.context = nn.ModuleList(pair(*widths[level : level + 2]) for level in range(4))
    inputs = [4 * channels + 5] + [4 * features << level for level in range(3)]
    self.down = nn.ModuleList(pair(inputs[level], 2 * features << level) for level in range(4))
    self.up = nn.ModuleList(
      nn.Sequential(
        nn.ConvTranspose2d(4 * features << level, features << level, 4, 2, 1), nn.PReLU(features << level)
      )
      for level in range(4)
    )
    self.readout = nn.Conv2d(features, channels, 3, 1, 1)

  def contexts(self, x, flow):
    for layer in self.context:
      x, flow = layer(x), resize(flow, 0.5) / 2
      yield warp(x, flow)

  def forward(self, first, last, warped, mask, flow):
    contexts = [list(self.contexts(x, f)) for x, f in ((first, flow[:, :2]), (last, flow[:, 2:]))]
    x, skips = torch.cat([first, last, *warped, mask, flow], 1), []
    for level in range(4):
      x = self.down[level](x)
      skips.append(x)
      x = torch.cat([x, contexts[0][level], contexts[1][level]], 1)
    for level in reversed(range(4)):
      x = self.up[level](x)
      if level:
        x = torch.cat([x, skips[level - 1]], 1)
    return 2 * torch.sigmoid(self.readout(x)) - 1


def laplacian(x, y, levels=5):
  """Mean absolute difference of the pyramids, each made by itself as in the authors' code."""
  taps = torch.tensor([1.0, 4, 6, 4, 1]) / 16
  kernel = torch.outer(taps, taps).repeat(x.shape[1], 1, 1, 1)

  def blur(x, kernel):
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, groups=x.shape[1])

  total = 0
  for _ in range(levels):
    differences = []
    for picture in (x, y):
      small = blur(picture, kernel)[:, :, ::2, ::2]
      spread = torch.zeros_like(picture)
      spread[:, :, ::2, ::2] = small
      differences.append((picture - blur(spread, 4 * kernel), small))
    (a, x), (b, y) = differences
    total = total + F.l1_loss(a, b)
  return total


class IFNet(nn.Module):
  """The frame between, and the model's own losses."""

  def __init__(self, channels=3, features=(240, 150, 90), context=16):
    super().__init__()
    inputs = [2 * channels, 4 * channels + 5, 4 * channels + 5]
    self.blocks = nn.ModuleList(Block(*sizes) for sizes in zip(inputs, features, strict=True))
    self.teacher = Block(5 * channels + 5, features[-1])
    self.refinement = Refinement(channels, context)

  def forward(self, video, mask):
    """video: [batch, 3, channels, height, width] in [0, 1]. Returns the second frame and a loss."""
    del mask  # the first and the last frame are given
    first, true, last = video.unbind(1)
    flow, logit, warped, estimates = None, None, (), []
    for block, scale in zip(self.blocks, (4, 2, 1), strict=True):
      if flow is None:
        flow, logit = block(torch.cat([first, last], 1), None, scale)
      else:
        d_flow, d_logit = block(torch.cat([first, last, *warped, logit], 1), flow, scale)
        flow, logit = flow + d_flow, logit + d_logit
      warped, merged = merge(first, last, flow, logit)
      estimates.append((flow, merged))
    d_flow, d_logit = self.teacher(torch.cat([first, last, *warped, logit, true], 1), flow, 1)
    taught_flow = flow + d_flow
    _, taught = merge(first, last, taught_flow, logit + d_logit)
    reach = (taught - true).abs().mean(1, True) + 0.01
    distillation = 0
    for flow_so_far, frame in estimates:
      worse = ((frame - true).abs().mean(1, True) > reach).float().detach()
      distance = ((taught_flow.detach() - flow_so_far) ** 2).mean(1, True) ** 0.5
      distillation = distillation + (distance * worse).mean()
    frame = (merged + self.refinement(first, last, warped, logit, flow)).clamp(0, 1)
    return frame[:, None], laplacian(taught, true) + distillation


def merge(first, last, flow, logit):
  """Both frames warped, and the frame merged of them."""
  warped = warp(first, flow[:, :2]), warp(last, flow[:, 2:])
  share = torch.sigmoid(logit)
  return warped, warped[0] * share + warped[1] * (1 - share)
