# Copyright (c) mmteso contributors. All rights reserved.
"""Draw what a data pipeline makes of its frames, sound and cues.

    python tools/analysis_tools/browse_dataset.py \
        configs/teso/teso_r18_synthavs.py --output-dir look --number 8

mmseg's browse_dataset.py knows images alone as a sample's inputs. The pictures
are ``{index}_{subset}_{uid}_{frame}.png``, at the size of the ground truth,
which is painted over them.
"""
import argparse
import os
import os.path as osp

from mmteso.command_line import add_cfg_options, existing_file


def parse_args():
    parser = argparse.ArgumentParser(
        description='Draw the frames of a data set as they leave its '
        'pipeline, with the ground truth, and print what sounds, the cues and '
        'the inputs of the model')
    parser.add_argument(
        'config', type=existing_file, help='path of the config file')
    parser.add_argument(
        '--output-dir', required=True, help='folder for the pictures')
    parser.add_argument(
        '--split',
        choices=['train', 'val', 'test'],
        default='train',
        help='default: %(default)s')
    parser.add_argument(
        '--number', type=int, help='how many frames; default: all')
    add_cfg_options(parser)
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, VISUALIZERS

from mmteso.analysis.frames import picture_of
from mmteso.engine import read_config
from mmteso.engine.sound_steps import dataloader_of


def main():
    parser, args = parse_args()
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    try:
        dataset = DATASETS.build(dataloader_of(cfg, args.split)['dataset'])
    except ValueError as error:
        parser.error(str(error))
    visualizer = VISUALIZERS.build(
        dict(
            type='SegLocalVisualizer',
            name='browse_dataset',
            vis_backends=[],
            alpha=0.5))
    visualizer.dataset_meta = dataset.metainfo
    os.makedirs(args.output_dir, exist_ok=True)
    for index in range(min(len(dataset), args.number or len(dataset))):
        item = dataset[index]
        sample = item['data_samples']
        # the index tells frames apart that a wrapper repeats
        name = (f'{index}_{sample.subset}_{sample.uid}_{sample.frame}'
                '.png').replace('/', '_')
        visualizer.add_datasample(
            name,
            picture_of(item),
            data_sample=sample,
            draw_pred=False,
            out_file=osp.join(args.output_dir, name))
        sounding = sample.get('frame_classes')
        if sounding is None:
            sounding = sample.get('a_obj', ())
        shapes = ', '.join(f'{key} {" x ".join(map(str, value.shape))}'
                           for key, value in item['inputs'].items())
        print(f'{name}: sounds {list(sounding)}, cues '
              f'{sample.get("text_cues")}, {shapes}')


if __name__ == '__main__':
    main()
