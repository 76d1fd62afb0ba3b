"""The atlas: vectors, distances, silhouettes, the map and the page, each against its definition."""

import json
import shutil

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model

from assay.errors import UserError
from assay.experiments.atlas import chart, cosine_distances, find, layout, silhouette
from assay.models.weights import new_model, use_one_thread
from assay.report.atlas import finding, page, write_atlas
from assay.training.atlas import LONGEST_PROBE, PROBES, measure, probe_ids
from tests.conftest import ARCHITECTURE


@pytest.fixture(scope="module")
def base(chat, tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas") / "base"
    use_one_thread(0)
    new_model(ARCHITECTURE, 0).save_pretrained(folder)
    chat.save(folder)
    return folder


def moved(base, out, seed, size=0.02, card=None):
    """Write the base with noise added to its weights, drawn by `seed`."""
    from assay.models.weights import load_model

    model = load_model(base)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += size * torch.randn(parameter.shape, generator=generator)
    model.save_pretrained(out)
    shutil.copy(base / "tokenizer.json", out)
    if card is not None:
        (out / "card.json").write_text(json.dumps(card))
    return out


def test_there_are_five_probes_of_at_most_256_tokens(chat):
    assert len(set(PROBES)) == 5
    ids = probe_ids(chat.tokenizer)
    assert all(0 < len(row) <= LONGEST_PROBE for row in ids)
    assert all(len(row) == 10 for row in probe_ids(chat.tokenizer, 10))


def test_the_vector_of_the_base_is_zero_exactly(base, tmp_path):
    (same,) = measure(base, [base])
    assert same.vector.dtype == np.float32
    assert (same.vector == 0).all()
    assert (same.weights == 0).all()
    assert (measure(base, [moved(base, tmp_path / "a", 1)])[0].vector != 0).any()


def test_the_vector_is_the_mean_change_of_the_last_state_at_the_last_token(base, tmp_path, chat):
    from assay.models.weights import load_model

    folder = moved(base, tmp_path / "a", 1)
    expected = []
    for text in PROBES:
        ids = torch.tensor([chat.tokenizer.encode(text, add_special_tokens=False).ids[:LONGEST_PROBE]])
        with torch.no_grad():
            states = [load_model(f).eval().model(input_ids=ids).last_hidden_state[0, -1] for f in (folder, base)]
        expected.append((states[0] - states[1]).numpy())
    np.testing.assert_allclose(measure(base, [folder])[0].vector, np.mean(expected, axis=0), atol=1e-6)


def test_distances_are_one_minus_the_cosine_cut_to_0_and_1():
    vectors = [np.array(v, dtype=np.float32) for v in ([1, 0], [2, 0], [1, 1], [-1, 0], [0, 0], [0, 0])]
    found = cosine_distances(vectors)
    expected = [0.0, 0.0, 1 - 2**-0.5, 1.0, 1.0, 1.0]
    np.testing.assert_allclose(found[0], expected, atol=1e-7)
    assert found[4, 5] == 0.0
    assert (found == found.T).all()
    assert (np.diag(found) == 0).all()


def test_the_silhouette_is_that_of_its_definition():
    points = np.array([0.0, 0.1, 0.5, 0.9])
    distances = np.abs(points[:, None] - points[None])
    # a = mean distance to its own family, b = to the nearest other: (b - a) / max(a, b); alone in its family 0
    a, b = [0.1, 0.1, 0.4, 0.4], [0.7, 0.6, 0.45, 0.85]
    expected = np.mean([(y - x) / max(x, y) for x, y in zip(a, b, strict=True)])
    assert silhouette(distances, ["u", "u", "v", "v"]) == pytest.approx(expected)
    assert silhouette(distances, ["u"] * 4) is None
    assert silhouette(distances, ["u", "v", "w", "x"]) is None


def test_a_plane_is_laid_out_without_stress():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(9, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    places, stress = layout(distances)
    np.testing.assert_allclose(np.linalg.norm(places[:, None] - places[None], axis=-1), distances, atol=1e-9)
    assert stress == pytest.approx(0, abs=1e-9)
    assert layout(np.zeros((1, 1)))[0].tolist() == [[0, 0]]
    two = np.array([[0, 0.3], [0.3, 0]])
    assert abs(np.subtract(*layout(two)[0])).tolist() == pytest.approx([0.3, 0])


def test_an_adapter_is_merged_into_its_base(base, tmp_path, chat):
    from assay.models.weights import load_model

    torch.manual_seed(3)
    adapted = get_peft_model(load_model(base), LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    adapted.save_pretrained(tmp_path / "adapter")
    full = adapted.merge_and_unload()
    full.save_pretrained(tmp_path / "full")
    of_adapter, of_full = measure(base, [tmp_path / "adapter", tmp_path / "full"])
    assert np.linalg.norm(of_full.vector) > 0
    np.testing.assert_allclose(of_adapter.vector, of_full.vector, atol=1e-5)
    np.testing.assert_allclose(of_adapter.weights, of_full.weights, atol=1e-6)


def test_another_architecture_or_tokenizer_is_refused_in_a_sentence(base, tmp_path):
    wider = tmp_path / "wider"
    new_model(ARCHITECTURE.model_copy(update={"width": 48}), 0).save_pretrained(wider)
    with pytest.raises(UserError, match=r"another architecture than the base .* \(hidden_size 48 for 32\)"):
        measure(base, [wider])
    other = moved(base, tmp_path / "other", 1)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    a, b = list(vocabulary)[300:302]
    vocabulary[a], vocabulary[b] = vocabulary[b], vocabulary[a]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(UserError, match="another tokenizer than the base"):
        measure(base, [other])
    with pytest.raises(UserError, match=r"no config\.json"):
        measure(base, [tmp_path])


def test_checkpoints_are_found_with_their_families_and_doses(base, tmp_path):
    one = moved(base, tmp_path / "one", 1, card={"family": "mathematics"})
    for dose in (10, 9, 200):
        moved(base, tmp_path / "curve" / str(dose), dose)
    run = tmp_path / "run"
    for step in (5, 40):
        moved(base, run / "checkpoints" / str(step), step, card={"step": step})
    found = find(
        [str(one), str(tmp_path / "curve"), f"drills={run}", f"x={tmp_path / 'run' / 'checkpoints' / '5'}"][:3]
    )
    assert [(named.name, named.family, named.dose) for named in found] == [
        ("one", "mathematics", None),
        ("curve 9", "curve", 9),
        ("curve 10", "curve", 10),
        ("curve 200", "curve", 200),
        ("run 5", "drills", 5),
        ("run 40", "drills", 40),
    ]
    (single,) = find([f"y={run / 'checkpoints' / '5'}"])
    assert (single.name, single.family) == ("run 5", "y")
    with pytest.raises(UserError, match="is named twice"):
        find([str(one), f"other={one}"])
    with pytest.raises(UserError, match="There is no checkpoint in"):
        find([str(tmp_path / "absent")])


def test_the_page_is_whole_and_lets_no_name_out_of_its_quotes(base, tmp_path):
    evil = "</script><b>x</b>"
    folders = [moved(base, tmp_path / name, seed) for seed, name in enumerate(("a", "b", "c"))]
    named = [
        one.model_copy(update={"family": evil if place else "plain", "name": f"{evil}{place}"})
        for place, one in enumerate(find([str(folder) for folder in folders]))
    ]
    atlas = chart(base, named)
    written = write_atlas(atlas, tmp_path / "out")
    assert [path.name for path in written] == ["atlas.json", "atlas.png", "index.html"]
    html = written[2].read_text()
    assert "<b>x" not in html
    assert html.count("src=") == 0
    assert "fetch(" not in html
    assert json.loads((tmp_path / "out" / "atlas.json").read_text())["silhouette"] == atlas.silhouette
    assert written[1].read_bytes()[:4] == b"\x89PNG"
    assert page(atlas) == page(chart(base, named))  # equal checkpoints, equal page
    assert f"{atlas.silhouette:.3f}" in finding(atlas)
