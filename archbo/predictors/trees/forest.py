"""Random forests on encodings."""

from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor

from archbo.encodings import Encoding
from archbo.errors import UsageError
from archbo.predictors.base import Predictor
from archbo.predictors.calibration import calibrate, fit_of, moments
from archbo.predictors.gaussian_model import GaussianEnsemble
from archbo.predictors.trees.gbdt import tree_encoding
from archbo.predictors.warps import Standardize
from archbo.spaces import SearchSpace

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

__all__ = ["RandomForest"]


@final
class RandomForest(Predictor):
    """Scikit-learn's ``RandomForestRegressor`` with its defaults: the baseline that papers compare with.

    The trees are the members of an ensemble; how far their disagreement is to be believed is learned from the
    observations that each has not drawn.

    Args:
        space: The space that the rows belong to.
        encoding: What the trees see; ``tree_encoding`` unless given.
        n_trees: The number of trees.

    Raises:
        UsageError: There are fewer than two trees.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> X = space.enumerate()
        >>> forest = RandomForest(space).fit(X, X[:, 0], seed=0)
        >>> mean, std = forest.predict(["width=32,depth=2", "width=8,depth=2"])
        >>> bool(mean[0] > mean[1])
        True
    """

    min_observations = 3
    encoding: Encoding
    model: "Forest"

    def __init__(
        self, space: SearchSpace, encoding: Encoding | None = None, *, n_trees: int = 100
    ) -> None:
        super().__init__(space, encoding, warp=Standardize())
        if n_trees < 2:
            raise UsageError(f"n_trees must be at least 2; got {n_trees}")
        self.n_trees = n_trees

    def _default_encoding(self, space: SearchSpace) -> Encoding:
        return tree_encoding(space)

    def _fit(self, *, seed: int) -> None:
        self._prepare()
        Z = self.to_latent(self.train_Y).flatten()
        self.model.set(self.train_X, Z, seed=int(np.random.default_rng(seed).integers(2**31)))

    def _prepare(self) -> None:
        self.model = Forest(self.encoding, self.n_trees)


@final
class Forest(GaussianEnsemble):
    """The trees of a forest, kept as what they were grown from: growing them again gives the same.

    Args:
        encoding: What the trees see.
        n_trees: The number of trees.
    """

    inputs: Tensor
    targets: Tensor
    seed: Tensor

    def __init__(self, encoding: Encoding, n_trees: int) -> None:
        super().__init__()
        self.encoding, self.n_trees = encoding, n_trees
        self.register_buffer("inputs", torch.empty(0, encoding.n_features))
        self.register_buffer("targets", torch.empty(0, dtype=torch.double))
        self.register_buffer("seed", torch.tensor(0))
        self._grown: RandomForestRegressor | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What a copy starts from: what the trees are grown from."""
        return {**self.__dict__, "_grown": None}

    def set(self, X: Tensor, Z: Tensor, *, seed: int) -> None:
        """Grow the trees from rows ``X`` (``n x d``) and values ``Z`` (``n``)."""
        self.inputs = self.encoding(X).to(torch.float32)
        # Rounded, so that single and double precision break ties between splits alike.
        self.targets, self.seed = Z.double().round(decimals=4), torch.tensor(seed)
        self._grown = None
        out = np.ones((self.n_trees, len(X)), dtype=bool)
        for row, drawn in zip(out, self._forest().estimators_samples_, strict=True):
            row[drawn] = False
        mean, variance, known = moments(self._trees(self.inputs).numpy(), out)
        held = self.targets[torch.from_numpy(known)]
        spread, noise = calibrate(torch.from_numpy(mean), torch.from_numpy(variance), held)
        self.spread, self.noise = self.spread.new_tensor(spread), self.noise.new_tensor(noise)

    def members(self, X: Tensor) -> Tensor:
        return self._trees(self.encoding(X).to(torch.float32)).to(X)

    def _trees(self, inputs: Tensor) -> Tensor:
        """What each tree predicts, ``s x n``, for features ``n x D``."""
        values = [
            tree.tree_.predict(inputs.detach().numpy())[:, 0] for tree in self._forest().estimators_
        ]
        return torch.from_numpy(np.stack(values))

    def _forest(self) -> "RandomForestRegressor":
        if self._grown is None:
            from sklearn.ensemble import RandomForestRegressor

            forest = RandomForestRegressor(self.n_trees, random_state=int(self.seed))
            with fit_of("scikit-learn"):
                self._grown = forest.fit(self.inputs.numpy(), self.targets.numpy())
        return self._grown
