"""Options of objectives and losses are checked before anything is trained, or its name is made."""

import pytest

from alignkit.errors import UsageError
from alignkit.runs import Training, resolve_config
from tiny import TINY_MODEL, TINY_TASK


def resolved(**given):
    return resolve_config(TINY_TASK, "late", TINY_MODEL, Training(**given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objectives": ("itm:ratio=0.5",)}, "objective 'itm' has no option 'ratio'; it has: shar"),
        ({"objectives": ("itm:layer=last",)}, "objective 'itm' has no option 'layer'"),
        ({"objectives": ("task", "itc:with=8")}, "has no option 'with'; did you mean 'width'?"),
        ({"objectives": ("itc:with=8",)}, "every objective has: layer, pool"),
        ({"objectives": ("itc:width=wide",)}, "'width=wide' is not a whole number"),
        ({"objectives": ("itd",)}, "unknown objective 'itd'; did you mean 'it"),
        ({"aux": ("cka=0.2:width=8",)}, "every loss has: layer, pool, projection"),
        ({"aux": ("cosine=0.2:projection=8", "ckaa=1")}, "unknown loss 'ckaa'; did you mean 'cka'"),
    ],
)
def test_what_there_is_not_is_refused(given, message):
    with pytest.raises(UsageError) as refused:
        resolved(**given)
    assert message in str(refused.value)


def test_the_options_of_a_term_and_those_of_all_are_kept():
    given = {
        "objectives": ("task", "itc:width=8,layer=last,pool=mean", "mlm:share=0.3"),
        "aux": ("cka=0.2:projection=8,layer=last,pool=mean",),
    }
    assert resolved(**given).training == Training(**given)
