"""What an architecture provides, as types: for plugins, and for those who check them.

Importing this file imports no torch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from torch import Tensor, nn

    from alignkit.models.encoders import SiteState
    from alignkit.models.placement import Placement
    from alignkit.models.schedule import Step
    from alignkit.models.walk import StreamState


class Pooling(Protocol):
    """A function that turns the states of a site into one vector per sample.

    It is called with a ``StreamState`` of a run, or the ``SiteState`` of an encoder. Both have
    ``tokens``, ``(batch, length, width)``; ``mask``, ``(batch, length)``, true where there is a
    token and no padding; and ``content``, true where the token is no special one either, of
    which a sample may have none.
    """

    def __call__(self, state: StreamState | SiteState, /) -> Tensor:
        """Return ``(batch, width)``: a vector of every sample, whatever the others are."""


class Architecture(Protocol):
    """How to build two-stream models; plugins register its class.

    The parameters of its constructor are its options. A class with many keeps them in a
    dataclass, the class attribute ``Options``, and an instance of it as ``options``. Three
    methods are optional: ``default_placement()`` returns the ``Placement`` to use where none is
    named; ``resolve()`` looks up what the options name and returns the values to store, by
    option; ``size(placement)`` returns a ``ModelSize`` without building anything.
    """

    def depths(self) -> Mapping[str, int]:
        """Return the number of layers of the streams ``text`` and ``vision``, each at least 1."""

    def schedule(self, placement: Placement) -> Sequence[Step]:
        """Return the steps of a model in order: run a layer, run a fusion, record a site.

        Layers and fusions are counted from 0 and run in ascending order.
        """

    def inputs(self, texts: Sequence[str]) -> Inputs:
        """Return the inputs, fitted to the texts of the training split."""

    def load_inputs(self, stored: Mapping[str, Any]) -> Inputs:
        """Return inputs as they were when their ``to_json`` returned ``stored``."""

    def build(self, placement: Placement, n_outputs: int, inputs: Any) -> Model:
        """Return a new model on the CPU, whose random weights come from torch's generator.

        Parameters
        ----------
        placement : Placement
        n_outputs : int
            Number of logits, at least 1.
        inputs : Inputs
            As ``inputs`` or ``load_inputs`` returned them.
        """


class Inputs(Protocol):
    """How an architecture turns texts and images into tensors.

    Two attributes are optional: ``vocabulary``, a `Vocabulary`, is needed for masked words
    (``mlm``); ``recipe``, plain values that identify how pixels are made, for cached pixels.
    """

    def tokens(self, text: str) -> np.ndarray:
        """Return the token indices of a text, ``(length,)`` of ``int64``."""

    def pixels(self, image: Image | np.ndarray) -> np.ndarray:
        """Return the pixels of an RGB image, ``(3, size, size)`` of ``uint8``, 0 to 255.

        An array has the shape ``(height, width, 3)``.
        """

    def batch(
        self, tokens: Sequence[np.ndarray], pixels: np.ndarray
    ) -> dict[str, dict[str, Tensor]]:
        """Return the arguments of ``embed`` of both streams, under ``text`` and ``vision``.

        Parameters
        ----------
        tokens : sequence of ndarray (length,)
            What ``tokens`` returned for each text; texts are padded to the longest.
        pixels : ndarray (batch, 3, size, size)
        """

    def to_json(self) -> dict[str, Any]:
        """Return plain values from which the architecture's ``load_inputs`` restores this."""


class Vocabulary(Protocol):
    """What masked language modelling needs to know of a tokenizer."""

    @property
    def size(self) -> int:
        """The number of tokens."""

    @property
    def mask(self) -> int:
        """The index of the mask token."""

    @property
    def special(self) -> Collection[int]:
        """The indices of the tokens that are not words."""


class Model(Protocol):
    """The model that an architecture builds, a ``torch.nn.Module``.

    Where the head reads one stream only, the optional attribute ``reads`` says which:
    ``("text",)``; ``detached`` names the streams whose gradient it cuts on purpose. A head that
    ignores or cuts a stream without saying so is taken for a fault.
    """

    @property
    def streams(self) -> Mapping[str, Stream] | nn.ModuleDict:
        """The two streams, under ``text`` and ``vision``."""

    @property
    def fusions(self) -> Sequence[Fusion] | nn.ModuleList:
        """The fusions, in the order of the schedule."""

    def head(self, text: StreamState, vision: StreamState) -> Tensor:
        """Return logits ``(batch, n_outputs)`` from the last states of both streams."""


class Stream(Protocol):
    """One stream: an embedding, and layers that can be run one at a time."""

    def embed(self, **inputs: Tensor) -> StreamState:
        """Return the state of a batch before the first layer, from what ``Inputs.batch`` made."""

    def layer(self, index: int, state: StreamState) -> StreamState:
        """Run one layer, 0-based; the number of samples and of tokens stays as it is."""


class Fusion(Protocol):
    """One fusion: computes new states of both streams from their states.

    The optional attribute ``detached`` names the streams whose gradient it cuts on purpose:
    ``("vision",)``. A gradient that is cut without that is taken for a fault.
    """

    def __call__(
        self, text: StreamState, vision: StreamState, carry: Any
    ) -> tuple[StreamState, StreamState, Any]:
        """Return both states anew, and what is passed to the next fusion as ``carry``.

        Tokens are ``(batch, length, width)`` with a length and a width of their own in each
        stream, which stay as they are. The first fusion gets None as ``carry``; most fusions
        return it unchanged.
        """
