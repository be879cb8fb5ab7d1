"""NAS-Bench-101: TFRecords of JSON with Protocol Buffers in it."""

import base64
import json
import struct
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import IO, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from archbo.benchmarks.importers.base import ARCH, Files, Importer, Published
from archbo.errors import DataError
from archbo.spaces import NodeCellSpace, SearchSpace

__all__ = ["NasBench101"]

EPOCHS = (4, 12, 36, 108)
"""The lengths of the trainings (arXiv 1902.09635, section 2.4)."""

REPEATS = 3
"""The number of trainings of each cell and length."""

FIELDS = {4: "val_acc", 5: "test_acc", 3: "train_acc", 2: "train_time"}
"""The fields of ``EvaluationData`` in nasbench/lib/model_metrics.proto that become columns, by their numbers."""

SCALE = dict.fromkeys(("val_acc", "test_acc", "train_acc"), 100.0) | {"train_time": 1.0}
"""Accuracies are fractions in the file, and in % in the table."""

REPEATED = ("val_acc", "test_acc")
"""What has a column for each training."""

CELLS = 1024
"""The number of cells that there is room for at first."""

BATCH = 4096
"""The number of records whose checksums are computed together."""


@final
class NasBench101(Importer):
    """423,624 cells on CIFAR-10, trained three times each for 4, 12, 36 and 108 epochs (arXiv 1902.09635).

    Columns: ``val_acc_{epochs}``, ``test_acc_{epochs}``, ``train_acc_{epochs}`` in % and ``train_time_{epochs}`` in
    seconds are means over the trainings; ``val_acc_{epochs}_{1,2,3}`` and ``test_acc_{epochs}_{1,2,3}`` are those of
    each; ``half_val_acc_{epochs}`` and the like are means halfway through them; ``params``, the number of parameters.
    """

    name = "nas-bench-101"
    licence = "Apache-2.0"
    files = (
        Published(
            "nasbench_full.tfrecord",
            "https://storage.googleapis.com/nasbench/nasbench_full.tfrecord",
            "2.1 GB",
            "3d64db8180fb1b0207212f9032205064312b6907a3bbc81eabea10db2f5c7e9c",
        ),
        Published(
            "nasbench_only108.tfrecord",
            "https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord",
            "499 MB",
            "4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1",
        ),
    )

    def _read(self, files: Files) -> tuple[SearchSpace, pd.DataFrame]:
        space = NodeCellSpace.nas_bench_101()
        cells: dict[str, int] = {}
        texts: list[str] = []
        params: list[int] = []
        values = np.full((CELLS, len(EPOCHS), REPEATS, 2, len(FIELDS)), np.nan, dtype=np.float32)
        counts = np.zeros((CELLS, len(EPOCHS)), dtype=np.int8)
        for path in files.paths:
            with files.open(path) as file:
                for number, record in enumerate(_records(file, path), 1):
                    try:
                        key, epochs, bits, ops, metrics = json.loads(record)
                        n_params, halfway, end = _metrics(base64.b64decode(metrics, validate=True))
                        cell = cells.setdefault(key, len(cells))
                        if cell == len(texts):
                            texts.append(_text(space, bits, ops))
                            params.append(n_params)
                        if cell == len(values):
                            values = np.concatenate([values, np.full_like(values, np.nan)])
                            counts = np.concatenate([counts, np.zeros_like(counts)])
                        if epochs not in EPOCHS or counts[cell, EPOCHS.index(epochs)] == REPEATS:
                            raise ValueError(f"one more training of {epochs} epochs")
                        length = EPOCHS.index(epochs)
                        values[cell, length, counts[cell, length]] = halfway, end
                        counts[cell, length] += 1
                    except (
                        ValueError,
                        TypeError,
                        IndexError,
                        AttributeError,
                        struct.error,
                    ) as error:
                        raise DataError(
                            f"record {number} of {path}: {error}; give a file of NAS-Bench-101"
                        ) from error
        return space, _frame(texts, params, values[: len(texts)])


def _frame(texts: list[str], params: list[int], values: npt.NDArray[np.float32]) -> pd.DataFrame:
    """The table of ``cells x lengths x repeats x (halfway, end) x fields``; what none was trained for is left out."""
    columns: dict[str, object] = {ARCH: texts, "params": params}
    for length, epochs in enumerate(EPOCHS):
        for index, (name, scale) in enumerate(SCALE.items()):
            repeats = values[:, length, :, :, index].astype(np.float64) * scale
            n = np.isfinite(repeats[..., 1]).sum(1)
            if not n.any():
                continue
            means = np.nansum(repeats, axis=1) / np.where(n, n, np.nan)[:, None]
            columns[f"half_{name}_{epochs}"], columns[f"{name}_{epochs}"] = means.T
            for repeat in range(n.max() if name in REPEATED else 0):
                columns[f"{name}_{epochs}_{repeat + 1}"] = repeats[:, repeat, 1]
    return pd.DataFrame(columns)


