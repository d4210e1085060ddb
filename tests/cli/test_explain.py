"""``alignkit explain``: numbers against definitions of their own, in float64."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import softmax, xlogy

from alignkit.analysis.explaining.forward import TRAINED, ForwardOptions, of_models
from alignkit.analysis.explaining.grad_cam import Picture, grad_cam_of_runs
from alignkit.analysis.explaining.tokens import closest, tokens_of_runs
from alignkit.chain import model as models
from alignkit.models.schedule import Record
from alignkit.models.walk import walk
from alignkit.report.figures.overlays import layers_to_draw
from alignkit.runs import Run, Training, resolve_config
from named_models import text_folder, vision_folder
from tiny import TINY_MODEL, TINY_TASK, alignkit, train_tiny

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Runs of two placements and two seeds."""
    place = tmp_path_factory.mktemp("explain")
    for placement in ("1", "none"):
        for seed in (0, 1):
            train_tiny(place / "runs", placement, seed=seed)
    return place


def opened_models(run, samples=20):
    """The trained and the untrained model of a run, with the samples."""
    return of_models([run], ForwardOptions(samples=samples), lambda opened: opened, "look")


def heads(run, **where):
    """The entropies of a run's heads, as the command gives them."""
    from alignkit.analysis.explaining.attention import attention_of_runs

    table = attention_of_runs([run], ForwardOptions(samples=20)).heads
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def as_numpy(module, tokens):
    """A linear layer or a norm, in float64."""
    return module.double()(torch.from_numpy(tokens)).detach().numpy()


def entropies(query, key, allowed):
    """Entropy by definition: (samples, heads, queries), and that over the logarithm of the keys."""
    scores = np.einsum("bhqd,bhkd->bhqk", query, key) / np.sqrt(query.shape[-1])
    scores[~np.broadcast_to(allowed[:, None, None, :], scores.shape)] = -np.inf
    p = softmax(scores, axis=-1)
    entropy = -xlogy(p, p).sum(-1)
    return entropy, entropy / np.log(allowed.sum(1))[:, None, None]


