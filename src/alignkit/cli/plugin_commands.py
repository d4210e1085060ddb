"""The commands that plugins add beside alignkit's own; none is imported before it is called."""

from typing import Any

from typer.core import TyperCommand

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
        command: Any = self.installed.made(App)
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
