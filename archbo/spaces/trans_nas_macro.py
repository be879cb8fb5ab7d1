"""Networks of modules that change channels and resolution: the macro space of TransNAS-Bench-101."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from archbo.errors import InvalidArchitectureError
from archbo.spaces.categorical import CategoricalSpace
from archbo.spaces.choices import NOT_ACTIVE

__all__ = ["TransNASMacroSpace"]

MODULES = ("raw", "channels x2", "resolution / 2", "channels x2 and resolution / 2")
"""What modules do, in the order of their digits in the official notation, 1 to 4. NASLib's digit 0 is no module."""

DOUBLES, HALVES = (1, 3), (2, 3)
"""The choices of modules that double the channels, and of those that halve the resolution."""

LEAST, MOST = 4, 6
"""The numbers of modules of a network (arXiv 2105.11871)."""

MOST_DOUBLED, MOST_HALVED = 3, 4
"""How often the channels may be doubled and the resolution halved; each at least once (arXiv 2105.11871)."""


class TransNASMacroSpace(CategoricalSpace):
    """The 3,256 macro networks of TransNAS-Bench-101 (arXiv 2105.11871): four to six modules of residual blocks.

    Modules keep their input's shape (digit 1), double the channels (2), halve the resolution (3), or both (4); the last
    two may be missing. Channels are doubled one to three times, the resolution is halved one to four times.

    The notation is the official ``64-1234-basic``, a digit per module; NASLib's ``(1, 2, 3, 4, 0, 0)`` is read too.

    Example:
        >>> space = TransNASMacroSpace()
        >>> space.arch("64-1234-basic").row
        (0, 1, 2, 3, 4, 4)
        >>> len(space.enumerate())
        3256
    """

    rule = (
        "; four to six modules, missing ones at the end, double the channels one to three times and halve the "
        "resolution one to four times"
    )

    def __init__(self) -> None:
        columns: dict[str, tuple[str, ...]] = {
            f"module_{number}": MODULES for number in range(1, LEAST + 1)
        }
        last: dict[str, tuple[str, ...]] = {
            f"module_{number}": (*MODULES, NOT_ACTIVE) for number in range(LEAST + 1, MOST + 1)
        }
        super().__init__("tnb101-macro", columns | last)

    def parse(self, text: str) -> tuple[int, ...]:
        text = text.strip()
        plain = re.sub(r"\s|,", "", text)
        match = re.fullmatch(r"64-([1-4]{4,6})-basic|[(\[]([0-4]{6})[)\]]", plain)
        if match is None:
            raise InvalidArchitectureError(
                f"cannot read {text!r} as a network of {self.name}; write 64-1234-basic, with a digit of 1 to 4 for each "
                "of four to six modules, or six digits such as (1, 2, 3, 4, 0, 0)"
            )
        row = self._digits([int(digit) for digit in match[1] or match[2]])
        if row is None:
            raise InvalidArchitectureError(f"{text!r} is not in {self.name}{self.rule}")
        return row

    def _digits(self, digits: Sequence[int]) -> tuple[int, ...] | None:
        # NASLib pads with zeros (naslib/search_spaces/transbench101/conversions.py).
        row = tuple((digit - 1) % 5 for digit in (*digits, *[0] * (MOST - len(digits))))
        if not set(digits) <= set(range(5)) or len(row) != MOST:
            return None
        return row if bool(self.is_valid(torch.tensor([row], device="cpu"))) else None

    def format(self, row: Sequence[int] | Tensor) -> str:
        return f"64-{''.join(str(int(c) + 1) for c in row if int(c) < len(MODULES))}-basic"

    def is_valid(self, X: Tensor) -> Tensor:
        valid = super().is_valid(X)
        missing = X[:, LEAST:] == len(MODULES)
        valid &= missing[:, 1] | ~missing[:, 0]
        for choices, most in ((DOUBLES, MOST_DOUBLED), (HALVES, MOST_HALVED)):
            wanted = torch.tensor(choices, dtype=X.dtype, device=X.device)
            number = torch.isin(X, wanted).sum(-1)
            valid &= (number >= 1) & (number <= most)
        return valid
