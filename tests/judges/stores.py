"""A second S3 server looks at what the program asks of one: moto, in a process of its own.

python3 stores.py PROGRAM ARTIFACTS MOTO_SERVER

Makes a vault in a bucket, lets several users publish to it at the same time, and checks that each release is there once and that no
number is missing.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

PROGRAM, ARTIFACTS, MOTO = (Path(argument).resolve() for argument in sys.argv[1:4])
WRITERS, RELEASES = 4, 5
BUCKET = "vaults"


def user(root, name, endpoint):
    """Makes a home, a key and a collection, and returns the environment and a function that runs the program."""
    home = root / name
    home.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / "key"], check=True)
    config = f"""[user]
\tname = {name}
\temail = {name}@example.invalid
\tsigningKey = {home}/key
[gpg]
\tformat = ssh
[skillmeat]
\tdurability = lazy
"""
    (home / "gitconfig").write_text(config)
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing-secret",
    }

    def run(*arguments):
        command = [str(PROGRAM), "--format", "json", *map(str, arguments)]
        done = subprocess.run(command, cwd=home / "skills", env=variables, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{name}: {arguments}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)["data"]

    (home / "skills").mkdir()
    run("init", ".", "--name", "mine")
    public = " ".join((home / "key.pub").read_text().split()[:2])
    run("trust", "add", f"{name}@example.invalid", "--key", public)
    run("add", ARTIFACTS, "--all", "--yes")
    return run, variables, public


def main():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([MOTO, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT"))
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise SystemExit("moto does not answer")
        with tempfile.TemporaryDirectory() as folder:
            check(Path(folder), endpoint)
    finally:
        server.terminate()
        server.wait()


def check(root, endpoint):
    ada, _, _ = user(root, "ada", endpoint)
    address = f"s3://{BUCKET}/team"
    ledger = ada("vault", "init", address)["ledger"]
    ada("vault", "add", "team", address, "--ledger", ledger)
    writers = []
    for number in range(WRITERS):
        name = f"writer{number}"
        run, _, public = user(root, name, endpoint)
        run("vault", "add", "team", address, "--ledger", ledger)
        ada("vault", "role", "grant", "team", f"{name}@example.invalid", "publisher", "--bundles", f"kit-{number}", "--key", public)
        for release in range(RELEASES):
            pack = root / f"{name}-{release}.skillmeat-pack"
            run("export", f"kit-{number}", "--version", f"1.{release}.0", "--all", "--output", pack)
        writers.append((number, run))
    tries = []

    def publish(number, run):
        for release in range(RELEASES):
            tries.append(run("vault", "push", "team", f"kit-{number}@1.{release}.0")["tries"])

    threads = [threading.Thread(target=publish, args=writer) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = WRITERS * RELEASES
    assert len(tries) == wanted, f"{len(tries)} of {wanted} were published"
    pulled = ada("vault", "pull", "team")
    assert pulled["releases"] == wanted, pulled
    assert ada("vault", "show", "team")["number"] == WRITERS + wanted
    print(f"moto agrees: {wanted} releases by {WRITERS} writers in {sum(tries)} tries")


main()
