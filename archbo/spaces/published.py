"""Categorical spaces of published benchmarks."""

from archbo.spaces.categorical import CategoricalSpace

__all__ = ["accel_nas_bench", "nats_bench_size"]

CHANNELS = (8, 16, 24, 32, 40, 48, 56, 64)
"""The numbers of channels of a layer (arXiv 2009.00437, section 3.1)."""


def nats_bench_size() -> CategoricalSpace:
    """Channels of five layers, 32,768 networks: the size search space of NATS-Bench (arXiv 2009.00437).

    Example:
        >>> nats_bench_size()
        CategoricalSpace('nats-size', d=5, size=32,768)
    """
    return CategoricalSpace("nats-size", {f"channels_{layer}": CHANNELS for layer in range(5)})


def accel_nas_bench() -> CategoricalSpace:
    """Seven blocks of MobileNet kind: the space of Accel-NASBench (arXiv 2404.08005).

    Of each block the expansion ``e``, the kernel ``k``, the number of layers ``l``, and whether there is
    squeeze-and-excitation, ``se``.

    Example:
        >>> accel_nas_bench()
        CategoricalSpace('accel-nasbench', d=28, size=104,485,552,128)
    """
    columns: dict[str, tuple[object, ...]] = {}
    for block in range(7):
        columns |= {
            f"block{block}_e": (1, 4, 6),
            f"block{block}_k": (3, 5),
            f"block{block}_l": (1, 2, 3, 4) if block == 5 else (1, 2, 3),
            f"block{block}_se": (False, True),
        }
    return CategoricalSpace("accel-nasbench", columns)
