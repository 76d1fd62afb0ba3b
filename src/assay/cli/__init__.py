"""The command line: one module a verb, errors as one sentence, exit status 2 for what the user can mend.

Enters: arguments. Leaves: exit statuses; what a verb does lies in the rooms it calls.
"""

import sys
from typing import Annotated

import typer

from assay import __version__
from assay.cli.adequacy import adequacy
from assay.cli.atlas import atlas
from assay.cli.audit import audit
from assay.cli.chaos import chaos
from assay.cli.compare import compare
from assay.cli.corpus import app as corpus_app
from assay.cli.data import app as data_app
from assay.cli.doctor import doctor
from assay.cli.export import export
from assay.cli.grade import grade
from assay.cli.import_ import import_
from assay.cli.leaks import app as leaks_app
from assay.cli.ledger import app as ledger_app
from assay.cli.models import app as models_app
from assay.cli.power import power
from assay.cli.pretrain import pretrain
from assay.cli.publish import publish
from assay.cli.redteam import redteam
from assay.cli.run import run
from assay.cli.seed import seed
from assay.cli.serve import serve
from assay.cli.solve import solve
from assay.cli.tasks import app as tasks_app
from assay.cli.tasks_export import export as tasks_export
from assay.cli.train import train
from assay.cli.trial import app as trial_app
from assay.cli.view import view
from assay.errors import AssayError, MachineryError, UserError

app = typer.Typer(
    name="assay",
    help="Teach models to write software with rewards that can be checked, and say honestly how much better they got.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"assay {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


tasks_app.command("export")(tasks_export)
tasks_app.command()(seed)
tasks_app.command()(adequacy)
app.command()(run)
app.command()(view)
app.command()(publish)
app.command()(pretrain)
app.command()(train)
app.command()(doctor)
app.command()(audit)
app.command()(atlas)
app.command()(grade)
app.command()(solve)
app.command()(serve)
app.command()(redteam)
app.command()(chaos)
app.command()(compare)
app.command()(power)
app.command()(export)
app.command("import")(import_)
app.add_typer(corpus_app, name="corpus")
app.add_typer(ledger_app, name="ledger")
app.add_typer(leaks_app, name="leaks")
app.add_typer(models_app, name="models")
app.add_typer(data_app, name="data")
app.add_typer(tasks_app, name="tasks")
app.add_typer(trial_app, name="trial")


def main() -> None:
    """Run the command line; a user's error is one sentence on stderr and exit status 2, one of ours 1."""
    try:
        app()
    except UserError as error:
        print(f"assay: {error}", file=sys.stderr)
        sys.exit(2)
    except MachineryError as error:
        print(f"assay: something of ours failed: {error}", file=sys.stderr)
        sys.exit(1)
    except ExceptionGroup as group:
        if (first := _first(group, UserError)) is not None:
            print(f"assay: {first}", file=sys.stderr)
            sys.exit(2)
        if (first := _first(group, MachineryError)) is not None:
            print(f"assay: something of ours failed: {first}", file=sys.stderr)
            sys.exit(1)
        raise


def _first(group: ExceptionGroup, kind: type[AssayError]) -> AssayError | None:
    """Return the first error of a kind among those that concurrent work raised together, where there is one."""
    for error in group.exceptions:
        found = _first(error, kind) if isinstance(error, ExceptionGroup) else error
        if isinstance(found, kind):
            return found
    return None
