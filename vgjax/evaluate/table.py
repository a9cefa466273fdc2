"""Figures as tables for the console: those of a run's evaluation, and what all of them share."""

from collections.abc import Mapping, Sequence
from typing import Any

from vgjax.metrics.direction import better

_COLUMNS = {
  "psnr": ("PSNR", "{:.2f}"),
  "ssim": ("SSIM", "{:.4f}"),
  "ssim_openstl": ("SSIM (OpenSTL)", "{:.4f}"),
  "mse": ("MSE", "{:.5f}"),
  "mae": ("MAE", "{:.5f}"),
  "mse_sum": ("MSE (sum)", "{:.2f}"),
  "mae_sum": ("MAE (sum)", "{:.2f}"),
  "ms_ssim": ("MS-SSIM", "{:.4f}"),
  "lpips_alex": ("LPIPS (alex)", "{:.4f}"),
  "lpips_vgg": ("LPIPS (vgg)", "{:.4f}"),
}
_BASELINES = {"copy_last": "copy last frame", "blend": "blend of given frames"}
_WORDS = {  # of figures whose names say little to who meets them first
  "fvd": "Fréchet distance of I3D features; 0 for equal sets",
  "kvd": "kernel distance of I3D features; 0 for equal sets",
  "fid": "Fréchet distance of frames' Inception features; 0 for equal sets",
  "kid": "kernel distance of frames' Inception features; 0 for equal sets",
  "precision": "made videos that lie among real ones: quality",
  "recall": "real videos that lie among made ones: variety",
  "area": "pairs of which the critic prefers the real one; 0.5 if it cannot tell them apart",
  "accuracy_real": "what is real and the critic calls real",
  "accuracy_fake": "what is made and the critic calls made",
  "seen": "share that shows anything",
  "likeness": "correlation with the nearest shape",
  "recognised": "frames whose shape can be told",
  "kept": "videos that keep shape and color",
  "on_path": "videos that follow a path of the data",
  "moving": "videos that follow one and go anywhere",
  "content_kept": "pairs of one content code that look the same",
  "motion_kept": "pairs of one motion code that move the same",
  "track_kept": "pixels between the tracks of one motion code",
}


def format_table(numbers: Mapping[str, Any]) -> str:
  """The scalars of an evaluation as tables for the console.

  Args:
    numbers: {"<evaluator>/<metric>", or with "copy_last/", "blend/" or "best_of_<k>/" before the metric:
      number}; curves are left out.

  Returns:
    Of metrics of single videos a table with a line for the model, one for the best of its samples, and one
    for each baseline. Below it the others, one a line: what they are, in words, and their interval, their
    value for real videos or that of chance, where there is one. "" if there is nothing to show.
  """
  rows: dict[tuple[str, str], dict[str, float]] = {}
  others = {}
  for name, value in numbers.items():
    if isinstance(value, (list, tuple)):
      continue
    path, _, metric = name.rpartition("/")
    if metric in _COLUMNS:
      evaluator, _, last = path.rpartition("/")
      key = (path, "model")
      if last in _BASELINES:
        key = (evaluator, _BASELINES[last])
      elif last.startswith("best_of_"):
        key = (evaluator, last.replace("_", " "))
      rows.setdefault(key, {})[metric] = value
    else:
      others[name] = value
  return "\n".join(filter(None, [_columns(rows), _lines(others)]))


def _columns(rows):
  """The figures of single videos; "" if there are none."""
  if not rows:
    return ""
  several = len({evaluator for evaluator, _ in rows}) > 1
  columns = [metric for metric in _COLUMNS if any(metric in row for row in rows.values())]
  table = [["", *(f"{_COLUMNS[metric][0]} {better(metric)}" for metric in columns)]]
  for (evaluator, who), row in rows.items():
    label = f"{evaluator}: {who}" if several else who
    table.append([label, *(_COLUMNS[m][1].format(row[m]) if m in row else "-" for m in columns)])
  return align(table, head=True)


def _lines(numbers):
  """A line a figure, "" if there are none; what belongs to another one stands beside that."""
  found = []
  for name, value in numbers.items():
    path, _, metric = name.rpartition("/")
    if path in numbers or any(other in numbers for other in _owners(path, metric)):
      continue  # an interval's ends and the like stand in the file
    found.append([f"{name} {better(name)}".rstrip(), number(value), _beside(numbers, name)])
  return align(found) if found else ""


def _owners(path, metric):
  """The figures that this one may stand beside."""
  if metric.startswith("real_"):
    yield f"{path}/{metric.removeprefix('real_')}"
  if metric.endswith("_chance"):
    yield f"{path}/{metric.removesuffix('_chance')}_kept"


def _beside(numbers, name):
  path, _, metric = name.rpartition("/")
  of = lambda other: number(numbers[other])
  parts = []
  if f"{name}/low" in numbers:
    parts.append(f"95% interval {of(f'{name}/low')} to {of(f'{name}/high')}")
  if f"{path}/real_{metric}" in numbers:
    parts.append(f"of real videos {of(f'{path}/real_{metric}')}")
  chance = f"{name.removesuffix('_kept')}_chance"
  if chance in numbers:
    parts.append(f"by chance {of(chance)}")
  return "; ".join([*parts, *filter(None, [_WORDS.get(metric)])])


def align(rows: Sequence[Sequence[str]], head: bool = False) -> str:
  """Rows with their columns below each other; `head`: the first one names the columns."""
  widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
  lines = [
    "  ".join(
      cell.ljust(width) if i == 0 or (i == 2 and not head) else cell.rjust(width)
      for i, (cell, width) in enumerate(zip(row, widths))
    ).rstrip()
    for row in rows
  ]
  return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]] if head else lines)


def number(value: float) -> str:
  """About four digits."""
  return f"{value:.2f}" if 10 <= abs(value) < 1e6 else f"{value:.4g}"
