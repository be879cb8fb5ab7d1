"""Whether the surrogate predicts, what it sees, and what it makes the search ask for next."""

import time

import torch
from torch import Tensor

from archbo.acquisition import Context
from archbo.comparison.held_out import FAIR, GOOD, LEAST, LEVEL, LUCK, N_FOLDS, ONE_BY_ONE, in_words
from archbo.comparison.plots.importance import plot_importance
from archbo.comparison.plots.predictions import plot_predictions
from archbo.comparison.reports.blocks import ARCHS, Picture, Section, Table
from archbo.comparison.reports.evidence import Evidence, joined, number, share
from archbo.errors import NothingLeftError
from archbo.log import Trial
from archbo.randomness import generator

__all__ = ["importance", "prediction", "proposals"]

NEXT = 3
"""The number of proposals that are shown; by choice."""
RIVALS = 200
"""The number of random architectures whose acquisition values the proposals' are held against; by choice, for time."""
MOST_DECISIONS = 15
"""The most decisions that are shown; by choice, to be read."""
SHUFFLE = 5
"""The key under which the generator of shuffled columns is spawned."""


def prediction(evidence: Evidence) -> Section:
    """Predicted against observed, and whether the surrogate predicts at all."""
    title, goal, parts = "Predicted against observed", evidence.goal, evidence.held_out
    if not parts:
        n = len(evidence.log.means(evidence.at)[0])
        verdict = f"To judge the surrogate takes {LEAST} architectures told; there are {n} so far."
        return Section(title, verdict)
    shown = evidence.distinct_outcomes
    words = [in_words(parts[output], goal.outcomes[output].metric) for output in shown]
    pictures, rows = [], []
    for output in shown:
        part, name = parts[output], goal.outcomes[output].metric
        mean, truth = (
            goal.metric_of(output, torch.from_numpy(side)).tolist()
            for side in (part.mean, part.truth)
        )
        limits = _fences(truth)
        figure = plot_predictions(mean, part.std.tolist(), truth, unit=name, limits=limits)
        outside = sum(not limits[0] <= value <= limits[1] for value in truth) if limits else 0
        if outside:
            words.append(
                f"{outside} values of {name}, far from the others, are outside the picture."
            )
        alt = f"Predicted against observed {name}, with error bars of one standard deviation"
        pictures.append(Picture.of(figure, f"predicted{output}", alt))
        tau = f"{part.tau:.2f}\xa0±\xa0{part.tau_error:.2f}"
        rows.append(
            [
                name,
                str(len(part.truth)),
                tau,
                "<\xa00.001" if part.p_value < 0.001 else f"{part.p_value:.3f}",
                f"{part.coverage:.0%}",
            ]
        )
    columns = ["metric", "architectures", "Kendall's tau", "p", f"within {LEVEL:.0%} intervals"]
    n = len(parts[0].truth)
    how = "leave-one-out" if n <= ONE_BY_ONE else f"{N_FOLDS}-fold cross-validation"
    where = f" at {evidence.at}" if evidence.at is not None else ""
    source = (
        f"By {how} over the architectures told{where}. Tau is 1 where each pair is predicted in the right order and 0 "
        "where that is luck; ± is its standard deviation by luck alone (Kendall 1938), p the probability of as high a "
        f"tau by luck. A surrogate predicts if p is below {LUCK}: weakly if tau is below {FAIR}, well from {GOOD}. A "
        "search picks architectures that are alike, so tau over random ones would be higher."
    )
    return Section(
        title,
        words[0],
        [*words[1:], evidence.surrogates],
        pictures,
        [Table("Predictions of what was left out", columns, rows)],
        source,
    )