def split(tokens, n_heads):
    """(batch, length, width) to (batch, heads, length, width of a head)."""
    b, n, w = tokens.shape
    return tokens.reshape(b, n, n_heads, w // n_heads).transpose(0, 2, 1, 3)


def mean_over(values, valid):
    """Means over the tokens of each sample that are no padding, then over samples: per head."""
    each = [values[i][:, valid[i]].mean(-1) for i in range(len(valid))]
    return np.mean(each, axis=0), np.std(each, axis=0, ddof=1)


def test_self_attention_is_that_of_its_definition(place):
    run = Run(next((place / "runs").glob("toy_match/at_1/seed0-*")))
    trained, _ = opened_models(run)
    batch = trained.data.batch(trained.rows)
    stream = trained.model.streams["text"]
    state = stream.embed(**batch["text"])
    mask, tokens = state.mask.numpy(), state.tokens.detach().numpy().astype(float)
    layer = stream.layers[0]
    both = as_numpy(layer.query_key_value, as_numpy(layer.norm_attention, tokens))
    query, key = (split(part, 2) for part in np.split(both, 3, axis=-1)[:2])
    entropy, share = entropies(query, key, mask)
    found = heads(run, stream="text", layer="t00", weights=TRAINED).sort_values("head")
    mean, sd = mean_over(entropy, mask)
    np.testing.assert_allclose(found["entropy"], mean, rtol=1e-6)
    np.testing.assert_allclose(found["sd"], sd, rtol=1e-4)
    np.testing.assert_allclose(found["normalised"], mean_over(share, mask)[0], rtol=1e-6)
    assert not mask.all()  # some texts are padded
    np.testing.assert_allclose(found["keys"], mask.sum(1).mean())


def test_co_attention_is_that_of_its_definition_and_leaves_out_padding(place):
    run = Run(next((place / "runs").glob("toy_match/at_1/seed0-*")))
    trained, _ = opened_models(run)
    batch, model = trained.data.batch(trained.rows), trained.model
    with torch.no_grad():
        states = {s: model.streams[s].embed(**batch[s]) for s in ("text", "vision")}
        states = {s: model.streams[s].layer(0, state) for s, state in states.items()}
    text, vision = (states[s].tokens.numpy().astype(float) for s in ("text", "vision"))
    mask = states["text"].mask.numpy()
    attention = model.fusions[0].vision.attention
    entropy, share = entropies(
        split(as_numpy(attention.query, vision), 2), split(as_numpy(attention.key, text), 2), mask
    )
    found = heads(run, stream="vision", kind="co", weights=TRAINED).sort_values("head")
    assert set(found["layer"]) == {"v.f0"}
    every = np.ones(vision.shape[:2], bool)
    np.testing.assert_allclose(found["entropy"], mean_over(entropy, every)[0], rtol=1e-6)
    np.testing.assert_allclose(found["normalised"], mean_over(share, every)[0], rtol=1e-6)


def test_the_untrained_model_is_the_one_that_training_began_with(place, tmp_path):
    config = resolve_config(TINY_TASK, "1", TINY_MODEL, Training(epochs=0), 1)
    from alignkit.chain.train import train

    before = train(config, tmp_path / "runs")
    stored, _, _ = models.load(before, 1)
    run = Run(next((place / "runs").glob("toy_match/at_1/seed1-*")))
    _, untrained = opened_models(run)
    assert untrained.columns["weights"] == "untrained"
    for name, value in untrained.model.state_dict().items():
        assert torch.equal(value, stored.state_dict()[name]), name


def test_the_command_says_what_fusions_change(place):
    done = alignkit(
        "explain", "attention", "--samples", "30", "--output", "out", "--figures", "figures",
        "--json", cwd=place,
    )  # fmt: skip
    result = json.loads(done.stdout)
    written = pd.read_csv(place / "out/heads.csv")
    assert len(written) == 2 * 2 * 2 * (8 + 6)  # seeds, weights, heads; places of both
    for row in result["layers"]:
        own = written[
            (written["unit"] == row["unit"])
            & (written["stream"] == row["stream"])
            & (written["layer"] == row["layer"])
        ]
        seeds = own[own["weights"] == "trained"].groupby("seed")["normalised"].mean()
        assert row["normalised"] == pytest.approx(seeds.mean())
        assert row["sd_seeds"] == pytest.approx(seeds.std())
        assert row["untrained"] == pytest.approx(
            own[own["weights"] == "untrained"].groupby("seed")["normalised"].mean().mean()
        )
        assert 0 < row["normalised"] <= 1
    by_layer = {(r["unit"], r["layer"]): r["normalised"] for r in result["layers"]}
    (text, vision) = result["fusions"]
    assert (text["fusion"], vision["fusion"]) == ("t.f0", "v.f0")
    assert text["before"] == by_layer["at_1", "t00"]
    assert text["in"] == by_layer["at_1", "t.f0"]
    assert text["after"] == by_layer["at_1", "t01"]
    assert (place / "figures/attention-toy_match.svg").is_file()


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("lxmert", {("t.f0", "co"), ("t.f0", "self"), ("v.f1", "co"), ("v.f1", "self")}),
        ("mbt", {("t01", "co"), ("v01", "co")}),
        ("one_way", {("t.f0", "co")}),
        ("one_way:direction=text_to_vision", {("v.f0", "co")}),
        ("vilbert:preset=study,max_tokens=17", {("t.f0", "co"), ("v.f0", "co")}),
    ],
)
def test_other_architectures(tmp_path, architecture, expected):
    name, _, more = architecture.partition(":")
    options = "depth=3,width=16,heads=2,feedforward=32"
    options += ",fusion_width=16" if name in ("vilbert", "one_way") else ""
    options += ",cross_layers=2" if name == "lxmert" else ""
    words = ["--architecture", f"{name}:{options}" + (f",{more}" if more else "")]
    words += [] if name == "lxmert" else ["--placement", "1"]
    alignkit("train", "--task", TINY_TASK, "--epochs", "1", *words, cwd=tmp_path)
    done = alignkit("explain", "attention", "--samples", "9", "--json", cwd=tmp_path)
    result = json.loads(done.stdout)
    found = {(row["layer"], row["kind"]): row for row in result["layers"]}
    assert {(layer, "self") for layer in ("t00", "v00", "t02", "v02")} <= set(found)
    co = {key for key in found if key[1] == "co" or ".f" in key[0]}
    assert expected <= set(found)
    sites = ("t01", "v01") if name == "mbt" else [f"{s}.f{j}" for s in "tv" for j in (0, 1)]
    assert co <= {(site, kind) for site in sites for kind in ("co", "self")}
    if name == "vilbert":  # as many tokens as patches and [CLS], most of them padding
        assert found["t.f0", "co"]["keys"] == 17
        assert found["v.f0", "co"]["keys"] < 12
        assert found["t.f0", "co"]["normalised"] <= 1
    if name == "mbt":  # the exchange has four more tokens to attend to
        assert found["v01", "co"]["keys"] == found["v00", "self"]["keys"] + 4
        assert ("v01", "self") not in found
        for row in result["fusions"]:
            stream = row["stream"][0]
            for side, site, kind in (("before", 0, "self"), ("in", 1, "co"), ("after", 2, "self")):
                assert row[side] == found[f"{stream}0{site}", kind]["normalised"]


