# Copyright (c) mmteso contributors. All rights reserved.
"""The metafiles and model-index.yml; what repeats their numbers agrees."""
import re

import pytest
from narrow import CONFIGS
from records import (PAPER, ROOT, all_numbers, as_printed, metafiles, models,
                     others, read_yaml, results, table_row)

FOLDERS = ('ablations', 'combinations', 'teso', 'teso-sam', 'v3')
# of METHOD.md's tables, so that a number can't get lost
TESO = {
    'teso_swin-b_v1s': '83.27 / .933',
    'teso_swin-b_v1m': '66.02 / .801',
    'teso_swin-b_avss-binary': '68.53 / .813',
    'teso_swin-b_avss': '38.96 / .451'
}


def test_every_config_is_in_a_metafile():
    assert set(metafiles()) == {
        f'configs/{folder}/metafile.yml' for folder in FOLDERS
    }
    listed = [model['Config'] for model in models()]
    assert len(set(listed)) == len(listed)
    there = {
        path.relative_to(ROOT).as_posix()
        for folder in FOLDERS for path in (CONFIGS / folder).rglob('*.py')
    }
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
            if 'SynthAVS' in where:
                assert not any(key.startswith(PAPER) for key in metrics)
            else:
                assert all(key.startswith(PAPER) for key in metrics)


def test_main_results():
    found = {model['Name']: as_printed(results(model)[0][1], PAPER)
             for model in models() if model['Name'] in TESO}
    assert found == TESO
    assert as_printed(others()['GAVS']['AVSBench V1M'], PAPER) == \
        '63.70 / .774'


def test_cues_of_results_exist():
    """'..., cues NAME' is a config of configs/text_cues."""
    names = set()
    for model in models():
        for where, _ in results(model):
            found = re.search(r', cues (\S+?)(,|$)', where)
            if found:
                names.add(found.group(1))
    assert {f'{name}.py' for name in names} == {
        path.name
        for path in (CONFIGS / 'text_cues').glob('*.py')
        if path.stem not in ('teso', 'teso_4bit', 'teso_openai',
                             'captions_llava')
    }


# ------------------------------------------------- those who repeat numbers
def test_table_of_the_readme():
    """Generated: these very lines, and no others."""
    text = (CONFIGS / 'teso' / 'README.md').read_text(encoding='utf-8')
    lines = [line for line in text.splitlines() if line.startswith('| [`')]
    expected = [table_row(model) for model in models()]
    assert sorted(lines) == sorted(expected), \
        'expected:\n' + '\n'.join(expected)


def test_rows_of_the_ablation():
    by_config = {model['Config']: model for model in models()}
    count = 0
    for row in read_yaml('configs/ablations/rows.yml'):
        path = f'configs/ablations/v1m/{row["name"]}.py'
        if row['name'] == 'full':
            path = 'configs/teso/teso_swin-b_v1m.py'
        metrics = {}
        if path in by_config and by_config[path].get('Results'):
            metrics = results(by_config[path])[0][1]
        expected = None
        if metrics:
            count += 1
            f = metrics.get('Paper F')
            expected = [
                metrics['Paper mIoU'],
                None if f is None else pytest.approx(100 * f)
            ]
        assert row.get('paper') == expected, row
    assert count == 9


def test_numbers_of_the_audio_control():
    """tools/analysis_tools/paper_audio_control.yml."""
    table = read_yaml('tools/analysis_tools/paper_audio_control.yml')
    known = dict(others())
    for name, config in (('TeSO', 'configs/teso/teso_swin-b_v1m.py'),
                         ('label-filter baseline',
                          'configs/ablations/v1m/label-filter.py')):
        known[name] = dict(
            results(model)[i] for model in models()
            if model['Config'] == config
            for i in range(len(results(model)))
            if 'Paper mIoU' in results(model)[i][1])
    assert set(table['models']) == set(known)
    for name, conditions in table['models'].items():
        for condition, scores in conditions.items():
            where = 'AVSBench V1M' + (
                '' if condition == 'normal' else f', audio {condition}')
            metrics = known[name][where]
            assert scores == {
                key[len(PAPER):].replace('mIoU', 'J'): value
                for key, value in metrics.items()
            }, (name, condition)


@pytest.mark.parametrize('path', ['README.md', 'configs/text_cues/README.md',
                                  'docs/reproduce.md'])
def test_the_papers_pairs(path):
    """'66.02 / .801' and the like stand in a metafile."""
    known = {as_printed(metrics, PAPER) for metrics in all_numbers()}
    found = re.findall(r'\d\d\.\d\d\s+/\s+\.\d{3}',
                       (ROOT / path).read_text(encoding='utf-8'))
    found = {re.sub(r'\s+', ' ', pair) for pair in found}
    assert found and found <= known
