"""``python -m perf encodings``, ``ranking`` and ``search``."""

import sys

from perf import encodings, ranking, search

RUNS = {"encodings": encodings.main, "ranking": ranking.main, "search": search.main}


def main() -> None:
    """Run the named measurement; without a name say which there are."""
    if len(sys.argv) != 2 or sys.argv[1] not in RUNS:
        print(f"usage: python -m perf {{{','.join(RUNS)}}}", file=sys.stderr)
        sys.exit(2)
    RUNS[sys.argv[1]]()


main()
