"""``archbo compare``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archbo.cli.options import Results, Seeds, about, command, names_of, option
from archbo.cli.request import OneColumn, ScoredTable
from archbo.cli.terminal import deliver, print_numbers, progress_bar, say
from archbo.errors import UsageError

if TYPE_CHECKING:
    from archbo.benchmarks import Benchmark, Tabular
    from archbo.comparison import Evaluation, Leaderboard
    from archbo.predictors import Predictor
    from archbo.proxies import ProxyTable


SCORES = {
    "tau": ("kendall", "mean", ".3f"),
    "P@10": ("precision_at_10", "mean", ".2f"),
    "N@10": ("best_rank_at_10", "median", ".0f"),
    "NLL": ("nll", "mean", ".2f"),
    "90 %": ("coverage", "mean", ".0%"),
    "top": ("coverage_of_best", "mean", ".0%"),
    "fit": ("fit_seconds", "median", ".2f"),
    "predict": ("predict_seconds", "median", ".2f"),
}
"""For each column of the table a field of ``Evaluation``, what is shown of it over seeds, and its format."""

WITH_TWINS = {"with twins": ("kendall_with_twins", "mean", ".3f")}
"""The column beside tau where twins are held out."""

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
    ) -> "dict[str | tuple[str, str], Predictor]":
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


@dataclass(frozen=True)
class _Written(Results):
    """The options that say where results go, tables among them."""

    csv: Path | None = option(None, "Write all scores to this table, a row for each fit.", "--csv")
    markdown: Path | None = option(
        None,
        "Write a table in Markdown: medians, their spread, and which differences are significant.",
        "--markdown",
    )

    @property
    def written(self) -> dict[str, Path | None]:
        return {**super().written, "--csv": self.csv, "--markdown": self.markdown}


@dataclass(frozen=True)
class _Means:
    """The options that say how a comparison is made."""

    workers: int = option(1, "The number of processes.")
    cache: Path | None = option(
        None,
        "Keep each fit's scores in this folder, by the content of table, sample and surrogate, and look them up.",
        metavar="DIR",
    )

    def compare(
        self,
        tabular: "Tabular",
        predictors: "dict[str | tuple[str, str], Predictor]",
        compared: _Compared,
        seeds: Seeds,
    ) -> "Leaderboard":
        """Compare, with a bar that tells how far it is."""
        from archbo.comparison import compare

        with progress_bar() as progress:
            total = len(predictors) * len(compared.sizes) * seeds.repeats
            task = progress.add_task("compare", total=total, note="")

            def tell(one: "Evaluation") -> None:
                note = f"{one.method}, {one.train_size} architectures, seed {one.seed}"
                progress.update(task, advance=1, note=note)

            made = compare(
                tabular,
                predictors,
                compared.sizes,
                seeds=seeds.all,
                hold_out_twins=compared.without_twins,
                cache=self.cache,
                workers=self.workers,
                callback=tell,
            )
            progress.update(task, note="")
        return made


@command(repeats=3)
def compare(
    source: ScoredTable,
    wanted: OneColumn,
    compared: _Compared,
    seeds: Seeds,
    means: _Means,
    results: _Written,
) -> None:
    """Fit surrogates to samples of a benchmark and score them on the rest."""
    from archbo.comparison import check_train_sizes, plot_comparison

    seeds.check()
    results.check(source.files)
    if means.workers < 1:
        raise UsageError(f"--workers must be at least 1; got {means.workers}")
    sizes, without_twins = compared.sizes, compared.without_twins
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
    board = means.compare(tabular, predictors, compared, seeds)

    def show() -> None:
        say(
            f"{board.benchmark}, {board.objective}: mean of {seeds.repeats} samples, scored on all other architectures"
            f"{' but their twins' if without_twins else ''}"
        )
        _show(board)

    texts = {
        results.csv: lambda: board.frame().to_csv(index=False),
        results.markdown: board.markdown,
    }
    deliver(
        results,
        lambda: {
            "benchmark": board.benchmark,
            "objective": board.objective,
            **({"hold_out": compared.hold_out} if without_twins else {}),
            "results": [evaluation.to_dict() for evaluation in board.evaluations],
        },
        lambda: plot_comparison(board.evaluations, unit=board.objective, title=board.benchmark),
        show,
        {path: text for path, text in texts.items() if path is not None},
    )


def _show(board: "Leaderboard") -> None:
    """Means over seeds; ranks and times are medians."""
    frame = board.frame().rename(columns={"train_size": "n"})
    several = frame["encoding"].nunique() > 1
    groups = frame.groupby(["n", "predictor", *(["encoding"] if several else [])], sort=False)
    tau = {"tau": SCORES["tau"]}
    columns = {**tau, **(WITH_TWINS if board.hold_out_twins else {}), **SCORES}
    scores = {heading: (name, statistic) for heading, (name, statistic, _) in columns.items()}
    print_numbers(
        groups.agg(**scores).sort_index(level="n", kind="stable", sort_remaining=False),
        [shown for _, _, shown in columns.values()],
        "n: architectures learned from; tau: Kendall's; P@10: share of the ten picked that are "
        "among the ten best; N@10: rank of the best picked, median; NLL: nats; 90 %, top: values within 90 % "
        "intervals, of all and of the better half; fit, predict: seconds, of all others",
    )