def test_models_of_transformers_and_timm(tmp_path):
    text_folder(tmp_path / "bert")
    vision_folder(tmp_path / "vit")
    options = "text_model=./bert,vision_model=./vit,fusion_width=16,fusion_heads=2"
    words = ["--architecture", f"vilbert:{options}", "--placement", "1", "--epochs", "1"]
    alignkit("train", "--task", TINY_TASK, *words, cwd=tmp_path)
    done = alignkit("explain", "attention", "--samples", "9", "--json", cwd=tmp_path)
    rows = json.loads(done.stdout)["layers"]
    found = {(row["layer"], row["kind"]): row for row in rows}
    for site in ("t00", "t02", "v00", "v02"):
        assert 0 < found[site, "self"]["normalised"] <= 1
    assert found["t.f0", "co"]["keys"] == found["v00", "self"]["keys"]
    assert found["v.f0", "co"]["keys"] == found["t00", "self"]["keys"]


def cams_by_definition(opened, site_layer):
    """Grad-CAM of a vision layer by finite differences of the predicted logit, in float64."""
    model, batch = opened.model.double(), opened.data.batch(opened.rows)
    batch["vision"]["pixels"] = batch["vision"]["pixels"].double()
    held = {}

    def record(site, state):
        held[site] = state

    def logits(changed=None):
        def before(step, states):
            if changed is not None and step == Record(f"v{site_layer:02d}"):
                states["vision"] = states["vision"].with_tokens(changed)

        with torch.no_grad():
            return walk(model, opened.schedule, batch, record, before)

    base = logits()
    tokens = held[f"v{site_layer:02d}"].tokens
    sign = torch.where(base[:, 0] > 0, 1.0, -1.0).double()
    # The mean gradient over patches is the slope when all patches move alike.
    step, slopes = 1e-6, []
    for channel in range(tokens.shape[2]):
        moved = tokens.clone()
        moved[:, 1:, channel] += step
        up = logits(moved)
        moved[:, 1:, channel] -= 2 * step
        slopes.append(sign * (up - logits(moved))[:, 0] / (2 * step) / (tokens.shape[1] - 1))
    weights = torch.stack(slopes, 1)
    return (weights[:, None] * tokens[:, 1:]).sum(-1).clamp(min=0).numpy()


