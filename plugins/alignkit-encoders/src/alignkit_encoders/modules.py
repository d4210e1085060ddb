"""Sites of a torch module: what its submodules return is recorded by hooks, and pooled at once."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import alignkit

if TYPE_CHECKING:
    from PIL.Image import Image

FINAL, EMBEDDING = "final", "embedding"
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Positions:
    """What the positions of a batch's token sequences are.

    Attributes
    ----------
    mask : Tensor or None
        ``(batch, length)``, true for real tokens; None where all are.
    special : Tensor or None
        ``(batch, length)``, true for special tokens of a text.
    cls : Tensor or None
        ``(batch,)``, the position of the class token.
    prefix : int
        Tokens before the patches of a picture: class, distillation and register tokens.
    """

    mask: Tensor | None = None
    special: Tensor | None = None
    cls: Tensor | None = None
    prefix: int = 0

    def state(self, output: Tensor, channels_last: bool) -> alignkit.SiteState | None:
        """Return the state of a module's output; None where it is no state of samples."""
        if output.ndim == 4:
            tokens = output.flatten(1, 2) if channels_last else output.flatten(2).transpose(1, 2)
            every = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
            return alignkit.SiteState(tokens, every, every)
        if output.ndim == 2:
            every = torch.ones((len(output), 1), dtype=torch.bool, device=output.device)
            return alignkit.SiteState(output.unsqueeze(1), every, every, own=output)
        if output.ndim != 3:
            return None
        every = torch.ones(output.shape[:2], dtype=torch.bool, device=output.device)
        if self.mask is None:
            content = every.clone()
            content[:, : self.prefix] = False
            return alignkit.SiteState(output, every, content, self.cls)
        if self.mask.shape != output.shape[:2]:
            return None
        content = self.mask if self.special is None else self.mask & ~self.special
        return alignkit.SiteState(output, self.mask, content, self.cls)


@dataclass(frozen=True)
class Output:
    """What one call of one submodule returned while the module was probed."""

    name: str
    call: int
    shape: tuple[int, ...]
    channels_last: bool


