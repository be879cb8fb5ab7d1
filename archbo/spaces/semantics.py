"""What the definitions of cells have in common: the number of nodes, and which operations compute nothing."""

from collections.abc import Collection, Sequence

from archbo.errors import UsageError

__all__ = ["checked_nodes", "special_ops"]


def special_ops(
    space: str,
    op_names: Sequence[str],
    zero_ops: Collection[str] | None,
    identity_ops: Collection[str] | None,
) -> tuple[frozenset[str], frozenset[str]]:
    """The zero and the identity operations of a space.

    Args:
        space: The name of the space.
        op_names: Its operations.
        zero_ops: Those that give zeros; ``none`` unless given, where there is one.
        identity_ops: Those that pass their input on; ``skip_connect`` unless given, where there is one.

    Raises:
        UsageError: One of them is not among the operations, or is said to be both.
    """
    zero = _special(space, op_names, "zero_ops", zero_ops, "none")
    identity = _special(space, op_names, "identity_ops", identity_ops, "skip_connect")
    if zero & identity:
        raise UsageError(
            f"{min(zero & identity)!r} of space {space!r} is either a zero or an identity operation"
        )
    return zero, identity


def _special(
    space: str, op_names: Sequence[str], kind: str, given: Collection[str] | None, usual: str
) -> frozenset[str]:
    if given is None:
        return frozenset({usual}) & frozenset(op_names)
    found = frozenset({given} if isinstance(given, str) else given)
    for op in sorted(found.difference(op_names)):
        raise UsageError(
            f"{kind} of space {space!r} has {op!r}, which is not among its operations "
            f"{', '.join(op_names)}"
        )
    return found


def checked_nodes(nodes: int, space: str, *, at_least: int = 3) -> int:
    """The number of nodes of a cell, input and output among them.

    Raises:
        UsageError: It is no number, or too small.
    """
    if isinstance(nodes, bool) or not isinstance(nodes, int) or nodes < at_least:
        raise UsageError(
            f"nodes of space {space!r} is {nodes!r}; give a whole number, at least {at_least}"
        )
    return nodes
