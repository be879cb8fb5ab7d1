"""Networks of the macro space of TransNAS-Bench-101."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from archbo.networks.base import Skeleton, SpaceNetwork, require_positive
from archbo.networks.blocks import relu_conv_bn, trans_nas_stem
from archbo.spaces import TransNASMacroSpace
from archbo.spaces.trans_nas_macro import DOUBLES, HALVES, MODULES

__all__ = ["TransNASMacroSkeleton"]


@dataclass(frozen=True)
class TransNASMacroSkeleton(Skeleton):
    """The networks of TransNAS-Bench-101's macro space (arXiv 2105.11871), with a head for classification.

    Two convolutions with stride 2, then modules of two residual blocks, the first of which changes the shape.

    Args:
        channels: The number of channels of the input of the first module.
        classes: The number of outputs.
        image_channels: The number of channels of the input.
    """

    space_type = TransNASMacroSpace
    channels: int = 64
    classes: int = 10
    image_channels: int = 3

    def __post_init__(self) -> None:
        require_positive(self, channels=self.channels // 2, classes=self.classes)

    def build(self, space: TransNASMacroSpace, row: Sequence[int]) -> SpaceNetwork:
        return _MacroNetwork(self, row)


class _MacroNetwork(SpaceNetwork):
    def __init__(self, skeleton: TransNASMacroSkeleton, row: Sequence[int]) -> None:
        super().__init__()
        C = skeleton.channels
        self.stem = trans_nas_stem(skeleton.image_channels, C)
        self.blocks = nn.Sequential()
        self.columns = {}
        for column, module in enumerate(row):
            if module == len(MODULES):
                continue
            C_out = 2 * C if module in DOUBLES else C
            first = _ResidualBlock(C, C_out, 2 if module in HALVES else 1)
            self.blocks.append(nn.Sequential(first, _ResidualBlock(C_out, C_out, 1)))
            self.columns[f"blocks.{column}"] = column
            C = C_out
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(C, skeleton.classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.pool(self.blocks(self.stem(x))))
        return logits


class _ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside their input, or a 1x1 convolution of it where the shape changes."""

    def __init__(self, C_in: int, C_out: int, stride: int) -> None:
        super().__init__()
        self.first = relu_conv_bn(C_in, C_out, 3, stride)
        self.second = relu_conv_bn(C_out, C_out, 3)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or C_in != C_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(C_in, C_out, 1, stride=stride, bias=False), nn.BatchNorm2d(C_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.shortcut(x) + self.second(self.first(x))
        return result
