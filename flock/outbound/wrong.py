"""What aiohttp's errors mean, in flock's words.

aiohttp's own texts hold whole URLs, and its error objects the headers of the request: none of either is passed on.
Called by vendors.py.
"""

import os
import ssl

import aiohttp

from flock.outbound.failures import Dropped, Unreached
from flock.outbound.proxies import Proxy


def failure_of(error: Exception, named: str, proxy: Proxy | None, sent: bool) -> OSError:
    """Return why a request had no answer; `named` is the vendor's address, `sent` whether it had gone out."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            why = _certificate(error.certificate_error)
            return Unreached(f"the certificate of {_host(error, named)} is not valid: {why}")
        case aiohttp.ClientConnectorSSLError():
            return Unreached(f"no TLS with {_host(error, named)}: {_tls(error)}")
        case aiohttp.ClientConnectorDNSError():
            return Unreached(f"{_host(error, named)} has no address")
        case aiohttp.ClientHttpProxyError():
            who = f"the proxy {proxy.named}" if proxy is not None else "the proxy"
            if error.status == 407:
                return Unreached(f"{who} wants credentials of a proxy's user (407)")
            return Unreached(f"{who} does not connect to {named} (status {error.status})")
        case aiohttp.ClientConnectorError():
            who = f"the proxy {proxy.named}" if proxy is not None else named
            return Unreached(f"{who} does not answer: {_system(error)}")
        case aiohttp.ClientResponseError():
            return Dropped(f"what {named} answers is not HTTP")
        case aiohttp.ServerDisconnectedError():
            return _ended(named, proxy, sent, "closed the connection without an answer")
        case aiohttp.ClientError() | OSError():
            return _ended(named, proxy, sent, f"broke the connection without an answer: {_system(error)}")
        case UnicodeError():  # a label of more than 63 letters, say: no resolver is asked for such a name
            return Unreached(f"{f'the proxy {proxy.named}' if proxy is not None else named} has no address")
        case _:  # ValueError: a key with a line break in it, for one
            return Unreached(f"the request for {named} has a header that cannot be sent")


def _ended(named: str, proxy: Proxy | None, sent: bool, words: str) -> OSError:
    if sent:
        return Dropped(f"{named} {words}")
    return Unreached(f"{f'the proxy {proxy.named}' if proxy is not None else named} {words}")


def _system(error: Exception) -> str:
    """Return the operating system's word for an error, "the connection failed" where it has none."""
    code = getattr(error, "errno", None)
    return os.strerror(code) if isinstance(code, int) and code > 0 else "the connection failed"


def _certificate(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (error.verify_message or error.reason or "it cannot be verified").rstrip(".")
    return "it cannot be verified"


def _host(error: Exception, named: str) -> str:
    """Return the host that an error is about: a proxy's is not the vendor's."""
    return str(getattr(error, "host", named))


def _tls(error: Exception) -> str:
    reason = getattr(getattr(error, "os_error", None), "reason", None)  # an SSLError that OpenSSL did not make has none
    return str(reason or "the handshake failed").replace("_", " ").lower()
