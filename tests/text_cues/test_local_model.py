# Copyright (c) mmteso contributors. All rights reserved.
"""Models of transformers, with small random weights."""
import importlib.util
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_hf import IMAGE_SIZE, PATCH_SIZE, write_video_llava

from mmteso.text_cues import (CAPTIONERS, REASONERS, ChatFailure, Frame,
                              LoadedFrame, ModelUnavailableError)
from mmteso.text_cues.answers import validate_answer
from mmteso.text_cues.base import CutText
from mmteso.text_cues.local_model import LocalModel

torch = pytest.importorskip('torch')
pytest.importorskip('transformers')

CHAT = [dict(role='user', content='Caption: a dog barks.')]
LONG = [dict(role='user', content='Caption: a dog barks. ' * 20)]
SHORT = dict(generation=dict(max_new_tokens=12))


def captioner(model, kind='TransformersCaptioner', **kwargs):
    return CAPTIONERS.build(
        dict(dict(type=kind, model=str(model), **SHORT), **kwargs))


def reasoner(model, kind='TransformersReasoner', **kwargs):
    return REASONERS.build(
        dict(dict(type=kind, model=str(model), **SHORT), **kwargs))


def clip(uid, length, seed=0):
    """The frames of a clip, each with the images of all."""
    rng = np.random.default_rng(seed)
    images = tuple(Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8))
                   for _ in range(length))
    paths = tuple(f'{uid}/{i}.png' for i in range(length))
    return [LoadedFrame(Frame(uid, i, paths[i], paths), images)
            for i in range(length)]


def frames(*seeds):
    return [LoadedFrame(item.frame, item.images[:1]) for seed in seeds
            for item in clip(str(seed), 1, seed)]


def test_captions_are_those_of_transformers(llava, spy_generate):
    found = captioner(llava)
    calls = spy_generate(found.model)
    captions = found.caption(frames(1, 2))
    assert captions[0] != captions[1]
    assert found.name == 'llava' and found.prompt_hash
    call, = calls
    processor = found.model.loaded.processor
    text = processor.tokenizer.decode(call['input_ids'][0])
    # one <s>, and a token for each patch of the picture
    assert text.startswith(f'<s>USER: {"<image>" * 4}\nPlease carefully')
    assert text.endswith('ASSISTANT:') and not call['do_sample']
    # by transformers alone
    from transformers import AutoModelForImageTextToText, AutoProcessor
    model = AutoModelForImageTextToText.from_pretrained(llava)
    processor = AutoProcessor.from_pretrained(llava)
    inputs = processor(text=processor.apply_chat_template(
                           [dict(role='user', content=[
                                     dict(type='image'), dict(
                                         type='text',
                                         text=found.prompt.text)])],
                           add_generation_prompt=True),
                       images=frames(1)[0].images[0], return_tensors='pt')
    output = model.generate(**inputs, max_new_tokens=12, do_sample=False)
    expected = processor.decode(
        output[0, inputs['input_ids'].shape[1]:], skip_special_tokens=True)
    assert captions[0] == expected.strip()
    # with a template of one's own
    own = captioner(llava, template='USER: <image>\n{prompt} ASSISTANT:')
    calls.clear()
    own.caption(frames(1))
    assert processor.tokenizer.decode(
        calls[0]['input_ids'][0]).startswith('<s>USER: <image>')


def test_answers_do_not_depend_on_the_batch(llama, spy_generate):
    found = reasoner(llama, batch_size=2)
    calls = spy_generate(found.model)
    chats = [CHAT, LONG, CHAT]
    answers = found.chat(chats)
    assert [len(call['input_ids']) for call in calls] == [2, 1]
    assert answers == [reasoner(llama).chat([chat])[0] for chat in chats]
    assert answers[0] == answers[2] != answers[1]


def test_a_batch_too_large_for_the_gpu_is_reduced(llama, monkeypatch):
    found = reasoner(llama)
    expected = found.chat([CHAT] * 5)
    model, sizes = found.model.loaded.model, []
    generate = model.generate

    def small(**kwargs):
        sizes.append(len(kwargs['input_ids']))
        if sizes[-1] > 2:
            raise torch.cuda.OutOfMemoryError('CUDA out of memory.')
        return generate(**kwargs)

    monkeypatch.setattr(model, 'generate', small)
    assert found.chat([CHAT] * 5) == expected
    assert sizes[0] == 5 and sizes[-3:] == [2, 2, 1]
    sizes.clear()
    found.chat([CHAT] * 5)  # the size is kept
    assert sizes == [2, 2, 1]
    monkeypatch.setattr(
        model, 'generate', lambda **kwargs: small(input_ids=range(9)))
    found.model.batch_size = None
    with pytest.raises(ModelUnavailableError, match='4 bits'):
        found.chat([CHAT] * 2)
    assert found.model.batch_size is None  # others may have filled the GPU


