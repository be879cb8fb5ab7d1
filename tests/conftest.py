"""What all tests share."""

from pathlib import Path

import pytest
import torch
from hypothesis import settings

# Small matrices want one thread, and the tests run in two processes.
torch.set_num_threads(1)
settings.register_profile("archbo", deadline=None, print_blob=True)
settings.load_profile("archbo")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def nb201_table() -> Path:
    """The real NAS-Bench-201 table, where there is one beside the repository."""
    path = SHARED / "nb201.parquet"
    if not path.is_file():
        pytest.skip("the table nb201.parquet is not beside this repository")
    return path
