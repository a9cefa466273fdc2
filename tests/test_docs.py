"""The documents do what they say: their code runs, their links and names exist."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import vgjax
from tests import tiny
from vgjax import cards

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
SOURCES = [*PAGES, *sorted(ROOT.glob("launch/*")), *sorted(ROOT.glob("configs/**/*.py"))]


def blocks(page: str, language: str) -> list[str]:
  """The fenced blocks of a language, in order."""
  text = (ROOT / page).read_text()
  return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
  """A folder with the files of docs/add_a_model.md; each block's first line is its path."""
  folder = tmp_path_factory.mktemp("reader")
  for block in blocks("docs/add_a_model.md", "python"):
    path = folder / re.match(r"# (my_project/\w+\.py)\n", block)[1]
    path.parent.mkdir(exist_ok=True)
    path.write_text(block)
  return folder


def shell(command: str, folder: Path) -> str:
  """Runs a command as a reader does in `folder`, and returns what it printed."""
  command = re.sub(r"\bpython\b", sys.executable, command)
  path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
  done = subprocess.run(
    ["bash", "-euc", command],
    cwd=folder, env=os.environ | {"PYTHONPATH": path, "JAX_NUM_CPU_DEVICES": "1"},
    text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
  )  # fmt: skip
  assert done.returncode == 0, done.stdout
  return done.stdout


def test_add_a_model_trains_evaluates_and_samples(project):
  train, gan, method = blocks("docs/add_a_model.md", "bash")
  output = shell(train, project)
  assert "copy last frame" in output and "sample-test-time20-0000002/000.mp4" in output
  assert sorted(tiny.losses(project / "runs" / "smoke")) == [2]
  assert len(list((project / "runs" / "smoke" / "samples").glob("sample-test-*/*.mp4"))) == 2
  assert "critic/area" in shell(gan, project)
  for branch in ("generator", "critic"):
    assert sorted(tiny.losses(project / "runs" / "gan", f"{branch}/loss")) == [2]
  assert len(list((project / "runs" / "gan" / "samples").glob("swap-*.mp4"))) == 1
  shell(method, project)
  assert tiny.losses(project / "runs" / "noisy", "predictor/change")[2] > 0


def test_add_a_model_passes_its_own_tests(project):
  assert "2 passed" in shell("python -m pytest -q -p no:cacheprovider my_project", project)


def test_add_a_model_typo_is_explained(project, monkeypatch):
  monkeypatch.syspath_prepend(str(project))
  config = vgjax.load_config(project / "my_project" / "config.py")
  config.models.predictor.fetures = 16
  with pytest.raises(ValueError, match='did you mean "features"'):
    vgjax.build(config)


def test_architecture_lists_every_file_and_every_dependency():
  text = (ROOT / "docs" / "architecture.md").read_text()
  files = [f"vgjax/{path.name}" for path in (ROOT / "vgjax").glob("*.py") if path.name != "__init__.py"]
  folders = [f"vgjax/{path.parent.name}/" for path in (ROOT / "vgjax").glob("*/__init__.py")]
  assert [name for name in files + folders if f"| `{name}` |" not in text] == []
  listed = re.findall(r"\| `(vgjax/\w+\.py)` \|", text)
  assert [name for name in listed if not (ROOT / name).exists()] == []
  project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
  needed = {re.match(r"[\w-]+", requirement)[0] for requirement in project["dependencies"]}
  assert {name for name in needed if f"| `{name}` |" not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page):
  links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
  missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
  assert missing == []


@pytest.mark.parametrize("page", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_configs_and_variants_that_are_named_exist(page):
  for name, variant in re.findall(r"--config[ =](configs/[\w/]+\.py)(?::(\w+))?", page.read_text()):
    assert vgjax.load_config(f"{ROOT / name}:{variant}" if variant else ROOT / name)


def test_tasks_page_names_every_task():
  from vgjax import tasks

  text = (ROOT / "docs" / "tasks.md").read_text()
  assert [name for name in tasks.__all__ if f"`{name}" not in text] == []


def test_models_page_names_every_loss():
  from vgjax import losses

  text = (ROOT / "docs" / "models.md").read_text()
  assert [name for name in losses.__all__ if f"`{name}`" not in text] == []


def test_metrics_page_names_every_evaluator():
  text = (ROOT / "docs" / "metrics.md").read_text()
  names = [path.stem for path in (ROOT / "vgjax" / "evaluators").glob("*.py") if path.stem[0] != "_"]
  assert names and [name for name in names if f"| `{name}` |" not in text] == []


def test_notebook_lines_in_the_readme_run(tmp_path, monkeypatch):
  """The README's ten lines, with a config of seconds in place of the quickstart."""
  pytest.importorskip("IPython")
  (code,) = blocks("README.md", "python")
  assert "configs/quickstart.py" in code
  monkeypatch.chdir(tmp_path)
  exec(code.replace("configs/quickstart.py", str(ROOT / "tests" / "tiny_config.py")), {})
  assert list((tmp_path / "runs").glob("*/checkpoints/*"))


def test_every_card_belongs_to_figures():
  """Evaluations that docs/results.md quotes: each can be read, is linked, and its figure stands beside it."""
  results = (ROOT / "docs" / "results.md").read_text()
  kept = sorted((ROOT / "docs" / "cards").glob("*.json"))
  assert kept
  for path in kept:
    card, numbers = cards.read(path)
    assert {"data", "split", "num_videos", "evaluator", "code"} <= set(card), path
    paragraph = next(text for text in results.split("\n\n") if f"cards/{path.name}" in text)
    figures = [f"{value:.{digits}f}".lstrip("0") for value in scalars(numbers) for digits in (0, 1, 2, 3)]
    assert any(re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", paragraph) for figure in figures), path


def scalars(numbers):
  return [value for value in numbers.values() if isinstance(value, float)]
