"""How well a run's critics tell videos of a split from samples: accuracy on real and on made ones, and area.

In training, critics are asked about videos that they learn from. Here the real ones may be held out: a critic
that is right about those of the training split and wrong about these knows its videos by heart (Brock et al.
2019, arXiv:1809.11096, section 4.2). Samples are drawn as always, with the averaged weights of the generator;
critics judge with the weights that train it, and with the running statistics of their normalisation.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from vgjax import adversarial, configs, rollout
from vgjax import critics as critics_lib
from vgjax.errors import ConfigError
from vgjax.evaluate import draws
from vgjax.metrics import critic as accuracies

CONVENTIONS = dict(
  accuracy="share of scores on the right side of the loss's boundary; every score of a patch critic counts",
  area="how often a score of a real video is above one of a made video (Mann and Whitney)",
)


def make(*, split="valid", num_videos=256, seed=0):
  """Accuracies of the critics of the methods `gan` and `cyclegan` (of the latter, those of videos).

  Args:
    split: whose videos are the real ones: "train", "valid" or "test".
    num_videos: how many, from the split's first, and as many samples.
    seed: of the samples.

  Returns:
    `evaluate(run, state)`, which yields `<critic>/accuracy_real`, `<critic>/accuracy_fake` (not for a loss
    without a boundary, `wasserstein` or `relativistic`) and `<critic>/area`, each 0 to 1; the critic's name
    is left out if there is one only.
  """

  def evaluate(run, state):
    critics = {name: model for name, model in run.models.items() if _judges_videos(name)}
    if not critics:
      raise ConfigError(f"the evaluator critic: config.models has no critic: {sorted(run.models)}")
    if (method := run.config["method"]["name"]) not in ("gan", "cyclegan"):
      raise ConfigError(f"the evaluator critic: critics of the method {method} see other videos than samples")
    game = critics_lib.pick(adversarial, _loss(run.config["method"]), "config.method.loss")
    judge = jax.jit(lambda params, batch, video, key: _scores(critics, params, batch, video, key))
    rng, parts = jax.random.key(seed + 1), []  # not the one that samples are drawn with
    both = lambda batch, made: ((batch, made), batch["weight"])
    size = min(num_videos, len(run.source(split)))
    made_videos = draws.samples(run, state, split, size, both, number=1, seed=seed)
    for number, ((batch, made), weight) in enumerate(made_videos.open(0)):
      if method == "cyclegan":  # whose critics are shown nothing beside the video
        batch = batch | {name: jnp.zeros_like(batch[name]) for name in ("hint", "mask")}
      key = jax.random.fold_in(rng, number)
      part = {
        "real": judge(state.params, batch, batch["video"], key),
        "fake": judge(state.params, batch, made, key),
        "weight": weight,
      }
      parts.append(multihost_utils.process_allgather(part, tiled=True))
    for name in sorted(critics):
      real, fake = ([part[kind][name][part["weight"] > 0] for part in parts] for kind in ("real", "fake"))
      real, fake, prefix = np.concatenate(real), np.concatenate(fake), f"{name}/" if len(critics) > 1 else ""
      if game.boundary is not None:
        found = accuracies.accuracy(real, fake, threshold=game.boundary)
        yield f"{prefix}accuracy_real", float(found.real)
        yield f"{prefix}accuracy_fake", float(found.fake)
      yield f"{prefix}area", float(accuracies.area(real, fake))

  return evaluate


def _judges_videos(name):
  return critics_lib.is_critic(name) and not name.endswith("source_critic")


def _loss(method):
  """`config.method.loss`, or the method's default."""
  maker = configs.find("methods", method["name"], "config.method.name").make
  return method.get("loss", maker.__kwdefaults__["loss"])


def _scores(critics, params, batch, video, rng):
  """{critic: scores [batch, ...]}."""
  seen = (video, batch["hint"], batch["mask"])
  return {
    name: model.apply(params, *seen, rng=rng, **rollout.beside(model, batch)).value.scores
    for name, model in critics.items()
  }
