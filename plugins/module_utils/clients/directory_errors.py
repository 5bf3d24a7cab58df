# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the result codes of LDAP and the diagnostics of Active Directory mean, and what to do about them.

Sources: RFC 4511 appendix A; [MS-ADTS] 5.1.1 (binds) and 3.1.1.5 (updates); [MS-ERREF] 2.2 for the Win32 codes;
Microsoft Learn, "LDAP channel binding and LDAP signing requirements"; RFC 5280 and OpenSSL for certificates.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .errors import ServiceError


class Explained(NamedTuple):
    """What a code means, and what to do about it."""

    meaning: str
    advice: str = ""


_SIGN_IN = "Check directory_user and directory_password."
_RIGHTS = (
    "Delegate the right on the organizational unit to the account (Delegate Control in Active Directory Users and "
    "Computers), or sign in with another one."
)

# "data NNN" of a refused bind. 52e is said for an unknown user too, where the server hides which it was.
BIND_DATA: Mapping[str, Explained] = {
    "525": Explained("There is no such account.", _SIGN_IN),
    "52e": Explained(
        "The user name or the password is wrong.",
        _SIGN_IN + " A user name is written as user@domain, DOMAIN\\user or as a distinguished name.",
    ),
    "52f": Explained(
        "A restriction of the account forbids this sign-in.", "Look at its logon restrictions and policies."
    ),
    "530": Explained("The account may not sign in at this time of day.", "Look at the logon hours of the account."),
    "531": Explained("The account may not sign in from this machine.", "Look at the account's list of workstations."),
    "532": Explained("The password has expired.", "Set a new password for the account."),
    "533": Explained("The account is disabled.", "Enable it, or sign in with another one."),
    "568": Explained("The account is a member of too many groups.", "Take it out of some groups."),
    "701": Explained("The account has expired.", "Move its expiry date, or sign in with another one."),
    "773": Explained("The password must be changed before the first sign-in.", "Set a new password for the account."),
    "775": Explained(
        "The account is locked out after too many wrong passwords.",
        "Unlock it; look for a job that still uses an old password.",
    ),
    "80090346": Explained(
        "The domain controller demands channel binding, and this Kerberos sign-in carried none that it accepts.",
        "Use directory_sign_in: simple, which channel binding does not concern.",
    ),
}

# Whether a refused bind tells that the password was wrong, or that it was right and something else forbids the sign-in.
PASSWORD_WRONG = frozenset({"525", "52e"})
PASSWORD_RIGHT = frozenset({"530", "531", "532", "533", "701", "773"})

# The eight hexadecimal digits in front of a diagnostic message: a Win32 or directory service error.
DIAGNOSTICS: Mapping[str, Explained] = {
    "0000001F": Explained(
        "The domain controller is not able to do this. For a password: the connection was not encrypted enough.",
        "Check that TLS with at least 128 bits is used.",
    ),
    "00000524": Explained("An account with this name exists already.", "Choose another sAMAccountName."),
    "0000052D": Explained(
        "The password does not meet the domain's password policy (length, complexity, history or age).",
        "Choose another password, or look at the policy that applies to the account.",
    ),
    "00000057": Explained("The directory does not know this attribute or cannot take this value."),
    "00002028": Explained(
        "The domain controller takes sign-ins only over an encrypted or signed connection.",
        "Use directory_tls: ldaps or starttls.",
    ),
    "00002071": Explained(
        "An object with this name exists already in this place.", "Choose another name or another place."
    ),
    "00002081": Explained("The attribute takes one value only."),
    "00002082": Explained("The value is too long, too short, too large or too small for the attribute."),
    "00002083": Explained(
        "The value is there already, perhaps in other letter case.", "Somebody else changed the object: read it again."
    ),
    "00002089": Explained("The parent object does not exist.", "Check the path of the organizational unit."),
    "0000206F": Explained(
        "The schema of the forest has no such attribute.",
        "Attributes such as mailNickname come with the Exchange schema: extend it, or leave the attribute out.",
    ),
    "0000207D": Explained("The attribute is not allowed on this class of object, or a mandatory one is missing."),
    "000021C7": Explained("Another account in the forest has this service principal name."),
    "000021C8": Explained(
        "Another account in the forest has this user principal name.", "Choose another user principal name."
    ),
    "00002015": Explained("The object holds other objects.", "Move or remove these first."),
    "000004DC": Explained("The connection is not signed in."),
}

