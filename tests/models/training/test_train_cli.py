"""``deepmark train`` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import key_shapes, light_tensors, of_library
from click.testing import CliRunner, Result
from deepfashion2_files import document, item, write_set, write_zip

from deepmark.commands.train import command
from deepmark.errors import DataError, DeviceError, UsageError
from deepmark.models.datasets.drawings import draw
from deepmark.models.datasets.drawings.dataset import write_dataset
from deepmark.models.training.batches import collate
from deepmark.models.training.config import TrainConfig
from deepmark.models.training.loop import CHECKPOINT, LOG
from deepmark.models.training.losses import batch_losses
from deepmark.models.training.pictures import Photographs
from deepmark.models.training.ranks import choose_device
from deepmark.models.training.trainer import Trainer
from deepmark.runtime.keypoints.schema import KeypointSchema


def _train(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in DeepFashion2's format."""
    folder = tmp_path_factory.mktemp("set") / "set"
    write_dataset(folder, count=3, seed=8, size=64, workers=1)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--synthetic", "--data", "somewhere"),
        ("--data", "somewhere", "--pictures", "5"),
        ("--synthetic", "--device", "tpu"),
        ("--synthetic", "--seed", "-1"),
        ("--synthetic", "--save-every", "0"),
        ("--synthetic", "--skip-bad"),
        ("--synthetic", "--password-file", "somewhere"),
        ("--synthetic", "--loaders", "-1"),
        ("--synthetic", "--dcn-mask", "2"),
        ("--synthetic", "--warm-start", "somewhere", "--dcn-mask", "3"),
    ],
)
def test_senseless_requests_are_usage_errors_and_make_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = _train("-o", tmp_path / "run", *arguments)
    assert result.exit_code == 2
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("sizes", ["", "a", "128,-32", "128,,256", "128 256", "64.5", "128,٣٢", "9" * 20])
def test_what_is_no_list_of_sizes_is_one_line_with_an_example(tmp_path: Path, sizes: str) -> None:
    result = _train("-o", tmp_path / "run", "--synthetic", "--sizes", sizes)
    assert result.exit_code == 2
    assert f"{sizes!r} is no list of pixels with commas; for example 128,192,256" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("sizes", "message", "hint"),
    [
        ("100,128", "sizes of a training must be multiples of 32 up to 2048, found 100,128", "for example 96,128"),
        ("99968", "sizes of a training must be multiples of 32 up to 2048, found 99968", "for example 2048"),
        ("0", "sizes of a training must be multiples of 32 up to 2048, found 0", "for example 32"),
        ("128,64,128", "sizes of a training must be different from each other, found 128,64,128", "for example 128,64"),
    ],
)
def test_sizes_that_cannot_be_trained_are_one_line_with_the_nearest(
    tmp_path: Path, sizes: str, message: str, hint: str
) -> None:
    result = _train("-o", tmp_path / "run", "--synthetic", "--sizes", sizes)
    assert isinstance(result.exception, UsageError)
    assert (str(result.exception), result.exception.hint) == (message, hint)
    assert not (tmp_path / "run").exists()


def test_an_hourglass_takes_sizes_of_its_own_multiple() -> None:
    with pytest.raises(UsageError, match="multiples of 128 up to 2048, found 128,192"):
        TrainConfig(arch="hourglass104", size=128, sizes=(128, 192))


@pytest.mark.parametrize("arguments", [("--size", "100"), ("--steps", "0"), ("--lr", "nan"), ("--batch", "-1")])
def test_numbers_that_cannot_be_trained_are_refused(tmp_path: Path, arguments: tuple[str, str]) -> None:
    result = _train("-o", tmp_path / "run", "--synthetic", *arguments)
    assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "run").exists()


def test_a_gpu_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = _train("-o", tmp_path / "run", "--synthetic", "--device", "cuda")
    assert isinstance(result.exception, DeviceError)
    assert choose_device("auto") == torch.device("cpu")


