"""The one place where a name becomes an object."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from archbo.acquisition import (
    Acquisition,
    AcquisitionFactory,
    Candidates,
    Cost,
    CrossoverCandidates,
    HillClimbingCandidates,
    IndependentThompsonSampling,
    LocalCandidates,
    Maximize,
    MaximizeOutcomes,
    MutationCandidates,
    OutcomeAcquisition,
    PrunedCandidates,
    ThompsonSampling,
    TrustRegionCandidates,
    candidates_for,
    constrained_log_nei,
    exhaustive,
    gibbon,
    greedy,
    jes,
    kg,
    log_ei,
    mes,
    pi,
    qlog_ei,
    qlog_nehvi,
    qlog_nei,
    qlog_nparego,
    ucb,
)
from archbo.benchmarks import (
    NAS_BENCH_GRAPH_DATASETS,
    Benchmark,
    Outcomes,
    analog_nas_bench,
    nas_bench_graph,
)
from archbo.bo_loop import (
    NSGA2,
    GuidedEvolution,
    LocalSearch,
    MultiObjectiveOptimizer,
    Optimizer,
    PublishedRoBoT,
    RandomSearch,
    RegularizedEvolution,
    RoBoT,
    Searcher,
    bananas,
    gbdt_nas,
    nas_bowl,
    weaknas,
)
from archbo.encodings import (
    CategoricalEncoding,
    Encoding,
    GraphFeatureEncoding,
    NodewiseEncoding,
    OneHotEncoding,
    OpCountEncoding,
    PathEncoding,
    WLEncoding,
    ZeroCostEncoding,
    default_encoding,
)
from archbo.errors import UsageError
from archbo.predictors import (
    BNNHMC,
    GBDT,
    GP,
    SGHMC,
    AutoGP,
    DeepEnsemble,
    DeepKernelGP,
    LinearisedLaplace,
    MultiTaskGP,
    Predictor,
    ProxyGP,
    RandomForest,
    RelativisticGNN,
    SparseGP,
    Stack,
    ZeroCostMixer,
    kernels,
)
from archbo.predictors.gaussian_processes.gp import relative
from archbo.proxies import Proxies
from archbo.spaces import (
    CategoricalSpace,
    DartsSpace,
    EdgeCellSpace,
    GnnMacroSpace,
    NodeCellSpace,
    SearchSpace,
)

__all__ = [
    "ACQUISITIONS",
    "BASELINES",
    "BENCHMARKS",
    "CANDIDATES",
    "ENCODINGS",
    "GAINS",
    "OUTCOME_ACQUISITIONS",
    "OUTCOME_BASELINES",
    "PREDICTORS",
    "SPACES",
    "acquisition",
    "baseline",
    "benchmark",
    "candidates",
    "encoding",
    "optimizer",
    "outcome_baseline",
    "outcome_optimizer",
    "outcome_predictors",
    "predictor",
    "space",
]

T = TypeVar("T")

SPACES: Mapping[str, Callable[[], SearchSpace]] = {
    "nb201": EdgeCellSpace.nas_bench_201,
    "tnb101-micro": EdgeCellSpace.trans_nas_micro,
    "nb101": NodeCellSpace.nas_bench_101,
    "darts": DartsSpace,
    "nas-bench-graph": GnnMacroSpace.nas_bench_graph,
    "nas-bench-graph-proteins": GnnMacroSpace.nas_bench_graph_proteins,
}

BENCHMARKS: Mapping[str, Callable[[], Benchmark]] = {
    "nb201": analog_nas_bench,
    **{
        f"nas-bench-graph/{dataset}": partial(nas_bench_graph, dataset)
        for dataset in NAS_BENCH_GRAPH_DATASETS
    },
}

ENCODINGS: Mapping[str, Callable[..., Encoding]] = {
    "one-hot": OneHotEncoding,
    "canonical-one-hot": partial(OneHotEncoding, canonical=True),
    "categorical": CategoricalEncoding,
    "canonical-categorical": partial(CategoricalEncoding, canonical=True),
    "op-counts": OpCountEncoding,
    "path": PathEncoding,
    "path-counts": partial(PathEncoding, counts=True),
    "semantic-path-set": partial(PathEncoding, semantic=True),
    "semantic-path": partial(PathEncoding, counts=True, semantic=True),
    "graph-features": GraphFeatureEncoding,
    "wl": WLEncoding,
    "zero-cost": ZeroCostEncoding,
    "nodewise": NodewiseEncoding,
}

PREDICTORS: Mapping[str, Callable[..., Predictor]] = {
    "auto": AutoGP,
    "gp": GP,
    "gp-matern-ard": relative(partial(kernels.matern, sharing="feature")),
    "gp-rbf": relative(kernels.rbf),
    "gp-hamming": relative(partial(kernels.matern, sharing="feature"), OneHotEncoding),
    "gp-tanimoto": relative(kernels.tanimoto, partial(PathEncoding, counts=True, semantic=True)),
    "gp-wl": relative(kernels.subtree, WLEncoding),
    "gp-sum": relative(kernels.sum_of_parts),
    "gp-product": relative(kernels.product_of_parts),
    "ibnn": relative(kernels.infinite_width_bnn),
    "dkl": DeepKernelGP,
    "sparse-gp": SparseGP,
    "multi-task-gp": MultiTaskGP,
    "bnn-hmc": BNNHMC,
    "sghmc": SGHMC,
    "laplace": LinearisedLaplace,
    "deep-ensemble": DeepEnsemble,
    "proxy-gp": ProxyGP,
    "gbdt": GBDT,
    "gbdt-rank": partial(GBDT, objective="rank"),
    "gnn": RelativisticGNN,
    "mixer": ZeroCostMixer,
    "stack": Stack,
    "stack-gnn": partial(Stack, parts=(GBDT, RelativisticGNN)),
    "rank-average": partial(Stack, combine="rank"),
    "random-forest": RandomForest,
    "xgboost": GBDT.plain,
}
"""From a space and an encoding, or None for the predictor's own."""

