"""The jars of Apache Kafka and the packages of a Node producer, fetched once and kept."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
TARGET = HERE / "target"
JARS = TARGET / "libs"
FETCHED_FOR = TARGET / "fetched-for.sha256"
PACKAGES = HERE / "package.json"
NODE = TARGET / "node"
FETCH_TIMEOUT_S = 300
JAVA_MAJOR = 17


class KafkaUnavailableError(Exception):
    """Apache Kafka cannot run on this machine; says what is missing."""


def kafka_jars() -> Path:
    """Return the folder of the jars that ``pom.xml`` names.

    Raises:
        KafkaUnavailableError: Java 17 or Maven is missing, or the jars cannot be fetched.
    """
    _check_java()
    TARGET.mkdir(exist_ok=True)
    with (TARGET / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test runs side by side fetch once
        wanted = hashlib.sha256(POM.read_bytes()).hexdigest()
        if not FETCHED_FOR.is_file() or FETCHED_FOR.read_text() != wanted:
            _fetch()
            FETCHED_FOR.write_text(wanted)
    return JARS


def _check_java() -> None:
    java = shutil.which("java")
    if java is None:
        raise KafkaUnavailableError("no java on the PATH: the Kafka tests need Java 17 or newer")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = answer.stderr.partition('version "')[2].partition(".")[0].partition('"')[0]
    if not version.isdigit() or int(version) < JAVA_MAJOR:
        raise KafkaUnavailableError(f"java {version or 'of unknown version'}: Java 17 is needed")


def _fetch() -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailableError("no mvn on the PATH: Maven fetches the jars of Apache Kafka")
    shutil.rmtree(JARS, ignore_errors=True)
    answer = subprocess.run(
        [maven, "--batch-mode", "--quiet", "--file", str(POM), "dependency:copy-dependencies"],
        capture_output=True,
        text=True,
        timeout=FETCH_TIMEOUT_S,
        check=False,
    )
    if answer.returncode != 0:
        raise KafkaUnavailableError(f"Maven cannot fetch Apache Kafka: {answer.stdout[-1000:]}")


def node_packages() -> Path:
    """Return the folder of the packages that ``package.json`` names.

    Raises:
        KafkaUnavailableError: Node or npm is missing, or the packages cannot be fetched.
    """
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        raise KafkaUnavailableError("no node or npm on the PATH: the producer in Node needs both")
    NODE.mkdir(parents=True, exist_ok=True)
    with (NODE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        copy = NODE / PACKAGES.name
        if not copy.is_file() or copy.read_bytes() != PACKAGES.read_bytes():
            _install(npm)
            copy.write_bytes(PACKAGES.read_bytes())
    return NODE / "node_modules"


def _install(npm: str) -> None:
    wanted = json.loads(PACKAGES.read_text())["dependencies"]
    packages = [f"{name}@{version}" for name, version in wanted.items()]
    answer = subprocess.run(
        [
            npm,
            "install",
            "--no-package-lock",
            "--no-save",
            "--silent",
            "--prefix",
            str(NODE),
            *packages,
        ],
        capture_output=True,
        text=True,
        timeout=FETCH_TIMEOUT_S,
        check=False,
    )
    if answer.returncode != 0:
        raise KafkaUnavailableError(f"npm cannot fetch the packages: {answer.stderr[-1000:]}")
