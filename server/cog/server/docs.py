"""``GET /docs``: the API for people, one page that loads nothing from elsewhere.

It reads ``/openapi.json`` in the browser and puts everything on the page as text, never as markup:
what a model describes or answers cannot become a script.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from cog.server.reply import Reply

_PAGE = Path(__file__).with_name("docs.html")


def docs_page(base: str) -> Reply:
    """Return the page; ``base`` is where predictions are made, ``/predictions`` or ``/trainings``.

    Its policy allows the page's own script and style, by their hashes, and this server's answers.
    """
    page = _PAGE.read_text(encoding="utf-8").replace("{{base}}", base)
    policy = (
        "default-src 'none'; connect-src 'self'; img-src data: https: http:; media-src data: https:"
        f" http:; script-src {_hash(page, 'script')}; style-src {_hash(page, 'style')};"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = (
        (b"content-security-policy", policy.encode()),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
    )
    return Reply(200, page.encode(), b"text/html; charset=utf-8", headers)


def _hash(page: str, tag: str) -> str:
    content = page.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
