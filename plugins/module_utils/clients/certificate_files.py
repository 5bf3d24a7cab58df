# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates from files and folders, in whichever form they are kept there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..domain.certificate_forms import certificates_in
from ..domain.certificates import Certificate, parsed
from ..domain.signed_mail import certificates_of, is_message
from .errors import ServiceError
from .wire import require

# What files of certificates are called. In a folder, others are left alone, for example the README beside them.
ENDINGS = (".pem", ".crt", ".cer", ".der", ".p7b", ".p7c", ".pfx", ".p12", ".sst")
MESSAGES = (".eml", ".p7s", ".p7m")
# No store of certificates is as large; a device that never ends would be.
LARGEST = 16 * 1024 * 1024
LONGEST_PATH = 200
_PEM = "-----BEGIN "
_WHERE = (
    "Files are read by the machine that the module runs on, which is the control node unless the task is delegated."
)


@dataclass(frozen=True)
class Found:
    """A certificate and the file it came from."""

    certificate: Certificate
    where: str


def found(sources: Sequence[str], password: str | None, warnings: list[str]) -> list[Found]:
    """The certificates of files, folders and PEM texts, each once, in the order given.

    Arguments:
        sources: paths from the root on, or PEM texts.
        password: of the PFX files among them.
        warnings: is told what was left out, and what is there twice.

    Raises:
        ServiceError: something cannot be read, or holds no certificate; it says which and why.
    """
    require("cryptography")
    kept: dict[bytes, Found] = {}
    for number, source in enumerate(sources, start=1):
        for where, data in _contents(source, number, ENDINGS):
            for one in _certificates(where, data, password, warnings):
                first = kept.setdefault(one.certificate.der, one)
                if first is not one:
                    _say(warnings, f"{one.certificate.subject} is in {first.where} and in {where}; once is enough.")
    return list(kept.values())


def everything(source: str, password: str | None) -> Iterator[tuple[str, list[Certificate]]]:
    """The certificates of a file, or of each file of a folder, those of signed messages and of private keys too.

    Raises:
        ServiceError: a file cannot be read, or holds no certificate.
    """
    require("cryptography")
    for where, data in _contents(source, 1, ENDINGS + MESSAGES):
        try:
            yield where, [parsed(der) for der in _all_in(where, data, password)]
        except ValueError as problem:
            raise ServiceError(f"{where}: {problem}.", code="unusableCertificate") from None


def _all_in(where: str, data: bytes, password: str | None) -> tuple[bytes, ...]:
    if is_message(data) or where.lower().endswith(".eml"):
        return certificates_of(data)
    content = certificates_in(data, password)
    return ((content.own,) if content.own else ()) + content.certificates


def _certificates(where: str, data: bytes, password: str | None, warnings: list[str]) -> list[Found]:
    try:
        content = certificates_in(data, password)
        certificates = [Found(parsed(der), where) for der in content.certificates]
    except ValueError as problem:
        raise ServiceError(f"{where}: {problem}.", code="unusableCertificate") from None
    for left_out in content.left_out:
        _say(warnings, f"{where}: left out: {left_out}.")
    return certificates


def _say(warnings: list[str], text: str) -> None:
    if text not in warnings:
        warnings.append(text)


def _contents(source: str, number: int, endings: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """The files that a source stands for, each with its name for messages."""
    if source.lstrip().startswith(_PEM) or f"\n{_PEM}" in source:
        yield f"text {number}", source.encode()
        return
    path = os.path.expanduser(source)
    if not os.path.isabs(path):
        raise ServiceError(
            f"{shown_path(source)}: the path does not begin at the root.",
            meaning="It would mean another file with every working directory.",
            advice="Write for example {{ inventory_dir }}/smime/ca.",
        )
    if not os.path.isdir(path):
        yield shown_path(path), _read(path)
        return
    names = _names(path, endings)
    if not names:
        raise ServiceError(f"{shown_path(path)}: there is no file in it that ends in {', '.join(endings)}.")
    for name in names:
        file = os.path.join(path, name)
        yield shown_path(file), _read(file)


def shown_path(path: str) -> str:
    """A path as messages name it: of a long one the end, which tells the files of a folder apart."""
    return path if len(path) <= LONGEST_PATH else "..." + path[3 - LONGEST_PATH :]


def _names(folder: str, endings: tuple[str, ...]) -> list[str]:
    try:
        with os.scandir(folder) as inside:
            files = [entry.name for entry in inside if entry.is_file()]
    except OSError as problem:
        raise ServiceError(f"{shown_path(folder)}: {problem.strerror}.", advice=_WHERE) from None
    return sorted(name for name in files if name.lower().endswith(endings) and name[0] != ".")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as problem:
        raise ServiceError(f"{shown_path(path)}: {problem.strerror}.", advice=_WHERE) from None
    if len(data) > LARGEST:
        raise ServiceError(
            f"{shown_path(path)}: it is larger than {LARGEST} bytes.", meaning="That is no file of certificates."
        )
    return data
