# Copyright: (c) 2026, m365.hybrid contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the modules for applications: registration, consent, assignment and the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_cases import Case
from contract_ground import Ground

from lab.graph.grants import grant_id
from lab.state import Application, Group, PermissionGrant, RoleAssignment
from lab.tokens import EXCHANGE, GRAPH, resource_principal_id

Look = Callable[[Ground], Any]
WAREHOUSE = "8c2f5e1a-4d6b-4a93-b7e0-1f3a9c5d7284"
CALENDAR = "2a9e6d14-7c3f-4b05-8e91-d5f0b8a3c627"
PLAIN = "e5b0c829-6f1d-4a74-93be-48d2f7a1c063"
GONE = "b16f4d93-0e8a-4c57-a2d9-7c35e1f8b640"
TWIN_API = "91c7e0a5-3d4f-4b68-8a1e-f5b2d6c90738"
USER_READ, SMTP_SEND = "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "258f6531-6087-4cc4-bb90-092c5fb3ed3f"
OFFLINE, MAIL_SEND = "7427e0e9-2fba-42fe-b0c0-848c9e6a8182", "b633e1c5-b582-4048-a93e-9f11b44c7e96"
ANNA, SALES = "anna.schaefer@contoso.example", "vertrieb@contoso.example"
DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"


def application(ground: Ground, client_id: str = WAREHOUSE) -> Application:
    """An application that is not deleted."""
    return next(one for one in ground.tenant.applications.values() if one.app_id == client_id)


def called(ground: Ground, unique_name: str) -> Application:
    """The one application of a unique name."""
    (one,) = [found for found in ground.tenant.applications.values() if found.unique_name == unique_name]
    return one


def asked(own: Application) -> set[tuple[str, str]]:
    """The permissions that a registration asks for: kind and id."""
    access = own.properties.get("requiredResourceAccess", [])
    return {(one["type"], one["id"]) for resource in access for one in resource["resourceAccess"]}


def everything(*looks: Look) -> Look:
    """Several looks or preparations, one after the other."""

    def look(ground: Ground) -> None:
        for one in looks:
            one(ground)

    return look


# Registration

NEW = {"application": "contoso-versand"}
MADE = frozenset({"id", "client_id", "service_principal_id"})


def registers(title: str, options: dict[str, Any], proof: Look, **more: Any) -> Case:
    """A registration that comes out as asked for."""
    wish = {"application": "contoso-lager", **options}
    more["decided"] = more.get("decided", frozenset())
    return Case("entra_app_registration", title, wish, proof=proof, **more)


def refuses(title: str, options: dict[str, Any], *said: str, **more: Any) -> Case:
    """A registration that is refused."""
    wish = {"application": "contoso-lager", **options}
    return Case("entra_app_registration", title, wish, refused=said, **more)


def is_new(ground: Ground) -> None:
    """It is there with its service principal, for one tenant, and its unique name is its display name."""
    own = called(ground, "contoso-versand")
    assert own.display_name == "contoso-versand"
    assert own.properties["signInAudience"] == "AzureADMyOrg"
    assert own.service_principal_id is not None
    assert own.owners == []


def is_declared(ground: Ground) -> None:
    """All that was declared of a new one is there, and no secret."""
    own = called(ground, "contoso-versand")
    assert own.display_name == "Contoso Versand"
    assert own.properties["web"]["redirectUris"] == ["https://versand.contoso.example/mail%20settings/oauth"]
    assert own.properties["publicClient"]["redirectUris"] == ["contoso-versand://angemeldet"]
    assert own.public_client is True
    assert asked(own) == {("Scope", SMTP_SEND), ("Scope", OFFLINE), ("Role", MAIL_SEND)}
    assert [(role["value"], role["isEnabled"]) for role in own.properties["appRoles"]] == [("Versand.Leiten", True)]
    assert own.owners == [ground.user("anna.schaefer").id]
    assert own.principal_properties["appRoleAssignmentRequired"] is True
    assert own.credentials == []


