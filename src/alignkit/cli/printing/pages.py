"""The pages of ``alignkit show``, one for each kind of plugin."""

import inspect
import re
import sys
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from alignkit.cli.printing import console
from alignkit.cli.printing.docstrings import documentation
from alignkit.cli.printing.encoder_page import encoder_facts, print_sites
from alignkit.errors import AlignkitError, DataError, UsageError
from alignkit.models.placement import Placement
from alignkit.models.schedule import Schedule
from alignkit.plugins import Entry, registry
from alignkit.plugins.option_types import plain_value
from alignkit.plugins.options import bind, options_of, parse_spec
from alignkit.plugins.registry import singular
from alignkit.runs.config import choose, parse_choice
from alignkit.runs.placements import choose_placement

# What the types of options are called.
TYPES = {
    "int": "whole number",
    "float": "number",
    "str": "text",
    "Path": "path",
    "bool": "yes or no",
}
# A declaration that is a function, MODULE:NAME.
REFERENCE = re.compile(r"[a-z_]\w*(\.\w+)*:[A-Za-z_]\w*")


def show(kind: str, name: str, json: bool) -> None:
    """Print the page of one registered name."""
    pages = {
        "placements": _placement,
        "architectures": _architecture,
        "encoders": _encoder,
        "spaces": _space,
    }
    facts, schedule = pages.get(kind, _declared)(kind, name)
    if json:
        if "documentation" in facts:
            facts["documentation"] = "\n\n".join(facts["documentation"])
        console.print_json(facts | ({"schedule": [str(s) for s in schedule]} if schedule else {}))
        return
    aside = ("options", "documentation", "every site", "notes")
    console.print_facts(
        {
            key: _said(key, value)
            for key, value in facts.items()
            if key not in aside and value not in ("", None)
        }
    )
    if facts.get("every site"):
        console.print_text("")
        print_sites(facts["every site"], facts["notes"], facts["stream"])
    if facts.get("options"):
        console.print_text("")
        rows = [row | {"type": TYPES.get(row["type"], row["type"])} for row in facts["options"]]
        console.print_table(rows, ["option", "value", "default", "type"])
    if facts.get("documentation"):
        console.print_text("")
        names = {row["option"] for row in facts.get("options") or ()}
        for text, indent in documentation(facts["documentation"], names):
            console.print_text(text, indent=indent)
    if schedule:
        console.print_text("")
        _print_schedule(schedule)


def _said(key: str, value: Any) -> Any:
    """Return a declaration in words."""
    if key == "inflated":  # a declaration of metrics, true or false
        return "unrelated data score high when there are few samples for the width"
    if key == "range":
        return " to ".join("any" if end is None else f"{end:g}" for end in value)
    if isinstance(value, str) and REFERENCE.fullmatch(value):
        return "computed by the plugin"
    return value


def _placement(_kind: str, name: str) -> tuple[dict[str, Any], Schedule]:
    architecture = choose("architectures", None)
    made = architecture.make()
    placement = choose_placement(name, made)
    facts: dict[str, Any] = {"name": placement.name}
    asked = name.partition(":")[0]
    if {asked, placement.name} & set(registry().names("placements")):
        entry = registry().get("placements", asked if ":" in name else placement.name)
        target, given = entry.load(), parse_spec(name)[1] if ":" in name else {}
        facts |= _owner(entry)
        if callable(target):
            facts["options"] = _options(target, bind(target, given, f"placement '{entry.name}'"))
    facts |= {
        "text": list(placement.text),
        "vision": list(placement.vision),
        "fusions": len(placement),
        "architecture": architecture.name,
    }
    return facts, made.schedule(placement)


def _architecture(kind: str, name: str) -> tuple[dict[str, Any], Schedule]:
    facts, _ = _declared(kind, name)
    architecture = choose(kind, name).make()
    try:
        placement = choose_placement(None, architecture)
        schedule = architecture.schedule(placement)
        facts["placement"] = f"{placement.name} (its schedule follows)"
    except UsageError as error:  # streams too shallow for the embedded default
        placement = Placement([], [])
        schedule = architecture.schedule(placement)
        facts["placement"] = f"{placement.name} ({error})"
    facts |= _sizes(architecture, placement)
    return facts, schedule


def _space(kind: str, name: str) -> tuple[dict[str, Any], Schedule]:
    """Return what is declared, and the parameters with their bounds on the default model."""
    from alignkit.runs.config import resolve_config
    from alignkit.search.search import NO_BLOCKS
    from alignkit.search.spaces import build_space

    facts, _ = _declared(kind, name)
    last = {key: facts.pop(key) for key in ("options", "documentation")}
    try:
        config = resolve_config(placement=NO_BLOCKS)
        space = build_space(name, config, (), {})
    except (DataError, UsageError) as error:  # without a default task or architecture
        return facts | {"bounds": str(error)} | last, []
    facts["bounds"] = [f"{parameter}={bound}" for parameter, bound in space.bounds.items()]
    facts["points"] = space.size
    return facts | {"architecture": config.architecture.name} | last, []


