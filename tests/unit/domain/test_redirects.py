# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redirect URIs: what Entra ID takes passes unchanged, and each rule that it has is told before anything is sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain.redirects import (
    LONGEST,
    checked_public_client,
    checked_single_page,
    checked_web,
)

Check = Callable[[str], str]
BROWSER = [checked_web, checked_single_page]
EVERY = [*BROWSER, checked_public_client]
HOST = "https://portal.contoso.example/"
browser = pytest.mark.parametrize("check", BROWSER, ids=["web", "single page"])
every = pytest.mark.parametrize("check", EVERY, ids=["web", "single page", "public client"])


@every
@pytest.mark.parametrize(
    "uri",
    [
        "https://portal.contoso.example",
        "https://portal.contoso.example:8443/a/b?c=d&e=f",
        "https://portal.contoso.example/mail%20settings/oauth",
        "https://xn--mnchen-3ya.contoso.example/",
        "https://192.0.2.1/signed-in",
        "http://localhost",
        "http://LOCALHOST:8080/ews",
        "http://127.0.0.1:3000/",
        HOST + "a" * (LONGEST - len(HOST)),
    ],
)
def test_what_is_taken_stays_as_it_is(check: Check, uri: str) -> None:
    assert check(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "urn:ietf:wg:oauth:2.0:oob",
        "ms-appx-web://microsoft.aad.brokerplugin/1d5f8a0b",
        "msauth.example.contoso.app://auth",
        "contoso-lager://angemeldet",
    ],
)
def test_a_scheme_of_its_own_is_for_a_public_client_only(uri: str) -> None:
    assert checked_public_client(uri) == uri
    for check in BROWSER:
        with pytest.raises(ValueError, match=r"https://|names no host"):
            check(uri)


@every
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        (HOST + "a" * (LONGEST - len(HOST) + 1), "it has 257 characters; 256 is the maximum"),
        ("https://portal.contoso.example/mail settings", "percent-encoded .a blank is %20."),
        (" https://portal.contoso.example", "percent-encoded"),
        ("https://portal.contoso.example\n", "percent-encoded"),
        ("https://portal.contoso.example/\0", "percent-encoded"),
        ("https://münchen.contoso.example", "'ü'"),
        ("https://portal.contoso.example/{id}", "'{' '}'"),
        ("https://portal.contoso.example/a!b", "holds !, which Entra ID does not take"),
        ("https://portal.contoso.example/a;b=(c)", "holds [(] [)] ;, which Entra ID does not take"),
        ("https://portal.contoso.example/it's", "which Entra ID does not take"),
        ("https://portal.contoso.example/#x", "has a fragment"),
        ("https://portal.contoso.example/#", "has a fragment"),
        ("portal.contoso.example/a", "is no absolute URI; begin with https://"),
        ("//portal.contoso.example/a", "is no absolute URI"),
        ("", "is no absolute URI"),
        ("https://[::1", "is no URI"),
        ("https://portal.contoso.example:99999/", "is no URI"),
        ("https://portal.contoso.example:port/", "is no URI"),
    ],
)
def test_what_is_refused_everywhere(check: Check, uri: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check(uri)


@every
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://portal.contoso.example", "has to begin with https://; http:// is for localhost only"),
        ("http://localhost.contoso.example/", "has to begin with https://"),
        ("http://192.0.2.1/", "has to begin with https://"),
        # Microsoft Learn: the IPv6 loopback address is not supported.
        ("http://[::1]:8080/", "has to begin with https://"),
        ("https://", "names no host"),
        ("https:///pfad", "names no host"),
        ("https://*.contoso.example/", "a wildcard"),
    ],
)
def test_what_is_refused_of_web_addresses(check: Check, uri: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check(uri)


@given(st.text(max_size=300) | st.from_regex(r"https?://[a-z.*:0-9\[\]]{0,20}(/[ -~]{0,20})?", fullmatch=True))
def test_a_text_that_passes_is_unchanged_and_can_stand_in_a_uri(text: str) -> None:
    for check in EVERY:
        try:
            assert check(text) == text
        except ValueError:
            continue
        assert text.isascii()
        assert not set(text) & set(" #!$'(),;\"<>\\^`{|}\n\t")
        assert len(text) <= LONGEST


@browser
@given(uri=st.text(alphabet="htps:/loca.*[]127#", max_size=24))
def test_what_passes_for_a_browser_is_secure_or_stays_on_the_machine(check: Check, uri: str) -> None:
    try:
        check(uri)
    except ValueError:
        return
    assert uri.lower().startswith(("https://", "http://localhost", "http://127.0.0.1"))
