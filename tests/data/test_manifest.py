"""Manifests come back as they were written, and errors say where."""

import importlib.util
import os

import pytest

from vgjax.data import manifest
from vgjax.data.manifest import Row
from vgjax.errors import ConfigError, DataError

needs_pyarrow = pytest.mark.skipif(
  importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed: pip install pyarrow"
)
FORMATS = ["csv", "jsonl", pytest.param("parquet", marks=needs_pyarrow)]

ROWS = [
  Row("cats/one.mp4", label="cat", text='a "cat", asleep\non a mat; ünï', split="train", start=0.25, end=4.5),
  Row("two.mp4", label="dog", split="valid", embedding="two.npy", action="two.npz", content="7"),
  Row("two.mp4", label="dog", split="valid", start=1.0, content="7"),
  Row("three.mp4"),
]


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_written_comes_back(tmp_path, suffix):
  path = tmp_path / f"manifest.{suffix}"
  manifest.write_manifest(path, ROWS)
  assert manifest.read_manifest(path) == ROWS
  numbers = [Row("a.mp4", label=0), Row("b.mp4", label=12), Row("c.mp4")]
  manifest.write_manifest(path, numbers)
  assert manifest.read_manifest(path) == numbers
  assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_only_columns_in_use_are_written(tmp_path, suffix):
  path = tmp_path / f"manifest.{suffix}"
  manifest.write_manifest(path, [Row("a.mp4", text="hello")])
  assert path.read_text() == {"csv": "path,text\na.mp4,hello\n"}.get(
    suffix, '{"path": "a.mp4", "text": "hello"}\n'
  )


def test_a_failed_write_leaves_the_old_file(tmp_path):
  path = tmp_path / "manifest.jsonl"
  manifest.write_manifest(path, ROWS)
  with pytest.raises(TypeError):
    manifest.write_manifest(path, [Row("a.mp4"), Row(b"b.mp4")])
  assert manifest.read_manifest(path) == ROWS and os.listdir(tmp_path) == ["manifest.jsonl"]


def test_labels_of_a_csv_are_numbers_if_all_are(tmp_path):
  path = tmp_path / "a.csv"
  for text, labels in (("3\n,\nb,10", None), ("3\nb.mp4,10", [3, 10]), ("3\nb.mp4,007", ["3", "007"])):
    path.write_text(f"path,label\na.mp4,{text}\n")
    if labels is None:
      with pytest.raises(DataError, match=r'a\.csv, line 3: the column "path" is missing'):
        manifest.read_manifest(path)
    else:
      assert [row.label for row in manifest.read_manifest(path)] == labels


def test_files_of_spreadsheets(tmp_path):
  path = tmp_path / "a.csv"
  path.write_bytes("\ufeffpath, split\r\na.mp4, val\r\n\r\n".encode())
  assert manifest.read_manifest(path) == [Row("a.mp4", split="valid")]


def test_columns_of_other_programs(tmp_path):
  path = tmp_path / "a.csv"
  path.write_text("file,begin,lable,score\na,7,cat,0.3\n")
  columns = dict(path="videos/{file}_{begin:0>6}.mp4", label="lable")
  assert manifest.read_manifest(path, columns=columns) == [Row("videos/a_000007.mp4", label="cat")]
  for wrong in (columns | dict(label="label"), columns | dict(path="{label}")):
    with pytest.raises(
      DataError, match=r"a\.csv, line 2: there is no column 'label'; did you mean \"lable\""
    ):
      manifest.read_manifest(path, columns=wrong)
  with pytest.raises(ConfigError, match=r'columns: unknown column "pth"; did you mean "path"'):
    manifest.read_manifest(path, columns=dict(pth="file"))
  with pytest.raises(DataError, match=r"line 2: config\.data\.columns\.path = '\{file' cannot be filled"):
    manifest.read_manifest(path, columns=dict(path="{file"))
  listed = tmp_path / "a.json"
  listed.write_text('[{"id": "78", "label": "holding a pot", "placeholders": ["a pot"]}]')
  rows = manifest.read_manifest(listed, columns=dict(path="{id}.webm", text="label"))
  assert rows == [Row("78.webm", text="holding a pot")]
  listed.write_text('{"id": "78"}')
  with pytest.raises(DataError, match=r"a\.json: a list of objects"):
    manifest.read_manifest(listed)


