"""What the page of a report stores of its charts, to be compared with the files beside it."""

import base64
import json
import re
import zlib

import pandas as pd
import pytest


def charts_of(page):
    """What the page stores of every chart: its selectors and rows, as columns."""
    stored = re.findall(
        r'<script type="application/zlib" id="chart-(\w+)-data">(.*?)</script>', page.read_text()
    )
    return {name: json.loads(zlib.decompress(base64.b64decode(text))) for name, text in stored}


def _entries(stored):
    if "repeated" in stored:
        pairs = zip(stored["repeated"][::2], stored["repeated"][1::2], strict=True)
        entries = [entry for entry, count in pairs for _ in range(count)]
    else:
        entries = stored["entries"]
    return (
        entries
        if "levels" not in stored
        else [None if code is None else stored["levels"][code] for code in entries]
    )


def check_numbers(charts, folder):
    """Every chart has the rows of the file of its data."""
    for name, chart in charts.items():
        data = pd.read_csv(folder / "figures" / f"{name}.csv")
        assert set(data) == set(chart["rows"])
        assert len(data) == chart["count"] > 0
        for column, stored in chart["rows"].items():
            entries = pd.Series(_entries(stored), dtype=object)
            if pd.api.types.is_numeric_dtype(data[column]) and "levels" not in stored:
                shown, kept = entries.astype(float), data[column].astype(float)
                assert shown.to_numpy() == pytest.approx(kept.to_numpy(), rel=5e-6, nan_ok=True)
            else:
                kept = data[column].astype(object).where(data[column].notna(), "")
                assert list(entries.fillna("")) == list(kept), (name, column)
