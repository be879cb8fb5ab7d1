"""Tables of scores: equal to single scores, by any number of workers, resumed where they stopped."""

import json
import math
import multiprocessing
import os
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from archbo import catalog, read_table
from archbo.errors import DataError, NumericalWarning, UsageError
from archbo.proxies import (
    EdgeCellSkeleton,
    NodeCellSkeleton,
    ProxyTable,
    Skeleton,
    SpaceNetwork,
    compute,
    compute_nodes,
    network,
    nodes_of,
    random_images,
    score,
)
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NB201 = catalog.space("nb201")
SMALL = EdgeCellSkeleton(channels=4, cells=1)
IMAGES, LABELS = random_images(8, resolution=8)
MEASURES = ("snip", "zen", "params")


def rows(n, seed=0):
    return NB201.sample(n, generator=torch.Generator().manual_seed(seed))


def scored(X, measures=MEASURES, **options):
    options = {"skeleton": SMALL, **options}
    return score(NB201, X, IMAGES, LABELS, measures, **options)


def test_a_table_holds_the_scores_of_each_network_in_order():
    X = rows(3)
    table = scored(X, seed=4)
    assert table.columns.tolist() == ["arch_str", *MEASURES]
    for row, found in zip(X, table.to_dict("records"), strict=True):
        net = network(NB201, row, SMALL, seed=4)
        wanted = compute(net, IMAGES, LABELS, MEASURES, seed=4)
        assert found == {"arch_str": NB201.format(row), **wanted}


def test_repeated_architectures_are_scored_once():
    X = rows(2)
    calls = []
    table = scored(X[[0, 1, 0]], progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]
    assert table.iloc[0].equals(table.iloc[2])
    assert not table.iloc[0].equals(table.iloc[1])


def test_workers_give_the_same_table():
    X = rows(4)
    alone = scored(X, nodes=["snip"])
    threads = torch.get_num_threads()
    together = scored(X, nodes=["snip"], workers=2)
    assert torch.get_num_threads() == threads
    pd.testing.assert_frame_equal(alone, together)


def test_parts_by_decision_come_with_the_scores():
    X = rows(3)
    table = scored(X, nodes=["snip", "fisher"])
    wanted = compute_nodes(NB201, X, IMAGES, LABELS, ["snip", "fisher"], skeleton=SMALL)
    assert nodes_of(table, NB201, ["snip", "fisher"]).equal(wanted)
    assert nodes_of(table, NB201, ["fisher"])[..., 0].equal(wanted[..., 1])
    assert "op_0_1.snip" in table


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    more, path = rows(7), tmp_path / "new" / "scores.parquet"
    X = more[:5]

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scored(X, path=path, progress=stop)
    assert len(pd.read_parquet(path)) == 2
    calls = []
    table = scored(X, path=path, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(3, 5), (4, 5), (5, 5)]
    pd.testing.assert_frame_equal(table, scored(X))
    assert [file.name for file in path.parent.glob("[!.]*")] == ["scores.parquet"]
    # Nothing is left to do, and more can be added.
    assert scored(X[:2], path=path, progress=stop).equals(table[:2])
    assert len(scored(more, path=path)) == 7
    assert len(pd.read_parquet(path)) == 7


def test_a_file_of_scores_is_a_table_for_benchmarks(tmp_path):
    X, path = rows(3), tmp_path / "scores.parquet"
    table = scored(X, path=path)
    tabular = read_table(path, NB201).evaluator("snip")
    assert tabular(NB201.archs(X)[1]) == {"snip": table.snip[1]}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"seed": 1}, "seed"),
        ({"skeleton": EdgeCellSkeleton(channels=8, cells=1)}, "skeleton"),
        ({"measures": ("snip",)}, "measures"),
        ({"nodes": ("snip",)}, "nodes"),
        ({"loss": mse_loss}, "loss"),
    ],
)
def test_scores_of_other_settings_are_not_mixed(tmp_path, change, word):
    path = tmp_path / "scores.parquet"
    scored(rows(1), path=path)
    with pytest.raises(UsageError, match=f"holds scores with {word}"):
        scored(rows(1), path=path, **change)


def test_scores_of_other_images_and_spaces_are_not_mixed(tmp_path):
    path = tmp_path / "scores.parquet"
    scored(rows(1), path=path)
    options = {"skeleton": SMALL, "path": path}
    with pytest.raises(UsageError, match="holds scores with batch"):
        score(NB201, rows(1), IMAGES + 1, LABELS, MEASURES, **options)
    with pytest.raises(UsageError, match="holds scores with batch"):
        score(NB201, rows(1), IMAGES, LABELS.flip(0), MEASURES, **options)
    other = catalog.space("tnb101-micro")
    X = other.sample(1, generator=torch.Generator().manual_seed(0))
    with pytest.raises(UsageError, match="holds scores with space 'nb201'"):
        score(other, X, IMAGES, LABELS, MEASURES, **options)


