"""The mixer of zero-cost proxies against its definition, its members one by one, and what it may not know."""

from functools import partial

import pytest
import torch
from scipy.stats import kendalltau
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import layer_norm, silu

from archbo import catalog
from archbo.encodings import OneHotEncoding
from archbo.errors import NumericalWarning, UsageError
from archbo.predictors.base import marginals
from archbo.predictors.ranking.losses import diff_kendall, mse
from archbo.predictors.ranking.rankers import train
from archbo.predictors.ranking.zero_cost_mixer import (
    MixerInputs,
    MixerNetwork,
    VariationalLinear,
    ZeroCostMixer,
)
from archbo.proxies import ProxyTable, shipped
from archbo.spaces import CategoricalSpace, DartsSpace, EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
TOY = CategoricalSpace("toy", {"stem": [1, 2, 3], "body": [1, 2, 3], "head": [1, 2, 3]})
T, F, D, H = 4, 3, 2, 6


def generators(n, seed=0):
    return [torch.Generator().manual_seed(100 * seed + index) for index in range(n)]


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def inputs_of(n=9):
    return MixerInputs(random(n, T, F), random(n, D, seed=1))


def network(n_members=3, **options):
    made = MixerNetwork(generators(n_members), T, F, n_flat=D, hidden=H, n_blocks=2, **options)
    with torch.no_grad():  # also what starts at zero
        for index, parameter in enumerate(made.parameters()):
            parameter += 0.1 * random(*parameter.shape, seed=index)
    return made.eval()


def toy_table(order=None, scale=1.0):
    """Parts that say how large a choice is, in each row those of decisions in the order given."""
    X = TOY.enumerate()
    parts = torch.stack([X + 1, (X - 1) * torch.tensor([1.0, 2.0, 3.0])], -1)
    parts = parts if order is None else parts[:, order]
    names = {"names": ["size", "other"], "node_names": ["size", "other"]}
    return ProxyTable(TOY, X, scale * random(len(X), 2), nodes=parts, **names)


def quick(space, proxies=None, **options):
    return ZeroCostMixer(space, proxies=proxies, **{"n_members": 6, "n_epochs": 10} | options)


def toy_data(n=20, seed=0):
    X = TOY.enumerate()
    X = X[torch.randperm(len(X), generator=torch.Generator().manual_seed(seed))[:n]]
    return X, X @ torch.tensor([3.0, 1.0, -2.0], dtype=torch.double)


# Weights that are Gaussians.


def linear(*shape):
    layer = VariationalLinear(generators(2), *shape, std=0.7)
    with torch.no_grad():
        layer.log_ratio += 0.5 * random(2, *shape)
    return layer


@pytest.mark.parametrize("shape", [(3, 4), (5, 3, 4)])
def test_divergence_is_that_of_independent_gaussians(shape):
    layer = linear(*shape)
    weights = Normal(layer.mean, layer.std * layer.log_ratio.exp())
    wanted = kl_divergence(weights, Normal(0.0, layer.std)).sum()
    torch.testing.assert_close(layer.divergence(), wanted)
    assert layer.mean.shape == (2, *shape)


def test_outputs_in_training_are_those_of_random_weights():
    """Drawn anew for each batch, and shared by what is in it."""
    layer, x, n = linear(3, 2), random(2, 2, 3), 4000
    with torch.no_grad():
        y = torch.stack([layer(x) for _ in range(n)])
    deviation = layer.std * layer.log_ratio.detach().exp()
    mean = x @ layer.mean.detach()
    covariance = torch.einsum("sbi,sio,sci->sobc", x, deviation**2, x)
    variance = covariance.diagonal(dim1=-2, dim2=-1).mT
    assert ((y.mean(0) - mean).abs() < 4 * (variance / n).sqrt()).all()
    residual = y - mean
    found = torch.einsum("nsbo,nsco->sobc", residual, residual) / n
    scale = (variance.mT.unsqueeze(-1) * variance.mT.unsqueeze(-2)).sqrt()
    assert ((found - covariance).abs() < 6 * scale / n**0.5).all()


