"""How far the search has come, beside random search."""

import math
from typing import NamedTuple

import torch
from botorch.utils.multi_objective.hypervolume import infer_reference_point
from torch import Tensor

from archbo.acquisition import Context, regret_draws
from archbo.comparison.plots.progress import plot_best_so_far
from archbo.comparison.reports.blocks import Picture, Section
from archbo.comparison.reports.evidence import Evidence, number
from archbo.goals import Goal
from archbo.log import State
from archbo.predictors import Predictor, draw, marginals
from archbo.randomness import generator, spawn

__all__ = ["progress"]

DRAWS, DRAWS_OF_SEVERAL = 256, 32
"""The number of draws from the posterior that random search is played in; fewer of hypervolumes, which take time."""
BAND = (0.05, 0.5, 0.95)
"""The quantiles that are drawn of random search."""
REGRET = 6
"""The key under which the generator of draws of the regret is spawned."""
PLAY = 4
"""The key under which the generator of these draws is spawned."""
MARGIN = 0.1
"""How far the inferred reference lies below the front, as a share of its extent; the default of BoTorch."""
SOURCE = (
    "No table says what random search would find with your code, so this is the surrogate's estimate: random search is "
    "simulated on {n} random architectures, in {draws} draws from the surrogate's joint posterior with the noise of "
    "evaluations. The dashed line is the median, the band holds 90% of the simulations."
)


class Curve(NamedTuple):
    """Places on the axis of trials or of cost, and what had been found there; NaN before there was something."""

    places: list[float]
    found: Tensor


def progress(evidence: Evidence) -> Section:
    """The best so far, or the hypervolume, over trials or cost; what random search would have found by the surrogate."""
    title, goal = "Progress against random", evidence.goal
    told = evidence.log.select(State.TOLD, fidelity=goal.target)
    if not told:
        return Section(
            title,
            "Nothing has been told at the target yet."
            if goal.fidelities
            else "Nothing has been told yet.",
        )
    reference = _reference(evidence)
    curve = _search(evidence, reference)
    last = float(curve.found[-1])
    what = f"best {goal.objectives[0].metric}" if goal.n_objectives == 1 else "hypervolume"
    context = evidence.fit()
    places, band = _random(evidence, context, reference, curve.places[-1])
    figure = plot_best_so_far(
        (curve.places, curve.found.tolist()),
        (places, band.tolist()),
        x="cost" if goal.fidelities else "trials",
        y=what,
    )
    alt = f"The {what} by {'cost' if goal.fidelities else 'trials'}, of this search and of random search"
    more = [evidence.surrogates]
    if goal.n_objectives == 1 and evidence.log.winners:
        more.append(_regret(evidence, context))
    if evidence.lost:
        more.append("Random search is estimated as if none of its trials failed.")
    if goal.n_objectives > 1:
        point = goal.own_units(reference).tolist()
        named = zip(goal.objectives, point, strict=True)
        corner = ", ".join(f"{objective.metric} {number(value)}" for objective, value in named)
        more.append(f"The hypervolume is counted from {corner}.")
    source = SOURCE.format(
        n=len(evidence.X_random), draws=DRAWS if goal.n_objectives == 1 else DRAWS_OF_SEVERAL
    )
    return Section(
        title,
        _verdict(evidence, what, last, band),
        more,
        [Picture.of(figure, "progress", alt)],
        source=source,
    )


def _regret(evidence: Evidence, context: Context) -> str:
    """How much better than the best another architecture may be, and so whether to stop."""
    source = generator(context.seed, REGRET)
    draws = regret_draws(context, evidence.bayesian.candidates, generator=source)
    return (
        f"By the surrogate, no architecture is better than the best one by more than {number(float(draws.quantile(0.95)), 2)} "
        f"(with probability 95%); {number(float(draws.mean()), 2)} is what is expected to be left to gain."
    )


def _verdict(evidence: Evidence, what: str, last: float, band: Tensor) -> str:
    """Where the search stands beside random search."""
    goal, n = evidence.goal, len(evidence.ended)
    if math.isnan(last):
        return f"After {n} trials nothing that was told keeps all bounds."
    lower, middle, upper = band[:, -1].tolist()
    had = f"After {n} trials the {what} is {number(last)}"
    if math.isnan(middle):
        return (
            f"{had}; by the surrogate's estimate random search would have found nothing feasible."
        )
    had += f"; by the surrogate's estimate random search would have {number(middle)} (90% of the time between "
    had += f"{number(lower)} and {number(upper)})."
    if not evidence.predicts:
        return (
            f"{had} As the surrogate has not been shown to predict, do not rely on that estimate."
        )
    sign = float(goal.signs[0]) if goal.n_objectives == 1 else 1.0
    ends = sorted([sign * lower, sign * upper])
    where = (
        "ahead of"
        if sign * last > ends[1]
        else "behind"
        if sign * last < ends[0]
        else "within the range of"
    )
    return f"{had} The search is {where} random search."


