"""Encodings: what a model sees of an architecture."""

from archbo.encodings.adjacency import CategoricalEncoding, OneHotEncoding
from archbo.encodings.base import Concatenation, Encoding
from archbo.encodings.choices import ChoiceEncoding
from archbo.encodings.default import default_encoding, has_paths
from archbo.encodings.graph_features import GraphFeatureEncoding
from archbo.encodings.op_counts import OpCountEncoding
from archbo.encodings.parts import PartEncoding
from archbo.encodings.path import PathEncoding
from archbo.encodings.weisfeiler_lehman import WLEncoding
from archbo.encodings.zero_cost import NodewiseEncoding, ZeroCostEncoding

__all__ = [
    "CategoricalEncoding",
    "ChoiceEncoding",
    "Concatenation",
    "Encoding",
    "GraphFeatureEncoding",
    "NodewiseEncoding",
    "OneHotEncoding",
    "OpCountEncoding",
    "PartEncoding",
    "PathEncoding",
    "WLEncoding",
    "ZeroCostEncoding",
    "default_encoding",
    "has_paths",
]
