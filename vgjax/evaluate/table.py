"""The table of figures that a run's evaluation prints."""

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
  "accuracy_real": "real videos that the critic calls real",
  "accuracy_fake": "made videos that the critic calls made",
  "seen": "frames that show anything",
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
  parts = [_columns(rows)] if rows else []
  return "\n".join([*parts, *_lines(others)])


def _columns(rows):
  several = len({evaluator for evaluator, _ in rows}) > 1
  columns = [metric for metric in _COLUMNS if any(metric in row for row in rows.values())]
  table = [["", *(f"{_COLUMNS[metric][0]} {better(metric)}" for metric in columns)]]
  for (evaluator, who), row in rows.items():
    label = f"{evaluator}: {who}" if several else who
    table.append([label, *(_COLUMNS[m][1].format(row[m]) if m in row else "-" for m in columns)])
  first, *others = _align(table)
  return "\n".join([first, "─" * len(first), *others])


def _lines(numbers):
  """A line a figure; what belongs to another one stands beside that."""
  found = []
  for name, value in numbers.items():
    path, _, metric = name.rpartition("/")
    if path in numbers or any(other in numbers for other in _owners(path, metric)):
      continue  # an interval's ends and the like stand in the file
    found.append([f"{name} {better(name)}".rstrip(), f"{value:.4g}", _beside(numbers, name)])
  return [line.rstrip() for line in _align(found, left=(0, 2))] if found else []


def _owners(path, metric):
  """The figures that this one may stand beside."""
  if metric.startswith("real_"):
    yield f"{path}/{metric.removeprefix('real_')}"
  if metric.endswith("_chance"):
    yield f"{path}/{metric.removesuffix('_chance')}_kept"


def _beside(numbers, name):
  path, _, metric = name.rpartition("/")
  parts = []
  if f"{name}/low" in numbers:
    parts.append(f"95% interval {numbers[f'{name}/low']:.4g} to {numbers[f'{name}/high']:.4g}")
  if f"{path}/real_{metric}" in numbers:
    parts.append(f"of real videos {numbers[f'{path}/real_{metric}']:.4g}")
  chance = f"{name.removesuffix('_kept')}_chance"
  if chance in numbers:
    parts.append(f"by chance {numbers[chance]:.4g}")
  return "; ".join([*parts, *filter(None, [_WORDS.get(metric)])])


def _align(table: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> list[str]:
  """Rows with their columns below each other, those of `left` to the left."""
  widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
  return [
    "  ".join(cell.ljust(w) if i in left else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths)))
    for row in table
  ]
