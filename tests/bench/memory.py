"""Lets every allocation fail once, one a run, in what reads and writes: the command must end with an
exit code and a message, or as if nothing had happened, and leave nothing half-written. Where memory ends
within a library's function that may not throw, a temporary file stays, as after a kill: the next run must
remove it.
Usage: memory.py NARROWS FOLDER [CASES [SEED]]   CASES: allocations a job that fail (all, each 50th)"""
import collections
import os
import random
import shutil
import subprocess
import sys

narrows, folder = sys.argv[1:3]
cases = int(sys.argv[3]) if len(sys.argv) > 3 else None
dice = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
os.chdir(folder)
tally, findings = collections.Counter(), []
JOBS = {
    "look": (["info", "c.h5", "--check"], None),
    "dataset": (["import", "d.h5", "-o", "out/x.h5", "--level", "1"], "x.h5"),
    "codes": (["encode", "d.h5", "-m", "m.h5", "-o", "out/z.h5"], "z.h5"),
    "scores": (["score", "d.h5", "-m", "m.h5", "-o", "out/s.h5"], "s.h5"),
    "model": (["train", "d.h5", "--model", "undercomplete", "--hidden", "16", "--latent", "4", "--epochs", "2",
               "-o", "out/t.h5"], "t.h5"),
}


def run(words, at=None, log=None, keep=False):
    environment = dict(os.environ, LD_PRELOAD=os.path.join(folder, "memory.so"), NARROWS_THREADS="2")
    if at is not None:
        environment["NARROWS_MEMORY_AT"] = str(at)
    if log:
        environment["NARROWS_MEMORY_LOG"] = log
    if not keep:
        shutil.rmtree("out", ignore_errors=True)
        os.mkdir("out")
    try:
        process = subprocess.run([narrows, *words, "-q"], env=environment, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, timeout=60)
    except subprocess.TimeoutExpired:
        return 999, "hangs"
    return process.returncode, process.stderr.decode(errors="replace").strip()


def finding(text):
    findings.append(text)
    print("finding:", text, flush=True)


subprocess.run([narrows, "generate", "digits", "-n", "400", "-o", "d.h5", "-q"], check=True)
subprocess.run([narrows, "import", "d.h5", "-o", "c.h5", "--level", "1", "-q"], check=True)
subprocess.run([narrows, "train", "d.h5", "--model", "undercomplete", "--epochs", "1", "-o", "m.h5", "-q"], check=True)
for job, (words, output) in JOBS.items():
    code, error = run(words, log="count")
    if code != 0:
        finding(f"{job} does not run under the shim: {error}")
        continue
    clean = open(f"out/{output}", "rb").read() if output else None
    count = int(open("count").read())
    places = list(range(count)) if cases else list(range(0, count, 50))
    if cases and len(places) > cases:
        places = dice.sample(places, cases)
    for at in places:
        code, error = run(words, at)
        what = f"{job}, allocation {at} of about {count}"
        if code == 999 or code < 0 or code > 4:
            finding(f"{what}: ends with {code}: {error[-300:]}")
            tally[f"{job}: crashed"] += 1
        elif code != 0 and not error:
            finding(f"{what}: exit code {code} without a message")
        tally[f"{job}: " + ("went on" if code == 0 else f"ended with exit code {code}")] += 1
        left = sorted(os.listdir("out"))
        if output in left and open(f"out/{output}", "rb").read() != clean:
            finding(f"{what}: {output} is half-written")
        if code == 0 and output and output not in left:
            finding(f"{what}: said to be done, and there is no {output}")
        if any(name.startswith(".") for name in left):
            tally[f"{job}: left a temporary file"] += 1
            if run(words, keep=True)[0] != 0 or sorted(os.listdir("out")) != [output]:
                finding(f"{what}: left behind {left}, and the next run {sorted(os.listdir('out'))}")
for what in sorted(tally):
    print(f"{tally[what]:>7}  {what}")
print(f"{len(findings):>7}  findings")
sys.exit(1 if findings else 0)
