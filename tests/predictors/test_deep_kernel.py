"""Deep kernel learning against its definition."""

import numpy as np
import torch
from scipy.spatial.distance import cdist

from archbo.encodings import OneHotEncoding, PathEncoding
from archbo.predictors.gaussian_processes.deep_kernel import DeepKernel, DeepKernelGP
from archbo.spaces import EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def data(n=40):
    X = NB201.distinct(NB201.sample(2 * n, generator=seeded()))[:n]
    paths = PathEncoding(NB201, counts=True, semantic=True)(X)
    weights = torch.rand(paths.shape[1], generator=seeded(), dtype=torch.double)
    return X, paths @ weights


def test_kernel_is_a_matern_of_features_and_network():
    encoding = OneHotEncoding(NB201)
    kernel = DeepKernel.for_encoding(encoding)
    kernel.draw(seeded(1))
    with torch.no_grad():
        kernel.log_scale.fill_(0.7)
    x, y = encoding(NB201.sample(12, generator=seeded(2))).reshape(2, 6, -1).numpy()
    weight = np.sqrt(np.exp(kernel.log_weight.detach().numpy()))[list(encoding.groups)]
    A, b, C = (parameter.detach().numpy() for parameter in kernel.network)

    def network(z):
        return np.exp(0.7) * np.tanh(z * weight @ A + b) @ C / np.sqrt(C.size)

    square = cdist(x * weight, y * weight) ** 2 + cdist(network(x), network(y)) ** 2
    r = np.sqrt(5 * square)
    with torch.no_grad():
        got = kernel(torch.tensor(x), torch.tensor(y)).to_dense()
    np.testing.assert_allclose(got, (1 + r + r**2 / 3) * np.exp(-r), rtol=1e-6)


def test_network_is_drawn_from_its_prior_by_the_seed():
    kernel = DeepKernel.for_encoding(PathEncoding(NB201, counts=True))
    kernel.draw(seeded(3))
    first = [weight.clone() for weight in kernel.network]
    values = torch.cat([weight.flatten() for weight in first])
    assert abs(values.mean()) < 0.1
    assert abs(values.std() - 1) < 0.1
    kernel.draw(seeded(4))
    assert not any(a.equal(b) for a, b in zip(first, kernel.network, strict=True))
    kernel.draw(seeded(3))
    assert all(a.equal(b) for a, b in zip(first, kernel.network, strict=True))


def test_network_is_trained_on_every_other_observation():
    X, Y = data()
    other = Y.clone()
    other[1::2] = Y[1::2].flip(0)
    # With standardised values the first half's scale must stay, and it does: the values are the same.
    networks = []
    for values in (Y, other):
        gp = DeepKernelGP(NB201).fit(X, values, seed=0)
        networks.append([weight.clone() for weight in gp.model.covar_module.base_kernel.network])
    assert all(a.equal(b) for a, b in zip(*networks, strict=True))
    drawn = DeepKernel.for_encoding(gp.encoding)
    drawn.draw(seeded(0))
    assert not any(a.equal(b) for a, b in zip(networks[0], drawn.network, strict=True))


def test_seeds_give_different_fits():
    X, Y = data()
    first, second = (DeepKernelGP(NB201).fit(X, Y, seed=seed).predict(X)[0] for seed in (0, 1))
    assert not first.equal(second)


def test_intervals_hold_what_they_promise():
    X, Y = data(400)
    noisy = Y + 0.3 * torch.randn(len(Y), generator=seeded(5), dtype=torch.double)
    mean, std = DeepKernelGP(NB201).fit(X[:80], noisy[:80], seed=0).predict(X[80:])
    inside = ((mean - noisy[80:]).abs() < 1.645 * std).double().mean()
    assert 0.75 < inside < 0.99
    assert torch.corrcoef(torch.stack([mean, noisy[80:]]))[0, 1] > 0.7
