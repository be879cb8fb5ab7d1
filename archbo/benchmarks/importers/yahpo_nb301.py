"""NAS-Bench-301: a table of random cells from YAHPO Gym's surrogate."""

from typing import final

import pandas as pd

from archbo.benchmarks.importers.base import ARCH, Files, Importer, Published
from archbo.benchmarks.yahpo import YahpoNb301
from archbo.errors import DataError
from archbo.randomness import generator
from archbo.spaces import SearchSpace

__all__ = ["YahpoNb301Sample"]

FOLDER = "https://github.com/slds-lmu/yahpo_data"
"""Where the files are."""

SAMPLE = 20_000
"""The number of cells, of which the best has an accuracy of about 95.95 %, where search finds 96.65 %."""


@final
class YahpoNb301Sample(Importer):
    """20,000 random cells of NAS-Bench-301 as YAHPO Gym's surrogate scores them (arXiv 2109.03670).

    Columns: ``val_{epoch}``, accuracy in %, and ``runtime_{epoch}`` in seconds, after 12, 49 and 98 epochs. The cells
    are ``space.sample(20_000)`` with seed 0. ``archbo.benchmarks.YahpoNb301`` scores any cell after any epoch.
    """

    name = "yahpo-nb301"
    patterns = ("*.onnx", "encoding*.json")
    licence = "Apache-2.0"
    files = (
        Published("model_v2.onnx", f"{FOLDER}/tree/main/nb301", "not stated"),
        Published("encoding_v2.json", f"{FOLDER}/tree/main/nb301", "6.7 kB"),
        Published(
            "new_model.onnx",
            f"{FOLDER}/tree/3a646b874bb2e3a9c10b58ae2f42158e3a54a811/nb301",
            "2.6 MB",
            "3c6a6fb3a70998bf6c55883bdc5cc71cff190e1859468d72cc6960b88f06d280",
        ),
    )

    def _read(self, files: Files) -> tuple[SearchSpace, pd.DataFrame]:
        given = {path.suffix: path for path in files.paths}
        if len(files.paths) != 2 or set(given) != {".onnx", ".json"}:
            raise DataError(
                f"{self.name} is made of a model and its encoding; give model_v2.onnx and encoding_v2.json"
            )
        surrogate = YahpoNb301(given[".onnx"], given[".json"])
        X = surrogate.space.sample(SAMPLE, generator=generator(0))
        benchmark = surrogate.benchmark(X, progress=files.report)
        frame = benchmark.metrics
        frame.insert(0, ARCH, [surrogate.space.format(row) for row in X.tolist()])
        return surrogate.space, frame
