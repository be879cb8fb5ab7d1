"""Pickles that carry code: refused, and never run."""

import bz2
import contextlib
import io
import os
import pickle
from collections import OrderedDict
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archbo.benchmarks import analog_nas_bench, nas_bench_graph
from archbo.benchmarks.safe_pickle import load_pickle
from archbo.errors import DataError

RECORD = ("analognasbench.data", "Architecture")
READERS = {
    "load_pickle": partial(load_pickle, records=frozenset({RECORD})),
    "analog_nas_bench": analog_nas_bench,
    "nas_bench_graph": partial(nas_bench_graph, "cora"),
}
every_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())


class Call:
    """Pickled as the call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Keyed(pickle.Pickler):
    def persistent_id(self, obj):
        return "anything" if obj == "stored elsewhere" else None


def keyed():
    file = io.BytesIO()
    Keyed(file).dump({"a": "stored elsewhere"})
    return file.getvalue()


def named(module, name):
    return f"c{module}\n{name}\n".encode()


def build(target, *, slots=False):
    """Set an attribute of ``target`` through BUILD, as state or as slots, and keep the result."""
    state = pickle.dumps({"planted": 1}, protocol=2)[2:-1]
    return target + (b"N" + state + b"\x86" if slots else state) + b"b."


def attacks(canary):
    """What must never run, by the way in which it is asked for."""
    shell = f"touch {canary}"
    python = f"open({str(canary)!r}, 'w').close()"
    record, scalar = named(*RECORD), named("numpy.core.multiarray", "scalar")
    return {
        "REDUCE of os.system": pickle.dumps(Call(os.system, shell), protocol=0),
        "REDUCE in a key": pickle.dumps({Call(os.system, shell): 1}, protocol=2),
        "STACK_GLOBAL of os.system": pickle.dumps([Call(os.system, shell)], protocol=4),
        "builtins.eval": pickle.dumps({1: Call(eval, python)}, protocol=4),
        "builtins.exec": pickle.dumps({1: Call(exec, python)}, protocol=2),
        "INST": f"(S'{shell}'\nios\nsystem\n.".encode(),
        "OBJ": b"(" + named("os", "system") + f"S'{shell}'\no.".encode(),
        "EXT": b"\x82\x01.",
        "attribute of a record": b"\x80\x04"
        + pickle.dumps(RECORD[0], protocol=4)[11:-1]
        + b"\x8c\x12__class__.__base__\x93.",
        "getattr": pickle.dumps(Call(getattr, "", "join"), protocol=2),
        "import of a module that is not there": named("no_such_module", "f") + b".",
        "object array": pickle.dumps({1: np.array([Call(os.system, shell)], dtype=object)}),
        "short array": pickle.dumps(np.zeros(3)).replace(b"C\x18", b"C\x10"),
        "array by columns": pickle.dumps({1: np.zeros((3, 2), order="F")}),
        "complex scalar": pickle.dumps({1: np.complex128(1)}),
        "object scalar": scalar + named("numpy", "dtype") + b"(X\x02\x00\x00\x00O8tRK\x01\x86R.",
        "scalar without a dtype": scalar + b"(K\x01C\x08\0\0\0\0\0\0\0\0tR.",
        "short scalar": scalar + named("numpy", "dtype") + b"(X\x02\0\0\0f8tRC\x02\0\0\x86R.",
        "persistent id": keyed(),
        "BUILD on a class": build(record),
        "truncated": pickle.dumps({1: [1.0] * 50}, protocol=4)[:-20],
        "empty": b"",
        "no pickle": b"arch_str,accuracy\n",
        "text": "é".encode("utf-16"),
        "not on the stack": b"....",
        "endless string": b"\x8d" + b"\xff" * 7 + b"\x7f",
    }


ATTACKS = list(attacks("canary"))


@every_reader
@pytest.mark.parametrize("attack", ATTACKS)
def test_anything_but_data_is_refused_and_never_run(read, attack, tmp_path):
    canary, file = tmp_path / "canary", tmp_path / "data.bench"
    file.write_bytes(attacks(canary)[attack])
    with pytest.raises(DataError) as caught:
        read(path=file)
    assert str(file) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not canary.exists()


def test_the_attacks_are_real(tmp_path):
    """A plain unpickler runs them, so the canary would be there."""
    canary = tmp_path / "canary"
    for name in ("REDUCE of os.system", "STACK_GLOBAL of os.system", "builtins.eval", "INST"):
        pickle.loads(attacks(canary)[name])  # noqa: S301 - the test's own
        assert canary.exists()
        canary.unlink()


@pytest.mark.parametrize("slots", [False, True])
@pytest.mark.parametrize(
    "target",
    [
        RECORD,
        ("numpy.core.multiarray", "scalar"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
    ],
    ids=str,
)
def test_what_a_pickle_plants_is_gone_with_it(target, slots, tmp_path):
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.write_bytes(build(named(*target), slots=slots))
    good.write_bytes(named(*target) + b".")
    with contextlib.suppress(DataError):
        load_pickle(bad, records=frozenset({RECORD}))
    assert not hasattr(load_pickle(good, records=frozenset({RECORD})), "planted")
    for read in (analog_nas_bench, partial(nas_bench_graph, "cora")):
        with pytest.raises(DataError):
            read(path=bad)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.tuples(st.integers(), st.integers()), inner)
    ),
    max_leaves=20,
)


@given(plain, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data_is_read_as_pickle_reads_it(tmp_path_factory, content, protocol):
    file = tmp_path_factory.getbasetemp() / "plain"
    file.write_bytes(pickle.dumps(content, protocol=protocol))
    assert load_pickle(file) == content


@pytest.mark.parametrize("protocol", range(3, pickle.HIGHEST_PROTOCOL + 1))
def test_numpy_scalars_become_python_numbers(protocol, tmp_path):
    scalars = [np.float64(0.1), np.float32(0.1), np.int64(-5), np.int32(7), np.bool_(True)]
    (tmp_path / "scalars").write_bytes(pickle.dumps(scalars, protocol=protocol))
    found = load_pickle(tmp_path / "scalars")
    assert found == [scalar.item() for scalar in scalars]
    assert [type(value) for value in found] == [float, float, int, int, bool]


@pytest.mark.parametrize("protocol", range(2, 5))
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.int32, np.bool_])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 3)])
def test_numpy_arrays_become_lists(protocol, kind, shape, tmp_path):
    array = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    (tmp_path / "array").write_bytes(pickle.dumps({"a": array}, protocol=protocol))
    assert load_pickle(tmp_path / "array") == {"a": array.tolist()}


CONTENT = {"cells": OrderedDict(a=1, b=(2.5, "x")), "seen": {3, 4}}


@pytest.mark.parametrize("is_zip", [False, True])
def test_files_of_torch_without_tensors_are_read(is_zip, tmp_path):
    torch.save(CONTENT, tmp_path / "data.pth", _use_new_zipfile_serialization=is_zip)
    assert load_pickle(tmp_path / "data.pth") == CONTENT
    torch.save({"weights": torch.ones(2)}, tmp_path / "net.pth")
    with pytest.raises(DataError, match=r"refused .*_rebuild_tensor"):
        load_pickle(tmp_path / "net.pth")


@pytest.mark.parametrize("protocol", range(1, 6))
def test_packed_pickles_are_read(protocol, tmp_path):
    (tmp_path / "data.pbz2").write_bytes(bz2.compress(pickle.dumps(CONTENT, protocol)))
    assert load_pickle(tmp_path / "data.pbz2") == CONTENT
    whole = (tmp_path / "data.pbz2").read_bytes()
    (tmp_path / "data.pbz2").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot read"):
        load_pickle(tmp_path / "data.pbz2")


def test_big_endian_scalars_are_refused_not_misread(tmp_path):
    content = pickle.dumps(np.float64(0.1), protocol=3).replace(b"<", b">")
    (tmp_path / "big").write_bytes(content)
    with pytest.raises(DataError, match="little-endian"):
        load_pickle(tmp_path / "big")


def test_records_are_namespaces_not_their_class(tmp_path):
    file = tmp_path / "record"
    file.write_bytes(named(*RECORD) + b")\x81}X\x01\x00\x00\x00aK\x07sb.")
    assert vars(load_pickle(file, records=frozenset({RECORD}))) == {"a": 7}
    with pytest.raises(
        DataError, match=r"refused .*: it asks for analognasbench.data.Architecture"
    ):
        load_pickle(file)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*nothing.here: No such file"):
        load_pickle(tmp_path / "nothing.here")
