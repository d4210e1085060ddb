"""A third-party task in one file: does the picture have the colour that the text names?

alignkit --plugin examples/third_party/colours_task.py train --task colours:n=400
"""

import numpy as np

import alignkit

COLOURS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (40, 70, 220)}
SHARES = {"train": 1.0, "validation": 0.25, "test": 0.25}


class Colours:
    """Plain pictures and one-line texts; half of the pairs agree.

    Parameters
    ----------
    n : int
        Samples of the training split; the other two have a quarter each.
    """

    def __init__(self, n: int = 400) -> None:
        if n < 16:
            raise alignkit.UsageError(f"task 'colours': n={n} must be at least 16")
        self.n = n
        self.target = alignkit.Binary(labels=("differ", "agree"))

    def fingerprint(self) -> str:
        return alignkit.fingerprint_of({"task": "colours", "version": 1, "n": self.n})

    def split(self, name: str) -> alignkit.Split:
        rng = np.random.default_rng([len(name), self.n])
        n = int(self.n * SHARES[name])
        agree = np.arange(n) % 2
        shown = rng.integers(0, 3, n)
        named = (shown + np.where(agree == 1, 0, rng.integers(1, 3, n))) % 3
        words, values = list(COLOURS), np.array(list(COLOURS.values()))
        pixels = values[shown][:, None, None, :] + rng.integers(-30, 31, (n, 32, 32, 3))
        pixels = pixels.clip(0, 255).astype(np.uint8)
        return alignkit.Split(
            ids=[f"{name}-{i}" for i in range(n)],
            texts=[f"something {words[i]}" for i in named],
            image=lambda i: pixels[i],
            targets=agree,
        )


@alignkit.hookimpl
def register_tasks(register: alignkit.RegisterTasks) -> None:
    register("colours", Colours, summary="Whether the text names the colour of the picture")
