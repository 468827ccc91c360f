"""Certificates are what a strict verifier accepts, and keys are readable by nobody else."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from localcluster.pki import Authority, KeyPair, signing_request, write_private


def certificate(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def names(subject: x509.Name, oid: x509.ObjectIdentifier) -> list[str | bytes]:
    return [attribute.value for attribute in subject.get_attributes_for_oid(oid)]


def test_a_client_certificate_names_user_and_groups() -> None:
    authority = Authority("ca")
    leaf = certificate(authority.client("alice", ["sre", "dev"]))
    assert names(leaf.subject, NameOID.COMMON_NAME) == ["alice"]
    assert names(leaf.subject, NameOID.ORGANIZATION_NAME) == ["sre", "dev"]
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    leaf.verify_directly_issued_by(certificate(authority.pair))


def test_the_authority_has_what_strict_verification_wants() -> None:
    authority = Authority("ca")
    own = certificate(authority.pair).extensions
    usage = own.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    leaf = certificate(authority.server("api", ["127.0.0.1"])).extensions
    identifier = leaf.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert identifier == own.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def handshake(authority: Authority, host: str, pair: KeyPair, folder: Path) -> None:
    """A TLS handshake in memory, with the strictness that Python 3.13 has by default."""
    pair.write(folder, "server")
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(folder / "server.crt", folder / "server.key")
    client_context = ssl.create_default_context(cadata=authority.pair.certificate.decode())
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_certificate_is_accepted_strictly(tmp_path: Path, host: str) -> None:
    authority = Authority("ca")
    handshake(authority, host, authority.server("api", ["127.0.0.1", "localhost"]), tmp_path)


@pytest.mark.parametrize(("host", "why"), [("127.0.0.2", "IP address mismatch"), ("other", "Hostname mismatch")])
def test_a_server_certificate_counts_for_its_hosts_only(tmp_path: Path, host: str, why: str) -> None:
    authority = Authority("ca")
    with pytest.raises(ssl.SSLCertVerificationError, match=why):
        handshake(authority, host, authority.server("api", ["127.0.0.1", "localhost"]), tmp_path)


def test_a_signing_request_carries_user_and_groups_and_belongs_to_its_key() -> None:
    request, key = signing_request("erin", ["sre"])
    parsed = x509.load_pem_x509_csr(request)
    assert parsed.is_signature_valid
    assert names(parsed.subject, NameOID.COMMON_NAME) == ["erin"]
    assert names(parsed.subject, NameOID.ORGANIZATION_NAME) == ["sre"]
    assert isinstance(parsed.public_key(), ec.EllipticCurvePublicKey)
    assert key.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_private_files_stay_private_when_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
