"""MoCoGAN's generator and critics against the authors' program (PyTorch).

  git clone https://github.com/sergeytulyakov/mocogan
  pip install torch
  python benchmarks/check_reference.py mocogan mocogan

Their networks are used as they are, in training as in sampling: batch statistics are those of all frames. The
loop over the GRU is theirs; the rest of their `sample_videos`, which is written for Python 2, is written out.
"""

import importlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import torch

from vgjax import linen
from vgjax.models import critic2d, critic3d, mocogan

SIZES = {"small": dict(batch=2, time=16, channels=8), "published": dict(batch=2, time=16, channels=64)}
CLASSES, CONTENT, MOTION = 4, 50, 10


def load(path):
  sys.path.insert(0, str(path / "src"))
  models = importlib.import_module("models")
  sys.path.pop(0)
  torch.manual_seed(0)
  return models


def array(tensor):
  return jnp.asarray(tensor.detach().numpy())


def kernel(weight, transposed=False):
  """Of a convolution [out, in, *window], or a transposed one [in, out, *window]; here [*window, in, out]."""
  weight = np.moveaxis(weight.detach().numpy(), (0, 1), (-2, -1) if transposed else (-1, -2))
  return jnp.asarray(np.flip(weight, range(weight.ndim - 2)) if transposed else weight)


def norm(layer):
  return {"scale": array(layer.weight), "bias": array(layer.bias)}


def statistics(layer):
  return {"mean": array(layer.running_mean), "var": array(layer.running_var)}


def difference(ours, theirs):
  return float(np.abs(np.asarray(ours) - theirs.detach().numpy()).max())


def generator(path, size):
  """Videos from the same codes, in training and in sampling."""
  batch, time, channels = (SIZES[size][key] for key in ("batch", "time", "channels"))
  theirs = load(path).VideoGenerator(3, CONTENT, CLASSES, MOTION, time, ngf=channels)
  convolutions = [m for m in theirs.main if isinstance(m, torch.nn.ConvTranspose2d)]
  norms = [m for m in theirs.main if isinstance(m, torch.nn.BatchNorm2d)]
  first, *middle, last = convolutions
  grow = {"first": {"kernel": kernel(first.weight, True)}}
  grow |= {f"up_{n}": {"conv": {"kernel": kernel(m.weight, True)}} for n, m in enumerate(middle)}
  grow |= {f"norm_{n}": norm(m) for n, m in enumerate(norms)}
  params = {
    "grow": grow,
    "frame": {"conv": {"kernel": kernel(last.weight, True)}},
    "path": gru(theirs.recurrent),
  }
  stats = {"grow": {f"norm_{n}": statistics(m) for n, m in enumerate(norms)}}
  ours = linen.wrap(mocogan.Module(CONTENT, MOTION, channels, CLASSES), "generator")

  content, label = torch.randn(batch, CONTENT), torch.tensor([1, 3])
  noise = torch.randn(batch, time + 1, MOTION)
  state, path_of = noise[:, 0], []
  for step in range(time):
    state = theirs.recurrent(noise[:, step + 1], state)
    path_of.append(state)
  still = torch.cat([content, torch.nn.functional.one_hot(label, CLASSES)], 1)
  codes = torch.cat([still[:, None].expand(-1, time, -1), torch.stack(path_of, 1)], -1)
  hint = jnp.zeros((batch, time, 64, 64, 3))
  latents = {"content": array(content), "motion": array(noise)}
  found = {}
  for train in (False, True):
    theirs.train(train)
    frames = theirs.main(codes.reshape(batch * time, -1, 1, 1))
    wanted = frames.reshape(batch, time, 3, 64, 64).permute(0, 1, 3, 4, 2)
    output = ours.apply(
      {"generator": params, "generator_stats": {"batch_stats": stats}},
      hint, hint[..., :1], train=train, latents=latents, label=array(label),
    )  # fmt: skip
    found["videos, in training" if train else "videos, sampled"] = difference(output.value, wanted)
  return found


def gru(cell):
  """Of PyTorch's gates r, z, n; of its two biases of r and of z one is enough."""
  inputs, hidden = (torch.chunk(w.detach(), 3) for w in (cell.weight_ih, cell.weight_hh))
  bias_in, bias_hidden = (torch.chunk(b.detach(), 3) for b in (cell.bias_ih, cell.bias_hh))
  params = {}
  for n, name in enumerate("rzn"):
    last = name == "n"
    params[f"i{name}"] = {
      "kernel": array(inputs[n].T),
      "bias": array(bias_in[n] if last else bias_in[n] + bias_hidden[n]),
    }
    params[f"h{name}"] = {"kernel": array(hidden[n].T)} | ({"bias": array(bias_hidden[n])} if last else {})
  return params


def critic(make_theirs, ours, video):
  """The check of one critic; `video` says whether it reads videos or single frames."""

  def run(path, size):
    batch, time, channels = (SIZES[size][key] for key in ("batch", "time", "channels"))
    theirs = make_theirs(load(path), channels)
    kinds = (torch.nn.Conv2d, torch.nn.Conv3d), (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)
    convolutions, norms = ([m for m in theirs.main if isinstance(m, kind)] for kind in kinds)
    body = {f"down_{n}": {"kernel": kernel(m.weight)} for n, m in enumerate(convolutions[:-1])}
    body |= {"scores": {"kernel": kernel(convolutions[-1].weight)}}
    body |= {f"norm_{n}": norm(m) for n, m in enumerate(norms, 1)}
    stats = {f"norm_{n}": statistics(m) for n, m in enumerate(norms, 1)}
    x = torch.randn(batch, time, 64, 64, 3)
    model = linen.wrap(ours(channels), "critic")
    params = {"critic": {"body": body}, "critic_stats": {"batch_stats": {"body": stats}}}
    found = {}
    for train in (False, True):
      theirs.train(train)
      wanted = theirs.main(
        x.permute(0, 4, 1, 2, 3) if video else x.reshape(-1, 64, 64, 3).permute(0, 3, 1, 2)
      )
      seen = array(x)
      verdict = model.apply(params, seen, seen, seen[..., :1], train=train, rng=jax.random.key(0)).value
      wanted = wanted.reshape(verdict.scores.shape)
      found["scores, in training" if train else "scores, sampled"] = difference(verdict.scores, wanted)
    return found

  return run


def sliding(channels, **fields):
  return critic3d.Module(channels=channels, time="slide", use_bias=False, **fields)


CHECKS = {
  "mocogan": generator,
  "video_critic": critic(lambda m, n: m.VideoDiscriminator(3, ndf=n), sliding, True),
  "patch_video_critic": critic(
    lambda m, n: m.PatchVideoDiscriminator(3, ndf=n), lambda n: sliding(n, levels=3, patches=True), True
  ),
  "patch_image_critic": critic(
    lambda m, n: m.PatchImageDiscriminator(3, ndf=n),
    lambda n: critic2d.Module(frames=0, channels=n, levels=3, patches=True, use_bias=False),
    False,
  ),
}
