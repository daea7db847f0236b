"""The program `cryptoflow`: the families of commands together, and every error as one sentence with its cure."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import typer
from rich.console import Console

from cryptoflow import __version__
from cryptoflow.cli import (
    alerts,
    backfill,
    candle_proof,
    candles,
    configuration,
    database,
    gaps,
    health,
    market,
    platform,
    quality,
    quarantine,
    quota,
    retention,
    simulate,
)
from cryptoflow.errors import CryptoflowError

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="cryptoflow",
    help="A crypto market-data warehouse that you run yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(platform.app)
app.add_typer(database.app)
app.add_typer(market.app)
app.add_typer(quota.app)
app.add_typer(gaps.app)
app.add_typer(retention.app)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(candles.app)
app.add_typer(candle_proof.candles_app, name="candles")
app.add_typer(candle_proof.certificate_app, name="certificate")
app.add_typer(health.app)
app.add_typer(configuration.app)
app.add_typer(quality.app, name="quality")
app.add_typer(alerts.app, name="alerts")
app.add_typer(simulate.app, name="simulate")
app.add_typer(backfill.app, name="backfill")


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit 2 with one clear sentence when it cannot be done."""
    sys.exit(_guarded(lambda: app(args=list(arguments) if arguments is not None else None, standalone_mode=False)))


def _guarded(command: Callable[[], object]) -> int:
    try:
        result = command()
    except CryptoflowError as error:
        _complain(f"{error.what}\n{error.cure}")
        return EXIT_ERROR
    except typer.Abort:
        return EXIT_ERROR
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing is wrong.
        sys.stderr.close()
        return 0
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        # A word of the command line that Typer does not know.
        _complain(f"{error.format_message()}\nSee `cryptoflow --help`.")
        return EXIT_ERROR
    return result if isinstance(result, int) else 0


def _complain(text: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, style="red", markup=False)


if __name__ == "__main__":
    main()
