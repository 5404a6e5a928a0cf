"""The certificate that Vigie makes for itself where it listens beyond loopback and was given none."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from console.launch import CannotStart, Listen

LIFETIME = timedelta(days=397)  # browsers trust none that is valid for longer
RENEW_BEFORE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files. `fingerprint` is SHA-256 as AA:BB:..., as browsers show it; `chain` holds further certificates."""

    certificate: Path
    key: Path
    fingerprint: str
    chain: Path | None = None


def given(certificate: Path, key: Path | None, folder: Path) -> Certificate:
    """The user's own; CannotStart says which file is wrong."""
    pem = _readable(certificate, "--tls-cert")
    key = key or certificate
    private = _private_key(_readable(key, "--tls-key"), key)
    leaf = _load(pem, certificate)
    if private.public_key() != leaf.public_key():
        raise CannotStart(f"{key} is not the private key of {certificate}.")
    return Certificate(certificate.absolute(), key.absolute(), fingerprint(leaf), _chain(pem, folder))


def own(folder: Path, listen: Listen) -> Certificate:
    """A self-signed one, kept in `folder`; made anew before it expires or when the machine's names changed."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    names = names_of(listen)
    if not _is_usable(certificate, key, names):
        _make(certificate, key, names)
    return Certificate(certificate, key, fingerprint(_load(certificate.read_bytes(), certificate)))


def fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def names_of(listen: Listen) -> list[str]:
    """Every name and address this machine may be asked for under."""
    names = {"localhost", "127.0.0.1", "::1", socket.gethostname(), socket.getfqdn(), listen.host}
    if listen.is_wildcard:
        names -= {listen.host}
        for addresses in psutil.net_if_addrs().values():
            names |= {
                entry.address.partition("%")[0]
                for entry in addresses
                if entry.family.name in {"AF_INET", "AF_INET6"}
            }
    return sorted(name for name in names if name)


def _make(certificate: Path, key: Path, names: list[str]) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Vigie on {socket.gethostname()}"[:64])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(key, private.private_bytes(*encoding))
    _write(certificate, made.public_bytes(serialization.Encoding.PEM))


def _is_usable(certificate: Path, key: Path, names: list[str]) -> bool:
    if not (certificate.exists() and key.exists()):
        return False
    present = _load(certificate.read_bytes(), certificate)
    listed = present.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    known = {str(name.value) for name in listed}
    return known >= set(names) and present.not_valid_after_utc - RENEW_BEFORE > datetime.now(UTC)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes) -> None:
    """In one step and for the owner alone, so that a reader never finds half a file or another's key."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    unfinished.rename(path)


def _readable(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CannotStart(f"{option} {path} cannot be read: {error.strerror}.") from error


def _load(pem: bytes, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CannotStart(f"{path} holds no certificate in PEM form.") from error


def _private_key(pem: bytes, path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise CannotStart(f"{path} holds no private key in PEM form without a password.") from error


def _chain(pem: bytes, folder: Path) -> Path | None:
    """The certificates after the first, which the server must send too, in a file of their own."""
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", pem, re.S)
    if len(blocks) < 2:
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / "chain.pem", b"".join(blocks[1:]))
    return folder / "chain.pem"
