#!/usr/bin/env python3
"""A model of a training step over ranks, and of encoding what no machine holds: the figures of SCALING.md.

A step of B samples through layers with P weights on N ranks takes

    shared      6 P B / F, cut into max(1, B / N) rows forward and backward, P / N weights in the update
    everywhere  s B, reading, corruption, losses: what the whole graph does on every rank
    gathered    G (N - 1) / N / bandwidth + 6 log2 N latency, G = 4 (P + 2 B W) bytes,
                W = widths of all layers, input and output of the model once more

F and s are measured (SCALING.md says how). Usage: scaling.py [F in flop/s] [s in seconds]"""
import math
import sys

def dense(*widths):
    """Widths from input to output, and the weights between them."""
    return widths, sum(a * b + b for a, b in zip(widths, widths[1:]))


MODELS = {
    "784-256-32": dense(784, 256, 32, 256, 784),
    "784-1000-500-250-30": dense(784, 1000, 500, 250, 30, 250, 500, 1000, 784),
    "4096-4096-1024": dense(4096, 4096, 1024, 4096, 4096),
    "65536-8192-1024": dense(65536, 8192, 1024, 8192, 65536),
}
NETWORKS = {"10 Gb/s, 30 us": (1.25e9, 30e-6), "100 Gb/s, 2 us": (12.5e9, 2e-6)}
RANKS = (1, 2, 4, 8, 16, 64, 256, 1000, 10000)


def step(widths, weights, batch, ranks, network, flops, everywhere):
    bandwidth, latency = network
    rows = math.ceil(batch / ranks)
    shared = 4 * weights * rows / flops + 2 * weights * batch / ranks / flops
    seconds = shared + everywhere * batch * (widths[0] / 784)
    if ranks > 1:
        gathered = 4 * (weights + 2 * batch * sum(widths))
        seconds += gathered * (ranks - 1) / ranks / bandwidth + 6 * math.log2(ranks) * latency
    return seconds


def training(flops, everywhere):
    for network_name, network in NETWORKS.items():
        print(f"\nSpeed over one rank, {network_name}\n")
        print("| model | batch | " + " | ".join(str(n) for n in RANKS[1:]) + " | pays to |")
        print("|---|---|" + "---|" * len(RANKS))
        for name, (widths, weights) in MODELS.items():
            for batch in (128, 1024, 8192):
                one = step(widths, weights, batch, 1, network, flops, everywhere)
                speed = [one / step(widths, weights, batch, n, network, flops, everywhere)
                         for n in RANKS]
                # Up to the last doubling that brings a tenth or more.
                best = 1
                while best < 10000:
                    now = step(widths, weights, batch, best, network, flops, everywhere)
                    next_step = step(widths, weights, batch, 2 * best, network, flops, everywhere)
                    if now / next_step < 1.1:
                        break
                    best *= 2
                print(f"| {name} | {batch} | " + " | ".join(f"{s:.2g}" for s in speed[1:]) + f" | {best} |")


def encoding():
    """10^12 images of 784 bytes into 32 floats, 10^5 samples a second and process."""
    rows, rate, sample, code = 1e12, 1e5, 784, 32 * 4 + 8 + 4
    print("\n| parts | rows a part | data a part | codes a part | hours a part | files | metadata operations |")
    print("|---|---|---|---|---|---|---|")
    for parts in (1000, 10000, 100000):
        part = rows / parts
        # open, stat and read of data and model; create, lock, two renames, five syncs, unlink of the
        # part; join opens each once.
        operations = parts * (6 + 10 + 2)
        print(f"| {parts} | {part:.0e} | {part * sample / 1e9:.0f} GB | {part * code / 1e9:.1f} GB "
              f"| {part / rate / 3600:.2g} | {parts + 1} | {operations:.1e} |")


if __name__ == "__main__":
    arguments = [float(word) for word in sys.argv[1:]]
    training(arguments[0] if arguments else 101e9, arguments[1] if len(arguments) > 1 else 1.75e-6)
    encoding()
