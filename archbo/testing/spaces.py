"""What every search space keeps to.

Example:
    A package with a space of its own tests it with a class such as ::

        from archbo.testing.spaces import SpaceContract
        from my_package import MySpace

        class TestMySpace(SpaceContract):
            def make(self):
                return MySpace("mine", n_nodes=5)
"""

import json
import pickle
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import product
from typing import Any

import networkx as nx
import pytest
import torch
from torch import Tensor

from archbo.errors import InvalidArchitectureError, UsageError
from archbo.randomness import generator
from archbo.spaces import Arch, CategoricalSpace, SearchSpace
from archbo.spaces.choices import NOT_ACTIVE
from archbo.spaces.decisions import Listed, Scaled

__all__ = ["SpaceContract", "distinct_rows", "rows"]

every_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def _may_be_choices(row: Sequence[float], space: SearchSpace) -> bool:
    """Whether the cells of a row, some of them integers, are values of their columns that have other cells."""
    cells = [d.find(cell) for d, cell in zip(space.decisions, row, strict=True)]
    return None not in cells and cells != list(row) and int in map(type, row)


def rows(
    space: SearchSpace, n: int = 40, seed: int = 0, dtype: torch.dtype = torch.double
) -> Tensor:
    """``n x d`` sampled rows, duplicates among them."""
    return space.sample(n, generator=generator(seed), dtype=dtype)


def distinct_rows(
    space: SearchSpace, n: int, seed: int = 0, dtype: torch.dtype = torch.double
) -> Tensor:
    """At most ``n`` sampled rows, each of another architecture."""
    return space.distinct(rows(space, 3 * n, seed, dtype))[:n]