def has(name: str, value: Any, client_id: str = WAREHOUSE) -> Look:
    """A property of the registration has a value; lists, and the redirect URIs of a platform, in any order."""

    def look(ground: Ground) -> None:
        found: Any = application(ground, client_id).properties.get(name)
        if isinstance(value, list):
            found = found["redirectUris"] if isinstance(found, dict) else found
            assert sorted(found) == sorted(value)
        else:
            assert found == value

    return look


def holds(question: Callable[[Ground], Any]) -> Look:
    """What is asked of the ground is true."""

    def look(ground: Ground) -> None:
        assert question(ground)

    return look


def asks(*permissions: tuple[str, str]) -> Look:
    """The registration asks for exactly these permissions."""

    def look(ground: Ground) -> None:
        assert asked(application(ground)) == set(permissions)

    return look


def owned(*names: str) -> Look:
    """Exactly these users own it."""

    def look(ground: Ground) -> None:
        assert set(application(ground).owners) == {ground.user(name.partition("@")[0]).id for name in names}

    return look


def offers(*roles: tuple[str, str, bool]) -> Look:
    """Exactly these roles are offered: value, title, enabled. The one that was there keeps its id."""

    def look(ground: Ground) -> None:
        found = application(ground).properties["appRoles"]
        assert {(one["value"], one["displayName"], one["isEnabled"]) for one in found} == set(roles)
        kept = [one["id"] for one in found if one["value"] == "Lager.Lesen"]
        assert kept in ([], ["5a0d7c31-9e24-4b8f-a6d3-2c71f80e9b45"])

    return look


def scoped(*scopes: tuple[str, str]) -> Look:
    """Exactly these scopes are offered: value and who may consent."""

    def look(ground: Ground) -> None:
        found = application(ground).properties["api"]["oauth2PermissionScopes"]
        assert {(one["value"], one["type"]) for one in found} == set(scopes)

    return look


def nameless_role(ground: Ground) -> None:
    """A role without a value, as applications from the gallery have one."""
    role = {"id": "d2b1e7a0-58c4-4f93-8e6d-0a97c3b5f418", "value": None, "displayName": "msiam_access",
            "description": "msiam_access", "isEnabled": True, "origin": "Application", "allowedMemberTypes": ["User"]}  # fmt: skip
    application(ground).properties["appRoles"].append(role)


def retired(ground: Ground) -> None:
    """It asks for a permission that Graph offers no longer, and for one of an API that is not in the tenant."""
    access = application(ground).properties["requiredResourceAccess"]
    access[0]["resourceAccess"].append({"id": "6a4f0c1e-92b7-4d38-a5e0-c8f1d7b39264", "type": "Scope"})
    unknown = {"id": "f3e9a5b2-0d71-4c86-b4f8-27c6e1d09a53", "type": "Role"}
    access.append({"resourceAppId": "c0a8d4f6-3b92-4e17-85d1-6f9e0b7a2c34", "resourceAccess": [unknown]})


def is_back(ground: Ground) -> None:
    """The deleted one is there again, itself and with a service principal."""
    own = called(ground, "altbestand")
    assert own.app_id == GONE
    assert own.display_name == "Altbestand"
    assert own.owners == [ground.user("anna.schaefer").id]
    assert own.service_principal_id is not None
    assert ground.tenant.deleted_applications == {}


def is_replaced(ground: Ground) -> None:
    """The deleted one is gone for good, and another one has its name."""
    assert called(ground, "altbestand").app_id != GONE
    assert ground.tenant.deleted_applications == {}


def deleted(ground: Ground) -> None:
    """It is among the deleted ones, and can be restored."""
    assert WAREHOUSE in {one.app_id for one in ground.tenant.deleted_applications.values()}
    assert WAREHOUSE not in {one.app_id for one in ground.tenant.applications.values()}


