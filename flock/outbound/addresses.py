"""Which addresses belong to the public internet, and which names never do.

Owns the answer to one question: may flock connect there because a stranger asked it to? Refuses whatever reaches this
machine, its networks or its cloud's own services, in every form in which an IPv4 address can hide in an IPv6 one.
Called by images.py, and by vendors.py and proxies.py for what is near.
"""

import ipaddress

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Services of a cloud that answer at public addresses: Azure's wire server (keys of the machine) and DNS. All others,
# 169.254.169.254 first, lie in ranges that are not global.
_CLOUD = frozenset({ipaddress.ip_address("168.63.129.16")})
# Protocol assignments and the relays of 6to4: Python's registry knows only parts of the first and not the second.
_ASSIGNED = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("192.88.99.0/24"))
# All that IANA has given out of IPv6 for the internet
_UNICAST = ipaddress.IPv6Network("2000::/3")
# RFC 6052, 2.1: the well-known prefix of NAT64
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# RFC 5214, 6.1: the interface of an ISATAP address, which holds an IPv4 one, with or without the universal bit
_ISATAP = (0x00005EFE, 0x02005EFE)

# What resolvers answer from their own tables or from the cloud's.
_LOCAL_NAMES = ("localhost", "localdomain", "local", "internal", "intranet", "lan", "home.arpa", "metadata")


def is_public_address(text: str) -> bool:
    """Return whether an IP address, as text, is one of the public internet; False for what is no address at all."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return _is_public(address)


def is_local_name(host: str) -> bool:
    """Return whether a host name is one that is never looked up for a stranger: "localhost", "db.internal"."""
    name = host.rstrip(".").lower()
    return any(name == local or name.endswith("." + local) for local in _LOCAL_NAMES)


def is_near(host: str) -> bool:
    """Return whether a host, as a URL names it, is on this machine or its own networks, judged without a look-up.

    Addresses that are not of the public internet, names that never are, and names without a dot ("gpu-box").
    """
    host = host.strip("[]")
    try:
        return not _is_public(ipaddress.ip_address(host))
    except ValueError:
        return is_local_name(host) or "." not in host.rstrip(".")


def _is_public(address: _Address) -> bool:
    if address in _CLOUD or address.is_multicast or address.is_unspecified or address.is_loopback:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        # is_global follows IANA's registry of special addresses: private, shared (100.64/10), link-local, test nets
        return address.is_global and not address.is_reserved and not any(address in net for net in _ASSIGNED)
    if address.scope_id is not None:
        return False
    inner = _inner(address)
    if inner is not None and not _is_public(inner):
        return False
    if address.ipv4_mapped is not None or address in _NAT64:
        return True
    return address in _UNICAST and address.is_global


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address to which an IPv6 one leads, None when it leads to none."""
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return last
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