TAKE_PROXIES = frozenset({"zero-cost", "proxy-gp", "robot", "robot-published"})
TAKE_PARTS = frozenset({"nodewise", "mixer"})
"""The names that take ``proxies``, and those that want their parts by decision."""

GAINS: Mapping[str, AcquisitionFactory] = {
    "log_ei": log_ei,
    "qlog_ei": qlog_ei,
    "qlog_nei": qlog_nei,
    "pi": pi,
    "kg": kg,
    "mes": mes,
    "gibbon": gibbon,
    "jes": jes,
}
"""Acquisition functions whose value can be had per unit of cost."""

ACQUISITIONS: Mapping[str, Acquisition] = {
    **{name: Maximize(factory) for name, factory in GAINS.items()},
    "ucb": Maximize(ucb),
    "greedy": Maximize(greedy),
    "thompson": ThompsonSampling(),
    "independent_thompson": IndependentThompsonSampling(),
}

CANDIDATES: Mapping[str, Callable[[SearchSpace, Candidates | None], Candidates]] = {
    "exhaustive": exhaustive,
    "pruned": lambda space, within: PrunedCandidates(within or candidates_for(space)),
    "mutation": MutationCandidates,
    "crossover": CrossoverCandidates,
    "hill-climbing": HillClimbingCandidates,
    "local": LocalCandidates,
    "trust-region": TrustRegionCandidates,
}
"""From a space and what they are restricted to, or None for all of it."""

BASELINES: Mapping[str, Callable[..., Searcher]] = {
    "random": RandomSearch,
    "evolution": RegularizedEvolution,
    "local-search": LocalSearch,
    "bananas": bananas,
    "gbdt-nas": gbdt_nas,
    "nas-bowl": nas_bowl,
    "weaknas": weaknas,
    "robot": RoBoT,
    "robot-published": PublishedRoBoT,
}


OUTCOME_ACQUISITIONS: Mapping[str, OutcomeAcquisition] = {
    "qlog_nehvi": MaximizeOutcomes(qlog_nehvi),
    "qlog_nparego": MaximizeOutcomes(qlog_nparego),
    "constrained_log_nei": MaximizeOutcomes(constrained_log_nei),
}
"""For several objectives; the last is for one under constraints."""

OUTCOME_BASELINES = ("random", "nsga2", "guided-evolution")


def space(name: str) -> SearchSpace:
    """The space of that name, or the categorical space of a TOML file.

    Raises:
        UsageError: There is no such space.
        DataError: The file does not describe a space.
    """
    if Path(name).suffix == ".toml":
        return CategoricalSpace.from_toml(name)
    return _pick(SPACES, name, "space", "give one of these, or a .toml file")()