def test_after_training_weights_are_their_means():
    layer, x = linear(3, 2).eval(), random(2, 5, 3)
    assert layer(x).equal(x @ layer.mean)


# The network.


def test_features_are_those_of_an_mlp_mixer():
    """Written for one architecture and one member."""
    net, (nodes, flat) = network(), inputs_of()

    def weights(layer, member):
        return layer.mean[member]

    def perceptron(parts, member, x):
        return silu(x @ weights(parts.first, member)) @ weights(parts.second, member)

    with torch.no_grad():
        found = net.features(MixerInputs(nodes, flat))
        for member in range(3):
            for arch in range(len(nodes)):
                embedding = weights(net.embedding, member)
                x = torch.stack([nodes[arch, t] @ embedding[t] for t in range(T)])
                parts = [x.mean(0)]
                for across_nodes, across_channels in zip(
                    net.across_nodes, net.across_channels, strict=True
                ):
                    x = x + perceptron(across_nodes, member, layer_norm(x, (H,)).T).T
                    x = x + perceptron(across_channels, member, layer_norm(x, (H,)))
                    parts.append(x.mean(0))
                wanted = torch.cat([*parts, x.flatten(), flat[arch]])
                torch.testing.assert_close(found[member, arch], wanted)


def test_architectures_do_not_know_of_each_other():
    net, inputs = network(), inputs_of()
    net.standardise(inputs)
    with torch.no_grad():
        together = net(inputs)
        one_by_one = [net([part[n : n + 1] for part in inputs]) for n in range(9)]
        index = torch.stack([torch.arange(5), torch.arange(4, 9), torch.arange(2, 7)])
        own = net([part[index] for part in inputs])
    torch.testing.assert_close(torch.cat(one_by_one, -1), together)
    torch.testing.assert_close(own, together.gather(1, index))


def test_decisions_are_told_apart():
    net, (nodes, flat) = network(), inputs_of()
    with torch.no_grad():
        moved = net(MixerInputs(nodes[:, [1, 0, 2, 3]], flat)) - net(MixerInputs(nodes, flat))
    assert (moved.abs() > 1e-3).all()


def test_penalty_is_the_divergence_of_all_weights_but_the_read_outs():
    net = network(temperature=3.0)
    layers = [net.embedding]
    for block in (*net.across_nodes, *net.across_channels):
        layers += [block.first, block.second]
    wanted = 3.0 * sum(layer.divergence() for layer in layers)
    for n in (1, 10, 40):
        torch.testing.assert_close(net.penalty(n), wanted / (n + 50) ** 2)


def trained(held_out, Z, inputs, members=slice(None), loss=diff_kendall):
    net = MixerNetwork(generators(4)[members], T, F, n_flat=D, hidden=H)
    net.standardise(inputs)
    train(net, inputs, Z, held_out[members], loss=loss, n_epochs=6, learning_rate=0.02)
    with torch.no_grad():
        return net(inputs)


@pytest.fixture
def task():
    inputs, held_out = inputs_of(16), torch.arange(16) % 4 == torch.arange(4).unsqueeze(-1)
    return held_out, inputs.nodes[:, 0, 0] + inputs.flat[:, 0], inputs


@pytest.mark.parametrize("loss", [mse, diff_kendall])
def test_members_trained_together_are_members_trained_alone(task, loss):
    together = trained(*task, loss=loss)
    assert (together[0] - together[1]).abs().max() > 0.01
    for member in range(4):
        alone = trained(*task, members=slice(member, member + 1), loss=loss)
        torch.testing.assert_close(alone[0], together[member], rtol=1e-3, atol=1e-3)


def test_a_member_never_sees_what_is_held_out(task):
    held_out, Z, inputs = task
    before = trained(held_out, Z, inputs)
    after = trained(held_out, torch.where(held_out[0], Z.flip(0), Z), inputs)
    assert after[0].equal(before[0])
    assert ((after - before)[1:].abs().amax(-1) > 1e-3).all()


