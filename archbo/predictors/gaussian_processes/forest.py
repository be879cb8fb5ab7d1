"""What a random forest predicts, as one more feature of a Gaussian process, and how much it explains."""

from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from gpytorch.kernels import Kernel
from numpy.typing import NDArray
from torch import Tensor

from archbo.encodings import Encoding
from archbo.predictors.calibration import fit_of
from archbo.predictors.gaussian_processes.pool_gp import PoolModel
from archbo.predictors.warps import Standardize

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

__all__ = ["LEAST_GAIN", "TREES", "BesideForest", "ForestEncoding", "gain"]

TREES = 50
"""The number of trees; 300 have the same Kendall tau within .003, and take six times as long."""

LEAST_GAIN = 1.5
"""The least ``gain`` with which a forest is believed: odds of four to one.

On what searches of NAS-Bench-201 have seen, whose last steps a forest slows down, gains stay below it; on 32 to 128 random
cells of TransNAS-Bench-101's class_object they are 1 to 7, and 3 on average.
"""

MAX_DEPTH, MAX_FEATURES = 4, 0.5
"""Of a tree, and the share of features that a split chooses from: as good as scikit-learn's defaults, and quicker."""


@final
class ForestEncoding(Encoding):
    """The features of an encoding, and behind them what a random forest predicts from these.

    Trees find the few features and thresholds that matter, which a stationary kernel with a weight for each group
    does not. An architecture that the forest was grown from has the mean of the trees that have not drawn it (out
    of bag): so the forest is as often right about what was observed as about what was not, and a likelihood can tell
    how far to believe it. A prediction counts from the mean of what a tree was grown from, so that a tree without a
    split says 0, and so does a forest that is not grown yet.

    Args:
        encoding: What the trees see.
        n_trees: Their number.
    """

    rows: Tensor
    targets: Tensor
    seed: Tensor

    def __init__(self, encoding: Encoding, n_trees: int = TREES) -> None:
        super().__init__(encoding.space)
        self.encoding, self.n_trees = encoding, n_trees
        self.feature_names = (*encoding.feature_names, "forest")
        self.groups = (*encoding.groups, max(encoding.groups) + 1)
        empty = torch.empty(0, encoding.space.n_columns, dtype=torch.double, device="cpu")
        self.register_buffer("rows", empty)
        self.register_buffer("targets", empty.flatten())
        self.register_buffer("seed", torch.tensor(0, device="cpu"))
        self._grown: tuple[RandomForestRegressor, Tensor] | None = None

    def __getstate__(self) -> dict[str, object]:
        return super().__getstate__() | {"_grown": None}

    def grow(self, X: Tensor, Y: Tensor, *, seed: int) -> None:
        """Grow the trees from rows ``X`` (``n x d``) and values ``Y`` (``n``, in any unit).

        An architecture that was observed repeatedly has the mean of its values: a tree that has drawn one of them is no
        judge of the others.
        """
        rows, Z = X.double(), Standardize().fit(Y).forward(Y).double()
        _, group = rows.unique(dim=0, return_inverse=True)
        count = group.bincount()
        means = Z.new_zeros(len(count)).index_add_(0, group, Z) / count
        order = torch.arange(len(rows), device=group.device)
        first = order.new_full(count.shape, len(rows)).scatter_reduce(0, group, order, "amin")
        first = first.sort().values
        # Rounded, so that single and double precision break ties between splits alike.
        self.rows, self.targets = rows[first], means[group[first]].round(decimals=4)
        self.seed = torch.tensor(int(np.random.default_rng(seed).integers(2**31)), device="cpu")
        self._grown = self._memory = None

    def _encode(self, X: Tensor) -> Tensor:
        features = self.encoding(X)
        told = self._predict(X, features) if len(self.rows) else X.new_zeros(len(X))
        return torch.cat([features, told.to(features).unsqueeze(-1)], -1)

    def _predict(self, X: Tensor, features: Tensor) -> Tensor:
        """What the forest says of rows ``X`` (``n x d``) with their features ``n x D``."""
        forest, out_of_bag = self._forest()
        # Summed one by one: rows of any number then have the same sums.
        told = torch.from_numpy(sum(_trees(forest, features)) / self.n_trees)
        rows = torch.cat([self.rows.cpu(), X.detach().cpu().double()])
        _, group = rows.unique(dim=0, return_inverse=True)
        observed, asked = group[: len(self.rows)], group[len(self.rows) :]
        held = out_of_bag.new_full((len(rows),), torch.nan)
        held[observed] = out_of_bag
        return held[asked].where(held[asked].isfinite(), told)

    def _forest(self) -> tuple["RandomForestRegressor", Tensor]:
        """The forest, and its out-of-bag predictions of what it was grown from (``n``)."""
        if self._grown is None:
            from sklearn.ensemble import RandomForestRegressor

            forest = RandomForestRegressor(
                self.n_trees,
                max_depth=MAX_DEPTH,
                max_features=MAX_FEATURES,
                random_state=int(self.seed),
            )
            inputs = self.encoding(self.rows)
            with fit_of("scikit-learn"):
                forest.fit(_single(inputs), self.targets.cpu().numpy())
            out = np.ones((self.n_trees, len(inputs)), dtype=bool)
            for row, drawn in zip(out, forest.estimators_samples_, strict=True):
                row[drawn] = False
            told = np.stack(_trees(forest, inputs))
            held = (told * out).sum(0) / np.maximum(out.sum(0), 1)
            self._grown = (forest, torch.from_numpy(held))
        return self._grown

    def _same_options(self, other: "ForestEncoding") -> bool:
        return (
            self.encoding.equals(other.encoding)
            and self.n_trees == other.n_trees
            and all(
                torch.equal(getattr(self, name), getattr(other, name))
                for name in ("rows", "targets", "seed")
            )
        )

    def __repr__(self) -> str:
        return f"ForestEncoding({self.encoding!r}, n_trees={self.n_trees})"


