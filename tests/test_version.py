# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch

from mmteso.version import check_versions, installed_versions

ONEDL = {
    'torch': '2.13.0+cpu',
    'onedl-mmengine': '0.10.12',
    'onedl-mmcv': '2.3.6',
    'onedl-mmsegmentation': '1.4.2',
    'onedl-mmdetection': '3.5.1'
}
CLASSIC = {
    'torch': '2.6.0',
    'mmengine': '0.10.7',
    'mmcv-lite': '2.1.0',
    'mmsegmentation': '1.2.2',
    'mmdet': '3.3.0'
}


def nothing(module):
    return False


def without(found, *names):
    return {key: value for key, value in found.items() if key not in names}


def test_here():
    found = installed_versions()
    check_versions()
    check_versions(found, nothing)
    # with its build, which PyPI's wheels say here only, not in their metadata
    assert found['torch'] == torch.__version__


@pytest.mark.parametrize('found', [ONEDL, CLASSIC])
def test_right_combinations(found):
    check_versions(found, nothing)


def test_compiled_classic_mmcv():
    found = dict(without(CLASSIC, 'mmcv-lite'), mmcv='2.1.0')
    check_versions(found, nothing)


@pytest.mark.parametrize('found, message', [
    ({**ONEDL, 'mmcv-lite': '2.1.0'},
     'both OpenMMLab distributions are installed.*onedl-mmcv.*mmcv-lite'),
    ({**CLASSIC, 'mmcv-lite': '2.2.0'},
     r'mmcv-lite 2\.2\.0 is installed, but >=2\.0\.0,<2\.2\.0'),
    ({**CLASSIC, 'mmcv': '2.1.0'}, 'mmcv and mmcv-lite both provide mmcv'),
    (without(ONEDL, 'onedl-mmdetection'),
     'mmdet is missing: install onedl-mmdetection'),
    (without(CLASSIC, 'mmdet'), 'mmdet is missing: install mmdet'),
    (without(ONEDL, 'torch'), 'torch is not installed'),
    ({**ONEDL, 'torch': '2.5.1'}, r'torch 2\.5\.1 .* >=2\.6\.0'),
    ({'torch': '2.13.0'}, r'mmengine is missing(.|\n)*mmseg is missing'),
    ({**ONEDL, 'onedl-mmsegmentation': '2.0.0'},
     r'onedl-mmsegmentation 2\.0\.0 .*<2\.0\.0'),
])
def test_wrong_combinations(found, message):
    with pytest.raises(ImportError, match=message) as error:
        check_versions(found, nothing)
    # what to do
    assert 'pip install "mmteso[onedl]"' in str(error.value)
    assert 'pip install "mmteso[openmmlab]"' in str(error.value)


def test_all_problems_are_told_at_once():
    with pytest.raises(ImportError) as error:
        check_versions(dict(without(CLASSIC, 'mmdet'), torch='1.9.0',
                            mmsegmentation='1.0.0'), nothing)
    assert str(error.value).count('\n  - ') == 3


def test_source_checkouts_without_metadata():
    """Importable from PYTHONPATH: there is no version to check."""
    check_versions(without(ONEDL, 'torch', 'onedl-mmdetection'),
                   {'torch', 'mmdet'}.__contains__)
