"""Damaged copies of every kind of file that narrows writes: refused, or the same values as before.

damage.py NARROWS FOLDER COPIES SEED. A few bits flipped, a field at its limit, or the end cut off; a
copy is read from end to end, and what is accepted is written anew as a plain file, whose bytes must
be those of the whole one. No signal, no hang over five seconds, at most 1 GiB. Prints a tally of each
kind; exit 1 on a finding.
"""
import concurrent.futures
import filecmp
import glob
import os
import random
import resource
import subprocess
import sys

narrows, folder, copies, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
os.chdir(folder)
DAMAGED = 4  # exit code
MOST_BYTES = 1 << 30
# What writes each kind; "plain" makes it anew, or is None where no damage may be accepted at all.
KINDS = {
    "dataset": ("generate digits -n 300 -o dataset.h5", "repack"),
    "packed dataset": ("import dataset.h5 -o packed.h5 --level 1", "repack"),
    "model": ("train dataset.h5 --model undercomplete --hidden 16 --latent 4 --epochs 1 -o model.h5", None),
    "checkpoint": ("train dataset.h5 --model undercomplete --hidden 16 --latent 4 --epochs 1 --keep-checkpoints "
                   "-o kept.h5", None),
    "codes": ("encode dataset.h5 -m model.h5 -o codes.h5", "repack"),
    "scores": ("score dataset.h5 -m model.h5 -o scores.h5", "repack"),
    "map": ("map dataset.h5 --method pca -o map.h5", "repack"),
    "compressed": ("compress dataset.h5 -o compressed.h5 --abs 0.01", "decompress"),
}


def run(words):
    """Exit code (None: it hangs) and stderr of one command with its memory limited."""
    try:
        done = subprocess.run([narrows, *words, "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=5,
                              text=True, errors="replace",
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES)))
    except subprocess.TimeoutExpired:
        return None, "hangs"
    return done.returncode, done.stderr.strip()


def damaged(data, dice):
    data = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    if dice.random() < 0.3:  # where the structures are
        at = dice.randrange(min(len(data), 8192) - 8)
        data[at:at + 8] = bytes([dice.choice([0, 0x7F, 0xFF])] * 8)
    if dice.random() < 0.1:
        del data[dice.randrange(len(data)):]
    return data


def one(kind, source, whole, plain, number):
    """None where all is well, else what was found; and was it refused."""
    base = f"{kind.replace(' ', '-')}-{number}"
    bad, anew = f"{base}.h5", f"{base}-anew.h5"
    with open(bad, "wb") as file:
        file.write(damaged(source, random.Random(f"{seed} {kind} {number}")))
    problem = None
    code, error = run(["info", bad, "--check"])
    if code not in (0, DAMAGED):
        problem = f"exit code {code}: {error}"
    elif code == 0 and plain is None:
        problem = "was accepted"
    elif code == 0:
        again, error = run([plain, bad, "-o", anew])
        if again not in (0, DAMAGED):
            problem = f"was accepted, then {plain} gave exit code {again}: {error}"
        elif again == 0 and not filecmp.cmp(anew, whole, False):
            problem = "gave other values without an error"
        if os.path.exists(anew) and problem is None:
            os.unlink(anew)
    if problem is None:
        os.unlink(bad)
    return problem, code == DAMAGED


def make(kind):
    words, plain = KINDS[kind]
    subprocess.run([narrows, *words.split(), "-q"], check=True, stdout=subprocess.DEVNULL)
    path = words.split("-o ")[1].split()[0]
    if kind == "checkpoint":
        path = sorted(glob.glob("kept.ckpt/*.h5"))[-1]
    code, error = run(["info", path, "--check"])
    if code != 0:  # else all copies would be refused whatever is wrong with them
        sys.exit(f"{kind}: the whole file is refused: exit code {code}: {error}")
    whole = None
    if plain:
        whole = f"whole-{path}"
        subprocess.run([narrows, plain, path, "-o", whole, "-q"], check=True)
    return path, whole


findings = 0
workers = os.cpu_count() or 1
print(f"seed {seed}, {copies} copies a kind")
for kind, (_, plain) in KINDS.items():
    path, whole = make(kind)
    with open(path, "rb") as file:
        source = file.read()
    refused = 0
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for number, (problem, was_refused) in enumerate(
                pool.map(lambda n: one(kind, source, whole, plain, n), range(copies))):
            refused += was_refused
            if problem:
                findings += 1
                print(f"finding: {kind} {number}: {problem}", flush=True)
    print(f"{copies:>7}  {kind}: {refused} refused, {copies - refused} read", flush=True)
print(f"{findings:>7}  findings")
sys.exit(1 if findings else 0)
