"""Checks for plugin authors that a part holds what it declares.

>>> from alignkit.testing import check_metric
>>> check_metric("unbiased_cka")  # doctest: +SKIP

Each returns what it measured, and raises ``AssertionError`` naming what fails, so that a call is
a test.
"""

from alignkit.metrics.checks import Check
from alignkit.testing.encoder import check_encoder
from alignkit.testing.layer_rule import check_layer_rule
from alignkit.testing.loss import check_loss
from alignkit.testing.metric import Examination, check_metric, examine
from alignkit.testing.model import check_architecture, check_placement
from alignkit.testing.objective import check_objective
from alignkit.testing.plugin import Result, check_plugin, examine_plugin
from alignkit.testing.pooling import check_pooling
from alignkit.testing.score import check_score
from alignkit.testing.section import check_section
from alignkit.testing.space import check_space
from alignkit.testing.target import check_target
from alignkit.testing.task import check_task

__all__ = [
    "Check",
    "Examination",
    "Result",
    "check_architecture",
    "check_encoder",
    "check_layer_rule",
    "check_loss",
    "check_metric",
    "check_objective",
    "check_placement",
    "check_plugin",
    "check_pooling",
    "check_target",
    "check_score",
    "check_section",
    "check_space",
    "check_task",
    "examine",
    "examine_plugin",
]
