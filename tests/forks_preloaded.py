"""What processes that ``forks`` starts have imported before they begin."""

import pandas  # noqa: F401
import torch  # noqa: F401
import transformers  # noqa: F401

import alignkit.alignment.runs
import alignkit.chain.extract
import alignkit.chain.train
import alignkit.cli.main  # noqa: F401
