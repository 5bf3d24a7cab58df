# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of Exchange's Set- cmdlets: what is refused, what means the same, what is set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.m365.hybrid.plugins.module_utils.domain import exchange_settings as settings
from ansible_collections.m365.hybrid.plugins.module_utils.domain.exchange_kinds import KINDS
from ansible_collections.m365.hybrid.plugins.module_utils.domain.exchange_parameters import NOUNS

APP = "4c9a1d7e-0b35-4f68-a2d1-6e8f93b7c502"
OTHER = "0d1e7f7e-6a0e-4d1c-8a53-3f1c0f6e2b11"


def wanted(noun: str, identity: str | None = None, **values: Any) -> dict[str, Any]:
    return {"object": noun, "identity": identity, "settings": values}


def proper(noun: str, name: str, value: Any) -> Any:
    """The proper form of one setting."""
    identity = "info" if NOUNS[noun].several else None
    return settings.checked(wanted(noun, identity, **{name: value}))["settings"][name]


def wrong(noun: str, identity: str | None = None, **values: Any) -> str:
    with pytest.raises(ValueError, match=r".") as problem:
        settings.checked(wanted(noun, identity, **values))
    return str(problem.value)


def differs(noun: str, name: str, value: Any, shown: Any) -> bool:
    """Whether a value is another one than Exchange shows."""
    identity = "info" if NOUNS[noun].several else None
    want = settings.checked(wanted(noun, identity, **{name: value}))
    before = {"settings": settings.shown_settings(NOUNS[noun], {name: shown}, [name])}
    after = settings.goal(want, before)
    assert (after["settings"][name] == before["settings"][name]) == (not settings.step(want, before, after))
    return bool(settings.step(want, before, after))


# --- before the first request


def test_names_are_matched_in_any_case_and_written_as_exchange_does() -> None:
    want = settings.checked(wanted("OrganizationConfig", postponeroamingsignaturesuntillater=True))
    assert want["settings"] == {"PostponeRoamingSignaturesUntilLater": True}


def test_a_misspelt_name_is_refused_with_what_is_near() -> None:
    said = wrong("OrganizationConfig", PostponeRoamingSignatures=True)
    assert "there is no PostponeRoamingSignatures (perhaps PostponeRoamingSignaturesUntilLater" in said
    assert "see Set-TransportConfig on Microsoft Learn" in wrong("TransportConfig", Quark=True)


def test_every_problem_is_named_at_once() -> None:
    said = wrong("TransportConfig", Quark=1, ClearCategories="perhaps", MessageExpiration=43200)
    assert all(
        part in said for part in ("Quark", "'perhaps' is not true or false", "43200 is not a time span in quotes")
    )


def test_a_parameter_given_twice_is_refused() -> None:
    assert "is there twice" in wrong("OrganizationConfig", AuditDisabled=True, auditdisabled=False)


def test_identity_is_for_what_there_are_several_of() -> None:
    assert "name the one" in wrong("RemoteDomain", AutoForwardEnabled=False)
    assert "leave it out" in wrong("OrganizationConfig", "Contoso", AuditDisabled=False)
    assert "name at least one" in wrong("OrganizationConfig")


