#!/usr/bin/env bash
# Where encoding spends its time: encode_profile.sh NARROWS [THREADS]. Generated digits; needs python3-h5py
# for the other two files, and linux-perf for the shares.
set -euo pipefail
narrows=$(realpath "$1")
threads=${2:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$narrows" generate digits -n 60000 -o u8.h5 --level 0 -q
/usr/bin/python3 - <<'PY'
import h5py
with h5py.File("u8.h5") as source:
    x = source["samples"][:].astype("f4") / 255
for name, options in (("f32", {}), ("gzip", dict(compression="gzip", compression_opts=4, shuffle=True,
                                                chunks=(512,) + x.shape[1:]))):
    with h5py.File(name + ".h5", "w") as file:
        file.create_dataset("samples", data=x, **options)
PY
for data in u8 f32; do
    "$narrows" train "$data.h5" --model deep --hidden 512,256 --latent 64 --epochs 1 -o "m-$data.h5" -q
done
TIMEFORMAT='%U user %S system'
for data in u8 f32 gzip; do
    model=m-${data/gzip/f32}.h5
    for how in "" "--no-error" "--no-error --int8"; do
        echo "== $data $how"
        # shellcheck disable=SC2086
        time "$narrows" encode "$data.h5" -m "$model" -o z.h5 --threads "$threads" -q $how
        if command -v perf >/dev/null; then
            # shellcheck disable=SC2086
            perf record -q -F 2000 -o perf.data "$narrows" encode "$data.h5" -m "$model" -o z.h5 \
                --threads "$threads" -q $how >/dev/null 2>&1
            for sort in dso symbol; do
                perf report -i perf.data --sort "$sort" -g none 2>/dev/null |
                    grep -v -e '^#' -e '^$' | sed -n 1,8p
            done
        fi
    done
done