@pytest.mark.slow
def test_a_data_set_is_trained_on_and_the_result_is_one_json_document(tmp_path: Path, folder: Path) -> None:
    run = tmp_path / "run"
    result = _train("-o", run, "--data", folder, "--size", "32", "--batch", "2", "--steps", "1", "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["steps"], summary["resumed_at"], summary["warm_start"]) == (1, 0, None)
    assert summary["checkpoint"] == str(run / CHECKPOINT)
    assert len((run / LOG).read_text().splitlines()) == 2
    assert "step 1 of 1: loss" in result.stderr
    (run / CHECKPOINT).unlink()  # 300 MB that nobody needs


def test_a_data_sets_labels_are_those_of_its_files(folder: Path) -> None:
    photographs = Photographs(folder)
    assert len(photographs) == 3
    for index in range(3):
        image, labels = photographs[index]
        original = draw(8, index + 1, 64)
        assert np.abs(image.astype(int) - original.image_bgr_u8).mean() < 8  # JPEG
        for label, one in zip(labels, original.items, strict=True):
            assert (label.category_id, label.bounding_box) == (one.category_id, one.bounding_box)
            np.testing.assert_array_equal(label.landmarks, one.landmarks)


def test_the_official_zip_gives_what_its_folder_gives(tmp_path: Path, folder: Path) -> None:
    packed = write_zip(tmp_path / "train.zip", folder, "train/", b"secret")
    photographs, plain = Photographs(packed, password=b"secret"), Photographs(folder)
    assert len(photographs) == len(plain) == 3
    image, labels = photographs[2]
    np.testing.assert_array_equal(image, plain[2][0])
    assert [label.bounding_box for label in labels] == [label.bounding_box for label in plain[2][1]]


def test_faults_end_a_training_unless_they_are_to_be_skipped(tmp_path: Path) -> None:
    documents = {1: document(item()), 2: document(item(category_id=14)), 3: document(item(3))}
    faulty = write_set(tmp_path / "set", documents)
    result = _train("-o", tmp_path / "run", "--data", faulty, "--val", "none")
    assert isinstance(result.exception, DataError)
    assert "000002.json: item1.category_id" in str(result.exception)
    assert "--skip-bad" in (result.exception.hint or "")
    photographs = Photographs(faulty, skip_bad=True)
    assert (len(photographs), len(photographs.faults)) == (2, 1)


@pytest.mark.slow
def test_a_training_on_a_zip_is_repeated_from_what_it_wrote(tmp_path: Path, folder: Path) -> None:
    packed = write_zip(tmp_path / "train.zip", folder, "train/", b"secret")
    (tmp_path / "password.txt").write_text("secret\n")
    options = ("--data", packed, "--password-file", tmp_path / "password.txt", "--val", "none")
    first = _train("-o", tmp_path / "a", *options, "--size", "32", "--batch", "2", "--steps", "2", "--loaders", "2")
    assert first.exit_code == 0, first.output
    assert "secret" not in (tmp_path / "a" / "config.toml").read_text()
    again = _train("-o", tmp_path / "b", "--config", tmp_path / "a" / "config.toml", "--loaders", "0")
    assert again.exit_code == 0, again.output
    losses = [(tmp_path / run / LOG).read_text().splitlines()[-1].split(",")[1:9] for run in ("a", "b")]
    assert losses[0] == losses[1]
    resumed = _train("-o", tmp_path / "b", "--resume", "--config", tmp_path / "a" / "config.toml")
    assert resumed.exit_code == 0, resumed.output
    other = _train("-o", tmp_path / "c", "--config", tmp_path / "a" / "config.toml", "--synthetic", "--lr", "nan")
    assert isinstance(other.exception, UsageError)  # not of --data, which the command line overruled
    for run in ("a", "b"):
        (tmp_path / run / CHECKPOINT).unlink()


def _training(**options: Any) -> Trainer:
    drawing = draw(5, 1, 64)
    return Trainer(TrainConfig(size=64, batch=1, **options), [(drawing.image_bgr_u8, drawing.items)])


def test_a_training_starts_from_a_torchvision_wrappers_file_with_the_factor_it_was_told(tmp_path: Path) -> None:
    given = light_tensors(key_shapes("resnet18_dcn_17kp"), torch.float32)
    torch.save(of_library(given, "H", 2), tmp_path / "given.pth")

    training = _training(arch="resnet18-dcn", init=str(tmp_path / "given.pth"), dcn_mask=2)

    assert torch.equal(training.network.state_dict()["deconv_layers.0.weight"], given["deconv_layers.0.weight"])
    assert TrainConfig.from_document(training.config.document()).dcn_mask == 2


def test_the_input_changes_from_step_to_step_and_is_the_same_again_from_a_checkpoints_configuration() -> None:
    """Validation is at ``size``, which need not be among ``sizes``."""
    training = _training(sizes=(32, 96), fit="rect")
    again = TrainConfig.from_document(training.config.document())
    assert (again.sizes, again.fit, again.size) == ((32, 96), "rect", 64)
    sides = [training.batch(step).images.shape[-1] for step in range(12)]
    drawing = draw(5, 1, 64)
    other = Trainer(again, [(drawing.image_bgr_u8, drawing.items)])
    assert set(sides) == {32, 96}
    assert [other.batch(step).images.shape[-1] for step in reversed(range(12))] == sides[::-1]


def test_a_checkpoint_from_before_there_was_a_choice_goes_on_in_squares_of_one_size() -> None:
    document = TrainConfig(size=64).document()
    del document["fit"], document["sizes"]
    assert TrainConfig.from_document(document) == TrainConfig(size=64)


def test_bfloat16_gives_almost_the_losses_of_float32() -> None:
    training = _training()
    batch = training.batch()
    with torch.no_grad():
        exact = batch_losses(training.network.eval(), batch)
        with torch.autocast("cpu", torch.bfloat16):
            rough = batch_losses(training.network, batch)
    for name, loss in exact.items():
        assert rough[name].dtype == torch.float32
        assert rough[name].item() == pytest.approx(loss.item(), rel=0.05)


@pytest.mark.slow
def test_a_run_with_another_number_of_pictures_is_not_resumed() -> None:
    training = _training()
    state = training.state()
    drawing = draw(5, 1, 64)
    with pytest.raises(DataError, match="had 1 pictures, now there are 2"):
        Trainer(state.config, [(drawing.image_bgr_u8, drawing.items)] * 2, resume=state)


def test_294_single_landmarks_can_be_trained_too() -> None:
    training = _training(schema="294")
    assert training.samples.schema == KeypointSchema.deepfashion2(294)
    batch = collate([training.samples[0]])
    assert batch.hm_hp.shape == (1, 294, 16, 16)
    assert batch_losses(training.network, batch)["hm_hp"].isfinite()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("labels.json", "{}", "a COCO file has no pictures"),
        ("set.zip", "no zip", "is no zip, or a damaged one"),
    ],
)
def test_what_is_no_data_set_leaves_no_folder_behind(name: str, content: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    done = _train("-o", tmp_path / "run", "--data", tmp_path / name)
    assert done.exit_code == 1
    assert sentence in str(done.exception)
    assert not (tmp_path / "run").exists()
