"""The proxy that the environment names for the API server, looked up once.

aiohttp's own way (`trust_env`) looks it up at every request, in a thread each time, and would besides send what `.netrc`
holds for the API server's host beside our own credentials.
"""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def of_environment(server: str) -> str | None:
    """The URL of the proxy, by HTTPS_PROXY, HTTP_PROXY and NO_PROXY; None without one.

    Args:
        server: the address of the API server.

    A proxy that is itself reached by TLS is left out, as aiohttp does (`aiohttp.helpers.proxies_from_env`).
    """
    address = urlsplit(server)
    if not address.hostname or proxy_bypass(address.hostname):
        return None
    found = getproxies().get(address.scheme)
    return found if found and urlsplit(found).scheme != "https" else None
