"""What is on the disk after a power cut: enumerated from the log of the calls that change files
(trace.c), for the writers of datasets, codes, models and checkpoints. Between two syncs, writes and
names may be lost or reach the disk in any order; a sync of a file makes its data last, one of a folder
its names. Every state is looked at, and narrows goes on from it.
Usage: power_cut.py NARROWS FOLDER [RESUMES [SEED]]   RESUMES: states a job to go on from (all); below
ten of them, three of the jobs alone"""
import collections
import itertools
import os
import random
import shutil
import struct
import subprocess
import sys

narrows, folder = sys.argv[1:3]
resumes = int(sys.argv[3]) if len(sys.argv) > 3 else None
dice = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
os.chdir(folder)
CREATE, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, RMDIR = range(1, 9)
most_names, most_states = 6, 20000  # names in flight whose every subset is tried; states at one cut
findings, tally = [], collections.Counter()

DATA = ["import", "d.h5", "-o", "out/x.h5", "--level", "1"]
ENCODE = ["encode", "d.h5", "-m", "m.h5"]
TRAIN = ["train", "d.h5", "--model", "undercomplete", "--hidden", "16", "--latent", "4", "--epochs", "4",
         "-o", "out/t.h5"]
OFTEN = [*TRAIN, "--set", 'node.keep.every="4 steps"']  # four checkpoints
# Name: words, output, what stood in its place before, whether --resume goes on.
JOBS = {
    "dataset": (DATA, "x.h5", None, False),
    "dataset over an old one": (DATA, "x.h5", [*DATA[:-1], "6"], False),
    "codes": ([*ENCODE, "-o", "out/z.h5"], "z.h5", None, True),
    "codes over old ones": ([*ENCODE, "-o", "out/z.h5"], "z.h5", [*ENCODE, "--no-error", "-o", "out/z.h5"], True),
    "live codes": ([*ENCODE, "--live", "-o", "out/z.h5"], "z.h5", None, True),
    "scores": (["score", "d.h5", "-m", "m.h5", "-o", "out/s.h5"], "s.h5", None, False),
    "compressed": (["compress", "d.h5", "-o", "out/c.h5"], "c.h5", None, False),
    "model": (OFTEN, "t.h5", None, True),
    "model over another run": (OFTEN, "t.h5", [*OFTEN, "--seed", "7", "--keep-checkpoints"], True),
    "model over another run, no checkpoints": (TRAIN, "t.h5", [*OFTEN, "--seed", "7", "--keep-checkpoints"], True),
}


def finding(text):
    findings.append(text)
    if len(findings) <= 20:
        print("finding:", text, flush=True)


def run(words, trace=None):
    environment = dict(os.environ)
    if trace:
        environment.update(LD_PRELOAD=os.path.join(folder, "trace.so"), NARROWS_TRACE=trace)
    process = subprocess.run([narrows, *words, "-q"], env=environment, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, timeout=120)
    return process.returncode, process.stderr.decode(errors="replace").strip()


def tree(top):
    """{path: bytes}; a folder's bytes are None."""
    out = {}
    for entry in sorted(os.scandir(top), key=lambda e: e.name):
        if entry.is_dir():
            out[entry.name] = None
            out.update({f"{entry.name}/{name}": data for name, data in tree(entry.path).items()})
        else:
            out[entry.name] = open(entry.path, "rb").read()
    return out


def put_tree(files):
    shutil.rmtree("out", ignore_errors=True)
    os.mkdir("out")
    for name, data in files.items():
        path = os.path.join("out", name)
        if data is None:
            os.mkdir(path)
        else:
            open(path, "wb").write(data)


def read_log(path):
    raw, at = open(path, "rb").read(), 0
    while at < len(raw):
        kind, inode, second, offset, length = struct.unpack_from("<4QQ", raw, at)
        yield kind, inode, second, offset, raw[at + 40:at + 40 + length]
        at += 40 + length


