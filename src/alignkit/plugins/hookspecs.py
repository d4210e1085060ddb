"""The hooks that a plugin implements. This file is the reference of the plugin door.

Each hook receives ``register``; call it once for every name you add::

    register(name, target, *, summary="", default=False, **declarations)

``target`` is a ``"module:attr"`` string, which keeps importing the plugin cheap, or the
thing itself. The target's keyword parameters are its options: users set them as
``name:key=value,key=value``.
"""

import pluggy

hookspec = pluggy.HookspecMarker("alignkit")
hookimpl = pluggy.HookimplMarker("alignkit")


@hookspec(historic=True)
def register_metrics(register):  # type: ignore[no-untyped-def]
    """Register metrics: functions of two ``alignkit.Representation`` that give a float.

    Declarations: ``range=(low, high)``, ``best`` (the value of perfect alignment),
    ``symmetric``, ``invariances`` (of ``"rotation"``, ``"scale"``, ``"shift"``,
    ``"linear"``), ``chance`` (``"module:function"`` of the same arguments: the mean over
    permutations of rows), ``null`` (``"module:function"`` of lists of layers and of orders of
    samples: their values on permuted rows, all at once), ``identity`` (a note, where identical
    input does not give the best value), ``inflated`` (true where unrelated data score high when
    samples are fewer than columns), ``variants`` (``{option: {value: declarations}}``),
    ``cost``, ``paper``.
    """


@hookspec(historic=True)
def register_architectures(register):  # type: ignore[no-untyped-def]
    """Register architectures: classes with ``depths``, ``schedule`` and ``build``."""


@hookspec(historic=True)
def register_placements(register):  # type: ignore[no-untyped-def]
    """Register placements: a list of layer indices, or ``alignkit.Placement(text, vision)``."""


@hookspec(historic=True)
def register_tasks(register):  # type: ignore[no-untyped-def]
    """Register tasks: classes with ``target``, ``split`` and ``fingerprint``.

    Optional: ``positional`` (the option that may stand without its name), ``alias``, and,
    for ``alignkit data``, ``published`` and ``listed``; see ``alignkit.tasks``.
    """


@hookspec(historic=True)
def register_losses(register):  # type: ignore[no-untyped-def]
    """Register auxiliary losses: functions of two tensors that give a scalar tensor.

    The arguments are the ``(n, text width)`` and ``(n, vision width)`` representations of the
    same n samples, in float32 and with gradients. The value is minimised; a similarity that
    is 1 at best declares ``maximise=True``, and ``1 - value`` is minimised. Declarations:
    ``maximise``, ``paper``.
    """
