"""The architecture of two streams and a head; torch is imported only to build it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import alignkit
from alignkit.bounds import free_memory
from alignkit_vilbert.freeze import STREAMS, parse_freeze
from alignkit_vilbert.named import depth_of, pinned
from alignkit_vilbert.options import StreamOptions

if TYPE_CHECKING:
    from torch import nn

    from alignkit_vilbert.inputs import Inputs
    from alignkit_vilbert.model import TwoStreamModel
    from alignkit_vilbert.named_inputs import NamedInputs
    from alignkit_vilbert.streams import Stream

    Step = alignkit.RunLayer | alignkit.Fuse | alignkit.Record


class TwoStream:
    """Builds models of two streams, the fusions between them, and a head.

    A subclass sets ``Options``, a dataclass derived from `StreamOptions`, and implements
    `fusions`. It overrides `schedule` where fusions do not run between layers.

    Parameters
    ----------
    **values
        Values of the options, by name.

    Attributes
    ----------
    options : StreamOptions
        The options, those at None filled in as far as they do not depend on a named model.

    Raises
    ------
    UsageError
        When an option has an impossible value.
    """

    Options: ClassVar[type[StreamOptions]] = StreamOptions
    options: StreamOptions

    def __init__(self, **values: Any) -> None:
        self.options = self.Options(**values)

    def depths(self) -> dict[str, int]:
        """Return the number of layers of each stream; a named model is looked up.

        Raises
        ------
        DataError
            When the files of a named model are missing, and its shape is unknown.
        UsageError
            When ``freeze`` names a layer that does not exist.
        """
        depths = {stream: self._depth_of(stream) for stream in STREAMS}
        parse_freeze(self.options.freeze, depths)
        return depths

    def _depth_of(self, stream: str) -> int:
        try:
            return depth_of(stream, self.options)
        except alignkit.DataError:
            if Path(getattr(self.options, f"{stream}_model") or "").exists():
                raise
            with suppress(alignkit.AlignkitError):  # a published model, whose shape is known
                return depth_of(stream, replace(self.options, from_scratch=True))
            raise

    def resolve(self) -> dict[str, str | int | Path]:
        """Look up the named models; return their depths and names by content, to be stored."""
        values: dict[str, str | int | Path] = {}
        for stream in self.options.named_streams():
            values |= pinned(stream, self.options)
        return values

    def schedule(self, placement: alignkit.Placement) -> list[Step]:
        """Lay out the fusions between the layers, at the indices of the placement.

        Raises
        ------
        UsageError
            When an index is greater than the depth of its stream.
        """
        return alignkit.between_layers(placement, self.depths())

    def inputs(self, texts: Sequence[str]) -> Inputs | NamedInputs:
        """Fit a tokenizer on the texts of the training split, or read a named model's."""
        if self._takes_plain_inputs:
            from alignkit_vilbert.inputs import Inputs

            return Inputs.fit(texts, self.options)
        from alignkit_vilbert.named_inputs import NamedInputs

        return NamedInputs.fit(texts, self.options)

    def load_inputs(self, stored: Mapping[str, Any]) -> Inputs | NamedInputs:
        """Read back what ``to_json`` of the inputs returned.

        Raises
        ------
        UsageError
            When the inputs were made for other named models.
        """
        from alignkit_vilbert.inputs import Inputs
        from alignkit_vilbert.named_inputs import NamedInputs

        self._require_same_models(stored)
        if "words" not in stored:
            return NamedInputs.from_json(stored, self.options)
        if self._takes_plain_inputs:
            return Inputs(stored["words"], self.options)
        # Plain inputs of the run whose weights training starts from.
        return NamedInputs.from_json({"text": stored, "models": {}}, self.options)

    def build(
        self, placement: alignkit.Placement, n_outputs: int, inputs: Inputs | NamedInputs
    ) -> TwoStreamModel:
        """Build the model; weights that are not pretrained come from torch's generator.

        Parameters
        ----------
        placement : Placement
        n_outputs : int
            Number of logits.
        inputs : Inputs or NamedInputs
            As `inputs` or `load_inputs` returned them.
        """
        from alignkit_vilbert.model import TwoStreamModel, make_streams

        self._check_memory()
        streams = make_streams(self.options, inputs)
        fusions = self.fusions(placement, streams["text"], streams["vision"])
        return TwoStreamModel(self.options, streams, fusions, n_outputs)

    def size(self, placement: alignkit.Placement) -> alignkit.ModelSize:
        """Return the size of the model, without its weights and without reading any.

        A small stream's vocabulary, which depends on the texts, is taken to be full.

        Raises
        ------
        DataError
            When the shapes of a named model are unknown, as its files are missing.
        """
        import torch

        from alignkit_vilbert.size import size_of

        options = self.options
        if options.named_streams():
            options = replace(options, from_scratch=True)
        unread = type(self)(**vars(options))
        words = " ".join(f"w{number}" for number in range(options.vocabulary))
        with torch.device("meta"):  # shapes without values
            model = unread.build(placement, 1, unread.inputs([words]))
        return size_of(model, options, unread.schedule(placement))

    def fusions(
        self, placement: alignkit.Placement, text: Stream, vision: Stream
    ) -> Sequence[nn.Module]:
        """Build the fusions, in the order of the schedule; every architecture implements this.

        Parameters
        ----------
        placement : Placement
        text, vision : Stream
            The streams, with ``width``, ``layers`` and ``layer(index, state)``.

        Returns
        -------
        sequence of Module
            Each takes the states of text and vision and what the previous fusion carried over
            (None for the first), and returns the three anew.
        """
        raise NotImplementedError

    def _check_memory(self) -> None:
        """Refuse a model that has no place in memory, before any of it is built."""
        import torch

        needed, free = 4 * self.options.least_weights(), free_memory()
        if needed > free and torch.get_default_device().type != "meta":
            raise alignkit.UsageError(
                f"a model of this depth and width has more than {needed // 4:,} weights, which "
                f"take {needed / 1e9:,.1f} GB of memory; {free / 1e9:,.1f} GB are free on this "
                "machine"
            )

    @property
    def _takes_plain_inputs(self) -> bool:
        """Whether both streams are small, with neither fixed padding nor cropped images."""
        options = self.options
        return not options.named_streams() and not options.pad and options.fit != "crop"

    def _require_same_models(self, stored: Mapping[str, Any]) -> None:
        """Refuse inputs made for other streams, which would silently be built instead."""
        own = {stream: self.options.model_of(stream) for stream in self.options.named_streams()}
        models = stored.get("models", {})
        theirs = stored.get("names") or {stream: own.get(stream, "?") for stream in models}
        if theirs != own:
            raise alignkit.UsageError(
                f"the run to start from has {_streams_in_words(theirs)}, but this run has "
                f"{_streams_in_words(own)}; use the same `text_model`, `vision_model` and "
                "`from_scratch` for both"
            )


def _streams_in_words(models: Mapping[str, str]) -> str:
    named = " and ".join(f"{stream} model '{name}'" for stream, name in models.items())
    return named or "small streams only"