def requires(ground: Ground) -> None:
    """Only who is assigned may use it."""
    assert application(ground).principal_properties["appRoleAssignmentRequired"] is True


READING = {"value": "Lager.Lesen", "display_name": "Lesen", "description": "Lesen"}
OLD = {"value": "Lager.Alt", "display_name": "Alt", "description": "Alt"}
GRAPH_BY = {"name": "Microsoft Graph", "case": " microsoft GRAPH ", "id": "00000003-0000-0000-C000-000000000000"}
FULL = {
    "display_name": "Contoso Versand",
    "web_redirect_uris": {"set": ["https://versand.contoso.example/mail%20settings/oauth"]},
    "public_client_redirect_uris": {"add": ["contoso-versand://angemeldet"]},
    "public_client_flows": True,
    "delegated_permissions": {"set": ["Microsoft Graph/SMTP.Send", "Microsoft Graph/offline_access"]},
    "application_permissions": {"add": ["Microsoft Graph/Mail.Send"]},
    "app_roles": [{"value": "Versand.Leiten"}],
    "owners": {"set": [ANNA]},
    "assignment_required": True,
}
REGISTRATIONS = [
    registers("a new one", NEW, is_new, decided=MADE, removed=True),
    registers("a new one with everything", {**NEW, **FULL}, is_declared, decided=MADE),
    registers("a new one under another unique name", {"application": "Der Versand", "unique_name": "contoso-versand",
              "display_name": "Versand"}, lambda ground: called(ground, "contoso-versand"), decided=MADE),
    registers("one without an enterprise application gets it", {"application": "ohne-dienstprinzipal"},
              holds(lambda ground: application(ground, PLAIN).service_principal_id), decided=MADE),
    registers("one made in the portal, by its display name", {"application": "kalender", "notes": "Übernommen"},
              has("notes", "Übernommen", CALENDAR)),
    registers("it gets a unique name", {"application": CALENDAR, "unique_name": "contoso-kalender"},
              holds(lambda ground: called(ground, "contoso-kalender").app_id == CALENDAR)),
    registers("by its client id, in capitals", {"application": WAREHOUSE.upper(), "notes": "Neu"}, has("notes", "Neu")),
    registers("is so already",
              {"display_name": "Contoso Lager", "notes": "Für die Werkstatt", "tags": {"set": ["lager"]},
               "delegated_permissions": {"set": ["Microsoft Graph/User.Read"]}, "owners": {"set": [ANNA.upper()]},
               "sign_in_audience": "single_tenant", "public_client_flows": False, "assignment_required": False},
              asks(("Scope", USER_READ)), changes=False),
    registers("another name and other notes", {"display_name": "Lager", "notes": ""}, has("notes", "")),
    registers("other audience", {"sign_in_audience": "multiple_tenants"}, has("signInAudience", "AzureADMultipleOrgs")),
    registers("one more redirect URI", {"web_redirect_uris": {"add": ["http://localhost:8080/ews"]}},
              has("web", ["https://lager.contoso.example/angemeldet", "http://localhost:8080/ews"])),
    registers("one redirect URI less", {"web_redirect_uris": {"remove": ["https://lager.contoso.example/angemeldet"]}},
              has("web", [])),
    registers("redirect URIs in another order are the same",
              {"single_page_redirect_uris": {"set": ["https://b.contoso.example", "https://a.contoso.example"]}},
              lambda ground: None, changes=False,
              prepare=lambda ground: application(ground).properties.update(
                  spa={"redirectUris": ["https://a.contoso.example", "https://b.contoso.example"]})),
    registers("nothing of what is a set", {"web_redirect_uris": {"set": []}, "tags": {"set": []},
              "delegated_permissions": {"set": []}, "owners": {"set": []}},
              everything(has("web", []), has("tags", []), asks(), owned())),
    *[registers(f"one more permission, the API by its {how}", {"delegated_permissions": {"add": [f"{api}/ smtp.SEND "]}},
                asks(("Scope", USER_READ), ("Scope", SMTP_SEND))) for how, api in GRAPH_BY.items()],
    registers("a permission of the same name in both kinds", {"delegated_permissions": {"set": ["Microsoft Graph/User.Read"]},
              "application_permissions": {"set": ["Microsoft Graph/Mail.Send"]}},
              asks(("Scope", USER_READ), ("Role", MAIL_SEND))),
    registers("what is asked for and offered no longer stays", {"delegated_permissions": {"add": ["Microsoft Graph/SMTP.Send"]}},
              asks(("Scope", USER_READ), ("Scope", SMTP_SEND), ("Scope", "6a4f0c1e-92b7-4d38-a5e0-c8f1d7b39264"),
                   ("Role", "f3e9a5b2-0d71-4c86-b4f8-27c6e1d09a53")), prepare=retired),
    registers("a permission of an API that shares its name", {"delegated_permissions": {"add": [f"{TWIN_API}/lesen"]}},
              asks(("Scope", USER_READ), ("Scope", "0d5a8f24-b7c9-4e16-93f8-a1e6c42d7b05"))),
    registers("another owner", {"owners": {"set": [SALES]}}, owned(SALES)),
    registers("one more owner", {"owners": {"add": [SALES.upper()]}}, owned(ANNA, SALES)),
    registers("an application owns it", {"owners": {"add": [CALENDAR]}}, holds(lambda ground:
              application(ground, CALENDAR).service_principal_id in application(ground).owners)),
    registers("assignment is required", {"assignment_required": True}, requires),
    registers("one role more", {"app_roles": [READING, OLD, {"value": "Lager.Neu", "allowed": ["users", "applications"]}]},
              offers(("Lager.Lesen", "Lesen", True), ("Lager.Alt", "Alt", True), ("Lager.Neu", "Lager.Neu", True))),
    registers("an enabled role changed, another removed", {"app_roles": [{**READING, "display_name": "Nur lesen"}]},
              offers(("Lager.Lesen", "Nur lesen", True))),
    registers("a role disabled", {"app_roles": [READING, {**OLD, "enabled": False}]},
              offers(("Lager.Lesen", "Lesen", True), ("Lager.Alt", "Alt", False))),
    registers("roles in another order are the same", {"app_roles": [OLD, READING]},
              offers(("Lager.Lesen", "Lesen", True), ("Lager.Alt", "Alt", True)), changes=False),
    registers("no roles and no scopes", {"app_roles": [], "scopes": []}, everything(offers(), scoped())),
    registers("an enabled scope changed, and one more", {"scopes": [{"value": "lager.api", "admin_title": "Lesen",
              "consent_by": "users"}, {"value": "lager.schreiben"}]},
              scoped(("lager.api", "User"), ("lager.schreiben", "Admin"))),
    registers("a role without a value is left alone", {"notes": "Neu"}, has("notes", "Neu"), prepare=nameless_role),
    registers("its own identifier URI", {"identifier_uris": {"set": [f"api://{WAREHOUSE}"]}},
              has("identifierUris", [f"api://{WAREHOUSE}"])),
    registers("absent", {"state": "absent"}, deleted),
    registers("absent already", {"application": "contoso-versand", "state": "absent"}, lambda ground: None, changes=False),
    registers("a deleted one restored", {"application": "altbestand", "soft_deleted": "restore"}, is_back,
              decided=MADE | {"display_name", "owners"}),
    registers("a deleted one purged", {"application": "altbestand", "soft_deleted": "purge"}, is_replaced, decided=MADE),
    refuses("a deleted one keeps the name", {"application": "altbestand"}, f"The application {GONE} was deleted on",
            "keeps the unique name altbestand for 30 days", "Set soft_deleted to restore"),
    refuses("another unique name", {"unique_name": "neu"}, "Its unique name is contoso-lager and cannot be changed"),
    refuses("the unique name of another one", {"application": CALENDAR, "unique_name": "contoso-lager"},
            "contoso-lager"),
    refuses("two of its display name", {"application": "Doppelt"}, "2 applications are called Doppelt", TWIN_API),
    refuses("a new one by an id", {"application": "11111111-2222-4333-8444-555555555555"}, "named by its unique name"),
    refuses("an unknown permission", {"delegated_permissions": {"add": ["Microsoft Graph/SMTP.Sent"]}},
            "Microsoft Graph has no delegated permission SMTP.Sent; did you mean SMTP.Send"),
]  # fmt: skip


