"""The one aiohttp ClientSession, for control traffic: probing engines, asking for their models.

Refuses proxies for engines: loopback and private addresses must never go through HTTP_PROXY. Made by the daemon.
"""

import aiohttp

PROBE_SECONDS = 3.0


def open_session() -> aiohttp.ClientSession:
    """Return a session that ignores proxy variables and gives up after PROBE_SECONDS.

    The connector keeps no connection alive: probes are seconds apart and engines restart between them.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=64, force_close=True),
        timeout=aiohttp.ClientTimeout(total=PROBE_SECONDS, connect=PROBE_SECONDS),
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
