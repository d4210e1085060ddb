"""The whole model: two streams, the fusions between them, and a head on their ``[CLS]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from torch import Tensor, nn

from alignkit import StreamState
from alignkit_vilbert.freeze import STREAMS, frozen_modules, parse_freeze
from alignkit_vilbert.head import Head
from alignkit_vilbert.inputs import Inputs
from alignkit_vilbert.named import depth_of
from alignkit_vilbert.named_inputs import NamedInputs
from alignkit_vilbert.options import StreamOptions
from alignkit_vilbert.streams import Stream, TextStream, VisionStream


class TwoStreamModel(nn.Module):
    """Holds the parts of the model; the schedule says in which order they run.

    Parameters
    ----------
    options : StreamOptions
    streams : mapping of str to Stream
        Under ``text`` and ``vision``.
    fusions : sequence of Module
        In the order of the schedule.
    n_outputs : int
        Number of logits.

    Attributes
    ----------
    reads : tuple of str
        The streams whose states the head reads.
    """

    def __init__(
        self,
        options: StreamOptions,
        streams: Mapping[str, Stream],
        fusions: Sequence[nn.Module],
        n_outputs: int,
    ) -> None:
        super().__init__()
        self.streams = nn.ModuleDict(streams)
        self.fusions = nn.ModuleList(fusions)
        self.reads = (options.head,) if options.head in STREAMS else STREAMS
        self.classifier = Head(options, streams["text"].width, streams["vision"].width, n_outputs)
        for stream in STREAMS:
            if not options.model_of(stream):
                self.streams[stream].apply(_keep_variance)
        initialise = _like_bert if options.named_streams() else _keep_variance
        self.fusions.apply(initialise)
        self.classifier.apply(initialise)
        self._freeze(options)

    def head(self, text: StreamState, vision: StreamState) -> Tensor:
        """Return logits ``(batch, n_outputs)`` from the last states of both streams."""
        pooler = cast(Stream, self.streams["text"]).pooler
        text_cls = text.pooled("cls") if pooler is None else pooler(text.tokens)
        logits: Tensor = self.classifier(text_cls, vision.pooled("cls"))
        return logits

    def train(self, mode: bool = True) -> TwoStreamModel:
        """Switch to training or evaluation mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen:
            module.training = False
        return self

    def _freeze(self, options: StreamOptions) -> None:
        parts = parse_freeze(options.freeze)
        parameters = dict(self.streams.named_parameters())
        modules = dict(self.streams.named_modules())
        for name in frozen_modules(parts, parameters):
            parameters[name].requires_grad_(False)
        # In a list, so that they are not registered a second time.
        self._frozen = [modules[name] for name in frozen_modules(parts, modules)]


def make_streams(options: StreamOptions, inputs: Inputs | NamedInputs) -> dict[str, Stream]:
    """Build both streams: small ones, or from the named models that the inputs hold."""
    return {"text": _text_stream(options, inputs), "vision": _vision_stream(options, inputs)}


def _text_stream(options: StreamOptions, inputs: Inputs | NamedInputs) -> Stream:
    source = inputs.text_source if isinstance(inputs, NamedInputs) else None
    depth = depth_of("text", options)
    if source is None or isinstance(inputs, Inputs):
        return TextStream(options, depth, len(inputs.words))
    from alignkit_vilbert.text_models import PretrainedText

    tokenizer = inputs.text
    return PretrainedText(
        source.config, source.folder, depth, options, tokenizer.padding, tokenizer.outer
    )


def _vision_stream(options: StreamOptions, inputs: Inputs | NamedInputs) -> Stream:
    source = inputs.vision_source if isinstance(inputs, NamedInputs) else None
    depth = depth_of("vision", options)
    if source is None:
        return VisionStream(options, depth)
    from alignkit_vilbert.vision_models import PretrainedVision

    return PretrainedVision(source.config, source.folder, depth, options)


def _keep_variance(module: nn.Module) -> None:
    """Initialise so that activations keep their variance in depth (Glorot and Bengio 2010).

    With torch's smaller default, small models from scratch spend hundreds of steps on the
    plateau where neither stream alone lowers the loss.
    """
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight.view(module.weight.shape[0], -1))
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _like_bert(module: nn.Module) -> None:
    """Initialise as BERT does (Devlin et al. 2019): small, to disturb pretrained streams little."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
