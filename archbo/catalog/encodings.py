"""Encodings by name."""

from functools import partial

from archbo.catalog.entry import PARTS, PROXIES, Entry, Registry
from archbo.encodings import (
    CategoricalEncoding,
    ChoiceEncoding,
    Encoding,
    GraphFeatureEncoding,
    NodewiseEncoding,
    OneHotEncoding,
    OpCountEncoding,
    PathEncoding,
    WLEncoding,
    ZeroCostEncoding,
    default_encoding,
)

__all__ = ["ENCODINGS"]

ENCODINGS: Registry[Encoding] = Registry(
    "encoding",
    "archbo.encodings",
    [
        Entry(
            "default",
            default_encoding,
            "one-hot rows, graph features and semantic paths; choices where there are none",
        ),
        Entry("one-hot", OneHotEncoding, "an indicator for each choice of each decision"),
        Entry(
            "canonical-one-hot",
            partial(OneHotEncoding, canonical=True),
            "the same of the canonical form",
        ),
        Entry("categorical", CategoricalEncoding, "the row as it is"),
        Entry(
            "canonical-categorical",
            partial(CategoricalEncoding, canonical=True),
            "the canonical form's row",
        ),
        Entry(
            "choices",
            ChoiceEncoding,
            "numbers by their order, and how often columns that share their choices take each",
        ),
        Entry("op-counts", OpCountEncoding, "how often each operation occurs"),
        Entry("path", PathEncoding, "which paths there are", "BANANAS, arXiv 1910.11858"),
        Entry("path-counts", partial(PathEncoding, counts=True), "how often each path occurs"),
        Entry(
            "semantic-path-set",
            partial(PathEncoding, semantic=True),
            "which paths there are after identities are contracted",
        ),
        Entry(
            "semantic-path",
            partial(PathEncoding, counts=True, semantic=True),
            "how often each path occurs after identities are contracted",
        ),
        Entry(
            "graph-features",
            GraphFeatureEncoding,
            "path lengths, degrees and counts by operation",
            "GRAF, arXiv 2404.16551",
        ),
        Entry("wl", WLEncoding, "counts of Weisfeiler-Lehman labels", "NAS-BOWL, arXiv 2006.07556"),
        Entry(
            "zero-cost",
            ZeroCostEncoding,
            "ranks of zero-cost proxies",
            "NAS-Bench-Suite-Zero, arXiv 2210.03230",
            PROXIES,
        ),
        Entry(
            "nodewise",
            NodewiseEncoding,
            "the part that each decision has in zero-cost proxies",
            "ParZC, arXiv 2402.02105",
            PARTS,
        ),
    ],
)
