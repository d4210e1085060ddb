"""The hooks that a plugin implements; this file is their reference.

Each hook receives ``register``; call it once for every name that you add::

    register(name, target, *, summary="", label="", default=False, **declarations)

``name`` consists of lower-case letters, digits and underscores. ``target`` is a
``"module:attr"`` string, which keeps importing the plugin cheap, or the object itself; its
keyword parameters are its options, which users set as ``name:key=value,key=value``.
``summary`` is one line for ``alignkit list``, by default the first line of the docstring, ``label``
the name in figures for papers (``CKA``), by default the words of the name, and
``default`` makes this the default of its kind. ``declarations`` are what the target states about
itself; each kind has its own.

The types below are public: ``def register_metrics(register: alignkit.RegisterMetrics) -> None``
lets a type checker find a target of another signature and a declaration that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict, TypeVar, Unpack

import pluggy

if TYPE_CHECKING:
    # The names that a plugin writes; nothing below stands above the plugins when it runs.
    import alignkit

hookspec = pluggy.HookspecMarker("alignkit")
hookimpl = pluggy.HookimplMarker("alignkit")

Target_contra = TypeVar("Target_contra", contravariant=True)
Layers: TypeAlias = Sequence[int] | Mapping[str, Sequence[int]]
Invariance: TypeAlias = Literal["rotation", "scale", "shift", "linear"]


class Register(Protocol[Target_contra]):
    """What hooks receive whose kinds have no declarations: it registers one name."""

    def __call__(
        self,
        name: str,
        target: str | Target_contra,
        *,
        summary: str = "",
        label: str = "",
        default: bool = False,
    ) -> None:
        """Register a target under a name."""


class MetricDeclarations(TypedDict, total=False):
    """What a metric declares about itself, all of it optional.

    Attributes
    ----------
    range : (float, float)
        The lowest and the highest possible value.
    best : float
        The value of perfect alignment; the highest, unless it is stated.
    symmetric : bool
        Whether swapping x and y gives the same value.
    invariances : sequence of str
        Any of ``rotation``, ``scale``, ``shift`` and ``linear``.
    chance : str or callable
        ``"module:function"`` with the metric's arguments, which returns the mean over all
        permutations of rows.
    null : str or callable
        ``"module:function"`` of two lists of layers and a list of orders of the samples, which
        returns all values with the rows permuted at once.
    version : int
        1 by default; raise it when the definition changes, so that stored values of an older
        version are measured again.
    ties : str or callable
        ``"module:function"`` with the metric's arguments, which returns
        ``[x.ties(k, distance), y.ties(k, distance)]``; with ties, the metric scores less than
        its best value on identical input, and calibration takes that score for the best.
    identity : str
        A note, if identical inputs do not give the best value.
    inflated : bool
        Whether unrelated data score high when there are fewer samples than columns.
    variants : mapping
        ``{option: {value: declarations}}``, where an option changes declarations.
    within : str
        ``classes`` if the value within classes is the mean over classes of the value in each, as
        for metrics of neighbours; by default, ``means``, classes are moved to a common mean.
    cost, paper : str
        How the cost grows, and the source of the definition, for ``alignkit show``.
    """

    range: tuple[float, float]
    best: float
    symmetric: bool
    invariances: Sequence[Invariance]
    chance: str | Callable[..., float]
    null: str | Callable[..., Any]
    version: int
    ties: str | Callable[..., Any]
    identity: str
    inflated: bool
    variants: Mapping[str, Mapping[Any, MetricDeclarations]]
    within: Literal["means", "classes"]
    cost: str
    paper: str


class RegisterMetrics(Protocol):
    """What ``register_metrics`` receives: it registers one metric."""

    def __call__(
        self,
        name: str,
        target: str | alignkit.Metric | type[alignkit.PreparedMetric],
        *,
        summary: str = "",
        label: str = "",
        default: bool = False,
        **declarations: Unpack[MetricDeclarations],
    ) -> None:
        """Register a metric under a name, with what it declares about itself."""


class LossDeclarations(TypedDict, total=False):
    """What an auxiliary loss declares about itself, all of it optional.

    Attributes
    ----------
    maximise : bool
        Whether it is a similarity whose best value is 1; ``1 - value`` is then minimised.
    paper : str
        The source of the definition.
    """

    maximise: bool
    paper: str


class RegisterLosses(Protocol):
    """What ``register_losses`` receives: it registers one auxiliary loss."""

    def __call__(
        self,
        name: str,
        target: str | alignkit.Loss,
        *,
        summary: str = "",
        label: str = "",
        default: bool = False,
        **declarations: Unpack[LossDeclarations],
    ) -> None:
        """Register an auxiliary loss under a name, with what it declares about itself."""


class ObjectiveDeclarations(TypedDict, total=False):
    """What a training objective declares about itself, all of it optional.

    Attributes
    ----------
    scores : sequence of str
        The scores that it gives beside ``accuracy``; in [0, 1], and higher is better.
    paper : str
        The source of the definition.
    """

    scores: Sequence[str]
    paper: str


class RegisterObjectives(Protocol):
    """What ``register_objectives`` receives: it registers one training objective."""

    def __call__(
        self,
        name: str,
        target: str | Callable[[alignkit.ObjectiveContext], alignkit.Objective],
        *,
        summary: str = "",
        label: str = "",
        default: bool = False,
        **declarations: Unpack[ObjectiveDeclarations],
    ) -> None:
        """Register an objective under a name, with what it declares about itself."""


class SpaceDeclarations(TypedDict, total=False):
    """What a search space declares about itself.

    Attributes
    ----------
    placements : str
        What it does with ``--placement``: ``candidates`` if it chooses among them, ``fixed`` if it
        leaves the one that is given as it is; by default, none can be given.
    """

    placements: Literal["candidates", "fixed"]


class RegisterSpaces(Protocol):
    """What ``register_spaces`` receives: it registers one search space."""

    def __call__(
        self,
        name: str,
        target: str | Callable[..., alignkit.Space],
        *,
        summary: str = "",
        label: str = "",
        default: bool = False,
        **declarations: Unpack[SpaceDeclarations],
    ) -> None:
        """Register a search space under a name, with what it declares about itself."""


class ScoreDeclarations(TypedDict, total=False):
    """What a score declares about itself, all of it optional.

    Attributes
    ----------
    higher_is_better : bool
        True by default.
    range : (float, float)
        The lowest and the highest possible value; 0 and 1 by default.
    targets : sequence of str
        The classes of targets that it is for, such as ``("Binary", "SingleLabel")``, and their
        subclasses; all by default.
    """

    higher_is_better: bool
    range: tuple[float, float]
    targets: Sequence[str]


class RegisterScores(Protocol):
    """What ``register_scores`` receives: it registers one score."""

    def __call__(
        self,
        name: str,
        target: str | Callable[..., float],
        *,
        summary: str = "",
        label: str = "",
        default: bool = False,
        **declarations: Unpack[ScoreDeclarations],
    ) -> None:
        """Register a score under a name, with what it declares about itself."""


class TargetDeclarations(TypedDict, total=False):
    """What a target declares about itself.

    Attributes
    ----------
    reads : str
        What it is given of each sample: ``label``, the index of one label (the default);
        ``labels``, zeros and ones, one for each label; or ``number``, for which ``labels`` is the
        name of what is predicted.
    """

    reads: Literal["label", "labels", "number"]


class RegisterTargets(Protocol):
    """What ``register_targets`` receives: it registers one target."""

    def __call__(
        self,
        name: str,
        target: str | Callable[..., alignkit.Target],
        *,
        summary: str = "",
        label: str = "",
        default: bool = False,
        **declarations: Unpack[TargetDeclarations],
    ) -> None:
        """Register a target under a name, with what it declares about itself."""


RegisterArchitectures: TypeAlias = Register["Callable[..., alignkit.Architecture]"]
RegisterPlacements: TypeAlias = Register[
    "Layers | alignkit.Placement | Callable[..., Layers | alignkit.Placement]"
]
RegisterLayerRules: TypeAlias = Register["Callable[..., Sequence[tuple[str, str]]]"]
RegisterPoolings: TypeAlias = Register["alignkit.Pooling"]
RegisterSections: TypeAlias = Register["Callable[..., alignkit.Section | None]"]
RegisterTasks: TypeAlias = Register["Callable[..., alignkit.Task]"]
RegisterEncoders: TypeAlias = Register["Callable[..., alignkit.Encoder]"]

# By kind, for those that have declarations.
DECLARATIONS: dict[str, frozenset[str]] = {
    "metrics": frozenset(MetricDeclarations.__annotations__),
    "objectives": frozenset(ObjectiveDeclarations.__annotations__),
    "losses": frozenset(LossDeclarations.__annotations__),
    "scores": frozenset(ScoreDeclarations.__annotations__),
    "spaces": frozenset(SpaceDeclarations.__annotations__),
    "targets": frozenset(TargetDeclarations.__annotations__),
}


@hookspec(historic=True)
def register_metrics(register: RegisterMetrics) -> None:
    """Register metrics: functions of two ``alignkit.Representation`` that return a number.

    See ``alignkit.Metric`` for the function, ``alignkit.PreparedMetric`` for a class that works
    on each layer once, and ``alignkit.MetricDeclarations`` for the declarations.
    """


@hookspec(historic=True)
def register_architectures(register: RegisterArchitectures) -> None:
    """Register architectures: classes with the methods of ``alignkit.Architecture``."""


@hookspec(historic=True)
def register_placements(register: RegisterPlacements) -> None:
    """Register placements: lists of layer indices, or functions that return them.

    A list is that of both streams; ``{"text": [...], "vision": [...]}`` and
    ``alignkit.Placement(text, vision)`` have one for each. A function receives the number of layers
    of each stream, ``{"text": 12, "vision": 12}``, and the options of the placement.
    """


@hookspec(historic=True)
def register_scores(register: RegisterScores) -> None:
    """Register scores: functions of ``alignkit.Predictions`` that return a number.

    They are given beside those of a task's target, with ``alignkit evaluate --score``. See
    ``alignkit.ScoreDeclarations``.
    """


@hookspec(historic=True)
def register_sections(register: RegisterSections) -> None:
    """Register sections of a report: functions of what it shows that return a ``Section``.

    The argument has the tables ``alignment``, ``scores`` and ``history``, and the ``runs``; the
    result is an ``alignkit.Section``, or None where there is nothing to show. They are added with
    ``alignkit report --section``.
    """


@hookspec(historic=True)
def register_layer_rules(register: RegisterLayerRules) -> None:
    """Register layer rules: functions that return the pairs of sites whose mean is a run's value.

    They receive the sites of the text and of the vision stream, in order: ``t.in``, ``t00`` for a
    layer, ``t.f0`` after a fusion. They are chosen with ``--layer``.
    """


@hookspec(historic=True)
def register_poolings(register: RegisterPoolings) -> None:
    """Register poolings: functions that turn the states of a site into one vector per sample.

    See ``alignkit.Pooling``. They have no options, as their names become parts of the names of
    files, and are chosen with ``--pool``.
    """


@hookspec(historic=True)
def register_spaces(register: RegisterSpaces) -> None:
    """Register search spaces: functions of an ``alignkit.SpaceContext`` that return a ``Space``.

    An ``alignkit.Space`` has the ``bounds`` of its parameters, each an ``alignkit.Bound``, and
    ``to_placement``, which turns values by parameter into an ``alignkit.Placement``. See
    ``alignkit.SpaceDeclarations``.
    """


@hookspec(historic=True)
def register_tasks(register: RegisterTasks) -> None:
    """Register tasks: classes with the methods of ``alignkit.Task``."""


@hookspec(historic=True)
def register_targets(register: RegisterTargets) -> None:
    """Register targets: classes, or functions that return an ``alignkit.Target``.

    They are called with ``labels``, the names of the labels, and their options. A task that lets
    its users choose the target makes it with ``alignkit.choose_target``. See
    ``alignkit.TargetDeclarations``.
    """


@hookspec(historic=True)
def register_objectives(register: RegisterObjectives) -> None:
    """Register training objectives: classes, or functions that return an ``alignkit.Objective``.

    They receive an ``alignkit.ObjectiveContext``. An objective is a ``torch.nn.Module`` that turns
    both streams' representations of the samples of an optimiser step into a loss. They are chosen
    with ``--objective``. See ``alignkit.ObjectiveDeclarations``.
    """


@hookspec(historic=True)
def register_losses(register: RegisterLosses) -> None:
    """Register auxiliary losses: functions of two tensors that return a scalar tensor.

    See ``alignkit.Loss`` for the function, and ``alignkit.LossDeclarations``.
    """


@hookspec(historic=True)
def register_encoders(register: RegisterEncoders) -> None:
    """Register encoders: classes, or functions that return an ``alignkit.Encoder``.

    An encoder is a frozen model of one stream, text or vision, with representations at named
    sites.
    """
