"""What goes wrong in encoders."""

from mistakes import Mistake

CHECK = "; to check it: alignkit --plugin wrong.py plugins check encoder mine"
EXTRACT = "extract --encoder mine --task toy_match:n_train=8,n_validation=8,n_test=8"

# A sound encoder, of which each row changes one thing.
ENCODER = """import dataclasses

import torch


class Mine:
    stream, label = "text", "letters"

    def sites(self):
        return [alignkit.EncoderSite("counts", (None, 26), ("mean", "max"))]

    def identity(self):
        return {{"model": "letters"}}

    def notes(self):
        return []

    def load(self, device):
        pass

    def prepare(self, samples):
        longest = max(map(len, samples))
        codes = [[ord(c) % 26 for c in text] + [-1] * (longest - len(text)) for text in samples]
        return {{"codes": torch.tensor(codes)}}

    def state(self, codes):
        tokens = torch.nn.functional.one_hot(codes.clamp(min=0), 26).float()
        return alignkit.SiteState(tokens, codes >= 0, codes >= 0)

    def encode(self, inputs, sites, record):
        record("counts", self.state(inputs["codes"]))


class Wrong(Mine):
{body}


@alignkit.hookimpl
def register_encoders(register):
    register("mine", Wrong)
"""


def encoder(name: str, body: str, said: str, code: int = 1) -> Mistake:
    """Return a mistake in a class that is otherwise a sound encoder."""
    source = ENCODER.format(body="\n".join(f"    {line}" for line in body.splitlines()))
    line = f"Error: encoder 'mine' of wrong.py{said}{CHECK}" if code else ""
    return Mistake(name, source, EXTRACT, line, code)


def state(name: str, change: str, said: str) -> Mistake:
    """Return a mistake in the state that an encoder records."""
    body = (
        "def encode(self, inputs, sites, record):\n"
        f"    site, state = 'counts', self.state(inputs['codes'])\n    {change}"
    )
    return encoder(name, body, f", asked for the states of a batch, {said}")


RECORD = "record(site, dataclasses.replace(state, {}))"

MISTAKES = [
    encoder("a sound encoder", "pass", "", 0),
    encoder(
        "an encoder of sounds",
        "stream = 'audio'",
        ", asked for its 'stream', gave 'audio'; expected 'text' or 'vision'",
    ),
    encoder(
        "no sites",
        "def sites(self):\n    return []",
        ", asked for its sites, gave a list of 0; expected a list of alignkit.EncoderSite, "
        "at least "
        "one",
    ),
    encoder(
        "a pooling that is unknown",
        "def sites(self):\n    return [alignkit.EncoderSite('counts', (None, 26), ('sum',))]",
        ", asked for its sites, gave the pooling 'sum' as poolings of 'counts'; poolings are cls, "
        "mean, last, max, gap, own; expected a list of alignkit.EncoderSite, at least one",
    ),
    encoder(
        "an identity that JSON cannot hold",
        "def identity(self):\n    return {'weights': object()}",
        ", asked for its identity, gave what JSON cannot hold: Object of type object is not JSON "
        "serializable; expected plain values by name, as JSON has them",
    ),
    encoder(
        "inputs that are a list",
        "def prepare(self, samples):\n    return [1, 2]",
        ", asked for the inputs of 8 samples, gave a list of 2; expected tensors by name",
    ),
    encoder(
        "an error while encoding",
        "def encode(self, inputs, sites, record):\n    return inputs['ids']",
        ", asked for the states of a batch, raised KeyError: 'ids'",
    ),
    state(
        "a site that is left out",
        "pass",
        "recorded none at counts; such a site can be left out with --sites",
    ),
    state(
        "a site that was not asked for",
        "record('last', state)",
        "recorded 'last', which was not asked for",
    ),
    state(
        "too few samples",
        RECORD.format("tokens=state.tokens[1:]"),
        "gave 7 samples at 'counts'; it was given 8",
    ),
    state(
        "a mask of numbers",
        RECORD.format("mask=state.mask.float()"),
        "gave a torch.Tensor of shape [...] and type torch.float32 as 'mask' at 'counts'; expected "
        "bool of shape [...], as its tokens have",
    ),
    state(
        "states that are not numbers",
        RECORD.format("tokens=state.tokens / 0 * 0"),
        "gave NaN or infinite values at 'counts' (mean) for every sample",
    ),
]