class SpaceContract(ABC):
    """Tests of one space; inherit them in a class whose name begins with ``Test`` and implement ``make``.

    The space should have at least two columns with a choice and some 20 architectures: of less, samples with
    different seeds may be the same.

    Attributes:
        listed: The most rows of a space that is compared with all its rows, one by one.
    """

    listed = 200_000

    @abstractmethod
    def make(self) -> SearchSpace:
        """A new instance of the space, equal to the one before."""

    @pytest.fixture
    def space(self) -> SearchSpace:
        """The space that is tested."""
        return self.make()

    # What it is.

    def test_attributes_fit_together(self, space: SearchSpace) -> None:
        assert len(space.columns) == len(set(space.columns)) == len(space.cardinalities)
        for decision, names in zip(space.decisions, space.choice_names, strict=True):
            assert len(names) == (decision.cardinality if isinstance(decision, Listed) else 0)
        assert [len(choices) for choices in space.choices] == list(space.cardinalities)
        assert space.zero_ops | space.identity_ops <= set(space.op_names)
        assert not space.zero_ops & space.identity_ops
        assert set(space.op_names) <= set(space.template.op_names)

    def test_choices_have_distinct_names_and_operations_are_declared(
        self, space: SearchSpace
    ) -> None:
        for names in space.choice_names:
            assert len(set(names)) == len(names)
        for column in space.op_columns:
            assert space.choices[column] == space.op_names

    def test_it_is_a_value(self, space: SearchSpace) -> None:
        for other in (self.make(), pickle.loads(pickle.dumps(space))):  # noqa: S301 - our own bytes
            assert other is not space
            assert other == space
            assert hash(other) == hash(space)
            X = rows(space, 5)
            assert other.archs(X) == space.archs(X)
            assert set(other.archs(X)) == set(space.archs(X))
            assert other.archs(X)[0] == space.arch(other.archs(X)[0])
            assert other.unlike(space) == ""
        arch = space.archs(X)[0]
        assert pickle.loads(pickle.dumps(arch)) == arch  # noqa: S301

    def test_its_content_goes_through_json_and_means_the_same(self, space: SearchSpace) -> None:
        content = json.loads(json.dumps(space.content))
        assert content == space.content
        assert space.difference(content) == ""
        for key, value in (("name", "another"), ("kind", "Other"), ("columns", ["a"])):
            found = space.difference(content | {key: value})
            assert found
            assert "\n" not in found
        choices = [[*names, "new"][::-1] for names in content["choices"]]
        gone = space.difference(content | {"choices": choices})
        assert "new" in gone
        assert "\n" not in gone

    def test_its_size_of_a_pickle_does_not_grow_with_use(self, space: SearchSpace) -> None:
        before = len(pickle.dumps(space))
        X = rows(space, 100)
        space.keys(X)
        space.parse(space.format(X[0]))
        space.arch(space.archs(X)[0].values)
        assert len(pickle.dumps(space)) <= before + 100

    def test_a_space_of_the_same_name_is_another(self, space: SearchSpace) -> None:
        other = CategoricalSpace(space.name, {"a": ["x", "y"], "one": [1]})
        assert other != space
        with pytest.raises(
            InvalidArchitectureError, match=r"another space that is named .* differs: "
        ) as caught:
            space.arch(other.arch([0, 0]))
        assert "\n" not in str(caught.value)

    # Notation.

    def test_notation_round_trips(self, space: SearchSpace) -> None:
        for arch in space.archs(rows(space, 100)):
            text = space.format(arch.row)
            assert space.parse(text) == arch.row
            assert "\n" not in text

    def test_rows_with_different_notation_differ(self, space: SearchSpace) -> None:
        X = rows(space, 300).unique(dim=0)
        assert len({space.format(row) for row in X}) == len(X)

    def test_an_architecture_is_the_same_in_every_form(self, space: SearchSpace) -> None:
        X = rows(space, 10)
        archs = space.archs(X)
        for arch, row in zip(archs, X, strict=True):
            forms: list[Any] = [arch, str(arch), arch.row, row, row.numpy()]
            forms += [list(row), tuple(row.tolist()), arch.values]
            forms += [row.float(), row.long()] if space.is_finite else []
            assert {space.arch(form) for form in forms} == {arch}
        forms = [archs, list(map(str, archs)), list(X), X, X.tolist(), X.numpy()]
        forms += [[arch.values for arch in archs], *([X.long()] if space.is_finite else [])]
        for form in forms:
            found = space.rows(form)
            assert found.dtype == torch.double
            assert found.equal(X)
        assert space.rows([], dtype=torch.float).shape == (0, space.n_columns)
        assert space.rows(X, dtype=torch.float).dtype == torch.float

    def test_an_architecture_has_a_value_for_each_column(self, space: SearchSpace) -> None:
        for arch in space.archs(rows(space, 10)):
            assert list(arch.values) == list(space.columns)
            counting = space.counting(arch.row)
            for index, (column, decision) in enumerate(space.finders.items()):
                if not counting[index]:
                    assert arch[column] == arch.values[column] == NOT_ACTIVE
                elif isinstance(decision, Listed):
                    assert arch[column] is arch.values[column]
                    assert arch[column] is space.choices[index][arch.row[index]]
                else:
                    assert arch[column] == arch.values[column] == decision.value(arch.row[index])
            assert space.row_of(arch.values) == arch.row
        with pytest.raises(UsageError, match="no column 'nonsense'"):
            arch["nonsense"]

    def test_a_tuple_of_digits_is_never_read_as_another_cell_than_its_text(
        self, space: SearchSpace
    ) -> None:
        for row in [arch.row for arch in space.archs(rows(space, 20))]:
            if _may_be_choices(row, space):
                continue
            assert space.arch(list(row)).row == row
            try:
                by_text = space.parse(str(tuple(row)))
            except InvalidArchitectureError:
                assert space.arch(tuple(row)).row == tuple(row)
                continue
            if by_text == tuple(row):
                assert space.arch(tuple(row)).row == by_text
                continue
            with pytest.raises(InvalidArchitectureError, match=r"could be a row of .* as text"):
                space.arch(tuple(row))

    def test_a_list_of_integers_that_may_be_choices_is_refused(self, space: SearchSpace) -> None:
        for row in [arch.row for arch in space.archs(rows(space, 50))]:
            if _may_be_choices(row, space):
                for form in (list(row), tuple(row)):
                    with pytest.raises(InvalidArchitectureError, match="could be the choices"):
                        space.arch(form)

    def test_wrong_values_are_named(self, space: SearchSpace) -> None:
        good = space.archs(rows(space, 1))[0].values
        first = space.columns[0]
        wrong = [
            ({column: good[column] for column in space.columns[1:]}, f"no choice for .*'{first}'"),
            (good | {"nonsense": 1}, "unknown column 'nonsense'"),
            (good | {first: "nonsense"}, f"unknown choice 'nonsense' in column '{first}'"),
            (good | {first: None}, f"unknown choice 'None' in column '{first}'"),
        ]
        for values, message in wrong:
            for call in (space.arch, space.row_of, lambda one: space.rows([one])):
                with pytest.raises(InvalidArchitectureError, match=message) as caught:
                    call(values)
                assert "\n" not in str(caught.value)

    def test_what_is_no_architecture_is_refused(self, space: SearchSpace) -> None:
        nonsense: list[Any] = [None, 3.5, {1, 2}, b"bytes", object(), [], (), {}, ["x"], [None]]
        nonsense += [[10**400], ([[0, 1]], None), [[[]]], torch.zeros(0), range(10_000)]
        for value in nonsense:
            for call in (space.arch, lambda one: space.rows([one])):
                with pytest.raises(InvalidArchitectureError) as caught:
                    call(value)
                assert "\n" not in str(caught.value)
        no_lists: list[Any] = [None, 3, "text", {"a": 1}, space.archs(rows(space, 1))[0]]
        for value in no_lists:
            with pytest.raises(InvalidArchitectureError, match="no list of architectures"):
                space.rows(value)

    def test_architectures_of_other_spaces_and_nonsense_are_refused(
        self, space: SearchSpace
    ) -> None:
        stranger = CategoricalSpace("stranger", {"a": [1, 2]}).arch((0,))
        with pytest.raises(InvalidArchitectureError, match="belongs to the space 'stranger'"):
            space.arch(stranger)
        for text in ("", "nonsense", "|||", "((", "\0"):
            with pytest.raises(InvalidArchitectureError) as caught:
                space.arch(text)
            assert "\n" not in str(caught.value)

    # Rows.

    @every_dtype
    def test_sample_is_valid_and_follows_its_generator(
        self, space: SearchSpace, dtype: torch.dtype
    ) -> None:
        X = rows(space, 30, seed=1, dtype=dtype)
        assert X.shape == (30, space.n_columns)
        assert X.dtype == dtype
        assert space.is_valid(X).all()
        assert X.equal(rows(space, 30, seed=1, dtype=dtype))
        assert not X.equal(rows(space, 30, seed=2, dtype=dtype))

    def test_sample_reaches_every_choice(self, space: SearchSpace) -> None:
        X = rows(space, 1000)
        for column, decision in enumerate(space.decisions):
            if not decision.is_real:
                assert X[:, column].unique().tolist() == list(range(decision.cardinality))

    def test_neighbours_are_all_valid_rows_one_decision_away(self, space: SearchSpace) -> None:
        """Of choices all others, of a scale some on either side; what they switch on or off follows."""
        for row in rows(space, 5):
            found = space.neighbours(row)
            assert found.dtype == row.dtype
            assert space.is_valid(found).all()
            differs, counts = found != row, space.active(found) & space.active(row.unsqueeze(0))
            assert ((differs & counts).sum(-1) == 1).all()
            assert space.settled(found).equal(found)
            others = set(map(tuple, found.tolist()))
            assert len(others) == len(found)
            for column, decision in enumerate(space.decisions):
                if not space.counting(row.tolist())[column]:
                    continue
                here = found[differs[:, column] & counts[:, column], column]
                if isinstance(decision, Scaled):
                    assert bool((here < row[column]).any()) == (row[column] > decision.limits[0])
                    assert bool((here > row[column]).any()) == (row[column] < decision.limits[1])
                    continue
                wanted = row.repeat(decision.cardinality, 1)
                wanted[:, column] = torch.arange(decision.cardinality)
                wanted = space.settled(wanted[wanted[:, column] != row[column]])
                wanted = wanted[space.is_valid(wanted)]
                assert set(map(tuple, wanted.tolist())) <= others
                assert len(wanted) == len(here)

    def test_mutate_changes_one_decision_and_follows_its_generator(
        self, space: SearchSpace
    ) -> None:
        X = rows(space, 200)
        before = X.clone()
        mutated = space.mutate(X, generator=generator(0))
        changed = ((mutated != X) & space.active(X) & space.active(mutated)).sum(-1)
        assert X.equal(before)
        assert space.is_valid(mutated).all()
        assert (changed <= 1).all()
        assert changed.double().mean() > 0.9
        assert mutated.equal(space.mutate(X, generator=generator(0)))
        assert not mutated.equal(space.mutate(X, generator=generator(1)))

    def test_crossover_takes_each_decision_from_a_parent_and_follows_its_generator(
        self, space: SearchSpace
    ) -> None:
        X, Z = rows(space, 200), rows(space, 200, seed=1)
        before = X.clone()
        children = space.crossover(X, Z, generator=generator(0))
        assert X.equal(before)
        assert space.is_valid(children).all()
        assert ((children == X) | (children == Z) | ~space.active(children)).all()
        differ = (X != Z) & space.active(X) & space.active(Z) & space.active(children)
        share = (children == Z)[differ].double().mean()
        # Where a child is no architecture it takes less from the second parent.
        assert 0.05 < share < 0.55
        assert children.equal(space.crossover(X, Z, generator=generator(0)))
        assert not children.equal(space.crossover(X, Z, generator=generator(1)))

    @every_dtype
    def test_canonical_rows_are_fixed_and_named_by_keys(
        self, space: SearchSpace, dtype: torch.dtype
    ) -> None:
        X = rows(space, 150, dtype=dtype)
        X = torch.cat([X, space.mutate(X, generator=generator(0))])
        C = space.canonical(X)
        keys = space.keys(X)
        assert C.dtype == dtype
        assert space.is_valid(C).all()
        assert space.canonical(C).equal(C)
        assert space.keys(C).equal(keys)
        assert keys.dtype == torch.int64
        same_rows = (C.unsqueeze(0) == C.unsqueeze(1)).all(-1)
        same_keys = keys.reshape(len(X), -1)
        assert (same_keys.unsqueeze(0) == same_keys.unsqueeze(1)).all(-1).equal(same_rows)
        ids = keys if space.merges_isomorphs else space.row_keys(X)
        assert space.ids(X) == (ids.tolist() if ids.ndim == 1 else list(map(tuple, ids.tolist())))

    def test_enumerate_lists_each_architecture_once(self, space: SearchSpace) -> None:
        if not space.is_enumerable:
            with pytest.raises(UsageError, match=f"{space.name} has .* rows, too many to list"):
                space.enumerate()
            return
        if space.size > self.listed:
            pytest.skip("too many rows to compare with")
        listed = space.enumerate(dtype=torch.float32)
        assert listed.dtype == torch.float32
        ids = space.ids(listed)
        all_rows = torch.tensor(list(product(*map(range, space.cardinalities))), dtype=torch.float)
        assert len(set(ids)) == len(ids)
        assert set(ids) == set(space.ids(all_rows[space.is_valid(all_rows)]))

    @pytest.mark.parametrize("bad", [-1.0, 0.5, 1000.0, float("nan"), float("inf")])
    def test_bad_rows_are_named(self, space: SearchSpace, bad: float) -> None:
        X = rows(space, 3)
        for column in (0, space.n_columns - 1):
            wrong = X.clone()
            wrong[1, column] = bad
            with pytest.raises(InvalidArchitectureError, match=f"^row 1 is no .* {space.name}"):
                space.check(wrong)
        with pytest.raises(InvalidArchitectureError, match=r"^row 0 "):
            space.arch(wrong[1])

    def test_choices_end_at_their_cardinality(self, space: SearchSpace) -> None:
        X = rows(space, space.n_columns)
        X.fill_diagonal_(0)
        X += torch.diag(torch.tensor([d.limits[1] + 1 for d in space.decisions], dtype=X.dtype))
        assert not space.is_valid(X).any()

    def test_rows_of_wrong_width_are_refused(self, space: SearchSpace) -> None:
        X = rows(space, 3)
        for wrong in (X[:, 1:], torch.cat([X, X], -1), X[0], X.unsqueeze(0)):
            message = rf"have {space.n_columns} columns .*{space.columns[0]}.* shape \("
            with pytest.raises(InvalidArchitectureError, match=message):
                space.check(wrong)

    def test_a_default_device_of_the_user_changes_nothing(self, space: SearchSpace) -> None:
        """Tensors are made where the rows are; ``meta`` stands for a device that the rows are not on."""
        X = rows(space, 20)
        wanted = self._all_of(space, X)
        torch.set_default_device("meta")
        try:
            found = self._all_of(self.make(), rows(space, 20))
        finally:
            torch.set_default_device(None)
        for mine, theirs in zip(found, wanted, strict=True):
            assert mine.device.type == "cpu"
            assert mine.equal(theirs)

    @staticmethod
    def _all_of(space: SearchSpace, X: Tensor) -> list[Tensor]:
        archs: list[Arch] = space.archs(X)
        graphs = space.graphs(X)
        graphs.to_networkx(0)
        return [
            X,
            space.rows(archs),
            space.rows(list(map(str, archs))),
            space.neighbours(X[0]),
            space.mutate(X, generator=generator(0)),
            space.crossover(X, X.flip(0), generator=generator(0)),
            space.canonical(X),
            space.keys(X),
            space.distinct(X),
            space.is_valid(X),
            graphs.adjacency,
            graphs.ops,
            graphs.mask,
            graphs.connected(),
        ]

    # Graphs.

    def test_graphs_are_acyclic_and_within_their_template(self, space: SearchSpace) -> None:
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

    def test_whole_batch_is_row_by_row(self, space: SearchSpace) -> None:
        X = rows(space, 20)
        batch = space.graphs(X)
        for index, row in enumerate(X):
            alone = space.graphs(row.unsqueeze(0))
            for field in ("adjacency", "ops", "mask"):
                assert getattr(alone, field)[0].equal(getattr(batch, field)[index])
            assert space.canonical(row.unsqueeze(0))[0].equal(space.canonical(X)[index])
            assert space.keys(row.unsqueeze(0))[0].equal(space.keys(X)[index])

    def test_connected_nodes_are_those_of_networkx(self, space: SearchSpace) -> None:
        X = rows(space, 30)
        batch, template = space.graphs(X), space.template
        for row, connected in zip(X, batch.connected(), strict=True):
            graph = space.to_networkx(row)
            forward, backward = set(template.inputs), set(template.outputs)
            forward = forward.union(*(nx.descendants(graph, n) for n in template.inputs))
            backward = backward.union(*(nx.ancestors(graph, n) for n in template.outputs))
            assert set(connected.nonzero().flatten().tolist()) == forward & backward

    def test_networkx_graph_is_the_batch(self, space: SearchSpace) -> None:
        for row in rows(space, 20):
            graph, batch = space.arch(row).to_networkx(), space.graphs(row.unsqueeze(0))
            assert nx.is_directed_acyclic_graph(graph)
            assert set(graph.edges) == set(map(tuple, batch.adjacency[0].nonzero().tolist()))
            ops = {
                n: space.template.op_names[int(batch.ops[0, n])]
                for n in batch.mask[0].nonzero().flatten().tolist()
            }
            assert {node: data["op"] for node, data in graph.nodes.items()} == ops
