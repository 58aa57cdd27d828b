# Copyright (c) mmteso contributors. All rights reserved.
"""TeSO with Swin-T by mmseg's Mask2Former, and by transformers'.

    python tools/benchmarks/stock.py

One thread, on the CPU, 2 frames of 384 x 384, random weights. A training step
is forward, losses, backward and optimizer. Each turn is a process of its own,
whose peak memory counts from before the model is built.
"""
import argparse
import json
import os.path as osp
import resource
import statistics
from typing import Callable, Dict, List

from turns import (ROOT, Sample, add_options, last_words, measure, ratio,
                   record, take_turns)

BATCH = 2
SCRIPT = 'tools/benchmarks/stock.py'
CONFIG = osp.join(ROOT, 'configs/teso/teso_swin-t_v1m.py')
STOCK = 'mask2former/mask2former_swin-t_8xb2-160k_ade20k-512x512.py'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_options(parser, baseline=ROOT)
    parser.add_argument(
        '--steps', type=int, default=2,
        help='in each turn; their median counts (default: %(default)s)')
    parser.add_argument(
        '--size', type=int, default=384,
        help='height and width of the frames (default: %(default)s)')
    parser.add_argument(
        '--way', nargs=2, metavar=('MODEL', 'WHAT'), help=argparse.SUPPRESS)
    return parser.parse_args()


