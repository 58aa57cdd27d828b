# Copyright (c) mmteso contributors. All rights reserved.
"""Text-prompted segmenters, against transformers' own processor and model."""
import copy
import importlib.util
import json
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from PIL import Image

transformers = pytest.importorskip('transformers')
import tiny_zero_shot  # noqa: E402

from mmteso.models.zero_shot.image_input import ImageInput  # noqa: E402
from mmteso.models.zero_shot.text_segmenter import NOTHING  # noqa: E402

KINDS = ('clipseg', 'sam3', 'grounded_sam')
PHRASE = 'acoustic guitar'
# of the model's input, so that nothing is resized
SIZES = dict(clipseg=(48, 48), sam3=(56, 56), dino=(64, 90), sam=(40, 64))


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    return tiny_zero_shot.write_all(tmp_path_factory.mktemp('models'))


def picture(size, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), np.uint8)
    return Image.fromarray(noise).resize(size[::-1], Image.Resampling.BICUBIC)


def tensor(image):
    """As the data preprocessor gives it: RGB from 0 to 255."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()


def build(kind, folders, **kwargs):
    init_default_scope('mmseg')
    config = tiny_zero_shot.segmenter_configs(folders)[kind]
    return MODELS.build(dict(config, **kwargs))


def own_processor(name, folder):
    if name != 'sam3' or importlib.util.find_spec('torchvision'):
        return transformers.AutoImageProcessor.from_pretrained(folder)
    # Sam3ImageProcessor, which does the same, needs torchvision
    settings = json.loads(Path(folder, 'preprocessor_config.json').read_text())
    return transformers.ViTImageProcessor.from_dict(settings)


@pytest.mark.parametrize('name', list(SIZES))
@pytest.mark.parametrize('size', [(61, 90), (200, 37), (33, 33), None])
def test_own_preprocessing(folders, name, size):
    """Size, aspect, padding, mean and deviation; resizing to one step."""
    image = picture(size or SIZES[name])
    expected = own_processor(name, folders[name])(
        image, return_tensors='pt').pixel_values
    image_input = ImageInput(folders[name])
    found = image_input(tensor(image))
    assert found.shape == expected.shape
    step = 1.01 / 255 / min(image_input.settings['image_std'])
    torch.testing.assert_close(
        found, expected, rtol=0, atol=1e-6 if size is None else step)


def test_files_of_earlier_versions(tmp_path):
    """One number as size; steps that are left out."""
    (tmp_path / 'preprocessor_config.json').write_text(
        json.dumps(dict(size=20, image_mean=[.5] * 3, image_std=[.5] * 3)))
    assert ImageInput(str(tmp_path))(torch.zeros(1, 3, 9, 7)).shape == \
        (1, 3, 20, 20)
    (tmp_path / 'preprocessor_config.json').write_text(
        json.dumps(dict(size=20, image_mean=[.5] * 3, image_std=[.5] * 3,
                        do_resize=False, do_normalize=False)))
    found = ImageInput(str(tmp_path))(torch.full((1, 3, 9, 7), 255.))
    assert found.shape == (1, 3, 9, 7) and found.sub(1).abs().max() < 1e-6
    (tmp_path / 'preprocessor_config.json').write_text('{"size": 20}')
    with pytest.raises(ValueError, match='needs size, image_mean'):
        ImageInput(str(tmp_path))(torch.zeros(1, 3, 9, 7))


# ------------------------------------------- against transformers' own path
def test_clipseg(folders):
    image = picture(SIZES['clipseg'])
    inputs = transformers.CLIPSegProcessor.from_pretrained(folders['clipseg'])(
        text=[f'a photo of a {PHRASE}.'], images=[image], return_tensors='pt')
    model = transformers.CLIPSegForImageSegmentation.from_pretrained(
        folders['clipseg'])
    with torch.no_grad():
        expected = model(**inputs).logits.reshape(1, 48, 48)
        segmenter = build('clipseg', folders)
        encoded, = segmenter.encode_image(tensor(image))
        found = segmenter.find(encoded, PHRASE)
        other = segmenter.find(encoded, 'dog')
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert (found - other).abs().max() > 0.1  # the phrase matters


def test_sam3(folders):
    image = picture(SIZES['sam3'])
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders['sam3'])
    model = transformers.Sam3Model.from_pretrained(folders['sam3'])
    with torch.no_grad():
        outputs = model(
            **own_processor('sam3',
                            folders['sam3'])(image, return_tensors='pt'),
            **tokenizer(PHRASE, return_tensors='pt', padding='max_length',
                        max_length=32))
        scores = outputs.pred_logits.sigmoid() * \
            outputs.presence_logits.sigmoid()
        # between two objects' scores, which rounding may move
        threshold = scores[0].topk(3).values[1:].mean().item()
        expected = outputs.pred_masks[0][scores[0] > threshold]
        segmenter = build('sam3', folders, score_threshold=threshold)
        encoded, = segmenter.encode_image(tensor(image))
        found = segmenter.find(encoded, PHRASE)
    assert len(expected) == 2
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_sam3_in_the_file_of_the_video_model(folders, tmp_path):
    """As facebook/sam3 is published."""
    tiny_zero_shot.write_sam3(tmp_path, video=True)
    stored = json.loads((tmp_path / 'config.json').read_text())
    assert stored['model_type'] == 'sam3_video'
    masks = []
    for folder in (str(tmp_path), folders['sam3']):
        segmenter = build('sam3', folders, pretrained=folder)
        with torch.no_grad():
            encoded, = segmenter.encode_image(tensor(picture((30, 40))))
            masks.append(segmenter.find(encoded, PHRASE))
    assert torch.equal(*masks)


def test_grounded_sam(folders):
    """Boxes of the one processor are the prompts of the other."""
    image = picture(SIZES['dino'])
    processor = transformers.GroundingDinoProcessor.from_pretrained(
        folders['dino'])
    detector = transformers.GroundingDinoForObjectDetection.from_pretrained(
        folders['dino'])
    sam_processor = transformers.SamProcessor.from_pretrained(folders['sam'])
    sam = transformers.SamModel.from_pretrained(folders['sam'])
    segmenter = build('grounded_sam', folders)
    with torch.no_grad():
        outputs = detector(**processor(
            text=[[PHRASE]], images=[image], return_tensors='pt'))
        expected = processor.post_process_grounded_object_detection(
            outputs, threshold=0., target_sizes=[(1, 1)])[0]['boxes']
        encoded, = segmenter.encode_image(tensor(image))
        found = segmenter.find_boxes(encoded, PHRASE)
    assert len(found) == 6
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)

    image = picture(SIZES['sam'])
    height, width = SIZES['sam']
    boxes = torch.tensor([[.1, .2, .5, .9], [.4, .1, .8, .6]])
    inputs = sam_processor(
        image,
        input_boxes=[(boxes * torch.tensor([width, height] * 2)).tolist()],
        return_tensors='pt')
    with torch.no_grad(), mock.patch.object(
            segmenter, 'find_boxes', return_value=boxes):
        masks = sam_processor.post_process_masks(
            sam(**inputs, multimask_output=False).pred_masks,
            inputs['original_sizes'], inputs['reshaped_input_sizes'],
            binarize=False)[0]
        encoded, = segmenter.encode_image(tensor(image))
        found = segmenter.segment(encoded, PHRASE, (height, width))
    torch.testing.assert_close(found, masks.amax((0, 1)), rtol=1e-4, atol=1e-4)


# -------------------------------------------------------------- what all do
@pytest.mark.parametrize('kind', KINDS)
def test_batches_and_sizes(folders, kind):
    """Two images are two times one; masks have the image's size; encoding
    again is not needed and finding changes nothing."""
    segmenter = build(kind, folders)
    images = torch.cat([tensor(picture((37, 61), seed)) for seed in (0, 1)])
    with torch.no_grad():
        both = segmenter.encode_image(images)
        first = segmenter.segment(both[0], PHRASE, (37, 61))
        segmenter.segment(both[0], 'dog', (37, 61))
        assert torch.equal(first, segmenter.segment(both[0], PHRASE, (37, 61)))
        assert first.shape == (37, 61) and first.min() >= NOTHING
        for i in (0, 1):
            alone, = segmenter.encode_image(images[i:i + 1])
            torch.testing.assert_close(
                segmenter.segment(both[i], PHRASE, (37, 61)),
                segmenter.segment(alone, PHRASE, (37, 61)), rtol=1e-3,
                atol=1e-3)
    assert not torch.equal(first, segmenter.segment(both[1], PHRASE, (37, 61)))


@pytest.mark.parametrize('kind, option', [('sam3', 'score_threshold'),
                                          ('grounded_sam', 'box_threshold')])
def test_nothing_found(folders, kind, option):
    segmenter = build(kind, folders, **{option: 1.})
    with torch.no_grad():
        encoded, = segmenter.encode_image(tensor(picture((20, 30))))
        mask = segmenter.segment(encoded, PHRASE, (20, 30))
    assert mask.shape == (20, 30) and (mask == NOTHING).all()


def test_mask_threshold(folders):
    """A pixel of that probability lies on the edge."""
    masks = []
    for threshold in (0.5, 0.8):
        segmenter = build('clipseg', folders, mask_threshold=threshold)
        with torch.no_grad():
            encoded, = segmenter.encode_image(tensor(picture((20, 30))))
            masks.append(segmenter.segment(encoded, PHRASE, (20, 30)))
    torch.testing.assert_close(masks[0].sigmoid() > 0.8, masks[1] > 0)
    assert 0 < (masks[1] > 0).sum() < (masks[0] > 0).sum()


# ------------------------------------------------------------------- weights
def test_weights_come_late_and_whole(folders, tmp_path):
    """Built from config.json; read where first used; a part is refused."""
    shutil.copy(Path(folders['clipseg'], 'config.json'), tmp_path)
    segmenter = build('clipseg', folders, pretrained=str(tmp_path))
    with pytest.raises(OSError):
        segmenter.encode_image(torch.zeros(1, 3, 20, 20))
    shutil.copytree(folders['clipseg'], tmp_path, dirs_exist_ok=True)
    from safetensors.torch import load_file, save_file
    path = tmp_path / 'model.safetensors'
    state = load_file(path)
    del state['decoder.film_mul.weight']
    save_file(state, path, metadata=dict(format='pt'))
    with pytest.raises(ValueError, match='lack 1 parameters.*film_mul'):
        segmenter.encode_image(torch.zeros(1, 3, 20, 20))


def test_weights_of_a_checkpoint_stay(folders):
    """The folder's do not replace them."""
    segmenter = build('clipseg', folders)
    state = {key: torch.full_like(value, 0.5)
             for key, value in copy.deepcopy(segmenter.state_dict()).items()}
    segmenter.load_state_dict(state)
    segmenter.encode_image(torch.zeros(1, 3, 20, 20))
    assert all((value == 0.5).all()
               for value in segmenter.state_dict().values())
    assert not segmenter.train().clipseg.model.training


def test_wrong_models(folders):
    with pytest.raises(ValueError, match="type 'clap', but.*'clipseg'"):
        build('clipseg', folders, pretrained=folders['clap'])
    with pytest.raises(ValueError, match='dtype must be one of'):
        build('clipseg', folders, dtype='float64')
    half = build('clipseg', folders, dtype='bfloat16')
    with torch.no_grad():
        encoded, = half.encode_image(tensor(picture((20, 30))))
        mask = half.segment(encoded, PHRASE, (20, 30))
    assert half.clipseg.model.dtype == torch.bfloat16
    assert mask.dtype == torch.float32 and torch.isfinite(mask).all()