def benchmark(name: str) -> Benchmark:
    """The embedded benchmark of that name.

    Raises:
        UsageError: There is no such benchmark.
        DataError: The package that holds it is not installed, or its file is not what it should be.
    """
    return _pick(BENCHMARKS, name, "benchmark", "give one of these, or --table FILE --space NAME")()


def encoding(names: str, space: SearchSpace, proxies: Proxies | None = None) -> Encoding:
    """The encoding of that name; several are joined with ``+``.

    Args:
        names: ``default``, or keys of ``ENCODINGS``.
        space: The space to encode.
        proxies: For the encodings that show some; by default those that come with archbo. For parts by decision
            these are taken too where the given ones have none.

    Raises:
        UsageError: There is no such encoding, or there are no proxies for it.
    """
    known: dict[str, Callable[..., Encoding]] = {"default": default_encoding, **ENCODINGS}

    def make(name: str) -> Encoding:
        return _pick(known, name, "encoding")(space, **_proxies_for(name, proxies))

    first, *others = map(make, names.split("+"))
    for other in others:
        first = first + other
    return first


def predictor(
    name: str,
    space: SearchSpace,
    encoding: Encoding | None = None,
    proxies: Proxies | None = None,
) -> Predictor:
    """The predictor of that name, on its own default encoding unless one is given.

    Args:
        name: A key of ``PREDICTORS``.
        space: The space that the rows belong to.
        encoding: What it sees.
        proxies: As for ``encoding``, for predictors that need some by themselves.

    Raises:
        UsageError: There is no such predictor, or there are no proxies for it.
    """
    return _pick(PREDICTORS, name, "predictor")(space, encoding, **_proxies_for(name, proxies))


def acquisition(name: str, cost: Cost | None = None) -> Acquisition:
    """The acquisition rule of that name.

    Args:
        name: A key of ``ACQUISITIONS``.
        cost: What evaluating rows costs; then value per unit of it counts.

    Raises:
        UsageError: There is no such rule, or it has no value per cost.
    """
    rule = _pick(ACQUISITIONS, name, "acquisition")
    if cost is None:
        return rule
    if name not in GAINS:
        raise UsageError(
            f"{name} picks no gain that could be had per cost; take {', '.join(GAINS)}, or leave the cost out"
        )
    return Maximize(GAINS[name], cost=cost)


def candidates(name: str, space: SearchSpace, within: Candidates | None = None) -> Candidates:
    """The candidates of that name.

    Args:
        name: A key of ``CANDIDATES``.
        space: The space that they belong to.
        within: What they are restricted to, such as the rows of a table; the whole space unless given.

    Raises:
        UsageError: There is no such rule, or it lists a space that has too many architectures.
    """
    return _pick(CANDIDATES, name, "candidates")(space, within)


def optimizer(
    space: SearchSpace,
    predictor_name: str = "gp",
    acquisition_name: str = "log_ei",
    *,
    encoding_names: str | None = None,
    proxies: Proxies | None = None,
    candidates: Candidates | None = None,
    cost: Cost | None = None,
    seed: int,
) -> Optimizer:
    """An optimizer from names.

    Raises:
        UsageError: One of the names is unknown, there are no proxies for ``zero-cost``, or the acquisition rule
            has no value per cost.
    """
    features = encoding(encoding_names, space, proxies) if encoding_names else None
    surrogate = predictor(predictor_name, space, features, proxies)
    rule = acquisition(acquisition_name, cost)
    return Optimizer(space, surrogate, rule, candidates=candidates, seed=seed)


def baseline(
    name: str,
    space: SearchSpace,
    *,
    proxies: Proxies | None = None,
    candidates: Candidates | None = None,
    seed: int,
) -> Searcher:
    """The search method of that name, to compare with.

    Args:
        name: A key of ``BASELINES``.
        space: The space to search.
        proxies: For methods that take some; by default those that come with archbo.
        candidates: Where architectures may come from; the whole space by default.
        seed: The same seed gives the same search.

    Raises:
        UsageError: There is no such method, or there are no proxies for it.
    """
    method = _pick(BASELINES, name, "baseline")
    return method(space, **_proxies_for(name, proxies), candidates=candidates, seed=seed)


