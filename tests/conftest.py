"""What all tests share."""

from pathlib import Path

import pytest
import torch
from hypothesis import settings

# Small matrices want one thread, and the tests run in two processes.
torch.set_num_threads(1)
settings.register_profile("archbo", deadline=None, print_blob=True)
settings.load_profile("archbo")

# Doctests are looked for in every module, and two of these have one name.
collect_ignore = ["conftest.py", "cli/conftest.py"]

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_table(name: str) -> Path:
    """A real table, where there is one beside the repository."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"the table {name} is not beside this repository")
    return path


@pytest.fixture(scope="session")
def nb201_table() -> Path:
    """NAS-Bench-201 with accuracies by task and epochs."""
    return shared_table("nb201.parquet")


@pytest.fixture(scope="session")
def latency_table() -> Path:
    """Latencies of NAS-Bench-201 on 22 devices."""
    return shared_table("nb201_help.parquet")


@pytest.fixture(scope="session")
def flexibert_table() -> Path:
    """500 trained encoders of the FlexiBERT space."""
    return shared_table("bert_nasbench.parquet")


@pytest.fixture(scope="session")
def nb101_table() -> Path:
    """500 trained cells of NAS-Bench-101, isomorphic ones among them."""
    return shared_table("nb101_500.parquet")


@pytest.fixture(scope="session")
def tnb101_table() -> Path:
    """All cells of TransNAS-Bench-101 micro."""
    return shared_table("tnb101_micro.parquet")


@pytest.fixture(scope="session")
def nb101_energy_table() -> Path:
    """4,310 cells of NAS-Bench-101 with their numbers of parameters."""
    return shared_table("nb101_energy_ecnas.parquet")


@pytest.fixture(scope="session")
def darts_table() -> Path:
    """545 genotypes of DARTS with their numbers of parameters."""
    return shared_table("oncenas_darts545.parquet")


@pytest.fixture(scope="session")
def yahpo_model() -> Path:
    """YAHPO Gym's model of NAS-Bench-301, with its encoding beside it."""
    return shared_table("nb301_yahpo/new_model.onnx")


@pytest.fixture(scope="session")
def yahpo_table() -> Path:
    """20,000 cells of NAS-Bench-301 that the model has scored."""
    return shared_table("darts_yahpo20k.parquet")
