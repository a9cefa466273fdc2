"""SAVP's variables, by the names of the authors' program, as the parameters of ours."""

import numpy as np


def norm(values, name):
  return {"scale": values[f"{name}/gamma"], "bias": values[f"{name}/beta"]}


def layer(values, name):
  return {"kernel": values[f"{name}/kernel"], "bias": values[f"{name}/bias"]}


def generator_params(values):
  """Of the generator's variables, or of their gradients."""
  levels = sum(f"rnn/savp_cell/h{n}/conv_pool2d/kernel" in values for n in range(5))
  cell = {}
  for n in range(2 * levels):
    name = f"down_{n}" if n < levels else f"up_{n - levels}"
    kind = "conv_pool2d" if n < levels else "upsample_conv2d"
    cell[name] = layer(values, f"rnn/savp_cell/h{n}/{kind}")
    cell[f"{name}_norm"] = norm(values, f"rnn/savp_cell/h{n}/InstanceNorm")
    lstm = f"rnn/savp_cell/lstm_h{n}/basic_conv2dlstm_cell"
    if f"{lstm}/kernel" in values:
      cell[f"{name}_lstm"] = {
        "gates": {"kernel": values[f"{lstm}/kernel"]},
        "gates_norm": norm(values, f"{lstm}/input_transform_forget_output"),
        "state_norm": norm(values, f"{lstm}/state"),
      }
  for ours, theirs in (("paint", "scratch"), ("mask", "masks")):
    name = f"rnn/savp_cell/h{2 * levels}_{theirs}"
    cell[ours] = layer(values, f"{name}/conv2d")
    cell[f"{ours}_norm"] = norm(values, f"{name}/InstanceNorm")
  cell["painted"] = layer(values, "rnn/savp_cell/scratch_image/conv2d")
  cell["masks"] = layer(values, "rnn/savp_cell/masks/conv2d")
  cell["kernels"] = layer(values, "rnn/savp_cell/cdna_kernels/dense")

  # Their gates are i, g, f, o, and their forget bias of 1 is no variable.
  path = layer(values, "rnn/savp_cell/lstm_z/basic_lstm_cell")
  swap = lambda x: np.concatenate([np.split(x, 4, axis=-1)[n] for n in (0, 2, 1, 3)], axis=-1)
  inputs, hidden = np.split(swap(path["kernel"]), 2)
  posterior = {
    "mean": layer(values, "encoder/z_mu/dense"),
    "logvar": layer(values, "encoder/z_log_sigma_sq/dense"),
  }
  for n in range(3):
    posterior[f"layer_{n}"] = layer(values, f"encoder/layer_{n + 1}/conv2d")
    if n:
      posterior[f"norm_{n}"] = norm(values, f"encoder/layer_{n + 1}/InstanceNorm")
  return {
    "cell": cell,
    "path": {"input_kernel": inputs, "hidden_kernel": hidden, "bias": swap(path["bias"])},
    "posterior": posterior,
  }


def critic_params(values):
  """(params, batch_stats)."""
  params, stats = {}, {}
  names = [f"sn_conv{n}_{m}" for n in range(3) for m in range(2)] + ["sn_conv3_0", "sn_fc4"]
  for index, name in enumerate(names):
    last = name == "sn_fc4"
    ours, folder = ("scores", f"{name}/dense") if last else (f"down_{index}", f"{name}/conv3d")
    params[ours] = {"kernel": values[f"{folder}/kernel"]}
    params[f"{ours}_bias"] = values[f"{folder}/bias" if last else f"{name}/bias"]
    u = values[f"{folder}/u"][0]
    stats[ours] = {"u": u / np.linalg.norm(u)}
  return params, {"batch_stats": stats}
