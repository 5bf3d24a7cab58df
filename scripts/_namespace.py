# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command in a network namespace that was just made: `unshare -Urn python _namespace.py COMMAND ...`.

A new namespace has a loopback device that is down. It is brought up here, because the `ip` command may be missing.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys

# Linux: include/uapi/linux/sockios.h and if.h; struct ifreq is a 16-byte name and, here, 2 bytes of flags.
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
REQUEST = "16sH22x"


def loopback_up() -> None:
    """Bring the loopback device up; raises OSError where that is not allowed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        answer = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack(REQUEST, b"lo", 0))
        _name, flags = struct.unpack(REQUEST, answer)
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack(REQUEST, b"lo", flags | IFF_UP))


def main() -> None:
    """Bring loopback up, see that the directory's port can be had, and become the command."""
    loopback_up()
    with socket.socket() as probe:
        probe.bind(("127.77.0.1", 389))
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command is the caller's


if __name__ == "__main__":
    main()
