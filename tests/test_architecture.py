"""Imports point one way, as docs/architecture.md says; found by reading the files, not by running them."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = {
  ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
  for path in sorted((ROOT / "vgjax").rglob("*.py"))
}
# What methods/ may use of vgjax: models and pure functions; no data, files or devices.
FOR_METHODS = (
  *("configs", "errors", "methods", "models", "types"),
  *("adversarial", "augment", "critics", "feeding", "health", "losses", "objective", "penalties", "rollout"),
  "samplers",
)
NOT_FOR_METHODS = {"av", "grain", "imageio", "io", "os", "pathlib", "PIL", "shutil", "tempfile"}


def imports(name: str) -> set[str]:
  """All that a module imports, also inside functions; of vgjax, the modules and not their contents."""
  found = set()
  for node in ast.walk(ast.parse(FILES[name].read_text())):
    if isinstance(node, ast.Import):
      found |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      assert not node.level, f"{name}: write `from vgjax...`, so that imports can be found by searching"
      whole = {f"{node.module}.{alias.name}" for alias in node.names}
      found |= (whole & set(FILES)) or {node.module}
  return found


def ours(name: str) -> set[str]:
  return {used for used in imports(name) if used.split(".")[0] == "vgjax"}


def inside(name: str, *packages: str) -> bool:
  return any(name == f"vgjax.{p}" or name.startswith(f"vgjax.{p}.") for p in packages)


@pytest.mark.parametrize("name", [n for n in FILES if inside(n, "models")])
def test_models_import_only_their_layers(name):
  assert [used for used in ours(name) if not inside(used, "models.layers")] == []


@pytest.mark.parametrize("name", [n for n in FILES if inside(n, "methods", "samplers")])
def test_methods_know_no_data_files_or_devices(name):
  assert [used for used in ours(name) if not inside(used, *FOR_METHODS)] == []
  assert {used.split(".")[0] for used in imports(name)} & NOT_FOR_METHODS == set()


def test_tasks_import_only_types():
  assert ours("vgjax.tasks") <= {"vgjax.types"}


def test_only_checkpoint_imports_orbax():
  users = {name for name in FILES if any(used.startswith("orbax") for used in imports(name))}
  assert users == {"vgjax.checkpoint"}


def test_train_uses_no_method_and_step_no_run():
  """The loop and the step know no family: they get a `Method`, and never look for one."""
  assert not [used for used in ours("vgjax.train") if inside(used, "methods", "models", "build")]
  assert ours("vgjax.step") <= {"vgjax.optim", "vgjax.types"}


def test_no_cycles():
  # `vgjax/__init__.py` gathers names for notebooks; what it imports must not import it back.
  graph = {name: ours(name) & set(FILES) - {name} for name in FILES}
  assert not [name for name in FILES if name != "vgjax" and "vgjax" in graph[name]]
  order = list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError
  assert order.index("vgjax.types") < order.index("vgjax.step") < order.index("vgjax.train")


@pytest.mark.parametrize("name", FILES)
def test_no_file_is_too_long(name):
  lines = len(FILES[name].read_text().splitlines())
  assert lines <= 350, f"{FILES[name]} has {lines} lines: look for the second idea in it"


def test_optional_packages_are_imported_only_when_they_are_used():
  """`import vgjax` works without what pyproject.toml calls optional."""
  optional = ["tensorboardX", "tensorboard", "wandb", "torch", "skimage", "IPython"]
  code = f"import sys, vgjax, vgjax.launch; print([m for m in {optional} if m in sys.modules])"
  done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
  assert done.returncode == 0, done.stderr
  assert done.stdout.split("\n")[-2] == "[]"
