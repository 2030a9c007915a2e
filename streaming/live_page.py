"""The live page: one self-contained HTML that shows what the hub pushes."""

import base64
import hashlib
from importlib.resources import files

_PARTS = files("streaming") / "page"
_REPORT_STYLE = files("analytics_platform") / "adapters" / "templates" / "report.css"


def live_page() -> str:
    """The page, with its style (the reports' own, and a little more) and its script."""
    page = (_PARTS / "live.html").read_text("utf-8")
    return page.replace("/* styles */", _style()).replace("/* script */", _script())


def page_headers() -> dict[str, str]:
    """Headers that keep the page to itself: its own script, its own server."""
    rules = [
        "default-src 'none'",
        f"script-src '{_sha256(_script())}'",
        f"style-src '{_sha256(_style())}'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    return {
        "content-security-policy": "; ".join(rules),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }


def _style() -> str:
    return _REPORT_STYLE.read_text("utf-8") + (_PARTS / "live.css").read_text("utf-8")


def _script() -> str:
    return (_PARTS / "live.js").read_text("utf-8")


def _sha256(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256-{digest.decode()}"
