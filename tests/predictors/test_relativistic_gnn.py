"""The graph network against torch-geometric, against its members one by one, and against what it may not know."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from archbo.encodings import OneHotEncoding
from archbo.encodings.pyg import cell_costs, semantic_graphs, to_pyg
from archbo.errors import UsageError
from archbo.predictors.ranking.graph_network import (
    AttentionPooling,
    GraphInputs,
    GraphNetwork,
    MeanPooling,
    SagPooling,
    SumPooling,
)
from archbo.predictors.ranking.losses import diff_kendall, hinge, list_mle, logistic, mse
from archbo.predictors.ranking.rankers import interpolate, train
from archbo.predictors.ranking.relativistic_gnn import RelativisticGNN
from archbo.spaces import CategoricalSpace, DartsSpace, EdgeCellSpace, NodeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
NB101 = NodeCellSpace.nas_bench_101()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
SPACES = {"nb201": NB201, "nb101": NB101, "darts": DartsSpace(), "toy": TOY}
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
POOLINGS = {
    "sum": SumPooling,
    "mean": MeanPooling,
    "attention": AttentionPooling,
    "sag": SagPooling,
}
every_pooling = pytest.mark.parametrize("pooling", POOLINGS.values(), ids=POOLINGS)
H = 6


def generators(n, seed=0):
    return [torch.Generator().manual_seed(100 * seed + index) for index in range(n)]


def rows(space, n=12, seed=0):
    return space.sample(n, generator=torch.Generator().manual_seed(seed))


def inputs_of(space, X):
    nothing = torch.zeros(*X.shape[:1], space.template.n_nodes, 0, dtype=torch.double)
    n_labels = len(space.template.op_names)
    return GraphInputs.of(semantic_graphs(space, X), n_labels, nothing, X.new_empty(len(X), 0))


def network(space, n_members=3, seed=0, **options):
    options = {"hidden": H, "n_layers": 2} | options
    made = GraphNetwork(generators(n_members, seed), space.template, **options).eval()
    with torch.no_grad():  # also what starts at zero
        for index, parameter in enumerate(made.parameters()):
            parameter += 0.1 * torch.randn(
                parameter.shape, generator=torch.Generator().manual_seed(index)
            ).to(parameter)
    return made


def data(space, n=40, seed=0):
    """Values that depend on the operations on paths, as those of networks do."""
    generator = torch.Generator().manual_seed(seed)
    X = space.distinct(space.sample(6 * n, generator=generator))[:n]
    graphs = semantic_graphs(space, X)
    worth = torch.linspace(-1, 1, len(space.template.op_names), dtype=torch.double)
    Y = (worth[graphs.ops] * graphs.mask).sum(-1) + 0.1 * graphs.edges.sum((-1, -2))
    return X, 70 + 2 * Y.unsqueeze(-1)


def quick(space, **options):
    options = {"n_members": 6, "n_epochs": 30} | options
    return RelativisticGNN(space, **options)


# The network.


@every_space
def test_messages_are_those_of_torch_geometric(space):
    """Each layer as two sparse graph convolutions, one along the edges and one against them."""
    from torch_geometric.nn import GraphConv, global_add_pool

    X = rows(space)
    net, batch = network(space), to_pyg(space, X, semantic=True)
    with torch.no_grad():
        features = net.features(inputs_of(space, X))
    ends = torch.zeros(space.template.n_nodes, dtype=torch.bool)
    ends[list(space.template.outputs)] = True
    mask = semantic_graphs(space, X).mask
    at_output = ends.expand_as(mask)[mask]
    weight = batch.edge_weight.unsqueeze(-1)
    for member in range(3):
        with torch.no_grad():
            x = net.embedding[member][batch.op]
            parts = [global_add_pool(x, batch.batch), _outputs(x, at_output, mask, space)]
            for W, b in zip(net.weights, net.biases, strict=True):
                along, against = (GraphConv(H, H, bias=False).double() for _ in range(2))
                own, forward, backward = W[member].split(H)
                along.lin_rel.weight.copy_(forward.T)
                along.lin_root.weight.copy_(own.T)
                against.lin_rel.weight.copy_(backward.T)
                against.lin_root.weight.zero_()
                update = along(x, batch.edge_index, weight) + b[member]
                update = update + against(x, batch.edge_index.flip(0), weight)
                update = torch.nn.functional.layer_norm(update, (H,))
                x = x + update * torch.sigmoid(update)
                parts += [_outputs(x, at_output, mask, space), global_add_pool(x, batch.batch)]
        torch.testing.assert_close(features[member], torch.cat(parts, -1))


def _outputs(x, at_output, mask, space):
    """``n x (outputs h)``: what is at the outputs, zero where one is not reached."""
    filled = torch.zeros(*mask.shape, x.shape[-1], dtype=x.dtype)
    filled[mask] = x
    return filled[:, list(space.template.outputs)].flatten(1)


@every_space
@every_pooling
def test_members_do_not_know_of_each_other(space, pooling):
    X = rows(space)
    inputs, net = inputs_of(space, X), network(space, pooling=pooling)
    net.standardise(inputs)
    with torch.no_grad():
        together = net(inputs)
        assert together.shape == (3, len(X))
        for member in range(3):
            alone = network(space, 1, pooling=pooling)
            state = {name: value[member : member + 1] for name, value in net.state_dict().items()}
            alone.load_state_dict(state)
            torch.testing.assert_close(alone(inputs)[0], together[member])


@every_space
@every_pooling
def test_graphs_do_not_know_of_each_other(space, pooling):
    X = rows(space)
    net = network(space, pooling=pooling)
    with torch.no_grad():
        together = net(inputs_of(space, X))
        alone = torch.cat([net(inputs_of(space, row.unsqueeze(0))) for row in X], -1)
        index = torch.stack([torch.arange(5), torch.arange(5, 10), torch.arange(2, 7)])
        own = net(tuple(part[index] for part in inputs_of(space, X)))
    torch.testing.assert_close(alone, together)
    torch.testing.assert_close(own, together.gather(1, index))


@every_pooling
@pytest.mark.parametrize("seed", range(3))
def test_numbering_of_the_nodes_does_not_matter(pooling, seed):
    X = rows(NB201)
    inputs, net = inputs_of(NB201, X), network(NB201, pooling=pooling)
    order = 1 + torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    order = torch.cat([torch.tensor([0]), order, torch.tensor([7])])
    rows_of = (3 * order.unsqueeze(-1) + torch.arange(3)).flatten()
    moved = inputs._replace(
        around=inputs.around[:, rows_of][:, :, order],
        nodes=inputs.nodes[:, order],
        mask=inputs.mask[:, order],
    )
    with torch.no_grad():
        torch.testing.assert_close(net(moved), net(inputs))


def test_cells_that_compute_the_same_have_the_same_utility():
    conv, skip, none = "nor_conv_3x3", "skip_connect", "none"
    same = [
        f"|{conv}~0|+|{none}~0|{none}~1|+|{none}~0|{skip}~1|{none}~2|",
        f"|{none}~0|+|{conv}~0|{none}~1|+|{none}~0|{none}~1|{skip}~2|",
        f"|{none}~0|+|{none}~0|{conv}~1|+|{conv}~0|{conv}~1|{skip}~2|",
        f"|{skip}~0|+|{none}~0|{none}~1|+|{none}~0|{conv}~1|{none}~2|",
    ]
    other = f"|{conv}~0|+|{none}~0|{none}~1|+|{skip}~0|{skip}~1|{none}~2|"
    with torch.no_grad():
        u = network(NB201)(inputs_of(NB201, NB201.rows([*same, other])))
    torch.testing.assert_close(u[:, :4], u[:, :1].expand(3, 4))
    assert ((u[:, 4] - u[:, 0]).abs() > 1e-3).all()


def nodes_of(space, n=9):
    X = rows(space, n)
    inputs = inputs_of(space, X)
    x = torch.randn(2, n, space.template.n_nodes, H, generator=generators(1)[0]).double()
    edges, mask = (part.expand(2, *part.shape) for part in (inputs.edges, inputs.mask))
    return X, x * mask, edges, mask


@every_space
def test_plain_poolings_are_sums_and_means_over_nodes(space):
    _, x, edges, mask = nodes_of(space)
    for pooling, reduce in ((SumPooling, torch.sum), (MeanPooling, torch.mean)):
        pooled, _, _ = pooling(generators(2), H)(x, edges, mask)
        for member in range(2):
            for graph in range(len(mask[0])):
                there = mask[member, graph, :, 0] > 0
                wanted = reduce(x[member, graph, there], 0)
                torch.testing.assert_close(pooled[member, graph], wanted)


@every_space
def test_attention_pooling_is_torch_geometrics(space):
    from torch_geometric.nn import AttentionalAggregation

    X, x, edges, mask = nodes_of(space)
    pooling = AttentionPooling(generators(2), H)
    there, batch = mask[0, ..., 0] > 0, to_pyg(space, X, semantic=True).batch
    with torch.no_grad():
        pooled, _, _ = pooling(x, edges, mask)
        for member in range(2):
            gate = torch.nn.Linear(H, 1, bias=False).double()
            gate.weight.copy_(pooling.score[member].T)
            wanted = AttentionalAggregation(gate)(x[member][there], batch)
            torch.testing.assert_close(pooled[member], wanted)


@every_space
@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.8])
def test_hierarchical_pooling_is_torch_geometrics(space, ratio):
    from torch_geometric.nn import GraphConv, SAGPooling, global_add_pool

    X, x, edges, mask = nodes_of(space)
    pooling = SagPooling(generators(2), H, ratio=ratio)
    batch, there = to_pyg(space, X, semantic=True), mask[0, ..., 0] > 0
    weight = batch.edge_weight

    class Weighted(GraphConv):
        """With the multiplicity of edges, which SAGPooling does not hand on."""

        def forward(self, x, edge_index):
            return super().forward(x, edge_index, weight)

    with torch.no_grad():
        pooled, kept_x, kept = pooling(x, edges, mask)
        for member in range(2):
            theirs = SAGPooling(H, ratio, Weighted, bias=False).double()
            theirs.select.weight.fill_(1.0)
            theirs.gnn.lin_root.weight.copy_(pooling.own[member].T)
            theirs.gnn.lin_rel.weight.copy_(pooling.neighbour[member].T)
            theirs_x, _, _, theirs_batch, perm, _ = theirs(
                x[member][there], batch.edge_index, batch=batch.batch
            )
            wanted = global_add_pool(theirs_x, theirs_batch, len(X))
            torch.testing.assert_close(pooled[member], wanted)
            ours = kept[member, ..., 0][there].nonzero().flatten()
            assert ours.equal(perm.sort().values)
            torch.testing.assert_close(kept_x[member][there][perm], theirs_x)
    assert (kept.sum(-2) == (ratio * mask.sum(-2)).ceil()).all()


def test_readout_is_standardised():
    inputs, net = inputs_of(NB201, rows(NB201, 50)), network(NB201)
    net.standardise(inputs)
    with torch.no_grad():
        features = (net.features(inputs) - net.read_out.centre) / net.read_out.scale
    std = features.std(1)
    assert features.mean(1).abs().max() < 1e-9
    assert ((std - 1).abs() < 1e-9).logical_or(std < 1e-9).all()
    assert (std > 0.5).double().mean() > 0.9


# Training.


def trained(held_out, Z, inputs, members=slice(None), seed=0, loss=mse):
    net = GraphNetwork(generators(4, seed)[members], TOY.template, hidden=H, n_layers=2)
    net.standardise(inputs)
    train(net, inputs, Z, held_out[members], loss=loss, n_epochs=6, learning_rate=0.02)
    with torch.no_grad():
        return net(inputs)


@pytest.fixture
def task():
    X, Y = data(TOY, 16)
    held_out = torch.arange(16) % 4 == torch.arange(4).unsqueeze(-1)
    Z = (Y - Y.mean()) / Y.std()
    return held_out, Z.flatten(), inputs_of(TOY, X)


@pytest.mark.parametrize("loss", [mse, logistic, hinge, list_mle, diff_kendall])
def test_members_trained_together_are_members_trained_alone(task, loss):
    together = trained(*task, loss=loss)
    assert (together[0] - together[1]).abs().max() > 0.01
    for member in range(4):
        alone = trained(*task, members=slice(member, member + 1), loss=loss)
        torch.testing.assert_close(alone[0], together[member], rtol=1e-3, atol=1e-3)


def test_a_member_never_sees_what_is_held_out(task):
    held_out, Z, inputs = task
    before = trained(held_out, Z, inputs)
    for member in range(4):
        after = trained(held_out, torch.where(held_out[member], Z.flip(0), Z), inputs)
        assert after[member].equal(before[member])
        others = [other for other in range(4) if other != member]
        assert ((after - before)[others].abs().amax(-1) > 1e-3).all()


def test_every_observation_is_held_out_by_three_members():
    from archbo.predictors.ranking.rankers import _folds

    for n, n_members in [(5, 12), (23, 12), (8, 6), (100, 9)]:
        held_out, n_folds = _folds(n, n_members, 0), n_members // 3
        assert held_out.shape == (n_members, n)
        assert (held_out.sum(0) == 3).all()
        assert held_out.sum(1).min() >= n // n_folds
        assert held_out.sum(1).max() <= math.ceil(n / n_folds)


@pytest.mark.parametrize(
    "loss",
    [mse, hinge, logistic, partial(logistic, temperature=0.3), list_mle, diff_kendall],
    ids=["mse", "hinge", "logistic", "warm-logistic", "list", "kendall"],
)
def test_every_loss_learns_the_order_and_the_unit(loss):
    X, Y = data(NB201, 100)
    gnn = quick(NB201, loss=loss).fit(X[:60], Y[:60], seed=0)
    mean, std = gnn.predict(X[60:])
    truth = Y[60:].flatten()
    assert spearmanr(mean.numpy(), truth.numpy()).statistic > 0.7
    assert (mean - truth).abs().mean() < 0.6 * (truth - truth.mean()).abs().mean()
    assert ((mean - truth).abs() < 1.645 * std).double().mean() > 0.6


@every_pooling
def test_every_pooling_learns_the_order(pooling):
    X, Y = data(NB201, 100)
    gnn = quick(NB201, pooling=pooling).fit(X[:60], Y[:60], seed=0)
    rank = spearmanr(gnn.predict(X[60:])[0].numpy(), Y[60:].flatten().numpy()).statistic
    assert rank > 0.7


@pytest.mark.parametrize("loss", [hinge, logistic])
@pytest.mark.parametrize("n", [6, 40])
def test_calibration_keeps_the_order_of_utilities(loss, n):
    gnn = quick(NB201, loss=loss).fit(*data(NB201, n), seed=0)
    X, model = rows(NB201, 100), gnn.model
    assert (model.knots.diff() > 0).all()
    assert (model.levels.diff() > 0).all()
    utilities = model.utilities(model.inputs(X))
    values = model.members(X)
    for u, v, knots, levels in zip(utilities, values, model.knots, model.levels, strict=True):
        assert ((u - u.unsqueeze(-1)) * (v - v.unsqueeze(-1)) >= 0).all()
        inside = (u > knots[0]) & (u < knots[-1])
        wanted = np.interp(u[inside].numpy(), knots.numpy(), levels.numpy())
        np.testing.assert_allclose(v[inside], wanted)


def test_maps_go_on_in_a_straight_line():
    knots, levels = torch.tensor([[0.0, 1.0, 3.0]]), torch.tensor([[0.0, 2.0, 3.0]])
    x = torch.tensor([[-2.0, 0.0, 0.5, 1.0, 2.0, 3.0, 5.0]])
    wanted = torch.tensor([[-4.0, 0.0, 1.0, 2.0, 2.5, 3.0, 4.0]])
    torch.testing.assert_close(interpolate(x, knots, levels), wanted)


def test_calibration_does_not_depend_on_the_unit_of_the_utilities():
    X, Y = data(NB201, 40)
    gnn = quick(NB201).fit(X, Y, seed=0)
    model, Z = gnn.model, gnn.to_latent(Y).flatten()
    held_out = torch.arange(40) % 2 == torch.arange(6).remainder(2).unsqueeze(-1)
    inputs, fresh = model.inputs(X), rows(NB201)

    def calibrated():
        model.shrink.fill_(1.0)
        model.calibrate(inputs, Z, held_out)
        model.map_utilities(inputs, Z, torch.zeros_like(held_out))
        return model.members(fresh), model.shrink.clone(), model.spread.clone(), model.noise.clone()

    before = calibrated()
    with torch.no_grad():
        for part in (model.network.read_out.second, model.network.read_out.linear):
            part *= 7.0
    torch.testing.assert_close(calibrated(), before, rtol=1e-6, atol=1e-6)


def test_what_was_held_out_is_learned_at_last():
    """Members agree on what all of them have seen."""
    X, Y = data(NB201, 80)
    gnn = quick(NB201, n_epochs=60).fit(X[:30], Y[:30], seed=0)
    seen, unseen = (gnn.model.members(part) for part in (X[:30], X[30:]))
    assert seen.std(0).mean() < 0.7 * unseen.std(0).mean()


@pytest.mark.parametrize("n_members", [0, 3, 7])
def test_members_that_cannot_be_divided_are_refused(n_members):
    with pytest.raises(UsageError, match=f"{n_members} members .* multiple of 3, at least 6"):
        RelativisticGNN(TOY, n_members=n_members)


# The predictor.


def test_one_epoch_is_enough_to_fit():
    X, Y = data(TOY, 10)
    mean, _ = quick(TOY, n_epochs=1).fit(X, Y, seed=0).predict(X)
    assert len(mean.unique()) == 10


def test_seed_is_all_that_is_random():
    X, Y = data(NB201, 20)
    fresh = rows(NB201)
    torch.manual_seed(1)
    first = quick(NB201).fit(X, Y, seed=3).predict(fresh)[0]
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = quick(NB201).fit(X, Y, seed=3).predict(fresh)[0]
    assert torch.get_rng_state().equal(state)
    assert first.equal(second)
    assert not first.equal(quick(NB201).fit(X, Y, seed=4).predict(fresh)[0])


@pytest.mark.parametrize(
    "options",
    [
        {"node_features": cell_costs},
        {"encoding": OneHotEncoding(NB201)},
        {"node_features": cell_costs, "encoding": OneHotEncoding(NB201)},
    ],
    ids=["nodes", "flat", "both"],
)
@every_pooling
def test_state_round_trips_with_every_option(options, pooling):
    make = partial(quick, NB201, pooling=pooling, **options)
    gnn, other = make().fit(*data(NB201, 20), seed=0), make()
    other.load_state_dict(gnn.state_dict())
    X = rows(NB201)
    assert torch.stack(other.predict(X)).equal(torch.stack(gnn.predict(X)))


def test_flat_encoding_tells_isomorphic_cells_apart():
    X, Y = data(NB201, 40)
    twins = NB201.rows(
        [
            "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
            "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|",
        ]
    )
    plain, _ = quick(NB201).fit(X, Y, seed=0).predict(twins)
    told, _ = quick(NB201, encoding=OneHotEncoding(NB201)).fit(X, Y, seed=0).predict(twins)
    assert plain[0].item() == pytest.approx(plain[1].item(), abs=1e-9)
    assert abs(told[0] - told[1]) > 1e-3


def test_node_features_reach_the_utilities():
    X, Y = data(NB201, 20)
    plain = quick(NB201).fit(X, Y, seed=0)
    costly = quick(NB201, node_features=cell_costs).fit(X, Y, seed=0)
    before = costly.predict(X)[0]
    assert not before.allclose(plain.predict(X)[0])
    with torch.no_grad():
        costly.model.network.embedding[:, -2:] = 0.0
    assert (costly.predict(X)[0] - before).abs().max() > 1e-3
