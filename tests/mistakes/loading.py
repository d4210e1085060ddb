"""What goes wrong before a name is used: at import, in hooks, and in the metadata."""

from mistakes import Mistake, metric

FILE = "wrong.py (wrong.py)"
LEFT_OUT = f"alignkit: plugin {FILE} is left out: "
SEE = "; see 'alignkit plugins -v'"
GOOD = metric("return 0.5", "range=(0, 1)")
HOOK = "@alignkit.hookimpl\ndef register_metrics(register):\n    "
INSTALLED = "alignkit: plugin wrong-dist:wrong (wrong-dist 0.3)"


def refused(name: str, source: str, said: str) -> Mistake:
    """Return a mistake for which a plugin is left out; the others go on."""
    return Mistake(name, source, "list metrics --json", f"{LEFT_OUT}{said}{SEE}", 0, '"cka"')


def declared(name: str, declaration: str, said: str) -> Mistake:
    """Return a mistake in what a metric declares."""
    source = metric("return 0.5", declaration)
    return refused(name, source, f"metric 'mine' declares {said}")


MISTAKES = [
    refused("absent import", "import absent_module", "ModuleNotFoundError: No module named [...]"),
    refused("syntax", "def f(:\n    pass", "SyntaxError: [...]"),
    refused("exit at import", "raise SystemExit(3)", "SystemExit: 3"),
    refused(
        "base exception at import", "class Stop(BaseException): pass\nraise Stop('no')", "Stop: no"
    ),
    refused(
        "no hooks",
        "def rv(x, y):\n    return 0.5",
        "it has no hooks; expected functions marked with @alignkit.hookimpl, such as "
        "register_metrics(register)",
    ),
    refused(
        "unmarked hook",
        GOOD.replace("@alignkit.hookimpl", ""),
        "hook 'register_metrics' is not marked; write @alignkit.hookimpl above it",
    ),
    refused(
        "misspelt hook",
        GOOD.replace("register_metrics", "register_metric"),
        "unknown hook 'register_metric'; did you mean 'register_metrics'?",
    ),
    refused(
        "parameter of a hook",
        GOOD.replace("(register)", "(registry)"),
        "hook 'register_metrics' takes (registry); expected one parameter: "
        "def register_metrics(register)",
    ),
    refused(
        "hook without a parameter",
        GOOD.replace("(register)", "()"),
        "hook 'register_metrics' takes (); expected one parameter: def register_metrics(register)",
    ),
    refused(
        "hook returns names",
        HOOK + "return ['mine']",
        "hook 'register_metrics' returned a list of 1; expected no result: call register(name, "
        "target) for every name",
    ),
    refused(
        "hook yields",
        HOOK + "yield 'mine'",
        "hook 'register_metrics' returned a generator; expected no result: call register(name, "
        "target) for every name",
    ),
    refused("error in a hook", HOOK + "1 / 0", "ZeroDivisionError: division by zero"),
    refused(
        "no target",
        HOOK + "register('mine')",
        "TypeError: register() missing 1 required positional argument: 'target'",
    ),
    refused(
        "target is no function",
        HOOK + "register('mine', 0.5)",
        "the target of metric 'mine' is 0.5; expected a function or a class, or 'module:attribute'",
    ),
    refused(
        "target is a path",
        HOOK + "register('mine', 'code/metric.py')",
        "target 'code/metric.py' of 'mine' is not of the form 'module:attribute'",
    ),
    refused(
        "bad name",
        HOOK + "register('My-Metric', lambda x, y: 0.5)",
        "'My-Metric' is not a valid name: use lower-case letters, digits and underscores",
    ),
    refused(
        "name twice",
        HOOK + "register('mine', len)\n    register('mine', len)",
        "metric 'mine' is registered twice",
    ),
    refused(
        "summary is no text",
        HOOK + "register('mine', len, summary=len)",
        "metric 'mine' has summary=a builtin_function_or_method, label='' and default=False; "
        "expected two texts, and True or False",
    ),
    declared(
        "unknown declaration",
        "invariance=('rotation',)",
        "invariance; did you mean 'invariances'?; known: [...]",
    ),
    declared(
        "misspelt invariance",
        "invariances=('linaer',)",
        "invariances=('linaer',); expected several of rotation, scale, shift, linear, as in "
        "('rotation', 'scale'); did you mean 'linear'?",
    ),
    declared(
        "plural of an invariance",
        "invariances=['rotations']",
        "invariances=['rotations']; expected several of rotation, scale, shift, linear, as in "
        "('rotation', 'scale'); did you mean 'rotation'?",
    ),
    declared(
        "one invariance as a text",
        "invariances='rotation'",
        "invariances='rotation'; expected several of rotation, scale, shift, linear, as in "
        "('rotation', 'scale')",
    ),
    declared(
        "empty range", "range=(1, 0)", "an empty range (1, 0); expected (low, high) with low < high"
    ),
    declared("range of texts", "range='0-1'", "range='0-1'; expected two numbers, (low, high)"),
    declared("best beyond the range", "range=(0, 1), best=2", "best=2, outside its range (0, 1)"),
    declared(
        "chance as a number", "chance=0.1", "chance=0.1; expected 'module:function', or a function"
    ),
    declared("symmetric as a text", "symmetric='yes'", "symmetric='yes'; expected True or False"),
    declared("version as a text", "version='1.0'", "version='1.0'; expected a whole number from 1"),
    declared(
        "within another",
        "within='class'",
        "within='class'; expected one of means, classes; did you mean 'classes'?",
    ),
    refused(
        "declaration of a kind without",
        "class T: pass\n@alignkit.hookimpl\ndef register_tasks(register):\n"
        "    register('mine', T, score='auroc')",
        "task 'mine' declares score; known: none",
    ),
    Mistake(
        "print at import",
        "print('loading the', 'weights')\n" + GOOD,
        "list metrics --json",
        f"alignkit: plugin {FILE} prints 'loading the weights' when it is imported; only results "
        "belong on stdout",
        0,
        '"mine"',
    ),
    Mistake(
        "slow import",
        "import time\nfrom alignkit.plugins import load\nload.SLOW = 0.01\ntime.sleep(0.02)\n"
        + GOOD,
        "list metrics --json",
        f"alignkit: plugin {FILE} took 0.[...] s to load; import large packages in the functions "
        "that use them",
        0,
        '"mine"',
    ),
    Mistake(
        "absent module of a target",
        HOOK + "register('mine', 'absent_module:mine')",
        "measure x.npy y.npy --metric mine",
        "Error: metric 'mine' of wrong.py cannot be imported from 'absent_module:mine': "
        "ModuleNotFoundError: No module named 'absent_module'; to check it: alignkit --plugin "
        "wrong.py plugins check metric mine",
    ),
    Mistake(
        "absent attribute of a target",
        HOOK + "register('mine', 'math:sqrtt')",
        "measure x.npy y.npy --metric mine",
        "Error: metric 'mine' of wrong.py cannot be imported from 'math:sqrtt': AttributeError: "
        "module 'math' has no attribute 'sqrtt'; did you mean 'sqrt'?; to check it: [...]",
    ),
    Mistake(
        "target that is no function",
        HOOK + "register('mine', 'math:pi')",
        "measure x.npy y.npy --metric mine",
        "Error: metric 'mine' of wrong.py is 3.14159[...] at 'math:pi'; expected a function or a "
        "class; to check it: [...]",
    ),
    Mistake(
        "another group",
        GOOD,
        "list metrics --json",
        f"{INSTALLED} is left out: its entry point is in the group 'alignkit.plugins'; expected "
        "'alignkit': write [project.entry-points.alignkit] in its pyproject.toml, and install it "
        f"again{SEE}",
        0,
        distribution={"group": "alignkit.plugins"},
    ),
    Mistake(
        "entry point of a function",
        GOOD,
        "list metrics --json",
        f"{INSTALLED} is left out: its entry point is a function; expected the module that holds "
        f"the hooks{SEE}",
        0,
        distribution={"value": "wrong:register_metrics"},
    ),
    Mistake(
        "entry point of an absent module",
        GOOD,
        "list metrics --json",
        f"{INSTALLED} is left out: ModuleNotFoundError: No module named 'wrong_src'{SEE}",
        0,
        distribution={"value": "wrong_src"},
    ),
    Mistake(
        "requirement that is not met",
        "import absent_module",
        "list metrics --json",
        f"{INSTALLED} is left out: ModuleNotFoundError: No module named 'absent_module'; "
        "wrong-dist requires absent-module>=2 (not installed), numpy>=99 (installed: [...]): pip "
        f"install --upgrade 'wrong-dist' installs what it requires{SEE}",
        0,
        distribution={"requires": ["absent-module>=2", "numpy>=99", "pluggy", "x; extra == 'y'"]},
    ),
    Mistake(
        "print of a module that is imported late",
        HOOK + "register('mine', 'wrong_code:mine')",
        "measure x.npy y.npy --metric mine --json",
        "alignkit: metric 'mine' of wrong-dist 0.3 prints 'hello' when it is imported; only "
        "results belong on stdout",
        0,
        '"value": 0.5',
        distribution={"code": "print('hello')\ndef mine(x, y):\n    return 0.5"},
    ),
    Mistake(
        "requirement that is not met although it loads",
        GOOD,
        "plugins",
        "",
        0,
        "wrong-dist:wrong requires numpy>=99 (installed: ",
        {"requires": ["numpy>=99"]},
    ),
]
