"""A model with its objectives: computes the gradient of an optimiser step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from alignkit.contracts.model import run_model
from alignkit.models.schedule import Schedule
from alignkit.models.walk import StreamState
from alignkit.training.batches import Batch
from alignkit.training.device import mixed_precision
from alignkit.training.objectives import BatchObjective, Outputs, TaskLoss
from alignkit.training.processes import Processes
from alignkit.training.protocols import ObjectiveSamples
from alignkit.training.step_terms import StepTerm, joined, own_captions

Gradients = tuple[Tensor, Tensor]  # of a loss, with respect to both representations
Means = dict[str, float | Tensor]  # by objective and auxiliary loss, as in the history


class Learner:
    """A model with its objectives and auxiliary losses, run forward and backward.

    The loss of a step is that of the union of its batches: alignkit's own objectives are averaged
    over all samples, words or patches of the group, however the group is divided into batches.
    Objectives of plugins and auxiliary losses see the whole group as well: its representations are
    collected without a graph, the gradient of the loss with respect to them is computed, and each
    batch is run again to propagate that gradient (gradient caching, Gao et al. 2021).

    Parameters
    ----------
    model : nn.Module
        What an architecture built.
    schedule : Schedule
    objectives : nn.ModuleDict
        The objectives by name.
    aux : nn.ModuleDict
        The auxiliary losses by name.
    precision : str
        ``float32``, ``bf16`` or ``fp16``.
    device : torch.device
    processes : Processes
    """

    def __init__(
        self,
        model: nn.Module,
        schedule: Schedule,
        objectives: nn.ModuleDict,
        aux: nn.ModuleDict,
        precision: str,
        device: torch.device,
        processes: Processes,
    ) -> None:
        self.model, self.schedule = model, schedule
        self.heads = nn.ModuleDict({"objectives": objectives, "aux": aux})
        self.objectives, self.aux = dict(objectives.items()), dict(aux.items())
        # By the names of their means:
        self.by_batch = {n: o for n, o in objectives.items() if isinstance(o, BatchObjective)}
        self.by_step = {n: o for n, o in objectives.items() if isinstance(o, StepTerm)}
        self.by_step |= {f"aux_{n}": a for n, a in aux.items() if isinstance(a, StepTerm)}
        self.precision, self.device, self.processes = precision, device, processes
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
        self.sites = {site for term in self.by_step.values() for site in term.sites}
        self.sites.update(site for term in self.by_batch.values() for site in term.sites)

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the parameters of the model, then those of the heads, with their names."""
        yield from self.model.named_parameters()
        yield from self.heads.named_parameters(prefix="heads")

    def train(self, mode: bool = True) -> None:
        """Switch to training mode, or to evaluation mode without dropout."""
        self.model.train(mode)
        self.heads.train(mode)

    def forward(self, batch: Batch) -> Outputs:
        """Run one batch through the model once; return logits and the states that losses read."""
        states: dict[str, StreamState] = {}

        def keep(site: str, state: StreamState) -> None:
            if site in self.sites:
                states[site] = state

        with mixed_precision(self.precision, self.device):
            return Outputs(run_model(self.model, self.schedule, batch.inputs, keep), states)

    def terms(self, outputs: Outputs, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the mean loss and the number of correct predictions of alignkit's own objectives.

        Objectives that apply to nothing in the batch are left out.
        """
        terms = {}
        with mixed_precision(self.precision, self.device):
            for name, objective in self.by_batch.items():
                if not batch.counts[name]:
                    continue
                more = (batch.pairs,) if isinstance(objective, TaskLoss) else ()
                terms[name] = objective(outputs, batch.labels[name], *more)
        return terms

    def backward(self, group: Sequence[Batch]) -> dict[str, float]:
        """Accumulate the gradient of an optimiser step in the parameters.

        Parameters
        ----------
        group : sequence of Batch
            The batches of the step, of the current process.

        Returns
        -------
        dict of str to float
            ``loss``, and the mean of every objective and auxiliary loss by name, over all
            processes.
        """
        totals = self.processes.total(
            {name: sum(batch.counts[name] for batch in group) for name in self.by_batch}
        )
        means: Means = dict.fromkeys(self.by_batch, 0.0)
        single = len(group) == 1 and self.processes.size == 1
        cached = self._step_gradients(group, means) if self.by_step and not single else None
        for index, batch in enumerate(group):
            if not batch.n:
                continue
            outputs = self.forward(batch)
            losses = []
            for name, (mean, _) in self.terms(outputs, batch).items():
                share = batch.counts[name] / totals[name]
                losses.append(mean * (self.by_batch[name].weight * share))
                means[name] += mean.detach() * share
            if single:
                losses += self._step_losses(outputs, batch, means)
            self._propagate(losses, outputs, batch, cached[index] if cached else {})
        return self._totals(means)

    def _step_losses(self, outputs: Outputs, batch: Batch, means: Means) -> list[Tensor]:
        """Return the weighted terms of a step that is a single batch."""
        losses, samples = [], self._samples([batch])
        for name, term in self.by_step.items():
            text, vision = term.representations(outputs, batch.pairs)
            if len(text) >= term.min_samples:
                value = term(text, vision, samples)
                losses.append(value * term.weight)
                means[name] = value.detach()
        return losses

    def _step_gradients(self, group: Sequence[Batch], means: Means) -> list[dict[str, Gradients]]:
        """Return the gradients of the terms of a whole group, batch by batch."""
        batches, samples = self._representations(group), self._samples(group)
        gradients: list[dict[str, Gradients]] = [{} for _ in group]
        for name, term in self.by_step.items():
            sizes = [len(part[name][0]) if part else 0 for part in batches]
            empty = [torch.zeros(0, width, device=self.device) for width in term.widths]
            sides = [
                torch.cat([empty[side], *(part[name][side] for part in batches if part)])
                for side in (0, 1)
            ]
            leaves, own = [], slice(0)
            for side in sides:
                everyone, own = self.processes.gather(side)
                leaves.append(everyone.detach().requires_grad_())
            if len(leaves[0]) < term.min_samples:
                continue
            value = term(*leaves, samples)
            self.scaler.scale(value * term.weight).backward()
            if not self.processes.is_first:  # every process has seen all rows: count them once
                term.zero_grad(set_to_none=True)
            means[name] = value.detach() / self.processes.size
            text, vision = (torch.split(_gradient(leaf)[own], sizes) for leaf in leaves)
            for batch_gradients, *pair in zip(gradients, text, vision, strict=True):
                batch_gradients[name] = (pair[0], pair[1])
        return gradients

    def _samples(self, group: Sequence[Batch]) -> ObjectiveSamples:
        """Return which samples of a step are equal, of all processes, without swapped captions."""
        own = joined(
            [own_captions(batch.samples, batch.pairs) for batch in group if batch.samples],
            self.device,
        )
        return ObjectiveSamples(
            self.processes.gather(own.texts)[0], self.processes.gather(own.images)[0]
        )

    def _representations(self, group: Sequence[Batch]) -> list[dict[str, tuple[Tensor, Tensor]]]:
        """Return what each term reads of every batch, without a graph.

        The generators are put back afterwards, so that dropout repeats in the second pass.
        """
        before = random_state(self.device)
        representations = []
        with torch.no_grad():
            for batch in group:
                outputs = self.forward(batch) if batch.n else None
                representations.append(
                    {n: t.representations(outputs, batch.pairs) for n, t in self.by_step.items()}
                    if outputs
                    else {}
                )
        set_random_state(before, self.device)
        return representations

    def _propagate(
        self, losses: list[Tensor], outputs: Outputs, batch: Batch, cached: dict[str, Gradients]
    ) -> None:
        """Propagate losses, and cached gradients of representations, through the model."""
        roots: list[Tensor] = []
        gradients: list[Tensor | None] = []
        if losses:
            roots.append(self.scaler.scale(sum(losses[1:], losses[0])))
            gradients.append(None)
        for name, pair in cached.items():
            for side, gradient in zip(
                self.by_step[name].representations(outputs, batch.pairs), pair, strict=True
            ):
                if side.requires_grad:  # unless everything before it is frozen
                    roots.append(side)
                    gradients.append(gradient)
        if roots:
            torch.autograd.backward(roots, gradients)

    def _totals(self, means: Means) -> dict[str, float]:
        """Return the terms summed over processes, and their weighted sum as ``loss``."""
        values = self.processes.total({name: float(value) for name, value in means.items()})
        weights = {n: term.weight for n, term in (self.by_batch | self.by_step).items()}
        return {"loss": sum(weights[name] * value for name, value in values.items())} | values


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Return the state of the generators that dropout draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Restore the state of the generators."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def _gradient(leaf: Tensor) -> Tensor:
    return leaf.grad if leaf.grad is not None else torch.zeros_like(leaf)
