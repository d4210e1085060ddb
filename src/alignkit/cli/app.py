"""The Typer application that all commands join, and how their help is laid out."""

from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

# Up to this many options, help lists them in one panel.
ONE_PANEL = 10


class Command(TyperCommand):
    """A command whose help groups its options in panels where there are many of them."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, ``--help`` among them."""
        return _laid_out(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what stands behind the command; say where an option of all commands stands."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:  # Typer does not export the one that it raises here
            _point_to_root(error, ctx)
            raise

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help; a default that is only described is shown like any other."""
        parameters: list[Any] = self.params
        described = [each for each in parameters if isinstance(each.show_default, str)]
        defaults = [each.default for each in described]
        for parameter in described:  # Typer would put it in parentheses
            parameter.default, parameter.show_default = parameter.show_default, True
        try:
            super().format_help(ctx, formatter)
        finally:
            for parameter, default in zip(described, defaults, strict=True):
                parameter.default, parameter.show_default = default, parameter.default


class Group(TyperGroup):
    """A group of commands, with the same help as a command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, ``--help`` among them."""
        return _laid_out(super().get_params(ctx))


class App(typer.Typer):
    """A Typer application whose commands share one layout of their help."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"cls": Group} | settings)

    def command(self, *args: Any, **settings: Any) -> Callable[[Any], Any]:
        """Register a command, as Typer does."""
        return super().command(*args, cls=Command, **settings)


class Default:
    """A default that is declared elsewhere and read only when it is needed or shown.

    Importing the declaration would take longer than the whole command line.

    Parameters
    ----------
    declared_in : str
        ``module:class``.
    name : str
        The attribute that holds the default.
    """

    def __init__(self, declared_in: str, name: str) -> None:
        self.declared_in, self.name = declared_in, name

    def __call__(self) -> Any:
        """Return the default."""
        from importlib import import_module

        module, _, owner = self.declared_in.partition(":")
        return getattr(getattr(import_module(module), owner), self.name)

    def __str__(self) -> str:
        return str(self())


def _point_to_root(error: Any, ctx: Any) -> None:
    """Change the message on an unknown option that is one of all commands, such as ``--debug``."""
    unknown, root = getattr(error, "option_name", None), ctx.find_root()
    for option in root.command.params if root is not ctx else ():
        if unknown in option.opts:
            value = "" if option.is_flag else f" {option.metavar}"
            behind = ctx.command_path.removeprefix(root.command_path)
            command = f"{root.command.name} {unknown}{value}{behind}"
            error.message = f"{unknown} stands before the command: {command}"
            error.possibilities = None


def _laid_out(parameters: Sequence[Any]) -> list[Any]:
    """Show no type beside flags and arguments, and panels only where there are many options."""
    for parameter in parameters:
        if isinstance(parameter, TyperArgument):
            vars(parameter)["display_type_rich"] = lambda ctx: None  # noqa: ARG005 - Typer passes it by name
    options = [each for each in parameters if isinstance(each, TyperOption)]
    panels = [each.rich_help_panel for each in options if each.rich_help_panel]
    for option in options:
        if option.is_flag:
            option.metavar = ""
        if len(options) <= ONE_PANEL:
            option.rich_help_panel = None
        elif panels and "--help" in option.opts:
            option.rich_help_panel = panels[-1]
    return list(parameters)
