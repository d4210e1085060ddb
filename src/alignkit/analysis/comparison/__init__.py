"""Models compared layer by layer: encoders, runs and arrays, two or a grid of them."""

from alignkit.analysis.comparison.compare import CompareOptions, Measured, measure_models
from alignkit.analysis.comparison.models import Model
from alignkit.analysis.comparison.sides import read_sides

__all__ = ["CompareOptions", "Measured", "Model", "measure_models", "read_sides"]
