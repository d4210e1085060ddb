"""What goes wrong when a metric is measured: at first use, and on the data of the user."""

from mistakes import Mistake, metric

MEASURE = "measure x.npy y.npy --metric mine --json"
MINE = "Error: metric 'mine' of wrong.py"
CHECK = "; to check it: alignkit --plugin wrong.py plugins check metric mine"
RANGE = "range=(0, 1), best=1"
# Bounded, symmetric, best on identical input, and with a chance level of its own.
SAME = "return 1 / (1 + float(abs(x.tensor @ x.tensor.T - y.tensor @ y.tensor.T).mean()))"


def value(name: str, body: str, said: str, declared: str = RANGE) -> Mistake:
    """Return a mistake in what a metric computes."""
    source = metric(body, declared)
    expected = " from 0 to 1" if "range=(0, 1)" in declared else ""
    line = f"{MINE}, asked for its value, {said}; expected a number{expected}{CHECK}"
    return Mistake(name, source, MEASURE, line)


def declared(name: str, declaration: str, said: str, body: str = SAME, extra: str = "") -> Mistake:
    """Return a mistake in what a metric states of itself, which it does not hold."""
    line = f"{MINE} does not hold what it declares: {said}{CHECK}"
    return Mistake(name, extra + metric(body, f"{RANGE}, {declaration}"), MEASURE, line)


def of_class(name: str, body: str, said: str) -> Mistake:
    """Return a mistake in a metric that is a class."""
    source = (
        f"class Mine:\n{body}\n\n\n@alignkit.hookimpl\ndef register_metrics(register):\n"
        f"    register('mine', Mine, {RANGE})\n"
    )
    return Mistake(name, source, MEASURE, f"{MINE}{said}{CHECK}")


NULL = "import numpy as np\ndef null(xs, ys, orders):\n    return {}\n\n\n"
CHANCE = "def chance(x, y):\n    return {}\n\n\n"
SHAPE = "np.full((len(orders), len(xs), len(ys)), {})"


def null(name: str, result: str, said: str) -> Mistake:
    """Return a mistake in a metric's own null."""
    line = f"{MINE}{said}{CHECK}"
    source = NULL.format(result) + metric(SAME, f"{RANGE}, null=null")
    return Mistake(name, source, f"{MEASURE} --null 20", line)