@pytest.mark.parametrize(
    ("noun", "name", "why"),
    [
        ("OrganizationConfig", "AutoExpandingArchive", "not a state"),
        ("Mailbox", "ForwardingAddress", "names another object"),
        ("Mailbox", "Password", "does not show it"),
        ("Mailbox", "MailTip", "in another form"),
        ("RemoteDomain", "Name", "would not be found again"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(noun: str, name: str, why: str) -> None:
    assert f"{name} cannot be declared" in wrong(noun, "info" if NOUNS[noun].several else None, **{name: "x"})
    assert why in wrong(noun, "info" if NOUNS[noun].several else None, **{name: "x"})


@pytest.mark.parametrize(
    ("noun", "name", "value"),
    [
        ("OrganizationConfig", "AuditDisabled", None),
        ("OrganizationConfig", "AuditDisabled", 1),
        ("OrganizationConfig", "EwsEnabled", "perhaps"),
        ("OrganizationConfig", "MailTipsLargeAudienceThreshold", True),
        ("OrganizationConfig", "MailTipsLargeAudienceThreshold", "many"),
        ("OrganizationConfig", "DefaultGroupAccessType", "Pub"),
        ("OrganizationConfig", "DefaultGroupAccessType", None),
        ("OrganizationConfig", "DefaultAuthenticationPolicy", APP),
        ("OrganizationConfig", "EwsAllowedAppIDs", ["Scanner"]),
        ("OrganizationConfig", "EwsAllowList", "Scanner"),
        ("OrganizationConfig", "EwsAllowList", {"plus": ["Scanner"]}),
        ("OrganizationConfig", "EwsAllowList", {"add": {"add": ["Scanner"]}}),
        ("OrganizationConfig", "EwsAllowList", {"add": ["a"], "remove": ["A"]}),
        ("OrganizationConfig", "EwsAllowList", [None]),
        ("TransportConfig", "MaxRecipientEnvelopeLimit", None),
        ("TransportConfig", "MessageExpiration", "24:00:00"),
        ("TransportConfig", "MessageExpiration", "1"),
        ("Mailbox", "MaxSendSize", "10 MiB"),
        ("Mailbox", "MaxSendSize", "1000"),
        ("Mailbox", "MaxSendSize", True),
        ("Mailbox", "RulesQuota", "Unlimited"),
        ("Mailbox", "StartDateForRetentionHold", "2026-12-01T00:00:00"),
        ("Mailbox", "StartDateForRetentionHold", "soon"),
        ("Mailbox", "AuditOwner", ["Everything"]),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(noun: str, name: str, value: Any) -> None:
    assert name in wrong(noun, "info" if NOUNS[noun].several else None, **{name: value})


@pytest.mark.parametrize(
    ("noun", "name", "value", "form"),
    [
        ("OrganizationConfig", "EwsEnabled", None, None),
        ("OrganizationConfig", "AuditDisabled", "True", True),
        ("OrganizationConfig", "MailTipsLargeAudienceThreshold", "25", 25),
        ("OrganizationConfig", "EwsAllowedAppIDs", f" {APP.upper()}, ", [APP]),
        ("OrganizationConfig", "EwsAllowedAppIDs", None, []),
        ("OrganizationConfig", "EwsAllowList", None, []),
        ("OrganizationConfig", "ShortenEventScopeDefault", "endearly", "EndEarly"),
        ("HostedOutboundSpamFilterPolicy", "AutoForwardingMode", False, "Off"),
        ("TransportConfig", "MaxRecipientEnvelopeLimit", "unlimited", "Unlimited"),
        ("TransportConfig", "MessageExpiration", "12:00:00", "0.12:00:00"),
        ("TransportConfig", "JournalingReportNdrTo", "<>", None),
        ("Mailbox", "MaxSendSize", "0.5GB", "512 MB"),
        ("Mailbox", "MaxSendSize", 10485760, "10 MB"),
        ("Mailbox", "LitigationHoldDuration", 365, "365.00:00:00"),
        ("Mailbox", "StartDateForRetentionHold", "2026-12-01T01:00:00+01:00", "2026-12-01T00:00:00Z"),
        ("Mailbox", "CustomAttribute1", "", None),
    ],
)
def test_a_value_gets_one_form(noun: str, name: str, value: Any, form: Any) -> None:
    assert proper(noun, name, value) == form


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["1 MB", "On", "1.00:00:00", APP]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["add", "remove", "x"]) | st.text(), inner),
    max_leaves=4,
)
ONE_OF_EACH_KIND = sorted(
    {id(kind): (noun.name, name) for noun in NOUNS.values() for name, kind in noun.kinds.items()}.values()
)


@given(st.sampled_from(ONE_OF_EACH_KIND), JSON)
def test_anything_is_refused_or_gets_a_form_that_stays(parameter: tuple[str, str], value: Any) -> None:
    noun, name = parameter
    want = wanted(noun, "info" if NOUNS[noun].several else None, **{name: value})
    try:
        first = settings.checked(want)
    except ValueError:
        return
    assert settings.checked(first) == first
    shown = first["settings"][name]
    if not isinstance(shown, dict):
        assert not differs(noun, name, value, shown)


def test_what_a_cmdlet_is_sent() -> None:
    assert KINDS["quota"].wire("49.5 GB") == "53150220288 B"
    assert KINDS["quota"].wire("Unlimited") == "Unlimited"
    assert KINDS["count"].wire(500) == "500"
    assert KINDS["date"].wire("2026-12-01T00:00:00Z") == datetime(2026, 12, 1, tzinfo=UTC)
    assert KINDS["date"].wire(None) is None


# --- what means the same


@given(st.integers(min_value=1, max_value=2**40))
def test_a_size_reads_back_as_it_was_written(kilobytes: int) -> None:
    total = kilobytes * 1024
    shown = f"{total / 1024**2:.4g} MB ({total:,} bytes)"
    assert not differs("Mailbox", "MaxSendSize", f"{kilobytes} KB", shown)
    assert not differs("Mailbox", "MaxSendSize", total, shown)
    assert differs("Mailbox", "MaxSendSize", f"{kilobytes + 1} KB", shown)
    assert KINDS["quota"].wire(KINDS["quota"].proper(shown)) == f"{total} B"


@given(st.integers(min_value=0, max_value=9999 * 86400))
def test_a_time_span_reads_back_as_it_was_written(seconds: int) -> None:
    value = timedelta(seconds=seconds)
    hours, rest = divmod(value.seconds, 3600)
    clock = f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
    shown = f"{value.days}.{clock}" if value.days else clock
    assert not differs("TransportConfig", "MessageExpiration", f"{value.days}.{clock}", shown)
    assert differs("TransportConfig", "MessageExpiration", f"{value.days + 1}.{clock}", shown)


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)), st.sampled_from(["+00:00", "Z"]))
def test_a_time_reads_back_as_it_was_written(value: datetime, zone: str) -> None:
    whole = value.replace(microsecond=0)
    shown = whole.isoformat() + ".0000000" + zone
    there = whole.replace(tzinfo=UTC).astimezone()
    assert not differs("Mailbox", "StartDateForRetentionHold", there.isoformat(), shown)
    assert differs("Mailbox", "StartDateForRetentionHold", (there + timedelta(minutes=1)).isoformat(), shown)


