"""NAS-Bench-301 as a function: YAHPO Gym's surrogate."""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from archbo.benchmarks.table import Benchmark
from archbo.errors import DataError, UsageError
from archbo.spaces import ArchLike, DartsSpace
from archbo.spaces.darts import CELLS, NODES, SLOTS

__all__ = ["EPOCHS", "YahpoNb301"]

EPOCHS = 98
"""The length of the trainings that the surrogate is fitted to, and so the last epoch that it knows."""

PREFIX = "NetworkSelectorDatasetInfo_COLON_darts_COLON_"
"""What the names of the model's choices begin with (yahpo_gym/benchmarks/nb301.py)."""

COLUMNS = (
    *(f"edge_{cell}_{edge}" for cell in CELLS for edge in range(len(SLOTS))),
    *(f"inputs_node_{cell}_{node}" for cell in CELLS for node in (3, 4, 5)),
)
"""The choices in the model's order: the operation of each edge, and the two sources of each node that has a choice."""

PLACES = {column: place for place, column in enumerate(COLUMNS)}
"""Where each choice is."""

NONE = "#na#"
"""What stands for an edge that is not there."""


@final
class YahpoNb301:
    """Accuracy and training time of a cell of NAS-Bench-301 after any epoch from 1 to 98 (arXiv 2109.03670).

    It is the surrogate of YAHPO Gym, fitted to the trainings of NAS-Bench-301 (arXiv 2008.09777), not that of its
    authors, from which it differs in level by about a point. It is deterministic, but not invariant: cells that differ
    in the numbers of their nodes alone get somewhat different values (the standard deviation is .17). Genotypes are
    scored as they are written; give canonical ones where such twins must be equal.

    It is an evaluator, ``arch -> metrics`` or ``arch, fidelity -> metrics``, whose fidelities are epochs, and it makes
    tables. Metrics: ``val_accuracy``, on CIFAR-10, in %, and ``runtime``, of the training up to the epoch, in seconds.

    Args:
        model: The file of the model, ``model_v2.onnx`` or ``new_model.onnx``.
        encoding: The file that numbers the choices, ``encoding_v2.json`` or ``encoding.json``; the one beside the
            model unless given.

    Raises:
        DataError: A file is missing or damaged, or onnxruntime is not installed.
    """

    metrics = ("val_accuracy", "runtime")

    def __init__(self, model: str | Path, encoding: str | Path | None = None) -> None:
        self.model, self.space = Path(model), DartsSpace.nas_bench_301()
        beside = sorted(self.model.parent.glob("encoding*.json"))
        if encoding is None and not beside:
            raise DataError(f"there is no encoding*.json beside {model}; give the encoding")
        self.encoding = Path(encoding) if encoding is not None else beside[-1]
        try:
            numbers = json.loads(self.encoding.read_text(encoding="utf-8"))
            self._codes = [numbers[PREFIX + column] for column in COLUMNS]
            for code in self._codes:
                code[NONE]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"cannot read {self.encoding} as the encoding of nb301 ({type(error).__name__}: {error}); "
                "give the file that lies beside the model"
            ) from error

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401 - onnxruntime has no types
        try:
            import onnxruntime
        except ImportError as error:
            raise DataError(
                "onnxruntime is not installed; run: pip install 'archbo[onnx]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the model is small
        try:
            return onnxruntime.InferenceSession(
                str(self.model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has a class for each reason, which are not public
            reason = str(error).splitlines()[0]
            raise DataError(f"cannot read the model {self.model}: {reason}") from error

    def __call__(self, arch: ArchLike, fidelity: str | None = None) -> dict[str, float]:
        """The metrics of an architecture after the epoch that the fidelity is, such as ``"12"``; 98 unless given.

        Raises:
            InvalidArchitectureError: It is no cell of NAS-Bench-301.
            UsageError: The fidelity is no epoch.
        """
        epoch = EPOCHS if fidelity is None else int(fidelity) if fidelity.isdecimal() else 0
        values = self.values(self.space.rows([arch]), epoch)
        return dict(zip(self.metrics, values[0].tolist(), strict=True))

    def values(
        self, X: Tensor, epoch: int = EPOCHS, progress: Callable[[int, int], None] | None = None
    ) -> Tensor:
        """Accuracy and runtime, ``n x 2`` double, of rows ``X`` (``n x 24``) after an epoch.

        Args:
            X: Cells.
            epoch: From 1 to 98.
            progress: Hears of the number of rows that are done, and of all.

        Raises:
            UsageError: There is no such epoch.
            DataError: The model cannot be read, or is another.
        """
        if not 1 <= epoch <= EPOCHS:
            raise UsageError(f"epoch {epoch} of nb301: give 1 to {EPOCHS}")
        codes = self._encoded(X)
        time = np.full((1, 1), epoch, dtype=np.float32)
        session = self._session
        try:
            chosen, continuous = (one.name for one in session.get_inputs())
            rows = []
            for number, row in enumerate(codes, 1):  # the older model takes one at a time
                rows.append(session.run(None, {chosen: row[None], continuous: time})[0].reshape(-1))
                if progress is not None and (number % 100 == 0 or number == len(codes)):
                    progress(number, len(codes))
            return torch.from_numpy(np.stack(rows)).double().reshape(len(X), len(self.metrics))
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"{self.model} is no model of nb301: {reason}") from error

    def benchmark(
        self,
        X: Tensor,
        epochs: Sequence[int] = (12, 49, EPOCHS),
        progress: Callable[[int, int], None] | None = None,
    ) -> Benchmark:
        """A table of rows ``X`` (``n x 24``) with ``val_{epoch}`` and ``runtime_{epoch}`` for each of some epochs.

        Raises:
            UsageError: One of the epochs is none.
            DataError: The model cannot be read, or two rows are the same architecture.
        """
        metrics: dict[str, npt.NDArray[np.float32]] = {}
        for done, epoch in enumerate(epochs):

            def report(n: int, total: int, done: int = done) -> None:
                if progress is not None:
                    progress(n + done * total, total * len(epochs))

            accuracy, runtime = self.values(X, epoch, report).float().numpy().T
            metrics |= {f"val_{epoch}": accuracy, f"runtime_{epoch}": runtime}
        return Benchmark(
            name="yahpo-nb301",
            space=self.space,
            X=X,
            metrics=pd.DataFrame(metrics),
            default_objective=f"val_{max(epochs)}",
            source=f"{self.model}, the surrogate of YAHPO Gym (arXiv 2109.03670)",
        )

    def _encoded(self, X: Tensor) -> npt.NDArray[np.int32]:
        """``n x 34`` numbers of choices; an edge that is not there has that of ``NONE``."""
        codes = np.tile(np.array([code[NONE] for code in self._codes], dtype=np.int32), (len(X), 1))
        for number, row in enumerate(X.int().tolist()):
            digits = iter(row)
            for cell in CELLS:
                for node in NODES:
                    pair = self.space.pairs[node][next(digits)]
                    chosen = {
                        f"edge_{cell}_{SLOTS.index((node, source))}": self.space.op_names[
                            next(digits)
                        ]
                        for source in pair
                    }
                    if node > 2:
                        chosen[f"inputs_node_{cell}_{node}"] = "{}_{}".format(*pair)
                    for column, choice in chosen.items():
                        place = PLACES[column]
                        codes[number, place] = self._codes[place][choice]
        return codes
