"""Search spaces: what an architecture is."""

from archbo.spaces.base import Arch, ArchLike, Row, SearchSpace
from archbo.spaces.categorical import CategoricalSpace
from archbo.spaces.dag import DagSpace
from archbo.spaces.darts import DartsSpace
from archbo.spaces.decisions import Choice, Decision, Integer, Ordered, Real
from archbo.spaces.edge_cell import EdgeCellSpace
from archbo.spaces.files import file_content, kind_of, read_space, space_of
from archbo.spaces.gnn_macro import GnnMacroSpace
from archbo.spaces.graph import GraphBatch, GraphTemplate
from archbo.spaces.mixed import MixedSpace
from archbo.spaces.node_cell import NodeCellSpace
from archbo.spaces.node_graph import NodeGraphSpace
from archbo.spaces.product import ProductSpace
from archbo.spaces.stages import StageSpace
from archbo.spaces.trans_nas_macro import TransNASMacroSpace

__all__ = [
    "Arch",
    "ArchLike",
    "CategoricalSpace",
    "Choice",
    "DagSpace",
    "DartsSpace",
    "Decision",
    "EdgeCellSpace",
    "GnnMacroSpace",
    "GraphBatch",
    "GraphTemplate",
    "Integer",
    "MixedSpace",
    "NodeCellSpace",
    "NodeGraphSpace",
    "Ordered",
    "ProductSpace",
    "Real",
    "Row",
    "SearchSpace",
    "StageSpace",
    "TransNASMacroSpace",
    "file_content",
    "kind_of",
    "read_space",
    "space_of",
]
