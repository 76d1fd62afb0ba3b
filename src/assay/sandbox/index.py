"""The package index as a build sandbox sees it: the one address it can reach, cut at a date, its files kept.

A build has no network. It is given a socket, behind which this server answers, in assay's own process, two kinds of
question and nothing else: the page of a package (`/CUT/simple/NAME/`, CUT a date or `all`), from which files that were
uploaded later are left out, and a file that such a page named. Files are checked against the page's SHA-256 and kept
in `$ASSAY_CACHE/index`, where no build can write, so they are downloaded once.
"""

import hashlib
import html
import json
import os
import re
import shutil
import socketserver
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

import httpx

from assay.errors import UserError
from assay.sandbox.trees import cache_folder

_PYPI = "https://pypi.org/simple"
_SETTINGS = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_JSON = "application/vnd.pypi.simple.v1+json"
_PAGE = re.compile(r"/(all|\d{4}-\d\d-\d\d)/simple/([A-Za-z0-9._-]+)/?")
_FILE = re.compile(r"/files/([0-9a-f]{32})/([^/]+)")
_FRESH_S = 600.0  # for which a page is believed without asking again
_TIMEOUT = httpx.Timeout(60.0, connect=20.0)
_TRIES = 3


@dataclass(frozen=True)
class File:
    """A file of a package as the index names it. `uploaded` is ISO 8601 or ""."""

    name: str
    address: str
    sha256: str
    requires_python: str
    uploaded: str
    yanked: str | bool
    metadata: Any

    @property
    def token(self) -> str:
        """What stands for its address inside."""
        return hashlib.sha256(self.address.encode()).hexdigest()[:32]


def upstream() -> str:
    """Return the address of the index: what uv or pip are told in their variables, else PyPI."""
    return next((value for name in _SETTINGS if (value := os.environ.get(name))), _PYPI).rstrip("/")


class Index:
    """The server behind the sockets of builds. One serves any number of builds at once."""

    def __init__(self) -> None:
        self.upstream = upstream()
        self.folder = cache_folder() / "index"
        self._pages: dict[str, tuple[float, list[File]]] = {}
        self._files: dict[str, File] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        context = ssl.create_default_context()
        for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE"):
            with suppress(OSError):
                context.load_verify_locations(os.environ.get(name) or "")
        self._client = httpx.Client(verify=context, timeout=_TIMEOUT, follow_redirects=True)

    @contextmanager
    def serve(self, socket: Path) -> Iterator[None]:
        """Answer at a Unix socket until the context ends."""
        folder = os.open(socket.parent, os.O_PATH | os.O_DIRECTORY)  # by which a long path is short enough to bind
        try:
            with _Server(f"/proc/self/fd/{folder}/{socket.name}", self) as server:
                thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
                thread.start()
                try:
                    yield
                finally:
                    server.shutdown()
                    thread.join()
        finally:
            os.close(folder)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def page(self, name: str) -> list[File] | None:
        """Return the files of a package, None when the index has no such package. Raises httpx.HTTPError."""
        name = re.sub(r"[-_.]+", "-", name).lower()
        with self._one(f"page {name}"):
            kept = self._pages.get(name)
            if kept and time.monotonic() - kept[0] < _FRESH_S:
                return kept[1]
            address = f"{self.upstream}/{name}/"
            answer = self._get(address, {"Accept": f"{_JSON}, text/html;q=0.5"})
            if answer.status_code == 404:
                return None
            answer.raise_for_status()
            kind = answer.headers.get("content-type", "")
            files = (
                _from_json(answer.json(), str(answer.url))
                if "json" in kind
                else _from_html(answer.text, str(answer.url))
            )
            self._pages[name] = (time.monotonic(), files)
            self._files.update({file.token: file for file in files})
            return files

    def _get(self, address: str, headers: dict[str, str]) -> httpx.Response:
        for turn in range(_TRIES):
            try:
                answer = self._client.get(address, headers=headers)
                if answer.status_code < 500 or turn == _TRIES - 1:
                    return answer
            except httpx.TransportError:
                if turn == _TRIES - 1:
                    raise
            time.sleep(0.5 * 2**turn)
        raise AssertionError

    def file(self, token: str, name: str) -> Path | None:
        """Return a file that a page has named, or its metadata, downloaded and checked; None for any other."""
        found = self._files.get(token)
        if found is None or name not in (found.name, f"{found.name}.metadata"):
            return None
        whole = name == found.name
        place = self.folder / token[:2] / token / name
        with self._one(str(place)):
            if not place.is_file():
                self._download(found.address + ("" if whole else ".metadata"), place, found.sha256 if whole else "")
        return place

    def _download(self, address: str, place: Path, sha256: str) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=".download-", delete=False) as file:
            try:
                digest = hashlib.sha256()
                with self._client.stream("GET", address) as answer:
                    answer.raise_for_status()
                    for part in answer.iter_bytes(1 << 18):
                        digest.update(part)
                        file.write(part)
                if sha256 and digest.hexdigest() != sha256:
                    raise httpx.HTTPError(f"{address} is not the file that the index names: its SHA-256 differs")
                file.close()
                os.replace(file.name, place)
            finally:
                Path(file.name).unlink(missing_ok=True)

    @contextmanager
    def _one(self, key: str) -> Iterator[None]:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            yield