@given(st.lists(st.text("abcÄß-.@", min_size=1), unique_by=str.casefold), st.randoms(use_true_random=False))
def test_a_list_reads_back_in_any_order_and_case(members: list[str], random: Any) -> None:
    shown = [member.swapcase() for member in members if member.swapcase().casefold() == member.casefold()]
    same = [member for member in members if member.swapcase().casefold() == member.casefold()]
    random.shuffle(shown)
    assert not differs("OrganizationConfig", "EwsAllowList", same, shown)
    assert not differs("OrganizationConfig", "EwsAllowList", {"add": same, "remove": ["0"]}, [*shown, "1"])
    assert differs("OrganizationConfig", "EwsAllowList", {"remove": ["1"]}, [*shown, "1"])
    assert differs("OrganizationConfig", "EwsAllowList", [*same, "1"], shown)


@given(st.sampled_from([None, True, False]), st.sampled_from([None, True, False]))
def test_three_states_are_three(one: bool | None, other: bool | None) -> None:
    assert differs("OrganizationConfig", "EwsEnabled", one, other) == (one is not other)


@pytest.mark.parametrize(
    ("noun", "name", "value", "shown"),
    [
        ("OrganizationConfig", "EwsAllowList", [], None),
        ("OrganizationConfig", "EwsAllowedAppIDs", [APP, OTHER], f"{OTHER},{APP.upper()}"),
        ("OrganizationConfig", "EwsAllowedAppIDs", [APP, OTHER], [f"{OTHER}, {APP}"]),
        ("OrganizationConfig", "EwsAllowedAppIDs", {"add": [APP]}, f"{OTHER},{APP}"),
        ("OrganizationConfig", "EwsAllowedAppIDs", [], ""),
        ("OrganizationConfig", "DefaultAuthenticationPolicy", "block legacy", "Block Legacy"),
        ("TransportConfig", "JournalingReportNdrTo", None, "<>"),
        ("TransportConfig", "InternalDsnDefaultLanguage", "de-de", "de-DE"),
        ("TransportConfig", "MaxRecipientEnvelopeLimit", 500, "500"),
        ("Mailbox", "ForwardingSmtpAddress", "Info@contoso.example", "smtp:info@contoso.example"),
        ("Mailbox", "LitigationHoldDuration", "365", "365.00:00:00"),
        ("Mailbox", "CustomAttribute1", None, ""),
        ("RemoteDomain", "AllowedOOFType", "EXTERNAL", "External"),
    ],
)
def test_what_means_the_same_is_no_change(noun: str, name: str, value: Any, shown: Any) -> None:
    assert not differs(noun, name, value, shown)


