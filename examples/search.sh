#!/bin/sh
# Search for placements on a toy task: about five minutes on two cores.
#   sh examples/search.sh FOLDER      set TRIALS=2 EPOCHS=1 for a shorter run
set -eu
folder=${1:-search}
trials=${TRIALS:-16}
epochs=${EPOCHS:-2}
runs=$folder/runs
storage=sqlite:///$folder/search.db

# 1. Two objectives: a high score and few parameters. Two workers share the study; rerun the
#    command with a larger --trials to continue it.
alignkit search run --task toy_match --space placement --objective score \
    --objective parameters --trials "$trials" --epochs "$epochs" --workers 2 \
    --runs "$runs" --storage "$storage"

# 2. Analyse the search, and register the placements of the Pareto front.
alignkit search analyse --storage "$storage" --figures "$folder/figures" \
    --register "$folder/found.py"

# 3. The registered placements can be used like any other.
alignkit --plugin "$folder/found.py" list placements
