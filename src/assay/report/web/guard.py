"""What every answer goes through: only this machine's names, only reading, headers that let no foreign script run."""

from collections.abc import Iterable
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


class Guard:
    """Wraps the application. `names` are the hosts a browser may have asked for; another one is a rebound name.

    An address is no name that could be rebound: `addresses` lets in all of them, where others may reach the page.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = (), addresses: bool = False) -> None:
        self.app = app
        self.addresses = addresses
        self.names = {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                given.setdefault("content-security-policy", POLICY)
                for name, value in _HEADERS.items():
                    given.setdefault(name, value)
            await send(message)

        if not self._known(headers.get("host", "")):
            answer = PlainTextResponse("This page answers only to the address that assay view printed.\n", 421)
            await answer(scope, receive, guarded)
        elif scope["method"] not in ("GET", "HEAD"):
            answer = PlainTextResponse("This page only shows; it takes GET and HEAD.\n", 405, {"allow": "GET, HEAD"})
            await answer(scope, receive, guarded)
        elif headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            answer = PlainTextResponse("Another site may not read this page.\n", 403)
            await answer(scope, receive, guarded)
        else:
            await self.app(scope, receive, guarded)

    def _known(self, host: str) -> bool:
        """Whether a Host header names this machine: a loopback address, or a name that was given."""
        name = host.rsplit(":", 1)[0] if host.count(":") == 1 or (host.startswith("[") and "]:" in host) else host
        name = name.strip("[]").lower().rstrip(".")
        if name in self.names:
            return True
        try:
            return ip_address(name).is_loopback or self.addresses
        except ValueError:
            return False