# Consent


def permits(*titles: str, user: str | None = None, client_id: str = WAREHOUSE) -> Look:
    """The delegated permissions of the tenant, or of a user, are exactly these, API/permission."""

    def look(ground: Ground) -> None:
        own, tenant = application(ground, client_id), ground.tenant
        person = ground.user(user).id if user else None
        names = {resource_principal_id(tenant, GRAPH): "graph", resource_principal_id(tenant, EXCHANGE): "exchange"}
        grants = [
            one
            for one in tenant.permission_grants.values()
            if (one.client_id, one.principal_id) == (own.service_principal_id, person)
        ]
        assert all(one.scope.split() for one in grants)
        found = [
            f"{names.get(one.resource_id, one.resource_id)}/{word}" for one in grants for word in one.scope.split()
        ]
        assert sorted(found) == sorted(titles)

    return look


def may(resource: str, *values: str) -> Look:
    """The application permissions for a service are exactly these."""

    def look(ground: Ground) -> None:
        assert set(application(ground).app_roles.get(resource, [])) == set(values)

    return look


def agreed(name: str, scope: str, resource: str = GRAPH) -> Look:
    """A user has consented for himself."""

    def change(ground: Ground) -> None:
        own, tenant = application(ground), ground.tenant
        assert own.service_principal_id is not None
        api, person = resource_principal_id(tenant, resource), ground.user(name).id
        grant = PermissionGrant("", own.service_principal_id, api, "Principal", scope, person)
        grant.id = grant_id(grant)
        tenant.permission_grants[grant.id] = grant

    return change


