"""SVG-LP and SVG-FP against the authors' program (PyTorch).

  git clone https://github.com/edenton/svg
  pip install torch
  python benchmarks/check_reference.py svg svg

Their networks are used as they are. Their training and sampling scripts are programs for a GPU, so the
loops are written out here, with vgjax's two differences: the skips come from the last given frame, and
batch statistics in training are those of all frames. Both sides get the same noise."""

import functools
import importlib
import sys
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import torch

from vgjax.models import svg
from vgjax.models.layers import latent

SIZES = {  # g, rnn and z sizes, batch, frames
  "small": dict(code=16, hidden=24, latent=4, batch=2, time=5),
  "published": dict(code=128, hidden=256, latent=10, batch=4, time=8),
}
GIVEN = 3


def check(prior, encoder, channels):
  """The check of one kind of SVG."""

  def run(path, size):
    sizes = dict(SIZES[size])
    batch, time = sizes.pop("batch"), sizes.pop("time")
    torch.manual_seed(0)
    theirs = Reference(path, prior, encoder, channels, batch, **sizes)
    ours = svg.Module(prior=prior, encoder=encoder, **sizes)
    rng = np.random.default_rng(0)
    video = rng.random((batch, time, 64, 64, channels), np.float32)
    mask = np.zeros((batch, time, 64, 64, 1), np.float32)
    mask[:, :GIVEN] = 1
    noise = rng.standard_normal((time - 1, batch, sizes["latent"])).astype(np.float32)
    frames = 2 * video - 1
    variables = theirs.variables()
    expected = jax.eval_shape(
      lambda frames: ours.init(jax.random.key(0), frames, frames[..., :1], train=False), frames
    )
    # Fails if a name, a shape or a parameter is missing on either side.
    jax.tree.map(lambda a, b: np.testing.assert_equal(a.shape, b.shape), variables, expected)

    def apply(train, **truth):
      mutable = ["batch_stats", "losses"] if train else False
      call = functools.partial(ours.apply, mutable=mutable, train=train)
      with mock.patch.object(latent, "noise", lambda module, shape: jnp.asarray(noise)):
        return jax.jit(call)(variables, frames * mask, mask, **truth)

    found = {}
    followed = apply(train=False, truth=frames)
    wanted, _ = theirs.follow(video, noise, train=False)
    found["frames, truth followed"] = difference((followed[:, 1:] + 1) / 2, wanted)
    drawn = apply(train=False)
    found["frames, sampled"] = difference((drawn[:, 1:] + 1) / 2, theirs.sample(video, noise))
    (trained, written) = apply(train=True, truth=frames)
    wanted, divergence = theirs.follow(video, noise, train=True)
    found["frames, in training"] = difference((trained[:, 1:] + 1) / 2, wanted)
    found["divergence, relative"] = abs(written["losses"]["kl"][0] * time / divergence - 1)
    after = theirs.variables()["batch_stats"]
    found["running statistics"] = max(
      difference(a, b) for a, b in zip(jax.tree.leaves(written["batch_stats"]), jax.tree.leaves(after))
    )
    return {name: float(value) for name, value in found.items()}

  return run


def difference(ours, theirs):
  return np.abs(np.asarray(ours) - np.asarray(theirs)).max()