def proposals(evidence: Evidence) -> Section:
    """What would be asked for next, and why."""
    title, strategy, log = "What comes next, and why", evidence.search.strategy, evidence.log
    start = time.perf_counter()
    try:
        trials = strategy.propose(log, NEXT).trials[len(log) :]
    except NothingLeftError as error:
        return Section(title, f"Nothing: {error}.")
    took = (
        f"It took {time.perf_counter() - start:.1f} s to propose these. The search was not changed."
    )
    columns = ["architecture", *(["fidelity"] if evidence.goal.fidelities else [])]
    rows = [[str(t.arch), *([str(t.fidelity)] if t.fidelity is not None else [])] for t in trials]
    if not evidence.is_bayesian or not evidence.told:
        table = Table("The next proposals", columns, rows, ARCHS)
        name = type(strategy).__name__
        without = f"{name} has no acquisition function, so there are no means, uncertainties or acquisition values to show."
        begins = "The search is at its beginning: no surrogate has been fitted yet."
        return Section(title, begins if evidence.is_bayesian else without, [took], tables=[table])
    context, more = evidence.fit(), []
    n_initial = evidence.bayesian.n_initial
    if len(log) < n_initial:
        more.append(
            f"The first {n_initial} architectures are the beginning, which the surrogate does not choose."
        )
    heads, cells = _reasons(evidence, context, trials)
    values = evidence.bayesian.acquisition.values(context, _with_rivals(evidence, trials))
    if values is not None:
        heads.append("acquisition value")
        scored = zip(cells, values.tolist(), strict=False)
        cells = [[*cell, number(value, 4)] for cell, value in scored]
        more.append(_against(values[len(trials) :]))
    rows = [[*row, *cell] for row, cell in zip(rows, cells, strict=True)]
    table = Table("The next proposals", [*columns, *heads], rows, ARCHS)
    source = (
        "Predicted are mean ± standard deviation of the expected value, in the metric's own unit and without the noise "
        "of an evaluation."
    )
    return Section(title, _verdict(evidence, context, trials), [*more, took], (), [table], source)


def _against(rivals: Tensor) -> str:
    """How the acquisition values of others compare."""
    highest = ""
    if len(rivals):
        top = number(float(rivals.max()), 4)
        highest = f"; among {len(rivals)} random architectures the highest is {top}"
    return (
        f"The acquisition value is what the search maximises{highest}. It is on the function's own scale: logarithmic "
        "for log_ei, the default, and its relatives. Each proposal is scored by itself; in a batch the later ones keep "
        "away from the earlier ones."
    )


def _rows(trials: tuple[Trial, ...]) -> Tensor:
    return torch.tensor([trial.arch.row for trial in trials], dtype=torch.double)


def _with_rivals(evidence: Evidence, trials: tuple[Trial, ...]) -> Tensor:
    """The rows of trials, then random ones that were not asked for."""
    X = _rows(trials)
    seen = torch.cat([evidence.log.seen(evidence.at), X])
    fresh = evidence.search.strategy.candidates.without(evidence.X_random, seen)
    return torch.cat([X, fresh[:RIVALS]])


def _reasons(
    evidence: Evidence, context: Context, trials: tuple[Trial, ...]
) -> tuple[list[str], list[list[str]]]:
    """The columns that say what the surrogates expect of trials, and the cells of each."""
    goal, X = evidence.goal, _rows(trials)
    columns, cells = (
        [f"predicted {metric}" for metric in goal.metrics],
        evidence.predicted(context, X),
    )
    chances: list[tuple[str, Tensor]] = []
    winners = evidence.log.winners
    if goal.n_objectives == 1 and winners:
        best = (goal.signs * winners[0][1][0]).expand(len(X))
        below = context.predictors[0].cdf(X, best, observation_noise=False)
        chances.append(("chance to beat the best", 1 - below))
    if context.success is not None:
        chances.append(("chance not to fail", context.p_success(X)))
    for output, bound in evidence.bounds:
        zero = torch.zeros(len(X), dtype=torch.double)
        broken = context.predictors[output].cdf(X, zero, observation_noise=False)
        chances.append((f"chance of {bound}", 1 - broken))
    for name, chance in chances:
        columns.append(name)
        cells = [[*row, _percent(value)] for row, value in zip(cells, chance.tolist(), strict=True)]
    return columns, cells


def _percent(chance: float) -> str:
    """A probability for people.

    Example:
        >>> _percent(0.123), _percent(1e-6), _percent(0.9999)
        ('12%', '< 1%', '> 99%')
    """
    return "< 1%" if chance < 0.01 else "> 99%" if chance > 0.99 else f"{chance:.0%}"


def _fences(values: list[float]) -> tuple[float, float] | None:
    """A range for a picture that leaves out values far from the others; None where none are (Tukey 1977, outer fences)."""
    lower, upper = (
        torch.tensor(values, dtype=torch.double)
        .quantile(torch.tensor([0.25, 0.75]).double())
        .tolist()
    )
    room = 3 * (upper - lower)
    inside = [value for value in values if lower - room <= value <= upper + room]
    if len(inside) == len(values) or room == 0:
        return None
    margin = 0.05 * (max(inside) - min(inside))
    return min(inside) - margin, max(inside) + margin


