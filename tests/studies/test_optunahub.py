"""What OptunaHub is to publish loads as OptunaHub loads it, and its examples run."""

import importlib.util
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest

REGISTRY = Path(__file__).parents[2] / "integrations" / "optunahub" / "package"
PACKAGES = sorted(path.parent for path in REGISTRY.glob("*/*/__init__.py"))


def load(package):
    """As ``optunahub.load_local_module`` does."""
    name = f"optunahub_registry.package.{package.replace('/', '.')}"
    spec = importlib.util.spec_from_file_location(name, REGISTRY / package / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_a_package_has_what_the_registry_asks_for(folder, monkeypatch):
    assert {"README.md", "LICENSE", "__init__.py", "example.py"} <= {
        p.name for p in folder.iterdir()
    }
    readme = (folder / "README.md").read_text()
    front = re.match(r"---\n(.+?)\n---\n", readme, re.S)[1]
    keys = [line.partition(":")[0] for line in front.splitlines()]
    assert keys == ["author", "title", "description", "tags", "optuna_versions", "license"]
    module = load(f"{folder.parent.name}/{folder.name}")
    assert all(getattr(module, name) for name in module.__all__)
    monkeypatch.setitem(sys.modules, "optunahub", SimpleNamespace(load_module=load))
    monkeypatch.setattr(optuna.logging.get_logger("optuna"), "level", optuna.logging.WARNING)
    study = runpy.run_path(str(folder / "example.py"))["study"]
    assert study.best_params == {"width": 64, "depth": 6, "activation": "silu"}
    example = re.search(r"```python\n(.+?)```", readme, re.S)[1]
    scope = {}
    exec(example, scope)
    assert scope["study"].best_params == {"width": 64, "depth": 6}


def test_there_is_a_package():
    assert [folder.name for folder in PACKAGES] == ["archbo"]
