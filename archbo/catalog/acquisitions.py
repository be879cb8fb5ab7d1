"""Acquisition rules and candidates by name."""

from archbo.acquisition import (
    Candidates,
    Cost,
    CrossoverCandidates,
    FunctionFactory,
    HillClimbingCandidates,
    IndependentThompsonSampling,
    LocalCandidates,
    Maximize,
    MutationCandidates,
    PrunedCandidates,
    Rule,
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
from archbo.catalog.entry import Entry, Registry
from archbo.errors import UsageError
from archbo.spaces import SearchSpace

__all__ = ["ACQUISITIONS", "CANDIDATES"]


def _function(
    name: str, factory: FunctionFactory, summary: str, paper: str = "", *, gain: bool = True
) -> Entry[Rule]:
    """An entry whose ``make`` takes what evaluations cost."""

    def make(cost: Cost | None = None) -> Rule:
        if cost is not None and not gain:
            raise _no_gain(name)
        return Maximize(factory, cost=cost)

    return Entry(name, make, summary, paper)


def _drawing(name: str, rule: Rule, summary: str, paper: str) -> Entry[Rule]:
    def make(cost: Cost | None = None) -> Rule:
        if cost is not None:
            raise _no_gain(name)
        return rule

    return Entry(name, make, summary, paper)


def _no_gain(name: str) -> UsageError:
    return UsageError(
        f"{name} picks no gain that could be had per cost; take log_ei, qlog_nei or another gain, or leave the cost out"
    )


def _pruned(space: SearchSpace, within: Candidates | None = None) -> Candidates:
    return PrunedCandidates(within if within is not None else candidates_for(space))


ACQUISITIONS: Registry[Rule] = Registry(
    "acquisition",
    "archbo.acquisitions",
    [
        _function("log_ei", log_ei, "expected improvement, its logarithm", "arXiv 2310.20708"),
        _function(
            "qlog_ei", qlog_ei, "the same by Monte Carlo, for any surrogate", "arXiv 2310.20708"
        ),
        _function("qlog_nei", qlog_nei, "on an incumbent that noise may hide", "arXiv 2310.20708"),
        _function("pi", pi, "probability of improvement", "Kushner 1964"),
        _function("kg", kg, "knowledge gradient, exact", "Frazier, Powell and Dayanik 2009"),
        _function("mes", mes, "max-value entropy search", "arXiv 1703.01968"),
        _function(
            "gibbon", gibbon, "the same of noisy evaluations, in batches", "arXiv 2102.03324"
        ),
        _function("jes", jes, "joint entropy search", "arXiv 2206.04771"),
        _function("ucb", ucb, "upper confidence bound", "arXiv 0912.3995", gain=False),
        _function("greedy", greedy, "the posterior mean", "arXiv 2007.04785", gain=False),
        _drawing("thompson", ThompsonSampling(), "the maximum of a joint draw", "arXiv 1705.09236"),
        _drawing(
            "independent_thompson",
            IndependentThompsonSampling(),
            "the maximum of independent draws",
            "BANANAS, arXiv 1910.11858",
        ),
        _function(
            "qlog_nehvi",
            qlog_nehvi,
            "several objectives: noisy expected hypervolume improvement",
            "arXiv 2105.08195",
        ),
        _function(
            "qlog_nparego",
            qlog_nparego,
            "several objectives: improvement of a random scalarisation",
            "arXiv 2006.05078",
        ),
        _function(
            "constrained_log_nei",
            constrained_log_nei,
            "one objective under bounds: noisy expected improvement",
            "arXiv 2310.20708",
        ),
    ],
)
"""Each makes a rule, from what evaluations cost or from nothing."""

CANDIDATES: Registry[Candidates] = Registry(
    "candidates",
    "archbo.candidates",
    [
        Entry("exhaustive", exhaustive, "every architecture"),
        Entry(
            "pruned",
            _pruned,
            "without the choices that SHAP values speak against",
            "GBDT-NAS, arXiv 2007.04785",
        ),
        Entry("mutation", MutationCandidates, "mutations of the best", "BANANAS, arXiv 1910.11858"),
        Entry("crossover", CrossoverCandidates, "children of pairs of the best"),
        Entry(
            "hill-climbing",
            HillClimbingCandidates,
            "neighbours of the best, and climbing from there",
        ),
        Entry("local", LocalCandidates, "mutations, random ones, and climbing from there"),
        Entry(
            "trust-region",
            TrustRegionCandidates,
            "few decisions away from the best",
            "TuRBO, arXiv 1910.01739; CASMOPOLITAN, arXiv 2102.07188",
        ),
    ],
)
"""Each makes candidates from a space and what they are restricted to, or None for all of it."""