def consents(title: str, options: dict[str, Any], proof: Look, **more: Any) -> Case:
    """A consent that comes out as asked for. Other users keep theirs."""
    wish = {"application": "Contoso Lager", **options}
    prepare = everything(agreed("vertrieb", "Mail.Read"), more.pop("prepare", lambda ground: None))
    every = everything(permits("graph/Mail.Read", user="vertrieb"), proof)
    return Case("entra_app_consent", title, wish, prepare=prepare, proof=every, **more)


def denies(title: str, options: dict[str, Any], *said: str, **more: Any) -> Case:
    """A consent that is refused."""
    return Case("entra_app_consent", title, {"application": "Contoso Lager", **options}, refused=said, **more)


UNDECLARED = frozenset({"undeclared"})
HELD = ("graph/User.Read", "graph/offline_access")
CONSENTS = [
    consents("exactly these", {"delegated_permissions": {"set": ["Microsoft Graph/SMTP.Send", "Microsoft Graph/User.Read"]},
             "application_permissions": {"set": ["Office 365 Exchange Online/full_access_as_app"]}},
             everything(permits("graph/SMTP.Send", "graph/User.Read"), may(GRAPH), may(EXCHANGE, "full_access_as_app")),
             decided=UNDECLARED),
    consents("one more, with blanks and in other letter case", {"delegated_permissions":
             {"add": [" microsoft graph / smtp.send "]}}, permits(*HELD, "graph/SMTP.Send"), decided=UNDECLARED),
    consents("one more of another API", {"delegated_permissions": {"add": ["Office 365 Exchange Online/EWS.AccessAsUser.All"]}},
             permits(*HELD, "exchange/EWS.AccessAsUser.All"), decided=UNDECLARED),
    consents("one less", {"delegated_permissions": {"remove": ["Microsoft Graph/offline_access"]}},
             permits("graph/User.Read"), decided=UNDECLARED),
    consents("one for another", {"application_permissions": {"add": ["Microsoft Graph/Calendars.Read"],
             "remove": ["Microsoft Graph/Mail.Send"]}}, may(GRAPH, "Calendars.Read"), decided=UNDECLARED),
    consents("none at all", {"delegated_permissions": {"set": []}, "application_permissions": {"set": []}},
             everything(permits(), may(GRAPH)), decided=UNDECLARED),
    consents("is so already, in another order", {"delegated_permissions":
             {"set": ["Microsoft Graph/offline_access", "Microsoft Graph/User.Read"]},
             "application_permissions": {"set": ["microsoft graph/mail.send"]}}, permits(*HELD), changes=False),
    consents("what is removed was never there", {"delegated_permissions": {"remove": ["Microsoft Graph/SMTP.Send"]}},
             permits(*HELD), changes=False),
    consents("nothing declared is nothing changed", {}, everything(permits(*HELD), may(GRAPH, "Mail.Send")), changes=False),
    consents("of one user", {"user": ANNA, "delegated_permissions": {"set": ["Microsoft Graph/Calendars.Read"]}},
             everything(permits("graph/Calendars.Read", user="anna.schaefer"), permits(*HELD)), decided=UNDECLARED),
    consents("of one user, taken back", {"user": ANNA, "delegated_permissions": {"set": []}},
             everything(permits(user="anna.schaefer"), permits(*HELD)), prepare=agreed("anna.schaefer", "Calendars.Read"),
             decided=UNDECLARED),
    consents("by its unique name", {"application": "contoso-lager", "delegated_permissions": {"set": []}}, permits(),
             decided=UNDECLARED),
    denies("no enterprise application", {"application": "ohne-dienstprinzipal", "delegated_permissions": {"set": []}},
           "There is no such enterprise application"),
    denies("the wrong kind", {"application_permissions": {"add": ["Microsoft Graph/SMTP.Send"]}},
           "Microsoft Graph/SMTP.Send is a permission of the kind delegated, not application"),
    denies("no such API", {"application_permissions": {"add": ["Microsoft Graf/Mail.Send"]}},
           "There is no API Microsoft Graf in this tenant", "as the enterprise application has it"),
    denies("no such user", {"user": "niemand@contoso.example", "delegated_permissions": {"set": []}},
           "There is no user niemand@contoso.example"),
]  # fmt: skip


