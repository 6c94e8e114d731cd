"""The key that archives are signed with (Ed25519), and detached signatures (JWS, RFC 7515 appendix F, RFC 9864).

Where a file is named and missing, the key is made at the start and kept there, its public half beside it: give that to
who verifies. An installation that keeps its keys elsewhere puts its own private JWK there before.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

_ALGORITHM: Literal["Ed25519"] = "Ed25519"


@dataclass(frozen=True)
class ArchiveKey:
    """A private key, or only the public half of one."""

    jwk: OKPKey

    @property
    def public(self) -> dict[str, Any]:
        """The public half as a JWK."""
        return dict(self.jwk.as_dict(private=False))

    @property
    def thumbprint(self) -> str:
        """RFC 7638: names the key."""
        return self.jwk.thumbprint()

    def sign(self, content: bytes) -> str:
        """The detached signature over some bytes; the same bytes give the same signature."""
        header = {"alg": _ALGORITHM, "kid": self.thumbprint}
        return jws.detach_content(jws.serialize_compact(header, content, self.jwk, algorithms=[_ALGORITHM]))

    def signed(self, content: bytes, signature: str) -> bool:
        """Whether this key made a signature over these bytes."""
        try:
            jws.deserialize_compact(signature, self.jwk, algorithms=[_ALGORITHM], payload=content)
        except (JoseError, ValueError):
            return False
        return True


def key_of(document: dict[str, Any] | str) -> ArchiveKey:
    """The key of a JWK or of PEM text. Raises ValueError for anything but a key for Ed25519."""
    try:
        key = OKPKey.import_key(document)
        if key.curve_name != _ALGORITHM:
            raise ValueError(f"a key for {key.curve_name} signs no archive")
    except (JoseError, TypeError, KeyError) as error:
        raise ValueError(f"no key for Ed25519: {error}") from error
    return ArchiveKey(key)


def read_key(path: Path) -> ArchiveKey:
    """The key of a file, JWK or PEM. Raises ValueError or OSError."""
    text = path.read_text("utf-8")
    return key_of(text if text.lstrip().startswith("-----BEGIN") else json.loads(text))


def key_at(path: Path) -> ArchiveKey:
    """The private key of a file, made if there is none. Of several processes that make one at once, one wins."""
    if not path.exists():
        fresh = OKPKey.generate_key(_ALGORITHM)
        _write_once(path, json.dumps(fresh.as_dict(private=True)))
    key = read_key(path)
    if not key.jwk.is_private:
        raise ValueError(f"{path} holds no private key")
    _write_once(path.with_suffix(".public.json"), json.dumps(key.public))
    return key


def _write_once(path: Path, text: str) -> None:
    """Write a file that only this user can read, whole and synchronised, unless there is one."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(path).hardlink_to(draft)  # never over what another process has made meanwhile
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