def _single(features: Tensor) -> NDArray[Any]:
    """In the precision of scikit-learn's trees."""
    inputs: NDArray[Any] = features.detach().cpu().to(torch.float32).numpy()
    return inputs


def _trees(forest: "RandomForestRegressor", features: Tensor) -> list[NDArray[Any]]:
    """For each tree what it predicts from features ``n x D``, from the mean of what it was grown from (``n``)."""
    inputs = _single(features)
    grown = [tree.tree_ for tree in forest.estimators_]
    return [tree.predict(inputs)[:, 0] - tree.value[0, 0, 0] for tree in grown]


@final
class BesideForest(Kernel):  # type: ignore[misc]
    """A kernel on the features of an encoding, and a linear one on the prediction of a forest behind them.

    ``k(x, y) = base(x, y) + f(x) f(y)``: a priori the slope of the forest's prediction is standard normal.

    Args:
        base: The kernel on the features but the last.
    """

    has_lengthscale = False

    def __init__(self, base: Kernel) -> None:
        super().__init__()
        self.base = base

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """Covariances ``... x n x m`` of features ``x1`` (``... x n x D``) and ``x2`` (``... x m x D``)."""
        base: Any = self.base(x1[..., :-1], x2[..., :-1], diag=diag)
        first, second = x1[..., -1], x2[..., -1]
        if diag:
            covariance: Tensor = base + first * second
        else:
            covariance = base.to_dense() + first.unsqueeze(-1) * second.unsqueeze(-2)
        return covariance


def gain(model: PoolModel, forest: Tensor) -> float:
    """By how much the logarithm of the evidence grows if the mean gets another feature with a standard normal slope.

    The hyperparameters stay as they are: ``d^2 / (2 (1 + s)) - log(1 + s) / 2`` with ``s = f' K^-1 f`` and
    ``d = f' K^-1 (z - mean)`` (Rasmussen and Williams 2006, section 2.7).

    Args:
        model: Fitted to ``n`` observations.
        forest: The feature ``f`` of these, ``n``.
    """
    model.eval()
    factor, weights = model.solved()
    half = torch.linalg.solve_triangular(factor, forest.to(factor).unsqueeze(-1), upper=False)
    s, d = half.square().sum(), (forest.to(weights) * weights).sum()
    return float(0.5 * d.square() / (1 + s) - 0.5 * s.log1p())
