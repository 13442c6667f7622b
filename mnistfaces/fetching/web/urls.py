"""What is read off a URL: whom it asks, and for what."""

import re
from urllib.parse import quote, urlsplit

from mnistfaces.fetching.web.failures import RequestFailed

MAX_URL = 8192

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SENT_AS_IT_IS = "".join(map(chr, range(0x21, 0x7F)))


def host_of(url: str) -> str:
    """Returns the host of an http or https URL, in lower case and without its port: the unit of politeness.

    Raises:
        RequestFailed: the URL cannot be asked for (`bad_url`).
    """
    if len(url) > MAX_URL or _CONTROL.search(url):
        raise RequestFailed("bad_url", f"too long, or with control characters: {url[:80]!r}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a bad port is an error
    except ValueError as error:
        raise RequestFailed("bad_url", f"{error}: {url[:80]!r}") from None
    if parts.scheme not in ("http", "https"):
        raise RequestFailed("bad_url", f"neither http nor https: {url[:80]!r}")
    if not host:
        raise RequestFailed("bad_url", f"no host: {url[:80]!r}")
    return host.rstrip(".")


def target_of(url: str) -> str:
    """Returns path and query of a URL, to the byte as it is written: a server may know no other spelling.

    Only what cannot stand in the first line of a request, a space or a letter beyond ASCII, is percent-encoded.
    """
    parts = urlsplit(url)
    path = quote(parts.path, safe=_SENT_AS_IT_IS) or "/"
    return f"{path}?{quote(parts.query, safe=_SENT_AS_IT_IS)}" if parts.query else path
