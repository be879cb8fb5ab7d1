"""The architecture that a study found against random ones, all trained anew: relative improvement over random search.

    python examples/against_random.py run.db nb201 examples/digits/train.py:test

The relative improvement is 100 (acc_m - acc_r) / acc_r, where acc_m is the mean accuracy of the architecture found and
acc_r that of random ones (Yang, Esperança and Carlucci 2020, NAS evaluation is frustratingly hard, arXiv 1912.12522).
"""

import argparse
from collections.abc import Callable
from statistics import fmean, stdev

from archbo import Arch, Goal, RandomSearch, Study, catalog
from archbo.comparison import relative_improvement
from archbo.evaluators import load_function
from archbo.randomness import generator


def main() -> None:
    """Train both anew with seeds that the search did not use, and print what is reached on the test images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", help="the study of a search that maximised accuracy")
    parser.add_argument("space", help="the name or the .toml file of its space")
    parser.add_argument("function", help="FILE.py:FUNCTION, called with an architecture and a seed")
    parser.add_argument("--repeats", type=int, default=10, help="of the one found, and random ones")
    arguments = parser.parse_args()
    space = catalog.space(arguments.space)
    log = Study(arguments.study, RandomSearch(space, Goal.parse("accuracy"))).log
    test: Callable[[Arch, int], float] = load_function(arguments.function)
    seeds = range(1, 1 + arguments.repeats)
    random = space.archs(space.sample(arguments.repeats, generator=generator(0)))
    best, accuracy = log.best
    ours = [test(best, seed) for seed in seeds]
    theirs = [test(arch, seed) for arch, seed in zip(random, seeds, strict=True)]
    print(f"found by {log.n_told} trainings: {best}, {accuracy:.2f} % on the validation images")
    print(f"trained anew, test images:  {fmean(ours):.2f} % (std {stdev(ours):.2f})")
    print(f"random architectures:       {fmean(theirs):.2f} % (std {stdev(theirs):.2f})")
    print(f"relative improvement:       {relative_improvement(ours, theirs):.1f} %")


if __name__ == "__main__":
    main()
