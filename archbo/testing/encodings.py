"""What every encoding keeps to.

Example:
    A package with an encoding of its own tests it with a class such as ::

        from archbo.testing.encodings import EncodingContract
        from my_package import MyEncoding, MySpace

        class TestMyEncoding(EncodingContract):
            def make(self):
                return MyEncoding(MySpace(), depth=2)
"""

import pickle
from abc import ABC, abstractmethod
from collections.abc import Sequence

import pytest
import torch
from botorch.models import SingleTaskGP

from archbo.encodings import Encoding, OneHotEncoding
from archbo.errors import UsageError
from archbo.randomness import generator
from archbo.testing.spaces import distinct_rows, every_dtype, rows

__all__ = ["EncodingContract"]


class EncodingContract(ABC):
    """Tests of one encoding; inherit them in a class whose name begins with ``Test`` and implement ``make``."""

    @abstractmethod
    def make(self) -> Encoding:
        """A new instance of the encoding, equal to the one before."""

    def others(self) -> Sequence[Encoding]:
        """Encodings that must not be equal to it, such as one of each other value of its options."""
        return ()

    @pytest.fixture
    def encoding(self) -> Encoding:
        """The encoding that is tested."""
        return self.make()

    def test_it_describes_its_features(self, encoding: Encoding) -> None:
        assert encoding.n_features == len(encoding.feature_names) == len(encoding.groups) > 0
        assert len(set(encoding.feature_names)) == encoding.n_features
        assert sorted(set(encoding.groups)) == list(range(max(encoding.groups) + 1))

    @every_dtype
    def test_it_is_row_wise(self, encoding: Encoding, dtype: torch.dtype) -> None:
        X = rows(encoding.space, 12, dtype=dtype)
        flat = encoding(X)
        assert flat.shape == (12, encoding.n_features)
        assert flat.dtype == dtype
        assert flat.isfinite().all()
        assert torch.stack([encoding(row.unsqueeze(0))[0] for row in X]).equal(flat)
        for shape in [(12, 1), (4, 3), (2, 3, 2)]:
            batch = encoding(X.reshape(*shape, -1))
            assert batch.equal(flat.reshape(*shape, -1))
        assert encoding(X[:0]).shape == (0, encoding.n_features)

    def test_it_tells_rows_apart_only_if_they_differ(self, encoding: Encoding) -> None:
        """Features depend on nothing but the row, and are not all the same."""
        X = rows(encoding.space, 60)
        features = encoding(X)
        assert len(features.unique(dim=0)) > 1
        assert encoding(X.flip(0)).flip(0).equal(features)

    def test_it_remembers_what_it_has_seen(self, encoding: Encoding) -> None:
        """Looked up, features are the same; and rows that were not remembered are encoded."""
        space, fresh = encoding.space, self.make()
        X, pool = rows(space, 30), distinct_rows(space, 15)
        both = torch.cat([pool.flip(0), X])
        wanted = fresh(X)
        encoding(both)
        before = len(pickle.dumps(encoding))
        encoding.remember(pool)
        assert encoding(both).equal(fresh(both))
        assert encoding(X.reshape(10, 3, -1)).equal(wanted.reshape(10, 3, -1))
        assert encoding(X.float()).equal(fresh(X.float()))
        assert encoding(X[:0]).shape == (0, encoding.n_features)
        assert abs(len(pickle.dumps(encoding)) - before) < 1000

    # Counts of paths are not in the unit cube; BoTorch warns for models that divide by a range.
    @pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning")
    def test_it_is_an_input_transform_of_botorch(self, encoding: Encoding) -> None:
        X = distinct_rows(encoding.space, 8)
        Y = torch.randn(len(X), 1, generator=generator(0), dtype=torch.double)
        model = SingleTaskGP(X, Y, input_transform=encoding)
        posterior = model.posterior(rows(encoding.space, 6).reshape(3, 2, -1))
        assert posterior.mean.shape == (3, 2, 1)
        assert posterior.mean.isfinite().all()

    def test_its_sum_with_another_is_side_by_side(self, encoding: Encoding) -> None:
        second, X = OneHotEncoding(encoding.space), rows(encoding.space, 10)
        both = encoding + second
        assert both(X).equal(torch.cat([encoding(X), second(X)], -1))
        assert both.feature_names == (*encoding.feature_names, *second.feature_names)
        shift = max(encoding.groups) + 1
        assert both.groups == (*encoding.groups, *(shift + group for group in second.groups))
        assert both.equals(self.make() + OneHotEncoding(encoding.space))
        assert not both.equals(second + encoding) or repr(encoding) == repr(second)
        # Beside what follows reals smoothly, all else is constant between jumps.
        among = all if encoding.space.is_finite else any
        assert both.differentiable == among((encoding.differentiable, second.differentiable))

    def test_it_refuses_rows_of_wrong_width(self, encoding: Encoding) -> None:
        d = encoding.space.n_columns
        with pytest.raises(UsageError, match=f"takes rows of {d} columns"):
            encoding(torch.zeros(2, d + 1))

    def test_it_equals_itself_only(self, encoding: Encoding) -> None:
        assert encoding.equals(encoding)
        assert encoding.equals(self.make())
        assert self.make().equals(encoding)
        for other in self.others():
            assert not encoding.equals(other)
            assert not other.equals(encoding)

    def test_it_pickles(self, encoding: Encoding) -> None:
        copy = pickle.loads(pickle.dumps(encoding))  # noqa: S301 - our own bytes
        X = rows(encoding.space, 10)
        assert copy.space == encoding.space
        assert copy.feature_names == encoding.feature_names
        assert copy(X).equal(encoding(X))

    def test_gradients_flow_if_and_only_if_it_says_so(self, encoding: Encoding) -> None:
        X = rows(encoding.space, 5)
        encoding.remember(X)
        features = encoding(X.clone().requires_grad_())
        assert features.requires_grad == encoding.differentiable
        assert features.detach().equal(encoding(X))
        twice = encoding + self.make()
        assert twice.differentiable == encoding.differentiable
        assert twice(X.clone().requires_grad_()).requires_grad == encoding.differentiable
        with torch.no_grad():
            assert not encoding(X.clone().requires_grad_()).requires_grad
        if not encoding.differentiable:
            return
        inner = X.clamp(min=0.25).requires_grad_()
        weights = torch.rand(encoding.n_features, generator=generator(0), dtype=X.dtype) + 1
        (encoding(inner) @ weights).sum().backward()
        assert inner.grad is not None
        assert inner.grad.isfinite().all()
        free = torch.tensor(encoding.space.cardinalities) > 1
        step = 1e-6
        for column in free.nonzero().flatten().tolist():
            moved = inner.detach().clone()
            moved[:, column] += step
            slope = (encoding(moved) - encoding(inner.detach())) @ weights / step
            assert inner.grad[:, column].allclose(slope, rtol=1e-4, atol=1e-6)

    def test_a_default_device_of_the_user_changes_nothing(self, encoding: Encoding) -> None:
        """Tensors are made where the rows are; ``meta`` stands for a device that the rows are not on."""
        X = rows(encoding.space, 20)
        wanted = encoding(X)
        torch.set_default_device("meta")
        try:
            other = self.make()
            other.remember(X[:5])
            found = other(X)
        finally:
            torch.set_default_device(None)
        assert found.device.type == "cpu"
        assert found.equal(wanted)
