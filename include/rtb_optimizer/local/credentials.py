"""The secrets of a local stack: generated once, stored in `<root>/secrets.json`, readable by its owner only."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local.files import private_folder, write_private


def _token(size: int = 24) -> str:
    return secrets.token_urlsafe(size)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Credentials:
    """Every secret of one local stack, random unless read back from its file."""

    postgres_password: str = field(default_factory=_token, repr=False)
    s3_access_key: str = field(default_factory=lambda: "rtb" + secrets.token_hex(8), repr=False)
    s3_secret_key: str = field(default_factory=lambda: _token(32), repr=False)
    airflow_admin_password: str = field(default_factory=lambda: _token(12), repr=False)
    airflow_op_password: str = field(default_factory=lambda: _token(12), repr=False)
    airflow_viewer_password: str = field(default_factory=lambda: _token(12), repr=False)
    # Airflow signs with SHA-512 and warns about keys shorter than 64 bytes.
    jwt_secret: str = field(default_factory=lambda: _token(64), repr=False)
    api_secret_key: str = field(default_factory=lambda: _token(32), repr=False)
    fernet_key: str = field(default_factory=_fernet_key, repr=False)


def load_or_create(root: Path) -> Credentials:
    """Read the stack's secrets, or generate them on the first call.

    Args:
        root: The folder of the local stack.

    Raises:
        LocalStackError: when the file exists but does not contain the secrets.
    """
    path = root / "secrets.json"
    if not path.exists():
        private_folder(root)
        credentials = Credentials()
        write_private(path, json.dumps(asdict(credentials), indent=2))
        return credentials
    try:
        stored = json.loads(path.read_text())
        return Credentials(**{each.name: stored[each.name] for each in fields(Credentials)})
    except (ValueError, TypeError, KeyError) as error:
        raise LocalStackError(
            f"{path} does not contain the local stack's secrets: restore it, or delete {root} to start over"
        ) from error