# What a mixer sees.


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("pooled", [False, True])
def test_inputs_are_parts_operations_and_scores(alone, pooled):
    table, (X, Y) = toy_table(), toy_data()
    encoding = None if alone else OneHotEncoding(TOY)
    options = {"encoding": encoding, "alone": alone, "pooled": pooled, "n_epochs": 1}
    mixer = quick(TOY, table, **options).fit(X, Y, seed=0)
    nodes, flat = mixer.model.inputs(X)
    parts = [table.node_ranks(X), torch.ones(len(X), 3, 1)]
    parts += [] if alone else [torch.nn.functional.one_hot(X.long(), 3)]
    wanted = torch.cat([part.double() for part in parts], -1)
    torch.testing.assert_close(nodes, wanted.mean(1, keepdim=True) if pooled else wanted)
    beside = torch.cat([OneHotEncoding(TOY)(X), table.ranks(X)], -1)
    standard = (beside - beside.mean(0)) / beside.std(0, correction=0)
    torch.testing.assert_close(flat, torch.zeros(len(X), 0).double() if alone else standard)


def test_an_encoding_that_would_not_be_seen_is_refused():
    with pytest.raises(UsageError, match=r"alone .* give no encoding"):
        quick(TOY, toy_table(), alone=True, encoding=OneHotEncoding(TOY))


def test_scores_that_are_left_out_are_not_seen():
    X, Y = toy_data()
    for alone in (False, True):
        tables = [toy_table(scale=scale) for scale in (1.0, -1.0)]
        first, second = (
            quick(TOY, table, alone=alone).fit(X, Y, seed=0).predict(X)[0] for table in tables
        )
        assert first.equal(second) is alone


def test_operations_that_are_left_out_are_not_seen():
    """Rows whose parts are the same are then the same."""
    X = TOY.enumerate()
    parts = X[:, [0, 1, 1]].unsqueeze(-1)  # the head's are the body's
    table = ProxyTable(TOY, X, parts.sum(1), ["size"], nodes=parts, node_names=["size"])
    _, Y = toy_data()
    for alone in (False, True):
        mixer = quick(TOY, table, alone=alone).fit(toy_data()[0], Y, seed=0)
        by_head = mixer.predict(X)[0].reshape(9, 3)
        difference = by_head.amax(-1) - by_head.amin(-1)
        assert (difference < 1e-9).all() if alone else (difference > 1e-3).all()


@pytest.mark.parametrize("pooled", [False, True])
def test_decisions_that_are_pooled_are_not_told_apart(pooled):
    X, Y = toy_data()
    make = partial(quick, TOY, alone=True, pooled=pooled)
    mixer, other = make(toy_table()).fit(X, Y, seed=0), make(toy_table([2, 0, 1]))
    other.load_state_dict(mixer.state_dict())
    means = [predictor.predict(TOY.enumerate())[0] for predictor in (mixer, other)]
    assert (means[0] - means[1]).abs().max() < 1e-9 if pooled else not means[0].allclose(means[1])


@pytest.fixture(scope="module")
def cells():
    """Cells of NAS-Bench-201 and a value made of the parts of two positions."""
    X = NB201.sample(160, generator=torch.Generator().manual_seed(0))
    parts = shipped(NB201).node_ranks(X)[..., shipped(NB201).node_names.index("snip")]
    return X, 70 + 10 * parts[:, 0] + 5 * parts[:, 5]


@pytest.fixture(scope="module")
def fitted(cells):
    X, Y = cells
    return quick(NB201, n_epochs=40).fit(X[:80], Y[:80], seed=0)


def test_it_learns_which_positions_count(cells, fitted):
    X, Y = cells
    pooled = quick(NB201, pooled=True, alone=True, n_epochs=40).fit(X[:80], Y[:80], seed=0)
    found, without = (
        kendalltau(mixer.predict(X[80:])[0].numpy(), Y[80:].numpy()).statistic
        for mixer in (fitted, pooled)
    )
    assert found > 0.7
    assert found > without + 0.1


