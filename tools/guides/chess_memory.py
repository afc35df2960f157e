#!/usr/bin/python3
"""What chess_memory.sh measured, as a table, as recall.csv for the figure, and against the margins.

    chess_memory.py FOLDER LATENT EPOCHS CHECK "SEEDS" "TIMES" "SIZES"
"""
import json
import statistics
import sys

KINDS = ("natural", "mirrored", "shuffled")


def main():
    folder, latent, epochs, check = sys.argv[1:5]
    seeds, times, sizes = ([word for word in text.split()] for text in sys.argv[5:8])
    found = {}  # (size, time) -> results of the seeds

    def results(size, time):
        if (size, time) not in found:
            found[size, time] = [json.load(open(f"{folder}/model-{size}-{time}-{seed}.json")) for seed in seeds]
        return found[size, time]

    def line(name, rows, prefix=""):
        cells = []
        for kind in KINDS:
            values = [row[prefix + kind] for row in rows]
            spread = f" +- {statistics.stdev(values):.3f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.3f}{spread}")
        print(f"{name:<32}" + "".join(f"{cell:>18}" for cell in cells))

    first, last = results(latent, "1"), results(latent, epochs)
    print(f"{'share of pieces':<32}" + "".join(f"{kind:>18}" for kind in KINDS))
    line("mean board", last, "mean_")
    for time in sorted(set(times), key=int):
        line(f"after {time} epoch{'' if time == '1' else 's'}", results(latent, time))
    for size in sorted(set(sizes) - {latent}, key=int):
        line(f"code of {size}, after {epochs} epochs", results(size, epochs))

    with open(f"{folder}/recall.csv", "w") as file:
        file.write("panel,x,kind,recall\n")

        def write(panel, x, rows):
            for row in rows:
                for kind in KINDS:
                    file.write(f"{panel},{x},{kind},{row[kind]}\n")
                file.write(f"{panel},{x},mean board of natural,{row['mean_natural']}\n")

        for time in sorted(set(times), key=int):
            write(f"Training time: code of {latent}", time, results(latent, time))
        if len(set(sizes)) > 1:
            for size in sorted(set(sizes), key=int):
                write(f"Model size: after {epochs} epochs", size, results(size, epochs))

    def mean(rows, kind):
        return statistics.mean(row[kind] for row in rows)

    def gap(rows):
        return mean(rows, "natural") - mean(rows, "shuffled")

    margins = (("natural", mean(last, "natural"), 0.90),
               ("natural - mirrored", mean(last, "natural") - mean(last, "mirrored"), 0.08),
               ("natural - shuffled", gap(last), 0.55),
               ("that has grown by", gap(last) - gap(first), 0.15))
    missed = 0
    for name, value, least in margins:
        met = value >= least
        missed += not met
        print(f"{name:<32}{value:>18.3f}   {'at least' if met else 'BELOW'} {least:.2f}")
    sys.exit(1 if check == "1" and missed else 0)


if __name__ == "__main__":
    main()