def test_too_long_fails_alone(llama):
    found = reasoner(llama)
    longer = [dict(role='user', content='dog ' * 5000)]
    first, second, third = found.chat([CHAT, longer, CHAT])
    assert first == third and isinstance(second, ChatFailure)
    assert 'tokens more than "llama" can take' in second.error


def test_captioner_and_reasoner_share_their_weights(llava):
    one = captioner(llava)
    two = reasoner(llava, 'CaptionerReasoner')
    assert one.model.loaded is two.model.loaded
    assert one.model.loaded is not captioner(llava, dtype='bf16').model.loaded
    text = two.model.render(CHAT)
    assert text == 'USER: Caption: a dog barks. ASSISTANT:'
    assert isinstance(two.chat([CHAT])[0], str)


@pytest.mark.parametrize('kind', ['TransformersReasoner', 'CaptionerReasoner'])
def test_noise_keeps_the_schema(llama, llava, kind):
    """Random weights: nothing but the decoding makes the answers valid."""
    found = reasoner(llama if kind[0] == 'T' else llava, kind)
    answers = found.chat([CHAT, LONG] * 3, found.schema)
    names = [validate_answer(answer, found.schema) for answer in answers]
    assert any(names) or kind[0] == 'C'
    assert not any(isinstance(answer, CutText) for answer in answers)


def test_an_answer_that_is_cut_is_none(llama, spy_generate, monkeypatch):
    """Noise never ends by itself; nobody is asked what it names."""
    found = reasoner(llama)
    calls = spy_generate(found.model)
    result, = found.reason([Frame('a', 0, '')], ['A dog.'])
    assert not result.cues and 'max_new_tokens' in result.error
    assert result.text and len(calls) == 1
    # the last token is the end's
    model = found.model.loaded.model
    generate = model.generate

    def end(**kwargs):
        output = generate(**kwargs)
        output[0, -1] = model.generation_config.eos_token_id
        return output

    monkeypatch.setattr(model, 'generate', end)
    answers = found.chat([CHAT, LONG])
    assert [isinstance(text, CutText) for text in answers] == [False, True]


def test_models_that_cannot_be_used(llama, llava, tmp_path):
    with pytest.raises(ModelUnavailableError, match='hf download'):
        reasoner(tmp_path / 'none').prepare([])
    with pytest.raises(ModelUnavailableError, match='cannot be loaded'):
        captioner(llama).prepare([])
    broken = shutil.copytree(llama, tmp_path / 'broken')
    from safetensors.torch import load_file, save_file
    weights = load_file(broken / 'model.safetensors')
    del weights['model.norm.weight']
    save_file(weights, broken / 'model.safetensors', dict(format='pt'))
    with pytest.raises(ModelUnavailableError, match='model.norm.weight'):
        reasoner(broken).prepare([])
    mute = shutil.copytree(llama, tmp_path / 'mute')
    (mute / 'chat_template.jinja').unlink()
    with pytest.raises(ModelUnavailableError, match='no chat template'):
        reasoner(mute).prepare([])
    reasoner(mute, chat_template='{{ messages[0].content }}').prepare([])
    strict = "{{ raise_exception('no thanks') }}"
    with pytest.raises(ModelUnavailableError, match='no thanks'):
        reasoner(llama, chat_template=strict).prepare([])


def test_what_transformers_is_told(monkeypatch):
    """Of loading that can't be tried here."""
    import transformers
    seen = {}

    def from_pretrained(name, **kwargs):
        seen.update(kwargs, name=name)
        raise OSError('stop here')

    monkeypatch.setattr(transformers.AutoTokenizer, 'from_pretrained',
                        lambda *args, **kwargs: None)
    monkeypatch.setattr(transformers.AutoModelForCausalLM, 'from_pretrained',
                        from_pretrained)
    bits = dict(load_in_4bit=True, bnb_4bit_quant_type='nf4')
    model = LocalModel('causal-lm', 'me/model', revision='v1', dtype='bf16',
                       device_map='auto', quantization=bits,
                       model_kwargs=dict(attn_implementation='sdpa'))
    assert model.name == 'me/model@v1 (4 bits)'
    with pytest.raises(ModelUnavailableError, match='stop here'):
        model.loaded
    assert seen['quantization_config'].bnb_4bit_quant_type == 'nf4'
    assert (seen['name'], seen['dtype'], seen['device_map'],
            seen['revision'], seen['attn_implementation']) == (
                'me/model', 'bfloat16', 'auto', 'v1', 'sdpa')


NO_TORCHVISION = importlib.util.find_spec('torchvision') is None


@pytest.fixture(scope='module')
def video_folder(tmp_path_factory):
    return write_video_llava(str(tmp_path_factory.mktemp('hf') / 'video'))


