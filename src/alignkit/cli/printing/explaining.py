"""How analyses of single tokens and patches are printed."""

from typing import TYPE_CHECKING

from alignkit.cli.printing import console

if TYPE_CHECKING:
    from alignkit.analysis.explaining.attention import AttentionEntropy
    from alignkit.analysis.explaining.grad_cam import GradCam
    from alignkit.analysis.explaining.tokens import TokenSimilarities

_ATTENTION = (
    "task",
    "unit",
    "stream",
    "kind",
    "layer",
    "runs",
    "heads",
    "keys",
    "entropy",
    "normalised",
    "sd_samples",
    "sd_heads",
    "sd_seeds",
    "untrained",
)
_GRAD_CAM = (
    "task",
    "unit",
    "layer",
    "runs",
    "n",
    "defined",
    "entropy",
    "normalised",
    "sd_samples",
    "sd_seeds",
    "untrained_defined",
    "untrained",
    "reason",
)


def show_grad_cam(result: "GradCam") -> None:
    """Print the entropy of the maps by layer."""
    console.print_named(console.records(result.layers), _GRAD_CAM, title="entropy of Grad-CAM")


def show_attention(result: "AttentionEntropy") -> None:
    """Print the entropy of attention by layer, and before, in and after fusions."""
    console.print_named(console.records(result.layers), _ATTENTION, title="entropy of attention")
    if len(result.fusions):
        console.print_gap()
        fusions = result.fusions.drop(columns=["placement", "depth"])
        console.print_named(
            console.records(fusions), fusions, title="before, in and after each fusion"
        )


def show_tokens(result: "TokenSimilarities") -> None:
    """Print the similarities of tokens and patches by layer."""
    columns = [name for name in result.layers if name not in ("placement", "depth", "n")]
    console.print_named(console.records(result.layers), columns, title="tokens and patches")
