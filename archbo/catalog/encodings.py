"""Encodings by name."""

from functools import partial

from archbo import encodings
from archbo.catalog.entry import PARTS, PROXIES, Entry, Registry
from archbo.encodings import CategoricalEncoding, Encoding, OneHotEncoding, PathEncoding

__all__ = ["ENCODINGS"]

ENCODINGS: Registry[Encoding] = Registry(
    "encoding",
    "archbo.encodings",
    [
        Entry("default", encodings.default_encoding),
        Entry("one-hot", OneHotEncoding),
        Entry(
            "canonical-one-hot",
            partial(OneHotEncoding, canonical=True),
            "`one-hot`, of the canonical form",
        ),
        Entry("categorical", CategoricalEncoding),
        Entry(
            "canonical-categorical",
            partial(CategoricalEncoding, canonical=True),
            "`categorical`, of the canonical form",
        ),
        Entry("choices", encodings.ChoiceEncoding),
        Entry("op-counts", encodings.OpCountEncoding),
        Entry("path", PathEncoding),
        Entry("path-counts", partial(PathEncoding, counts=True), "How often each path occurs"),
        Entry(
            "semantic-path-set",
            partial(PathEncoding, semantic=True),
            "Which paths there are after identities are contracted",
        ),
        Entry(
            "semantic-path",
            partial(PathEncoding, counts=True, semantic=True),
            "How often each path occurs after identities are contracted",
        ),
        Entry("graph-features", encodings.GraphFeatureEncoding),
        Entry("wl", encodings.WLEncoding),
        Entry(
            "zero-cost",
            encodings.ZeroCostEncoding,
            paper="NAS-Bench-Suite-Zero, arXiv 2210.03230",
            needs=PROXIES,
        ),
        Entry("nodewise", encodings.NodewiseEncoding, needs=PARTS),
    ],
)
