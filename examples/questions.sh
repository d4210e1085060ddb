#!/bin/sh
# A complete analysis of a small study of 2 toy tasks x 8 placements x 3 seeds. It prints whatever
# the data show. About five minutes on two idle cores.
#   sh examples/questions.sh FOLDER
set -eu
folder=${1:-questions}
runs=$folder/runs
mkdir -p "$folder"
sizes=n_train=512,n_validation=128,n_test=256

# 1. Train small models, to afford many placements: the tests need placements more than seeds.
alignkit train --task "toy_redundant:$sizes" --task "toy_unique:$sizes" \
    --architecture vilbert:depth=4,width=32,feedforward=64,fusion_width=32 \
    --placement none --placement 0 --placement 1 --placement 2 --placement 3 \
    --placement 1,2 --placement 2,3 --placement 0,2/1,3 \
    --seed 0 --seed 1 --seed 2 --epochs 6 --learning-rate 0.002 --jobs 2 --runs "$runs" \
    > /dev/null

# 2. Is alignment associated with the score over placements?
alignkit --quiet correlate --metric unbiased_cka --metric mknn --metric svcca --metric procrustes \
    --layer last --runs "$runs"

# 3. Answer the hypotheses and open questions, one paragraph each; write tables and figures.
alignkit --quiet hypotheses --runs "$runs" --output "$folder/tables" \
    --figures "$folder/figures" --json > "$folder/answers.json"
python3 - "$folder/answers.json" <<'END'
import json, sys, textwrap
for answer in json.load(open(sys.argv[1])):
    print(f"\n{answer['title']}\n{textwrap.fill(answer['answer'], 96)}")
END

# 4. Which metrics measure the same thing, and are 256 samples enough?
echo
alignkit --quiet agreement --metric cka --metric unbiased_cka --metric mknn --metric jaccard \
    --metric svcca --metric procrustes --runs "$runs" --figures "$folder/figures"
alignkit --quiet stability --metric unbiased_cka --metric mknn --metric procrustes --task toy_redundant \
    --samples 64 --samples 128 --samples 256 --k 5 --k 10 --k 20 --splits 3 --runs "$runs" \
    --figures "$folder/figures"
