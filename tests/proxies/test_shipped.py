"""The tables of proxies that come with archbo."""

import json
import pickle
import re

import numpy as np
import pytest
import torch

from archbo import catalog
from archbo.benchmarks import read_table
from archbo.cli.proxies import remedy
from archbo.comparison import spearman
from archbo.errors import NoProxiesError, UsageError
from archbo.proxies import (
    DEFAULT_MEASURES,
    NODEWISE,
    SHIPPED,
    ProxyTable,
    nodes_of,
    proxies_for,
    score,
    setup,
    shipped,
)
from archbo.spaces import CategoricalSpace

NB201 = catalog.space("nb201")


def test_it_holds_every_distinct_cell_of_nas_bench_201():
    table = shipped(NB201)
    assert len(table) == len(NB201.keys(table.X).unique()) == 9445
    assert table.names == DEFAULT_MEASURES
    assert table.node_names == NODEWISE
    X = NB201.enumerate()
    ranks, nodes = table.ranks(X), table.node_ranks(X)
    assert ranks.shape == (15625, len(DEFAULT_MEASURES))
    assert ranks.isfinite().all()
    assert ranks.abs().max() <= 1
    assert nodes.shape == (15625, 6, len(NODEWISE))
    assert nodes.isfinite().all()
    assert shipped(catalog.space("nb201")) is table  # it is read once


STABLE = ("synflow", "nwot", "zen", "l2_norm", "params", "flops", "flatness")
"""The measures that another order of additions, as on another processor, changes by less than 1e-4."""


def test_its_scores_are_those_of_the_reduced_setup():
    table, made = shipped(NB201), setup(NB201)
    X = table.X[:: len(table) // 5][:5]
    options = {"nodes": NODEWISE, "skeleton": made.skeleton}
    again = score(NB201, X, made.inputs, made.targets, DEFAULT_MEASURES, **options)
    found = torch.tensor(again[[*DEFAULT_MEASURES]].to_numpy(copy=True))
    close(table.scores(X), found, table.reference[0], DEFAULT_MEASURES)
    parts = nodes_of(again, NB201, NODEWISE)
    places = [tensor.flatten(0, 1) for tensor in (table.nodes(X), parts, table.reference[1])]
    close(*places, NODEWISE)


def close(known, found, reference, names):
    """Whether numbers agree, by columns, relative to themselves and to what is usual in their column."""
    assert known.isfinite().equal(found.isfinite())
    for number, name in enumerate(names):
        good = found[:, number].isfinite()
        tolerance = 1e-4 if name in STABLE else 0.05
        sizes = reference[:, number].abs()
        usual = float(sizes[sizes.isfinite() & (sizes > 0)].median())
        np.testing.assert_allclose(
            found[good, number].numpy(),
            known[good, number].numpy(),
            rtol=tolerance,
            atol=tolerance * usual,
            err_msg=name,
        )


@pytest.mark.parametrize("name", ["synflow", "nwot", "jacov", "params"])
def test_small_networks_tell_of_accuracy_what_published_scores_do(name, nb201_table):
    benchmark = read_table(nb201_table, NB201, where="is_valid_net")
    accuracy, table = benchmark.values("c10_val_200").flatten(), shipped(NB201)
    published = ProxyTable.from_benchmark(benchmark, [f"c10_zc_{name}"])
    own, theirs = (
        spearman(known.ranks(benchmark.X)[:, place].numpy(), accuracy.numpy())
        for known, place in ((table, table.names.index(name)), (published, 0))
    )
    assert own >= 0.95 * theirs > 0.6


def test_encodings_take_it_where_no_other_is_named():
    X = NB201.sample(5, generator=torch.Generator().manual_seed(0))
    assert catalog.encoding("zero-cost", NB201)(X).equal(shipped(NB201).ranks(X))
    joined = catalog.encoding("default+zero-cost+nodewise", NB201)
    assert joined(X).shape == (5, joined.n_features)


@pytest.mark.parametrize("space", [catalog.space("nb101"), CategoricalSpace("toy", {"a": ["b"]})])
def test_other_spaces_have_none(space):
    assert space.name not in SHIPPED
    with pytest.raises(NoProxiesError, match=f"no proxies of {space.name}; give some") as found:
        shipped(space)
    assert "--" not in str(found.value)
    # Networks are what proxies can be computed from.
    assert (
        ("ComputedProxies" in str(found.value)) == found.value.computable == (space.name == "nb101")
    )
    assert pickle.loads(pickle.dumps(found.value)).computable == found.value.computable  # noqa: S301


def test_a_space_that_shares_a_name_has_none():
    impostor = CategoricalSpace("nb201", {f"op_{n}": range(5) for n in range(6)})
    with pytest.raises(NoProxiesError, match="no proxies of nb201"):
        shipped(impostor)
    with pytest.raises(UsageError, match="of another space named nb201, not of nb201; give"):
        proxies_for(impostor, shipped(NB201))
    assert proxies_for(catalog.space("nb201"), shipped(NB201)) is shipped(NB201)


def test_the_command_line_advises_what_works():
    for space, command in (
        (catalog.space("nb101"), True),
        (CategoricalSpace("toy", {"a": ["b"]}), False),
    ):
        with pytest.raises(NoProxiesError) as found:
            shipped(space)
        advice = remedy(found.value)
        assert "--proxies 'c10_zc_*'" in advice
        assert "--proxies FILE" in advice
        # What has no networks cannot be measured.
        assert ("archbo proxies compute" in advice) is command


def test_the_command_line_needs_no_proxies_named(tmp_path, monkeypatch, capsys):
    from archbo import cli

    monkeypatch.chdir(tmp_path)
    options = ["--predictors", "gbdt", "--encodings", "default+zero-cost", "--train-sizes", "40"]
    command = ["archbo", "compare", "nb201", *options, "--repeats", "1", "--json", "c.json"]
    monkeypatch.setattr("sys.argv", command)
    monkeypatch.setattr("warnings.showwarning", __import__("warnings").showwarning)
    with pytest.raises(SystemExit) as done:
        cli.main()
    assert not done.value.code, capsys.readouterr().err
    (result,) = json.loads((tmp_path / "c.json").read_text())["results"]
    assert result["encoding"] == "default+zero-cost"
    assert not re.search("nan", json.dumps(result))
