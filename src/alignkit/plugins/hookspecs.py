"""The hooks that a plugin implements; this file is their reference.

Each hook receives ``register``; call it once for every name that you add::

    register(name, target, *, summary="", default=False, **declarations)

``target`` is a ``"module:attr"`` string, which keeps importing the plugin cheap, or the
object itself. The target's keyword parameters are its options: users set them as
``name:key=value,key=value``.
"""

from typing import Protocol

import pluggy

hookspec = pluggy.HookspecMarker("alignkit")
hookimpl = pluggy.HookimplMarker("alignkit")


class Register(Protocol):
    """The callable that every hook receives: it registers one name."""

    def __call__(
        self,
        name: str,
        target: object,
        *,
        summary: str = "",
        default: bool = False,
        **declarations: object,
    ) -> None:
        """Register a target under a name.

        Parameters
        ----------
        name : str
            Lower-case letters, digits and underscores.
        target : str or object
            ``"module:attr"``, or the object itself.
        summary : str
            One line for ``alignkit list``; by default the first line of the docstring.
        default : bool
            Whether this is the default of its kind.
        **declarations
            What the target declares about itself; each kind has its own.
        """


@hookspec(historic=True)
def register_metrics(register: Register) -> None:
    """Register metrics: functions of two ``alignkit.Representation`` that return a float.

    Declarations, all optional:

    - ``range=(low, high)``, ``best`` (the value of perfect alignment), ``symmetric``;
    - ``invariances``, any of ``"rotation"``, ``"scale"``, ``"shift"``, ``"linear"``;
    - ``chance``: ``"module:function"`` with the metric's arguments, which returns the mean over
      all permutations of rows;
    - ``null``: ``"module:function"`` of two lists of layers and a list of orders of the samples,
      which returns all values with the rows permuted at once;
    - ``version``: a whole number, 1 by default; raise it when the definition changes, so that
      stored values of an older version are measured again;
    - ``ties``: ``"module:function"`` with the metric's arguments, which returns
      ``[x.ties(k, distance), y.ties(k, distance)]``; with ties, the metric scores less than its
      best value on identical input, and calibration takes that score for the best;
    - ``identity``: a note, if identical inputs do not give the best value;
    - ``inflated``: true if unrelated data score high when there are fewer samples than columns;
    - ``variants``: ``{option: {value: declarations}}``, where an option changes declarations;
    - ``within``: ``"classes"`` if the value within classes is the mean over classes of the value
      in each, as for metrics of neighbours; by default classes are moved to a common mean;
    - ``cost`` and ``paper``, for ``alignkit show``.
    """


@hookspec(historic=True)
def register_architectures(register: Register) -> None:
    """Register architectures: classes with ``depths``, ``schedule`` and ``build``."""


@hookspec(historic=True)
def register_placements(register: Register) -> None:
    """Register placements: a list of layer indices, or ``alignkit.Placement(text, vision)``."""


@hookspec(historic=True)
def register_tasks(register: Register) -> None:
    """Register tasks: classes with ``target``, ``split`` and ``fingerprint``.

    Optional attributes: ``positional`` (the option whose name may be omitted), ``alias``, and,
    for ``alignkit data``, ``published`` and ``listed``; see ``alignkit.tasks``.
    """


@hookspec(historic=True)
def register_losses(register: Register) -> None:
    """Register auxiliary losses: functions of two tensors that return a scalar tensor.

    The arguments are the ``(n, text width)`` and ``(n, vision width)`` representations of the
    same n samples, in float32 and with gradients. The value is minimised; a similarity whose
    best value is 1 declares ``maximise=True``, and ``1 - value`` is minimised instead.
    Declarations: ``maximise``, ``paper``.
    """


@hookspec(historic=True)
def register_encoders(register: Register) -> None:
    """Register encoders: classes, or functions that return an ``alignkit.Encoder``.

    An encoder is a frozen model of one stream, text or vision, with representations at named
    sites. Its keyword parameters are its options; the class or function attribute
    ``positional`` names the option that may be given without its name, as in ``hf:FOLDER``.
    """
