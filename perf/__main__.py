"""``python -m perf NAME [TABLE]``, where the name is that of a file beside this one."""

import argparse
import shlex
import sys
from pathlib import Path

import torch

from archbo.errors import ArchboError, UsageError
from perf import (
    accel,
    accuracy,
    ask,
    baselines,
    benchmarks,
    bnn,
    candidates,
    choices,
    encodings,
    failures,
    fidelity,
    joint,
    large,
    latency,
    leaderboard,
    mixed,
    mixer,
    nb301,
    pareto,
    proxies,
    queries,
    ranking,
    robot,
    samplers,
    search,
    stopping,
    studies,
    surrogates,
    taus,
    transnas,
)
from perf.section import PAGE, conditions, replace
from perf.settings import Measurement, Settings
from perf.tables import TABLE

MEASUREMENTS: dict[str, Measurement] = {
    "accel": accel.MEASUREMENT,
    "accuracy": accuracy.MEASUREMENT,
    "ask": ask.MEASUREMENT,
    "baselines": baselines.MEASUREMENT,
    "benchmarks": benchmarks.MEASUREMENT,
    "bnn": bnn.MEASUREMENT,
    "candidates": candidates.MEASUREMENT,
    "choices": choices.MEASUREMENT,
    "encodings": encodings.MEASUREMENT,
    "failures": failures.MEASUREMENT,
    "fidelity": fidelity.MEASUREMENT,
    "joint": joint.MEASUREMENT,
    "large": large.MEASUREMENT,
    "latency": latency.MEASUREMENT,
    "leaderboard": leaderboard.MEASUREMENT,
    "mixed": mixed.MEASUREMENT,
    "mixer": mixer.MEASUREMENT,
    "nb301": nb301.MEASUREMENT,
    "pareto": pareto.MEASUREMENT,
    "proxies": proxies.MEASUREMENT,
    "queries": queries.MEASUREMENT,
    "ranking": ranking.MEASUREMENT,
    "robot": robot.MEASUREMENT,
    "samplers": samplers.MEASUREMENT,
    "search": search.MEASUREMENT,
    "stopping": stopping.MEASUREMENT,
    "studies": studies.MEASUREMENT,
    "surrogates": surrogates.MEASUREMENT,
    "taus": taus.MEASUREMENT,
    "transnas": transnas.MEASUREMENT,
}


def main() -> None:
    """Run the named measurement and print its section, or write it to the page."""
    arguments = _parser().parse_args()
    try:
        _run(arguments)
    except ArchboError as error:
        print(f"perf: {error}", file=sys.stderr)
        sys.exit(2)


def _run(arguments: argparse.Namespace) -> None:
    name, measurement = arguments.name, MEASUREMENTS[arguments.name]
    if arguments.size is not None and not measurement.size:
        raise UsageError(f"{name} has one size only; leave --size out")
    if arguments.only is not None and not measurement.has_rows:
        raise UsageError(f"{name} is measured as a whole; leave --only out")
    if arguments.workers > 1 and not measurement.has_workers:
        raise UsageError(f"{name} runs in one process; leave --workers out")
    if arguments.cache is not None and not measurement.has_cache:
        raise UsageError(f"{name} keeps no scores; leave --cache out")
    if arguments.only is not None and arguments.write:
        raise UsageError("--write replaces a whole section; leave --only out")
    settings = Settings(
        arguments.table,
        arguments.repeats or measurement.repeats,
        arguments.workers,
        arguments.size or measurement.size,
        tuple((arguments.only or "*").split(",")),
        arguments.cache,
    )
    section = measurement.measure(settings)
    threads = 1 if measurement.has_workers else torch.get_num_threads()
    told = conditions(settings.repeats, settings.workers, threads)
    text = section.markdown(_command(arguments), told)
    if arguments.write:
        replace(PAGE, name, text)
    else:
        print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m perf", description=__doc__)
    parser.add_argument("name", choices=MEASUREMENTS, metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument(
        "table", nargs="?", type=Path, default=TABLE, metavar="TABLE", help="nb201.parquet"
    )
    parser.add_argument(
        "--repeats", "--seeds", type=_positive, help="the number of repeats, from seed 0 on"
    )
    sizes = ", ".join(f"{name}: {m.unit}" for name, m in MEASUREMENTS.items() if m.size)
    parser.add_argument("--size", type=_positive, help=f"how large a repeat is ({sizes})")
    parser.add_argument("--workers", type=_positive, default=1, help="the number of processes")
    parser.add_argument("--only", metavar="PATTERN[,...]", help="measure these rows only")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep scores in this folder")
    parser.add_argument("--write", action="store_true", help=f"write to {PAGE.name}")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


def _command(arguments: argparse.Namespace) -> str:
    """The command that gives the section, without the folder of the table."""
    table = [arguments.table.name] if arguments.table != TABLE else []
    given = {"repeats": arguments.repeats, "size": arguments.size, "only": arguments.only}
    options = [
        f"--{name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None
    ]
    workers = [f"--workers {arguments.workers}"] if arguments.workers > 1 else []
    return " ".join(["python -m perf", arguments.name, *table, *options, *workers])


# A measurement may start processes that import this file.
if __name__ == "__main__":
    main()
