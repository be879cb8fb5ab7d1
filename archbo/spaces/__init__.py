"""Search spaces: what an architecture is."""

from archbo.spaces.base import Arch, ArchLike, Row, SearchSpace
from archbo.spaces.categorical import CategoricalSpace
from archbo.spaces.darts import DartsSpace
from archbo.spaces.decisions import Choice, Decision, Integer, Ordered, Real
from archbo.spaces.edge_cell import EdgeCellSpace
from archbo.spaces.files import file_content, kind_of, read_space, space_of
from archbo.spaces.gnn_macro import GnnMacroSpace
from archbo.spaces.graph import GraphBatch, GraphTemplate
from archbo.spaces.mixed import MixedSpace
from archbo.spaces.node_cell import NodeCellSpace
from archbo.spaces.product import ProductSpace
from archbo.spaces.stages import StageSpace

__all__ = [
    "Arch",
    "ArchLike",
    "CategoricalSpace",
    "Choice",
    "DartsSpace",
    "Decision",
    "EdgeCellSpace",
    "GnnMacroSpace",
    "GraphBatch",
    "GraphTemplate",
    "Integer",
    "MixedSpace",
    "NodeCellSpace",
    "Ordered",
    "ProductSpace",
    "Real",
    "Row",
    "SearchSpace",
    "StageSpace",
    "file_content",
    "kind_of",
    "read_space",
    "space_of",
]