class Disk:
    """What lasts, and what is in flight. Files and folders have numbers of their own here: the
    system gives an inode's number away again."""

    def __init__(self, top):
        self.numbers, self.next = {}, 0     # inode -> number
        self.data, self.flying = {}, {}     # of files: what lasts; [(offset or None, bytes or size)]
        self.names, self.changes = {}, {}   # of folders: what lasts; [[(folder, name, number or None)]]
        self.now = {}                       # of folders: what a program sees
        self.root = self.enter(top)

    def number(self, inode):
        self.numbers[inode] = self.next = self.next + 1
        return self.next

    def enter(self, path):
        number = self.number(os.stat(path).st_ino)
        self.names[number], self.changes[number], self.now[number] = {}, [], {}
        for entry in os.scandir(path):
            child = self.enter(entry.path) if entry.is_dir() else self.number(entry.inode())
            if not entry.is_dir():
                self.data[child], self.flying[child] = open(entry.path, "rb").read(), []
            self.names[number][entry.name] = self.now[number][entry.name] = child
        return number

    def change(self, folders, changes):
        for place, name, number in changes:
            if number is None:
                self.now[place].pop(name, None)
            else:
                self.now[place][name] = number
        for place in set(folders):
            self.changes[place].append(changes)

    def apply(self, kind, inode, second, offset, body):
        if inode not in self.numbers:
            return False
        own = self.numbers[inode]
        if kind == CREATE:
            child = self.number(second)
            self.data[child], self.flying[child] = b"", []
            self.change([own], [(own, body.decode(), child)])
        elif kind == MKDIR:
            child = self.number(second)
            self.names[child], self.changes[child], self.now[child] = {}, [], {}
            self.change([own], [(own, body.decode(), child)])
        elif kind in (UNLINK, RMDIR):
            self.change([own], [(own, body.decode(), None)])
        elif kind == RENAME:
            old, new = body.decode().split("\0")
            to = self.numbers[second]
            child = self.now[own][old]
            self.change([own, to], [(own, old, None), (to, new, child)])
        elif kind == WRITE:
            self.flying[own].append((offset, body))
        elif kind == TRUNCATE:
            self.flying[own].append((None, offset))
        elif kind == SYNC and own in self.names:
            for changes in self.changes[own]:
                for place, name, number in changes:
                    if number is None:
                        self.names[place].pop(name, None)
                    else:
                        self.names[place][name] = number
            self.changes[own] = []
        elif kind == SYNC:
            self.data[own] = written(self.data[own], self.flying[own])
            self.flying[own] = []
        return True

    def contents(self, number):
        """Every content that a file may have now: writes in flight as prefixes, with one of them
        missing, alone, torn; or a length without its data."""
        flying, base = self.flying[number], self.data[number]
        if not flying:
            return [base]
        count = len(flying)
        chosen = [flying[:n] for n in range(count + 1)]
        chosen += [flying[:n] + flying[n + 1:] for n in range(count)] + [[one] for one in flying]
        for n, (offset, body) in enumerate(flying):
            if offset is not None and len(body) > 1:
                chosen.append(flying[:n] + [(offset, body[:len(body) // 2])])
                chosen.append(flying[:n] + [(offset + len(body) // 2, body[len(body) // 2:])])
        out = {written(base, writes): None for writes in chosen}
        whole = written(base, flying)
        out[base[:len(whole)] + bytes(max(0, len(whole) - len(base)))] = None
        return list(out)

    def states(self):
        """Every tree that may be found now; contents of temporary files do not matter."""
        in_flight, seen = [], set()
        for place in self.changes:
            for changes in self.changes[place]:
                if id(changes) not in seen:
                    seen.add(id(changes))
                    in_flight.append(changes)
        if len(in_flight) <= most_names:
            subsets = [s for n in range(len(in_flight) + 1) for s in itertools.combinations(in_flight, n)]
        else:
            subsets = [in_flight[:n] for n in range(len(in_flight) + 1)]
            subsets += [in_flight[:n] + in_flight[n + 1:] for n in range(len(in_flight))]
            subsets += [[one] for one in in_flight]
        for subset in subsets:
            names = {place: dict(entries) for place, entries in self.names.items()}
            for place, name, number in itertools.chain(*subset):
                if number is None:
                    names[place].pop(name, None)
                else:
                    names[place][name] = number
            paths = dict(self.walk(names, self.root, ""))
            files = [number for path, number in paths.items() if number in self.data and not temporary(path)]
            options = [self.contents(number) for number in files]
            total = 1
            for option in options:
                total *= len(option)
            combinations = itertools.product(*options)
            if total > most_states:
                tally["states at a cut that were drawn, not all"] += 1
                combinations = ([dice.choice(option) for option in options] for _ in range(most_states))
            for combination in combinations:
                content = dict(zip(files, combination))
                yield {path: None if number in names else content.get(number, b"")
                       for path, number in paths.items()}

    def walk(self, names, place, prefix):
        for name, number in sorted(names[place].items()):
            yield prefix + name, number
            if number in names:
                yield from self.walk(names, number, prefix + name + "/")


def written(base, writes):
    if not writes:
        return base
    out = bytearray(base)
    for offset, body in writes:
        if offset is None:
            del out[body:]
            out.extend(bytes(body - len(out)))
        else:
            out.extend(bytes(max(0, offset - len(out))))
            out[offset:offset + len(body)] = body
    return bytes(out)


def temporary(path):
    return os.path.basename(path).startswith(".")


def checkpoint_step(path):
    name = os.path.basename(path)
    return int(name[5:-3]) if name.startswith("ckpt-") and name.endswith(".h5") else None


def look(job, state, old, clean, whole, promised):
    """Nothing half-written has a final name; what was promised to last is there."""
    output = JOBS[job][1]
    found = state.get(output)
    if job != "live codes" and found not in (None, old, clean):
        finding(f"{job}: {output} is neither the old file nor the new one")
    if old is not None and found is None:
        finding(f"{job}: the old {output} is gone and no new one is there")
    steps = {checkpoint_step(path): data for path, data in state.items() if checkpoint_step(path) is not None}
    for step, data in steps.items():
        if data not in whole.get(step, ()):
            finding(f"{job}: checkpoint {step} is not whole")
    if promised == "done" and found != clean:
        finding(f"{job}: the output was promised and is not there")
    if isinstance(promised, int) and found != clean and not any(step >= promised for step in steps):
        finding(f"{job}: checkpoint {promised} was promised, there are {sorted(steps)}")


def go_on(job, state, old, clean, promised):
    words, output, _, resume = JOBS[job]
    put_tree(state)
    tally[f"{job}: gone on from"] += 1
    if job == "live codes" and output in state and state[output] != clean:
        code, error = run(["info", f"out/{output}", "--check"])
        if code not in (0, 4):
            finding(f"{job}: looking at an incomplete file ends with {code}: {error}")
    code, error = run(words + (["--resume"] if resume else []))
    if code == 2 and old is not None and promised is None and "another run" in error:
        tally[f"{job}: refused to go on with another run, started again"] += 1
        code, error = run(words)
    if code != 0:
        return finding(f"{job}: cannot go on: {error}")
    after = tree("out")
    if after.get(output) != clean:
        finding(f"{job}: went on to other bytes")
    # Temporary files go at the next start; where all is done already, nothing starts.
    left = sorted(name for name in set(after) - {output} if not (temporary(name) and state.get(output) == clean))
    if left:
        finding(f"{job}: left behind {left}")


def enumerate_job(job):
    words, output, before, _ = JOBS[job]
    put_tree({})
    if before and run(before)[0] != 0:
        return finding(f"{job}: what stood there before could not be made")
    old = tree("out").get(output)
    disk = Disk("out")
    # What an earlier run left is whole, too.
    whole = collections.defaultdict(set)
    for path, data in tree("out").items():
        if checkpoint_step(path) is not None:
            whole[checkpoint_step(path)].add(data)
    if os.path.exists("trace"):
        os.unlink("trace")
    code, error = run(words, "trace")
    if code != 0:
        return finding(f"{job} does not run under the shim: {error}")
    final = tree("out")
    clean = final[output]
    log = list(read_log("trace"))

    # Checkpoints are whole when they get their names; they are promised when that is synced.
    promised, waiting, states = None, None, {}
    cuts = 0
    for cut in range(len(log) + 1):
        if cut > 0:
            kind, inode, second, offset, body = log[cut - 1]
            if not disk.apply(kind, inode, second, offset, body):
                continue
            own = disk.numbers[inode]
            if kind == RENAME:
                name = body.decode().split("\0")[1]
                child = disk.now[disk.numbers[second]][name]
                step = checkpoint_step(name)
                if step is not None:
                    whole[step].add(written(disk.data[child], disk.flying[child]))
                    waiting = (disk.numbers[second], step)
                elif name == output and job != "live codes":
                    waiting = (disk.numbers[second], "done")
            if kind == SYNC and waiting and own == waiting[0]:
                promised, waiting = waiting[1], None
        cuts += 1
        for state in disk.states():
            tally[f"{job}: states"] += 1
            key = tuple((path, data if data is None else hash(data)) for path, data in state.items())
            if (key, promised) in states:
                continue
            states[key, promised] = state
            look(job, state, old, clean, whole, promised)
    # The log is the whole truth: replayed, it gives what is there.
    seen = {path: None if number in disk.names else written(disk.data[number], disk.flying[number])
            for path, number in disk.walk(disk.now, disk.root, "")}
    if seen != final:
        finding(f"{job}: the log of calls does not give the files that are there")
    different = list({key: (state, promise) for (key, promise), state in states.items()}.values())
    tally[f"{job}: different states"] = len(different)
    tally[f"{job}: cuts"] = cuts
    if resumes is not None and len(different) > resumes:
        different = dice.sample(different, resumes)
    for state, promise in different:
        go_on(job, state, old, clean, promise)


rows = "6000" if resumes is None else "400"
subprocess.run([narrows, "generate", "digits", "-n", rows, "-o", "d.h5", "-q"], check=True)
subprocess.run([narrows, "train", "d.h5", "--model", "undercomplete", "--epochs", "1", "-o", "m.h5", "-q"], check=True)
quick = resumes is not None and resumes < 10
for job in ("dataset", "live codes", "model over another run") if quick else JOBS:
    enumerate_job(job)
shutil.rmtree("out", ignore_errors=True)
for what in sorted(tally):
    print(f"{tally[what]:>7}  {what}")
print(f"{len(findings):>7}  findings")
sys.exit(1 if findings else 0)
