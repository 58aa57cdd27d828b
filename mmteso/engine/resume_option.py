# Copyright (c) mmteso contributors. All rights reserved.
"""What ``--resume`` means where a config has ``load_from``."""
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import find_latest_checkpoint


def resume_from_work_dir(cfg: Config) -> None:
    """Make the runner go on from the latest checkpoint in ``work_dir``.

    mmengine resumes from ``load_from`` where there is one. In a config that
    is the checkpoint from which training *starts* (a pretrained Mask2Former,
    the zero-shot model), and its iteration and optimizer aren't this
    training's.

    Args:
        cfg (Config): Of the whole run, with ``work_dir``; ``resume`` and
            ``load_from`` are set. Where nothing was trained yet the training
            starts from the beginning, from ``load_from`` if there is one.
    """
    latest = find_latest_checkpoint(cfg.work_dir)
    cfg.resume = latest is not None
    if cfg.resume:
        cfg.load_from = None
    else:
        print_log(
            f'--resume: no checkpoint in {cfg.work_dir}, the training starts '
            'from the beginning',
            logger='current')
