#!/bin/sh
# The whole chain of commands on two toy tasks and six placements: about five minutes on two cores.
#   sh examples/demo.sh FOLDER      set EPOCHS=1 for a shorter run
set -eu
folder=${1:-demo}
epochs=${EPOCHS:-4}
runs=$folder/runs

# 1. Train 2 tasks x 6 placements, two single-threaded runs at a time.
alignkit train --task toy_match --task toy_synergy:values=8 \
    --placement none --placement early_early --placement early --placement middle \
    --placement late --placement asymmetric --epochs "$epochs" --jobs 2 --runs "$runs"

# 2. Measure alignment of every pair of layers; the representations are extracted first.
alignkit --quiet measure --metric unbiased_cka --metric mknn --metric svcca --metric procrustes \
    --layers all --runs "$runs" --json > "$folder/alignment.json"

# 3. Is alignment associated with performance? The runs are first scored on the test split.
alignkit correlate --metric unbiased_cka --metric mknn --metric svcca --metric procrustes \
    --layer last --runs "$runs"

# 4. Figures and numbers on one page.
echo
echo "The report:"
alignkit report --metric unbiased_cka --metric mknn --metric svcca --metric procrustes \
    --layer last --runs "$runs" --output "$folder/report"
