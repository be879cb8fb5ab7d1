"""The command line, one file for each command."""

import contextlib
import io
import sys

import typer

from archbo.cli.benchmarks import benchmarks
from archbo.cli.compare import compare
from archbo.cli.data import data
from archbo.cli.options import CatalogCommand
from archbo.cli.own_code import worker
from archbo.cli.predict import predict
from archbo.cli.proxies import proxies, remedy
from archbo.cli.report import report
from archbo.cli.robot import robot
from archbo.cli.search import search
from archbo.cli.space import space
from archbo.cli.studies import ask, export, fail, status, tell
from archbo.cli.terminal import TerminatedError, abandon_output, remark, show_each_warning_once
from archbo.errors import ArchboError, NoProxiesError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Surrogate predictors and Bayesian optimization for neural architectures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    benchmarks,
    space,
    search,
    robot,
    compare,
    predict,
    worker,
    ask,
    tell,
    fail,
    status,
    export,
    report,
):
    app.command(cls=CatalogCommand)(command)
app.add_typer(proxies, name="proxies")
app.add_typer(data, name="data")


def main() -> None:
    """Run the command line; an error is one line on standard error and exit code 2."""
    show_each_warning_once()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a letter is no reason to lose the rest.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (ArchboError, typer.TyperException) as error:
        code = _complain(_text(error))
    except OSError as error:
        abandon_output()
        code = _complain(f"cannot write to standard output: {error.strerror or error}")
    except typer.Abort:
        code = 130
    except TerminatedError:
        code = 143
    sys.exit(code)


def _text(error: ArchboError | typer.TyperException) -> str:
    if isinstance(error, typer.TyperException):
        return error.format_message()
    return remedy(error) if isinstance(error, NoProxiesError) else str(error)


def _complain(text: str) -> int:
    """One line on standard error, and the exit code."""
    if not text:  # a call without arguments has shown the help
        return 0
    with contextlib.suppress(OSError):  # there is nowhere left to say it
        remark(f"archbo: {' '.join(text.split())}")
    return 2