@pytest.fixture
def video_llava(video_folder, monkeypatch):
    """A LLaVA-NeXT-Video, loadable without torchvision.

    transformers prepares videos with torchvision only. Where there is none,
    its processor of images stands in for that one class, frame by frame; the
    model and all the rest of its processor are the real ones.
    """
    if NO_TORCHVISION:
        import transformers
        from transformers.models.auto import video_processing_auto
        from transformers.video_processing_utils import VideoProcessorMixin

        class PilVideoProcessor(VideoProcessorMixin):
            model_input_names = ['pixel_values_videos']
            do_sample_frames = True

            @classmethod
            def from_pretrained(cls, path, **kwargs):
                return cls()

            def __call__(self, videos, **kwargs):
                assert not self.do_sample_frames
                images = transformers.CLIPImageProcessorPil.from_pretrained(
                    video_folder)
                pixels = [images(list(video), return_tensors='pt').pixel_values
                          for video in videos]
                return dict(pixel_values_videos=torch.stack(pixels))

        monkeypatch.setattr(video_processing_auto, 'AutoVideoProcessor',
                            PilVideoProcessor)
        # where transformers looks for the class to check it by
        monkeypatch.setattr(transformers, 'VideoProcessorMixin',
                            VideoProcessorMixin, raising=False)
    return video_folder


@pytest.mark.parametrize('inputs', ['video', 'images'])
def test_a_clip_is_captioned_once(video_llava, llava, spy_generate, inputs):
    found = captioner(video_llava if inputs == 'video' else llava,
                      'VideoCaptioner', inputs=inputs, num_frames=3)
    found.prepare([item.frame for item in clip('one', 2)])
    calls = spy_generate(found.model)
    items = clip('one', 4, 1) + clip('two', 4, 2) + clip('three', 2, 3)
    captions = []
    for start in range(0, len(items), 3):
        captions += found.caption(items[start:start + 3])
    # a clip goes on in the next batch; clips of a batch differ in length
    assert len(calls) == 3
    assert len(set(captions[:4])) == len(set(captions[4:8])) == 1
    assert len(set(captions)) == 3
    key = 'pixel_values_videos' if inputs == 'video' else 'pixel_values'
    assert calls[0][key].numel() == 3 * 3 * 28 * 28
    with pytest.raises(ValueError, match='clip_paths'):
        found.prepare([Frame('a', 0, 'a.png')])


def test_a_model_that_reads_no_videos(llava):
    with pytest.raises(ModelUnavailableError, match="inputs='images'"):
        captioner(llava, 'VideoCaptioner').prepare([])


SETTINGS = ('patch_size', 'num_additional_image_tokens',
            'vision_feature_select_strategy')


def copy_with(folder, path, **settings):
    """Copy a model, with other settings of its processor."""
    shutil.copytree(folder, path)
    file = path / 'processor_config.json'
    config = dict(json.loads(file.read_text()), **settings)
    file.write_text(json.dumps(config))
    return path


@pytest.mark.parametrize('settings', [
    {}, dict.fromkeys(SETTINGS), dict(num_additional_image_tokens=0),
    dict(vision_feature_select_strategy='full'), dict(patch_size=7)], ids=str)
def test_processors_count_image_tokens_as_the_model(llava, tmp_path, warned,
                                                    settings):
    """LLaVA's processor and model have to agree on an image's tokens."""
    folder = copy_with(llava, tmp_path / 'copy', **settings)
    assert captioner(folder).caption(frames(1, 2)) == captioner(
        llava).caption(frames(1, 2))
    assert len(warned) == bool(settings)
    # those that it had right aren't named
    assert [name for name in SETTINGS if name in ''.join(warned)
            ] == list(settings)


def test_a_tower_without_class_token(llava, tmp_path, warned):
    """SigLIP's, with the settings that belong to CLIP's."""
    from transformers import (LlavaConfig, LlavaForConditionalGeneration,
                              SiglipVisionConfig)
    right = copy_with(llava, tmp_path / 'right', num_additional_image_tokens=0,
                      vision_feature_select_strategy='full')
    config = LlavaConfig.from_pretrained(right)
    config.vision_config = SiglipVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, image_size=IMAGE_SIZE, patch_size=PATCH_SIZE)
    config.vision_feature_select_strategy = 'full'
    torch.manual_seed(0)
    LlavaForConditionalGeneration(config).save_pretrained(right)
    expected = captioner(right).caption(frames(1))
    assert not warned
    wrong = copy_with(right, tmp_path / 'wrong', num_additional_image_tokens=1)
    assert captioner(wrong).caption(frames(1)) == expected
    assert 'num_additional_image_tokens: 1 -> 0' in warned[0]
