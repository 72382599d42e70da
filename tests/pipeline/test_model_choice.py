"""Which model an image gets."""

from napari_sen.pipeline.model_choice import choose_model
from tests.learn.examples import tiny_model


def test_a_file_is_read_once(tmp_path):
    path = tiny_model().save(tmp_path / "mine.safetensors")
    assert choose_model(path) is choose_model(str(path))


def test_a_file_that_was_replaced_is_read_anew(tmp_path):
    path = tmp_path / "mine.safetensors"
    models = []
    for seed in (0, 1):
        tiny_model(seed=seed).save(path, overwrite=True)
        models.append(choose_model(path))
    assert models[0].sha256 == tiny_model(seed=0).sha256
    assert models[1].sha256 == tiny_model(seed=1).sha256
