"""CPU time per training sample, compared with a straightforward training loop.

The straightforward loop trains the same model on the same samples: it pads every text to 197
tokens, opens every picture again for every objective, runs four forward passes per pretraining
step (masked words, masked picture, whole picture, pairs) and uses an unfused AdamW. Both take
the same steps alternately with one thread each and are compared by the median of the pairwise
ratios of CPU time, so that other load on the machine does not matter.

    python benchmarks/training.py [REPEATS]
    python benchmarks/training.py full       one step at the size of BERT-base and ViT-B/16
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alignkit.chain.model import build, make_repeatable
from alignkit.data.encoded import EncodedSplit
from alignkit.models.walk import count_parameters, walk
from alignkit.runs import Training, resolve_config
from alignkit.training.batches import Collator
from alignkit.training.build import build_objectives
from alignkit.training.learner import Learner
from alignkit.training.objectives import Parts, probe_shapes
from alignkit.training.optimizer import make_optimizer
from alignkit.training.processes import Processes

PADDED = 197
SMALL = "vilbert:max_tokens=197,width=128,heads=4,feedforward=512,fusion_width=128"
# Eight heads divide both 768 and the inner width of ViLBERT's blocks.
FULL = (
    "vilbert:width=768,heads=8,feedforward=3072,fusion_width=1024,image_size=224,patch_size=16,"
    "max_tokens=197"
)
TASK = "toy_redundant:n_train=512"


def cpu_seconds(work: Callable[[], None]) -> float:
    """Return the CPU time that a function takes, over all threads of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


class Ours:
    """A step as ``alignkit train`` takes it."""

    def __init__(self, objectives: tuple[str, ...], batch: int, model: str = SMALL) -> None:
        config = resolve_config(TASK, "late", model, Training(objectives=objectives))
        task = config.task.make()
        split = task.split("train")
        make_repeatable(0, 1)
        data = EncodedSplit(split, config.architecture.make().inputs(split.texts), "train")
        built, schedule = build(config, task.target.n_outputs, data.inputs)
        parts = Parts(probe_shapes(built, schedule, data), data, task.target)
        heads = build_objectives(config.training.weighted_objectives, parts, schedule)
        self.learner = Learner(
            built, schedule, heads, nn.ModuleDict(), "float32", torch.device("cpu"), Processes()
        )
        self.learner.train()
        self.prepare = Collator(data, heads, 0)
        self.optimizer = make_optimizer(self.learner.named_parameters(), config.training)
        self.parameters = [p for _, p in self.learner.named_parameters()]
        self.order = data.shuffled(batch, 0, 1)
        self.n_parameters = count_parameters(built)

    def step(self) -> None:
        """One optimiser step on the next batch."""
        self.optimizer.zero_grad(set_to_none=True)
        self.learner.backward([self.prepare(next(self.order), 1)])
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()


