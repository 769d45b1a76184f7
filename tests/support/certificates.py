"""Certificates for tests, made by the ``openssl`` command."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Certificate:
    """A certificate and its private key, as PEM files."""

    certificate: Path
    key: Path


def encrypted(made: Certificate, password: str) -> Certificate:
    """Return the same certificate, its key opened by a password."""
    key = made.key.with_suffix(".encrypted.key")
    names = ("-in", str(made.key), "-out", str(key))
    _openssl("pkcs8", "-topk8", *names, "-passout", f"pass:{password}")
    return Certificate(made.certificate, key)


class Authority:
    """An authority that signs certificates.

    Args:
        folder: Where the files are written.
        name: Of the authority.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self.own = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
        _openssl(
            "req", "-x509", *_NEW_KEY, "-days", "2", "-subj", f"/CN={name}",
            "-keyout", str(self.own.key), "-out", str(self.own.certificate),
        )  # fmt: skip

    def sign(self, name: str, host: str = "IP:127.0.0.1", *, days: int = 2) -> Certificate:
        """Return a new certificate.

        Args:
            name: Of its files.
            host: For which it holds, as the extension ``subjectAltName`` has it.
            days: For which it holds; -1 has expired a day ago.
        """
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extension = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={host}\n")
        _openssl(
            "req", *_NEW_KEY, "-subj", f"/CN={name}",
            "-keyout", str(made.key), "-out", str(request),
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-in", str(request), "-days", str(days), "-extfile", str(extension),
            "-CA", str(self.own.certificate), "-CAkey", str(self.own.key), "-CAcreateserial",
            "-out", str(made.certificate),
        )  # fmt: skip
        return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["/usr/bin/env", "openssl", *arguments], check=True, capture_output=True)
