"""The text stream from any BERT-like model of transformers, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

import alignkit
from alignkit import StreamState
from alignkit_encoders import check_memory, quiet
from alignkit_vilbert.options import StreamOptions
from alignkit_vilbert.streams import Stream, attention_mask

# The parts of a BERT-like model. With any other part, its layers alone are not the model.
PARTS = {"embeddings", "embeddings_project", "encoder", "transformer", "pooler"}
DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout")


class PretrainedText(Stream):
    """Embeddings and layers of a BERT-like model, run one layer at a time.

    The layers are post-norm, so the output of the last one is already normalised.

    Parameters
    ----------
    config : mapping
        The model's ``config.json``.
    folder : Path or None
        Folder of its safetensors weights; None for random weights.
    depth : int
        Number of layers to keep.
    options : StreamOptions
    padding : int
        Index of the padding token.
    outer : frozenset of int
        Tokens left out of the mean: ``[CLS]``, ``[SEP]`` and padding.

    Raises
    ------
    UsageError
        When the model is not BERT-like.
    DataError
        When the weights cannot be read, or lack parts of the model.
    """

    outer: Tensor

    def __init__(
        self,
        config: Mapping[str, Any],
        folder: Path | None,
        depth: int,
        options: StreamOptions,
        padding: int,
        outer: frozenset[int],
    ) -> None:
        super().__init__()
        model = _load(config, folder, options)
        _require_bert_like(model)
        self.width = model.config.hidden_size
        self.padding = padding
        self.register_buffer("outer", torch.tensor(sorted(outer)), persistent=False)
        self.embeddings = model.embeddings
        self.project = getattr(model, "embeddings_project", None) or nn.Identity()
        self.layers = nn.ModuleList(_layers_of(model)[:depth])
        self.norm = nn.Identity()
        self.pooler = _pooler(model) if options.final == "pooler" else None

    def embed(self, tokens: Tensor) -> StreamState:
        """Embed ``(batch, length)`` token indices."""
        mask = tokens != self.padding
        content = ~torch.isin(tokens, self.outer)
        return StreamState(self.project(self.embeddings(input_ids=tokens)), mask, content)

    def layer(self, index: int, state: StreamState) -> StreamState:
        """Run one layer, which ends in its own norm."""
        return state.with_tokens(_run(self.layers[index], state.tokens, state.mask))


def _run(layer: nn.Module, tokens: Tensor, mask: Tensor) -> Tensor:
    output: Tensor | tuple[Tensor, ...] = layer(tokens, attention_mask(mask))
    return output[0] if isinstance(output, tuple) else output


def _layers_of(model: Any) -> Any:
    holder = getattr(model, "encoder", None) or getattr(model, "transformer", None)
    return getattr(holder, "layer", None)


def _load(config: Mapping[str, Any], folder: Path | None, options: StreamOptions) -> Any:
    with quiet():
        from transformers import AutoModel

        settings = _library_config(config, options.dropout)
        try:
            check_memory(
                lambda: cast(nn.Module, AutoModel.from_config(settings)),  # type: ignore[no-untyped-call]
                f"the text model {f'in {folder}' if folder else repr(settings.model_type)}",
                folder.glob("model*.safetensors") if folder else (),
            )
            if folder is None:
                return AutoModel.from_config(  # type: ignore[no-untyped-call]
                    settings, attn_implementation="sdpa"
                )
            model, info = AutoModel.from_pretrained(  # nosec B615  # a local folder
                folder,
                config=settings,
                attn_implementation="sdpa",
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                dtype=torch.float32,
            )
        except alignkit.AlignkitError:
            raise
        except (SafetensorError, OSError) as error:
            raise alignkit.DataError(
                f"cannot read the weights in {folder}: {alignkit.first_line(error)}"
            ) from None
        except RuntimeError as error:  # its message refers to a report that is not shown
            if folder is None:
                raise _not_bert_like(settings.model_type, alignkit.first_line(error)) from None
            raise alignkit.DataError(
                f"the weights in {folder} do not fit its config.json; expected weights and "
                "config.json of one model"
            ) from None
        except Exception as error:  # what the library makes of odd sizes
            raise _not_bert_like(settings.model_type, alignkit.first_line(error)) from None
    missing = sorted(key for key in info["missing_keys"] if _is_needed(key, options))
    if missing:
        raise alignkit.DataError(
            f"the weights in {folder} lack {len(missing)} parts of the text model, such as "
            f"{missing[0]}"
        )
    return model


def positions_of(config: Mapping[str, Any]) -> int:
    """Return how many positions the library gives a model whose configuration does not say it.

    Raises
    ------
    UsageError
        When the library has no such model, or it has no positions.
    """
    with quiet():
        settings = _library_config(config, None)
    positions = getattr(settings, "max_position_embeddings", None)
    if not isinstance(positions, int):
        raise _not_bert_like(settings.model_type, "it has no max_position_embeddings")
    return positions


def _library_config(config: Mapping[str, Any], dropout: float | None) -> Any:
    """Make the library's own configuration object, with another dropout if one is given."""
    from transformers import AutoConfig

    values = dict(config)
    kind = values.pop("model_type", "")
    try:
        settings = AutoConfig.for_model(kind, **values)
    except Exception as error:
        raise _not_bert_like(kind, alignkit.first_line(error)) from None
    if dropout is not None:
        for name in DROPOUTS:
            if hasattr(settings, name):
                setattr(settings, name, dropout)
    return settings


