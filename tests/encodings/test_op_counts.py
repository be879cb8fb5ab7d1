"""Operation counts against networkx."""

from collections import Counter

import networkx as nx
import pytest
import torch

from archbo import catalog
from archbo.encodings import OpCountEncoding


@pytest.mark.parametrize("name", catalog.SPACES)
def test_counts_the_operations_between_input_and_output(name):
    space = catalog.SPACES[name]()
    encoding = OpCountEncoding(space)
    X = space.sample(30, generator=torch.Generator().manual_seed(1))
    for row, features in zip(X, encoding(X), strict=True):
        graph = space.to_networkx(row)
        inputs, outputs = (set(ends) & set(graph) for ends in _ends(space))
        reached = inputs.union(*(nx.descendants(graph, node) for node in inputs))
        useful = outputs.union(*(nx.ancestors(graph, node) for node in outputs))
        uses = Counter(graph.nodes[node]["op"] for node in reached & useful)
        expected = [uses[op] for op in encoding.feature_names]
        assert features.tolist() == expected


def _ends(space):
    return space.template.inputs, space.template.outputs
