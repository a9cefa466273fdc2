"""Which figures are better the larger, which the smaller they are; of the others nothing is said."""

LESS, MORE = "↓", "↑"
_LESS = ("loss", "fvd", "kvd", "cmmd", "fid", "kid", "mse", "mae", "mse_sum", "mae_sum")
_LESS += ("lpips_alex", "lpips_vgg", "frozen", "looping", "activity_distance", "track_kept")
_MORE = ("psnr", "ssim", "ssim_openstl", "ms_ssim", "is", "precision", "recall", "density", "coverage")
_MORE += ("seen", "likeness", "recognised", "kept", "on_path", "content_kept", "motion_kept")
_BETTER = dict.fromkeys(_LESS, LESS) | dict.fromkeys(_MORE, MORE)


def better(name: str) -> str:
  """The arrow of a figure such as `psnr`, `valid/frames/psnr` or `psnr/best_of_3`, or ""."""
  first, _, last = name.rpartition("/")
  return _BETTER.get((first if last.startswith("best_of_") else last).rpartition("/")[2], "")
