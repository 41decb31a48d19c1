"""The images, really built without a daemon and really run: nobody's user, read-only root, no network, one writable folder.

Takes minutes and, as root on Debian, buildah, bubblewrap and mmdebstrap; runs only with STUDYSCOPE_IMAGES=1.
STUDYSCOPE_BUILDAH_ARGS is handed to `buildah bud`, for a network that needs its own authority or package index.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from aggregator_cast import a_study
from site_cast import write_patient
from studyscope_contract.keys import SigningKey

ROOT = Path(__file__).parents[2]
NOBODY = 65532
MOST_MEMORY_KB = 512 * 1024
BUILD_SECONDS = 1200

pytestmark = [
    pytest.mark.optional,
    pytest.mark.timeout(BUILD_SECONDS),
    pytest.mark.skipif("STUDYSCOPE_IMAGES" not in os.environ, reason="set STUDYSCOPE_IMAGES=1 to build and run the images"),
]


class Images:
    """A storage of images of its own, with a base made from Debian's packages."""

    def __init__(self, folder: Path) -> None:
        for program in ("buildah", "bwrap", "mmdebstrap"):
            if shutil.which(program) is None:
                pytest.skip(f"no {program} on this machine (Debian: apt-get install buildah bubblewrap mmdebstrap)")
        self._buildah = ["buildah", "--root", f"{folder}/storage", "--runroot", f"{folder}/run", "--storage-driver=vfs"]
        tar = folder / "base.tar"
        packages = "--include=python3,python3-venv,ca-certificates"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", packages, "bookworm", str(tar)], check=True)
        base = self.buildah("from", "scratch")
        self.buildah("add", base, str(tar), "/")
        self.buildah("commit", base, "local/base")

    def buildah(self, *arguments: str) -> str:
        done = subprocess.run([*self._buildah, *arguments], check=True, capture_output=True, text=True, cwd=ROOT)
        return done.stdout.strip()

    def built(self, role: str) -> Image:
        file = f"deploy/docker/{'aggregator' if role == 'aggregator' else 'exporter'}.Dockerfile"
        more = shlex.split(os.environ.get("STUDYSCOPE_BUILDAH_ARGS", ""))
        isolation = ["--format", "docker", "--isolation=chroot", "--ulimit", "nproc=32768:32768", "--network=host"]
        arguments = ["--build-arg", "BASE=localhost/local/base", "--build-arg", f"ROLE={role}", "-f", file, "-t", f"local/{role}"]
        self.buildah("bud", *isolation, *more, *arguments, ".")
        container = self.buildah("from", f"local/{role}")
        settings = json.loads(self.buildah("inspect", "--type", "image", f"local/{role}"))["Docker"]["config"]
        return Image(Path(self.buildah("mount", container)), settings)


class Image:
    """One image's files and settings."""

    def __init__(self, root: Path, settings: dict[str, object]) -> None:
        self.root, self.settings = root, settings

    def run(self, command: str, *writable: tuple[Path, str], read: Path | None = None) -> subprocess.CompletedProcess[str]:
        """`command` in a shell, as the image says, with no network and nothing writable but `writable`."""
        binds = [word for ours, theirs in writable for word in ("--bind", str(ours), theirs)]
        binds += ["--ro-bind", str(read), "/mnt"] if read else []
        environment = dict(line.split("=", 1) for line in self.settings["Env"])  # type: ignore[attr-defined]
        sandbox = ["bwrap", "--ro-bind", str(self.root), "/", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev", *binds]
        identity = ["--unshare-all", "--uid", str(NOBODY), "--gid", str(NOBODY), "--clearenv"]
        variables = [word for name, value in environment.items() for word in ("--setenv", name, value)]
        return subprocess.run(
            [*sandbox, *identity, *variables, "sh", "-c", command], capture_output=True, text=True, check=False, timeout=300
        )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    folder = tmp_path_factory.mktemp("images")
    images = Images(folder)
    yield images
    images.buildah("umount", "--all")
    shutil.rmtree(folder, ignore_errors=True)


def private(folder: Path) -> Path:
    """Ours outside is nobody's inside: the sandbox maps the one to the other."""
    folder.mkdir(mode=0o700)
    return folder


def test_the_exporters_image_scans_an_archive_in_little_memory(images: Images, tmp_path: Path) -> None:
    image = images.built("exporter")
    (tmp_path / "archive").mkdir()
    for number in range(30):
        write_patient(tmp_path / "archive" / "dicom", number)
    (tmp_path / "archive" / "liver.yaml").write_text(yaml.safe_dump(a_study()))
    state, settings = private(tmp_path / "state"), private(tmp_path / "etc")
    for place in (tmp_path / "archive", tmp_path / "archive" / "dicom"):
        place.chmod(0o755)
    key = SigningKey.generate().public.text

    done = image.run(
        "set -e; id -u; touch /x 2>&1 || true; studyscope-exporter init --study-file /mnt/liver.yaml --site berlin"
        f" --centre https://c.example --dicom /mnt/dicom --approver D={key} --state /var/lib/studyscope --keys /etc/studyscope/keys;"
        " studyscope-exporter scan --quiet; studyscope-exporter count --json; grep VmHWM /proc/self/status;"
        """ python3 -c "import resource, subprocess; subprocess.run(['studyscope-exporter', 'once', '--quiet'], stdout=-3);"""
        """ print('PEAK', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)" """,
        (state, "/var/lib/studyscope"),
        (settings, "/etc/studyscope"),
        read=tmp_path / "archive",
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{NOBODY}\ntouch: cannot touch '/x': Read-only file system")
    assert '"patients": 30' in done.stdout
    peak = int(done.stdout.rsplit("PEAK ", 1)[1])
    assert peak < MOST_MEMORY_KB


def test_the_exporters_image_holds_nothing_of_the_centre_and_says_what_it_is(images: Images) -> None:
    image = images.built("exporter")

    installed = {path.name for path in image.root.glob("opt/studyscope/lib/python3*/site-packages/*")}
    assert {"studyscope_exporter", "studyscope_contract"} <= installed
    assert not installed & {
        "studyscope_aggregator",
        "studyscope_dashboards",
        "studyscope_demo",
        "fastapi",
        "grafana_foundation_sdk",
    }
    assert (image.root / "usr/share/doc/studyscope/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert image.settings["User"] == f"{NOBODY}:{NOBODY}"
    assert image.settings["Healthcheck"]
    labels = image.settings["Labels"]
    assert isinstance(labels, dict)
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    commands = image.run("ls /opt/studyscope/bin")
    assert "studyscope-exporter" in commands.stdout
    assert "studyscope-aggregator" not in commands.stdout


def test_the_aggregators_image_founds_a_centre_and_is_healthy(images: Images, tmp_path: Path) -> None:
    image = images.built("aggregator")
    settings = private(tmp_path / "etc")
    check = image.settings["Healthcheck"]
    assert isinstance(check, dict)
    health = shlex.join(check["Test"][1:])

    done = image.run(
        "set -e; studyscope-aggregator init --layout compose --host centre.example --study liver --title Liver --lead 'L=l@x.example'"
        " --coordinator c@x.example --site 'berlin=Charite,Berlin,52,13' --smtp mail:25 --sender s@x.example; studyscope-aggregator check;"
        f" studyscope-aggregator serve & server=$!; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1; {health} && kill $server && exit 0; done; kill $server; exit 1",
        (settings, "/etc/studyscope"),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert (settings / "prometheus" / "prometheus.yml").exists()
