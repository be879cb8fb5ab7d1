"""Acquisition rules and candidates by name."""

from archbo import acquisition
from archbo.acquisition import Candidates, Cost, FunctionFactory, Maximize, Rule
from archbo.catalog.entry import Entry, Registry
from archbo.errors import UsageError
from archbo.spaces import SearchSpace

__all__ = ["ACQUISITIONS", "CANDIDATES"]


def _rule(name: str, of: FunctionFactory | Rule, *, gain: bool = True) -> Entry[Rule]:
    """An entry of a function or of a rule, whose ``make`` takes what evaluations cost."""

    def make(cost: Cost | None = None) -> Rule:
        if cost is not None and not gain:
            raise UsageError(
                f"{name} picks no gain that could be had per cost; take log_ei, qlog_nei or another gain, or leave "
                "the cost out"
            )
        return of if isinstance(of, Rule) else Maximize(of, cost=cost)

    make.__doc__ = of.__doc__
    return Entry(name, make)


def _pruned(space: SearchSpace, within: Candidates | None = None) -> Candidates:
    """Candidates without the choices that SHAP values speak against (GBDT-NAS, arXiv 2007.04785)."""
    return acquisition.PrunedCandidates(
        within if within is not None else acquisition.candidates_for(space)
    )


ACQUISITIONS: Registry[Rule] = Registry(
    "acquisition",
    "archbo.acquisitions",
    [
        _rule("log_ei", acquisition.log_ei),
        _rule("qlog_ei", acquisition.qlog_ei),
        _rule("qlog_nei", acquisition.qlog_nei),
        _rule("pi", acquisition.pi),
        _rule("kg", acquisition.kg),
        _rule("mes", acquisition.mes),
        _rule("gibbon", acquisition.gibbon),
        _rule("jes", acquisition.jes),
        _rule("ivr", acquisition.ivr),
        _rule("ucb", acquisition.ucb, gain=False),
        _rule("greedy", acquisition.greedy, gain=False),
        _rule("thompson", acquisition.ThompsonSampling(), gain=False),
        _rule("independent_thompson", acquisition.IndependentThompsonSampling(), gain=False),
        _rule("qlog_nehvi", acquisition.qlog_nehvi),
        _rule("qlog_nparego", acquisition.qlog_nparego),
        _rule("constrained_log_nei", acquisition.constrained_log_nei),
    ],
)
"""Each makes a rule, from what evaluations cost or from nothing."""

CANDIDATES: Registry[Candidates] = Registry(
    "candidates",
    "archbo.candidates",
    [
        Entry("exhaustive", acquisition.exhaustive),
        Entry("pruned", _pruned),
        Entry("mutation", acquisition.MutationCandidates),
        Entry("crossover", acquisition.CrossoverCandidates),
        Entry("hill-climbing", acquisition.HillClimbingCandidates),
        Entry("local", acquisition.LocalCandidates),
        Entry(
            "trust-region",
            acquisition.TrustRegionCandidates,
            paper="TuRBO, arXiv 1910.01739; CASMOPOLITAN, arXiv 2102.07188",
        ),
    ],
)
"""Each makes candidates from a space and what they are restricted to, or None for all of it."""
