"""Numbers in print."""

from alignkit.report.formatting import p_text, r_text, range_text


def test_p_is_never_printed_as_zero():
    assert p_text(0.0002) == "<0.001"
    assert p_text(0.0002, sign=True) == "< 0.001"
    assert p_text(0.0002, fraction="8/40320") == "8/40320"
    assert p_text(0.04567) == "0.046"
    assert p_text(0.04567, fraction="33/720") == "0.046"


def test_correlations_are_signed_and_missing_ones_a_dash():
    assert r_text(0.123) == "+0.12"
    assert r_text(None) == r_text(float("nan")) == "-"
    assert range_text(-0.5, 0.25) == "-0.50..+0.25"
    assert range_text(None, None) == "-"
