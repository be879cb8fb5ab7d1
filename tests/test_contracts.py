"""What every space, encoding and predictor of the catalog keeps to."""

import io
import warnings
from functools import cache, partial
from itertools import product

import networkx as nx
import numpy as np
import pytest
import torch
from botorch.acquisition import LogExpectedImprovement, qLogExpectedImprovement
from botorch.models import SingleTaskGP
from botorch.optim import optimize_acqf_discrete
from botorch.sampling import SobolQMCNormalSampler

from archbo import GBDT, RelativisticGNN, catalog
from archbo.errors import InvalidArchitectureError, NumericalWarning, UsageError
from archbo.proxies import SHIPPED, ComputedProxies, ProxyTable, setup, shipped
from archbo.spaces import CategoricalSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
SPACES = {name: make() for name, make in catalog.SPACES.items()} | {"toy": TOY}
SOME_SPACES = {name: SPACES[name] for name in ("nb201", "nb101", "toy")}
DTYPES = (torch.float32, torch.float64)


def over(name, table):
    return pytest.mark.parametrize(name, table.values(), ids=table.keys())


@cache
def proxies_of(space):
    """Those that come with archbo, and for other spaces scores of very small networks, or numbers from the rows."""
    if space.name in SHIPPED:
        return shipped(space)
    if space is TOY:
        X = space.enumerate()
        return ProxyTable(
            space, X, X.cumsum(-1), space.columns, nodes=X.unsqueeze(-1), node_names=["size"]
        )
    small = setup(space)
    return ComputedProxies(
        space,
        small.inputs,
        small.targets,
        ["params", "l2_norm"],
        nodes=["l2_norm"],
        skeleton=small.skeleton,
        n_reference=20,
    )


def with_proxies(make):
    """Something of the catalog, on proxies that there are for every space."""
    return lambda space, *arguments: make(space, *arguments, proxies=proxies_of(space))


def on_every_space(table):
    """The entries of the catalog's table, those that take proxies with some."""
    takers = catalog.TAKE_PROXIES | catalog.TAKE_PARTS
    return {name: with_proxies(make) if name in takers else make for name, make in table.items()}


