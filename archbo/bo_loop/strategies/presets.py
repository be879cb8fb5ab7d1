"""Published search methods, each on the parts that all methods here share.

They are the published rules, not their authors' programs: networks, trees and Gaussian processes are those of
``archbo.predictors``, and no architecture is asked for twice. All begin with ``n_initial`` random
architectures, ten unless given, so that they can be compared from the first query on.
"""

from collections.abc import Callable
from inspect import cleandoc
from typing import NamedTuple, Protocol

from archbo.acquisition import (
    Candidates,
    IndependentThompsonSampling,
    Maximize,
    MutationCandidates,
    PrunedCandidates,
    Rule,
    TopSampling,
    candidates_for,
    greedy,
    log_ei,
)
from archbo.bo_loop.strategies.bayesian import Bayesian
from archbo.encodings import OneHotEncoding, PathEncoding, WLEncoding
from archbo.goals import Goal
from archbo.predictors import GBDT, GP, DeepEnsemble, Predictor, RandomForest, kernels
from archbo.spaces import SearchSpace

__all__ = ["bananas", "gbdt_nas", "nas_bowl", "weaknas"]

ROUND = 10
"""The number of architectures in a round, as in the papers that have rounds."""


class Preset(Protocol):
    """Makes a published search of a space.

    Args:
        space: The space to search.
        goal: What is wanted, one objective; one metric called ``value`` is maximised unless given.
        candidates: Where architectures may come from; the whole space unless given.
        n_initial: The number of random architectures at the start.
        seed: The same seed gives the same search.
    """

    def __call__(
        self,
        space: SearchSpace,
        goal: Goal | None = None,
        *,
        candidates: Candidates | None = None,
        n_initial: int = 10,
        seed: int = 0,
    ) -> Bayesian:
        """The search."""


class _Parts(NamedTuple):
    """What a method is made of; the arguments of ``Bayesian``."""

    predictor: Predictor
    acquisition: Rule
    candidates: Candidates | None
    refit_every: int = ROUND


def _preset(parts: Callable[[SearchSpace, Candidates | None], _Parts]) -> Preset:
    """The search made of the parts that a function of the space and the candidates gives."""

    def make(
        space: SearchSpace,
        goal: Goal | None = None,
        *,
        candidates: Candidates | None = None,
        n_initial: int = 10,
        seed: int = 0,
    ) -> Bayesian:
        own = parts(space, candidates)._asdict()
        return Bayesian(space, goal, **own, n_initial=n_initial, seed=seed)

    _, _, arguments = cleandoc(Preset.__doc__ or "").partition("\n\n")
    make.__name__ = make.__qualname__ = parts.__name__
    make.__doc__ = f"{cleandoc(parts.__doc__ or '')}\n\n{arguments}\n"
    return make


@_preset
def bananas(space: SearchSpace, candidates: Candidates | None) -> _Parts:
    """BANANAS: perceptrons on paths, independent Thompson sampling among mutations (arXiv 1910.11858).

    In rounds of ten, as published: a mutation changes one decision of one of the ten best. There are ten
    perceptrons instead of five, so that two have not seen each observation, with three hidden layers instead of ten.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> print(*run(bananas(space, n_initial=4, seed=0), lambda arch: sum(arch.row), 12).best)
        width=32,depth=4 5.0
    """
    return _Parts(
        DeepEnsemble(space, PathEncoding(space), hidden=(20, 20, 20), n_networks=10, n_folds=5),
        IndependentThompsonSampling(),
        MutationCandidates(space, candidates, size=200, steps=1),
    )


@_preset
def gbdt_nas(space: SearchSpace, candidates: Candidates | None) -> _Parts:
    """GBDT-NAS: boosted trees on one-hot rows, their ten best predictions each round (arXiv 2007.04785).

    From twenty observations on the choices that SHAP values speak against are pruned.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> print(*run(gbdt_nas(space, n_initial=4, seed=0), lambda arch: sum(arch.row), 12).best)
        width=32,depth=4 5.0
    """
    everything = candidates if candidates is not None else candidates_for(space)
    predictor = GBDT(space, OneHotEncoding(space))
    return _Parts(predictor, Maximize(greedy), PrunedCandidates(everything))


@_preset
def nas_bowl(space: SearchSpace, candidates: Candidates | None) -> _Parts:
    """NAS-BOWL: expected improvement of a Gaussian process with the Weisfeiler-Lehman kernel (arXiv 2006.07556).

    One at a time, each from a new pool of 200 rows, half of them mutations of the best and half at random.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> print(*run(nas_bowl(space, n_initial=4, seed=0), lambda arch: sum(arch.row), 12).best)
        width=32,depth=4 5.0
    """
    return _Parts(
        GP(space, WLEncoding(space), kernel=kernels.subtree, trees=0),
        Maximize(log_ei),
        MutationCandidates(space, candidates, size=200, steps=1, fresh=0.5),
        refit_every=1,
    )


@_preset
def weaknas(space: SearchSpace, candidates: Candidates | None) -> _Parts:
    """WeakNAS: ten draws each round among the hundred that a weak predictor ranks first (arXiv 2102.10490).

    The weak predictor is a random forest on one-hot rows, fitted anew in each round to all observations.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> print(*run(weaknas(space, n_initial=4, seed=0), lambda arch: sum(arch.row), 12).best)
        width=32,depth=4 5.0
    """
    return _Parts(RandomForest(space, OneHotEncoding(space)), TopSampling(100), candidates)
