"""The commands that plugins add beside alignkit's own; none is imported before it is called."""

from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from alignkit.cli.app import App, Group

PANEL = "Plugins"


class PluginCommand(TyperCommand):
    """Stands for a command of a plugin, in the help too, until it is called."""

    def __init__(self, installed: Any) -> None:
        super().__init__(
            installed.name,
            short_help=f"Added by {installed.distribution}.",
            help=f"Added by {installed.distribution}.",
            rich_help_panel=PANEL,
        )
        self.installed = installed

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Return the context of the command itself, which is imported now."""
        command: Any = _loaded(self.installed)
        return command.make_context(info_name, args, parent=parent, **extra)


class Root(Group):
    """The group of all commands: alignkit's own, then those of plugins."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, without importing any of a plugin."""
        from alignkit.plugins.commands import installed_commands

        own = super().list_commands(ctx)
        return [*own, *(name for name in installed_commands() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by its name; alignkit's own where a plugin has the same."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        from alignkit.plugins.commands import installed_commands

        installed = installed_commands().get(cmd_name)
        return None if installed is None else PluginCommand(installed)


def _loaded(installed: Any) -> Any:
    """Return the command that a plugin's Typer application or function makes."""
    from alignkit.errors import PluginError
    from alignkit.plugins.calls import PluginCall, described

    target = installed.load()
    owner = f"command '{installed.name}' of {installed.distribution}"
    with PluginCall(owner, "its parameters", "types that Typer knows"):
        if isinstance(target, typer.Typer):
            return get_command(target)
        if callable(target) and not isinstance(target, type):
            app = App(add_completion=False)
            app.command(installed.name)(target)
            return get_command(app)
    raise PluginError(
        f"{owner} is {described(target)}; expected a typer.Typer application or a function"
    )
