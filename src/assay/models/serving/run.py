"""Listening and serving: a socket bound before the model is loaded, uvicorn until Ctrl-C."""

import errno
import socket
from contextlib import suppress

import uvicorn
from starlette.applications import Starlette

from assay.errors import UserError

_LEAVE_S = 2  # that requests under way get when the server is told to end


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises UserError where the address is not to be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise UserError(f"{host} is no address of this machine ({error.strerror or error}): mend --host") from error
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        bound.listen(2048)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"port {port} of {host} is in use: name another with --port") from error
        raise UserError(f"cannot listen at {host}:{port} ({error.strerror or error}): mend --host or --port") from error
    return bound


def serve(application: Starlette, bound: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM; requests under way are then cut after two seconds."""
    config = uvicorn.Config(
        application, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=_LEAVE_S
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[bound])
