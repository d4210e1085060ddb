"""The page of a report in a real browser: drawn, quiet, turned by its selectors, safe, narrow."""

import json
import re
import shutil
from itertools import pairwise

import pandas as pd
import pytest

from alignkit.analysis.options import TableOptions
from alignkit.report.page import write_report
from alignkit.report.results import report_runs
from alignkit.statistics import correlate
from alignkit.training.tracking import COLUMNS

webdriver = pytest.importorskip("selenium.webdriver")
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BROWSER and DRIVER), reason="needs chromium and chromedriver, of Debian for instance"
    ),
]

EVIL = "<img src=x onerror=document.title='run'>\"'</script><script>document.title='run'</script>"
NAMES = (EVIL, "🦊 emoji", "שלום עולם", "مرحبا")
TASKS = ("t<b>1</b>", "😀 task")
CHARTS = ("overview", "against", "forest", "depth", "layers", "training")
OF_ANSWERS = ("hypotheses", "around", "agreement")
# With how many selectors each is turned.
OF_TABLES = {
    "stability": 3,
    "probes": 2,
    "probe_points": 2,
    "dimension": 3,
    "spectra": 2,
    "trajectory": 3,
    "search": 1,
    "search_parameters": 1,
    "search_front": 0,
}
PHONE, DESKTOP = (390, 844), (1280, 900)


@pytest.fixture(scope="module")
def page(write_study, joined, tmp_path_factory):
    """A report of runs with such names."""
    folder = tmp_path_factory.mktemp("browser")
    placements = {name: ([i], [i]) for i, name in enumerate(NAMES)}
    runs = write_study(folder / "runs", TASKS, placements, (0, 1), ("cka", "mknn"), depth=4)
    for run in runs:
        _track_grids(run)
    table = joined(runs)
    found = correlate(table, "accuracy", ["cka", "mknn"], permutations=9)
    return write_report(runs, folder / "report", correlations=found, table=table)


def _track_grids(run):
    """Store whole grids at two epochs of training."""
    table = run.alignment().query("metric == 'cka' and split == 'test' and pool == 'cls'")
    parts = [
        table.assign(
            epoch=epoch, step=epoch, split="validation", value=table["value"] / (2 + epoch)
        )
        for epoch in range(2)
    ]
    pd.concat(parts)[COLUMNS].to_csv(run.path / "tracking.csv", index=False)


@pytest.fixture(scope="module")
def whole(stored, tmp_path_factory):
    """A report of real runs, with the answers to hypotheses and all that other commands wrote."""
    runs, results = stored
    folder = tmp_path_factory.mktemp("whole")
    options = TableOptions(("cka", "mknn:k=5"))
    return report_runs(runs, folder, options, permutations=9, measure=True, results=[results])


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    with webdriver.Chrome(options=options, service=service) as driver:
        driver.set_script_timeout(60)
        yield driver


DRAWN = """
const done = arguments[0];
const wait = () =>
  document.documentElement.dataset.charts === "drawn" ? done() : setTimeout(wait, 50);
wait();
"""


def opened(browser, page, size=DESKTOP, scheme="light"):
    """Open the page and wait until all of it is drawn."""
    width, height = size
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen", "features": scheme})
    browser.get(page.as_uri())
    browser.execute_async_script(DRAWN)
    return browser


@pytest.fixture(scope="module")
def shown(browser, page):
    browser.get_log("browser"), browser.get_log("performance")
    return opened(browser, page)


def test_the_console_is_quiet_and_nothing_is_requested(shown, page):
    errors = [entry for entry in shown.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors
    events = [json.loads(entry["message"])["message"] for entry in shown.get_log("performance")]
    sent = [event for event in events if event["method"] == "Network.requestWillBeSent"]
    urls = {event["params"]["request"]["url"] for event in sent}
    assert {url for url in urls if not url.startswith("data:")} == {page.as_uri()}


def _marks(browser):
    return browser.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('figure.chart')].map((f) =>"
        " [f.id.replace('chart-', ''),"
        " f.querySelectorAll('svg .role-mark path, svg .role-mark text').length]))"
    )