def _reference(evidence: Evidence) -> Tensor:
    """``m``, as gains: where hypervolume counts from."""
    goal = evidence.goal
    if goal.reference_gains is not None:
        return goal.reference_gains
    _, gains = evidence.log.means(goal.target)
    objectives = goal.objectives_of(gains)
    point: Tensor = infer_reference_point(objectives, scale=MARGIN)
    return point


def _search(evidence: Evidence, reference: Tensor) -> Curve:
    """What had been found after each trial that ended; an architecture told several times counts with its mean."""
    goal, log, space = evidence.goal, evidence.log, evidence.log.space
    X, means = log.means(goal.target)
    of = dict(zip(space.ids(X), means, strict=True))
    nothing = torch.full((goal.n_outcomes,), -torch.inf, dtype=torch.double)
    rows, places, spent = [], [], 0.0
    at_target = {trial.number for trial in log.select(State.TOLD, fidelity=goal.target)}
    keys = space.ids(log.rows())
    for n, trial in enumerate(evidence.ended, 1):
        spent += trial.cost
        places.append(spent if goal.fidelities else float(n))
        rows.append(of[keys[trial.number]] if trial.number in at_target else nothing)
    return Curve(places, _running(goal, torch.stack(rows), reference))


def _running(goal: Goal, gains: Tensor, reference: Tensor) -> Tensor:
    """``n``: the best feasible value in its own unit, or the hypervolume, after each row of gains (``n x (m + c)``)."""
    if goal.n_objectives > 1:
        return goal.running_hypervolume(gains, reference)
    best = gains[:, 0].masked_fill(~goal.feasible(gains), -torch.inf).cummax(0).values
    return goal.metric_of(0, best.masked_fill(best.isinf(), torch.nan))


def _random(
    evidence: Evidence, context: Context, reference: Tensor, end: float
) -> tuple[list[float], Tensor]:
    """Places up to the end of the axis, and the band of random search there, ``3 x n``."""
    goal, X = evidence.goal, evidence.X_random
    cost = goal.cost_of(goal.target)
    n = min(len(X), max(1, int(end / cost)))
    n_draws = DRAWS if goal.n_objectives == 1 else DRAWS_OF_SEVERAL
    drawn = torch.stack(
        [
            _evaluations(predictor, X, n_draws, spawn(context.seed, PLAY, output))
            for output, predictor in enumerate(context.predictors)
        ],
        dim=-1,
    )
    source = generator(context.seed, PLAY)
    orders = [torch.randperm(len(X), generator=source)[:n] for _ in range(n_draws)]
    plays = [
        _running(goal, gains[order], reference) for gains, order in zip(drawn, orders, strict=True)
    ]
    # Before something is feasible there is nothing, which is worse than anything.
    found = torch.stack(plays)
    worst = -torch.inf * (float(goal.signs[0]) if goal.n_objectives == 1 else 1.0)
    levels = torch.tensor(BAND, dtype=found.dtype)
    band = found.nan_to_num(worst, posinf=torch.inf, neginf=-torch.inf).quantile(
        levels, dim=0, interpolation="nearest"
    )
    band = band.masked_fill(band.isinf(), torch.nan)
    return [cost * (trial + 1) for trial in range(n)], band


def _evaluations(predictor: Predictor, X: Tensor, n_draws: int, seed: int) -> Tensor:
    """Joint draws ``s x n`` of what evaluations of the rows ``X`` (``n x d``) would give, their noise included."""
    source = generator(seed)
    drawn = draw(predictor.latent, X, n_draws, generator=source)
    _, std = marginals(predictor.latent, X)
    _, noisy = marginals(predictor.latent, X, observation_noise=True)
    noise = (noisy.square() - std.square()).clamp_min(0).sqrt()
    return predictor.warp.inverse(
        drawn + noise * torch.randn(drawn.shape, generator=source).to(drawn)
    )
