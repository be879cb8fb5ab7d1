"""Trains a small convolutional network of one's own on scikit-learn's digits: 8 x 8 pixels, 10 classes."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from archbo import Arch

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
EPOCHS, BATCH = 20, 50
TRAINING, VALIDATION, TEST = slice(0, 500), slice(500, 1000), slice(1000, None)


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


def train(arch: Arch, seed: int) -> nn.Module:
    """The network of an architecture, trained; the seed is that of its weights and of the batches."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    images, classes = (part[TRAINING] for part in digits())
    model = build(arch)
    optimizer = torch.optim.Adam(model.parameters(), lr=arch["learning_rate"])
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            cross_entropy(model(images[batch]), classes[batch]).backward()
            optimizer.step()
    return model.eval()


def accuracy(model: nn.Module, part: slice) -> float:
    """The percentage of a part of the images that is classified correctly."""
    images, classes = (each[part] for each in digits())
    with torch.no_grad():
        return 100 * float((model(images).argmax(-1) == classes).double().mean())


def evaluate(arch: Arch) -> float:
    """What a search maximises: the accuracy on the images for validation."""
    return accuracy(train(arch, seed=0), VALIDATION)


def test(arch: Arch, seed: int) -> float:
    """The accuracy on the images for the test, which no search sees, after training with another seed."""
    return accuracy(train(arch, seed), TEST)