MISTAKES = [
    value("value is None", "pass", "gave None"),
    value("value is an array", "return x.values[0]", "gave a numpy.ndarray of shape (6,) [...]"),
    value("value is complex", "return 0.5 + 0.1j", "gave (0.5+0.1j)"),
    value("value is a text", "return '0.5'", "gave '0.5'"),
    value("value is a flag", "return True", "gave True"),
    value("value is infinite", "return float('inf')", "gave inf"),
    value("value is not a number", "return float('nan')", "gave nan"),
    value("value is infinite, no range", "return float('inf')", "gave inf", ""),
    value("value is a pair", "return 0.5, 0.1", "gave a tuple of 2"),
    value("value beyond the range", "return 1.5", "gave 1.5"),
    value("error in the value", "return x.matrix", "raised AttributeError: 'Representation' [...]"),
    value("exit in the value", "raise SystemExit(0)", "raised SystemExit: 0"),
    Mistake(
        "one argument",
        metric("return 0.5", RANGE, "x"),
        MEASURE,
        f"{MINE}, asked for its value, cannot be called: "
        f"mine() takes 1 positional argument but 2 were given{CHECK}",
    ),
    Mistake(
        "option without a default",
        metric("return 0.5", RANGE, "x, y, k"),
        MEASURE,
        f"{MINE}, asked for its value, cannot be called: "
        f"mine() missing 1 required positional argument: 'k'{CHECK}",
    ),
    Mistake(
        "writes to its input",
        metric(f"x.values[:] -= x.values.mean(axis=0)\n    {SAME}", RANGE),
        MEASURE,
        f"{MINE} writes to its input{CHECK}",
    ),
    Mistake(
        "writes to a shared view",
        metric(f"x.gram.fill_diagonal_(0)\n    {SAME}", RANGE),
        MEASURE,
        f"{MINE} writes to gram of its input, which other metrics read{CHECK}",
    ),
    declared(
        "another value every time",
        "symmetric=True",
        "repeatable: [...], then [...]",
        "import random\n    return 1 if x.values is y.values else random.random()",
    ),
    declared(
        "not best on identical input",
        "symmetric=True",
        "identity: identical 0.5, best 1",
        "return 0.5",
    ),
    declared(
        "not symmetric",
        "symmetric=True",
        "symmetry: [...], y, x [...]",
        "import numpy as np\n    same = np.array_equal(x.values, y.values)\n"
        "    return 1.0 if same else float(1 / (2 + x.norm))",
    ),
    declared("not invariant", "invariances=['scale', 'rotation']", "scale: [...], of x [...]"),
    declared(
        "wrong chance level",
        "chance=chance",
        "chance: declared 0.9, permuted rows 0.[...]",
        extra=CHANCE.format("0.9"),
    ),
    Mistake(
        "chance level beyond the range",
        CHANCE.format("7") + metric(SAME, f"{RANGE}, chance=chance"),
        MEASURE,
        f"{MINE}, asked for its chance level, gave 7; expected a number from 0 to 1, or None"
        + CHECK,
    ),
    Mistake(
        "chance level of an absent function",
        metric(SAME, f"{RANGE}, chance='absent_module:chance'"),
        MEASURE,
        f"{MINE}, asked for its chance level, raised ModuleNotFoundError: No module named "
        f"'absent_module'; expected a number from 0 to 1, or None{CHECK}",
    ),
    null(
        "null of its own that is impossible",
        SHAPE.format(-7),
        ", asked for its null, gave -7; expected an array of shape (3, 2, 1) with values from 0 "
        "to 1",
    ),
    null(
        "null of its own that is possible",
        SHAPE.format(0.0001),
        " does not hold what it declares: null: its own null 0.0001, the metric on permuted rows "
        "0.[...]",
    ),
    null(
        "null of another shape",
        "np.zeros(len(orders))",
        ", asked for its null, gave a numpy.ndarray of shape (3,) and type float64; expected an "
        "array of shape (3, 2, 1) with values from 0 to 1",
    ),
    null(
        "null that takes other arguments",
        "xs(1)",
        ", asked for its null, raised TypeError: 'list' object is not callable; expected [...]",
    ),
    Mistake(
        "ties that are none",
        "def ties(x, y):\n    return 0.5\n\n\n" + metric(SAME, f"{RANGE}, ties=ties"),
        MEASURE,
        f"{MINE}, asked for its ties, gave 0.5; expected what x.ties(k, distance) and "
        f"y.ties(k, distance) return{CHECK}",
    ),
    of_class(
        "class without compare",
        "    def prepare(self, x):\n        return x",
        ", asked for its object, has no method 'compare'; expected one with prepare(x) and "
        "compare(a, b)",
    ),
    of_class(
        "class whose constructor fails",
        "    def __init__(self):\n        self.k = self.n + 1",
        ", asked for its object, raised AttributeError: 'Mine' object has no attribute 'n'; "
        "expected one with prepare(x) and compare(a, b)",
    ),
    of_class(
        "class whose permute does nothing",
        "    def prepare(self, x):\n        return x.tensor @ x.tensor.T\n"
        "    def compare(self, a, b):\n        return 1 / (1 + float(abs(a - b).mean()))\n"
        "    def permute(self, a, order):\n        return a",
        " does not hold what it declares: permute: permuted once prepared 0.[...], the metric on "
        "permuted rows 0.[...]",
    ),
    Mistake(
        "others go on",
        metric("return None", RANGE),
        "measure x.npy y.npy --metric mine --metric cka --json",
        f"{MINE}, asked for its value, gave None; expected a number from 0 to 1{CHECK}",
        1,
        '"metric": "cka"',
    ),
    Mistake(
        "in sanity",
        metric("return None", RANGE),
        "sanity --metric mine --metric cka --json",
        "",
        1,
        "metric 'mine' of wrong.py, asked for its value, gave None",
    ),
    Mistake(
        "null in sanity",
        NULL.format(SHAPE.format(-7)) + metric(SAME, f"{RANGE}, null=null"),
        "sanity --metric mine",
        "mine fails null: its own null -7, the metric on permuted rows 0.[...]",
    ),
]
