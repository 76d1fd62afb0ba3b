"""`assay serve`: a checkpoint behind the OpenAI API, with token ids and log-probabilities."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A checkpoint directory, or local:DIR.")],
    host: Annotated[str, typer.Option("--host", help="Where to listen; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8000,
    name: Annotated[str, typer.Option("--name", help="What clients call the model; the directory's name.")] = "",
    device: Annotated[str | None, typer.Option("--device", help="cpu, or cuda.")] = None,
    slots: Annotated[int, typer.Option("--slots", min=1, help="Answers sampled at once; others wait.")] = 32,
    template: Annotated[
        Path | None, typer.Option("--template", help="A chat template in place of the model's.")
    ] = None,
    key_from: Annotated[str, typer.Option("--key-from", help="A variable with the key clients must send.")] = "",
) -> None:
    """Serve a model at /v1/chat/completions and /v1/completions until Ctrl-C."""
    import os
    import sys

    from assay.errors import UserError
    from assay.models.chosen import OnThisMachine, load_local, which

    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(f"assay serve needs {error.name}: pip install 'assay[train,serve]'") from error
    from assay.models.serving import Worker, app, listen
    from assay.models.serving import serve as serve_until_stopped

    key = os.environ.get(key_from, "").strip() if key_from else ""
    if key_from and not key:
        raise UserError(f"--key-from {key_from}: this variable is not set, so no client could be let in: set it")
    word = model if model.startswith("local:") else f"local:{model}"
    chosen = which(word, device=device, slots=slots, template=template)
    assert isinstance(chosen, OnThisMachine)
    bound = listen(host, port)
    worker = Worker(lambda: load_local(chosen))
    try:
        worker.start()
        called = name or chosen.name
        place = bound.getsockname()
        shown = f"[{place[0]}]" if ":" in place[0] else place[0]
        print(
            f"serving {called} at http://{shown}:{place[1]}/v1, {slots} answers at once, "
            f"context {worker.model.engine.context}; Ctrl-C ends it",
            file=sys.stderr,
            flush=True,
        )
        serve_until_stopped(app(worker, called, key), bound)
    finally:
        bound.close()
        worker.close()
