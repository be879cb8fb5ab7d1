"""Trains a small convolutional network of one's own on scikit-learn's digits: 8 x 8 pixels, 10 classes."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from archbo import Arch

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
EPOCHS, BATCH = 20, 50
TRAINING, VALIDATION, TEST = slice(0, 500), slice(500, 1000), slice(1000, None)


@cache
def digits() -> tuple[Tensor, Tensor]:
    """Images ``1797 x 1 x 8 x 8`` and classes, in an order that is always the same."""
    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(0))
    images = torch.tensor(data.images, dtype=torch.float).unsqueeze(1) / 8 - 1
    return images[order], torch.tensor(data.target)[order]


def build(arch: Arch) -> nn.Module:
    """Convolutions as the architecture says, global average pooling and a linear layer."""
    width, kernel, layers = arch["width"], arch["kernel"], []
    for layer in range(arch["depth"]):
        layers.append(nn.Conv2d(width if layer else 1, width, kernel, padding=kernel // 2))
        layers.append(ACTIVATIONS[arch["activation"]]())
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 10))


def begin(arch: Arch, seed: int) -> tuple[nn.Module, Optimizer]:
    """The network of an architecture and what trains it; the seed is that of its weights and of the batches."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = build(arch)
    return model, torch.optim.Adam(model.parameters(), lr=arch["learning_rate"])


def train_epoch(model: nn.Module, optimizer: Optimizer) -> None:
    """One pass over the images for training."""
    images, classes = (part[TRAINING] for part in digits())
    for batch in torch.randperm(len(images)).split(BATCH):
        optimizer.zero_grad()
        cross_entropy(model(images[batch]), classes[batch]).backward()
        optimizer.step()


def accuracy(model: nn.Module, part: slice) -> float:
    """The percentage of a part of the images that is classified correctly."""
    images, classes = (each[part] for each in digits())
    with torch.no_grad():
        return 100 * float((model(images).argmax(-1) == classes).double().mean())


def evaluate(
    arch: Arch, folder: Path, checkpoint: Path | None, report: Callable[[int, float], None]
) -> float:
    """What a search maximises: the accuracy on the images for validation, reported after each epoch."""
    model, optimizer = begin(arch, seed=0)
    done = 0
    if checkpoint is not None and (checkpoint / "state.pt").exists():
        state = torch.load(checkpoint / "state.pt")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        done = state["epoch"]
    for epoch in range(done + 1, EPOCHS + 1):
        train_epoch(model, optimizer)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        state |= {"random": torch.get_rng_state(), "epoch": epoch}
        torch.save(state, folder / "state.part")
        (folder / "state.part").rename(folder / "state.pt")  # whole, even if this process is killed
        report(epoch, accuracy(model, VALIDATION))
    return accuracy(model, VALIDATION)


def test(arch: Arch, seed: int) -> float:
    """The accuracy on the images for the test, which no search sees, after training with another seed."""
    model, optimizer = begin(arch, seed)
    for _ in range(EPOCHS):
        train_epoch(model, optimizer)
    return accuracy(model, TEST)
