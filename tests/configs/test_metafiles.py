# Copyright (c) mmteso contributors. All rights reserved.
"""The metafiles and model-index.yml; what repeats their numbers agrees."""

from narrow import CONFIGS
from processes import ROOT

from mmteso.io import read_yaml

PAPER = 'Paper '

FOLDERS = ('ablations', 'combinations', 'teso', 'teso-sam', 'v3', 'zero_shot')


def metafiles():
    """Contents by path, in the order of model-index.yml."""
    return {path: read_yaml(str(ROOT / path))
            for path in read_yaml(str(ROOT / 'model-index.yml'))['Import']}


def models():
    return [x for content in metafiles().values() for x in content['Models']]


def results(model):
    """(data set and what else was varied, metrics by name)."""
    return [(result['Dataset'], result['Metrics'])
            for result in model.get('Results', ())]


def test_every_config_is_in_a_metafile():
    assert set(metafiles()) == {f'configs/{folder}/metafile.yml'
                                for folder in FOLDERS}
    listed = [model['Config'] for model in models()]
    assert len(set(listed)) == len(listed)
    there = {path.relative_to(ROOT).as_posix() for folder in FOLDERS
             for path in (CONFIGS / folder).rglob('*.py')}
    assert set(listed) == there


def test_fields():
    """What mim reads; names are unique, collections and READMEs exist."""
    names = [model['Name'] for model in models()]
    assert len(set(names)) == len(names)
    for path, content in metafiles().items():
        collection, = content['Collections']
        assert (ROOT / collection['README']).is_file()
        assert collection['Paper']['URL'].endswith('2407.10947')
        for model in content['Models']:
            stem = model['Config'].rsplit('/', 1)[-1][:-3]
            assert model['Name'].endswith(stem), path
            assert model['In Collection'] == collection['Name']
            data = model['Metadata']['Training Data']
            assert data.startswith(
                tuple(collection['Metadata']['Training Data']))
            for where, metrics in results(model):
                # on the model's own data, perhaps with other sound or cues
                assert where.split(',')[0] == data
                assert metrics


def test_the_papers_numbers_say_so():
    """Nothing is measured on AVSBench yet."""
    for model in models():
        for where, metrics in results(model):
            if where.startswith(('SynthAVS', 'cutouts')):
                assert not any(key.startswith(PAPER) for key in metrics)
            else:
                assert all(key.startswith(PAPER) for key in metrics)