def test_grad_cam_is_that_of_its_definition(place):
    run = Run(next((place / "runs").glob("toy_match/at_1/seed0-*")))
    trained, _ = opened_models(run, 6)
    expected = cams_by_definition(trained, 1)
    table = grad_cam_of_runs([run], ForwardOptions(samples=6), "1").maps
    found = table[table["weights"] == TRAINED]
    assert list(found["layer"]) == ["v01"] * 6
    for cam, row in zip(expected, found.itertuples(), strict=True):
        share = cam / cam.sum() if cam.any() else cam
        entropy = -xlogy(share, share).sum() if cam.any() else np.nan
        np.testing.assert_allclose(row.entropy, entropy, atol=2e-4)
        np.testing.assert_allclose(row.normalised, entropy / np.log(16), atol=1e-4)
        assert row.patches == 16
    logits = models_logits(run, trained.rows)
    labels = ["match" if value > 0 else "mismatch" for value in logits]
    assert list(found["predicted"]) == labels
    # The untrained model is asked about what the trained one predicts.
    assert list(table[table["weights"] == "untrained"]["predicted"]) == labels


def models_logits(run, rows):
    """The logits of the trained model, in the order of the rows."""
    (opened,) = of_models([run], ForwardOptions(samples=6, untrained=False), lambda o: o, "look")
    with torch.no_grad():
        return walk(opened.model, opened.schedule, opened.data.batch(rows))[:, 0].tolist()


def test_the_last_layer_has_no_map_where_the_head_reads_one_token(place):
    done = alignkit(
        "explain", "grad-cam", "--samples", "8", "--pictures", "2", "--figures", "cams",
        "--output", "cams", "--json", cwd=place,
    )  # fmt: skip
    rows = json.loads(done.stdout)["layers"]
    last = {row["unit"]: row for row in rows if row["layer"] == "v02"}
    for row in last.values():
        assert (row["defined"], row["entropy"]) == (0, None)
        assert row["reason"] == "the output does not depend on its patches"
    written = pd.read_csv(place / "cams/maps.csv")
    for row in rows:
        own = written[(written["unit"] == row["unit"]) & (written["layer"] == row["layer"])]
        own = own[own["weights"] == "trained"].groupby("seed")["normalised"].mean()
        assert row["normalised"] == (None if own.isna().all() else pytest.approx(own.mean()))
    for unit in ("at_1", "none"):
        assert (place / f"cams/grad-cam-toy_match-{unit}.png").is_file()
        data = pd.read_csv(place / f"cams/grad-cam-toy_match-{unit}.csv")
        assert set(data["weights"]) == {"trained", "untrained"}
        assert data["sample"].nunique() <= 2


def test_the_layers_that_are_drawn_are_in_their_order_and_end_with_the_last_that_has_a_map():
    def picture(*layers, weights=TRAINED):
        return Picture({"weights": weights}, np.zeros((2, 2, 3)), dict.fromkeys(layers, np.eye(2)))

    order = ["v00", "v01", "v.f0", "v02", "v03"]
    drawn = [picture("v00", "v02"), picture("v01", "v.f0"), picture("v03", weights="untrained")]
    assert layers_to_draw(drawn, order) == ["v00", "v.f0", "v02"]
    assert layers_to_draw(drawn[:1], order) == ["v00", "v02"]
    assert layers_to_draw([], order) == []


def test_runs_without_labels_predict_nothing(place, tmp_path):
    words = ["--objective", "itm", "--placement", "1", "--epochs", "1", "--seed", "7"]
    task = ["--task", TINY_TASK, "--architecture", TINY_MODEL]
    alignkit("train", *task, *words, cwd=tmp_path)
    error = alignkit("explain", "grad-cam", cwd=tmp_path, code=1).stderr
    assert "trained without labels, so its head predicts nothing to explain" in error
    (pretrained,) = (tmp_path / "runs/toy_match/at_1").iterdir()
    own = next((place / "runs").glob("toy_match/at_1/seed0-*"))
    done = alignkit("explain", "grad-cam", own, pretrained, "--samples", "5", cwd=tmp_path)
    assert f"{pretrained} is left out" in done.stderr
    assert "v01" in done.stdout
    assert "v01" in alignkit("explain", "attention", "--samples", "5", cwd=tmp_path).stdout