class ModuleEncoder:
    """An encoder around a torch module; subclasses say how it is made, fed and run.

    Parameters
    ----------
    stream, label : str
    dtype : str
        ``float32``, ``float16`` or ``bfloat16``: the precision of weights and activations.

    Raises
    ------
    UsageError
        For an unknown precision.
    """

    # Why there is no class token, for messages.
    no_cls = "the model has no class token"

    def __init__(self, stream: str, label: str, dtype: str = "float32") -> None:
        if dtype not in DTYPES:
            raise alignkit.UsageError(f"unknown dtype '{dtype}'; known: {', '.join(DTYPES)}")
        self.stream, self.label, self.dtype = stream, label, DTYPES[dtype]
        self._module: nn.Module | None = None
        self._sites: list[alignkit.EncoderSite] | None = None
        self._outputs: dict[str, Output] = {}
        self._notes: dict[str, None] = {}

    # What a subclass provides:

    def make(self) -> nn.Module:
        """Return the module with its weights, on the CPU."""
        raise NotImplementedError

    def prepare(self, samples: Sequence[str] | Sequence[Image]) -> Mapping[str, Tensor]:
        """Return the inputs of a batch on the CPU, from texts or from RGB images."""
        raise NotImplementedError

    def identity(self) -> Mapping[str, Any]:
        """Return plain values that identify what is computed."""
        raise NotImplementedError

    def run(self, inputs: Mapping[str, Tensor]) -> tuple[Any, Tensor | None]:
        """Run a batch; return what the module returned, and its own pooled output if any."""
        return self.module(**inputs), None

    def positions(self, inputs: Mapping[str, Tensor]) -> Positions:
        """Return what the positions of the batch's token sequences are."""
        del inputs
        return Positions()

    def default_sites(self, outputs: Mapping[str, Output]) -> list[str]:
        """Return the names of the sites to extract unless others are named."""
        return blocks_of(self.trunk, outputs)

    def channels_last(self, module: nn.Module, shape: Sequence[int]) -> bool:
        """Return whether a four-dimensional output is ``(batch, height, width, channels)``."""
        del module
        return shape[1] == shape[2] != shape[3]

    # What it gets:

    @property
    def module(self) -> nn.Module:
        """The module, made on first use."""
        if self._module is None:
            self._module = self.make().to(self.dtype).eval().requires_grad_(False)
        return self._module

    @property
    def trunk(self) -> nn.Module:
        """The part whose submodules are sites; by default the whole module."""
        return self.module

    def note(self, line: str) -> None:
        """Add a line that a reader should know; the same line once."""
        self._notes[line] = None

    def notes(self) -> Sequence[str]:
        """Return lines a reader should know."""
        return list(self._notes)

    def describe(self) -> dict[str, Any]:
        """Return what a reader wants to know before extraction: size, precision and input."""
        count = sum(parameter.numel() for parameter in self.trunk.parameters())
        precision = str(self.dtype).removeprefix("torch.")
        return {"parameters": f"{count:,}", "precision": precision, "input": self.input_text()}

    def input_text(self) -> str:
        """Say in a line what becomes of samples before the model sees them."""
        return "the inputs that it prepares itself"

    def load(self, device: torch.device) -> None:
        """Load the weights onto a device."""
        self.module.to(device)

    def sites(self) -> list[alignkit.EncoderSite]:
        """Return every submodule that gives a state of samples, in the order of the forward pass.

        They are found by running two samples.
        """
        if self._sites is None:
            self._sites = self._probe()
        return self._sites

    def encode(
        self,
        inputs: Mapping[str, Tensor],
        sites: Sequence[str],
        record: Callable[[str, alignkit.SiteState], None],
    ) -> None:
        """Run a batch, and give the state at each of the sites to ``record`` once it exists."""
        self.sites()
        positions, wanted = self.positions(inputs), set(sites)

        def on_output(name: str, call: int, output: Tensor, _module: nn.Module) -> None:
            for site in {name, f"{name}#{call}"} & wanted:
                known = self._outputs[site]
                state = positions.state(output, known.channels_last)
                if state is not None and (known.call == call):
                    record(site, state)

        names = {site.partition("#")[0] for site in wanted - {FINAL, EMBEDDING}}
        with (
            self._named("these samples"),
            torch.inference_mode(),
            recorded(self.trunk, names, on_output),
        ):
            returned, own = self.run(inputs)
        output = first_tensor(returned)
        if FINAL in wanted and output is not None:
            state = positions.state(output, self._outputs[FINAL].channels_last)
            if state is not None:
                record(FINAL, state)
        if EMBEDDING in wanted and own is not None:
            state = positions.state(own, False)
            if state is not None:
                record(EMBEDDING, state)

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        """Name the encoder in what its library raises, except where memory ends."""
        try:
            yield
        except Exception as error:
            if isinstance(error, alignkit.AlignkitError) or alignkit.is_out_of_memory(error):
                raise
            kind, first = type(error).__name__, alignkit.first_line(error)
            raise alignkit.DataError(
                f"{self.label} cannot be run on {what}: {kind}: {first}"
            ) from error

    def _probe(self) -> list[alignkit.EncoderSite]:
        """Run two samples, note what every submodule returns, and describe the sites."""
        with self._named("two samples"):
            return self._probed()

    def _probed(self) -> list[alignkit.EncoderSite]:
        inputs = self.prepare(probe_samples(self.stream))
        inputs = {name: value.to(_device_of(self.module)) for name, value in inputs.items()}
        positions, calls = self.positions(inputs), Counter[str]()
        outputs: dict[str, Output] = {}
        described: dict[str, alignkit.EncoderSite] = {}

        def on_output(name: str, call: int, output: Tensor, module: nn.Module) -> None:
            calls[name] += 1
            is_last = output.ndim == 4 and self.channels_last(module, output.shape)
            site = f"{name}#{call}"
            described_site = self._describe(site, output, positions, is_last)
            if described_site is not None:
                described[site] = described_site
                outputs[site] = Output(name, call, tuple(output.shape), is_last)

        names = {name for name, _ in self.trunk.named_modules() if name}
        with torch.inference_mode(), recorded(self.trunk, names, on_output):
            returned, own = self.run(inputs)
        for name, tensor in ((FINAL, first_tensor(returned)), (EMBEDDING, own)):
            if tensor is not None:
                on_output(name, 0, tensor, self.trunk)
        for numbered in list(described):
            # A module that runs once needs no number; taking all out and back keeps the order.
            output = outputs.pop(numbered)
            site = numbered if calls[output.name] > 1 else output.name
            outputs[site], described[site] = output, described.pop(numbered)
        self._outputs = outputs
        default = {*self.default_sites(outputs), FINAL, EMBEDDING}
        return [
            alignkit.EncoderSite(name, site.shape, site.pools, site.refused, name in default)
            for name, site in described.items()
        ]

    def _describe(
        self, name: str, output: Tensor, positions: Positions, channels_last: bool
    ) -> alignkit.EncoderSite | None:
        """Describe a site from its output; None where it is no state of samples."""
        state = positions.state(output, channels_last)
        if state is None or len(output) != 2 or not output.is_floating_point():
            return None
        no_own = "only the site 'embedding' has the model's own pooling, where the model has one"
        if output.ndim == 2:
            reason = "it is one vector per sample"
            refused = dict.fromkeys(("cls", "mean", "last", "max", "gap"), reason)
            return alignkit.EncoderSite(name, (output.shape[1],), ("own",), refused)
        if output.ndim == 4:
            size = output.shape[1:] if channels_last else (*output.shape[2:], output.shape[1])
            refused = {
                "cls": "a feature map has no class token",
                "last": "a feature map has no last token",
                "own": no_own,
            }
            return alignkit.EncoderSite(name, tuple(size), ("gap", "mean", "max"), refused)
        pools, refused = ["mean"], {"own": no_own, "gap": "it is no feature map; use mean"}
        if state.cls is not None:
            pools.append("cls")
        else:
            refused["cls"] = self.no_cls
        if self.stream == "text":
            pools.append("last")
        else:
            refused["last"] = "the patches of a picture have no last one"
        length = None if self.stream == "text" else output.shape[1]
        shape = (length, output.shape[2])
        return alignkit.EncoderSite(name, shape, (*pools, "max"), refused)


