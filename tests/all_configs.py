"""Every config of the project, found by listing the folder."""

from pathlib import Path

import numpy as np

import vgjax
from tests.data import layouts
from vgjax.data import __main__ as data_tools
from vgjax.data import video

ROOT = Path(__file__).parents[1] / "configs"
NAMES = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py"))


def smoke(name: str, folder: Path, **changes):
  """The smoke variant of a config; one that reads videos finds some in `folder`."""
  config = vgjax.load_config(f"{ROOT / name}:smoke", **changes)
  give_data(name, config, folder)
  return config


def give_data(name: str, config, folder: Path) -> None:
  """Makes what a config reads, and has its `data` name it: a tree of the data set's structure, or videos."""
  if name.startswith("public/"):
    size = dict(size=config.data.size) if "test_file" in config.data else {}
    config.data.update(layouts.MAKE[Path(name).stem](folder, **size))
  elif "path" in config.data:
    size = config.data.get("size") or 64
    config.data.path = str(
      make_data(config.data.name, folder, max(64, size) if isinstance(size, int) else 64)
    )


def make_data(source: str, folder: Path, size: int = 64) -> Path:
  """What a source reads, made in a folder; returns `config.data.path`. Prepared videos are of `size`."""
  make_videos(folder)
  if source == "arrays":
    array = folder.with_name(folder.name + "-array.npy")
    names = sorted(folder.glob("*.mp4"))
    np.save(array, np.stack([video.read_video(name, num_frames=16, size=16) for name in names]))
    return array
  if source != "array_records":
    return folder
  prepared = folder.with_name(folder.name + "-prepared")
  words = ["prepare", str(folder), str(prepared), "--size", str(size), "--fps", "8", "--workers", "0"]
  assert data_tools.main(words) == 0
  return prepared


def one_of_each_method() -> dict[str, str]:
  """{method: the first config that uses it; those of Moving MNIST come first, as they are the smallest}."""
  found = {}
  for name in sorted(NAMES, key=lambda name: (not name.startswith("moving_mnist/"), name)):
    found.setdefault(vgjax.load_config(f"{ROOT / name}:smoke").method.name, name)
  return found


def make_videos(folder: Path, number: int = 6, time: int = 40, size: int = 48) -> None:
  """Short videos of a moving gradient, one file each."""
  folder.mkdir(parents=True, exist_ok=True)
  for index in range(number):
    if not (folder / f"{index}.mp4").exists():
      y, x, t = np.mgrid[:size, :size, :time].astype(float)
      waves = [np.sin((x * (c + 1) + y * index + 3 * t) / 9) for c in range(3)]
      frames = np.moveaxis(np.stack(waves, -1), 2, 0)  # [time, height, width, 3]
      video.write_video(folder / f"{index}.mp4", ((frames + 1) * 127).astype(np.uint8), 10)
