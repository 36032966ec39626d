"""Which addresses are public: every range and every spelling that must not be."""

import pytest

from flock.outbound.addresses import is_local_name, is_public_address

PRIVATE = (
    # this machine and its networks
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "100.127.255.255", "169.254.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    # services of clouds
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254",
    "::ffff:168.63.129.16", "64:ff9b::a83f:8110",
    # IPv6
    "::", "::1", "fe80::1", "fe80::1%eth0", "2606:4700::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1",
    "ff0e::1", "100::1", "2001:db8::1", "2001:10::1", "2001:2::1", "5f00::1", "4000::1",
    # IPv4 inside IPv6: mapped, compatible, NAT64, 6to4, Teredo, ISATAP
    "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:100.64.0.1", "::ffff:169.254.169.254",
    "::127.0.0.1", "::10.0.0.1", "::8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::808:808",
    "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2a00:1450::5efe:10.0.0.1", "2a00:1450::200:5efe:c0a8:101",
    # no addresses at all
    "", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "1.2.3", "::ffff:1.2.3",
)  # fmt: skip
PUBLIC = (
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "193.0.6.139",
    "2606:4700:4700::1111", "2a00:1450:4001:830::200e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
)  # fmt: skip


@pytest.mark.pitfall(33)
@pytest.mark.parametrize("address", PRIVATE)
def test_these_are_not_public(address: str) -> None:
    assert not is_public_address(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_these_are_public(address: str) -> None:
    assert is_public_address(address)


def test_names_that_are_never_looked_up() -> None:
    for name in ("localhost", "LOCALHOST.", "a.localhost", "printer.local", "metadata.google.internal", "db.lan"):
        assert is_local_name(name)
    for name in ("example.com", "local.example.com", "notlocalhost", "xlocal"):
        assert not is_local_name(name)
