"""Options that are one of some words."""

from collections.abc import Sequence

from archbo.errors import UsageError

__all__ = ["one_of"]


def one_of(name: str, value: str, choices: Sequence[str]) -> str:
    """The value of an argument that takes some words only.

    Raises:
        UsageError: It is none of them.

    Example:
        >>> one_of("targets", "rank", ["rank", "standardize"])
        'rank'
    """
    if value not in choices:
        raise UsageError(f"{name} is {value!r}; give {' or '.join(map(repr, choices))}")
    return value
