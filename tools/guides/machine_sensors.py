#!/usr/bin/python3
"""What machine_sensors.sh does with times: labels before, events after.

    machine_sensors.py label  SERIES.csv WINDOWS.json FROM TO FOLDER
    machine_sensors.py events SERIES.csv WINDOWS.json FROM TO FOLDER

`label` writes FOLDER/labelled.csv (value, anomaly: 1 in a window of WINDOWS) and FOLDER/good.csv (the rows of
FROM to TO alone). `events` reads FOLDER/scores.h5 and writes FOLDER/events.csv: stretches of flagged rows with
their times and highest score, and FOLDER/timeline.csv; it tells which known windows they meet, and the areas under the ROC curve of the rows
that were not trained on, beside those of the plain distance to the mean of the good time.
"""
import csv
import gzip
import json
import pathlib
import sys

import numpy as np

from ranks import auc


def read_series(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as file:
        rows = list(csv.reader(file))[1:]
    times = np.array([row[0].replace(" ", "T") for row in rows], dtype="datetime64[s]")
    return times, np.array([float(row[1]) for row in rows])


def known_windows(path, series):
    name = pathlib.Path(series).name.removesuffix(".gz").removesuffix(".csv")
    with open(path) as file:
        windows = json.load(file)
    found = [key for key in windows if name.endswith(key)]
    if not found:
        sys.exit(f"{path} has no windows of {name}, but of {', '.join(windows)}")
    return [tuple(np.datetime64(text.replace(" ", "T"), "s") for text in pair) for pair in windows[max(found, key=len)]]


def label(series, windows, first, last, folder):
    times, values = read_series(series)
    wrong = np.zeros(len(times), dtype=int)
    for begin, end in known_windows(windows, series):
        wrong[(times >= begin) & (times <= end)] = 1
    good = (times >= np.datetime64(first)) & (times < np.datetime64(last))
    if wrong[good].any():
        sys.exit(f"something was wrong between {first} and {last}: choose another time to train on")
    for name, rows in (("labelled", slice(None)), ("good", good)):
        np.savetxt(folder / f"{name}.csv", np.column_stack([values[rows], wrong[rows]]), delimiter=",",
                   fmt=("%.9g", "%d"), header="value,anomaly", comments="")
    print(f"{len(times)} rows, {good.sum()} of a good time, {wrong.sum()} in {len(known_windows(windows, series))} "
          "known windows")


def stretches(flags):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags, [0]])))
    return list(zip(edges[::2], edges[1::2] - 1))


def timeline(folder, times, scores, wrong):
    """The highest score of each hour, and a line above the hours of known windows."""
    days = (times - times[0]) / np.timedelta64(3600, "s") // 1 / 24
    top = 1.05 * np.nanmax(scores)
    with open(folder / "timeline.csv", "w") as file:
        file.write("what,days,value\n")
        for day in np.unique(days):
            here = days == day
            if np.isfinite(scores[here]).any():
                file.write(f"score,{day:.4f},{np.nanmax(scores[here]):.4g}\n")
            file.write(f"known window,{day:.4f},{top if wrong[here].any() else 0:.4g}\n")


def events(series, windows, first, last, folder):
    import h5py

    times, values = read_series(series)
    with h5py.File(folder / "scores.h5", "r") as file:
        scores, flags = file["row_scores"][...], file["row_flagged"][...]
        threshold = float(file["threshold"][0])
    known = known_windows(windows, series)
    met, false_alarms = set(), 0
    with open(folder / "events.csv", "w") as file:
        file.write("begin,end,highest_score,known_window\n")
        for begin, end in stretches(flags):
            here = [i for i, (a, b) in enumerate(known) if times[begin] <= b and times[end] >= a]
            met.update(here)
            false_alarms += not here
            window = here[0] + 1 if here else ""
            highest = np.nanmax(scores[begin:end + 1])
            file.write(f"{times[begin]},{times[end]},{highest:.4g},{window}\n")
            print(f"{times[begin]} to {times[end]}  score {highest:8.3f}  "
                  f"{f'window {window}' if here else 'no known window'}")
    print(f"threshold {threshold:.4g}: {len(met)} of {len(known)} windows met, {false_alarms} stretches elsewhere")

    wrong = np.zeros(len(times), dtype=bool)
    for begin, end in known:
        wrong |= (times >= begin) & (times <= end)
    timeline(folder, times, scores, wrong)
    good = (times >= np.datetime64(first)) & (times < np.datetime64(last))
    looked_at = ~good & np.isfinite(scores)
    distance = np.abs(values - values[good].mean())
    print(f"AUC of {looked_at.sum()} rows outside the good time: autoencoder "
          f"{auc(scores[looked_at], wrong[looked_at]):.4f}, distance to the mean "
          f"{auc(distance[looked_at], wrong[looked_at]):.4f}")


def main():
    if len(sys.argv) != 7 or sys.argv[1] not in ("label", "events"):
        sys.exit(__doc__)
    {"label": label, "events": events}[sys.argv[1]](*sys.argv[2:6], pathlib.Path(sys.argv[6]))


if __name__ == "__main__":
    main()
