"""Certificates and keys of the Kafka clients; what cannot be used is named, and nobody is asked."""

import subprocess
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from stream_app.settings import Settings
from stream_app.transport.security.tls import tls_context

WORD = "a password"
KEY = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2")


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its encrypted key, apart and in one file, and another key."""
    folder = tmp_path_factory.mktemp("tls")
    own, key, other = (str(folder / name) for name in ("own.pem", "own.key", "other.key"))
    openssl(*KEY, "-subj", "/CN=own", "-passout", f"pass:{WORD}", "-keyout", key, "-out", own)
    openssl("genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", other)
    (folder / "both.pem").write_text(Path(own).read_text() + Path(key).read_text())
    (folder / "text.pem").write_text("no certificate\n")
    return folder


def context(folder: Path, password: str = WORD, **names: str) -> object:
    paths = {f"ssl_{kind}file": str(folder / name) for kind, name in names.items()}
    kafka = {"security_protocol": "SASL_SSL", "sasl_username": "u", "ssl_keypassword": password}
    return tls_context(Settings().replace(kafka={**kafka, **paths}).kafka)


@pytest.mark.parametrize("names", [{"cert": "own.pem", "key": "own.key"}, {"cert": "both.pem"}])
def test_an_encrypted_key_is_opened_with_its_password(files: Path, names: dict[str, str]) -> None:
    """In a file of its own, or behind the certificate."""
    assert context(files, ca="own.pem", **names) is not None


@pytest.mark.parametrize(
    ("names", "password", "problem"),
    [
        ({"cert": "own.pem", "key": "own.key"}, "", r"own\.key is encrypted: set .*KEYPASSWORD"),
        ({"cert": "both.pem"}, "", r"both\.pem is encrypted: set .*KEYPASSWORD"),
        ({"cert": "own.pem", "key": "own.key"}, "x", r"KEYPASSWORD does not open .*own\.key"),
        (
            {"cert": "own.pem", "key": "other.key"},
            WORD,
            r"key in .*other\.key is not that of the certificate in .*own\.pem",
        ),
        ({"cert": "none.pem"}, "", r"SSL_CERTFILE.*none\.pem cannot be used: No such file"),
        ({"cert": "text.pem"}, "", r"SSL_CERTFILE.*text\.pem cannot be used: it is no PEM"),
        ({"ca": "none.pem"}, "", r"SSL_CAFILE: .*none\.pem cannot be used: No such file"),
        ({"ca": "text.pem"}, "", r"SSL_CAFILE: .*text\.pem cannot be used: it is no PEM"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    files: Path, names: dict[str, str], password: str, problem: str
) -> None:
    """OpenSSL would ask for a password at the terminal, and says 'PEM lib' of the others."""
    with pytest.raises(ConfigurationError, match=problem):
        context(files, password, **names)


def test_without_tls_no_file_is_looked_at(files: Path) -> None:
    kafka = {"ssl_cafile": str(files / "none.pem")}

    assert tls_context(Settings().replace(kafka=kafka).kafka) is None
