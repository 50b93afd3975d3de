"""A folder as a site, for whoever looks at the built book with a browser of their own."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

__all__ = ["SHOW", "serve"]

# Every widget of the page, as a reader who goes through it would meet them.
SHOW = """async () => {
  const busy = ".jupyter-widgets[aria-busy]";
  for (const place of document.querySelectorAll(busy)) {
    if (!place.checkVisibility()) continue; // folded away
    place.scrollIntoView({ behavior: "instant" });
    const rest = () => new Promise((done) => setTimeout(done, 20));
    for (let n = 0; n < 500 && place.matches(busy); n++) await rest();
    scrollTo({ top: 0, behavior: "instant" });
  }
}"""


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of the loopback; gives the address, with a final slash.

    Parameters
    ----------
    folder : Path
        Such as ``_build/html``.
    """
    handler = functools.partial(_Silent, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
