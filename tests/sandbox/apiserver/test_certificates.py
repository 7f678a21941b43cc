"""Requests for certificates: what is refused, who may judge them, and what becomes of those that are approved."""

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.sandbox.apiserver.asgi_client import Answer, Client, make_client

from kthena_sandbox.apiserver.auth.authority import new_authority
from kthena_sandbox.apiserver.auth.signing import sign_waiting, user_of_certificate
from kthena_sandbox.apiserver.server import serve
from kthena_sandbox.apiserver.settings import Settings
from kthena_sandbox.entrance import read_entrance

REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
CLIENTS = "kubernetes.io/kube-apiserver-client"
KEY = ec.generate_private_key(ec.SECP256R1())
APPROVED = {"type": "Approved", "status": "True", "reason": "R", "message": "M"}
DENIED = APPROVED | {"type": "Denied"}
FORBIDDEN = "status.conditions: Forbidden: updates may not"
ADMIN = {"authorization": "Bearer admin"}
PREFIX = 'CertificateSigningRequest.certificates.k8s.io "r" is invalid: '
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def asked(name: str = "anna", *groups: str) -> str:
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder(subject).sign(KEY, SHA256())
    return encoded(request.public_bytes(serialization.Encoding.PEM))


def document(**spec: Any) -> dict[str, Any]:
    usual = {"request": asked("anna", "dev"), "signerName": CLIENTS, "usages": ["client auth"]}
    return {"metadata": {"name": "r"}, "spec": usual | spec}


async def judge(client: Client, subresource: str, *conditions: Any, certificate: str = "") -> Answer:  # fmt: skip
    status: dict[str, Any] = {"conditions": list(conditions)}
    status |= {"certificate": certificate} if certificate else {}
    return await client.patch(f"{REQUESTS}/r/{subresource}", {"status": status})


async def test_a_request_says_who_asks_whatever_it_says(client: Client) -> None:
    made = (await client.post(REQUESTS, document(username="other", groups=["x"]))).document
    assert made["spec"]["username"] == "kubernetes-admin"
    assert made["spec"]["groups"] == ["system:masters", "system:authenticated"]
    assert made["status"] == {}
    assert "managedFields" not in made["metadata"]
    changed = await client.patch(f"{REQUESTS}/r", {"spec": {"usages": ["digital signature"]}})
    assert changed.document["spec"] == made["spec"]


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"usages": []}, "spec.usages: Required value"),
        ({"usages": ["client auth", "client auth"]}, 'spec.usages[1]: Duplicate value: "client auth"'),
        ({"signerName": ""}, "spec.signerName: Required value"),
        ({"signerName": "a"}, "spec.signerName: Invalid value: \"a\": must be a fully qualified domain and path of the form 'example.com/signer-name'"),
        ({"signerName": "kubernetes.io/legacy-unknown"}, 'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version'),
        ({"signerName": "A_/b"}, f'[spec.signerName: Invalid value: "A_": validating label "A_": {LABEL}, spec.signerName: Invalid value: "A_": should be a domain with at least two segments separated by dots]'),
        ({"request": "YQ=="}, 'spec.request: Invalid value: "YQ==": PEM block type must be CERTIFICATE REQUEST'),
        ({"expirationSeconds": 5}, "spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 600 seconds (10 minutes)"),
    ],
)  # fmt: skip
async def test_what_nobody_can_ask_for(client: Client, spec: dict[str, Any], why: str) -> None:
    refused = await client.post(REQUESTS, document(**spec))
    assert (refused.code, refused.message) == (422, PREFIX + why)


async def test_a_request_that_cannot_be_read(client: Client) -> None:
    broken = b"-----BEGIN CERTIFICATE REQUEST-----\nYQ==\n-----END CERTIFICATE REQUEST-----\n"
    refused = await client.post(REQUESTS, document(request=encoded(broken)))
    assert refused.message.startswith(f"{PREFIX}spec.request: Invalid value: ")
    assert "asn1: structure error: " in refused.message