def test_a_file_says_what_its_scores_were_made_with(tmp_path):
    path = tmp_path / "scores.parquet"
    scored(rows(1), path=path)
    settings = json.loads(pd.read_parquet(path).attrs["archbo"])
    assert settings["skeleton"] == repr(SMALL)
    assert settings["measures"] == "snip zen params"
    assert settings["loss"].endswith(cross_entropy.__name__)


def test_no_number_survives_the_file(tmp_path):
    path = tmp_path / "scores.parquet"
    images = IMAGES.clone()
    images[0, 0, 0, 0] = torch.nan
    options = {"skeleton": SMALL, "path": path}
    first = score(NB201, rows(1), images, LABELS, ["snip", "synflow"], **options)
    again = score(NB201, rows(1), images, LABELS, ["snip", "synflow"], **options)
    assert first.snip.isna().all()
    pd.testing.assert_frame_equal(first, again)


def test_other_files_are_refused_and_stay(tmp_path):
    path = tmp_path / "table.parquet"
    pd.DataFrame({"arch_str": ["x"]}).to_parquet(path)
    before = path.read_bytes()
    with pytest.raises(DataError, match="not a file of scores"):
        scored(rows(1), path=path)
    assert path.read_bytes() == before
    with pytest.raises(UsageError, match=r"\.parquet"):
        scored(rows(1), path=tmp_path / "scores.csv")


def test_a_save_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "scores.parquet"
    scored(rows(1), path=path)
    before = path.read_bytes()

    def full(frame, part, **options):
        part.write_bytes(b"PAR1")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(UsageError, match=r"cannot write .*scores\.parquet: No space left"):
        scored(rows(3), path=path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.glob("[!.]*")] == ["scores.parquet"]


def test_a_run_that_fails_at_once_leaves_no_file(tmp_path):
    path = tmp_path / "scores.parquet"
    with pytest.raises(UsageError, match="a label is 10"):
        score(
            NB201, rows(1), IMAGES, torch.full_like(LABELS, 10), ["snip"], skeleton=SMALL, path=path
        )
    assert not path.exists()


def test_a_measure_that_fails_is_nan_in_the_table():
    with pytest.warns(NumericalWarning, match="grasp cannot be computed for this Frail"):
        table = scored(
            rows(2), ("snip", "grasp"), nodes=["grasp", "snip"], skeleton=FrailSkeleton()
        )
    assert table.grasp.isna().all()
    assert table.snip.notna().all()
    parts = nodes_of(table, NB201, ["grasp", "snip"])
    assert parts[:, 0].isnan().tolist() == [[True, False]] * 2


# Several processes.


def test_workers_stop_with_the_run(tmp_path):
    path = tmp_path / "scores.parquet"

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scored(rows(6), path=path, progress=stop, workers=2)
    assert len(pd.read_parquet(path)) == 2
    assert not multiprocessing.active_children()
    pd.testing.assert_frame_equal(scored(rows(6), path=path, workers=2), scored(rows(6)))


@pytest.mark.slow
@pytest.mark.parametrize(("how", "reason"), [("die", "died twice"), ("hang", "more than 5 s")])
def test_a_network_that_ends_its_process_loses_only_itself(tmp_path, how, reason):
    X, path = rows(5), tmp_path / "scores.parquet"
    skeleton = DeadlySkeleton(tuple(X[2].tolist()), how)
    options = {"skeleton": skeleton, "path": path, "workers": 2, "timeout": 5, "nodes": ["snip"]}
    with pytest.warns(NumericalWarning, match=reason):
        table = scored(X, **options)
    lost = NB201.format(X[2])
    assert (table.loc[2, [*MEASURES]] == -math.inf).all()
    assert table.loc[2, "op_0_1.snip":].isna().all()
    assert np.isfinite(table.loc[[0, 1, 3, 4], [*MEASURES]]).all(axis=None)
    kept = json.loads(pd.read_parquet(path).attrs["archbo_lost"])
    assert list(kept) == [lost]
    assert reason in kept[lost]
    pd.testing.assert_frame_equal(scored(X, **options), table)  # it is not tried again
    worst = ProxyTable.read(path, NB201).ranks(X)
    assert (worst[2] == worst.min(0).values).all()


def test_warnings_come_from_workers():
    with pytest.warns(NumericalWarning, match="grasp cannot be computed for this Frail"):
        scored(rows(1), ("grasp",), skeleton=FrailSkeleton(), workers=1)


@pytest.mark.parametrize(("timeout", "workers"), [(0, 1), (-1, 1), (5, None)])
def test_a_timeout_needs_workers(timeout, workers):
    with pytest.raises(UsageError, match=r"a timeout is a positive number .* in workers"):
        scored(rows(1), timeout=timeout, workers=workers)


