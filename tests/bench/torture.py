"""What tools/torture.sh runs: kills and faults at counted calls, for the writers of datasets, models
with checkpoints, and codes. Usage: torture.py NARROWS FOLDER MINUTES SEED"""
import filecmp
import os
import random
import shutil
import signal
import subprocess
import sys
import time

narrows, folder, minutes, seed = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
dice = random.Random(seed)
deadline = time.monotonic() + 60 * minutes
shim = os.path.join(folder, "fault.so")
tally, findings = {}, []
os.chdir(folder)


def count(what, number=1):
    tally[what] = tally.get(what, 0) + number


def run(words, at=None, kind="", log=None, kill_after=None, timeout=120):
    environment = dict(os.environ)
    if at is not None or log:
        environment["LD_PRELOAD"] = shim
        environment["NARROWS_FAULT_KIND"] = kind
        if at is not None:
            environment["NARROWS_FAULT_AT"] = str(at)
        if log:
            environment["NARROWS_FAULT_LOG"] = log
    process = subprocess.Popen([narrows, *words, "-q"], env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, cwd=folder)
    try:
        if kill_after is not None:
            time.sleep(kill_after)
            process.kill()
        error = process.communicate(timeout=timeout)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return 999, b"hang"
    return process.returncode, error


def finding(text):
    findings.append(text)
    print("finding:", text, flush=True)


def prepare():
    subprocess.run([narrows, "generate", "digits", "-n", "1500", "-o", "d.h5", "-q"], check=True)
    subprocess.run([narrows, "train", "d.h5", "--model", "undercomplete", "--epochs", "1", "-o", "m.h5", "-q"],
                   check=True)


# A job: its words, its output, can it go on, and the clean result.
JOBS = {
    "dataset": (["import", "d.h5", "-o", "out/x.h5", "--level", "1"], "x.h5", False),
    "codes": (["encode", "d.h5", "-m", "m.h5", "-o", "out/z.h5"], "z.h5", True),
    "live codes": (["encode", "d.h5", "-m", "m.h5", "--live", "-o", "out/z.h5"], "z.h5", True),
    "model": (["train", "d.h5", "--model", "undercomplete", "--hidden", "16", "--latent", "4", "--epochs", "3",
               "-o", "out/t.h5"], "t.h5", True),
}


def fresh(old):
    shutil.rmtree("out", ignore_errors=True)
    os.mkdir("out")
    if old:
        shutil.copy(old, os.path.join("out", os.path.basename(old)[4:]))


def check(name, clean, old, what, can_resume):
    """What is under the final name is whole: the old or the new file. Then the job ends well."""
    words, output, _ = JOBS[name]
    path = os.path.join("out", output)
    live = name == "live codes"
    if os.path.exists(path) and not filecmp.cmp(path, clean, False) and not (old and filecmp.cmp(path, old, False)):
        if not live or run(["info", path])[0] != 4:
            return finding(f"{what}: {path} is neither the old file nor the new one")
    code, error = run(words + (["--resume"] if can_resume else []))
    if code != 0:
        return finding(f"{what}: cannot go on: {error.decode(errors='replace').strip()}")
    if not filecmp.cmp(path, clean, False):
        return finding(f"{what}: went on to other bytes")
    left = [entry for entry in os.listdir("out") if entry != output]
    if left:
        finding(f"{what}: left behind {left}")


def enumerate_faults(name):
    words, output, can_resume = JOBS[name]
    clean = f"clean-{output}"
    fresh(None)
    code, _ = run(words, log=os.path.join(folder, "calls"))
    if code != 0:
        return finding(f"{name} does not run under the shim")
    shutil.copy(os.path.join("out", output), clean)
    calls = int(open("calls").read())
    cases = [(at, kind) for at in range(calls) for kind in ("kill", "torn", "eio", "full", "short")]
    dice.shuffle(cases)
    if name == "dataset":  # HDF5 writes here: errors that it holds back were lost once
        cases.sort(key=lambda case: case[1] != "eio")
    yield
    for at, kind in cases:
        fresh(None)
        code, error = run(words, at=at, kind=kind)
        count(f"{name}: {kind}")
        if code == 999:
            finding(f"{name} {kind} at call {at}: hangs")
        elif code < 0 and not (kind in ("kill", "torn") and code == -signal.SIGKILL):
            finding(f"{name} {kind} at call {at}: ended by signal {-code}")
        elif kind in ("eio", "full") and code not in (0, 1, 2, 4):
            finding(f"{name} {kind} at call {at}: exit code {code}")
        elif kind == "short" and code != 0:
            finding(f"{name} short write at call {at}: {error.decode(errors='replace').strip()}")
        check(name, clean, None, f"{name} {kind} at call {at} of {calls}", can_resume)
        yield


def random_kills(name):
    words, output, can_resume = JOBS[name]
    clean = f"clean-{output}"
    fresh(None)
    started = time.monotonic()
    run(words)
    whole = time.monotonic() - started
    shutil.copy(os.path.join("out", output), clean)
    while True:
        fresh(None)
        for _ in range(dice.randint(1, 3)):
            run(words + (["--resume"] if can_resume else []), kill_after=dice.uniform(0, whole))
            count(f"{name}: random kill")
        check(name, clean, None, f"{name} after random kills", can_resume)
        yield


prepare()
works = [enumerate_faults(name) for name in JOBS] + [random_kills(name) for name in JOBS]
while works and time.monotonic() < deadline:
    for work in list(works):
        if time.monotonic() >= deadline:
            break
        try:
            next(work)
        except StopIteration:
            works.remove(work)
print(f"seed {seed}, {minutes} minutes")
for what in sorted(tally):
    print(f"{tally[what]:>7}  {what}")
print(f"{len(findings):>7}  findings")
sys.exit(1 if findings else 0)
