# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loopback addresses: which one is free for a rehearsal tenant, and keeping it from others meanwhile.

Samba's ports are fixed, so tenants that run at the same time differ by address: 127.77.0.1, 127.77.0.2 and so on.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

DIRECTORY_PORTS = (389, 636, 3268, 3269)
SERVICES_PORT = 8443
PATTERN = "127.77.0.{}"
_NETWORK = ipaddress.IPv4Network("127.0.0.0/8")


class AddressError(Exception):
    """An address or a port cannot be had; the text is one line for the user."""


class Reservation:
    """A loopback address that nobody else who asks here gets, as long as this object is open.

    The kernel keeps the promise: a datagram socket on the services' port, which nothing else of the lab uses. It ends
    with the process at the latest.
    """

    def __init__(self, address: str, guard: socket.socket) -> None:
        self.address = address
        self._guard = guard

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, *_unused: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the address back."""
        self._guard.close()


def check_ports(address: str, ports: Iterable[int]) -> None:
    """Make sure that ports can be bound on an address.

    Raises AddressError: a port is taken, or binding it is not allowed.
    """
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(probe, address, port)


def _bind(probe: socket.socket, address: str, port: int) -> None:
    try:
        probe.bind((address, port))
    except PermissionError as error:
        raise PortForbiddenError(
            f"no permission to bind port {port} on {address}: run as root, or in a user and network namespace of your "
            "own (unshare -Urn) with its loopback interface up"
        ) from error
    except OSError as error:
        raise AddressError(f"cannot bind port {port} on {address}: {error.strerror}") from error


class PortForbiddenError(AddressError):
    """Binding a port below 1024 is not allowed; another address would not help."""


def reserve(address: str | None = None, ports: Iterable[int] = (*DIRECTORY_PORTS, SERVICES_PORT)) -> Reservation:
    """Reserve an address where all the ports are free: the given one, or the first free 127.77.0.N.

    Raises AddressError: the address is no loopback address or is taken, or none is free.
    """
    wanted = tuple(ports)
    if address is not None:
        return _reserve(_loopback(address), wanted)
    for number in range(1, 255):
        try:
            return _reserve(PATTERN.format(number), wanted)
        except PortForbiddenError:
            raise
        except AddressError:
            continue
    raise AddressError(f"no address from {PATTERN.format(1)} to {PATTERN.format(254)} has its ports free")


def _loopback(address: str) -> str:
    try:
        inside = ipaddress.IPv4Address(address) in _NETWORK
    except ipaddress.AddressValueError:
        inside = False
    if not inside:
        raise AddressError(f"{address} is not a loopback address (127.x.y.z)")
    return address


def _reserve(address: str, ports: tuple[int, ...]) -> Reservation:
    guard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        _bind(guard, address, SERVICES_PORT)
        check_ports(address, ports)
    except BaseException:
        guard.close()
        raise
    return Reservation(address, guard)