def check_reachable() -> None:
    """Raise UserError when the package index does not answer."""
    index = Index()
    try:
        index.page("wheel")
    except (httpx.HTTPError, ValueError) as error:
        raise UserError(
            f"the package index {_shown(index.upstream)} cannot be read ({error}): mend the network"
        ) from error
    finally:
        index.close()


def _shown(address: str) -> str:
    """Return an address without the password that may stand in it."""
    return re.sub(r"//[^/@]*@", "//", address)


def _from_json(page: Any, base: str) -> list[File]:
    return [
        File(
            name=entry["filename"],
            address=urljoin(base, entry["url"]),
            sha256=entry.get("hashes", {}).get("sha256", ""),
            requires_python=entry.get("requires-python") or "",
            uploaded=entry.get("upload-time") or "",
            yanked=entry.get("yanked", False),
            metadata=entry.get("core-metadata", entry.get("dist-info-metadata", False)),
        )
        for entry in page["files"]
    ]


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append(dict(attrs))


def _from_html(text: str, base: str) -> list[File]:
    anchors = _Anchors()
    anchors.feed(text)
    files = []
    for anchor in anchors.found:
        address, _, fragment = urljoin(base, anchor.get("href") or "").partition("#")
        metadata = anchor.get("data-core-metadata", anchor.get("data-dist-info-metadata"))
        hashes = dict([metadata.split("=", 1)]) if metadata and "=" in metadata else bool(metadata)
        files.append(
            File(
                name=unquote(urlsplit(address).path.rsplit("/", 1)[-1]),
                address=address,
                sha256=fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else "",
                requires_python=anchor.get("data-requires-python") or "",
                uploaded=anchor.get("data-upload-time") or "",
                yanked=anchor["data-yanked"] or True if "data-yanked" in anchor else False,
                metadata=hashes,
            )
        )
    return files


def cut(files: list[File], before: str) -> list[File]:
    """Return the files uploaded before the date `before`; "all" is no cut. One without a date is left out."""
    return files if before == "all" else [file for file in files if file.uploaded and file.uploaded < before]


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, place: str, index: Index) -> None:
        self.index = index
        super().__init__(place, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a build that hung up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def address_string(self) -> str:
        return "build"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep no log: what goes wrong the build tool says."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        try:
            if page := _PAGE.fullmatch(path):
                self._page(page[1], page[2], body)
            elif (file := _FILE.fullmatch(path)) and (place := self.server.index.file(file[1], file[2])):
                self._file(place, body)
            else:
                self._send(404, "text/plain", b"there is no such page\n", body)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            self._send(502, "text/plain", f"the package index failed: {error}\n".encode(), body)

    def _page(self, before: str, name: str, body: bool) -> None:
        files = self.server.index.page(name)
        if files is None:
            self._send(404, "text/plain", b"there is no such package\n", body)
            return
        files = cut(files, before)
        if "json" in self.headers.get("Accept", ""):
            self._send(200, _JSON, _as_json(name, files), body)
        else:
            self._send(200, "text/html; charset=utf-8", _as_html(files), body)

    def _file(self, place: Path, body: bool) -> None:
        with place.open("rb") as file:
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            self.end_headers()
            if body:
                shutil.copyfileobj(file, self.wfile, 1 << 18)

    def _send(self, status: int, kind: str, data: bytes, body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)


def _inside(file: File) -> str:
    return f"/files/{file.token}/{quote(file.name)}"


def _as_json(name: str, files: list[File]) -> bytes:
    entries = [
        {
            "filename": file.name,
            "url": _inside(file),
            "hashes": {"sha256": file.sha256} if file.sha256 else {},
            "requires-python": file.requires_python or None,
            "yanked": file.yanked,
            "core-metadata": file.metadata,
            **({"upload-time": file.uploaded} if file.uploaded else {}),
        }
        for file in files
    ]
    return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": entries}).encode()


def _as_html(files: list[File]) -> bytes:
    lines = []
    for file in files:
        address = _inside(file) + (f"#sha256={file.sha256}" if file.sha256 else "")
        extra = f' data-requires-python="{html.escape(file.requires_python)}"' if file.requires_python else ""
        extra += f' data-yanked="{html.escape(str(file.yanked))}"' if file.yanked else ""
        lines.append(f'<a href="{html.escape(address)}"{extra}>{html.escape(file.name)}</a><br/>')
    return ("<!DOCTYPE html>\n<html><body>\n" + "\n".join(lines) + "\n</body></html>\n").encode()