def _is_needed(key: str, options: StreamOptions) -> bool:
    return not key.startswith("pooler.") or options.final == "pooler"


def _pooler(model: Any) -> nn.Module:
    pooler: nn.Module | None = getattr(model, "pooler", None)
    if pooler is None:
        raise alignkit.UsageError(
            f"a text model of type '{model.config.model_type}' has no pooler; use final=norm or "
            "final=raw"
        )
    return pooler


def _require_bert_like(model: Any) -> None:
    """Check on a few tokens that running the layers one by one gives the model's own output."""
    kind = model.config.model_type
    others = {name for name, _ in model.named_children()} - PARTS
    if others or _layers_of(model) is None:
        raise _not_bert_like(
            kind, f"it also has {', '.join(sorted(others)) or 'layers of another form'}"
        )
    try:
        same = _runs_layer_by_layer(model)
    except Exception as error:  # whatever a model of another layout raises
        raise _not_bert_like(kind, alignkit.first_line(error)) from None
    if not same:
        raise _not_bert_like(kind, "running its layers one by one gives another output")


def _runs_layer_by_layer(model: Any) -> bool:
    """Return whether running the layers one by one gives the model's own output."""
    device = next(model.parameters()).device
    if device.type == "meta":  # shapes without values, from which nothing can be computed
        return True
    tokens = torch.arange(5, 11, device=device).remainder(model.config.vocab_size).unsqueeze(0)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        expected = model(input_ids=tokens, output_hidden_states=True).hidden_states[-1]
        project = getattr(model, "embeddings_project", None) or nn.Identity()
        states = project(model.embeddings(input_ids=tokens))
        for layer in _layers_of(model):
            states = _run(layer, states, torch.ones_like(tokens, dtype=torch.bool))
    model.train(was_training)
    return torch.allclose(states, expected, atol=1e-4, rtol=1e-4)


def _not_bert_like(kind: str, reason: str) -> alignkit.UsageError:
    # Only the library's first sentence: the rest may list every model it knows.
    first = reason.partition(". ")[0]
    return alignkit.UsageError(
        f"a text model of type '{kind}' cannot be a stream ({first}); expected a BERT-like one: "
        "bert, roberta, xlm-roberta, camembert, electra, distilbert or ernie"
    )
