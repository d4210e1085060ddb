"""The whole model: two streams, the fusions between them, and a head on their ``[CLS]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from alignkit import StreamState
from alignkit_vilbert.freeze import frozen_modules, parse_freeze
from alignkit_vilbert.head import Head
from alignkit_vilbert.streams import TextStream, VisionStream
from alignkit_vilbert.two_stream import STREAMS, TwoStream


class TwoStreamModel(nn.Module):
    """Holds the parts; the schedule says in which order they run.

    Parameters
    ----------
    options : TwoStream
    streams : mapping of str to Module
    fusions : sequence of Module
    n_outputs : int
    """

    def __init__(
        self,
        options: TwoStream,
        streams: Mapping[str, Any],
        fusions: Sequence[nn.Module],
        n_outputs: int,
    ) -> None:
        super().__init__()
        self.streams = nn.ModuleDict(streams)
        self.fusions = nn.ModuleList(fusions)
        self.classifier = Head(options, streams["text"].width, streams["vision"].width, n_outputs)
        for stream in STREAMS:
            if not options.model_of(stream):
                self.streams[stream].apply(_keep_variance)
        new = _like_bert if options.named() else _keep_variance
        self.fusions.apply(new)
        self.classifier.apply(new)
        self._freeze(options)

    def head(self, text: StreamState, vision: StreamState) -> Tensor:
        """Logits from ``[CLS]`` of the streams that the head reads."""
        cls = {"text": text.pooled("cls"), "vision": vision.pooled("cls")}
        pooler: Any = self.streams["text"].pooler
        if pooler is not None:
            cls["text"] = pooler(text.tokens)
        return self.classifier(cls["text"], cls["vision"])

    def train(self, mode: bool = True) -> TwoStreamModel:
        """Switch to training or evaluation; what is frozen stays in evaluation."""
        super().train(mode)
        for module in self._frozen:
            module.training = False
        return self

    def _freeze(self, options: TwoStream) -> None:
        parts = parse_freeze(options.freeze)
        parameters, modules = (
            dict(self.streams.named_parameters()),
            dict(self.streams.named_modules()),
        )
        for name in frozen_modules(parts, parameters):
            parameters[name].requires_grad_(False)
        # In a list, so that they are not registered a second time.
        self._frozen = [modules[name] for name in frozen_modules(parts, modules)]


def make_streams(options: TwoStream, inputs: Any) -> dict[str, Any]:
    """Build both streams: small ones, or from the models that the inputs have found."""
    models = getattr(inputs, "models", {})
    text: nn.Module
    vision: nn.Module
    if "text" in models:
        from alignkit_vilbert.text_models import PretrainedText

        source = models["text"]
        text = PretrainedText(
            source.config,
            source.folder,
            options.depths()["text"],
            options,
            inputs.text.padding,
            inputs.text.outer,
        )
    else:
        text = TextStream(options, len(inputs.words))
    if "vision" in models:
        from alignkit_vilbert.vision_models import PretrainedVision

        source = models["vision"]
        vision = PretrainedVision(source.config, source.folder, options.depths()["vision"], options)
    else:
        vision = VisionStream(options)
    return {"text": text, "vision": vision}


def _keep_variance(module: nn.Module) -> None:
    """Keep the variance of activations through depth (Glorot and Bengio 2010).

    With torch's smaller default, small models from scratch stay for hundreds of steps on the
    plateau where neither stream alone lowers the loss.
    """
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight.view(module.weight.shape[0], -1))
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _like_bert(module: nn.Module) -> None:
    """Start small (Devlin et al. 2019), so that a fusion hardly disturbs pretrained streams."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
