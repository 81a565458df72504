"""Servers of others look at what the program asks of object storage: moto for S3, Azurite for Azure, each in a process of its own.

python3 stores.py PROGRAM ARTIFACTS moto|azurite SERVER

Makes a vault in a bucket, lets several users publish to it at the same time, and checks that each release is there once and that no
number is missing. Another user reads it, also from a mirror, and so does plain git. Azurite also writes down the headers of each
request: no small file may be written without a condition, and no head may be lost.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from email.utils import formatdate
from pathlib import Path

PROGRAM, ARTIFACTS = (Path(argument).resolve() for argument in sys.argv[1:3])
WRITERS, RELEASES = 4, 5
BUCKET = "vaults"
# What is larger than 8 MiB is sent in parts.
LARGE_BYTES = 9 * 1024 * 1024
# The files that several writers change, and the one that the probe makes.
GUARDED = re.compile(r"/(head\.json|info/refs|info/packs|probe-[^/]*)$")


class Moto:
    """S3, as moto has it. It checks no signatures."""

    name, scheme = "moto", "s3"

    def __init__(self, server, port, folder):
        self.endpoint = f"http://127.0.0.1:{port}"
        self.command = [server, "-H", "127.0.0.1", "-p", str(port)]
        self.environment = {}
        self.public = f"{self.endpoint}/{BUCKET}"

    def make_bucket(self):
        """Makes the bucket, whose objects everyone may read."""
        policy = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [policy]}).encode()
        for address, body in [(self.public, None), (f"{self.public}?policy", policy)]:
            headers = {"Content-Type": "application/json"} if body else {}
            urllib.request.urlopen(urllib.request.Request(address, method="PUT", data=body, headers=headers))

    def variables(self, number):
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing-secret",
        }

    def check_requests(self, ada, lost):
        """It tells nothing of requests."""


class Azurite:
    """Azure Blob Storage, as Azurite has it: it checks the signature of each request against the key of the account."""

    name, scheme = "azurite", "az"
    account = "teamvaults"

    def __init__(self, server, port, folder):
        self.log = folder / "azurite.log"
        self.key = base64.b64encode(secrets.token_bytes(64)).decode()
        self.host = f"http://127.0.0.1:{port}"
        self.public = f"{self.host}/{self.account}/{BUCKET}"
        self.command = [server, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence"]
        self.command += ["--disableTelemetry", "--silent", "--debug", str(self.log)]
        self.environment = {"AZURITE_ACCOUNTS": f"{self.account}:{self.key}"}

    def make_bucket(self):
        """Makes the container, whose blobs everyone may read, by a request signed as Azure's "Shared Key" says."""
        headers = {"x-ms-blob-public-access": "blob", "x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        resource = f"/{self.account}/{self.account}/{BUCKET}\nrestype:container"
        text = "PUT" + "\n" * 12 + lines + resource
        signature = hmac.digest(base64.b64decode(self.key), text.encode(), hashlib.sha256)
        headers["Authorization"] = f"SharedKey {self.account}:{base64.b64encode(signature).decode()}"
        urllib.request.urlopen(urllib.request.Request(f"{self.public}?restype=container", method="PUT", headers=headers))

    def variables(self, number):
        """Half of the users name the address of the server, and half say that it is an emulator."""
        keys = {"AZURE_STORAGE_ACCOUNT_NAME": self.account, "AZURE_STORAGE_ACCOUNT_KEY": self.key}
        if number % 2:
            return keys | {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": self.host}
        return keys | {"AZURE_STORAGE_ENDPOINT": f"{self.host}/{self.account}", "AZURE_ALLOW_HTTP": "true"}

    def check_requests(self, ada, lost):
        """Checks that a wrong key is refused and not told, that each write of a small file had a condition which the server heeded,
        and that there are as many heads as writes of one that were taken: none was written over unseen."""
        wrong = base64.b64encode(secrets.token_bytes(64)).decode()
        before = urllib.request.urlopen(f"{self.public}/team/head.json").read()
        said = ada.refused("vault", "checkpoint", "team", AZURE_STORAGE_ACCOUNT_KEY=wrong)
        assert "refuses access" in said and wrong not in said and self.key not in said, said
        assert urllib.request.urlopen(f"{self.public}/team/head.json").read() == before
        conditions, answers = {}, {}
        for line in self.log.read_text().splitlines():
            if asked := re.search(r" (\S+) \w+: \w+: RequestMethod=PUT RequestURL=(\S+) RequestHeaders:(\{.*?\}) ", line):
                url = asked[2].split("?")[0]
                if GUARDED.search(url):
                    headers = json.loads(asked[3])
                    conditions[asked[1]] = (url, headers.get("if-none-match") or headers.get("if-match"))
            elif ended := re.search(r" (\S+) \w+: \w+: End response\. .*StatusCode=(\d+)", line):
                answers[ended[1]] = int(ended[2])
        without = [url for url, condition in conditions.values() if not condition]
        assert conditions and not without, f"{len(conditions)} writes, and these had no condition: {without}"
        written = [(url, condition, answers[id]) for id, (url, condition) in conditions.items()]
        # Making a vault or a mirror asks for what must be refused: a file that is there made anew, and a version replaced that is gone.
        probes = {}
        for url, condition, status in written:
            if "/probe-" in url:
                probes.setdefault(url, []).append((condition == "*", status))
        assert all(any(f"/{place}/" in url for url in probes) for place in ["team", "mirror"]), probes
        refusing = [(True, 201), (True, 409), (False, 201), (False, 412)]
        assert all(probe == refusing for probe in probes.values()), probes
        heads = [status for url, _, status in written if url.endswith("/team/head.json")]
        refused = sum(status in (409, 412) for status in heads)
        # Others see that they have lost before they write.
        assert refused <= lost and heads.count(201) + refused == len(heads), f"{heads}, and {lost} were lost"
        serial = json.loads(json.loads(before)["payload"])["serial"]
        assert heads.count(201) == serial, f"{heads.count(201)} writes were taken, and the last one has number {serial}"
        print(f"{self.name} agrees: all {len(written)} writes of small files had a condition, and of head.json {refused} were refused")


class User:
    """Someone with a home, a key and a collection."""

    def __init__(self, root, name, variables):
        self.name, self.home = name, root / name
        self.home.mkdir()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.home / "key"], check=True)
        config = f"""[user]
\tname = {name}
\temail = {name}@example.invalid
\tsigningKey = {self.home}/key
[gpg]
\tformat = ssh
[skillmeat]
\tdurability = lazy
"""
        (self.home / "gitconfig").write_text(config)
        self.variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GIT_CONFIG_GLOBAL": str(self.home / "gitconfig"),
            "GIT_CONFIG_SYSTEM": "/dev/null",
            **variables,
        }
        (self.home / "skills").mkdir()
        self.run("init", ".", "--name", "mine")
        self.public = " ".join((self.home / "key.pub").read_text().split()[:2])
        self.run("trust", "add", f"{name}@example.invalid", "--key", self.public)

    def start(self, arguments, variables):
        command = [str(PROGRAM), "--format", "json", *map(str, arguments)]
        environment = self.variables | variables
        return subprocess.run(command, cwd=self.home / "skills", env=environment, capture_output=True, text=True)

    def run(self, *arguments):
        done = self.start(arguments, {})
        if done.returncode != 0:
            raise SystemExit(f"{self.name}: {arguments}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)["data"]

    def refused(self, *arguments, **variables):
        """Runs what must fail with these variables, and returns all that was said."""
        done = self.start(arguments, variables)
        assert done.returncode == 1, f"{self.name}: {arguments}: {done}"
        return done.stdout + done.stderr


def main():
    kind = {kind.name: kind for kind in (Moto, Azurite)}[sys.argv[3]]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        store = kind(str(Path(sys.argv[4]).absolute()), port, Path(folder))
        environment = os.environ | store.environment
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = subprocess.Popen(store.command, env=environment, cwd=folder, **quiet)
        try:
            for _ in range(200):
                try:
                    store.make_bucket()
                    break
                except urllib.error.HTTPError as error:
                    raise SystemExit(f"no bucket can be made: {error} {error.read().decode()}") from error
                except OSError:
                    time.sleep(0.1)
            else:
                raise SystemExit(f"{store.name} does not answer")
            check(Path(folder), store)
        finally:
            server.terminate()
            server.wait()


def check(root, store):
    ada = User(root, "ada", store.variables(0))
    ada.run("add", ARTIFACTS, "--all", "--yes")
    address = f"{store.scheme}://{BUCKET}/team"
    ledger = ada.run("vault", "init", address)["ledger"]
    ada.run("vault", "add", "team", address, "--ledger", ledger)
    writers = []
    for number in range(WRITERS):
        one = User(root, f"writer{number}", store.variables(number))
        one.run("add", ARTIFACTS, "--all", "--yes")
        one.run("vault", "add", "team", address, "--ledger", ledger)
        grant = ["publisher", "--bundles", f"kit-{number}", "--key", one.public]
        ada.run("vault", "role", "grant", "team", f"{one.name}@example.invalid", *grant)
        for release in range(RELEASES):
            pack = root / f"{one.name}-{release}.skillmeat-pack"
            one.run("export", f"kit-{number}", "--version", f"1.{release}.0", "--all", "--output", pack)
        writers.append(one)
    tries = race(writers)
    wanted = WRITERS * RELEASES
    assert len(tries) == wanted, f"{len(tries)} of {wanted} were published"
    pulled = ada.run("vault", "pull", "team")
    assert pulled["releases"] == wanted, pulled
    assert ada.run("vault", "show", "team")["number"] == WRITERS + wanted
    print(f"{store.name} agrees: {wanted} releases by {WRITERS} writers in {sum(tries)} tries")
    publish_large(root, store, ada)
    read(root, store, ledger, wanted + 1)
    store.check_requests(ada, sum(tries) - wanted)


def race(writers):
    """All publish at once; returns how many tries each release took."""
    tries = []

    def publish(number, one):
        for release in range(RELEASES):
            tries.append(one.run("vault", "push", "team", f"kit-{number}@1.{release}.0")["tries"])

    threads = [threading.Thread(target=publish, args=writer) for writer in enumerate(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tries


def publish_large(root, store, ada):
    """Publishes what is sent in parts, and makes a mirror of it all."""
    skill = root / "large"
    skill.mkdir()
    (skill / "SKILL.md").write_text("---\nname: large\ndescription: Has a file that does not fit into one request.\n---\nNothing.\n")
    (skill / "data.bin").write_bytes(secrets.token_bytes(LARGE_BYTES))
    ada.run("add", skill, "--yes")
    ada.run("export", "large-kit", "--version", "1.0.0", "--all", "--output", root / "large.skillmeat-pack")
    ada.run("vault", "push", "team", "large-kit")
    ada.run("vault", "mirror", "add", "team", f"{store.scheme}://{BUCKET}/mirror")
    ada.run("vault", "mirror", "push", "team")


def read(root, store, ledger, wanted):
    """Someone who has none of it reads the vault and its mirror; so does plain git, without any key."""
    for number, place in enumerate(["team", "mirror"]):
        reader = User(root, f"reader-{place}", store.variables(number))
        reader.run("vault", "add", "copy", f"{store.scheme}://{BUCKET}/{place}", "--ledger", ledger)
        pulled = reader.run("vault", "pull", "copy")
        assert pulled["releases"] == wanted, pulled
        reader.run("import", "copy:large-kit", "--yes")
        data = (root / "large/data.bin").read_bytes()
        assert (reader.home / "skills/skills/large/data.bin").read_bytes() == data, "it is what was published"
        reader.run("vault", "check", "copy", "--remote", "--read-data")

        def git(*arguments):
            done = subprocess.run(["git", *map(str, arguments)], env=reader.variables, capture_output=True, text=True)
            assert done.returncode == 0, f"git {arguments}: {done.stderr}"
            return done.stdout

        clone = root / f"clone-{place}"
        git("clone", "--quiet", "--mirror", f"{store.public}/{place}", clone)
        git("-C", clone, "fsck", "--strict", "--no-dangling")
        assert len(git("-C", clone, "tag", "--list").split()) == wanted
        headers = urllib.request.urlopen(f"{store.public}/{place}/head.json").headers
        assert (headers["Content-Type"], headers["Cache-Control"]) == ("application/json", "no-cache"), headers
    print(f"{store.name} agrees: {wanted} releases are read by another user and by git, from the vault and from a mirror")


main()
