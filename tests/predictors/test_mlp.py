"""Batched perceptrons against networks written with torch and autograd."""

import math

import numpy as np
import pytest
import torch

from archbo.encodings import OneHotEncoding, OpCountEncoding
from archbo.predictors.bayesian_networks.mlp import (
    BatchedMLP,
    StandardFeatures,
    WeightPrior,
    WhiteNetwork,
)
from archbo.spaces import EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
GROUPS = (0, 0, 1, 1, 1, 2)
HIDDEN = pytest.mark.parametrize("hidden", [(4,), (5, 3), (3, 4, 2)], ids=str)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def inputs(n=7, seed=1):
    X = normal(n, len(GROUPS), seed=seed)
    X[:, -1] = 1
    return X


def by_torch(layers, X):
    """One network: what its last layer passes on, ``n x (units + 1)``."""
    values = X
    for layer in layers:
        values = torch.tanh(values @ layer.T)
        values = torch.cat([values, torch.ones_like(values[:, :1])], 1)
    return values


@HIDDEN
def test_forward_and_backward_are_those_of_each_network_by_itself(hidden):
    net, X = BatchedMLP(len(GROUPS), hidden), inputs()
    weights, grad = normal(3, net.n_parameters), normal(3, hidden[-1], len(X), seed=2)
    layers = net.layers(weights)
    passed = net.forward(layers, X)
    found = net.backward(layers, passed, grad, X)
    for index in range(3):
        own = [torch.tensor(layer[index], requires_grad=True) for layer in layers]
        top = by_torch(own, torch.tensor(X))
        np.testing.assert_allclose(passed[-1][index].T, top.detach(), rtol=1e-5, atol=1e-6)
        (top[:, :-1].T * torch.tensor(grad[index])).sum().backward()
        for layer, by_layer in zip(own, found, strict=True):
            np.testing.assert_allclose(by_layer[index], layer.grad, rtol=1e-4, atol=1e-5)


@HIDDEN
def test_networks_may_have_inputs_of_their_own(hidden):
    net = BatchedMLP(len(GROUPS), hidden)
    layers = net.layers(normal(2, net.n_parameters))
    X, grad = np.stack([inputs(seed=3), inputs(seed=4)]), normal(2, hidden[-1], 7, seed=2)
    passed = net.forward(layers, X)
    found = net.backward(layers, passed, grad, X)
    for index in range(2):
        own = [layer[index : index + 1] for layer in layers]
        alone = net.forward(own, X[index])
        np.testing.assert_allclose(passed[-1][index], alone[-1][0], rtol=1e-5, atol=1e-6)
        grads = net.backward(own, alone, grad[index : index + 1], X[index])
        for one, all_ in zip(grads, found, strict=True):
            np.testing.assert_allclose(all_[index], one[0], rtol=1e-4, atol=1e-5)


def test_features_have_unit_variance_by_group_whatever_is_observed():
    encoding = OneHotEncoding(NB201) + OpCountEncoding(NB201)
    features = StandardFeatures(encoding)
    X = NB201.enumerate()
    F, groups = features(X), np.array(features.groups)
    assert F.dtype == np.float64
    assert F.shape == (len(X), encoding.n_features + 1)
    assert (F[:, -1] == 1).all()
    assert (groups[-1] == groups[:-1].max() + 1).all()
    for group in range(groups[-1]):
        # The scales come from a sample of 512 rows.
        assert F[:, groups == group].var(0).sum() == pytest.approx(1, rel=0.2)
        assert np.abs(F[:, groups == group].mean(0)).max() < 0.2
    single = features(X[:3].float())
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, F[:3].astype(np.float32))


def test_arguments_of_tanh_have_unit_variance_a_priori():
    net = BatchedMLP(len(GROUPS), (400, 300))
    prior = WeightPrior(net, GROUPS)
    layers, _ = prior.forward(
        normal(20, net.n_parameters), np.zeros((20, prior.n_scales), np.float32)
    )
    X = inputs(n=200)
    # Unit variance in total for each group, as of standardised features.
    X[:, :2] /= math.sqrt(2)
    X[:, 2:5] /= math.sqrt(3)
    first = layers[0][:, :, :-1] @ X[:, :-1].T
    assert first.var() == pytest.approx(1, rel=0.1)
    assert layers[0][:, :, -1].std() == pytest.approx(1, rel=0.1)
    passed = net.forward(layers, X)
    second = layers[1][:, :, :-1] @ passed[0][:, :-1]
    assert 0.5 < second.var() < 1.5


def output_by_torch(network, position, X):
    """The output of one network (``n``) from a position (``p``), by the formula of its docstring."""
    parts, start = [], 0
    for units, width in network.net.shapes:
        parts.append(position[start : start + units * width].reshape(units, width))
        start += units * width
    t, t_0, v = (
        position[start : network.scales.stop - 1],
        *position[network.scales.stop - 1 :].split([1, len(position) - network.scales.stop]),
    )
    scale = torch.cat([torch.full((2,), -0.5 * math.log(2)), torch.zeros(1)])
    width = torch.tensor([1.0, 1.0, 0.3])
    layers = [parts[0] * (scale + width * t[:3]).exp()[list(GROUPS)]]
    for index, part in enumerate(parts[1:]):
        units, constant = t[3 + 2 * index], t[4 + 2 * index]
        mean = -0.5 * math.log((part.shape[1] - 1) / 2)
        factors = torch.cat(
            [(mean + 0.3 * units).exp().expand(part.shape[1] - 1), (0.3 * constant).exp()[None]]
        )
        layers.append(part * factors)
    top = by_torch(layers, X)[:, :-1]
    return v[-1] + (0.5 * t_0).exp() / math.sqrt(top.shape[1]) * top @ v[:-1]


@HIDDEN
def test_white_network_is_its_formula_and_its_pullback_autograd(hidden):
    network, X = WhiteNetwork(GROUPS, hidden), inputs()
    position, grad = normal(2, network.n_parameters), normal(2, len(X), seed=5)
    values, pullback = network.value_and_pullback(position, X)
    found = pullback(grad)
    weights, output = network.weights(position)
    top = network.net.forward(network.net.layers(weights), X)[-1]
    np.testing.assert_allclose((output[:, None] @ top)[:, 0], values, rtol=1e-4, atol=1e-5)
    for index in range(2):
        own = torch.tensor(position[index], requires_grad=True)
        expected = output_by_torch(network, own, torch.tensor(X))
        np.testing.assert_allclose(values[index], expected.detach(), rtol=1e-4, atol=1e-5)
        expected.backward(torch.tensor(grad[index]))
        np.testing.assert_allclose(found[index], own.grad, rtol=1e-3, atol=1e-4)


def test_standard_deviations_are_what_weights_are_multiples_of():
    network = WhiteNetwork(GROUPS, (4, 3))
    position = normal(2, network.n_parameters)
    weights, output = network.weights(position)
    white = np.delete(position, np.r_[network.scales], 1)
    np.testing.assert_allclose(
        white * network.standard_deviations(position),
        np.concatenate([weights, output], 1),
        rtol=1e-5,
    )
