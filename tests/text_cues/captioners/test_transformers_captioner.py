# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import torch
from PIL import Image
from tiny_hf import write_llava

from mmteso.text_cues import (CAPTIONERS, Frame, LoadedFrame,
                              ModelUnavailableError)

PAPER = ('Please carefully understand the image content and provide as rich a '
         'description as possible.')


def build(model, tokens=12, **kwargs):
    return CAPTIONERS.build(
        dict(
            type='TransformersCaptioner',
            model=model,
            generation=dict(max_new_tokens=tokens),
            **kwargs))


def frame(seed, size=(40, 30)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3))
    image = Image.fromarray(pixels.astype(np.uint8))
    return LoadedFrame(Frame('clip', seed, f'{seed}.png'), (image, ))


def test_a_batch_says_what_each_frame_says_alone(llava):
    captioner = build(llava)
    # of several sizes, as videos are
    frames = [frame(i, size) for i, size in enumerate([(40, 30), (28, 60),
                                                       (28, 28), (99, 31)])]
    together = captioner.caption(frames)
    assert together == [captioner.caption([one])[0] for one in frames]
    # the image reaches the answer
    assert len(set(together)) == 4
    assert captioner.caption(frames) == together


def test_what_the_model_reads(llava, spy_generate):
    captioner = build(llava)
    spied = spy_generate(captioner.model)
    color = (255, 0, 127)
    image = Image.new('RGB', (40, 30), color)
    captioner.caption([frame(0), LoadedFrame(Frame('a', 0, ''), (image, ))])
    call, = spied.calls
    tokenizer = captioner.model.tokenizer
    text = tokenizer.decode(call['input_ids'][1])
    # one <s>, one token per patch, the prompt, and the model's turn
    assert text == f'<s>USER: {"<image>" * 4}\n{PAPER} ASSISTANT:'
    # CLIP's normalisation of that color
    mean = np.array([0.48145466, 0.4578275, 0.40821073])
    std = np.array([0.26862954, 0.26130258, 0.27577711])
    expected = torch.tensor((np.array(color) / 255 - mean) / std)
    pixels = call['pixel_values']
    assert pixels.shape == (2, 3, 28, 28)
    assert torch.allclose(
        pixels[1].double(), expected[:, None, None].expand(3, 28, 28),
        atol=1e-5)
    assert not call['do_sample']


def test_new_tokens_are_counted_and_special_ones_left_out(llava, spy_generate):
    captioner = build(llava, tokens=5)
    spied = spy_generate(captioner.model)
    caption, = captioner.caption([frame(0)])
    asked, = (call['input_ids'].shape[1] for call in spied.calls)
    new = spied.outputs[0][0, asked:]
    assert 1 <= len(new) <= 5
    assert caption == captioner.model.tokenizer.decode(
        new, skip_special_tokens=True).strip()
    assert 'Please' not in caption


def test_batch_size_limits_what_the_model_gets_at_once(llava, spy_generate):
    captioner = build(llava, batch_size=2)
    spied = spy_generate(captioner.model)
    captions = captioner.caption([frame(i) for i in range(5)])
    assert [len(call['input_ids']) for call in spied.calls] == [2, 2, 1]
    assert captions == build(llava).caption([frame(i) for i in range(5)])
    assert captioner.caption([]) == []


def test_memory_that_is_too_small_for_the_batch(llava, monkeypatch):
    captioner = build(llava)
    frames = [frame(i) for i in range(5)]
    expected = captioner.caption(frames)
    model = captioner.model.model
    generate, sizes = model.generate, []

    def limited(**kwargs):
        sizes.append(len(kwargs['input_ids']))
        if sizes[-1] > 2:
            raise torch.cuda.OutOfMemoryError('full')
        return generate(**kwargs)

    monkeypatch.setattr(model, 'generate', limited)
    assert captioner.caption(frames) == expected
    assert sizes == [5, 2, 2, 1]


def test_samples_if_asked_to(llava):
    captioner = build(llava)
    captioner.generation.update(do_sample=True, temperature=5.0)
    torch.manual_seed(0)
    assert len({captioner.caption([frame(0)])[0] for _ in range(4)}) > 1


def test_what_the_cue_file_says_of_it(llava):
    captioner = build(llava)
    assert captioner.reads == 'frame'
    assert captioner.name == 'llava'
    assert captioner.prompt.text == PAPER
    assert captioner.prompt_hash == captioner.prompt.hash


def test_prompt_of_ones_own(llava, tmp_path, spy_generate):
    path = tmp_path / 'mine.yaml'
    path.write_text('name: caption_mine\norigin: ours\ntext: What is this?\n')
    captioner = build(llava, prompt=str(path))
    spied = spy_generate(captioner.model)
    captioner.caption([frame(0)])
    text = captioner.model.tokenizer.decode(spied.calls[0]['input_ids'][0])
    assert text.endswith('\nWhat is this? ASSISTANT:')


def test_model_without_chat_template(tmp_path, llava):
    folder = write_llava(str(tmp_path / 'plain'), chat_template=None)
    with pytest.raises(ModelUnavailableError,
                       match='no chat template.*USER: <image>'):
        build(folder).prepare([])
    plain = build(folder, template='USER: <image>\n{prompt} ASSISTANT:')
    # the same weights and the same text as with the chat template
    assert plain.caption([frame(1)]) == build(llava).caption([frame(1)])


@pytest.mark.parametrize('template', ['USER: <image>', '{prompt}{prompt}'])
def test_template_without_the_prompt(llava, template):
    with pytest.raises(ValueError, match='{prompt} in it, once'):
        build(llava, template=template)


def test_nonsense_is_refused(llava):
    with pytest.raises(ValueError, match='batch_size'):
        build(llava, batch_size=0)
    with pytest.raises(TypeError, match='no_such_option'):
        build(llava, no_such_option=1)


def test_nothing_is_loaded_before_it_is_needed(llama, tmp_path):
    build(str(tmp_path / 'nothing'))
    captioner = build(llama)
    with pytest.raises(ModelUnavailableError, match='of the type "llama"'):
        captioner.prepare([])


@pytest.mark.gpu
@pytest.mark.parametrize('dtype', ['fp32', 'bf16', 'fp16'])
def test_on_a_gpu(llava, dtype):
    captioner = build(llava, dtype=dtype)
    frames = [frame(i) for i in range(3)]
    assert captioner.model.model.device.type == 'cuda'
    assert len(captioner.caption(frames)) == 3
    assert captioner.caption(frames) == captioner.caption(frames)
