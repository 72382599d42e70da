"""Servers on this machine for images at an address: of plain files, and one that speaks S3."""

from __future__ import annotations

import functools
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

__all__ = ["S3", "Files", "Server"]


class Files(SimpleHTTPRequestHandler):
    """Files of a folder, from a server in a mood.

    It is well; busy: two files in three are answered wrongly at first, one with 503 and one cut
    off; down: 500; closed: 403; or unlisted: 403 in place of 404.
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(super().do_GET)

    def do_HEAD(self) -> None:
        self._answer(super().do_HEAD)

    def _answer(self, well) -> None:
        asked, number = self.server.counted(self.path)
        time.sleep(self.server.delay)
        mood = self.server.mood
        if mood == "busy" and number % 3 == 1 and asked <= 2:
            self.refuse(503, "SlowDown")
        elif mood == "busy" and number % 3 == 2 and asked == 1:
            self.send_response(200)
            self.send_header("Content-Length", "200")
            self.end_headers()
            self.wfile.write(b"?" * 100 * (self.command == "GET"))
            self.close_connection = True
        elif mood == "down":
            self.refuse(500, "InternalError")
        elif mood == "closed" or (mood == "unlisted" and not self.is_there()):
            self.refuse(403, "AccessDenied")
        else:
            well()

    def is_there(self) -> bool:
        return Path(self.translate_path(self.path)).is_file()

    def refuse(self, status: int, code: str) -> None:
        """Say no, in the words of S3."""
        self.send(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>")

    def send(self, status: int, text: str) -> None:
        content = f"<?xml version='1.0' encoding='UTF-8'?>\n{text}".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_) -> None:
        """Say nothing."""


class S3(Files):
    """The folders of a folder as buckets: what reading asks for, from who signs what he asks."""

    def _answer(self, well) -> None:
        is_signed = self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 ")
        super()._answer(self._found if is_signed else lambda: self.refuse(403, "AccessDenied"))

    def _found(self) -> None:
        place, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if self.command == "GET" and query.get("list-type") == ["2"]:
            self._list(place.strip("/"), query)
        elif not self.is_there():
            self.refuse(404, "NoSuchKey")
        elif self.command == "GET":
            SimpleHTTPRequestHandler.do_GET(self)
        else:
            SimpleHTTPRequestHandler.do_HEAD(self)

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        """Answer ListObjectsV2, in one page."""
        prefix, delimiter = (query.get(name, [""])[0] for name in ("prefix", "delimiter"))
        folder = Path(self.translate_path(f"/{bucket}"))
        files, folders = {}, set()
        for path in folder.rglob("*"):
            key = path.relative_to(folder).as_posix()
            if path.is_file() and key.startswith(prefix):
                head, found, _ = key[len(prefix) :].partition(delimiter or "/")
                if delimiter and found:
                    folders.add(prefix + head + delimiter)
                else:
                    files[key] = path.stat().st_size
        self.send(200, (
            "<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
            f"<Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix><MaxKeys>1000</MaxKeys>"
            f"<KeyCount>{len(files) + len(folders)}</KeyCount><IsTruncated>false</IsTruncated>"
            + "".join(
                f"<Contents><Key>{escape(key)}</Key><Size>{files[key]}</Size><ETag>0</ETag>"
                "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
                for key in sorted(files)
            )
            + "".join(
                f"<CommonPrefixes><Prefix>{escape(key)}</Prefix></CommonPrefixes>"
                for key in sorted(folders)
            )
            + "</ListBucketResult>"
        ))  # fmt: skip


class _Listening(ThreadingHTTPServer):
    daemon_threads = True

    def counted(self, path: str) -> tuple[int, int]:
        """Return how often a path has been asked for, and which one it is of all."""
        with self.lock:
            self.asked[path] = self.asked.get(path, 0) + 1
            return self.asked[path], list(self.asked).index(path)


class Server:
    """A server on this machine, in threads of its own."""

    def __init__(self, folder, handler=Files, *, port=0, mood="well", delay=0.0) -> None:
        serving = functools.partial(handler, directory=str(folder))
        self._server = _Listening(("127.0.0.1", port), serving)
        self._server.lock, self._server.asked = threading.Lock(), {}
        self._server.mood, self._server.delay = mood, delay
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> int:
        """Return how many answers were given."""
        return sum(self._server.asked.values())

    @property
    def paths(self) -> int:
        """Return how many paths were asked for."""
        return len(self._server.asked)

    def feel(self, mood: str) -> None:
        """Be in another mood from now on."""
        self._server.mood = mood

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
