"""Random images and labels for measures that want a batch."""

from typing import Literal

import torch
from torch import Tensor

__all__ = ["random_images"]


def random_images(
    n: int = 64,
    *,
    resolution: int = 32,
    classes: int = 10,
    channels: int = 3,
    seed: int = 0,
    kind: Literal["natural", "normal", "uniform"] = "natural",
) -> tuple[Tensor, Tensor]:
    """Noise with the size of images, and labels drawn at random.

    Args:
        n: How many.
        resolution: Pixels per side.
        classes: Of the labels.
        channels: Of the images.
        seed: Of everything drawn.
        kind: ``natural`` has amplitudes that fall with the inverse of the frequency, mostly grey, as photographs do, and
            normalised to mean 0 and variance 1 over the batch; ``normal`` is white noise from N(0, 1),
            ``uniform`` from [0, 1].

    Returns:
        Images ``n x channels x resolution x resolution`` and labels ``n`` int64.

    Example:
        >>> images, labels = random_images(8, resolution=16)
        >>> images.shape, labels.shape
        (torch.Size([8, 3, 16, 16]), torch.Size([8]))
    """
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (n,), generator=generator)
    shape = (n, channels, resolution, resolution)
    if kind == "uniform":
        return torch.rand(shape, generator=generator), labels
    images = torch.randn(shape, generator=generator)
    if kind == "natural":
        grey = torch.randn(n, 1, resolution, resolution, generator=generator)
        images = torch.fft.rfft2(grey + 0.3 * images)
        rows = torch.fft.fftfreq(resolution).unsqueeze(-1)
        columns = torch.fft.rfftfreq(resolution)
        frequency = (rows**2 + columns**2).sqrt().clamp(min=1 / resolution)
        images = torch.fft.irfft2(images / frequency, s=(resolution, resolution))
        images = (images - images.mean()) / images.std()
    return images, labels