class Straightforward:
    """The same training, written in the most straightforward way."""

    def __init__(self, objectives: tuple[str, ...], batch: int) -> None:
        config = resolve_config(TASK, "late", SMALL, Training())
        task = config.task.make()
        self.split, self.target = task.split("train"), task.target
        make_repeatable(0, 1)
        self.inputs = config.architecture.make().inputs(self.split.texts)
        self.model, self.schedule = build(config, task.target.n_outputs, self.inputs)
        width, words = 128, self.inputs.vocabulary.size
        self.heads = nn.ModuleDict(
            {
                "words": nn.Linear(width, words),
                "patches": nn.Linear(width, width),
                "pairs": nn.Linear(2 * width, 1),
            }
        )
        self.pretraining = bool(objectives)
        self.optimizer = torch.optim.AdamW(
            [*self.model.parameters(), *self.heads.parameters()],
            lr=5e-4,
            foreach=False,
            fused=False,
        )
        self.rng = np.random.default_rng(0)
        n = len(self.split)
        self.order = np.split(self.rng.permutation(n), range(batch, n, batch))

    def step(self) -> None:
        """One optimiser step on the next batch."""
        rows = self.order.pop()
        self.optimizer.zero_grad()
        loss = self._pretraining(rows) if self.pretraining else self._task(rows)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def _task(self, rows: np.ndarray) -> Tensor:
        logits, _ = self._forward(self._tokens(rows), self._pictures(rows))
        return self.target.loss(logits, torch.from_numpy(self.split.targets[rows]))

    def _pretraining(self, rows: np.ndarray) -> Tensor:
        plain = self._tokens(rows)
        masked, words = self._masked(plain)
        _, states = self._forward(masked, self._pictures(rows))
        loss = F.cross_entropy(self.heads["words"](states["t11"].tokens[words]), plain[words])
        whole, pictures = self._pictures(rows), self._pictures(rows)
        hidden = torch.rand(len(rows), 1, 4, 4) < 0.3
        pictures = pictures.masked_fill(F.interpolate(hidden.float(), scale_factor=8) > 0, 0)
        one = self._patches(plain, pictures)
        other = self._patches(plain, whole)
        loss = loss + F.cross_entropy(one @ other.T / 0.1, torch.arange(len(one)))
        swapped = self.rng.random(len(rows)) < 0.5
        drawn = np.where(swapped, self.rng.permutation(rows), rows)
        _, states = self._forward(self._tokens(drawn), self._pictures(rows))
        cls = torch.cat([states[site].pooled("cls") for site in ("t11", "v11")], 1)
        match = torch.from_numpy(drawn == rows).float()
        return loss + F.binary_cross_entropy_with_logits(self.heads["pairs"](cls)[:, 0], match)

    def _patches(self, tokens: Tensor, pictures: Tensor) -> Tensor:
        _, states = self._forward(tokens, pictures)
        return F.normalize(self.heads["patches"](states["v11"].tokens[:, 1:].flatten(0, 1)), dim=1)

    def _masked(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        masked, chosen = tokens.clone(), torch.zeros_like(tokens, dtype=torch.bool)
        for i in range(len(tokens)):
            for j in range(tokens.shape[1]):
                if tokens[i, j] > 4 and self.rng.random() < 0.15:
                    masked[i, j], chosen[i, j] = self.inputs.vocabulary.mask, True
        return masked, chosen

    def _tokens(self, rows: np.ndarray) -> Tensor:
        padded = torch.zeros(len(rows), PADDED, dtype=torch.long)
        for i, row in enumerate(rows):
            tokens = self.inputs.tokens(self.split.texts[row])
            padded[i, : len(tokens)] = torch.from_numpy(tokens)
        return padded

    def _pictures(self, rows: np.ndarray) -> Tensor:
        pixels = np.stack([self.inputs.pixels(self.split.image(int(row))) for row in rows])
        return torch.from_numpy(pixels).float() / 127.5 - 1

    def _forward(self, tokens: Tensor, pictures: Tensor) -> tuple[Tensor, dict[str, Any]]:
        states: dict[str, Any] = {}
        batch = {"text": {"tokens": tokens}, "vision": {"pixels": pictures}}
        logits = walk(
            self.model, self.schedule, batch, lambda site, state: states.update({site: state})
        )
        return logits, states


def compare(name: str, objectives: tuple[str, ...], repeats: int, batch: int = 32) -> None:
    """Print the CPU milliseconds per sample of both, and the ratio."""
    ours, theirs = Ours(objectives, batch), Straightforward(objectives, batch)
    ours.step(), theirs.step()
    pairs = [(cpu_seconds(ours.step), cpu_seconds(theirs.step)) for _ in range(repeats)]
    per_sample = [1000 / batch * statistics.median(side) for side in zip(*pairs, strict=True)]
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"| {name} | {per_sample[0]:.1f} | {per_sample[1]:.1f} | {ratio:.1f} |", flush=True)


def epoch(name: str, objectives: tuple[str, ...], batch: int = 32, steps: int = 16) -> None:
    """Print the same for a whole epoch, without its validation."""
    ours, theirs = Ours(objectives, batch), Straightforward(objectives, batch)
    taken = [
        cpu_seconds(lambda side=side: [side.step() for _ in range(steps)])
        for side in (ours, theirs)
    ]
    per_sample = [1000 / batch / steps * seconds for seconds in taken]
    print(f"| {name} | {per_sample[0]:.1f} | {per_sample[1]:.1f} | {taken[1] / taken[0]:.1f} |")


def full_size(batch: int = 4) -> None:
    """Print the cost of a step at the size of BERT-base and ViT-B/16 with 224 pixels."""
    for name, objectives in (("fine-tuning", ()), ("pretraining", ("pretrain",))):
        ours = Ours(objectives, batch, FULL)
        seconds = cpu_seconds(ours.step)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"| {name} | {ours.n_parameters / 1e6:.0f} M | {seconds:.1f} | {peak:.1f} |", flush=True
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:] == ["full"]:
        full_size()
    else:
        n = int(sys.argv[1]) if len(sys.argv) > 1 else 7
        compare("fine-tuning, a step", (), n)
        compare("pretraining, a step", ("pretrain",), n)
        epoch("fine-tuning, an epoch", ())
        epoch("pretraining, an epoch", ("pretrain",))
