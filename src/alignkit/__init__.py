"""alignkit: where co-attention stands, whether it aligns two streams, and whether that matters.

>>> import alignkit
>>> alignkit.measure(x, y)  # doctest: +SKIP
0.83

Importing this package is cheap; what a name needs is imported when the name is used.
"""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "AlignkitDeprecationWarning": "alignkit.errors",
    "AlignkitError": "alignkit.errors",
    "Architecture": "alignkit.models.protocols",
    "Binary": "alignkit.tasks",
    "Bound": "alignkit.search.bounds",
    "Comparison": "alignkit.report.comparison.result",
    "DataError": "alignkit.errors",
    "Encoder": "alignkit.models.encoders",
    "EncoderSite": "alignkit.models.encoders",
    "Fuse": "alignkit.models.schedule",
    "Fusion": "alignkit.models.protocols",
    "Inputs": "alignkit.models.protocols",
    "Loss": "alignkit.training.protocols",
    "LossDeclarations": "alignkit.plugins.hookspecs",
    "Metric": "alignkit.metrics.protocols",
    "MetricDeclarations": "alignkit.plugins.hookspecs",
    "MissingError": "alignkit.errors",
    "Model": "alignkit.models.protocols",
    "ModelSize": "alignkit.models.size",
    "MultiLabel": "alignkit.tasks",
    "PLUGIN_API": "alignkit.plugins.api",
    "Objective": "alignkit.training.protocols",
    "ObjectiveContext": "alignkit.training.protocols",
    "ObjectiveDeclarations": "alignkit.plugins.hookspecs",
    "ObjectiveSamples": "alignkit.training.protocols",
    "Pairs": "alignkit.tasks",
    "Placement": "alignkit.models.placement",
    "Predictions": "alignkit.tasks",
    "PluginError": "alignkit.errors",
    "Pooling": "alignkit.models.protocols",
    "PreparedMetric": "alignkit.metrics.protocols",
    "Record": "alignkit.models.schedule",
    "RegisterArchitectures": "alignkit.plugins.hookspecs",
    "RegisterEncoders": "alignkit.plugins.hookspecs",
    "RegisterLayerRules": "alignkit.plugins.hookspecs",
    "RegisterLosses": "alignkit.plugins.hookspecs",
    "RegisterObjectives": "alignkit.plugins.hookspecs",
    "RegisterPoolings": "alignkit.plugins.hookspecs",
    "RegisterScores": "alignkit.plugins.hookspecs",
    "RegisterSections": "alignkit.plugins.hookspecs",
    "RegisterSpaces": "alignkit.plugins.hookspecs",
    "RegisterMetrics": "alignkit.plugins.hookspecs",
    "RegisterPlacements": "alignkit.plugins.hookspecs",
    "RegisterTargets": "alignkit.plugins.hookspecs",
    "RegisterTasks": "alignkit.plugins.hookspecs",
    "Representation": "alignkit.metrics",
    "Run": "alignkit.runs",
    "RunLayer": "alignkit.models.schedule",
    "Score": "alignkit.tasks",
    "ScoreDeclarations": "alignkit.plugins.hookspecs",
    "Section": "alignkit.report.sections",
    "SectionFigure": "alignkit.report.sections",
    "SingleLabel": "alignkit.tasks",
    "SiteState": "alignkit.models.encoders",
    "Space": "alignkit.search.spaces",
    "SpaceContext": "alignkit.search.spaces",
    "SpaceDeclarations": "alignkit.plugins.hookspecs",
    "Split": "alignkit.tasks",
    "Step": "alignkit.models.schedule",
    "Stream": "alignkit.models.protocols",
    "StreamState": "alignkit.models.walk",
    "Target": "alignkit.tasks",
    "TargetChoice": "alignkit.runs.targets",
    "TargetDeclarations": "alignkit.plugins.hookspecs",
    "Task": "alignkit.tasks",
    "UndefinedError": "alignkit.errors",
    "UsageError": "alignkit.errors",
    "Vocabulary": "alignkit.models.protocols",
    "ablation": "alignkit.report.notebook_tables",
    "between_layers": "alignkit.models.schedule",
    "choose_target": "alignkit.runs.targets",
    "compare": "alignkit.report.comparison.result",
    "correlate": "alignkit.report.notebook",
    "default_root": "alignkit.tasks",
    "dimension": "alignkit.report.notebook_tables",
    "evaluate": "alignkit.report.notebook_tables",
    "fingerprint_of": "alignkit.tasks",
    "first_line": "alignkit.errors",
    "fusion_site": "alignkit.models.schedule",
    "gram": "alignkit.metrics",
    "hookimpl": "alignkit.plugins.hookspecs",
    "inner": "alignkit.metrics",
    "input_site": "alignkit.models.schedule",
    "is_out_of_memory": "alignkit.errors",
    "layer_site": "alignkit.models.schedule",
    "load_run": "alignkit.runs",
    "load_runs": "alignkit.runs",
    "measure": "alignkit.metrics",
    "names": "alignkit.plugins",
    "open_picture": "alignkit.data.pictures",
    "parallel_map": "alignkit.metrics",
    "permuted_products": "alignkit.metrics",
    "plot": "alignkit.report.notebook",
    "probe": "alignkit.report.notebook_tables",
    "read_arrays": "alignkit.metrics",
    "run_layers": "alignkit.models.schedule",
    "stability": "alignkit.report.notebook_tables",
    "trajectory": "alignkit.report.notebook_tables",
    "write_report": "alignkit.report.notebook",
}