def _encoder(kind: str, name: str) -> tuple[dict[str, Any], Schedule]:
    """Return what is declared and, where a model is named, what it is and its sites."""
    facts, _ = _declared(kind, name)
    named = ":" in name
    try:
        made = choose(kind, name).make()
    except AlignkitError as error:
        if named:
            raise
        return {"name": facts.pop("name"), "model": str(error)} | facts, []
    declared = {key: facts.pop(key) for key in ("options", "documentation")}
    facts |= encoder_facts(made) | declared
    if named:
        del facts["documentation"]
    return facts, []


def _sizes(architecture: Any, placement: Any) -> dict[str, Any]:
    """Return the numbers of layers and parameters, without the task's vocabulary and head."""
    from alignkit.models.walk import count_parameters

    model = architecture.build(placement, 1, architecture.inputs([]))
    trained = count_parameters(model)
    total = sum(parameter.numel() for parameter in model.parameters())
    return {
        "layers": [f"{stream} {depth}" for stream, depth in architecture.depths().items()],
        "parameters": f"{total:,}, of which {trained:,} are trainable "
        f"and {total - trained:,} frozen",
    }


def _declared(kind: str, name: str) -> tuple[dict[str, Any], Schedule]:
    plain, given = parse_choice(kind, name)
    entry = registry().get(kind, plain)
    target = entry.load()
    bound = bind(target, given, f"{singular(kind)} '{plain}'")
    facts = {"name": plain, **_owner(entry), **entry.declarations}
    if kind == "metrics":
        facts.setdefault("version", 1)
    if kind == "tasks":
        facts |= _target_facts(name)
    facts["options"] = _options(target, bound)
    facts["documentation"] = _documentation(target)
    return facts, []


def _options(target: Any, bound: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "option": o.name,
            "value": plain_value(bound[o.name]),
            "default": plain_value(o.default),
            "type": o.type_name,
        }
        for o in options_of(target).values()
    ]


def _documentation(target: Any) -> list[str]:
    """Return the docstring, and those of the classes from which options are inherited."""
    if not inspect.isclass(target):
        return [inspect.cleandoc(target.__doc__ or "")]
    # The options that a class declares apart are documented there.
    options = getattr(target, "Options", None)
    classes = (target, *inspect.getmro(options)) if options else inspect.getmro(target)
    # A class without a text of its own has not its parent's, which follows.
    texts = [vars(member).get("__doc__") or "" for member in classes if _speaks(member)]
    return [inspect.cleandoc(text) for text in texts if text]


def _speaks(member: type) -> bool:
    """Return whether a class has a text of its own: not Python's, torch's or a generated one."""
    own = member.__dict__.get("__doc__") or ""
    top = member.__module__.partition(".")[0]
    foreign = top in sys.stdlib_module_names or top == "torch"
    return not foreign and not own.startswith(f"{member.__name__}(")


def _owner(entry: Entry) -> dict[str, Any]:
    return {"summary": entry.summary, "plugin": entry.plugin.label}


def _target_facts(task: str) -> dict[str, Any]:
    try:
        target = choose("tasks", task).make().target
    except DataError:
        return {"kind": "the labels are read from the data; name their folder to see them"}
    if target is None:
        return {"kind": "pairs without labels"}
    return {
        "kind": target.__class__.__name__,
        "labels": list(target.labels),
        "primary score": target.primary,
    }


def _print_schedule(schedule: Schedule) -> None:
    """Print one column per stream, with the site that each step records beside it."""
    from alignkit.models.schedule import Fuse, Record, RunLayer, stream_of

    print(f"{'text':32}vision")
    line = {"text": "", "vision": ""}
    rows: list[tuple[str, str]] = []

    def flush() -> None:
        if any(line.values()):
            rows.append((line["text"], line["vision"]))
            line.update(text="", vision="")

    for step in schedule:
        match step:
            case RunLayer(stream, layer):
                flush()
                line[stream] = f"layer {layer}"
            case Fuse(fusion):
                flush()
                line.update(text=f"= fusion {fusion} =", vision=f"= fusion {fusion} =")
            case Record(site):
                stream = stream_of(site)
                line[stream] = f"{line[stream] or 'embeddings':15} -> {site}"
    flush()
    for text, vision in _side_by_side(rows):
        print(f"{text:32}{vision}".rstrip())


def _side_by_side(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put consecutive text-only and vision-only rows beside each other."""
    merged: list[tuple[str, str]] = []
    text: list[str] = []
    vision: list[str] = []

    def flush() -> None:
        merged.extend(zip_longest(text, vision, fillvalue=""))
        text.clear()
        vision.clear()

    for left, right in rows:
        if left and right:
            flush()
            merged.append((left, right))
        else:
            (text if left else vision).append(left or right)
    flush()
    return merged
