"""The command line, one file for each command."""

import sys
import warnings

import typer

from archbo.cli.benchmarks import benchmarks
from archbo.cli.common import err
from archbo.cli.compare import compare
from archbo.cli.proxies import proxies, remedy
from archbo.cli.robot import robot
from archbo.cli.search import search
from archbo.errors import ArchboError, NoProxiesError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Surrogate predictors and Bayesian optimization for neural architectures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (benchmarks, search, robot, compare):
    app.command()(command)
app.add_typer(proxies, name="proxies")


def main() -> None:
    """Run the command line; an error is one line on standard error and exit code 2."""
    warnings.showwarning = lambda message, *_, **__: err.print(f"warning: {message}", markup=False)
    try:
        code = app(standalone_mode=False)
    except (ArchboError, typer.TyperException) as error:
        text = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        if isinstance(error, NoProxiesError):
            text = remedy(error)
        if text:  # a call without arguments has shown the help
            err.print(f"archbo: {' '.join(text.split())}", markup=False, soft_wrap=True)
        code = 2 if text else 0
    except typer.Abort:
        code = 130
    sys.exit(code)
