"""Ranks among a reference against scipy's and against brute force; tables of scores from files."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from archbo.errors import DataError
from archbo.proxies import (
    EdgeCellSkeleton,
    Proxies,
    ProxyTable,
    nodes_of,
    random_images,
    score,
)
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
TOY = CategoricalSpace("toy", {"number": range(60), "other": ["a"]})


class Given(Proxies):
    """Scores and parts by a row's number, ranked among the first of them."""

    space = TOY

    def __init__(self, scores, nodes, n_reference):
        self.names = [f"score{n}" for n in range(scores.shape[1])]
        self.node_names = [f"part{n}" for n in range(nodes.shape[2])]
        self._scores, self._nodes, self._n = scores, nodes, n_reference

    def scores(self, X):
        return self._scores[X[:, 0].long()]

    def nodes(self, X):
        return self._nodes[X[:, 0].long()]

    @property
    def reference(self):
        return self._scores[: self._n], self._nodes[: self._n]

    def _same_scores(self, other):
        return self._scores.equal(other._scores) and self._nodes.equal(other._nodes)


def numbers(*shape, seed, ties):
    """Few distinct ones, so that many are equal, or all distinct; failures and zeros among them."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator, dtype=torch.double)
    values = values.round() if ties else values
    kind = torch.randint(20, shape, generator=generator)
    for number, special in enumerate([torch.nan, torch.inf, -torch.inf, 0.0]):
        values[kind == number] = special
    return values


def given(seed, ties, n_reference):
    scores = numbers(60, 3, seed=seed, ties=ties)
    return Given(scores, numbers(60, 2, 2, seed=seed + 1, ties=ties), n_reference)


every_kind = pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
every_seed = pytest.mark.parametrize("seed", [0, 10])


@every_kind
@every_seed
def test_ranks_within_the_reference_are_scipys(seed, ties):
    proxies = given(seed, ties, 60)
    X = TOY.enumerate()
    found, scores = proxies.ranks(X), proxies.scores(X)
    for number in range(3):
        column = scores[:, number].numpy()
        ranks = rankdata(np.where(np.isfinite(column), column, -np.inf))
        np.testing.assert_allclose(found[:, number], 2 * (ranks - 1) / 59 - 1)


@every_kind
@every_seed
def test_ranks_of_others_are_between_those_of_their_neighbours(seed, ties):
    proxies = given(seed, ties, 30)
    X = TOY.enumerate()
    scores, ranks = (
        proxies.scores(X).nan_to_num(-torch.inf, -torch.inf, -torch.inf),
        proxies.ranks(X),
    )
    assert ranks.abs().max() <= 1
    for number in range(3):
        known = sorted(zip(scores[:30, number].tolist(), ranks[:30, number].tolist(), strict=True))
        for value, rank in zip(
            scores[30:, number].tolist(), ranks[30:, number].tolist(), strict=True
        ):
            same = [r for v, r in known if v == value]
            below = [r for v, r in known if v < value]
            above = [r for v, r in known if v > value]
            if same:
                assert rank == same[0]
            elif below and above:
                assert below[-1] < rank < above[0]
            else:
                assert rank == (1 if below else -1)


@every_kind
@every_seed
@pytest.mark.parametrize("n_reference", [30, 60])
def test_parts_are_ranked_by_size_among_those_of_all_decisions(seed, ties, n_reference):
    proxies = given(seed, ties, n_reference)
    X = TOY.enumerate()
    found = proxies.node_ranks(X)
    parts = proxies.nodes(X).nan_to_num(0.0, 0.0, 0.0)
    assert found.shape == (60, 2, 2)
    for measure in range(2):
        known = [abs(v) for v in parts[:n_reference, :, measure].flatten().tolist() if v]
        for arch in range(60):
            for decision in range(2):
                value = float(parts[arch, decision, measure])
                below = sum(v < abs(value) for v in known)
                equal = sum(v == abs(value) for v in known)
                rank = min(max(below + (equal + 1) / 2, 1), len(known))
                wanted = np.sign(value) * rank / len(known)
                assert found[arch, decision, measure] == pytest.approx(wanted)


def test_parts_keep_their_sign_and_nothing_is_zero():
    parts = torch.tensor([[[2.0], [-1.0]], [[0.0], [torch.nan]], [[-torch.inf], [-4.0]]])
    proxies = Given(torch.zeros(3, 1), parts, 3)
    found = proxies.node_ranks(TOY.enumerate()[:3])[..., 0]
    wanted = torch.tensor([[2.0, -1.0], [0.0, 0.0], [0.0, -3.0]]).double() / 3
    torch.testing.assert_close(found, wanted)


def test_a_reference_of_one_or_of_nothing_but_zeros_ranks_all_the_same():
    proxies = Given(torch.arange(3.0).unsqueeze(-1), torch.zeros(3, 2, 1), 1)
    X = TOY.enumerate()[:3]
    assert proxies.ranks(X).unique().tolist() == [-1]
    assert proxies.node_ranks(X).count_nonzero() == 0


# Files.


@pytest.fixture(scope="module")
def made():
    X = NB201.sample(4, generator=torch.Generator().manual_seed(0))
    options = {"nodes": ["snip", "l2_norm"], "skeleton": EdgeCellSkeleton(channels=4, cells=1)}
    return X, score(NB201, X, *random_images(8, resolution=8), ["synflow", "params"], **options)


def write(frame, path):
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


every_suffix = pytest.mark.parametrize("suffix", ["csv", "parquet"])


@every_suffix
def test_what_was_scored_is_read(made, tmp_path, suffix):
    X, frame = made
    failed = frame.assign(synflow=[torch.nan, torch.inf, 1.0, 2.0])
    table = ProxyTable.read(write(failed, tmp_path / f"scores.{suffix}"), NB201)
    assert table.names == ("synflow", "params")
    assert table.node_names == ("snip", "l2_norm")
    wanted = torch.tensor(failed[["synflow", "params"]].to_numpy(copy=True))
    torch.testing.assert_close(table.scores(X), wanted, equal_nan=True)
    torch.testing.assert_close(table.nodes(X), nodes_of(frame, NB201, ["snip", "l2_norm"]))


@every_suffix
def test_a_file_without_parts_is_read(made, tmp_path, suffix):
    X, frame = made
    path = write(frame[["params", "arch_str"]], tmp_path / f"scores.{suffix}")
    table = ProxyTable.read(path, NB201)
    assert (table.names, table.node_names) == (("params",), ())
    assert table.node_ranks(X).shape == (4, 6, 0)


@every_suffix
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="arch_str"), "no column 'arch_str'"),
        (lambda frame: frame.drop(columns="op_1_2.snip"), r"no column 'op_1_2\.snip'"),
        (lambda frame: frame.assign(arch_str="(9, 0)"), "malformed digit tuple"),
        (lambda frame: frame.assign(arch_str=15625), "15625"),
        (lambda frame: frame.assign(arch_str=[None, *frame.arch_str[1:]]), "as a nb201 cell"),
        (
            lambda frame: frame.assign(**{"op_1_2.snip": "some"}),
            r"no column 'op_1_2\.snip' of numbers",
        ),
        (
            lambda frame: frame.assign(synflow=np.nan, params=np.nan),
            "no architecture of nb201 has a score by synflow, params",
        ),
        (lambda frame: frame[["arch_str"]], "no column of numbers beside the architectures"),
    ],
    ids=["arch", "part", "foreign", "number", "none", "text", "nothing", "no-score"],
)
def test_other_tables_are_refused_in_a_line_that_helps(made, tmp_path, suffix, change, message):
    path = write(change(made[1]), tmp_path / f"scores.{suffix}")
    with pytest.raises(DataError, match=message):
        ProxyTable.read(path, NB201)


@every_suffix
@pytest.mark.parametrize("content", [None, b"", b"\x00\xff\xfe"], ids=["none", "empty", "bytes"])
def test_what_is_no_table_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"scores.{suffix}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"scores\.{suffix}"):
        ProxyTable.read(path, NB201)


def test_selected_proxies_keep_their_scores_and_all_parts(made, tmp_path):
    X, frame = made
    table = ProxyTable.read(write(frame, tmp_path / "scores.csv"), NB201)
    chosen = table.select(["par*", "*"])
    assert chosen.names == ("params", "synflow")
    assert chosen.scores(X).equal(table.scores(X)[:, [1, 0]])
    assert table.select(["params"]).scores(X).equal(table.scores(X)[:, 1:])
    assert chosen.node_names == table.node_names
    assert chosen.node_ranks(X).equal(table.node_ranks(X))
    with pytest.raises(DataError, match=r"table of nb201 has no .* 'zen\*' .* it has synflow"):
        table.select(["zen*"])
