"""``python -m perf NAME``, where the name is that of a file beside this one."""

import sys

from perf import (
    baselines,
    bnn,
    candidates,
    encodings,
    fidelity,
    mixer,
    pareto,
    proxies,
    ranking,
    robot,
    search,
    surrogates,
)

RUNS = {
    "baselines": baselines.main,
    "bnn": bnn.main,
    "candidates": candidates.main,
    "encodings": encodings.main,
    "fidelity": fidelity.main,
    "mixer": mixer.main,
    "pareto": pareto.main,
    "proxies": proxies.main,
    "ranking": ranking.main,
    "robot": robot.main,
    "search": search.main,
    "surrogates": surrogates.main,
}


def main() -> None:
    """Run the named measurement; without a name say which there are."""
    if len(sys.argv) < 2 or sys.argv[1] not in RUNS:
        print(f"usage: python -m perf {{{','.join(RUNS)}}}", file=sys.stderr)
        sys.exit(2)
    RUNS[sys.argv[1]]()


# A measurement may start processes that import this file.
if __name__ == "__main__":
    main()