# Several runs.


def test_runs_that_write_into_one_file_keep_each_others_scores(tmp_path):
    X, path = rows(6), tmp_path / "scores.parquet"

    def meanwhile(done, total):
        if done == 2:
            scored(X[3:], path=path)

    first = scored(X[:3], path=path, progress=meanwhile)
    assert len(pd.read_parquet(path)) == 6
    pd.testing.assert_frame_equal(first, scored(X[:3]))
    pd.testing.assert_frame_equal(scored(X, path=path), scored(X))


def test_a_run_of_other_settings_ends_at_its_first_network(tmp_path):
    X, path = rows(6), tmp_path / "scores.parquet"
    calls = []

    def meanwhile(done, total):
        calls.append(done)
        if not path.exists():
            scored(X[3:], path=path)

    with pytest.raises(UsageError, match="holds scores with seed '0', not '1'"):
        scored(X[:3], path=path, seed=1, progress=meanwhile)
    assert calls == [1]
    assert len(pd.read_parquet(path)) == 3


def test_errors_come_from_workers_as_they_are():
    with pytest.raises(UsageError, match="but a label is 10; give labels from 0 to 9"):
        score(
            NB201, rows(2), IMAGES, torch.full_like(LABELS, 10), ["snip"], skeleton=SMALL, workers=2
        )


def test_what_cannot_be_sent_to_workers_is_refused():
    with pytest.raises(
        UsageError, match=r"the loss cannot be sent to other processes: .*leave out workers"
    ):
        scored(rows(2), loss=lambda output, targets: output.sum(), workers=2)


def test_bad_requests_fail_before_any_work():
    def never(done, total):
        raise AssertionError

    with pytest.raises(UsageError, match="unknown measure"):
        scored(rows(1), ["snap"], progress=never)
    with pytest.raises(UsageError, match="jacov is not a sum over layers"):
        scored(rows(1), nodes=["jacov"], progress=never)
    with pytest.raises(UsageError, match="workers is 0"):
        scored(rows(1), workers=0, progress=never)
    with pytest.raises(UsageError, match="NodeCellSkeleton is for"):
        scored(rows(1), skeleton=NodeCellSkeleton(), progress=never)


class Frail(SpaceNetwork):
    """A kernel of it has no second derivative."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)
        self.columns = {"layer": 0}

    def forward(self, x):
        q = self.layer(x.flatten(2)).unsqueeze(1)
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, q, q)[0].mean((1, 2))


@dataclass(frozen=True)
class FrailSkeleton(Skeleton):
    space_type = EdgeCellSpace
    classes: int = 10

    def build(self, space, row):
        return Frail()


@dataclass(frozen=True)
class DeadlySkeleton(Skeleton):
    """Networks as small as any, but one that ends or holds up its process."""

    space_type = EdgeCellSpace
    deadly: tuple[float, ...]
    how: str
    classes: int = 10

    def build(self, space, row):
        if tuple(row) == self.deadly:
            os._exit(1) if self.how == "die" else time.sleep(1000)
        return SMALL.build(space, row)


class Stack(SpaceNetwork):
    """A chain of layers of chosen widths."""

    def __init__(self, widths):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten())
        self.columns = {}
        for column, (fed, width) in enumerate(pairwise([192, *widths])):
            self.columns[f"layers.{len(self.layers)}"] = column
            self.layers.extend([nn.Linear(fed, width), nn.ReLU()])
        self.layers.append(nn.Linear(widths[-1], 10))

    def forward(self, x):
        return self.layers(x)


@dataclass(frozen=True)
class StackSkeleton(Skeleton):
    space_type = CategoricalSpace
    classes: int = 10

    def build(self, space, row):
        return Stack(list(space.arch(list(row)).values.values()))


def test_a_space_of_ones_own_with_a_skeleton_of_ones_own():
    space = CategoricalSpace("mlp", {"first": [8, 16], "second": [4, 8, 12]})
    archs = [{"first": 8, "second": 12}, {"first": 16, "second": 4}]
    X = space.rows([space.row_of(arch) for arch in archs])
    table = score(
        space, X, IMAGES, LABELS, ["snip", "params"], nodes=["snip"], skeleton=StackSkeleton()
    )
    wanted = [193 * 8 + 9 * 12 + 13 * 10, 193 * 16 + 17 * 4 + 5 * 10]
    assert (table.params * 1e6).round().tolist() == wanted
    inside = table["first.snip"] + table["second.snip"]
    assert (inside < table.snip).all()  # the classifier has its part
    assert (table["first.snip"] > 0).all()


def test_an_empty_request_gives_an_empty_table():
    table = scored(torch.zeros(0, 6))
    assert table.columns.tolist() == ["arch_str", *MEASURES]
    assert table.empty
