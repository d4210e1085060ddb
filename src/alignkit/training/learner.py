"""A model with its objectives: from a group of batches to the gradient of an optimiser step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from alignkit.models.schedule import Schedule
from alignkit.models.walk import StreamState, walk
from alignkit.training.auxiliary import FEWEST, Auxiliary
from alignkit.training.device import mixed
from alignkit.training.objectives import Objective, Outputs, TaskLoss
from alignkit.training.prepared import Prepared
from alignkit.training.processes import Processes

Pull = tuple[Tensor, Tensor]


class Learner:
    """Runs batches forward and backward.

    The loss of a step is that of the union of its batches: every objective is averaged over
    all that it applies to in the group, however the group is cut into batches and however
    small the last one is. Auxiliary losses see the whole group too: its representations are
    collected without a graph, the loss's gradient with respect to them is taken, and each
    batch is run again and pulled that way (gradient caching, Gao et al. 2021).

    Parameters
    ----------
    model, schedule
    objectives, aux : nn.ModuleDict
        By name.
    precision : str
        Resolved: ``float32``, ``bf16`` or ``fp16``.
    device : torch.device
    processes : Processes
    """

    def __init__(
        self,
        model: Any,
        schedule: Schedule,
        objectives: nn.ModuleDict,
        aux: nn.ModuleDict,
        precision: str,
        device: torch.device,
        processes: Processes,
    ) -> None:
        self.model, self.schedule = model, schedule
        self.heads = nn.ModuleDict({"objectives": objectives, "aux": aux})
        self.objectives: dict[str, Objective] = dict(objectives.items())  # type: ignore[arg-type]
        self.aux: dict[str, Auxiliary] = dict(aux.items())  # type: ignore[arg-type]
        self.precision, self.device, self.processes = precision, device, processes
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
        self.sites = {site for one in self.aux.values() for site in one.sites}
        self.sites.update(site for one in self.objectives.values() for site in one.sites)

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Everything that is trained, the model's first."""
        yield from self.model.named_parameters()
        yield from self.heads.named_parameters(prefix="heads")

    def train(self, mode: bool = True) -> None:
        """Turn dropout on or off."""
        self.model.train(mode)
        self.heads.train(mode)

    def forward(self, batch: Prepared) -> Outputs:
        """Run one batch through the model, once."""
        states: dict[str, StreamState] = {}

        def keep(site: str, state: StreamState) -> None:
            if site in self.sites:
                states[site] = state

        with mixed(self.precision, self.device):
            return Outputs(walk(self.model, self.schedule, batch.inputs, keep), states)

    def terms(self, outputs: Outputs, batch: Prepared) -> dict[str, tuple[Tensor, Tensor]]:
        """Mean loss and number of right answers of every objective that has any work."""
        found = {}
        with mixed(self.precision, self.device):
            for name, objective in self.objectives.items():
                if not batch.counts[name]:
                    continue
                more = (batch.pairs,) if isinstance(objective, TaskLoss) else ()
                found[name] = objective(outputs, batch.labels[name], *more)
        return found

    def backward(self, group: Sequence[Prepared]) -> dict[str, float]:
        """Leave the gradient of a step in the parameters.

        Returns
        -------
        dict of str to float
            ``loss``, and the mean of every objective and auxiliary loss by name.
        """
        totals = self.processes.total(
            {name: sum(batch.counts[name] for batch in group) for name in self.objectives}
        )
        measured: dict[str, Any] = dict.fromkeys(self.objectives, 0.0)
        shared = len(group) > 1 or self.processes.size > 1
        pulls = self._pulls(group, measured) if self.aux and shared else None
        for index, batch in enumerate(group):
            if not batch.n:
                continue
            outputs = self.forward(batch)
            losses = []
            for name, (mean, _) in self.terms(outputs, batch).items():
                share = batch.counts[name] / totals[name]
                losses.append(mean * (self.objectives[name].weight * share))
                measured[name] += mean.detach() * share
            if self.aux and not shared:
                losses += self._aux_losses(outputs, batch, measured)
            self._pull_back(losses, outputs, batch, pulls[index] if pulls else {})
        return self._summed(measured)

    def _aux_losses(
        self, outputs: Outputs, batch: Prepared, measured: dict[str, Any]
    ) -> list[Tensor]:
        """Auxiliary losses of a step that is a single batch: no second pass is needed."""
        losses = []
        for name, aux in self.aux.items():
            text, vision = aux.representations(outputs, batch.pairs)
            if len(text) >= FEWEST:
                value = aux(text, vision)
                losses.append(value * aux.weight)
                measured[f"aux_{name}"] = value.detach()
        return losses

    def _pulls(self, group: Sequence[Prepared], measured: dict[str, Any]) -> list[dict[str, Pull]]:
        """Gradients of the auxiliary losses of the whole group, batch by batch."""
        before = random_state(self.device)
        with torch.no_grad():
            seen = []
            for batch in group:
                outputs = self.forward(batch) if batch.n else None
                seen.append(
                    {n: aux.representations(outputs, batch.pairs) for n, aux in self.aux.items()}
                    if outputs
                    else {}
                )
        set_random_state(before, self.device)  # dropout is the same in both passes
        pulls: list[dict[str, Pull]] = [{} for _ in group]
        for name, aux in self.aux.items():
            sizes = [len(part[name][0]) if part else 0 for part in seen]
            nothing = [torch.zeros(0, width, device=self.device) for width in aux.widths]
            sides = [
                torch.cat([nothing[side], *(part[name][side] for part in seen if part)])
                for side in (0, 1)
            ]
            leaves, own = [], slice(0)
            for side in sides:
                everyone, own = self.processes.gather(side)
                leaves.append(everyone.detach().requires_grad_())
            if len(leaves[0]) < FEWEST:
                continue
            value = aux(*leaves)
            self.scaler.scale(value * aux.weight).backward()
            if not self.processes.is_first:  # every process has seen all rows: count them once
                aux.zero_grad(set_to_none=True)
            measured[f"aux_{name}"] = value.detach() / self.processes.size
            text, vision = (_gradient(leaf)[own].split(sizes) for leaf in leaves)
            for pull, *sides in zip(pulls, text, vision, strict=True):
                pull[name] = (sides[0], sides[1])
        return pulls

    def _pull_back(
        self, losses: list[Tensor], outputs: Outputs, batch: Prepared, pulls: dict[str, Pull]
    ) -> None:
        roots: list[Tensor] = []
        gradients: list[Tensor | None] = []
        if losses:
            roots.append(self.scaler.scale(sum(losses[1:], losses[0])))
            gradients.append(None)
        for name, pull in pulls.items():
            for side, gradient in zip(
                self.aux[name].representations(outputs, batch.pairs), pull, strict=True
            ):
                if side.requires_grad:  # not so where all before it is frozen
                    roots.append(side)
                    gradients.append(gradient)
        if roots:
            torch.autograd.backward(roots, gradients)

    def _summed(self, measured: dict[str, Any]) -> dict[str, float]:
        values = self.processes.total({name: float(value) for name, value in measured.items()})
        weights = {n: o.weight for n, o in self.objectives.items()}
        weights |= {f"aux_{n}": a.weight for n, a in self.aux.items()}
        return {"loss": sum(weights[name] * value for name, value in values.items())} | values


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The generators that dropout draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Put the generators back."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def _gradient(leaf: Tensor) -> Tensor:
    return leaf.grad if leaf.grad is not None else torch.zeros_like(leaf)