every_space = over("space", SPACES)
some_spaces = over("space", SOME_SPACES)
ENCODINGS = on_every_space(catalog.ENCODINGS)
every_encoding = over("make", ENCODINGS)
# Smaller than their defaults, so that a fit takes a moment.
SMALL: dict[str, dict[str, object]] = {
    "bnn-hmc": {"warmup": 30, "samples": 25},
    "sghmc": {"burn_in": 300, "steps": 300},
    "deep-ensemble": {"n_steps": 100},
    "laplace": {"n_steps": 100},
    "gnn": {"n_members": 6, "n_epochs": 20},
    "stack-gnn": {"parts": (GBDT, partial(RelativisticGNN, n_members=6, n_epochs=20))},
    "mixer": {"n_members": 6, "n_epochs": 100},
    "random-forest": {"n_trees": 30},
    # So that it is fitted at all; its own tests look at the few observations that it takes as they are.
    "proxy-gp": {"learn_after": 0},
}
PREDICTORS = on_every_space(
    {name: partial(make, **SMALL.get(name, {})) for name, make in catalog.PREDICTORS.items()}
)
every_predictor = over("make", PREDICTORS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(space, n=40, seed=0, dtype=torch.double):
    return space.sample(n, generator=seeded(seed), dtype=dtype)


def distinct_rows(space, n, seed=0, dtype=torch.double):
    return space.distinct(rows(space, 3 * n, seed, dtype))[:n]


# Spaces.


@every_space
def test_space_attributes_fit_together(space):
    assert len(space.columns) == len(set(space.columns)) == len(space.cardinalities)
    assert [len(choices) for choices in space.choice_names] == list(space.cardinalities)
    assert space.zero_ops | space.identity_ops <= set(space.op_names)
    assert not space.zero_ops & space.identity_ops
    assert set(space.op_names) <= set(space.template.op_names)


@every_space
def test_notation_round_trips(space):
    for row in rows(space, 100).int().tolist():
        text = space.format(row)
        assert space.parse(text) == tuple(row)
        assert "\n" not in text


@every_space
def test_rows_with_different_notation_differ(space):
    X = rows(space, 300).unique(dim=0)
    assert len({space.format(row) for row in X}) == len(X)


@every_space
@every_dtype
def test_sample_is_valid_and_follows_its_generator(space, dtype):
    X = rows(space, 30, seed=1, dtype=dtype)
    assert X.shape == (30, space.n_columns)
    assert X.dtype == dtype
    assert space.is_valid(X).all()
    assert X.equal(rows(space, 30, seed=1, dtype=dtype))
    assert not X.equal(rows(space, 30, seed=2, dtype=dtype))


@every_space
def test_sample_reaches_every_choice(space):
    X = rows(space, 1000)
    for column, cardinality in enumerate(space.cardinalities):
        assert X[:, column].unique().tolist() == list(range(cardinality))


@every_space
def test_neighbours_are_all_valid_rows_one_decision_away(space):
    for row in rows(space, 5):
        found = space.neighbours(row)
        assert found.dtype == row.dtype
        assert ((found != row).sum(-1) == 1).all()
        wanted = {
            (*row[:column].tolist(), float(value), *row[column + 1 :].tolist())
            for column, cardinality in enumerate(space.cardinalities)
            for value in range(cardinality)
        }
        wanted = {other for other in wanted if space.is_valid(torch.tensor([other])).item()}
        assert len(found) == len(wanted) - 1
        assert set(map(tuple, found.tolist())) == wanted - {tuple(row.tolist())}


@every_space
def test_mutate_changes_one_decision_and_follows_its_generator(space):
    X = rows(space, 200)
    before = X.clone()
    mutated = space.mutate(X, generator=seeded())
    changed = (mutated != X).sum(-1)
    assert X.equal(before)
    assert space.is_valid(mutated).all()
    assert (changed <= 1).all()
    assert changed.double().mean() > 0.9
    assert mutated.equal(space.mutate(X, generator=seeded()))
    assert not mutated.equal(space.mutate(X, generator=seeded(1)))


@every_space
def test_crossover_takes_each_decision_from_a_parent_and_follows_its_generator(space):
    X, Z = rows(space, 200), rows(space, 200, seed=1)
    before = X.clone()
    children = space.crossover(X, Z, generator=seeded())
    assert X.equal(before)
    assert space.is_valid(children).all()
    assert ((children == X) | (children == Z)).all()
    differ = X != Z
    share = (children == Z)[differ].double().mean()
    # Where a child is no architecture it takes less from the second parent.
    assert 0.05 < share < 0.55
    assert children.equal(space.crossover(X, Z, generator=seeded()))
    assert not children.equal(space.crossover(X, Z, generator=seeded(1)))


@every_space
@every_dtype
def test_canonical_rows_are_fixed_and_named_by_keys(space, dtype):
    X = rows(space, 150, dtype=dtype)
    X = torch.cat([X, space.mutate(X, generator=seeded())])
    C = space.canonical(X)
    keys = space.keys(X)
    assert C.dtype == dtype
    assert space.is_valid(C).all()
    assert space.canonical(C).equal(C)
    assert space.keys(C).equal(keys)
    assert keys.dtype == torch.int64
    same_rows = (C.unsqueeze(0) == C.unsqueeze(1)).all(-1)
    assert (keys.unsqueeze(0) == keys.unsqueeze(1)).equal(same_rows)
    assert space.ids(X) == (keys if space.folds else space.row_keys(X)).tolist()


@every_space
def test_graphs_are_acyclic_and_within_their_template(space):
    X = rows(space, 100)
    batch, template = space.graphs(X), space.template
    V = template.n_nodes
    assert len(batch) == 100
    assert batch.adjacency.shape == (100, V, V)
    assert batch.ops.shape == batch.mask.shape == (100, V)
    assert (batch.adjacency.dtype, batch.ops.dtype, batch.mask.dtype) == (
        torch.bool,
        torch.int64,
        torch.bool,
    )
    assert not batch.adjacency.tril().any()
    assert not (batch.adjacency & ~template.support).any()
    assert not (batch.adjacency & ~(batch.mask.unsqueeze(1) & batch.mask.unsqueeze(2))).any()
    assert ((batch.ops >= 0) & (batch.ops < len(template.op_names))).all()
    assert batch.mask[:, [*template.inputs, *template.outputs]].all()
    zeros = torch.tensor([op in space.zero_ops for op in template.op_names])
    assert not (zeros[batch.ops] & batch.mask).any()


@every_space
def test_whole_batch_is_row_by_row(space):
    X = rows(space, 20)
    batch = space.graphs(X)
    for index, row in enumerate(X):
        alone = space.graphs(row.unsqueeze(0))
        for field in ("adjacency", "ops", "mask"):
            assert getattr(alone, field)[0].equal(getattr(batch, field)[index])
        assert space.canonical(row.unsqueeze(0))[0].equal(space.canonical(X)[index])
        assert space.keys(row.unsqueeze(0))[0].equal(space.keys(X)[index])


@every_space
def test_connected_nodes_are_those_of_networkx(space):
    X = rows(space, 30)
    batch, template = space.graphs(X), space.template
    for row, connected in zip(X, batch.connected(), strict=True):
        graph = space.to_networkx(row)
        forward = set(template.inputs).union(*(nx.descendants(graph, n) for n in template.inputs))
        backward = set(template.outputs).union(*(nx.ancestors(graph, n) for n in template.outputs))
        assert set(connected.nonzero().flatten().tolist()) == forward & backward


@every_space
def test_networkx_graph_is_the_batch(space):
    for row in rows(space, 20):
        graph, batch = space.arch(row).to_networkx(), space.graphs(row.unsqueeze(0))
        assert nx.is_directed_acyclic_graph(graph)
        assert set(graph.edges) == set(map(tuple, batch.adjacency[0].nonzero().tolist()))
        ops = {
            n: space.template.op_names[batch.ops[0, n]]
            for n in batch.mask[0].nonzero().flatten().tolist()
        }
        assert dict(graph.nodes(data="op")) == ops


@every_space
def test_enumerate_lists_each_architecture_once(space):
    if not space.is_enumerable:
        with pytest.raises(UsageError, match=f"{space.name} has .* rows, too many to list"):
            space.enumerate()
        return
    if space.size > 200_000:
        pytest.skip("listed by the space's own tests")
    listed = space.enumerate(dtype=torch.float32)
    assert listed.dtype == torch.float32
    ids = space.ids(listed)
    everything = torch.tensor(list(product(*map(range, space.cardinalities))), dtype=torch.float)
    assert len(set(ids)) == len(ids)
    assert set(ids) == set(space.ids(everything[space.is_valid(everything)]))


@every_space
@pytest.mark.parametrize("bad", [-1.0, 0.5, 1000.0, float("nan"), float("inf")])
def test_bad_rows_are_named(space, bad):
    X = rows(space, 3)
    for column in (0, space.n_columns - 1):
        wrong = X.clone()
        wrong[1, column] = bad
        with pytest.raises(InvalidArchitectureError, match=f"^row 1 is no .* {space.name}"):
            space.check(wrong)
    with pytest.raises(InvalidArchitectureError, match=r"^row 0 "):
        space.arch(wrong[1])


@every_space
def test_choices_end_at_their_cardinality(space):
    X = rows(space, len(space.cardinalities))
    X.fill_diagonal_(0)
    X += torch.diag(torch.tensor(space.cardinalities, dtype=X.dtype))
    assert not space.is_valid(X).any()


@every_space
def test_rows_of_wrong_width_are_refused(space):
    X = rows(space, 3)
    for wrong in (X[:, 1:], torch.cat([X, X], -1), X[0], X.unsqueeze(0)):
        message = rf"have {space.n_columns} columns .*{space.columns[0]}.* shape \("
        with pytest.raises(InvalidArchitectureError, match=message):
            space.check(wrong)


@every_space
def test_an_architecture_is_the_same_in_every_form(space):
    X = rows(space, 10)
    archs = space.archs(X)
    for arch, row in zip(archs, X, strict=True):
        forms = (arch, str(arch), arch.row, list(arch.row), row, row.float(), row.long())
        assert {space.arch(form) for form in forms} == {arch}
    for forms in (archs, list(map(str, archs)), list(X), X, X.tolist(), X.long()):
        found = space.rows(forms)
        assert found.dtype == torch.double
        assert found.equal(X)
    assert space.rows([], dtype=torch.float).shape == (0, space.n_columns)
    assert space.rows(X, dtype=torch.float).dtype == torch.float


@every_space
def test_architectures_of_other_spaces_and_nonsense_are_refused(space):
    stranger = CategoricalSpace("stranger", {"a": [1, 2]}).arch((0,))
    with pytest.raises(InvalidArchitectureError, match="belongs to the space 'stranger'"):
        space.arch(stranger)
    for text in ("", "nonsense", "|||", "((", "\0"):
        with pytest.raises(InvalidArchitectureError) as caught:
            space.arch(text)
        assert "\n" not in str(caught.value)


def test_keys_of_a_huge_space_are_several_words_and_injective():
    space = CategoricalSpace("huge", {f"c{i}": range(2 + i % 5) for i in range(60)})
    assert space.size > 2**63
    X = rows(space, 50)
    X = torch.cat([X, *map(space.neighbours, X[:3])]).unique(dim=0)
    keys = space.row_keys(X)
    assert keys.ndim == 2
    assert keys.shape[1] > 1
    assert len(keys.unique(dim=0)) == len(X)
    assert len(set(space.ids(X))) == len(X)
    assert space.ids(X) == [tuple(key) for key in keys.tolist()]


# Encodings.


@every_encoding
@every_space
def test_encoding_describes_its_features(make, space):
    encoding = make(space)
    assert encoding.n_features == len(encoding.feature_names) == len(encoding.groups) > 0
    assert len(set(encoding.feature_names)) == encoding.n_features
    assert sorted(set(encoding.groups)) == list(range(max(encoding.groups) + 1))


@every_encoding
@every_space
@every_dtype
def test_encoding_is_row_wise(make, space, dtype):
    encoding, X = make(space), rows(space, 12, dtype=dtype)
    flat = encoding(X)
    assert flat.shape == (12, encoding.n_features)
    assert flat.dtype == dtype
    assert flat.isfinite().all()
    assert torch.stack([encoding(row.unsqueeze(0))[0] for row in X]).equal(flat)
    for shape in [(12, 1), (4, 3), (2, 3, 2)]:
        batch = encoding(X.reshape(*shape, -1))
        assert batch.equal(flat.reshape(*shape, -1))
    assert encoding(X[:0]).shape == (0, encoding.n_features)


@every_encoding
@every_space
def test_encoding_tells_rows_apart_only_if_they_differ(make, space):
    """Features depend on nothing but the row, and are not all the same."""
    encoding, X = make(space), rows(space, 60)
    features = encoding(X)
    assert len(features.unique(dim=0)) > 1
    assert encoding(X.flip(0)).flip(0).equal(features)


@every_encoding
@some_spaces
def test_encoding_remembers_what_it_has_seen(make, space):
    """Looked up, features are the same; and rows that were not remembered are encoded."""
    encoding, X = make(space), rows(space, 30)
    wanted = make(space)(X)
    encoding.remember(distinct_rows(space, 15))
    both = torch.cat([distinct_rows(space, 15).flip(0), X])
    assert encoding(both).equal(make(space)(both))
    assert encoding(X.reshape(10, 3, -1)).equal(wanted.reshape(10, 3, -1))
    assert encoding(X.float()).equal(make(space)(X.float()))
    assert encoding(X[:0]).shape == (0, encoding.n_features)


@every_encoding
@some_spaces
# Counts of paths are not in the unit cube; BoTorch warns for models that divide by a range.
@pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning")
def test_encoding_is_an_input_transform_of_botorch(make, space):
    X = distinct_rows(space, 8)
    Y = torch.randn(len(X), 1, generator=seeded(), dtype=torch.double)
    model = SingleTaskGP(X, Y, input_transform=make(space))
    posterior = model.posterior(rows(space, 6).reshape(3, 2, -1))
    assert posterior.mean.shape == (3, 2, 1)
    assert posterior.mean.isfinite().all()


@every_encoding
@some_spaces
def test_sum_of_encodings_is_side_by_side(make, space):
    first, second, X = make(space), catalog.encoding("one-hot", space), rows(space, 10)
    both = first + second
    assert both(X).equal(torch.cat([first(X), second(X)], -1))
    assert both.feature_names == (*first.feature_names, *second.feature_names)
    shift = max(first.groups) + 1
    assert both.groups == (*first.groups, *(shift + group for group in second.groups))
    assert both.equals(make(space) + catalog.encoding("one-hot", space))
    assert not both.equals(second + first) or repr(first) == repr(second)


@every_encoding
@some_spaces
def test_encoding_refuses_rows_of_wrong_width(make, space):
    with pytest.raises(UsageError, match=f"takes rows of {space.n_columns} columns"):
        make(space)(torch.zeros(2, space.n_columns + 1))


@pytest.mark.parametrize("space", SOME_SPACES.values(), ids=SOME_SPACES)
def test_encodings_equal_themselves_only(space):
    made = {name: make(space) for name, make in ENCODINGS.items()}
    for (a, first), (b, second) in product(made.items(), made.items()):
        assert first.equals(second) == (a == b)
    for name, make in ENCODINGS.items():
        assert made[name].equals(make(space))
        assert not made[name].equals(make(SPACES["tnb101-micro"]))


def test_encodings_of_two_spaces_do_not_add():
    first, second = (catalog.encoding("one-hot", SPACES[name]) for name in ("nb201", "nb101"))
    with pytest.raises(UsageError, match=r"nb101.*nb201"):
        first + second


# Predictors.

# BoTorch advises against single precision; that it works all the same is what is tested.
single_precision = pytest.mark.filterwarnings("ignore:The model inputs are of type torch.float32")


def observed(space, n=12, seed=0, dtype=torch.double):
    """Rows, and values that depend on them, in some unit far from standardised."""
    X = distinct_rows(space, n, seed, dtype)
    weights = torch.rand(space.n_columns, generator=seeded(7)).to(dtype)
    noise = torch.rand(len(X), 1, generator=seeded(seed)).to(dtype)
    return X, 70 + (X @ weights).unsqueeze(-1) + noise


def fresh_fit(make, space, **kwargs):
    return make(space, None).fit(*observed(space, **kwargs), seed=5)


@cache
def fitted(make, space, dtype=torch.double):
    """One fit for all tests that only look at it."""
    return fresh_fit(make, space, dtype=dtype)


def unseen(predictor, n, seed=3):
    space = predictor.space
    X = distinct_rows(space, n + len(predictor.train_X), seed).to(predictor.train_X)
    seen = set(space.ids(predictor.train_X))
    return X[[key not in seen for key in space.ids(X)]][:n]


@single_precision
@every_predictor
@some_spaces
@every_dtype
def test_posterior_has_botorchs_shapes(make, space, dtype):
    predictor = fitted(make, space, dtype=dtype)
    for b, q in product((1, 2, 3), (1, 2, 3, 4)):
        posterior = predictor.posterior(distinct_rows(space, b * q, 4, dtype).reshape(b, q, -1))
        assert posterior.mean.shape == posterior.variance.shape == (b, q, 1)
        assert posterior.mean.dtype == dtype
        assert posterior.mean.isfinite().all()
        assert (posterior.variance > 0).all()
        assert posterior.rsample(torch.Size([5])).shape == (5, b, q, 1)
    assert predictor.posterior(distinct_rows(space, 4, 4, dtype)).mean.shape == (4, 1)
    assert predictor.num_outputs == 1
    assert predictor.batch_shape == torch.Size([])


@single_precision
@every_predictor
@some_spaces
def test_single_precision_is_close_to_double(make, space):
    X = rows(space, 20)
    mean, std = fitted(make, space).predict(X)
    mean32, std32 = fitted(make, space, dtype=torch.float).predict(X)
    spread = observed(space)[1].std()
    assert (mean32 - mean).abs().max() < 0.1 * spread
    assert (std32 - std).abs().max() < 0.1 * spread


@every_predictor
@some_spaces
def test_posterior_of_a_batch_is_that_of_its_parts(make, space):
    predictor, X = fitted(make, space), rows(space, 12).reshape(4, 3, -1)
    batch = predictor.posterior(X)
    for index, part in enumerate(X):
        alone = predictor.posterior(part)
        torch.testing.assert_close(alone.mean, batch.mean[index], rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(alone.variance, batch.variance[index], rtol=1e-4, atol=1e-8)


@every_predictor
@some_spaces
def test_predict_is_the_marginal_posterior(make, space):
    predictor, X = fitted(make, space), rows(space, 10)
    for noise in (True, False):
        mean, std = predictor.predict(X, observation_noise=noise, batch_size=3)
        joint = predictor.posterior(X, observation_noise=noise)
        torch.testing.assert_close(mean, joint.mean.flatten(), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(std, joint.variance.flatten().sqrt(), rtol=1e-3, atol=1e-5)
    assert (predictor.predict(X)[1] >= std).all()
    by_text = predictor.predict([str(arch) for arch in space.archs(X)], observation_noise=False)
    assert torch.stack(by_text).allclose(torch.stack((mean, std)), rtol=1e-9)


@every_predictor
@some_spaces
def test_same_seed_gives_the_same_predictor(make, space):
    X = rows(space, 20)
    first = torch.stack(fitted(make, space).predict(X))
    second = torch.stack(fresh_fit(make, space).predict(X))
    assert first.equal(second)


@every_predictor
@some_spaces
def test_refit_forgets(make, space):
    X = rows(space, 20)
    fresh = fresh_fit(make, space, n=9, seed=1)
    used = fresh_fit(make, space)
    assert used.fit(*observed(space, n=9, seed=1), seed=5) is used
    assert torch.stack(used.predict(X)).equal(torch.stack(fresh.predict(X)))


@every_predictor
@some_spaces
def test_uncertainty_grows_away_from_the_data(make, space):
    # Of fewer observations, those who learn their order alone can say little.
    predictor = fresh_fit(make, space, n=min(20, space.size // 2))
    _, at_data = predictor.predict(predictor.train_X, observation_noise=False)
    _, elsewhere = predictor.predict(unseen(predictor, 30), observation_noise=False)
    assert (elsewhere > 0).all()
    assert elsewhere.mean() > at_data.mean()


@every_predictor
@some_spaces
def test_predictions_are_in_the_unit_of_the_values(make, space):
    predictor = fitted(make, space)
    mean, _ = predictor.predict(predictor.train_X)
    Y = predictor.train_Y.flatten()
    assert torch.corrcoef(torch.stack([mean, Y]))[0, 1] > 0.5
    assert (mean - Y).abs().mean() < (Y - Y.mean()).abs().mean()
    assert (mean - Y).abs().max() < Y.max() - Y.min()


@every_predictor
@some_spaces
def test_draws_have_the_moments_of_the_posterior(make, space):
    predictor = fitted(make, space)
    X, n = torch.cat([unseen(predictor, 4), predictor.train_X[:2]]), 4000
    draws = predictor.sample(X, n, seed=1)
    assert draws.shape == (n, 6)
    assert draws.equal(predictor.sample(X, n, seed=1))
    assert not draws.equal(predictor.sample(X, n, seed=2))
    mean, std = predictor.predict(X, observation_noise=False)
    assert ((draws.mean(0) - mean).abs() < 0.1 * std).all()
    assert ((draws.std(0) / std - 1).abs() < 0.15).all()


@every_predictor
@some_spaces
def test_quantiles_are_those_of_draws_and_invert_probabilities(make, space):
    predictor = fitted(make, space)
    X, levels = unseen(predictor, 4), (0.05, 0.5, 0.95)
    quantiles = predictor.quantile(X, levels, observation_noise=False)
    assert quantiles.shape == (4, 3)
    assert (quantiles.diff(dim=-1) > 0).all()
    draws = predictor.sample(X, 4000, seed=1)
    below = (draws.unsqueeze(-1) <= quantiles).double().mean(0)
    assert (below - torch.tensor(levels)).abs().max() < 0.04
    wider = predictor.quantile(X, levels)
    assert (wider[:, 2] - wider[:, 0] >= quantiles[:, 2] - quantiles[:, 0]).all()
    for level, values in zip(levels, wider.T, strict=True):
        assert predictor.cdf(X, values) == pytest.approx(level, abs=1e-6)


@every_predictor
@some_spaces
def test_sampling_leaves_the_global_generator_alone(make, space):
    predictor = fitted(make, space)
    torch.manual_seed(0)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002 - the global one
    predictor.sample(rows(space, 3), 2, seed=1)
    fresh_fit(make, space)
    assert torch.get_rng_state().equal(before)
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002


@single_precision
@every_predictor
@some_spaces
@every_dtype
def test_state_round_trips_without_pickle(make, space, dtype):
    predictor, X = fitted(make, space, dtype=dtype), distinct_rows(space, 15, 4)
    file = io.BytesIO()
    torch.save(predictor.state_dict(), file)
    file.seek(0)
    other = make(space, None)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.stack(other.predict(X)).equal(torch.stack(predictor.predict(X)))
    assert other.sample(X, 3, seed=0).allclose(predictor.sample(X, 3, seed=0))


@every_predictor
def test_state_of_an_unfitted_predictor_is_unfitted(make):
    other = fresh_fit(make, TOY)
    other.load_state_dict(make(TOY, None).state_dict(), strict=False)
    assert not other.is_fitted


@every_predictor
@some_spaces
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_bad_values_are_refused_by_the_name_of_their_architecture(make, space, bad):
    X, Y = observed(space)
    Y[2] = bad
    with pytest.raises(UsageError, match=f"value 2 is {bad}") as caught:
        make(space, None).fit(X, Y, seed=0)
    assert space.format(X[2]) in str(caught.value)


@every_predictor
@some_spaces
def test_observations_that_do_not_fit_are_refused(make, space):
    X, Y = observed(space)
    predictor = make(space, None)
    with pytest.raises(UsageError, match="nothing to fit"):
        predictor.fit(X[:0], Y[:0], seed=0)
    with pytest.raises(UsageError, match="12 architectures but 11 values"):
        predictor.fit(X, Y[1:], seed=0)
    with pytest.raises(InvalidArchitectureError, match="row 0"):
        predictor.fit(X + 0.5, Y, seed=0)
    assert not predictor.is_fitted


@every_predictor
@some_spaces
def test_an_unfitted_predictor_says_so(make, space):
    predictor = make(space, None)
    for call in (
        lambda: predictor.posterior(rows(space, 2)),
        lambda: predictor.predict(rows(space, 2)),
    ):
        with pytest.raises(UsageError, match=r"not fitted yet; call fit"):
            call()


@every_predictor
@some_spaces
@pytest.mark.parametrize("values", [[3.0], [3.0, 4.0], [3.0] * 5, [0.0] * 3, [1e6, 1e6 + 1, 1e6]])
def test_few_or_constant_values_are_enough(make, space, values):
    X = distinct_rows(space, len(values))
    predictor = make(space, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)
        predictor.fit(X, values, seed=0)
    mean, std = predictor.predict(rows(space, 20, seed=4))
    assert mean.isfinite().all()
    assert std.isfinite().all()
    assert (std > 0).all()
    margin = 3 * (max(values) - min(values)) + 3
    assert ((mean > min(values) - margin) & (mean < max(values) + margin)).all()
    assert predictor.sample(X, 3, seed=0).isfinite().all()


@every_predictor
@some_spaces
def test_observations_that_teach_nothing_are_said_to(make, space):
    """Constant values, and one architecture only: a warning and a posterior that can be used and saved."""
    X, Y = observed(space)
    for rows_, values, reason in [
        (X, torch.full_like(Y, 3.0), "all 12 values are 3"),
        (X[:1].repeat(12, 1), Y, "all 12 observations are of"),
    ]:
        with pytest.warns(NumericalWarning, match=reason):
            predictor = make(space, None).fit(rows_, values, seed=0)
        assert predictor.fell_back
        mean, std = predictor.predict(X)
        assert mean.isfinite().all()
        assert (std > 0).all()
        other = make(space, None)
        other.load_state_dict(predictor.state_dict())
        assert torch.stack(other.predict(X)).equal(torch.stack((mean, std)))
        assert not predictor.fit(*observed(space), seed=0).fell_back


@every_predictor
@some_spaces
def test_botorch_optimizes_over_the_predictor_itself(make, space):
    predictor = fitted(make, space)
    choices = unseen(predictor, 30)
    best_f = predictor.train_Y.max()
    log_ei = LogExpectedImprovement(predictor, best_f=best_f)
    row, value = optimize_acqf_discrete(log_ei, q=1, choices=choices)
    with torch.no_grad():
        values = torch.cat([log_ei(choice.unsqueeze(0)) for choice in choices])
    torch.testing.assert_close(value.detach(), values.max(), rtol=1e-4, atol=1e-4)
    assert (
        row.equal(choices[values.argmax()].unsqueeze(0))
        or values.topk(2).values.diff().abs() < 1e-6
    )
    sampler = SobolQMCNormalSampler(torch.Size([32]), seed=0)
    qlog_ei = qLogExpectedImprovement(predictor, best_f=best_f, sampler=sampler)
    pair, _ = optimize_acqf_discrete(qlog_ei, q=2, choices=choices)
    assert pair.shape == (2, space.n_columns)
    assert len(set(space.ids(pair)) & set(space.ids(choices))) == 2
