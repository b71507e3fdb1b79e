"""The keys of the object store's inner ports: a certificate and signing keys of this start, private to its owner."""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rtb_optimizer.local.files import write_private

CERTIFICATE, PRIVATE_KEY = "grpc.crt", "grpc.key"

# Every part that serves gRPC or calls it. One that is left out serves everybody: weed then falls back to no TLS.
_PARTS = ("master", "volume", "filer", "s3", "admin", "worker", "client")
# Signs the requests of the parts to each other over HTTP: to write and to read, to a volume and to the filer.
_SIGNING_KEYS = (
    "WEED_JWT_SIGNING_KEY",
    "WEED_JWT_SIGNING_READ_KEY",
    "WEED_JWT_FILER_SIGNING_KEY",
    "WEED_JWT_FILER_SIGNING_READ_KEY",
)
# Made at each start, so it has to outlast only the longest time that a stack stays up.
_VALID = timedelta(days=3650)


def closing_variables(folder: Path) -> dict[str, str]:
    """Make a certificate in the store's folder; give the variables that shut out every caller without its key.

    The parts of the store are one process: all of them hold the same certificate, and trust no other.
    """
    certificate, private_key = _self_signed()
    write_private(folder / CERTIFICATE, certificate)
    write_private(folder / PRIVATE_KEY, private_key)
    signing_key = secrets.token_urlsafe(32)
    variables = {"WEED_GRPC_CA": CERTIFICATE} | dict.fromkeys(_SIGNING_KEYS, signing_key)
    for part in _PARTS:
        variables[f"WEED_GRPC_{part.upper()}_CERT"] = CERTIFICATE
        variables[f"WEED_GRPC_{part.upper()}_KEY"] = PRIVATE_KEY
    return variables


def _self_signed() -> tuple[str, str]:
    """Make a self-signed certificate and its key, both in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rtb-optimizer local object store")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A clock that is set back does not make the certificate one of the future.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
