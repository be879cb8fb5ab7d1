"""``archbo compare``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from archbo.cli.options import Results, Seeds, about, command, names_of, option
from archbo.cli.request import OneColumn, ScoredTable
from archbo.cli.terminal import deliver, print_numbers, progress_bar, say
from archbo.errors import UsageError

if TYPE_CHECKING:
    from archbo.benchmarks import Benchmark, Tabular
    from archbo.comparison import Evaluation
    from archbo.predictors import Predictor
    from archbo.proxies import ProxyTable


SCORES = {
    "tau": ("kendall", "mean", ".3f"),
    "P@10": ("precision_at_10", "mean", ".2f"),
    "NLL": ("nll", "mean", ".2f"),
    "90 %": ("coverage", "mean", ".0%"),
    "top": ("coverage_of_best", "mean", ".0%"),
    "fit": ("fit_seconds", "median", ".2f"),
    "predict": ("predict_seconds", "median", ".2f"),
}
"""For each column of the table a field of ``Evaluation``, what is shown of it over seeds, and its format."""

HOLD_OUTS = {"architectures": False, "twins": True}
"""What ``--hold-out`` names, and whether twins are left out."""


@dataclass(frozen=True)
class _Compared:
    """The options that say what is compared."""

    predictors: str = option("gp,gbdt", "Surrogates, joined with commas: {predictors}.")
    encodings: str = option(
        "default",
        "What each sees, joined with commas; default is its own. {encodings}; joined with '+' they stand side "
        "by side.",
    )
    train_sizes: str = option(
        "78,156", "Numbers of architectures to learn from, joined with commas."
    )
    hold_out: str = option(
        "architectures",
        "What is not learned from and scored on alike: architectures, or twins, all that compute the same function.",
        metavar="architectures|twins",
    )

    @property
    def without_twins(self) -> bool:
        """Whether twins of what is learned from are not scored on."""
        if self.hold_out not in HOLD_OUTS:
            raise UsageError(f"--hold-out is one of {', '.join(HOLD_OUTS)}; got {self.hold_out!r}")
        return HOLD_OUTS[self.hold_out]

    @property
    def sizes(self) -> list[int]:
        """Numbers of architectures to learn from."""
        texts = names_of(self.train_sizes, "--train-sizes")
        for text in texts:
            if not text.isdecimal():
                raise UsageError(
                    f"--train-sizes takes whole numbers joined with commas; got {text!r}"
                )
        return list(map(int, texts))

    def made(
        self, benchmark: "Benchmark", scores: "ProxyTable | None"
    ) -> "dict[tuple[str, str], Predictor]":
        """The predictors, by their names and those of their encodings."""
        from archbo import catalog

        space = benchmark.space
        with about("--encodings"):
            features = {
                name: None if name == "default" else catalog.encoding(name, space, scores)
                for name in names_of(self.encodings, "--encodings")
            }
        with about("--predictors"):
            return {
                (name, encoding): catalog.predictor(name, space, features[encoding], scores)
                for name in names_of(self.predictors, "--predictors")
                for encoding in features
            }


@command(repeats=3)
def compare(
    source: ScoredTable, wanted: OneColumn, compared: _Compared, seeds: Seeds, results: Results
) -> None:
    """Fit surrogates to samples of a benchmark and score them on the rest."""
    import torch

    from archbo.comparison import check_train_sizes, plot_comparison

    seeds.check()
    results.check(source.files)
    sizes, without_twins = compared.sizes, compared.without_twins
    # Small matrices: a second thread costs more than it gives, and one makes times comparable.
    torch.set_num_threads(1)
    benchmark = source.load()
    tabular = wanted.on(benchmark)
    if tabular.goal.n_objectives > 1:
        raise UsageError(
            f"compare takes one objective, which predictors learn; got {wanted.objective!r}"
        )
    with about("--train-sizes"):
        check_train_sizes(sizes, tabular)
    # All are made before any is fitted, so that a wrong name costs no time.
    predictors = compared.made(benchmark, source.load_proxies(benchmark))
    evaluations = _evaluate(predictors, tabular, sizes, seeds, without_twins)
    column = tabular.goal.objectives[0].metric

    def show() -> None:
        say(
            f"{benchmark.name}, {column}: mean of {seeds.repeats} samples, scored on all other architectures"
            f"{' but their twins' if without_twins else ''}"
        )
        _show(evaluations)

    deliver(
        results,
        lambda: {
            "benchmark": benchmark.name,
            "objective": column,
            **({"hold_out": compared.hold_out} if without_twins else {}),
            "results": [evaluation.to_dict() for evaluation in evaluations],
        },
        lambda: plot_comparison(evaluations, unit=column, title=benchmark.name),
        show,
    )


def _evaluate(
    predictors: "Mapping[tuple[str, str], Predictor]",
    tabular: "Tabular",
    sizes: Sequence[int],
    seeds: Seeds,
    without_twins: bool,
) -> "list[Evaluation]":
    from archbo.comparison import evaluate

    evaluations: list[Evaluation] = []
    jobs = list(product(predictors.items(), sizes, seeds.all))
    with progress_bar() as progress:
        task = progress.add_task("compare", total=len(jobs), note="")
        for ((name, encoding), surrogate), size, seed in jobs:
            progress.update(task, note=f"{name}, {encoding}, {size} architectures, seed {seed}")
            evaluations.append(
                evaluate(
                    name,
                    encoding,
                    surrogate,
                    tabular,
                    size,
                    seed=seed,
                    hold_out_twins=without_twins,
                )
            )
            progress.advance(task)
        progress.update(task, note="")
    return evaluations


def _show(evaluations: "list[Evaluation]") -> None:
    """Means over seeds; times are medians."""
    import pandas as pd

    frame = pd.DataFrame(map(vars, evaluations)).rename(columns={"train_size": "n"})
    several = frame["encoding"].nunique() > 1
    groups = frame.groupby(["n", "predictor", *(["encoding"] if several else [])], sort=False)
    scores = {heading: (name, statistic) for heading, (name, statistic, _) in SCORES.items()}
    print_numbers(
        groups.agg(**scores).sort_index(level="n", kind="stable", sort_remaining=False),
        [shown for _, _, shown in SCORES.values()],
        "n: architectures learned from; tau: Kendall's; P@10: share of the ten picked that are "
        "among the ten best; NLL: nats; 90 %, top: values within 90 % intervals, of all and of the "
        "better half; fit, predict: seconds, of all others",
    )