# Former names, to be removed in version 0.3.
_RENAMED = {"spread": "parallel_map"}

__all__ = [*_PUBLIC, *_RENAMED, "__version__"]


if not TYPE_CHECKING:  # a type checker would take any name for one that exists

    def __getattr__(name: str) -> Any:
        if name in _RENAMED:
            new = _RENAMED[name]
            message = (
                f"alignkit.{name} is now alignkit.{new}; "
                "the old name will be removed in version 0.3"
            )
            warnings.warn(message, __getattr__("AlignkitDeprecationWarning"), stacklevel=2)
            return __getattr__(new)
        if name not in _PUBLIC:
            raise AttributeError(f"module 'alignkit' has no attribute '{name}'")
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from alignkit.data.pictures import open_picture as open_picture
    from alignkit.errors import AlignkitDeprecationWarning as AlignkitDeprecationWarning
    from alignkit.errors import AlignkitError as AlignkitError
    from alignkit.errors import DataError as DataError
    from alignkit.errors import MissingError as MissingError
    from alignkit.errors import PluginError as PluginError
    from alignkit.errors import UndefinedError as UndefinedError
    from alignkit.errors import UsageError as UsageError
    from alignkit.errors import first_line as first_line
    from alignkit.errors import is_out_of_memory as is_out_of_memory
    from alignkit.metrics import Representation as Representation
    from alignkit.metrics import gram as gram
    from alignkit.metrics import inner as inner
    from alignkit.metrics import measure as measure
    from alignkit.metrics import parallel_map as parallel_map
    from alignkit.metrics import permuted_products as permuted_products
    from alignkit.metrics import read_arrays as read_arrays
    from alignkit.metrics.protocols import Metric as Metric
    from alignkit.metrics.protocols import PreparedMetric as PreparedMetric
    from alignkit.models.encoders import Encoder as Encoder
    from alignkit.models.encoders import EncoderSite as EncoderSite
    from alignkit.models.encoders import SiteState as SiteState
    from alignkit.models.placement import Placement as Placement
    from alignkit.models.protocols import Architecture as Architecture
    from alignkit.models.protocols import Fusion as Fusion
    from alignkit.models.protocols import Inputs as Inputs
    from alignkit.models.protocols import Model as Model
    from alignkit.models.protocols import Pooling as Pooling
    from alignkit.models.protocols import Stream as Stream
    from alignkit.models.protocols import Vocabulary as Vocabulary
    from alignkit.models.schedule import Fuse as Fuse
    from alignkit.models.schedule import Record as Record
    from alignkit.models.schedule import RunLayer as RunLayer
    from alignkit.models.schedule import Step as Step
    from alignkit.models.schedule import between_layers as between_layers
    from alignkit.models.schedule import fusion_site as fusion_site
    from alignkit.models.schedule import input_site as input_site
    from alignkit.models.schedule import layer_site as layer_site
    from alignkit.models.schedule import run_layers as run_layers
    from alignkit.models.size import ModelSize as ModelSize
    from alignkit.models.walk import StreamState as StreamState
    from alignkit.plugins import names as names
    from alignkit.plugins.api import PLUGIN_API as PLUGIN_API
    from alignkit.plugins.hookspecs import LossDeclarations as LossDeclarations
    from alignkit.plugins.hookspecs import MetricDeclarations as MetricDeclarations
    from alignkit.plugins.hookspecs import ObjectiveDeclarations as ObjectiveDeclarations
    from alignkit.plugins.hookspecs import RegisterArchitectures as RegisterArchitectures
    from alignkit.plugins.hookspecs import RegisterEncoders as RegisterEncoders
    from alignkit.plugins.hookspecs import RegisterLayerRules as RegisterLayerRules
    from alignkit.plugins.hookspecs import RegisterLosses as RegisterLosses
    from alignkit.plugins.hookspecs import RegisterMetrics as RegisterMetrics
    from alignkit.plugins.hookspecs import RegisterObjectives as RegisterObjectives
    from alignkit.plugins.hookspecs import RegisterPlacements as RegisterPlacements
    from alignkit.plugins.hookspecs import RegisterPoolings as RegisterPoolings
    from alignkit.plugins.hookspecs import RegisterScores as RegisterScores
    from alignkit.plugins.hookspecs import RegisterSections as RegisterSections
    from alignkit.plugins.hookspecs import RegisterSpaces as RegisterSpaces
    from alignkit.plugins.hookspecs import RegisterTargets as RegisterTargets
    from alignkit.plugins.hookspecs import RegisterTasks as RegisterTasks
    from alignkit.plugins.hookspecs import ScoreDeclarations as ScoreDeclarations
    from alignkit.plugins.hookspecs import SpaceDeclarations as SpaceDeclarations
    from alignkit.plugins.hookspecs import TargetDeclarations as TargetDeclarations
    from alignkit.plugins.hookspecs import hookimpl as hookimpl
    from alignkit.report.comparison.result import Comparison as Comparison
    from alignkit.report.comparison.result import compare as compare
    from alignkit.report.notebook import correlate as correlate
    from alignkit.report.notebook import plot as plot
    from alignkit.report.notebook import write_report as write_report
    from alignkit.report.notebook_tables import ablation as ablation
    from alignkit.report.notebook_tables import dimension as dimension
    from alignkit.report.notebook_tables import evaluate as evaluate
    from alignkit.report.notebook_tables import probe as probe
    from alignkit.report.notebook_tables import stability as stability
    from alignkit.report.notebook_tables import trajectory as trajectory
    from alignkit.report.sections import Section as Section
    from alignkit.report.sections import SectionFigure as SectionFigure
    from alignkit.runs import Run as Run
    from alignkit.runs import load_run as load_run
    from alignkit.runs import load_runs as load_runs
    from alignkit.runs.targets import TargetChoice as TargetChoice
    from alignkit.runs.targets import choose_target as choose_target
    from alignkit.search.bounds import Bound as Bound
    from alignkit.search.spaces import Space as Space
    from alignkit.search.spaces import SpaceContext as SpaceContext
    from alignkit.tasks import Binary as Binary
    from alignkit.tasks import MultiLabel as MultiLabel
    from alignkit.tasks import Pairs as Pairs
    from alignkit.tasks import Predictions as Predictions
    from alignkit.tasks import Score as Score
    from alignkit.tasks import SingleLabel as SingleLabel
    from alignkit.tasks import Split as Split
    from alignkit.tasks import Target as Target
    from alignkit.tasks import Task as Task
    from alignkit.tasks import default_root as default_root
    from alignkit.tasks import fingerprint_of as fingerprint_of
    from alignkit.training.protocols import Loss as Loss
    from alignkit.training.protocols import Objective as Objective
    from alignkit.training.protocols import ObjectiveContext as ObjectiveContext
    from alignkit.training.protocols import ObjectiveSamples as ObjectiveSamples

    spread = parallel_map