# LDAP result codes, where neither of the tables above knows better.
RESULTS: Mapping[str, Explained] = {
    "operationsError": Explained("The domain controller could not do this now; often the connection is not signed in."),
    "timeLimitExceeded": Explained("The search took longer than the server allows; what came is not complete."),
    "sizeLimitExceeded": Explained("The server cut the answer short; what came is not complete."),
    "adminLimitExceeded": Explained("The server gave up the search; what came is not complete.", "Narrow the search."),
    "authMethodNotSupported": Explained("The server does not offer this kind of sign-in."),
    "strongerAuthRequired": Explained(
        "The server takes this kind of sign-in only over another kind of connection.",
        "Use directory_tls: ldaps or starttls with directory_sign_in: simple.",
    ),
    "confidentialityRequired": Explained(
        "The server demands an encrypted connection.", "Use directory_tls: ldaps or starttls."
    ),
    "referral": Explained(
        "The object belongs to another domain, which this server does not hold.",
        "Name a domain controller of that domain in directory_server.",
    ),
    "unavailableCriticalExtension": Explained(
        "The server cannot do what was asked of it (a control it does not know)."
    ),
    "noSuchAttribute": Explained(
        "The attribute or the value to remove is not there, or the schema has no such attribute.",
        "If the name of the attribute is right, somebody else changed the object: read it again.",
    ),
    "undefinedAttributeType": Explained(
        "The schema of the forest has no such attribute.", DIAGNOSTICS["0000206F"].advice
    ),
    "constraintViolation": Explained(
        "A value breaks a rule: its length, its range, uniqueness, or an attribute that only the server writes."
    ),
    "attributeOrValueExists": DIAGNOSTICS["00002083"],
    "invalidAttributeSyntax": Explained("A value does not have the form or the length that the attribute takes."),
    "noSuchObject": Explained("There is no such object, or the account may not see it."),
    "addRequest/noSuchObject": Explained(
        "The place where the object should be created does not exist, or the account may not see it.",
        DIAGNOSTICS["00002089"].advice,
    ),
    "invalidDNSyntax": Explained("This is no distinguished name.", "Write it like OU=Service,DC=corp,DC=example."),
    "inappropriateAuthentication": Explained("The account cannot sign in this way.", _SIGN_IN),
    "invalidCredentials": Explained("The sign-in was refused.", _SIGN_IN),
    "insufficientAccessRights": Explained("The account is not allowed to do this.", _RIGHTS),
    "busy": Explained("The domain controller is too busy; nothing was changed.", "Try again later."),
    "unavailable": Explained("The domain controller is starting or stopping; nothing was changed.", "Try again later."),
    "unwillingToPerform": Explained(
        "The domain controller refuses this as a matter of principle, for example a write on the global catalog."
    ),
    "namingViolation": Explained("An object of this class cannot stand in this place or bear this name."),
    "objectClassViolation": Explained(
        "The object would lack a mandatory attribute, or have one that its class does not allow."
    ),
    "notAllowedOnNonLeaf": DIAGNOSTICS["00002015"],
    "notAllowedOnRDN": Explained("This attribute is part of the object's name.", "Rename the object instead."),
    "entryAlreadyExists": Explained(
        "An object with this name, or an account with this sAMAccountName, exists already.", "Choose another name."
    ),
    "affectMultipleDSAs": Explained("Objects cannot be moved to another domain in this way."),
}

_DIAGNOSTIC = re.compile(r"\s*([0-9A-Fa-f]{8}):")
_DATA = re.compile(r"\bdata ([0-9a-fA-F]+)\b")


def explain(code: str, message: str, request: str = "") -> Explained:
    """Meaning and advice for a result code and the server's diagnostic message; the more precise table wins."""
    if f"{request}/{code}" in RESULTS:
        return RESULTS[f"{request}/{code}"]
    if code == "invalidCredentials":
        data = bind_data(message)
        if data in BIND_DATA:
            return BIND_DATA[data]
    digits = _DIAGNOSTIC.match(message)
    if digits and digits[1].upper() in DIAGNOSTICS:
        return DIAGNOSTICS[digits[1].upper()]
    return RESULTS.get(code, Explained(""))


def bind_data(message: str) -> str:
    """The C(data) of a refused bind, in lower case; empty where there is none."""
    found = _DATA.search(message)
    return found[1].lower() if found else ""


def password_wrong(error: ServiceError) -> bool:
    """Whether a sign-in was refused for a wrong name or password, which the domain controller counts."""
    return error.code == "invalidCredentials" and bind_data(error.said) in PASSWORD_WRONG


def password_right(error: ServiceError) -> bool:
    """Whether a sign-in was refused although the password is right."""
    return error.code == "invalidCredentials" and bind_data(error.said) in PASSWORD_RIGHT