class Reference:
  """Their networks with random weights, and the loops of their scripts."""

  def __init__(self, path, prior, encoder, channels, batch, *, code, hidden, latent):
    sys.path.insert(0, str(path))
    frame_models = importlib.import_module(f"models.{encoder}_64")
    models = importlib.import_module("models.lstm")
    sys.path.pop(0)
    for kind in (models.lstm, models.gaussian_lstm):  # theirs are on the GPU
      kind.init_hidden = lambda self: [
        (torch.zeros(self.batch_size, self.hidden_size),) * 2 for _ in range(self.n_layers)
      ]
    self.encoder = frame_models.encoder(code, channels)
    self.decoder = frame_models.decoder(code, channels)
    self.predictor = models.lstm(code + latent, code, hidden, 2, batch)
    self.posterior = models.gaussian_lstm(code, latent, hidden, 1, batch)
    self.prior = models.gaussian_lstm(code, latent, hidden, 1, batch) if prior == "learned" else None
    self.networks = [n for n in (self.encoder, self.decoder, self.predictor, self.posterior, self.prior) if n]
    for network in self.networks:
      network.apply(set_weights)
    for name, buffer in [*self.encoder.named_buffers(), *self.decoder.named_buffers()]:
      if name.endswith("running_mean"):
        buffer.normal_(0, 0.1)
      elif name.endswith("running_var"):
        buffer.uniform_(0.5, 1.5)

  def variables(self):
    """Their weights under our names."""
    predictor, predicted = recurrent(self.predictor)
    params = {
      "predictor": predictor,
      "predicted_code": predicted["output"],
      "posterior": gaussian(self.posterior),
    }
    if self.prior:
      params["learned"] = gaussian(self.prior)
    params["read"], read = coder(self.encoder)
    params["write"], write = coder(self.decoder)
    return {"params": params, "batch_stats": {"read": read, "write": write}}

  def _start(self, train, noise):
    for network in (self.predictor, self.posterior, self.prior):
      if network:
        network.hidden = network.init_hidden()
    self.encoder.train(train)
    self.decoder.train(train)
    self.noise = torch.from_numpy(noise)

  def _draw(self, gaussian, step):
    mean, logvar = gaussian
    return mean + torch.exp(0.5 * logvar) * self.noise[step]

  def follow(self, video, noise, train):
    """train_svg_lp.py, lines of `train`: predicted frames in [0, 1], and the sum of divergences a video."""
    self._start(train, noise)
    frames = torch.from_numpy(video).permute(1, 0, 4, 2, 3)  # time first
    time, batch = frames.shape[:2]
    with torch.no_grad():
      codes, skips = self.encoder(frames.flatten(0, 1))
      codes = codes.unflatten(0, (time, batch))
      skips = [skip.unflatten(0, (time, batch)) for skip in skips]
      predicted, chosen, total = [], [], 0.0
      for i in range(1, time):
        _, *q = self.posterior(codes[i])
        p = (torch.zeros_like(q[0]),) * 2
        if self.prior:
          _, *p = self.prior(codes[i - 1])
        predicted.append(self.predictor(torch.cat([codes[i - 1], self._draw(q, i - 1)], 1)))
        chosen.append([skip[min(i - 1, GIVEN - 1)] for skip in skips])
        normals = [torch.distributions.Normal(mean, torch.exp(0.5 * logvar)) for mean, logvar in (q, p)]
        total += torch.distributions.kl_divergence(*normals).sum() / batch
      skips = [torch.cat(level) for level in zip(*chosen)]
      made = self.decoder([torch.cat(predicted), skips]).unflatten(0, (time - 1, batch))
    return made.permute(1, 0, 3, 4, 2).numpy(), float(total)

  def sample(self, video, noise):
    """generate_svg_lp.py, lines of `make_gifs`; FP draws from N(0, 1)."""
    self._start(False, noise)
    frames = torch.from_numpy(video).permute(1, 0, 4, 2, 3)
    made, x, skip = [], frames[0], None
    with torch.no_grad():
      for i in range(1, len(frames)):
        h, own = self.encoder(x)
        if i <= GIVEN:
          skip = own
        p = (torch.zeros_like(self.noise[0]),) * 2
        if self.prior:
          _, *p = self.prior(h)
        if i < GIVEN:
          _, *q = self.posterior(self.encoder(frames[i])[0])
          h = self.predictor(torch.cat([h, self._draw(q, i - 1)], 1))
        else:
          h = self.predictor(torch.cat([h, self._draw(p, i - 1)], 1))
        made.append(self.decoder([h, skip]))
        x = frames[i] if i < GIVEN else made[-1]
    return torch.stack(made).permute(1, 0, 3, 4, 2).numpy()


def set_weights(module):
  """Weights of the size of trained ones: with their initial ones all frames would be nearly grey."""
  kind = type(module).__name__
  if "Conv" in kind or "Linear" in kind:
    torch.nn.init.normal_(module.weight, 0, (2 / module.weight[0].numel()) ** 0.5)
    torch.nn.init.normal_(module.bias, 0, 0.1)
  elif "BatchNorm" in kind:
    torch.nn.init.normal_(module.weight, 1, 0.1)
    torch.nn.init.normal_(module.bias, 0, 0.1)


def array(parameter):
  return parameter.detach().numpy().copy()


def dense(linear):
  return {"kernel": array(linear.weight).T, "bias": array(linear.bias)}


def recurrent(network):
  """Embedding and LSTMs, and the dense layers after them."""
  stack = {"embed": dense(network.embed)}
  for index, cell in enumerate(network.lstm):
    stack[f"layer_{index}"] = {
      "input_kernel": array(cell.weight_ih).T,
      "hidden_kernel": array(cell.weight_hh).T,
      "bias": array(cell.bias_ih),
      "hidden_bias": array(cell.bias_hh),
    }
  heads = {"output": "output", "mu_net": "mean", "logvar_net": "logvar"}
  modules = {name: getattr(network, name) for name in heads if hasattr(network, name)}
  return stack, {heads[k]: dense(m[0] if k == "output" else m) for k, m in modules.items()}


def gaussian(network):
  stack, heads = recurrent(network)
  return {"stack": stack, **heads}


def coder(network):
  """(params, batch_stats) of an encoder or decoder, whose layers come in the same order on both sides."""
  decodes = hasattr(network, "upc1")
  stages = [m for name, m in network.named_children() if name.startswith(("upc", "c"))]
  params, stats = {}, {}
  for number, stage in enumerate(stages):
    level = len(stages) - 1 - number if decodes else number
    convs = [m for m in stage.modules() if "Conv" in type(m).__name__ and hasattr(m, "weight")]
    norms = [m for m in stage.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for index, conv in enumerate(convs):
      weight = array(conv.weight)
      if isinstance(conv, torch.nn.ConvTranspose2d):
        kernel = np.flip(weight.transpose(2, 3, 0, 1), (0, 1))
      else:
        kernel = weight.transpose(2, 3, 1, 0)
      values = {"kernel": kernel.copy(), "bias": array(conv.bias)}
      if index == len(norms):  # only the frame's has none
        params["frame"] = values
        continue
      edge = number == 0 if decodes else number == len(stages) - 1
      name = "vector" if edge else f"level_{level}_{index}"
      norm = norms[index]
      params[name] = {"conv": values, "norm": {"scale": array(norm.weight), "bias": array(norm.bias)}}
      stats[name] = {"norm": {"mean": array(norm.running_mean), "var": array(norm.running_var)}}
  return params, stats


CHECKS = {
  "svg_lp": check("learned", "dcgan", 1),
  "svg_fp": check("fixed", "dcgan", 1),
  "svg_lp_vgg": check("learned", "vgg", 3),
}
