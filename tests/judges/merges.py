#!/usr/bin/env python3
"""Compares `git skillmeat update` with `git merge-tree` on histories of real repositories.

Usage: merges.py PROGRAM PAIRS REPOSITORY...

For each pair of states of a skill in a history: the old one is added to a collection and edited by a rule, the new one is
what the upstream has. `git merge-tree` merges the same three trees. The result and the set of conflicts must be equal.
Ends with a count, and with 1 if anything differs.
"""
import os
import random
import subprocess
import sys
import tempfile

program, pairs, repositories = os.path.abspath(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
random.seed(7)


def git(folder, *args, data=None, check=True):
    run = subprocess.run(["git", "-C", folder, *args], input=data, capture_output=True)
    if check and run.returncode != 0:
        raise SystemExit(f"git {args}: {run.stderr.decode(errors='replace')}")
    return run.stdout.decode(errors="replace").rstrip("\n"), run.returncode


def states(repository):
    """Returns (skill folder, old commit, new commit) where the folder has a SKILL.md in both."""
    log, _ = git(repository, "log", "--first-parent", "--format=%H", "-n", "3000", "HEAD")
    commits = log.split("\n")
    found = []
    for new, old in zip(commits, commits[1:]):
        names, _ = git(repository, "diff-tree", "-r", "--no-commit-id", "--name-only", old, new)
        folders = set()
        for name in names.split("\n"):
            parts = name.split("/")
            for depth in range(1, len(parts)):
                folders.add("/".join(parts[:depth]))
        for folder in sorted(folders):
            both = all(git(repository, "cat-file", "-e", f"{c}:{folder}/SKILL.md", check=False)[1] == 0 for c in (old, new))
            plain = git(repository, "ls-tree", "-r", old, folder + "/")[0] + git(repository, "ls-tree", "-r", new, folder + "/")[0]
            if both and "120000 " not in plain and "160000 " not in plain:
                found.append((folder, old, new))
    return found


def edit(folder, files):
    """Changes some lines, adds and removes files: the same for the same seed."""
    texts = [f for f in files if f.endswith((".md", ".py", ".sh", ".txt", ".json", ".js"))]
    for name in random.sample(texts, min(len(texts), random.choice([1, 1, 2]))):
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
        at = random.randrange(len(lines))
        how = random.choice(["change", "insert", "delete", "append"])
        if how == "change":
            lines[at] += b" (mine)"
        elif how == "insert":
            lines.insert(at, b"A line of mine.")
        elif how == "delete" and len(lines) > 4:
            del lines[at]
        else:
            lines.append(b"The last line is mine.")
        # Its head stays, so that it remains a skill.
        if name == "SKILL.md" and not b"\n".join(lines).startswith(b"---"):
            continue
        with open(path, "wb") as file:
            file.write(b"\n".join(lines))
    if random.random() < 0.2:
        with open(os.path.join(folder, "mine.md"), "w") as file:
            file.write("mine\n")
    others = [f for f in texts if f != "SKILL.md"]
    if others and random.random() < 0.1:
        os.remove(os.path.join(folder, random.choice(others)))
    if others and random.random() < 0.1:
        name = random.choice(others)
        if os.path.exists(os.path.join(folder, name)):
            os.rename(os.path.join(folder, name), os.path.join(folder, "renamed-" + os.path.basename(name)))


def tree_of(source, commit, folder):
    """Writes the folder of a commit as a tree that is laid out as a collection has it; returns a commit of it."""
    listing, _ = git(source, "ls-tree", "-r", "-z", f"{commit}:{folder}")
    return listing


work = tempfile.mkdtemp(prefix="skillmeat-judge-")
home = os.path.join(work, "home")
os.mkdir(home)
os.environ.update(HOME=home, GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL=os.path.join(home, "gitconfig"))
for key, value in [("user.name", "Judge"), ("user.email", "judge@example.invalid"), ("skillmeat.durability", "lazy"),
                   ("init.defaultBranch", "main"), ("core.autocrlf", "false")]:
    subprocess.run(["git", "config", "--global", key, value], check=True)

candidates = []
for repository in repositories:
    candidates += [(repository, *state) for state in states(repository)]
random.shuffle(candidates)
counts = {"clean": 0, "conflict": 0, "refused": 0, "different": 0}
for number, (repository, folder, old, new) in enumerate(candidates):
    if counts["clean"] + counts["conflict"] >= pairs:
        break
    case = os.path.join(work, str(number))
    source, collection = os.path.join(case, "source"), os.path.join(case, "collection")
    os.makedirs(source)
    git(source, "init", "-q")
    alternates = os.path.join(source, ".git/objects/info/alternates")
    objects, _ = git(repository, "rev-parse", "--path-format=absolute", "--git-path", "objects")
    with open(alternates, "w") as file:
        file.write(objects + "\n")
    # Only the skill, at the place it has, on a history of two commits.
    commits = []
    for commit in (old, new):
        tree, _ = git(source, "rev-parse", f"{commit}:{folder}")
        git(source, "read-tree", "--empty")
        git(source, "read-tree", f"--prefix=skills/it/", tree)
        written, _ = git(source, "write-tree")
        parents = ["-p", commits[-1]] if commits else []
        commits.append(git(source, "commit-tree", "-m", "State", written, *parents)[0])
    git(source, "update-ref", "refs/heads/main", commits[0])

    def skillmeat(*args):
        return subprocess.run([program, *args], cwd=collection, capture_output=True)

    subprocess.run([program, "init", collection], check=True, capture_output=True)
    if skillmeat("add", source, "--all", "--yes").returncode != 0:
        counts["refused"] += 1
        continue
    names = os.listdir(os.path.join(collection, "skills"))
    place = f"skills/{names[0]}"
    here = os.path.join(collection, place)
    edit(here, git(collection, "ls-files", place)[0].replace(place + "/", "").split("\n"))
    git(collection, "add", "-A")
    git(collection, "commit", "-q", "--allow-empty", "-m", "Mine")
    # The three trees, as commits of a repository that has them all.
    with open(os.path.join(collection, ".git/objects/info/alternates"), "w") as file:
        file.write(objects + "\n" + os.path.join(source, ".git/objects") + "\n")

    def laid_out(tree):
        index = dict(os.environ, GIT_INDEX_FILE=os.path.join(case, "index"))
        for args in (["read-tree", "--empty"], ["read-tree", f"--prefix={place}/", tree]):
            subprocess.run(["git", "-C", collection, *args], env=index, check=True)
        written = subprocess.run(["git", "-C", collection, "write-tree"], env=index, check=True, capture_output=True)
        return git(collection, "commit-tree", "-m", "x", written.stdout.decode().strip())[0]

    base = laid_out(git(source, "rev-parse", f"{commits[0]}:skills/it")[0])
    ours = laid_out(git(collection, "rev-parse", f"HEAD:{place}")[0])
    theirs = laid_out(git(source, "rev-parse", f"{commits[1]}:skills/it")[0])
    out, status = git(collection, "merge-tree", "--write-tree", "--name-only", "--no-messages", f"--merge-base={base}", ours, theirs, check=False)
    lines = out.split("\n")
    expected, expected_conflicts = lines[0], sorted(set(lines[1:]))
    git(source, "update-ref", "refs/heads/main", commits[1])
    ran = skillmeat("--format", "json", "update", "--yes")
    import json
    data = json.loads(ran.stdout)
    if "error" in data:
        counts["refused"] += 1
        print("refused:", folder, old[:10], data["error"]["message"])
        continue
    item = data["data"]["artifacts"][0]
    if status == 0:
        found, _ = git(collection, "rev-parse", f"HEAD:{place}", check=False)
        wanted, _ = git(collection, "rev-parse", f"{expected}:{place}", check=False)
        same = found == wanted and item["step"] != "conflict"
        counts["clean" if same else "different"] += 1
    else:
        same = item["step"] == "conflict" and sorted(item["conflicts"]) == expected_conflicts
        counts["conflict" if same else "different"] += 1
    if not same:
        print("different:", repository, folder, old, new, "git:", status, expected_conflicts, "ours:", item["step"], item["conflicts"], case)
print(counts, "of", len(candidates), "candidates")
sys.exit(1 if counts["different"] else 0)