# Assignment


def assigned(*names: str, role: str = DEFAULT_ACCESS) -> Look:
    """Put users and groups into a role before the test."""

    def change(ground: Ground) -> None:
        own = application(ground).service_principal_id
        assert own is not None
        for name in names:
            group = next((one for one in ground.tenant.groups.values() if one.display_name == name), None)
            party = group or ground.user(name)
            kind, now = "Group" if group else "User", ground.tenant.clock.now()
            one = RoleAssignment(ground.tenant.new_id(), party.id, kind, own, role, now)
            ground.tenant.role_assignments[one.id] = one

    return change


def used_by(*names: str, role: str = DEFAULT_ACCESS) -> Look:
    """Exactly these hold the role."""

    def look(ground: Ground) -> None:
        tenant = ground.tenant
        parties: dict[str, str] = {one.id: one.user_principal_name.partition("@")[0] for one in tenant.users.values()}
        parties |= {one.id: one.display_name for one in tenant.groups.values()}
        rows = [one for one in tenant.role_assignments.values() if one.app_role_id == role]
        assert sorted(parties[one.principal_id] for one in rows) == sorted(names)

    return look


def without_roles(ground: Ground) -> None:
    """It offers no roles, so there is default access."""
    application(ground).properties["appRoles"] = []


def second_group(ground: Ground) -> None:
    """Another group has the same name."""
    one = Group(ground.tenant.new_id(), GROUP)
    ground.tenant.groups[one.id] = one