def outcome_optimizer(
    space: SearchSpace,
    outcomes: Outcomes,
    predictor_names: str | Sequence[str] = "gp",
    acquisition_name: str | None = None,
    *,
    encoding_names: str | None = None,
    proxies: Proxies | None = None,
    candidates: Candidates | None = None,
    reference: Sequence[float] | Tensor | None = None,
    seed: int,
) -> MultiObjectiveOptimizer:
    """An optimizer of several objectives, or under constraints, from names.

    Args:
        space: The space to search.
        outcomes: The numbers of objectives and constraints.
        predictor_names: One for all of them or one each.
        acquisition_name: A key of ``OUTCOME_ACQUISITIONS``; the optimizer's own choice unless given.
        encoding_names: What the predictors see; each one's own default unless given.
        proxies: As for ``encoding``.
        candidates: Where architectures may come from.
        reference: Above which hypervolume counts, one value for each objective; inferred unless given.
        seed: The same seed gives the same search.

    Raises:
        UsageError: One of the names is unknown, there are not as many predictors as outcomes, or the rule is
            not for that many objectives.
    """
    surrogates = outcome_predictors(space, outcomes, predictor_names, encoding_names, proxies)
    rule = None
    if acquisition_name is not None:
        rule = _pick(OUTCOME_ACQUISITIONS, acquisition_name, "acquisition for several objectives")
    return MultiObjectiveOptimizer(
        space,
        outcomes,
        surrogates,
        rule,
        candidates=candidates,
        reference=reference,
        seed=seed,
    )


def outcome_predictors(
    space: SearchSpace,
    outcomes: Outcomes,
    names: str | Sequence[str] = "gp",
    encoding_names: str | None = None,
    proxies: Proxies | None = None,
) -> list[Predictor]:
    """A predictor for each outcome, from one name for all of them or from one name each.

    Raises:
        UsageError: One of the names is unknown, or there are not as many as outcomes.
    """
    each = [names] * outcomes.total if isinstance(names, str) else list(names)
    if len(each) == 1:
        each = each * outcomes.total
    if len(each) != outcomes.total:
        raise UsageError(
            f"{len(each)} predictors for {outcomes.n_objectives} objectives and "
            f"{outcomes.n_constraints} constraints; name one for all, or one for each in their order"
        )
    return [
        predictor(
            name,
            space,
            encoding(encoding_names, space, proxies) if encoding_names else None,
            proxies,
        )
        for name in each
    ]


def outcome_baseline(
    name: str,
    space: SearchSpace,
    outcomes: Outcomes,
    predictors: Sequence[Predictor] | None = None,
    *,
    candidates: Candidates | None = None,
    seed: int,
) -> Searcher:
    """The method of that name to compare with, for several objectives or under constraints.

    Args:
        name: One of ``OUTCOME_BASELINES``.
        space: The space to search.
        outcomes: The numbers of objectives and constraints.
        predictors: For ``guided-evolution``, one for each outcome; Gaussian processes unless given.
        candidates: Where architectures may come from.
        seed: The same seed gives the same search.

    Raises:
        UsageError: There is no such method.
        DataError: ``nsga2`` without Optuna.
    """
    makers: Mapping[str, Callable[[], Searcher]] = {
        "random": lambda: RandomSearch(space, candidates=candidates, seed=seed, outcomes=outcomes),
        "nsga2": lambda: NSGA2(space, outcomes, candidates=candidates, seed=seed),
        "guided-evolution": lambda: GuidedEvolution(
            space, outcomes, predictors, candidates=candidates, seed=seed
        ),
    }
    return _pick(makers, name, "baseline for several objectives")()


def _proxies_for(name: str, proxies: Proxies | None) -> dict[str, Proxies]:
    """The argument ``proxies`` for an encoding or a predictor that takes it."""
    if proxies is None or name not in TAKE_PROXIES | TAKE_PARTS:
        return {}
    return {} if name in TAKE_PARTS and not proxies.node_names else {"proxies": proxies}


def _pick(table: Mapping[str, T], name: str, kind: str, remedy: str = "give one of these") -> T:
    if name in table:
        return table[name]
    close = difflib.get_close_matches(name, table, n=1)
    hint = f", did you mean {close[0]!r}?" if close else "."
    raise UsageError(f"unknown {kind} {name!r}{hint} There are {', '.join(table)}; {remedy}")
