"""Whom flock believes: the certificate authorities of this system.

Owns the making of the one TLS context for vendors. Refuses to have none: there is no way to turn verification off.
Called by vendors.py.
"""

import os
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

# Where systems keep their authorities when Python's own OpenSSL was built for another place: Debian, Fedora and RHEL,
# Alpine, SUSE (https://github.com/tiran/certifi-system-store lists them).
_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
)


def system_context(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> ssl.SSLContext:
    """Return a context that verifies with the system's store, or with SSL_CERT_FILE and SSL_CERT_DIR where set.

    Reads files: called in a thread. Raises OSError for a file that cannot be read, or when there is no authority.
    """
    file, folder = environ.get("SSL_CERT_FILE", ""), environ.get("SSL_CERT_DIR", "")
    if file or folder:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(file or None, folder or None)
        except OSError as error:  # an SSLError, where it is no certificate, is one too
            named = f"SSL_CERT_FILE={file}" if file else f"SSL_CERT_DIR={folder}"
            raise OSError(f"{named} cannot be used: {error.strerror or error}") from None
        return context
    if platform == "darwin":
        # Python's OpenSSL does not read macOS's keychain, where an organisation puts its own authorities
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context()
    if not _has_authorities(context):
        found = next((place for place in _FILES if os.path.isfile(place)), None)
        if found is None:
            raise OSError("this system has no certificate authorities: install ca-certificates, or set SSL_CERT_FILE")
        context.load_verify_locations(found)
    return context


def _has_authorities(context: ssl.SSLContext) -> bool:
    folder = ssl.get_default_verify_paths().capath
    return bool(context.cert_store_stats()["x509_ca"]) or bool(folder and any(Path(folder).glob("*.0")))
