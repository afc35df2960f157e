#!/usr/bin/env python3
"""Training over ranks: 1, 2 and 4 give one file, byte for byte; a killed rank leaves a run that goes on
with another number of ranks. Usage: ranks.py BUILD_DIR. Exit 77 (skipped) without mpirun."""
import glob
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--mca", "btl_vader_single_copy_mechanism",
          "none", "--mca", "mpi_yield_when_idle", "1"]
# Every way in which layers share their work: rows apart and together, tied, shared kernels, stages,
# moments left with their rank, two passes through one encoder, a last batch that is smaller.
KINDS = [
    ("dense", "digits", "--model undercomplete"),
    ("odd-batch", "digits", "--model deep --hidden 100,50 --latent 7 --batch 37"),
    ("tied", "digits", "--model tied --hidden 64 --latent 8 --optimizer sgd --rate 5e-4"),
    ("convolutional", "digits", "--model convolutional"),
    ("convolutional-1d", "waves", "--model convolutional"),
    ("variational", "digits", "--model variational"),
    ("anomaly", "waves", "--model anomaly"),
    ("contractive", "digits", "--model contractive"),
    ("sparse", "digits", "--model sparse --sparsity k:25 --latent 100"),
    ("vector-quantised", "digits", "--model vector-quantised"),
    ("layerwise", "digits", "--model layerwise --hidden 64 --latent 8 --corruption masking:0.25"),
    ("validated", "digits", "--model undercomplete --validate 0.2 --patience 2"),
]


def main(build):
    if not shutil.which("mpirun"):
        print("skipped: mpirun is not here (openmpi-bin)")
        return 77
    command = os.path.join(build, "bin", "narrows")

    def run(text, ranks=1, expect=0):
        start = [*MPIRUN, "-n", str(ranks)] if ranks > 1 else []
        done = subprocess.run([*start, command, *shlex.split(text), "--threads", "1"],
                              capture_output=True, text=True)
        if done.returncode != expect:
            sys.exit(f"narrows {text} on {ranks} ranks: exit {done.returncode}, expected {expect}\n"
                     f"{done.stdout}{done.stderr}")
        return done

    def digest(name):
        with open(name, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()[:16]

    for name in ("digits", "waves"):
        run(f"generate {name} -n 500 -o {name}.h5 -q")
    failed = 0
    for kind, data, options in KINDS:
        found = []
        for ranks in (1, 2, 4):
            run(f"train {data}.h5 {options} --epochs 3 -o {kind}{ranks}.h5 -q", ranks)
            found.append(digest(f"{kind}{ranks}.h5"))
        same = len(set(found)) == 1
        failed += not same
        print(f"{kind:<18}{found[0]}{'' if same else '  OTHER BITS: ' + ' '.join(found[1:])}")

    # What all ranks meet is said once, and its exit code stays.
    wrong = run("train none.h5 --model linear -o x.h5", 2, expect=4)
    if wrong.stderr.count("narrows: error") != 1:
        sys.exit(f"expected one message\n{wrong.stderr}")
    run("encode digits.h5 -m dense1.h5 -o z.h5", 2, expect=2)
    run("classify predict digits.h5 -m dense1.h5 -o z.csv", 2, expect=2)
    with open("stream.toml", "w") as file:
        file.write(run("encode digits.h5 -m dense1.h5 -o z.h5 --print-pipeline").stdout)
    if "over ranks" not in run("run stream.toml", 2, expect=2).stderr or os.path.exists("z.h5"):
        sys.exit("a streaming pipeline ran over ranks")

    # A rank is killed after its second checkpoint; three ranks go on.
    options = ("train digits.h5 --model undercomplete --batch 250 --epochs 30 -q "
               "--set 'node.keep.every=\"1 epoch\"'")
    run(f"{options} -o whole.h5")
    process = subprocess.Popen([*MPIRUN, "-n", "2", command, *shlex.split(options), "-o", "killed.h5",
                                "--threads", "1"], stderr=subprocess.PIPE, text=True)
    while process.poll() is None and len(glob.glob("killed.ckpt/ckpt-*.h5")) < 2:
        time.sleep(0.01)
    for pid in children(process.pid)[-1:]:
        os.kill(pid, signal.SIGKILL)
    said = process.communicate()[1]
    if process.returncode == 0 or "rank" not in said or os.path.exists("killed.h5"):
        sys.exit(f"a killed rank: exit {process.returncode}\n{said}")
    print(f"killed rank: exit {process.returncode}, "
          + next(line for line in said.splitlines() if "rank" in line).strip())
    run(f"{options} -o killed.h5 --resume", 3)
    if digest("killed.h5") != digest("whole.h5"):
        sys.exit("the resumed run has other bits")
    print("resumed on 3 ranks: the bits of one run")
    return 1 if failed else 0


def children(pid):
    """Of mpirun: the ranks, in the order of their start."""
    found = []
    for folder in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(folder) as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended
        if int(fields[1]) == pid:
            found.append(int(folder.split("/")[2]))
    return sorted(found)


if __name__ == "__main__":
    build_dir = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.exit(main(build_dir))