async def test_nobody_becomes_a_master_in_this_way(client: Client) -> None:
    refused = await client.post(REQUESTS, document(request=asked("anna", "system:masters")))
    assert refused.code == 403
    assert refused.message == (
        'certificatesigningrequests.certificates.k8s.io "r" is forbidden: use of '
        "kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"
    )


async def test_a_verdict_stays(client: Client) -> None:
    await client.post(REQUESTS, document())
    refused = await judge(client, "status", APPROVED)
    assert refused.message == f'{PREFIX}{FORBIDDEN} add a condition of type "Approved"'
    refused = await judge(client, "approval", APPROVED, DENIED)
    assert refused.message == (
        f'{PREFIX}status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive'
    )
    refused = await judge(client, "approval", APPROVED | {"status": "False"})
    assert refused.message == (
        f'{PREFIX}status.conditions[0].status: Unsupported value: "False": supported values: "True"'
    )
    approved = await judge(client, "approval", APPROVED)
    times = {"lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    (condition,) = approved.document["status"]["conditions"]
    assert set(condition) == set(APPROVED | times)
    refused = await judge(client, "approval")
    assert refused.message == f'{PREFIX}{FORBIDDEN} remove a condition of type "Approved"'


async def test_a_certificate_is_one_and_stays(client: Client) -> None:
    await client.post(REQUESTS, document())
    await judge(client, "approval", APPROVED)
    refused = await judge(client, "status", APPROVED, certificate="eA==")
    assert refused.message == (
        f'{PREFIX}status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM '
        "block"
    )
    one, other = (encoded(new_authority(client.clock()).ca_pem.encode()) for _ in range(2))
    assert (await judge(client, "status", APPROVED, certificate=one)).code == 200
    refused = await judge(client, "status", APPROVED, certificate=other)
    assert refused.message == (
        f"{PREFIX}status.certificate: Forbidden: updates may not modify existing certificate content"
    )
    read = await client.get(f"{REQUESTS}/r/approval")
    assert read.document["status"]["certificate"] == one


async def grant(client: Client, name: str, *rules: Any) -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    who = [{"kind": "User", "name": "judge", "apiGroup": "rbac.authorization.k8s.io"}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    for plural, body in (
        ("clusterroles", {"rules": list(rules)}),
        ("clusterrolebindings", {"subjects": who, "roleRef": role}),
    ):
        made = {"metadata": {"name": name}} | body
        await client.call("POST", f"{rbac}/{plural}", made, ADMIN)


async def test_a_judge_needs_the_right_about_the_signer() -> None:
    client = make_client(secure=True)
    judge_of = ADMIN | {"impersonate-user": "judge", "content-type": "application/merge-patch+json"}
    await client.call("POST", REQUESTS, document(), ADMIN)
    group = ["certificates.k8s.io"]
    plural = "certificatesigningrequests"
    writing = {"apiGroups": group, "resources": [f"{plural}/approval", f"{plural}/status"], "verbs": ["patch"]}  # fmt: skip
    await grant(client, "writer", writing)
    body = {"status": {"conditions": [APPROVED]}}
    refused = await client.call("PATCH", f"{REQUESTS}/r/approval", body, judge_of)
    assert refused.code == 403
    assert refused.message == (
        'certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to approve requests '
        'with signerName "kubernetes.io/kube-apiserver-client"'
    )
    approving = {"apiGroups": group, "resources": ["signers"], "resourceNames": ["kubernetes.io/*"], "verbs": ["approve"]}  # fmt: skip
    await grant(client, "approver", approving)
    approved = await client.call("PATCH", f"{REQUESTS}/r/approval", body, judge_of)
    assert approved.code == 200
    certificate = encoded(new_authority(client.clock()).ca_pem.encode())
    signed = {"status": {"conditions": [APPROVED], "certificate": certificate}}
    refused = await client.call("PATCH", f"{REQUESTS}/r/status", signed, judge_of)
    assert refused.message == (
        'certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to sign requests '
        'with signerName "kubernetes.io/kube-apiserver-client"'
    )


async def test_what_is_approved_is_signed_for_as_long_as_was_asked(client: Client) -> None:
    authority = new_authority(client.clock())
    await client.post(REQUESTS, document(expirationSeconds=600, usages=["client auth", "key encipherment"]))  # fmt: skip
    sign_waiting(client.api.cluster, authority)
    assert "certificate" not in (await client.get(f"{REQUESTS}/r")).document["status"]
    await judge(client, "approval", APPROVED)
    sign_waiting(client.api.cluster, authority)
    status = (await client.get(f"{REQUESTS}/r")).document["status"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(status["certificate"]))
    certificate.verify_directly_issued_by(authority.ca_certificate)
    now = client.clock().replace(microsecond=0)
    assert (certificate.not_valid_after_utc - now).total_seconds() == 600
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, True, False)  # fmt: skip
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    der = certificate.public_bytes(serialization.Encoding.DER)
    found = user_of_certificate(der, client.clock())
    assert found is not None
    assert (found.name, found.groups) == ("anna", ("dev", "system:authenticated"))
    client.clock.advance(601)
    assert user_of_certificate(der, client.clock()) is None
    table = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    (row,) = (await client.get(REQUESTS, headers=table)).document["rows"]
    assert row["cells"] == ["r", "10m", CLIENTS, "kubernetes-admin", "10m", "Approved,Issued"]


async def test_what_cannot_be_signed_fails(client: Client) -> None:
    await client.post(REQUESTS, document(usages=["server auth"]))
    await judge(client, "approval", APPROVED)
    sign_waiting(client.api.cluster, new_authority(client.clock()))
    _, failed = (await client.get(f"{REQUESTS}/r")).document["status"]["conditions"]
    assert (failed["type"], failed["reason"]) == ("Failed", "SignerValidationFailure")
    assert failed["message"] == "invalid usages for client certificate: ['server auth']"


@pytest.mark.parametrize(("signer", "verdict"), [("example.com/mine", APPROVED), (CLIENTS, DENIED)])
async def test_what_others_sign_and_what_is_denied_waits(
    client: Client, signer: str, verdict: dict[str, str]
) -> None:
    await client.post(REQUESTS, document(signerName=signer))
    await judge(client, "approval", verdict)
    sign_waiting(client.api.cluster, new_authority(client.clock()))
    status = (await client.get(f"{REQUESTS}/r")).document["status"]
    assert "certificate" not in status
    assert len(status["conditions"]) == 1


@asynccontextmanager
async def administrator(folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, ssl.SSLContext]]:
    """A secure server, and how to trust it."""
    settings = Settings(folder / "kubeconfig", 0, None, secure=True)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, settings)
        entrance = read_entrance(settings.kubeconfig)
        trust = ssl.create_default_context(cadata=entrance.ca_pem)
        async with httpx.AsyncClient(
            base_url=entrance.server,
            verify=entrance.tls(),
            headers=entrance.headers(),
            trust_env=False,
        ) as client:
            yield client, trust
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("http2", [False, True])
async def test_the_certificate_is_who_one_is(tmp_path: Path, http2: bool) -> None:
    async with administrator(tmp_path) as (admin, trust):
        await admin.post(REQUESTS, json=document())
        merge = {"content-type": "application/merge-patch+json"}
        await admin.patch(f"{REQUESTS}/r/approval", headers=merge, json={"status": {"conditions": [APPROVED]}})  # fmt: skip
        watched = {"watch": "true", "timeoutSeconds": "10"}
        status: dict[str, Any] = {}
        async with admin.stream("GET", REQUESTS, params=watched) as stream:
            async for line in stream.aiter_lines():
                status = json.loads(line)["object"]["status"]
                if "certificate" in status:
                    break
        plain = serialization.NoEncryption()
        key = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)  # fmt: skip
        (tmp_path / "own.pem").write_bytes(base64.b64decode(status["certificate"]) + key)
        trust.load_cert_chain(tmp_path / "own.pem")
        async with httpx.AsyncClient(base_url=admin.base_url, verify=trust, http2=http2, trust_env=False) as own:  # fmt: skip
            reviews = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
            answer = await own.post(reviews, json={})
            assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
            who = answer.json()["status"]["userInfo"]
            assert (who["username"], who["groups"]) == ("anna", ["dev", "system:authenticated"])
            assert (await own.get("/api/v1/namespaces")).status_code == 403
