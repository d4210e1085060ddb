"""Every name that the distributions of this repository register holds what is checked."""

import pytest

from alignkit.plugins import KINDS, registry
from alignkit.testing import examine_plugin

NAMES = sorted({(kind, entry.name) for kind in KINDS for entry in registry().entries(kind)})
# What needs data, a model, a folder or an option, and is counted as not checked.
NEED = {
    *("conceptual_captions", "folder", "hateful_memes", "mm_imdb", "upmc_food"),
    *("hf", "module", "timm", "worst_group_auroc"),
    *("task", "mlm", "mim", "itm"),  # objectives of alignkit itself
}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), NAMES, ids=map("-".join, NAMES))
def test_a_name_holds(kind, name):
    results = examine_plugin([kind, name])
    failures = [f"{each.check}: {each.detail}" for each in results if each.result == "fails"]
    assert results
    assert not failures
    assert (results[0].result == "not checked") == (name in NEED)