@pytest.mark.parametrize(
  "suffix, text, message",
  [
    ("csv", "path,lable\na.mp4,cat", r'm\.csv, line 2: unknown column "lable"; did you mean "label"'),
    ("csv", 'path,text\na.mp4,"one\ntwo"\nb.mp4,c,d', "line 4: 3 cells for 2 columns.*quotes"),
    ("csv", "path;label\na.mp4;cat", "line 1: its cells are parted by semicolons. Save it with commas"),
    ("csv", "path\tlabel\na.mp4\tcat", "line 1: its cells are parted by tabs"),
    ("csv", "path,path\na.mp4,cat", "line 1: a column appears twice"),
    ("csv", "path,start\na.mp4,soon", r"line 2, column \"start\": seconds.*'soon'"),
    ("csv", "path,start\na.mp4,-1", "line 2, column \"start\": seconds from 0 on are wanted, not '-1'"),
    ("csv", "path,end\na.mp4,nan", 'line 2, column "end": seconds'),
    ("csv", "path,start,end\na.mp4,3,2", 'column "end": 2.0 is not after the start, 3.0'),
    ("csv", "path,split\na.mp4,trian", r'column "split": .*not \'trian\'; did you mean "train"'),
    ("csv", "path\n", r"m\.csv: the manifest has no rows"),
    ("csv", "", r"m\.csv: the manifest has no rows"),
    ("csv", 'path\n"a.mp4', r"m\.csv: the manifest cannot be read"),
    (
      "jsonl",
      '{"path": "a.mp4"}\n\n{"path": 3}',
      r"m\.jsonl, line 3, column \"path\": a string is wanted, not 3",
    ),
    ("jsonl", '{"path": "a.mp4"', r"m\.jsonl, line 1: not JSON"),
    ("jsonl", '["a.mp4"]', r"line 1: an object such as"),
    ("jsonl", '{"path": "a.mp4", "label": -1}', 'column "label": a number of a class is from 0 on'),
    ("jsonl", '{"path": "a.mp4", "label": true}', 'column "label": a string is wanted, not True'),
    ("jsonl", '{"path": "a.mp4", "label": 1}\n{"path": "b.mp4", "label": "1"}', r"line 2.*as in line 1, 1\."),
    ("jsonl", '{"path": "a\\u0000.mp4"}', "is no path"),
    ("jsonl", '{"path": "a", "start": true}', 'column "start": seconds'),
    (
      "jsonl",
      '{"path": "a", "content": 7, "split": "train"}\n{"path": "b", "content": "7", "split": "test"}',
      r"line 2, column \"split\": test, but line 1 has the same content '7' in train",
    ),
    ("txt", "path", r"m\.txt: a manifest is one of \*\.jsonl, \*\.csv, \*\.parquet"),
    ("parquet", "junk", r"m\.parquet: "),
  ],
)
def test_errors_name_file_line_and_column(tmp_path, suffix, text, message):
  path = tmp_path / f"m.{suffix}"
  path.write_text(text)
  with pytest.raises(DataError, match=message):
    manifest.read_manifest(path)


def test_bytes_that_are_no_text(tmp_path):
  for suffix in ("csv", "jsonl"):
    path = tmp_path / f"m.{suffix}"
    path.write_bytes(b"path\n\xff\xfe.mp4\n")
    with pytest.raises(DataError, match=rf"m\.{suffix}: the manifest cannot be read: .* Save it as UTF-8"):
      manifest.read_manifest(path)
  with pytest.raises(DataError, match=r"nowhere\.csv: the manifest cannot be read"):
    manifest.read_manifest(tmp_path / "nowhere.csv")


@needs_pyarrow
def test_parquet_errors_name_the_row(tmp_path):
  import pyarrow
  import pyarrow.parquet

  path = tmp_path / "m.parquet"
  pyarrow.parquet.write_table(pyarrow.table({"path": ["a", "b"], "start": [0.0, -2.0]}), path)
  with pytest.raises(DataError, match=r"m\.parquet, line 2, column \"start\""):
    manifest.read_manifest(path)
