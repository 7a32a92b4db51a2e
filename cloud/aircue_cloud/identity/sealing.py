"""Secrets that the database holds only under a key, which lies outside of it: Fernet (AES-128-CBC with HMAC-SHA256).

The key's file has one key a line, the newest first. The first seals; any of them opens, so that keys can be renewed
while the server runs. It is made when it is first needed, for its owner alone (mode 600).
"""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from aircue_cloud.errors import CloudError, SettingsError

_SEALED = "gAAAA"  # how every Fernet token begins; a lower-case letter is in no base 32


class SealedOtherwise(CloudError):
    """None of the keys opens this."""


class Box:
    """keys: the newest first."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._newest = Fernet(keys[0])
        self._all = MultiFernet([Fernet(key) for key in keys])

    def seal(self, text: str) -> str:
        return self._newest.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """SealedOtherwise where none of the keys is the one."""
        try:
            return self._all.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise SealedOtherwise(
                "no key of secret_file opens it: put the file that belongs to this database back, or take the second "
                "factor away with: aircue-cloud operator totp-reset NAME"
            ) from error

    def is_fresh(self, text: str) -> bool:
        """Whether it is sealed with the newest key, or with one that is not known here."""
        try:
            self._newest.decrypt(text.encode())
        except InvalidToken:
            return is_sealed(text) and not self.opens(text)
        return True

    def opens(self, text: str) -> bool:
        try:
            self._all.decrypt(text.encode())
        except InvalidToken:
            return False
        return True


def is_sealed(text: str) -> bool:
    return text.startswith(_SEALED)


def load(path: Path) -> Box:
    """SettingsError where the file can be read by others, or is none of ours."""
    return Box(_keys(path))


def _keys(path: Path) -> tuple[bytes, ...]:
    if not path.exists():
        _write(path, (Fernet.generate_key(),), replace=False)
    try:
        mode, found = path.stat().st_mode, tuple(path.read_bytes().split())
    except OSError as error:
        raise SettingsError(f"secret_file {path} cannot be read: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise SettingsError(f"secret_file {path} can be read by others: chmod 600 {path}")
    try:
        Box(found)
    except (ValueError, IndexError) as error:
        raise SettingsError(f"secret_file {path}: expected one key a line; put the right file back") from error
    return found


def add_key(path: Path) -> None:
    """A new key seals from now on; the others still open."""
    _write(path, (Fernet.generate_key(), *_keys(path)), replace=True)


def exported(path: Path) -> bytes:
    """The keys as they lie in the file."""
    return b"\n".join(_keys(path)) + b"\n"


def take_over(path: Path, content: bytes) -> None:
    """Keys that another installation has exported open from now on, and seal nothing. SettingsError where they are
    none."""
    own, others = _keys(path), tuple(content.split())
    try:
        Box(others)
    except (ValueError, IndexError) as error:
        raise SettingsError("expected one key a line; these are none of secret_file's") from error
    _write(path, tuple(dict.fromkeys((*own, *others))), replace=True)


def drop_old_keys(path: Path) -> None:
    _write(path, _keys(path)[:1], replace=True)


def _write(path: Path, keys: tuple[bytes, ...], *, replace: bool) -> None:
    """Whole, or not at all. Of two programs that make the file at once the first wins."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(b"\n".join(keys) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
            return
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    except OSError as error:
        raise SettingsError(f"secret_file {path} cannot be written: {error.strerror}; set another one") from error
