"""Options of `prepare`: the rate of pictures, and folders from before there was an option."""

import json

from PIL import Image

from tests.data import clips
from tests.data.test_prepare import RAW, prepare, records, videos


def test_the_rate_of_folders_of_pictures(tmp_path):
  folder = tmp_path / "in" / "film"
  folder.mkdir(parents=True)
  for number, picture in enumerate(clips.numbered(30, 32, 32)):
    Image.fromarray(picture).save(folder / f"{number}.png")
  for rate, clip in ((10.0, range(0, 30, 2)), (5.0, range(30))):
    out = tmp_path / f"{rate}"
    options = ("--fps", "5", "--time", "whole", "--min-time", "4", "--frame-fps", f"{rate}")
    prepare(tmp_path / "in", out, *RAW, *options)
    ((_, video, _),) = records(out)
    assert clips.number_of(video) == list(clip)


def test_an_option_that_is_newer_than_a_folder_has_its_default_there(tmp_path, capsys):
  folder = videos(tmp_path / "in", 2)
  prepare(folder, tmp_path / "out", *RAW)
  recipe = json.loads((tmp_path / "out" / "recipe.json").read_text())
  del recipe["options"]["frame_fps"]
  (tmp_path / "out" / "recipe.json").write_text(json.dumps(recipe))
  assert prepare(folder, tmp_path / "out", *RAW) == 0 and "complete already" in capsys.readouterr().out
  assert prepare(folder, tmp_path / "out", *RAW, "--frame-fps", "5") == 1
  assert "frame_fps" in capsys.readouterr().err