def make_batch(size: int) -> dict:
    """Frames with a square that sounds, as a data loader gives them."""
    import torch
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample
    rng = torch.Generator().manual_seed(0)
    inputs = dict(
        img=torch.randint(0, 256, (BATCH, 3, size, size), generator=rng,
                          dtype=torch.uint8),
        log_mel=torch.randn(BATCH, 1, 96, 64, generator=rng),
        text_feat=torch.randn(BATCH, 4, 1024, generator=rng),
        text_valid=torch.ones(BATCH, 4, dtype=torch.bool))
    samples = []
    for _ in range(BATCH):
        shape = (size, size)
        sample = SegDataSample(metainfo=dict(
            img_shape=shape, ori_shape=shape, pad_shape=shape))
        mask = torch.zeros(1, *shape, dtype=torch.long)
        mask[:, size // 4:size // 2, size // 4:size // 2] = 1
        sample.gt_sem_seg = PixelData(data=mask)
        samples.append(sample)
    return dict(inputs={key: list(value) for key, value in inputs.items()},
                data_samples=samples)


def our_config(size: int):
    """TeSO's, without files that nobody has."""
    from mmengine.config import Config
    cfg = Config.fromfile(CONFIG)
    cfg.model.audio_encoder.pop('init_cfg')
    cfg.model.data_preprocessor.update(size=(size, size))
    return cfg


def stock_config(size: int):
    """mmseg's, with two classes, and images of the same size."""
    import mmseg
    from mmengine.config import Config
    cfg = Config.fromfile(
        osp.join(osp.dirname(mmseg.__file__), '.mim/configs', STOCK))
    cfg.model.backbone.pop('init_cfg')
    cfg.model.decode_head.num_classes = 2
    cfg.model.decode_head.loss_cls.class_weight = [1., 1., .1]
    cfg.model.data_preprocessor.update(size=(size, size))
    return cfg


def transformers_step(parts, batch: dict) -> Callable:
    """A training step of transformers' Mask2Former, whose encoders, decoder
    and losses are its own. As in TeSO's release adapters follow its attention
    and a prompt changes its queries; these, SeDAM and VGGish are ours, and
    what trains is the same."""
    import torch
    from mmseg.registry import MODELS
    from transformers import (Mask2FormerConfig,
                              Mask2FormerForUniversalSegmentation, SwinConfig)

    from mmteso.models.adapters import (AdaptedLinear,
                                        AdaptedMultiheadAttention,
                                        inject_adapters, set_eval)
    stages = [f'stage{number}' for number in (1, 2, 3, 4)]
    swin = SwinConfig(depths=[2, 2, 6, 2], drop_path_rate=.3,
                      out_features=stages)
    net = Mask2FormerForUniversalSegmentation(
        Mask2FormerConfig(backbone_config=swin, num_labels=2))
    inject_adapters(net, ('window', ))
    for layer in net.model.pixel_level_module.decoder.encoder.layers:
        layer.self_attn.output_proj = AdaptedLinear(
            layer.self_attn.output_proj, 4)
    decoder = net.model.transformer_module.decoder
    for layer in decoder.layers:
        layer.cross_attn = AdaptedMultiheadAttention(layer.cross_attn, 4)
    audio, sedam, pmqs, latent = map(MODELS.build, (
        parts.audio_encoder, parts.prompt_encoder, parts.decode_head.pmqs,
        parts.latent_loss))
    frozen = [module for name, module in net.named_children()
              if name != 'class_predictor']
    # plainly, without what freeze() does for speed
    for name, parameter in [*net.named_parameters(),
                            *audio.named_parameters()]:
        parameter.requires_grad_(
            'adapter' in name or name.startswith('class_predictor'))
    trainable = [value for module in (net, sedam, pmqs)
                 for value in module.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(trainable, 1e-3, weight_decay=.05)
    inputs = {key: torch.stack(value)
              for key, value in batch['inputs'].items()}
    mean, std = (torch.tensor(parts.data_preprocessor[key])[:, None, None]
                 for key in ('mean', 'std'))
    masks = torch.stack([sample.gt_sem_seg.data[0]
                         for sample in batch['data_samples']])
    prompts = []
    # (queries, batch, channels) in this model
    decoder.register_forward_pre_hook(
        lambda module, args, options: (args, dict(
            options, inputs_embeds=pmqs(
                options['inputs_embeds'].transpose(0, 1),
                prompts[-1]).transpose(0, 1))), with_kwargs=True)

    def step() -> None:
        net.train()
        set_eval(frozen)
        prompt = sedam(audio(inputs['log_mel']), inputs['text_feat'],
                       inputs['text_valid'])
        prompts[:] = [prompt]
        output = net(
            pixel_values=(inputs['img'] - mean) / std,
            mask_labels=[torch.stack([mask == 0, mask == 1]).float()
                         for mask in masks],
            class_labels=[torch.tensor([0, 1])] * BATCH)
        loss = output.loss + latent(prompt.latents)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainable, 1.)
        optimizer.step()

    return step


def mmseg_step(cfg, batch: dict, train: bool) -> Callable:
    """A step of a model of mmseg's registry."""
    from mmengine.optim import build_optim_wrapper
    from mmseg.registry import MODELS
    model = MODELS.build(cfg.model)
    model.init_weights()
    if cfg.model.type == 'EncoderDecoder':
        batch['inputs'] = batch['inputs']['img']
    model.train(train)
    if not train:
        return lambda: model.test_step(batch)
    optim = build_optim_wrapper(model, cfg.optim_wrapper)
    return lambda: model.train_step(batch, optim)


def run_way(name: str, what: str, args: argparse.Namespace) -> None:
    """Print seconds of a step and MiB, in this process."""
    import torch
    from mmengine.logging import MMLogger
    from mmengine.registry import init_default_scope

    from mmteso import registration
    if name != 'teso':  # mmseg has mmcv's deformable attention
        registration.AFTER.pop('mmcv.ops.multi_scale_deform_attn')
    import mmteso.models  # noqa: F401  its imports don't count
    MMLogger.get_current_instance().setLevel('ERROR')
    torch.set_num_threads(1)
    torch.manual_seed(0)
    init_default_scope('mmseg')
    batch = make_batch(args.size)
    if name == 'transformers':
        import transformers.models.mask2former.modeling_mask2former as _  # noqa: F401,E501
        import transformers.models.swin.modeling_swin as _  # noqa: F401,F811

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    start = peak()
    if name == 'transformers':
        step = transformers_step(our_config(args.size).model, batch)
    else:
        config = our_config if name == 'teso' else stock_config
        step = mmseg_step(config(args.size), batch, what == 'train')
    model = peak()
    step()
    runs = [measure(step) for _ in range(args.steps)]
    print(json.dumps(dict(
        wall=statistics.median(run.wall for run in runs),
        cpu=statistics.median(run.cpu for run in runs),
        peak=peak() - start, model=model - start)))


def child(name: str, what: str, steps: int, size: int) -> dict:
    """What :func:`run_way` says, in a process of its own."""
    return json.loads(last_words(
        [SCRIPT, '--steps', str(steps), '--size', str(size), '--way', name,
         what]))


def main() -> None:
    args = parse_args()
    if args.way:
        run_way(*args.way, args)
        return
    memory: Dict[str, List[dict]] = {}

    def way(name: str, what: str) -> Callable[[], Sample]:
        def turn() -> Sample:
            said = child(name, what, args.steps, args.size)
            memory.setdefault(f'{name}, {what}', []).append(said)
            return Sample(said['wall'], said['cpu'])
        return turn

    samples = take_turns({
        f'{name}, {what}': way(name, what)
        for name, what in (('teso', 'train'), ('stock', 'train'),
                           ('transformers', 'train'), ('teso', 'infer'),
                           ('stock', 'infer'))
    }, args.rounds)
    work = f'Swin-T, {args.size} x {args.size}, batch of {BATCH}, one thread'
    names = dict(stock="mmseg's Mask2Former, all of which trains",
                 transformers="transformers' Mask2Former with the same "
                 'adapters, SeDAM, PMQS and VGGish')
    for other, title in names.items():
        ways = [f'{name}, train' for name in ('teso', other)]
        of = {name: samples[name] for name in ways}
        value = ratio(samples, *ways)
        record(
            args, of, name=f'{other}_step',
            what=f'A training step of TeSO by one of {title}: {work}',
            target='at most 0.70', ratio=value, met=value <= .7,
            packages=['transformers'] * (other == 'transformers'))
        pairs = list(zip(*(memory[name][1:] for name in ways)))
        value = statistics.median(a['peak'] / b['peak'] for a, b in pairs)
        record(
            args, of, name=f'{other}_memory',
            what=f'Peak memory of the same, by {title}: what the process '
            'grows by from before the model is built, so weights, gradients, '
            'optimizer and activations',
            target='at most 0.75', ratio=value, met=value <= .75,
            packages=['transformers'] * (other == 'transformers'),
            notes={
                f'{name}, MiB{when}': round(statistics.median(
                    run[key] for run in memory[name][1:]))
                for name in ways
                for key, when in (('peak', ''), ('model', ', when built'))
            })
    ways = ['teso, infer', 'stock, infer']
    value = ratio(samples, *ways)
    record(
        args, {name: samples[name] for name in ways}, name='stock_inference',
        what='Inference of TeSO, sound and text included, by that of '
        f"mmseg's Mask2Former: {work}",
        target='at most 1.00', ratio=value, met=value <= 1)


if __name__ == '__main__':
    main()
