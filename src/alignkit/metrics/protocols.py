"""What a metric provides, as types: for plugins, and for those who check them.

Importing this file imports neither numpy nor torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, SupportsFloat

if TYPE_CHECKING:
    from alignkit.metrics.representation import Representation


class Metric(Protocol):
    """A function of two representations of the same samples; further parameters are options.

    It must not write to its arguments, and must give the same value for the same input.
    """

    def __call__(self, x: Representation, y: Representation, /) -> SupportsFloat:
        """Return the value: a number in the declared ``range``, or a tensor or array of one.

        Parameters
        ----------
        x, y : Representation (n, width)
            Row i of both is the same sample; the widths may differ.

        Raises
        ------
        UndefinedError
            On data for which the metric has no value, such as constant data.
        UsageError
            For options that do not go with the data, such as ``k >= n``.
        """


class PreparedMetric(Protocol):
    """A metric that works on each layer once; plugins register its class.

    The parameters of its constructor are the options. A method ``permute(prepared, order)`` is
    optional: it reorders the samples of what ``prepare`` returned.
    """

    def prepare(self, x: Representation) -> Any:
        """Return what ``compare`` needs of one layer, ``(n, width)``."""

    def compare(self, a: Any, b: Any) -> SupportsFloat:
        """Return the value from what ``prepare`` returned for two layers."""
