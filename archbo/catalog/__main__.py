"""``python -m archbo.catalog`` prints the tables of what is there, ``--write`` puts them into the documents."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from archbo.catalog.tables import DOCUMENTS, full, renew
from archbo.errors import DataError, UsageError
from archbo.files import write_whole


def main(arguments: Sequence[str]) -> None:
    """Print the full tables, or write them into the documents of the checkout in the current folder.

    Raises:
        UsageError: There is another argument than ``--write``.
        DataError: A document is missing.
    """
    if not arguments:
        sys.stdout.write(full() + "\n")
        return
    if list(arguments) != ["--write"]:
        raise UsageError(f"the one argument is --write; got {' '.join(arguments)}")
    for name, make in DOCUMENTS.items():
        path = Path(name)
        if not path.is_file():
            raise DataError(f"there is no {name} here; run this in a checkout")
        text = renew(path.read_text(encoding="utf-8"), make())
        write_whole(path, partial(Path.write_text, data=text, encoding="utf-8"))


if __name__ == "__main__":
    main(sys.argv[1:])
