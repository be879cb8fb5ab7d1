"""Published search methods, each on the parts that all methods here share.

They are the published rules, not their authors' programs: networks, trees and Gaussian processes are those of
``archbo.predictors``, and no architecture is asked for twice. All begin with ``n_initial`` random
architectures, ten unless given, so that they can be compared from the first query on.
"""

from archbo.acquisition import (
    Candidates,
    IndependentThompsonSampling,
    Maximize,
    MutationCandidates,
    PrunedCandidates,
    TopSampling,
    candidates_for,
    greedy,
    log_ei,
)
from archbo.bo_loop.strategies.bayesian import Bayesian
from archbo.encodings import OneHotEncoding, PathEncoding, WLEncoding
from archbo.goals import Goal
from archbo.predictors import GBDT, GP, DeepEnsemble, RandomForest, kernels
from archbo.spaces import SearchSpace

__all__ = ["bananas", "gbdt_nas", "nas_bowl", "weaknas"]

ROUND = 10
"""The number of architectures in a round, as in the papers that have rounds."""


def bananas(
    space: SearchSpace,
    goal: Goal | None = None,
    *,
    candidates: Candidates | None = None,
    n_initial: int = 10,
    seed: int = 0,
) -> Bayesian:
    """BANANAS: perceptrons on paths, independent Thompson sampling among mutations (arXiv 1910.11858).

    In rounds of ten, as published: a mutation changes one decision of one of the ten best. There are ten
    perceptrons instead of five, so that two have not seen each observation, with three hidden layers instead of ten.

    Args:
        space: The space to search.
        goal: What is wanted, one objective; one metric called ``value`` is maximised unless given.
        candidates: Where architectures may come from; the whole space unless given.
        n_initial: The number of random architectures at the start.
        seed: The same seed gives the same search.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> print(*run(bananas(space, n_initial=4, seed=0), lambda arch: sum(arch.row), 12).best)
        width=32,depth=4 5.0
    """
    return Bayesian(
        space,
        goal,
        DeepEnsemble(space, PathEncoding(space), hidden=(20, 20, 20), n_networks=10, n_folds=5),
        IndependentThompsonSampling(),
        candidates=MutationCandidates(space, candidates, size=200, steps=1),
        n_initial=n_initial,
        refit_every=ROUND,
        seed=seed,
    )


def gbdt_nas(
    space: SearchSpace,
    goal: Goal | None = None,
    *,
    candidates: Candidates | None = None,
    n_initial: int = 10,
    seed: int = 0,
) -> Bayesian:
    """GBDT-NAS: boosted trees on one-hot rows, their ten best predictions each round (arXiv 2007.04785).

    From twenty observations on the choices that SHAP values speak against are pruned.

    Args:
        space: The space to search.
        goal: What is wanted, one objective; one metric called ``value`` is maximised unless given.
        candidates: Where architectures may come from; the whole space unless given.
        n_initial: The number of random architectures at the start.
        seed: The same seed gives the same search.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> print(*run(gbdt_nas(space, n_initial=4, seed=0), lambda arch: sum(arch.row), 12).best)
        width=32,depth=4 5.0
    """
    everything = candidates if candidates is not None else candidates_for(space)
    return Bayesian(
        space,
        goal,
        GBDT(space, OneHotEncoding(space)),
        Maximize(greedy),
        candidates=PrunedCandidates(everything),
        n_initial=n_initial,
        refit_every=ROUND,
        seed=seed,
    )


def nas_bowl(
    space: SearchSpace,
    goal: Goal | None = None,
    *,
    candidates: Candidates | None = None,
    n_initial: int = 10,
    seed: int = 0,
) -> Bayesian:
    """NAS-BOWL: expected improvement of a Gaussian process with the Weisfeiler-Lehman kernel (arXiv 2006.07556).

    One at a time, each from a new pool of 200 rows, half of them mutations of the best and half at random.

    Args:
        space: The space to search.
        goal: What is wanted, one objective; one metric called ``value`` is maximised unless given.
        candidates: Where architectures may come from; the whole space unless given.
        n_initial: The number of random architectures at the start.
        seed: The same seed gives the same search.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> print(*run(nas_bowl(space, n_initial=4, seed=0), lambda arch: sum(arch.row), 12).best)
        width=32,depth=4 5.0
    """
    return Bayesian(
        space,
        goal,
        GP(space, WLEncoding(space), kernel=kernels.subtree),
        Maximize(log_ei),
        candidates=MutationCandidates(space, candidates, size=200, steps=1, fresh=0.5),
        n_initial=n_initial,
        seed=seed,
    )


def weaknas(
    space: SearchSpace,
    goal: Goal | None = None,
    *,
    candidates: Candidates | None = None,
    n_initial: int = 10,
    seed: int = 0,
) -> Bayesian:
    """WeakNAS: ten draws each round among the hundred that a weak predictor ranks first (arXiv 2102.10490).

    The weak predictor is a random forest on one-hot rows, fitted anew in each round to all observations.

    Args:
        space: The space to search.
        goal: What is wanted, one objective; one metric called ``value`` is maximised unless given.
        candidates: Where architectures may come from; the whole space unless given.
        n_initial: The number of random architectures at the start.
        seed: The same seed gives the same search.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> print(*run(weaknas(space, n_initial=4, seed=0), lambda arch: sum(arch.row), 12).best)
        width=32,depth=4 5.0
    """
    return Bayesian(
        space,
        goal,
        RandomForest(space, OneHotEncoding(space)),
        TopSampling(100),
        candidates=candidates,
        n_initial=n_initial,
        refit_every=ROUND,
        seed=seed,
    )
