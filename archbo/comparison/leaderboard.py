"""Predictors side by side on one benchmark, by encoding and training size."""

import copy
import multiprocessing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, product
from pathlib import Path
from pickle import PicklingError
from typing import TypeAlias

import pandas as pd
import torch

from archbo.benchmarks import Tabular
from archbo.comparison.evaluation import ARRAYS, Evaluation, check_train_sizes, evaluate
from archbo.comparison.kept import Job, KeptEvaluations, Name
from archbo.comparison.statistics import least_p_value, paired_tests
from archbo.errors import NumericalWarning, UsageError
from archbo.predictors import Predictor
from archbo.proxies.measures.processes import begin_worker

__all__ = ["Leaderboard", "compare"]

ALPHA = 0.05
"""The probability below which a difference is significant; by convention."""
AT_LARGEST = {
    "Spearman": ("spearman", ".3f"),
    "weighted tau": ("weighted_kendall", ".3f"),
    "P@10": ("precision_at_10", ".1f"),
    "N@10": ("best_rank_at_10", ".0f"),
    "NLL": ("nll", ".3g"),
    "CRPS": ("crps", ".3g"),
    "in 90 %": ("coverage", ".0%"),
    "fit (s)": ("fit_seconds", ".2g"),
    "predict (s)": ("predict_seconds", ".2g"),
}
"""Columns of the second table in Markdown: a score and its format."""


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """Predictors side by side.

    Attributes:
        benchmark: The name of the table.
        objective: The column that they predict.
        evaluations: One for each predictor, training size and seed.
        hold_out_twins: Whether scores leave out twins of what was learned from.
    """

    benchmark: str
    objective: str
    evaluations: tuple[Evaluation, ...] = field(repr=False)
    hold_out_twins: bool = False

    def frame(self) -> pd.DataFrame:
        """A row for each evaluation, with its scores; tidy, one number in a cell."""
        rows = [
            {"benchmark": self.benchmark, "objective": self.objective, "method": each.method}
            | {name: value for name, value in vars(each).items() if name not in ARRAYS}
            for each in self.evaluations
        ]
        frame = pd.DataFrame(rows)
        return frame if self.hold_out_twins else frame.drop(columns="kendall_with_twins")

    def tests(self) -> pd.DataFrame:
        """Whether what has the highest median of tau at a training size differs from the others there, over seeds.

        Returns:
            ``train_size``, ``best``, ``other``, and what ``paired_tests`` gives of the two.
        """
        tests = []
        for size, group in self.frame().groupby("train_size"):
            taus = group.pivot(index="seed", columns="method", values="kendall")
            best = str(taus.median().idxmax())
            for _, row in paired_tests({str(name): taus[name] for name in taus}, best).iterrows():
                sides = (row["first"], row["second"])
                other, sign = (sides[1], 1) if sides[0] == best else (sides[0], -1)
                rest = {"difference": sign * row["difference"]} | dict(
                    row[["p_value", "corrected"]]
                )
                tests.append({"train_size": size, "best": best, "other": other} | rest)
        columns = ["train_size", "best", "other", "difference", "p_value", "corrected"]
        return pd.DataFrame(tests, columns=columns)

    def markdown(self) -> str:
        """Two tables: tau by training size, its spread and what is significant; all scores at the largest size."""
        frame = self.frame()
        largest, n_seeds = frame["train_size"].max(), frame["seed"].nunique()
        but = ", their twins left out" if self.hold_out_twins else ""
        what = (
            f"Kendall's tau of {self.objective} on the architectures of {self.benchmark} that were not learned from{but}: "
            f"the median of {n_seeds} samples, in brackets the least and the most."
        )
        parts = [what, self._by_size(frame), _significance(n_seeds, frame["method"].nunique() - 1)]
        parts += [f"Medians with {largest} to learn from:", self._at_size(frame, largest)]
        return "\n\n".join(filter(None, parts)) + "\n"

    def _by_size(self, frame: pd.DataFrame) -> str:
        tests = self.tests()
        best = {*zip(tests["train_size"], tests["best"], strict=True)}
        apart = tests[tests["corrected"] < ALPHA]
        worse = {*zip(apart["train_size"], apart["other"], strict=True)}
        rows: dict[str, list[str]] = {}
        for (method, size), taus in frame.groupby(["method", "train_size"], sort=False)["kendall"]:
            bold, mark = "**" * ((size, method) in best), r" \*" * ((size, method) in worse)
            middle = f"{bold}{taus.median():.3f}{bold}"
            spread = f"({taus.min():.3f} to {taus.max():.3f})"
            rows.setdefault(str(method), []).append(f"{middle} {spread}{mark}")
        sizes = map(str, frame["train_size"].unique())
        return _table(["learned from", *sizes], [[name, *cells] for name, cells in rows.items()])

    def _at_size(self, frame: pd.DataFrame, size: int) -> str:
        twins = {"tau with twins": ("kendall_with_twins", ".3f")} if self.hold_out_twins else {}
        shown = {"tau": ("kendall", ".3f"), **twins, **AT_LARGEST}
        methods = frame[frame["train_size"] == size].groupby("method", sort=False)
        medians = methods[[name for name, _ in shown.values()]].median()
        rows = [
            [str(method), *(format(row[name], how) for name, how in shown.values())]
            for method, row in medians.iterrows()
        ]
        return _table(["", *shown], rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _significance(n_seeds: int, n_tests: int) -> str:
    """What bold and the mark say, of a table in which one is tested against so many others."""
    if n_tests == 0:
        return ""
    least = least_p_value(n_seeds, n_tests)
    if least < ALPHA:
        return (
            rf"In bold the highest; \* differs from it significantly, p < {ALPHA} by Wilcoxon's signed-rank test over "
            "samples with Holm's correction."
        )
    enough = next(n for n in count(n_seeds) if least_p_value(n, n_tests) < ALPHA)
    return (
        f"In bold the highest. Wilcoxon's signed-rank test with Holm's correction cannot call a difference significant "
        f"with {n_seeds} samples, where it gives no less than p = {least:.2g}; it takes {enough} samples."
    )


def compare(
    tabular: Tabular,
    predictors: Mapping[str, Predictor]
    | Mapping[tuple[str, str], Predictor]
    | Mapping[Name, Predictor],
    train_sizes: Sequence[int],
    *,
    seeds: Sequence[int] = range(3),
    hold_out_twins: bool = False,
    cache: str | Path | None = None,
    workers: int = 1,
    callback: Callable[[Evaluation], None] | None = None,
) -> Leaderboard:
    """Fit predictors to samples of a benchmark and score them on the rest.

    Fits run on one thread: their matrices are small, and times and the last digits can so be compared. The predictors
    that are given stay as they are.

    Args:
        tabular: The one objective that they learn to predict.
        predictors: By name, or by their names and those of their encodings. Give them as they are made, not fitted.
        train_sizes: How many architectures to learn from.
        seeds: Of samples and fits; samples of one seed are the same for all predictors.
        hold_out_twins: As for ``evaluate``.
        cache: A folder in which each evaluation is kept, by the content of the table, the sample and the predictor, and
            looked up; made where there is none. Nothing is kept unless it is given.
        workers: The number of processes.
        callback: Called with each evaluation when it is there.

    Raises:
        UsageError: There is not one objective or no predictor, a predictor is of another space, the samples leave too
            little, or a predictor cannot be kept or sent to other processes.
        DataError: What is kept cannot be read.

    Example:
        >>> from archbo import catalog
        >>> table = catalog.benchmark("nb201").evaluator()
        >>> gp = catalog.predictor("gp", table.benchmark.space)
        >>> compare(table, {"gp": gp}, [20, 40], seeds=[0]).frame()[["predictor", "train_size", "seed"]].to_numpy().tolist()
        [['gp', 20, 0], ['gp', 40, 0]]
    """
    named: dict[Name, Predictor] = dict(predictors.items())
    _check(tabular, named, train_sizes, workers)
    names = product(named, train_sizes, seeds)
    jobs = [Job(name, size, seed) for name, size, seed in names]
    kept = (
        KeptEvaluations(Path(cache), tabular, named, hold_out_twins) if cache is not None else None
    )
    found: dict[Job, Evaluation] = {}

    def take(job: Job, evaluation: Evaluation) -> None:
        found[job] = evaluation
        if callback is not None:
            callback(evaluation)

    for job in jobs:
        known = kept.get(job) if kept is not None else None
        if known is not None:
            take(job, known)
    left = [job for job in jobs if job not in found]
    for job, evaluation in _made(left, (tabular, named, hold_out_twins), workers):
        if kept is not None:
            kept.put(job, evaluation)
        take(job, evaluation)
    column = tabular.goal.objectives[0].metric
    made = tuple(found[job] for job in jobs)
    return Leaderboard(tabular.benchmark.name, column, made, hold_out_twins)


def _check(
    tabular: Tabular, predictors: Mapping[Name, Predictor], sizes: Sequence[int], workers: int
) -> None:
    if tabular.goal.n_objectives > 1:
        raise UsageError(f"surrogates are compared on one objective; got {tabular.goal}")
    if not predictors:
        raise UsageError("there are no predictors to compare; give at least one")
    if workers < 1:
        raise UsageError(f"workers must be at least 1; got {workers}")
    space = tabular.benchmark.space
    for name, predictor in predictors.items():
        if predictor.space != space:
            raise UsageError(
                f"{name!r} is of another space than {tabular.benchmark.name}: {space.unlike(predictor.space)}"
            )
    check_train_sizes(sizes, tabular)


_Task: TypeAlias = tuple[Tabular, Mapping[Name, Predictor], bool]
"""What all evaluations have in common: the goal on its table, the predictors, and whether twins are held out."""


_Answer: TypeAlias = tuple[Evaluation, list[NumericalWarning]]


def _evaluated(job: Job, task: _Task) -> Evaluation:
    tabular, predictors, hold_out_twins = task
    predictor = predictors[job.name]
    return evaluate(
        *job.names, predictor, tabular, job.size, seed=job.seed, hold_out_twins=hold_out_twins
    )


def _made(jobs: Sequence[Job], task: _Task, workers: int) -> Iterator[tuple[Job, Evaluation]]:
    """Evaluations as they are ready."""
    if not jobs:
        return
    if workers == 1:
        tabular, predictors, hold_out_twins = task
        task = tabular, copy.deepcopy(dict(predictors)), hold_out_twins
        with _one_thread():
            for job in jobs:
                yield job, _evaluated(job, task)
        return
    others, spawn = {*multiprocessing.active_children()}, multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), spawn, _start, (task,))
    try:
        futures = _submitted(pool, jobs)
        for future in as_completed(futures):
            evaluation, warned = future.result()
            for warning in warned:
                warnings.warn(warning, stacklevel=3)
            yield futures[future], evaluation
    except BrokenProcessPool as error:
        raise UsageError(
            "a process of the comparison died; its error is above, or memory ran out. A script that compares with several "
            "workers does so under: if __name__ == '__main__'; a predictor of one's own is defined in a module"
        ) from error
    finally:
        # Where all went well they have nothing left to do; otherwise nobody waits for what they do.
        for process in {*multiprocessing.active_children()} - others:
            process.terminate()
        pool.shutdown(cancel_futures=True)


def _submitted(pool: ProcessPoolExecutor, jobs: Sequence[Job]) -> dict[Future[_Answer], Job]:
    try:
        return {pool.submit(_evaluate_there, job): job for job in jobs}
    except (AttributeError, PicklingError) as error:
        raise UsageError(
            f"the predictors cannot be sent to other processes ({error}); define them in a module, or give one worker"
        ) from error


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_task: _Task | None = None
"""In a process, what its initializer was given."""


def _start(task: _Task) -> None:
    global _task
    begin_worker(1)
    _task = task


def _evaluate_there(job: Job) -> _Answer:
    """The evaluation, and the warnings, which only the parent shows."""
    assert _task is not None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NumericalWarning)
        evaluation = _evaluated(job, _task)
    return evaluation, [w.message for w in caught if isinstance(w.message, NumericalWarning)]
