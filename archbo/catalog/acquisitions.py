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


def _rule(
    name: str, of: FunctionFactory | Rule, summary: str, paper: str, *, gain: bool = True
) -> Entry[Rule]:
    """An entry of a function or of a rule, whose ``make`` takes what evaluations cost."""

    def make(cost: Cost | None = None) -> Rule:
        if cost is not None and not gain:
            raise UsageError(
                f"{name} picks no gain that could be had per cost; take log_ei, qlog_nei or another gain, or leave "
                "the cost out"
            )
        return of if isinstance(of, Rule) else Maximize(of, cost=cost)

    return Entry(name, make, summary, paper)


def _pruned(space: SearchSpace, within: Candidates | None = None) -> Candidates:
    return PrunedCandidates(within if within is not None else candidates_for(space))


ACQUISITIONS: Registry[Rule] = Registry(
    "acquisition",
    "archbo.acquisitions",
    [
        _rule("log_ei", log_ei, "expected improvement, its logarithm", "arXiv 2310.20708"),
        _rule("qlog_ei", qlog_ei, "the same by Monte Carlo, for any surrogate", "arXiv 2310.20708"),
        _rule("qlog_nei", qlog_nei, "on an incumbent that noise may hide", "arXiv 2310.20708"),
        _rule("pi", pi, "probability of improvement", "Kushner 1964"),
        _rule("kg", kg, "knowledge gradient, exact", "Frazier, Powell and Dayanik 2009"),
        _rule("mes", mes, "max-value entropy search", "arXiv 1703.01968"),
        _rule("gibbon", gibbon, "the same of noisy evaluations, in batches", "arXiv 2102.03324"),
        _rule("jes", jes, "joint entropy search", "arXiv 2206.04771"),
        _rule("ucb", ucb, "upper confidence bound", "arXiv 0912.3995", gain=False),
        _rule("greedy", greedy, "the posterior mean", "arXiv 2007.04785", gain=False),
        _rule(
            "thompson",
            ThompsonSampling(),
            "the maximum of a joint draw",
            "arXiv 1705.09236",
            gain=False,
        ),
        _rule(
            "independent_thompson",
            IndependentThompsonSampling(),
            "the maximum of independent draws",
            "BANANAS, arXiv 1910.11858",
            gain=False,
        ),
        _rule(
            "qlog_nehvi",
            qlog_nehvi,
            "several objectives: noisy expected hypervolume improvement",
            "arXiv 2105.08195",
        ),
        _rule(
            "qlog_nparego",
            qlog_nparego,
            "several objectives: improvement of a random scalarisation",
            "arXiv 2006.05078",
        ),
        _rule(
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
