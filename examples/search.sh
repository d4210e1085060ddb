#!/bin/sh
# Search for placements on a toy task: about five minutes on two cores.
#   sh examples/search.sh FOLDER      TRIALS=2 EPOCHS=1 makes it a quick look instead
set -eu
folder=${1:-search}
trials=${TRIALS:-16}
epochs=${EPOCHS:-2}
runs=$folder/runs
storage=sqlite:///$folder/search.db

# 1. Two objectives: a good score with few parameters. Two workers share the study; the same
#    command with a larger --trials goes on.
alignkit search run --task toy_match --space placement --objective score \
    --objective parameters --trials "$trials" --epochs "$epochs" --workers 2 \
    --runs "$runs" --storage "$storage"

# 2. What was found, and the front as placements with names.
alignkit search analyse --storage "$storage" --figures "$folder/figures" \
    --register "$folder/found.py"

# 3. A placement that was found is one like any other.
alignkit --plugin "$folder/found.py" list placements