def test_letter_case_has_meaning_in_texts() -> None:
    assert differs("Mailbox", "CustomAttribute1", "a", "A")


def test_what_is_not_shown_is_unknown() -> None:
    with pytest.raises(ValueError, match="Get-TransportConfig does not show ClearCategories"):
        settings.shown_settings(NOUNS["TransportConfig"], {}, ["ClearCategories"])
    with pytest.raises(ValueError, match="'soon', which is not a time span"):
        settings.shown_settings(NOUNS["TransportConfig"], {"MessageExpiration": "soon"}, ["MessageExpiration"])


def test_a_word_that_is_news_is_shown_as_it_is() -> None:
    assert differs("RemoteDomain", "AllowedOOFType", "External", "InternalAndMore")


# --- two that move each other

OOF, INTERNAL = settings.REPLIES, settings.INTERNAL


def lived(want: dict[str, Any], oof: str, internal: bool) -> tuple[dict[str, Any], int]:
    """The settings after as many steps as it takes, as Exchange takes them; and how many."""
    checked = settings.checked(wanted("RemoteDomain", "Default", **want))
    present: dict[str, Any] = {OOF: oof, INTERNAL: internal}
    foreseen: dict[str, Any] | None = None
    for number in range(5):
        names = settings.asked_for(checked)
        before = {"settings": {name: present[name] for name in names}}
        after = settings.goal(checked, before)
        foreseen = foreseen or after["settings"]
        step = settings.step(checked, before, after)
        if not step:
            assert present == foreseen
            return present, number
        for name in step:
            present[name] = after["settings"][name]
        if present[OOF] == "InternalLegacy" and OOF in step:
            present[INTERNAL] = True
        if INTERNAL in step and present[INTERNAL] is False:
            present[OOF] = "ExternalLegacy"
    raise AssertionError("it goes to and fro")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            OOF: st.sampled_from(["External", "ExternalLegacy", "InternalLegacy", "None"]),
            INTERNAL: st.booleans(),
        },
    ).filter(lambda want: want and want != {OOF: "InternalLegacy", INTERNAL: False}),
    st.sampled_from([("External", False), ("External", True), ("InternalLegacy", True), ("None", False)]),
)
def test_coupled_parameters_come_to_rest(want: dict[str, Any], present: tuple[str, bool]) -> None:
    reached, steps = lived(want, *present)
    assert reached | want == reached
    assert steps <= 2


def test_what_contradicts_itself_is_refused() -> None:
    assert "cannot be false" in wrong("RemoteDomain", "Default", AllowedOOFType="InternalLegacy", IsInternal=False)