def refused(what: str, result: Mapping[str, Any], secrets: Iterable[str] = (), request: str = "") -> ServiceError:
    """The error for an answer that is not success.

    Arguments:
        what: what was tried, for example C(Modifying CN=x,DC=y).
        result: C(result) (number), C(description) (name) and C(message) (diagnostics) as ldap3 gives them.
        secrets: texts that must not appear, even if the server repeats them.
        request: the kind of request, for example C(addRequest), where that changes what a code means.
    """
    code, message = str(result["description"]), str(result.get("message") or "").strip().strip("\0")
    explained = explain(code, message, request)
    for secret in filter(None, secrets):
        message = message.replace(secret, "********")
    said = f"{what}: {code} ({result['result']})" + (f": {message}" if message else "") + "."
    return ServiceError(
        said, meaning=explained.meaning, advice=explained.advice, status=int(result["result"]), code=code
    )


_CA = "Name the PEM file of the certificate authority that issued it in directory_ca_path."
# X509_V_ERR_* of OpenSSL (x509_vfy.h).
CERTIFICATES: Mapping[int, Explained] = {
    9: Explained("The certificate is not valid yet.", "Check the clocks of this machine and of the domain controller."),
    10: Explained(
        "The certificate has expired.", "Renew the domain controller's certificate; check this machine's clock."
    ),
    18: Explained("The certificate is self-signed, and nothing says that it is trusted.", _CA),
    19: Explained("The certificate authority is not trusted.", _CA),
    20: Explained("The certificate authority is not trusted.", _CA),
    21: Explained("The certificate authority is not trusted.", _CA),
    62: Explained(
        "The certificate is for another name.", "Name the server in directory_server as its certificate does."
    ),
    64: Explained(
        "The certificate is not for this address.",
        "Name the server in directory_server by its host name, as its certificate does.",
    ),
}


def certificate_refused(where: str, error: ssl.SSLCertVerificationError) -> ServiceError:
    """The error for a server certificate that does not hold."""
    explained = CERTIFICATES.get(error.verify_code, Explained("The certificate does not hold.", _CA))
    return ServiceError(
        f"The certificate of {where} was refused: {error.verify_message or error}.",
        meaning=explained.meaning,
        advice=explained.advice,
        code="certificateRefused",
    )


def starttls_refused(where: str, error: BaseException) -> ServiceError:
    """The error for a server that does not turn a plain connection into one over TLS."""
    return ServiceError(
        f"{where} refused StartTLS: {error}.",
        meaning="Most often it has no certificate for LDAP over TLS. Nothing was sent in the clear.",
        advice="Give the domain controller a certificate, or name one that has one.",
        code="tlsFailed",
    )


def unreachable(where: str, error: BaseException, tls: str) -> ServiceError:
    """The error for a connection that could not be opened: name, address, port, silence or a broken TLS handshake."""
    said = f"No connection to {where}"
    # Without the number of the error, which says nothing to an administrator.
    reason = getattr(error, "strerror", None) or error
    if isinstance(error, socket.gaierror):
        return ServiceError(
            f"{said}: the name cannot be resolved ({reason}).",
            advice="Check directory_server and the name service of this machine.",
            code="unreachable",
        )
    if isinstance(error, ConnectionRefusedError):
        advice = "Check directory_server and its port, and that the domain controller is running."
        return ServiceError(
            f"{said}: the connection was refused.", meaning="Nothing listens there.", advice=advice, code="unreachable"
        )
    if isinstance(error, TimeoutError):
        advice = "Check directory_server, routes and firewalls; directory_timeout says how long to wait."
        return ServiceError(f"{said}: no answer in time.", advice=advice, code="unreachable")
    if isinstance(error, (ssl.SSLError, ConnectionResetError, BrokenPipeError, EOFError)):
        advice = "Check the port, and that the domain controller has a certificate for LDAP over TLS."
        if tls == "ldaps":
            advice += " If it offers only StartTLS, use directory_tls: starttls."
        return ServiceError(f"{said}: the TLS handshake failed ({reason}).", advice=advice, code="tlsFailed")
    return ServiceError(f"{said}: {reason}.", advice="Check directory_server and the network.", code="unreachable")


def unanswered(what: str, lost: Exception, ambiguous: bool = False) -> ServiceError:
    """The error for a request whose answer did not come; C(ambiguous) for a write, which may have happened."""
    return ServiceError(
        f"{what}: {lost}.",
        meaning="Nobody knows whether the change was made." if ambiguous else "",
        advice="Look at the object before trying again."
        if ambiguous
        else "Try again; look at the domain controller and the network.",
        code="noAnswer",
        ambiguous=ambiguous,
    )
