"""Writes small files in exactly the formats of the official ones; each says where its layout comes from."""

import base64
import bz2
import io
import json
import pickle
import struct
import tarfile
from collections import OrderedDict

import torch
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# NAS-Bench-101. nasbench/lib/model_metrics.proto of google-research/nasbench; nasbench/api.py reads the records.


def _model_metrics():
    """The message class that protoc makes of model_metrics.proto."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="model_metrics.proto", package="nasbench", syntax="proto2"
    )
    metrics = file.message_type.add(name="ModelMetrics")
    for name, number, kind, label, message in (
        ("evaluation_data", 1, field.TYPE_MESSAGE, field.LABEL_REPEATED, "nasbench.EvaluationData"),
        ("trainable_parameters", 2, field.TYPE_INT32, field.LABEL_OPTIONAL, None),
        ("total_time", 3, field.TYPE_DOUBLE, field.LABEL_OPTIONAL, None),
    ):
        metrics.field.add(name=name, number=number, type=kind, label=label, type_name=message)
    data = file.message_type.add(name="EvaluationData")
    doubles = "current_epoch training_time train_accuracy validation_accuracy test_accuracy"
    for number, name in enumerate(doubles.split(), 1):
        data.field.add(name=name, number=number, type=field.TYPE_DOUBLE, label=field.LABEL_OPTIONAL)
    data.field.add(
        name="checkpoint_path", number=6, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("nasbench.ModelMetrics"))


ModelMetrics = _model_metrics()


def nas_bench_101_record(key, epochs, matrix, ops, params, evaluations):
    """A record; ``evaluations`` are three of (epoch, time, train, validation, test accuracy)."""
    message = ModelMetrics(trainable_parameters=params, total_time=1234.5)
    for number, values in enumerate(evaluations):
        data = message.evaluation_data.add()
        for field, value in zip(data.DESCRIPTOR.fields, values, strict=False):
            setattr(data, field.name, value)
        if number == 2:
            data.checkpoint_path = "/path/to/model_dir/model.ckpt-1234"
    bits = "".join(str(bit) for row in matrix for bit in row)
    metrics = base64.b64encode(message.SerializeToString()).decode()
    return json.dumps([key, epochs, bits, ",".join(ops), metrics]).encode()


def crc32c(data):
    """By its definition, bit by bit (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def tfrecord(records):
    """The content of a file of records (tensorflow/core/lib/io/record_writer.h)."""

    def masked(data):
        crc = crc32c(data)
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    content = b""
    for record in records:
        length = struct.pack("<Q", len(record))
        content += length + masked(length) + record + masked(record)
    return content


# NATS-Bench. nats_bench/api_utils.py: ArchResults.state_dict, ResultsCount.state_dict, pickle_save.


def results_count(dataset, seed, epochs, accuracies, arch_config):
    """``ResultsCount.state_dict()``; ``accuracies`` are by set of images, of the last epoch."""
    spread = {
        f"{name}@{e}": a - (epochs - 1 - e) for name, a in accuracies.items() for e in range(epochs)
    }
    return {
        "name": dataset,
        "net_state_dict": None,
        "train_acc1es": {e: 50.0 + e for e in range(epochs)},
        "train_acc5es": dict.fromkeys(range(epochs), 90.0),
        "train_losses": {e: 1.0 / (e + 1) for e in range(epochs)},
        "train_times": OrderedDict((e, 7.5) for e in range(epochs)),
        "arch_config": arch_config,
        "params": 0.5,
        "flop": 20.25,
        "seed": seed,
        "epochs": epochs,
        "latency": [0.015],
        "eval_names": list(accuracies),
        "eval_acc1es": spread,
        "eval_times": dict.fromkeys(spread, 1.25),
        "eval_losses": dict.fromkeys(spread, 2.0),
    }


def arch_results(index, arch, epochs, values, seeds):
    """``ArchResults.state_dict()``; ``values`` gives an accuracy for a dataset, a set of images and a seed."""
    sets = {
        "cifar10-valid": ("x-valid", "ori-test"),
        "cifar10": ("ori-test",),
        "cifar100": ("ori-test", "x-valid", "x-test"),
        "ImageNet16-120": ("ori-test", "x-valid", "x-test"),
    }
    config = {"channel": 16, "num_cells": 5, "arch_str": arch, "class_num": 10}
    return {
        "arch_index": index,
        "arch_str": arch,
        "all_results": {
            (dataset, seed): results_count(
                dataset,
                seed,
                epochs,
                {images: values(dataset, images, seed) for images in names},
                config,
            )
            for dataset, names in sets.items()
            for seed in seeds
        },
        "dataset_seed": {dataset: list(seeds) for dataset in sets},
        "clear_net_done": True,
    }


def pbz2(content):
    """``pickle_save``: protocol 4, packed."""
    return bz2.compress(pickle.dumps(content, protocol=4))


def nats_folder(folder, archs, by_index):
    """``NATS-...-simple``: meta.pickle.pbz2 and a file for each architecture (exps/NATS-Bench/tss-collect.py)."""
    folder.mkdir()
    meta = {
        "meta_archs": archs,
        "total_archs": len(archs),
        "arch2infos": None,
        "evaluated_indexes": set(),
    }
    (folder / "meta.pickle.pbz2").write_bytes(pbz2(meta))
    for index, states in by_index.items():
        (folder / f"{index:06d}.pickle.pbz2").write_bytes(pbz2(OrderedDict(states)))


def nats_whole(archs, by_index):
    """What NATS-....pickle.pbz2 and NAS-Bench-201-....pth hold."""
    return {
        "meta_archs": archs,
        "total_archs": len(archs),
        "arch2infos": {index: OrderedDict(states) for index, states in by_index.items()},
        "evaluated_indexes": set(by_index),
    }


def torch_file(path, content):
    """``torch.save`` as before version 1.6, when these files were made."""
    torch.save(content, path, _use_new_zipfile_serialization=False)


# Accel-NASBench. utils.py of afzalxo/Accel-NASBench reads a file.


def accel_result(architecture, metrics, performance):
    """A result_x.json; ``performance`` is (mean, standard deviation) by ``throughput_a100`` and the like."""
    return {
        "architecture": architecture,
        "metrics": metrics,
        "platform_perf": {
            name: {f"{name.split('_')[0]}_mean": mean, f"{name.split('_')[0]}_std": std}
            for name, (mean, std) in performance.items()
        },
    }


def tar_gz(members):
    """The content of a .tar.gz of files of JSON by name."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in members.items():
            data = json.dumps(content).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


# YAHPO Gym. An ONNX model with the inputs and the output of nb301/model_v2.onnx; onnx.proto has the numbers of fields.


def _field(number, value):
    """A field of Protocol Buffers: an integer, bytes, or text."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value):
    out = b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def _tensor(name, array):
    dims = b"".join(_field(1, n) for n in array.shape)
    raw = array.astype("<f4").tobytes()
    return dims + _field(2, 1) + _field(8, name) + _field(9, raw)


def _value(name, kind, shape):
    dims = b"".join(_field(1, _field(1, n)) for n in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, dims)))


def _node(kind, inputs, output, attribute=b""):
    names = b"".join(_field(1, name) for name in inputs)
    return names + _field(2, output) + _field(4, kind) + attribute


def linear_model(chosen, continuous):
    """An ONNX model of ``x_cat @ chosen + x_cont @ continuous``, which are ``34 x 2`` and ``1 x 2``."""
    to_float = _field(5, _field(1, "to") + _field(3, 1) + _field(20, 2))
    graph = b"".join(
        [
            *(
                _field(1, node)
                for node in (
                    _node("Cast", ["x_cat"], "x", to_float),
                    _node("MatMul", ["x", "W"], "a"),
                    _node("MatMul", ["x_cont", "V"], "b"),
                    _node("Add", ["a", "b"], "y"),
                )
            ),
            _field(2, "nb301"),
            _field(5, _tensor("W", chosen)),
            _field(5, _tensor("V", continuous)),
            _field(11, _value("x_cat", 6, (1, 34))),
            _field(11, _value("x_cont", 1, (1, 1))),
            _field(12, _value("y", 1, (1, chosen.shape[1]))),
        ]
    )
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))
