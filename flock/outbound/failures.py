"""Why a vendor could not be asked, as words that end a sentence ("the vendor groq at https://…: " and then these).

Every class is an OSError, so that who sends to engines and vendors alike catches one thing; `sent` says whether the
vendor may have had the request, and with it whether it may have been paid for. No message holds a header, a query or
the credentials of a proxy. Raised by vendors.py, answering.py and proxies.py.
"""


class Unreached(ConnectionError):
    """The request did not leave: no address, no connection, no TLS, a proxy that refuses."""

    sent = False


class NotConfigured(PermissionError):
    """The address is none that flock was told to use; nothing was looked up or opened."""

    sent = False


class Dropped(ConnectionError):
    """The vendor had the request, and closed the connection or answered with what is no answer."""

    sent = True


class Redirected(ConnectionError):
    """The vendor wanted the request, and with it the key, to go somewhere else."""

    sent = True


class TooSlow(TimeoutError):
    """A phase of the exchange took longer than its limit."""

    def __init__(self, words: str, *, sent: bool) -> None:
        super().__init__(words)
        self.sent = sent
