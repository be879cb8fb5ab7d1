"""TransNAS-Bench-101: a pickle, as torch saves it, of learning curves on seven tasks."""

from abc import abstractmethod
from typing import ClassVar, final

import pandas as pd

from archbo.benchmarks.importers.base import ARCH, Files, Importer, Published
from archbo.errors import DataError
from archbo.spaces import EdgeCellSpace, SearchSpace, TransNASMacroSpace

__all__ = ["TransNasBench101", "TransNasBench101Macro"]

METRICS = {
    "class_scene": "top1",
    "class_object": "top1",
    "jigsaw": "top1",
    "room_layout": "neg_loss",
    "segmentsemantic": "acc",
    "normal": "ssim",
    "autoencoder": "ssim",
}
"""The metric of each task that counts, more of which is better (naslib/search_spaces/transbench101/graph.py)."""


class _Trained(Importer):
    """Networks of one of the two spaces on seven vision tasks, which are in one file.

    Columns, each after the last epoch, for each task: ``{task}_val`` and ``{task}_test``, more of which is better
    (``class_scene``, ``class_object``, ``jigsaw``: accuracy in %; ``room_layout``: negative loss; ``segmentsemantic``:
    accuracy of pixels in %; ``normal``, ``autoencoder``: structural similarity); ``{task}_train_time``; and
    ``{task}_{info}`` of the network, such as ``class_scene_model_params``.

    Attributes:
        part: What the file calls the space.
    """

    part: ClassVar[str]
    licence: ClassVar[str] = "MIT"
    files: ClassVar[tuple[Published, ...]] = (
        Published(
            "transnas-bench_v10141024.pth",
            "https://drive.google.com/drive/folders/1HlLr2ihZX_ZuV3lJX_4i7q4w-ZBdhJ6o",
            "105 MB",
        ),
    )

    @abstractmethod
    def _space(self) -> SearchSpace:
        """The space of the networks."""

    @final
    def _read(self, files: Files) -> tuple[SearchSpace, pd.DataFrame]:
        path, *others = files.paths
        if others:
            raise DataError(f"{self.name} is one file; leave {others[0]} out")
        content = files.load_pickle(path)
        rows: list[dict[str, object]] = []
        try:
            for arch, by_task in content["data"][self.part].items():
                row: dict[str, object] = {ARCH: str(arch)}
                for task, metric in METRICS.items():
                    curves = by_task[task]["metrics"]
                    row[f"{task}_val"] = float(curves[f"valid_{metric}"][-1])
                    row[f"{task}_test"] = float(curves[f"test_{metric}"][-1])
                    row[f"{task}_train_time"] = float(curves["time_elapsed"][-1])
                    for info in content["info_names"]:
                        row[f"{task}_{info}"] = float(by_task[task]["model_info"][info])
                rows.append(row)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataError(
                f"{path} holds no TransNAS-Bench-101 ({type(error).__name__}: {error}); give {self.files[0].name}"
            ) from error
        return self._space(), pd.DataFrame(rows)


@final
class TransNasBench101(_Trained):
    """The 4,096 cells of the micro space on seven vision tasks (arXiv 2105.11871)."""

    name = "transnas-bench-101"
    part = "micro"

    def _space(self) -> SearchSpace:
        return EdgeCellSpace.trans_nas_micro()


@final
class TransNasBench101Macro(_Trained):
    """The 3,256 networks of the macro space on seven vision tasks (arXiv 2105.11871)."""

    name = "transnas-bench-101-macro"
    part = "macro"

    def _space(self) -> SearchSpace:
        return TransNASMacroSpace()