GROUP = "Lizenz Office 365 E3"
READ_ROLE = "5a0d7c31-9e24-4b8f-a6d3-2c71f80e9b45"


def assigns(title: str, options: dict[str, Any], proof: Look, **more: Any) -> Case:
    """An assignment that comes out as asked for; it is for default access unless a role is named."""
    wish = {"application": "Contoso Lager", **options}
    prepare = more.pop("prepare", lambda ground: None)
    every = prepare if "role" in options else everything(without_roles, prepare)
    return Case("entra_app_assignment", title, wish, prepare=every, proof=proof, **more)


def keeps_out(title: str, options: dict[str, Any], *said: str, **more: Any) -> Case:
    """An assignment that is refused."""
    return Case("entra_app_assignment", title, {"application": "Contoso Lager", **options}, refused=said, **more)


BOTH = {"users": {"set": [ANNA.upper()]}, "groups": {"set": [GROUP.lower()]}}
ASSIGNMENTS = [
    assigns("a user and a group", BOTH, used_by("anna.schaefer", GROUP)),
    assigns("is so already", BOTH, used_by("anna.schaefer", GROUP), prepare=assigned("anna.schaefer", GROUP),
            changes=False),
    assigns("one for another", {"users": {"add": [ANNA], "remove": [SALES]}}, used_by("anna.schaefer", GROUP),
            prepare=assigned("vertrieb", GROUP)),
    assigns("exactly one", {"users": {"set": [ANNA]}}, used_by("anna.schaefer", GROUP),
            prepare=assigned("vertrieb", "info", GROUP)),
    assigns("nobody", {"users": {"set": []}, "groups": {"set": []}}, used_by(), prepare=assigned("vertrieb", GROUP)),
    assigns("a role by its value", {"role": "lager.lesen", "users": {"add": [ANNA]}},
            used_by("anna.schaefer", role=READ_ROLE)),
    assigns("a role by its title", {"role": "Lesen", "users": {"set": []}}, used_by("vertrieb"),
            prepare=everything(assigned("anna.schaefer", role=READ_ROLE), assigned("vertrieb"))),
    assigns("who has another role too", {"role": "Lager.Lesen", "users": {"set": [ANNA]}},
            everything(used_by("anna.schaefer"), used_by("anna.schaefer", role=READ_ROLE)),
            prepare=assigned("anna.schaefer")),
    assigns("nothing declared is nothing changed", {}, used_by("vertrieb"), prepare=assigned("vertrieb"), changes=False),
    keeps_out("no such role", {"role": "Lager.Leiten", "users": {"set": []}}, "offers no role Lager.Leiten",
              "Lager.Alt, Lager.Lesen"),
    keeps_out("no such user", {"users": {"add": ["niemand@contoso.example"]}}, "There is no user niemand@contoso.example"),
    keeps_out("no such group", {"groups": {"add": ["Niemand"]}}, "There is no group Niemand"),
    keeps_out("two such groups", {"groups": {"add": [GROUP]}}, f"2 groups are called {GROUP}", prepare=second_group),
    keeps_out("no such application", {"application": "Kein Lager", "users": {"set": []}},
              "There is no such enterprise application"),
]  # fmt: skip


# The report


INFOS = [
    Case("entra_app_info", "all of them", {}, changes=False),
    Case("entra_app_info", "what ends soon", {"ends_within": 200}, changes=False),
    Case("entra_app_info", "one with its consent and assignments", {"application": "contoso-lager"}, changes=False,
         prepare=everything(agreed("vertrieb", "Mail.Read"), assigned("anna.schaefer", GROUP))),
    Case("entra_app_info", "one without an enterprise application", {"application": PLAIN}, changes=False),
    Case("entra_app_info", "none", {"application": "Keine"}, changes=False),
]  # fmt: skip

CASES = [*REGISTRATIONS, *CONSENTS, *ASSIGNMENTS, *INFOS]