def test_what_cannot_be_reached_does_not_count(fitted):
    X = NB201.sample(300, generator=torch.Generator().manual_seed(1))
    twins = NB201.canonical(X)
    assert (twins != X).any(-1).sum() > 50
    torch.testing.assert_close(fitted.predict(X), fitted.predict(twins))


def test_seed_is_all_that_is_random(cells):
    X, Y = cells
    means = []
    for seed, global_seed in [(3, 1), (3, 2), (4, 1)]:
        torch.manual_seed(global_seed)
        state = torch.get_rng_state()
        mixer = quick(NB201).fit(X[:20], Y[:20], seed=seed)
        means.append(mixer.predict(X)[0])
        assert torch.get_rng_state().equal(state)
    assert means[0].equal(means[1])
    assert not means[0].equal(means[2])


def test_state_round_trips_with_features_beside(cells):
    X, Y = cells
    make = partial(quick, NB201, encoding=OneHotEncoding(NB201), n_blocks=2)
    mixer, other = make().fit(X[:20], Y[:20], seed=0), make()
    other.load_state_dict(mixer.state_dict())
    assert torch.stack(other.predict(X)).equal(torch.stack(mixer.predict(X)))


# What it says of positions.


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("options", [{}, {"alone": True, "n_blocks": 2}], ids=["plain", "other"])
def test_attributions_are_slopes_times_distances(monkeypatch, pooled, options):
    X, Y = toy_data()
    mixer = quick(TOY, toy_table(), pooled=pooled, **options).fit(X, Y, seed=0)
    model, fresh, step = mixer.model, TOY.enumerate()[::3], 1e-6
    found = mixer.attributions(fresh)
    nodes, flat = model.inputs(fresh)
    assert found.shape == (9, 1 if pooled else 3, 2)
    away = nodes - model.inputs(X).nodes.mean(0)
    for place in range(found.shape[1]):
        for number in range(2):
            means = []
            for sign in (1, -1):
                moved = nodes.clone()
                moved[:, place, number] += sign * step
                monkeypatch.setattr(model, "inputs", lambda _, m=moved: MixerInputs(m, flat))
                means.append(marginals(mixer.latent, fresh)[0])
            slope = (means[0] - means[1]) / (2 * step)
            wanted = slope * away[:, place, number]
            torch.testing.assert_close(found[:, place, number], wanted, rtol=1e-4, atol=1e-6)
    assert found.abs().amax((0, 1)).gt(1e-3).all()


def test_without_a_fit_there_is_nothing_to_attribute():
    X, Y = toy_data()
    mixer = quick(TOY, toy_table())
    with pytest.raises(UsageError, match="not fitted yet"):
        mixer.attributions(X)
    with pytest.warns(NumericalWarning, match="3 observations are too few"):
        mixer.fit(X[:3], Y[:3], seed=0)
    with pytest.raises(UsageError, match="nothing to attribute"):
        mixer.attributions(X)


# Where proxies come from.


def test_names_take_the_proxies_given_where_they_have_parts():
    X = NB201.enumerate()
    parts = {"nodes": X.unsqueeze(-1), "node_names": ["snip"]}
    for options in ({}, parts):
        table = ProxyTable(NB201, X, X.sum(-1, keepdim=True), ["total"], **options)
        mixer = catalog.predictor("mixer", NB201, proxies=table)
        assert mixer.nodes.proxies is (table if options else shipped(NB201))


def test_spaces_without_parts_are_refused_in_a_line_that_helps():
    with pytest.raises(UsageError, match=r"no proxies of darts; give some as proxies="):
        ZeroCostMixer(DartsSpace())
    X = TOY.enumerate()
    with pytest.raises(UsageError, match="toy have no parts by decision; compute some with nodes"):
        ZeroCostMixer(TOY, proxies=ProxyTable(TOY, X, X[:, :1], ["total"]))
    with pytest.raises(UsageError, match="proxies are of toy, not of nb201"):
        ZeroCostMixer(NB201, proxies=toy_table())
