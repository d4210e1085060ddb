"""Commands that plugins add, known from their entry points alone until one of them is called."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alignkit.errors import PluginError
from alignkit.plugins.calls import PluginCall, described
from alignkit.plugins.load import PLUGINS_VARIABLE, normal_name, selection

if TYPE_CHECKING:
    import typer

COMMANDS = "alignkit.commands"


@dataclass(frozen=True)
class InstalledCommand:
    """A command of a distribution: its name, and where its code is."""

    name: str
    point: importlib.metadata.EntryPoint

    @property
    def distribution(self) -> str:
        """The distribution and its version."""
        dist = self.point.dist
        return f"{dist.name} {dist.version}" if dist else "unknown"

    @property
    def owner(self) -> str:
        """The distribution without its version."""
        return self.point.dist.name if self.point.dist else ""

    def load(self) -> Any:
        """Return the Typer application or the function.

        Raises
        ------
        PluginError
            When it cannot be imported.
        """
        with PluginCall(f"command '{self.name}' of {self.distribution}", "its code"):
            return self.point.load()

    def made(self, application: Callable[..., typer.Typer] | None = None) -> Any:
        """Return the command that its Typer application or function makes.

        Parameters
        ----------
        application : callable, optional
            What to make an application of a function with; ``typer.Typer`` by default.

        Raises
        ------
        PluginError
            When it cannot be imported, is neither, or has parameters that Typer does not know.
        """
        import typer
        from typer.main import get_command

        target = self.load()
        owner = f"command '{self.name}' of {self.distribution}"
        with PluginCall(owner, "its parameters", "types that Typer knows"):
            if isinstance(target, typer.Typer):
                return get_command(target)
            if callable(target) and not isinstance(target, type):
                app = (application or typer.Typer)(add_completion=False)
                app.command(self.name)(target)
                return get_command(app)
        raise PluginError(
            f"{owner} is {described(target)}; expected a typer.Typer application or a function"
        )


def installed_commands() -> dict[str, InstalledCommand]:
    """Return the commands of all distributions that ``ALIGNKIT_PLUGINS`` does not leave out.

    A name that two distributions claim is that of a command that cannot be loaded.
    """
    found: dict[str, InstalledCommand] = {}
    points = importlib.metadata.entry_points(group=COMMANDS)
    for point in sorted(points, key=lambda each: (each.name, each.dist.name if each.dist else "")):
        command = InstalledCommand(point.name, point)
        if not _is_selected(point.dist.name if point.dist else ""):
            continue
        other = found.get(point.name)
        found[point.name] = _Contested(point.name, point, other) if other else command
    return found


@dataclass(frozen=True)
class _Contested(InstalledCommand):
    """A command that two distributions add."""

    other: InstalledCommand

    def load(self) -> Any:
        raise PluginError(
            f"command '{self.name}' is claimed by {self.other.distribution} and "
            f"{self.distribution}; uninstall one of them, or select plugins with {PLUGINS_VARIABLE}"
        )


def _is_selected(distribution: str) -> bool:
    """Return whether the variable selects a distribution, by naming it or by leaving out others."""
    selected = selection()
    if selected is None:
        return True
    wanted, unwanted = ({normal_name(name) for name in names} for names in selected)
    own = normal_name(distribution)
    return own not in unwanted and (own in wanted or (not wanted and bool(unwanted)))
