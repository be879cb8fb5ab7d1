"""What can go wrong, in words a user can act on: what was wrong, where, and what to do."""

__all__ = [
    "ArchboError",
    "DataError",
    "DataWarning",
    "FitError",
    "InvalidArchitectureError",
    "NoProxiesError",
    "NothingLeftError",
    "NumericalWarning",
    "PrunedError",
    "UsageError",
]


class ArchboError(Exception):
    """Base of every error that archbo raises on purpose; the command line prints it as one line."""


class InvalidArchitectureError(ArchboError, ValueError):
    """An architecture that its search space cannot hold: malformed text, unknown operation, bad row."""


class DataError(ArchboError, ValueError):
    """A file or table that is not what it should be: a missing column, a NaN, a duplicate, a bad pickle."""


class UsageError(ArchboError, ValueError):
    """A request that cannot be served: zero queries, an unknown name, observations of the wrong shape."""


class NoProxiesError(UsageError):
    """A space of which archbo ships no zero-cost proxies, where none are given.

    Attributes:
        space: The name of the space.
        computable: Whether archbo has networks of the space, and can so compute proxies.
    """

    def __init__(self, message: str, *, space: str = "", computable: bool = False) -> None:
        super().__init__(message)
        self.space, self.computable = space, computable


class NothingLeftError(UsageError):
    """Every architecture of the space or table has been asked for."""


class FitError(ArchboError, ArithmeticError):
    """A surrogate that found no fit to its observations; predictors fall back to a simpler one and warn."""


class PrunedError(Exception):
    """Raised by ``report`` in a training to end it: the pruner stops it early, since its curve is no good."""


class NumericalWarning(UserWarning):
    """A fit that did not go as planned; the message says what was done instead."""


class DataWarning(UserWarning):
    """Data of which only a part could be used; the message says how much was left out, and why."""