def _verdict(evidence: Evidence, context: Context, trials: tuple[Trial, ...]) -> str:
    """Why the first is proposed: for what is expected of it, or for what is not known of it."""
    X = torch.cat([_rows(trials[:1]), evidence.X_random])
    parts = []
    for output, objective in enumerate(evidence.goal.objectives):
        mean, std = context.predictors[output].predict(X, observation_noise=False)
        better, surer = float(share(mean[:1], mean[1:])), float(share(std[:1], std[1:]))
        parts.append(
            f"better {objective.metric} than {better:.0%} of them (with more uncertainty than {surer:.0%})"
        )
    return f"Against random architectures, the first proposal is predicted to have {joined(parts)}."


def importance(evidence: Evidence) -> Section:
    """How much of what the surrogate predicts each decision accounts for."""
    title, space, goal = "Importance of decisions", evidence.log.space, evidence.goal
    if not evidence.held_out:
        return Section(title, f"It takes {LEAST} architectures told to say which decisions matter.")
    context, X = evidence.fit(), evidence.X_random
    shares, choices = _sobol(evidence, context, X)
    order = shares[:, 0].argsort(descending=True, stable=True).tolist()
    shown = order[:MOST_DECISIONS]
    outputs = evidence.distinct_outcomes[: goal.n_objectives]
    pictures = []
    for output in outputs:
        name = goal.outcomes[output].metric
        bars = {space.columns[column]: float(shares[column, output]) for column in shown}
        alt = f"Bars of the importance of each decision for {name}"
        pictures.append(Picture.of(plot_importance(bars, name), f"importance{output}", alt))
    heads = [
        f"{goal.outcomes[output].metric}{end}"
        for output in outputs
        for end in ("", ", best choice")
    ]
    rows = [
        [
            space.columns[c],
            *(t for o in outputs for t in (f"{float(shares[c, o]):.2f}", choices[c][o])),
        ]
        for c in shown
    ]
    top = [space.columns[column] for column in order[:2]]
    if not bool(shares[:, 0].any()):
        verdict = f"The surrogate predicts the same {goal.objectives[0].metric} everywhere, so no decision matters to it."
    else:
        verdict = f"For {goal.objectives[0].metric}, {top[0]} matters most to the surrogate{', then ' + top[1] if len(top) > 1 else ''}."
    if not evidence.predicts:
        verdict += " As it has not been shown to predict, do not rely on this."
    more = []
    if len(order) > len(shown):
        more.append(f"The {len(shown)} most important of {len(order)} decisions are shown.")
    source = (
        f"Total Sobol indices of the surrogate's mean over {len(X)} random architectures (Jansen 1999; Saltelli et al. "
        "2010): the share of the variance that remains unknown where all decisions but this one are known. They add up "
        "to more than 1 where decisions interact. The scale is that of ranks, so that a few bad architectures do not "
        "outweigh all others. The best choice is the one with the highest mean prediction over these architectures."
    )
    return Section(
        title, verdict, more, pictures, [Table("Importance", ["decision", *heads], rows)], source
    )


def _sobol(evidence: Evidence, context: Context, X: Tensor) -> tuple[Tensor, list[list[str]]]:
    """Total indices ``d x (m + c)``, and for each decision and outcome the choice with the highest mean."""
    space = evidence.log.space
    mean, _ = context.latent_marginals(X)
    variance = mean.var(0, correction=0).clamp_min(1e-12)
    shares, choices, counts = [], [], space.active(X)
    for column, decision in enumerate(space.decisions):
        order = torch.randperm(len(X), generator=generator(context.seed, SHUFFLE, column))
        other = X.clone()
        other[:, column] = X[order, column]
        other = space.settled(other)
        valid = space.is_valid(other)
        change = torch.zeros_like(mean[:1])
        if bool(valid.any()):
            moved, _ = context.latent_marginals(other[valid])
            change = (mean[valid] - moved).square()
        shares.append(change.mean(0) / (2 * variance))
        names, drawn = decision.labels, decision.level(X[:, column])
        by_choice = torch.full((len(names), mean.shape[-1]), -torch.inf, dtype=mean.dtype)
        for choice in drawn.unique().tolist():
            here = (drawn == choice) & counts[:, column]
            by_choice[choice] = mean[here].mean(0).nan_to_num(-torch.inf)
        choices.append([names[choice] for choice in by_choice.argmax(0).tolist()])
    return torch.stack(shares), choices
