"""The plugin: three architectures."""

import alignkit


@alignkit.hookimpl
def register_architectures(register: alignkit.RegisterArchitectures) -> None:
    """Register the architectures ``lxmert``, ``mbt`` and ``one_way``."""
    register(
        "lxmert",
        "alignkit_fusions.stack:Lxmert",
        summary="A stack of cross-modal layers on top of both streams (Tan and Bansal 2019)",
    )
    register(
        "mbt",
        "alignkit_fusions.bottleneck:Mbt",
        summary="Streams that exchange information through bottleneck tokens (Nagrani et al. 2021)",
    )
    register(
        "one_way",
        "alignkit_fusions.one_way:OneWay",
        summary="Cross-attention in one direction: one stream attends, the other stays unchanged",
    )