def probe_samples(stream: str) -> list[Any]:
    """Return two samples on which a module is tried: texts of two lengths, or grey pictures."""
    if stream == "text":
        return ["a", "a small boat on a quiet lake"]
    from PIL import Image

    return [Image.new("RGB", (64, 48), (level,) * 3) for level in (64, 192)]


def picture_text(pixels: Tensor, mean: Any, std: Any) -> str:
    """Say of which size pictures are, given a batch of them, and how they are normalised."""
    height, width = pixels.shape[-2:]
    said = f"pictures of {height} x {width}"
    if mean is None or std is None:
        return said
    means, deviations = (" ".join(f"{value:g}" for value in values) for values in (mean, std))
    return f"{said}, less the mean {means}, over {deviations}"


@contextmanager
def recorded(
    module: nn.Module,
    names: Iterable[str],
    on_output: Callable[[str, int, Tensor, nn.Module], None],
) -> Iterator[None]:
    """Call ``on_output(name, call, tensor, submodule)`` for what named submodules return.

    ``call`` counts the calls of one submodule within the block: some models run a layer of
    shared weights several times.
    """
    calls = Counter[str]()

    def hook_of(name: str) -> Callable[..., None]:
        def hook(submodule: nn.Module, _args: Any, output: Any) -> None:
            tensor = first_tensor(output)
            call = calls[name]
            calls[name] += 1
            if tensor is not None:
                on_output(name, call, tensor, submodule)

        return hook

    handles = [module.get_submodule(n).register_forward_hook(hook_of(n)) for n in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def first_tensor(output: Any) -> Tensor | None:
    """Return the first tensor of what a module returned: itself, or of a tuple or mapping."""
    if isinstance(output, Tensor):
        return output
    values = output.values() if isinstance(output, Mapping) else output
    if isinstance(output, Mapping | Sequence) and not isinstance(output, str):
        return next((value for value in values if isinstance(value, Tensor)), None)
    return None


def blocks_of(module: nn.Module, outputs: Mapping[str, Output]) -> list[str]:
    """Return the sites of a model's blocks: the outermost list of modules that all give states.

    Of several lists at the same depth, the longest. Where there is none, a module that runs
    several times, as in models whose layers share weights.
    """
    lists: list[tuple[int, int, list[str]]] = []
    for name, container in module.named_modules():
        if isinstance(container, nn.ModuleList | nn.Sequential) and len(container) > 1:
            children = [f"{name}.{child}".lstrip(".") for child, _ in container.named_children()]
            is_state = all(child in outputs and len(outputs[child].shape) > 2 for child in children)
            if is_state:
                lists.append((name.count("."), -len(children), children))
    if lists:
        return min(lists)[2]
    repeated = Counter(
        output.name for site, output in outputs.items() if "#" in site and len(output.shape) > 2
    )
    # The outermost of the modules that run most often.
    most = max(repeated.values(), default=0)
    names = [name for name, count in repeated.items() if count == most]
    outermost = min(names, key=lambda name: name.count("."), default="")
    return [f"{outermost}#{call}" for call in range(most)] if names else []


def accepted(function: Callable[..., Any], inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the inputs that a function takes by name."""
    parameters = inspect.signature(function).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return dict(inputs)
    return {name: value for name, value in inputs.items() if name in parameters}


def _device_of(module: nn.Module) -> torch.device:
    return next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