def _text(space: NodeCellSpace, bits: str, ops: str) -> str:
    """The space's notation of a matrix, written row by row, and of labels joined with commas."""
    labels = ops.split(",")
    k = len(labels)
    if len(bits) != k * k:
        raise ValueError(f"a matrix of {len(bits)} numbers for {k} labels")
    upper = [bits[k * s + t] if t < k else "0" for s, t in space.pairs]
    return f"{''.join(upper)}:{'|'.join(labels)}"


# TFRecord: the length of the data in eight bytes, its checksum in four, the data, and its checksum in four
# (tensorflow/core/lib/io/record_writer.h).


def _records(file: IO[bytes], path: object) -> Iterator[bytes]:
    """The records of a file, each with the checksum that was written with it."""
    framed = enumerate(_framed(file, path), 1)
    while batch := list(islice(framed, BATCH)):
        found = _checksums([record for _, (record, _) in batch])
        for checksum, (number, (record, written)) in zip(found, batch, strict=True):
            if checksum != written:
                raise DataError(
                    f"record {number} of {path} is damaged; get the official file again"
                )
            yield record


def _framed(file: IO[bytes], path: object) -> Iterator[tuple[bytes, bytes]]:
    """The records and their checksums, which are not checked yet."""
    number = 0
    while head := file.read(12):
        number += 1
        if _checksum_of_length(head[:8]) != head[8:]:
            raise DataError(
                f"record {number} of {path} is damaged, or the file is no TFRecord; get the official file again"
            )
        (size,) = struct.unpack("<Q", head[:8])
        record, checksum = file.read(size), file.read(4)
        if len(checksum) < 4:
            raise DataError(f"{path} ends within record {number}; get the official file again")
        yield record, checksum


def _table() -> npt.NDArray[np.uint32]:
    """The CRC-32C of each byte (RFC 3720, appendix B.4)."""
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, np.uint32(0x82F63B78) ^ (crc >> 1), crc >> 1).astype(np.uint32)
    return crc


TABLE = _table()
"""The CRC-32C of each byte."""


def _checksums(data: list[bytes]) -> list[bytes]:
    """The masked CRC-32C of each of many strings of bytes, all at once."""
    sizes = np.array(list(map(len, data)))
    order = np.argsort(-sizes, kind="stable")
    longest = int(sizes.max())
    padded = np.zeros((longest, len(data)), dtype=np.uint8)  # a byte of all strings is a row
    for column, index in enumerate(order):
        padded[: sizes[index], column] = np.frombuffer(data[index], dtype=np.uint8)
    crc = np.full(len(data), 0xFFFFFFFF, dtype=np.uint32)
    ends = np.searchsorted(-sizes[order], -np.arange(longest), side="left")
    for row, end in zip(padded, ends, strict=True):
        now = crc[:end]
        crc[:end] = TABLE[(now ^ row[:end]) & 0xFF] ^ (now >> np.uint32(8))
    crc = ~crc
    masked = (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(0xA282EAD8)
    result = np.empty_like(masked)
    result[order] = masked
    return [checksum.tobytes() for checksum in result.astype("<u4")]


@cache
def _checksum_of_length(length: bytes) -> bytes:
    """The masked CRC-32C of a length; there are few."""
    return _checksums([length])[0]


# Protocol Buffers: a message is fields, each a number and a kind, then a value
# (https://protobuf.dev/programming-guides/encoding).


def _fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """The fields of a message: their numbers, and values as integers, doubles or bytes."""
    place = 0
    while place < len(message):
        key, place = _integer(message, place)
        if key & 7 == 1:
            yield key >> 3, struct.unpack_from("<d", message, place)[0]
            place += 8
        elif key & 7 == 0:
            value, place = _integer(message, place)
            yield key >> 3, value
        elif key & 7 == 2:
            size, place = _integer(message, place)
            place += size
            if place > len(message):
                raise ValueError("its metrics are cut short")
            yield key >> 3, message[place - size : place]
        else:
            raise ValueError(f"its metrics have a field of kind {key & 7}")


def _integer(message: bytes, place: int) -> tuple[int, int]:
    """The integer of variable length that begins at a place, and the place behind it."""
    value = message[place]
    if value < 0x80:  # most are
        return value, place + 1
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def _metrics(message: bytes) -> tuple[int, list[float], list[float]]:
    """The number of parameters, and the fields halfway through a training and at its end.

    ``ModelMetrics`` is ``repeated EvaluationData evaluation_data = 1``, at the start, halfway and at the end, and
    ``int32 trainable_parameters = 2``.
    """
    fields = list(_fields(message))
    evaluations = [value for number, value in fields if number == 1 and isinstance(value, bytes)]
    if len(evaluations) != 3:
        raise ValueError(f"{len(evaluations)} evaluations where there are 3")
    halfway, end = (
        [found.get(one, np.nan) for one in FIELDS] for found in map(_doubles, evaluations[1:])
    )
    return (
        next((value for number, value in fields if number == 2 and isinstance(value, int)), 0),
        halfway,
        end,
    )


def _doubles(message: bytes) -> dict[int, float]:
    """The numbers in a message, by those of their fields."""
    return {number: value for number, value in _fields(message) if isinstance(value, float)}