def _errors(browser):
    return [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_every_figure_is_drawn(shown):
    counts = _marks(shown)
    assert set(counts) == set(CHARTS)
    assert all(counts.values()), counts


def test_every_selector_changes_its_figure(shown):
    tried = 0
    for name in CHARTS:
        figure = shown.find_element("id", f"chart-{name}")
        for select in figure.find_elements("tag name", "select"):
            column = select.get_attribute("name")
            assert _changes(shown, name, column), (name, column)
            tried += 1
    assert tried == 2 + 2 + 1 + 4 + 6 + 3


CHANGE = """
const [name, column, done] = arguments;
const figure = document.getElementById("chart-" + name);
const select = figure.querySelector(`select[name="${column}"]`);
const summary = figure.querySelector(".summary");
const shown = () => figure.querySelector("svg").outerHTML + summary.textContent;
const before = [shown(), figure.dataset.drawn, select.selectedIndex];
const next = [...select.options].findLastIndex((option) => !option.disabled);
const change = (index) => {
  select.selectedIndex = index;
  select.dispatchEvent(new Event("change"));
};
const drawn = (count, then) =>
  figure.dataset.drawn === count ? setTimeout(drawn, 20, count, then) : setTimeout(then, 50);
change(next);
drawn(before[1], () => {
  const changed = shown() !== before[0];
  const count = figure.dataset.drawn;
  change(before[2]);
  drawn(count, () => done(changed));
});
"""


def _changes(browser, name, column):
    return browser.execute_async_script(CHANGE, name, column)


def test_hostile_names_are_text(shown):
    assert "run" not in shown.title
    assert not shown.find_elements("css selector", "img[src=x]")
    texts = shown.execute_script(
        "return [...document.querySelectorAll('#chart-overview svg text')]"
        ".map((text) => text.textContent)"
    )
    assert [name for name in NAMES[1:] if name in texts] == list(NAMES[1:])
    assert any(text.startswith("<img src=x") for text in texts)
    options = shown.execute_script(
        "return [...document.querySelectorAll('#chart-layers [name=placement] option')]"
        ".map((option) => option.textContent)"
    )
    assert set(options) == {"all placements", *NAMES}


def test_a_tooltip_shows_a_hostile_name_as_text(shown):
    spot = shown.find_element("css selector", "#chart-overview svg .mark-symbol path")
    shown.execute_script("arguments[0].scrollIntoView({block: 'center'})", spot)
    webdriver.ActionChains(shown).move_to_element(spot).pause(0.3).perform()
    tip = shown.find_element("css selector", ".vg-tooltip.visible")
    assert any(name[:20] in tip.text for name in NAMES)
    assert not tip.find_elements("css selector", "img, script")
    assert "run" not in shown.title


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nothing_scrolls_sideways_and_figures_follow_the_scheme(browser, page, size, scheme):
    opened(browser, page, size, scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), (
        "the page is wider than the screen"
    )
    wide = browser.execute_script(
        "return [...document.querySelectorAll('.drawing')].filter((d) =>"
        " d.scrollWidth > d.clientWidth || d.clientWidth + 1 <"
        " d.querySelector('svg').getBoundingClientRect().width).length"
    )
    assert not wide
    ink, back = browser.execute_script(
        "const text = document.querySelector('#chart-depth svg .role-axis-label text');"
        "return [getComputedStyle(text).fill, getComputedStyle(document.body).backgroundColor]"
    )
    assert (_brightness(ink) > _brightness(back)) == (scheme == "dark")


def _brightness(colour):
    return sum(int(part) for part in colour.strip("rgb()").split(",")[:3])


def test_headings_are_in_order_and_figures_have_words(shown):
    levels = shown.execute_script(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    words = shown.execute_script(
        "return [...document.querySelectorAll('.drawing')].map((d) => d.getAttribute('aria-label'))"
    )
    assert all(" from " in word for word in words), words


def test_on_paper_everything_is_unfolded(browser, page):
    opened(browser, page, scheme="dark")
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert len(printed["data"]) > 50_000
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    back = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert _brightness(back) == 3 * 255
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert not browser.find_elements("css selector", "details:not([open])")
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert browser.find_elements("css selector", "details:not([open])")


def test_what_other_commands_wrote_is_drawn_and_turned(browser, whole):
    opened(browser, whole)
    assert not _errors(browser)
    counts = _marks(browser)
    assert set(counts) == {*CHARTS, *OF_ANSWERS, *OF_TABLES}
    assert all(counts.values()), counts
    for name in (*OF_ANSWERS, *OF_TABLES):
        figure = browser.find_element("id", f"chart-{name}")
        columns = [s.get_attribute("name") for s in figure.find_elements("tag name", "select")]
        assert len(columns) == OF_TABLES.get(name, len(columns)), (name, columns)
        for column in columns:
            assert _changes(browser, name, column), (name, column)
    assert "run" not in browser.title
    assert not browser.find_elements("css selector", "img[src=x], h2 b, figure b")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_rows_have_room_beside_their_names_and_verdicts(browser, whole, size):
    """On a phone, verdicts stand above the rows, so that intervals are more than a dash."""
    opened(browser, whole, size)
    for name in ("forest", "hypotheses"):
        wide, narrow, text = browser.execute_script(
            "const f = document.getElementById('chart-' + arguments[0]);"
            "const width = (s) => f.querySelector(s).getBoundingClientRect();"
            "return [width('.drawing').width, width('svg .role-axis-domain').width,"
            " width('svg .mark-text text').right - width('.drawing').right]",
            name,
        )
        assert narrow > 0.4 * wide, name
        assert text <= 1, name


def _broken(run, number):
    """A run without scores, with an undefined one, without a metric, or with undefined values."""
    if number == 0:
        run.performance_file.write_text('{"primary": "accuracy", "splits": {}}')
    elif number == 1:
        performance = json.loads(run.performance_file.read_text())
        performance["splits"]["test"]["accuracy"] = None
        run.performance_file.write_text(json.dumps(performance))
    else:
        table = pd.read_csv(run.alignment_file)
        if number == 2:
            table = table[table["metric"] != "mknn"]
        else:
            table = table.assign(value=float("nan"), reason="it is constant")
        table.to_csv(run.alignment_file, index=False)


@pytest.mark.parametrize("kind", ["broken", "all broken", "single"])
def test_runs_that_lack_something_leave_no_holes(browser, write_study, joined, tmp_path, kind):
    """Nothing fails, and no reader meets NaN, null or undefined as if it were a number."""
    placements = {f"p{i}": ([i % 3], [i % 3]) for i in range(5 if kind == "broken" else 4)}
    runs = write_study(tmp_path / "runs", ("t",), placements, (0,), ("cka", "mknn"), depth=3)
    runs = runs[:1] if kind == "single" else runs
    found = table = None
    if kind != "single":
        for number, run in enumerate(runs[:4]):
            _broken(run, 3 if kind == "all broken" else number)
    if kind == "broken":
        table = joined(runs[2:])
        found = correlate(table, "accuracy", ["cka", "mknn"], permutations=9)
    page = write_report(runs, tmp_path / "report", correlations=found, table=table)
    opened(browser, page)
    assert not _errors(browser)
    said = browser.execute_script(
        "return [document.body.innerText, ...[...document.querySelectorAll('svg text')]"
        ".map((text) => text.textContent)].join('\\n')"
    )
    assert not re.search(r"\b(NaN|null|Infinity|nan|None|cannot be drawn)\b", said)
    summaries = browser.find_elements("css selector", ".summary")
    assert len(summaries) >= 4
    assert all(" value" in each.text for each in summaries)
