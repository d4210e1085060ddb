"""What comes with alignkit itself, registered through the same hooks as everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alignkit.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from alignkit.plugins.hookspecs import (
        RegisterLayerRules,
        RegisterObjectives,
        RegisterPoolings,
        RegisterScores,
        RegisterSpaces,
        RegisterTargets,
    )

OBJECTIVES = "alignkit.training.objectives"
POOLINGS = "alignkit.models.own_poolings"
SCORES = "alignkit.tasks.group_scores"
SPACES = "alignkit.search.own_spaces"
TARGETS = "alignkit.tasks.own_targets"


@hookimpl
def register_layer_rules(register: RegisterLayerRules) -> None:
    """Register the rule for the upper layers; those without options are words of ``layer``."""
    register(
        "upper",
        "alignkit.analysis.layer_rules:upper",
        summary="Mean over the layers of equal depth in the upper part of the streams",
    )


@hookimpl
def register_objectives(register: RegisterObjectives) -> None:
    """Register the objectives that are averaged over samples, words and patches."""
    register("task", f"{OBJECTIVES}:TaskLoss", summary="The task's own loss, which needs labels")
    register(
        "mlm",
        f"{OBJECTIVES}:MaskedWords",
        label="MLM",
        summary="Masked language modelling: predict the words that were masked",
        paper="Devlin et al. 2019, arXiv:1810.04805",
    )
    register(
        "mim",
        f"{OBJECTIVES}:MaskedPatches",
        label="MIM",
        summary="Masked image contrast: tell which patch was masked",
    )
    register(
        "itm",
        f"{OBJECTIVES}:Matching",
        label="ITM",
        summary="Image-text matching: tell own captions from those of other pictures",
        paper="Lu et al. 2019, arXiv:1908.02265",
    )


@hookimpl
def register_poolings(register: RegisterPoolings) -> None:
    """Register the poolings; cls and mean are stored unless others are asked for."""
    register(
        "cls",
        f"{POOLINGS}:cls",
        summary="The class token; the mean where a stream has none",
        default=True,
    )
    register("mean", f"{POOLINGS}:mean", summary="The mean over content tokens")
    register("max", f"{POOLINGS}:maximum", summary="The maximum over content tokens")


@hookimpl
def register_scores(register: RegisterScores) -> None:
    """Register the scores of the group on which a model does worst."""
    register(
        "worst_group_accuracy",
        f"{SCORES}:worst_group_accuracy",
        summary="Lowest accuracy of a group of samples, by default of a class",
        targets=("Binary", "SingleLabel"),
    )
    register(
        "worst_group_auroc",
        f"{SCORES}:worst_group_auroc",
        summary="Lowest AUROC within a group of samples",
        targets=("Binary",),
    )


@hookimpl
def register_spaces(register: RegisterSpaces) -> None:
    """Register the search spaces; ``placement`` is the default."""
    register(
        "placement",
        f"{SPACES}:placement",
        summary="Number of fusions, and their centre and spread in each stream",
        default=True,
    )
    register(
        "named",
        f"{SPACES}:named",
        summary="Registered placements, or those that are named, each once",
        placements="candidates",
    )
    register("mask", f"{SPACES}:mask", summary="Whether each layer of each stream has a fusion")
    register(
        "hparams",
        f"{SPACES}:hparams",
        summary="Learning rate, epochs and dropout, at one placement",
        placements="fixed",
    )


@hookimpl
def register_targets(register: RegisterTargets) -> None:
    """Register the targets for labels."""
    register("single", f"{TARGETS}:single", summary="One label of several: accuracy, macro F1")
    register(
        "binary",
        f"{TARGETS}:binary",
        summary="Yes or no, the second label being yes: AUROC, accuracy",
    )
    register(
        "multi",
        f"{TARGETS}:multi",
        summary="Any subset of the labels: macro F1, micro F1",
        reads="labels",
    )