def test_tokens_and_patches_by_definition(place):
    run = Run(next((place / "runs").glob("toy_match/at_1/seed0-*")))
    trained, _ = opened_models(run, 9)
    states = {}
    with torch.no_grad():
        batch = trained.data.batch(trained.rows)
        walk(trained.model, trained.schedule, batch, states.__setitem__)
    table = tokens_of_runs([run], ForwardOptions(samples=9)).pairs
    table = table[table["weights"] == TRAINED].set_index(["direction", "x"])
    for x, y in (("t00", "v00"), ("t.f0", "v.f0"), ("t02", "v02")):
        found = {"token-patch": [], "patch-token": []}
        mismatched = {"token-patch": [], "patch-token": []}
        for i in range(9):
            for values, j in ((found, i), (mismatched, (i - 1) % 9)):
                text = states[x].tokens[i][states[x].content[i]].double().numpy()
                patches = states[y].tokens[j][states[y].content[j]].double().numpy()
                assert len(patches) == 16
                cosines = 1 - cdist(text, patches, "cosine")
                values["token-patch"].append(cosines.max(1).mean())
                values["patch-token"].append(cosines.max(0).mean())
        for direction, values in found.items():
            row = table.loc[direction, x]
            assert (row["y"], row["n"]) == (y, 9)
            np.testing.assert_allclose(row["value"], np.mean(values), rtol=1e-6)
            np.testing.assert_allclose(row["sd"], np.std(values, ddof=1), rtol=1e-5)
            np.testing.assert_allclose(row["mismatched"], np.mean(mismatched[direction]), rtol=1e-6)


def test_a_sample_without_content_counts_for_nothing():
    tokens, patches = torch.randn(2, 3, 4), torch.randn(2, 5, 4)
    is_token = torch.tensor([[False] * 3, [True, True, False]])
    to_patches, to_tokens = closest(tokens, is_token, patches, torch.ones(2, 5, dtype=torch.bool))
    assert to_patches.isnan().tolist() == to_tokens.isnan().tolist() == [True, False]


def test_the_command_on_tokens(place):
    done = alignkit(
        "explain", "tokens", "--samples", "12", "--figures", "tokens", "--json", cwd=place
    )
    rows = json.loads(done.stdout)["layers"]
    assert len(rows) == 2 * (4 + 3)  # both ways; of three layers, one placement has a fusion
    assert {path.stem for path in (place / "tokens").glob("*.svg")} == {
        "token-patch-toy_match",
        "patch-token-toy_match",
    }
    assert all(row["runs"] == 2 and -1 <= row["value"] <= 1 for row in rows)


def test_streams_of_unequal_width_have_no_cosine(tmp_path):
    words = ["--architecture", f"{TINY_MODEL},text_width=8", "--placement", "1", "--epochs", "1"]
    alignkit("train", "--task", TINY_TASK, *words, cwd=tmp_path)
    error = alignkit("explain", "tokens", cwd=tmp_path, code=1).stderr
    assert "its text stream is 8 wide and its vision stream 16" in error
    assert alignkit("explain", "attention", "--samples", "9", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["grad-cam", "--layers", "9"], "there is no layer 9"),
        (["grad-cam", "--layers", "max"], "--layers max is the best of several pairs"),
        (["grad-cam", "--pictures", "-1"], "--pictures is -1; it must be at least 0"),
        (["attention", "--samples", "0"], "--samples is 0; it must be at least 1"),
        (["attention", "--split", "tests"], "unknown split 'tests'"),
    ],
)
def test_what_makes_no_sense_is_refused(place, words, message):
    error = alignkit("explain", *words, cwd=place, code=2).stderr
    assert message in error
