# Copyright (c) mmteso contributors. All rights reserved.
import copy
import json

import pytest
from both_kinds import run_tool
from PIL import Image
from processes import ROOT

from mmteso.analysis import attention, preference
from mmteso.analysis.frames import masks_only
from mmteso.analysis.preference import (ComparedModel, check_comparable,
                                        make_preference_report,
                                        read_paper_numbers, score_panels)
from mmteso.io import plain, write_json

TOOL = 'analysis_tools/preference_report.py'
PAPER = str(ROOT / 'tools' / 'analysis_tools' / 'paper_audio_control.yml')
PROTOCOL = 'AVSMetric: J and F per frame'


@pytest.fixture
def full(listening_cfg, checkpoint):
    return ComparedModel(
        'full', 'full.py', listening_cfg, checkpoint, attention=True)


def test_report_and_pictures(listening_cfg, checkpoint, no_text, tmp_path,
                             capsys, monkeypatch):
    """Of two models, with scores that were read, and published ones."""
    tested, test = [], preference.evaluate_audio_conditions
    drawn, draw_grid = [], preference.draw_picture_grid

    def keep(*args, **kwargs):
        tested.append(test(*args, **kwargs))
        return copy.deepcopy(tested[-1])

    def draw(rows, *args, **kwargs):
        drawn.append(rows)
        return draw_grid(rows, *args, **kwargs)

    for module in (preference, attention):
        monkeypatch.setattr(module, 'draw_picture_grid', draw)
    monkeypatch.setattr(preference, 'evaluate_audio_conditions', keep)
    uid = masks_only(listening_cfg).get_data_info(1)['uid']
    out, given = tmp_path / 'out', tmp_path / 'audio.json'
    write_json(dict(conditions={'normal': dict(J=50.),
                                'wgn-10db': dict(J=40.)}, metrics=[],
                    reference='pcm16', seed=4), str(given))
    no_text.cfg.dump(tmp_path / 'no_text.py')
    run_tool(TOOL, listening_cfg, checkpoint, '--out', out, '--name', 'full',
             '--without-text', tmp_path / 'no_text.py', no_text.checkpoint,
             '--report', 'given', given, '--paper', '--audio', 'normal',
             'wgn-10db', '--audio-reference', 'pcm16', '--audio-seed', 4,
             '--frames', f'{uid}:1', '--note', 'random weights',
             '--cfg-options', 'test_dataloader.batch_size=1')
    names = ['report.json', 'report.md', 'scores.png', 'masks.png',
             'attention.png']
    assert capsys.readouterr().out.splitlines()[-5:] == [
        str(out / name) for name in names]
    report = json.loads((out / 'report.json').read_text())
    assert list(report['models']) == ['full', 'without text', 'given']
    full, other, read = report['models'].values()
    assert full['source'].startswith('tested here: ')
    assert full['reference'] == 'pcm16' and full['seed'] == 4
    assert full['conditions'] != other['conditions']
    for entry, found in zip((full, other), tested):
        assert entry['conditions'] == plain(found['conditions'])
    assert read['conditions']['wgn-10db'] == dict(J=40.)
    assert report['references']['everything']['J'] > 0
    assert '(SynthAVS: synthetic, not AVSBench)' in report['data']
    assert report['frames'] == [f'{uid}:1']

    text = (out / 'report.md').read_text()
    row, = (line for line in text.splitlines()
            if line.startswith('| without text') and ' wgn-10db ' in line)
    j = other['conditions']['wgn-10db']['J']
    assert row.split('|')[3].strip() == f'{j:.2f}'
    # measured and published numbers each beside their protocol
    for part in ('listening score of J (ours', 'random weights', '# Other',
                 'everything visible (no model)', f'- {full["metrics"][0]}\n',
                 '## Published numbers: AVSBench V1M',
                 f'given: read from {given}', report['paper']['protocol']):
        assert part in text
    for name in names[2:]:
        assert f'({name})' in text and min(Image.open(out / name).size) > 200
    masks, (row, ) = drawn
    assert len(masks) == 2
    assert list(row.pictures) == [
        'frame', 'ground truth', 'full', 'full, cues taken away',
        'without text']
    frame, truth = (row.pictures[name]
                    for name in ('frame', 'ground truth'))
    for name, note in row.notes.items():
        # nearly: what is grey in the frame looks as if it sounded
        assert (truth == frame).all(-1).any() or note == 'nothing sounds'
        assert row.pictures[name].shape == frame.shape


def test_scores_of_a_report(full, tmp_path):
    """Given ones are not computed again; a model may have nothing else."""
    given = dict(conditions=dict(normal=dict(J=81.5), mute=dict(J=7.25),
                                 other=dict(J=1.)),
                 metrics=['AVSMetric: as it was'], reference='snr', seed=0)
    path = str(tmp_path / 'audio.json')
    write_json(given, path)
    full.report = path
    models = [full, ComparedModel('elsewhere', report=path)]

    def report(conditions, pictures):
        return make_preference_report(models, str(tmp_path / 'out'),
                                      conditions, frames=1, pictures=pictures)

    found = report(['normal', 'mute'], ['scores', 'masks'])
    for entry in found['models'].values():
        assert entry['conditions'] == dict(
            normal=dict(J=81.5), mute=dict(J=7.25))
        assert entry['source'] == f'read from {path}'
    assert found['pictures'] == ['scores.png', 'masks.png']
    assert not (tmp_path / 'out' / 'attention.png').exists()
    assert not (tmp_path / 'out' / 'runs').exists()
    with pytest.raises(ValueError, match="no frame.*'nobody'"):
        make_preference_report(models, str(tmp_path), frames=['nobody'])
    with pytest.raises(ValueError, match='none of .*wgn-10db'):
        report(['wgn-10db'], ['scores'])
    # of another noise than the one that the report would name
    given.update(conditions={'normal': dict(J=80.), 'wgn-10db': dict(J=8.)},
                 reference='pcm16')
    write_json(given, path)
    with pytest.raises(ValueError, match='reference is pcm16 and snr'):
        report(['wgn-10db'], ['scores'])
    models[1].name = 'full'
    write_json(dict(given, reference='snr'), path)
    with pytest.raises(ValueError, match="two models are called 'full'"):
        report(['wgn-10db'], ['scores'])


@pytest.mark.parametrize('options, message', [
    (['--audio', 'loud'], "unknown audio condition 'loud'"),
    (['--paper', 'no-such-file.yml'], 'no-such-file.yml'),
])
def test_wrong_options(listening_cfg, checkpoint, tmp_path, capsys, options,
                       message):
    with pytest.raises(SystemExit) as error:
        run_tool(TOOL, listening_cfg, checkpoint, '--out', tmp_path / 'out',
                 *options)
    assert error.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def audio_report(**changes):
    conditions = {'normal': dict(J=80., F=90., foreground=5., aAcc=1.),
                  'mute': dict(J=20., F=None, foreground=0., aAcc=1.)}
    return dict(dict(conditions=conditions,
                     drop_percent=dict(mute=dict(J=75., F=None)),
                     metrics=[PROTOCOL, 'CueSelectionMetric: shares'],
                     reference='snr', seed=0, source='tested here'), **changes)


def report(**changes):
    return dict(dict(data='synthavs, test', audio=['normal', 'mute'],
                     models={'TeSO': audio_report()},
                     references=dict(everything=dict(J=68.),
                                     blank=dict(J=12.)), noise_reference='snr',
                     seed=0, off_screen_groups=None, paper=None), **changes)


def test_paper_numbers(tmp_path):
    """A few of them, and that the drop is the paper's."""
    paper = read_paper_numbers(PAPER)
    teso = paper['models']['TeSO']
    assert teso['conditions']['normal'] == dict(J=66.02, F=pytest.approx(80.1))
    assert teso['drop_percent']['mute']['J'] == pytest.approx(42.6, abs=0.05)
    assert 'F' not in paper['models']['label-filter baseline']['conditions'][
        'mute']
    path = tmp_path / 'paper.yml'
    path.write_text('source: s\ndata: d\nmodels: {m: {normal: {mIoU: 3}}}')
    with pytest.raises(ValueError, match='paper.yml": expected source, data'):
        read_paper_numbers(str(path))


@pytest.mark.parametrize('changes, conditions, match', [
    (dict(metrics=['AVSMetric: avsbench']), ['mute'], 'their protocol is'),
    (dict(seed=1), ['wgn-10db'], 'their seed is'),
    (dict(reference='pcm16'), ['wgn-10db'], 'their reference is'),
    (dict(off_screen_groups='avsbench'), ['off-screen'],
     'their off_screen_groups is'),
    (dict(seed=1), ['off-screen'], 'their seed is'),
    # no noise is shown, and other metrics don't matter
    (dict(seed=3, reference='pcm16', metrics=[PROTOCOL]), ['mute'], ''),
])
def test_numbers_that_mean_different_things(changes, conditions, match):
    names = ('normal', 'wgn-10db', 'mute', 'off-screen')
    noisy = dict(conditions={name: {} for name in names})
    reports = dict(a=audio_report(**noisy), b=audio_report(**noisy, **changes))
    if match:
        with pytest.raises(ValueError, match=match):
            check_comparable(reports, conditions)
    else:
        check_comparable(reports, conditions)


def test_panels_hold_the_reports_numbers():
    """And the published ones, in panels of their own."""
    paper = read_paper_numbers(PAPER)
    j, f, *published = score_panels(report(paper=paper))
    assert j.values.to_dict('index') == {'TeSO': dict(normal=80., mute=20.)}
    assert j.notes.to_dict('index') == {'TeSO': dict(normal='', mute='-75 %')}
    assert list(j.lines.values()) == [68., 12.]
    assert 'synthavs, test' in j.title and not j.hatched
    assert f.values.to_dict('index') == {'TeSO': dict(normal=90.)}
    # once, below the last one
    assert j.footnote == '' and f.footnote.startswith(PROTOCOL)
    assert 'CueSelection' not in f.footnote and 'Noise' not in f.footnote
    for panel, key in zip(published, 'JF'):
        assert panel.hatched and 'PUBLISHED, not measured here' in panel.title
        assert not panel.lines and not panel.footnote
        for (model, name), value in panel.values.stack().dropna().items():
            assert value == paper['models'][model]['conditions'][name][key]
    assert published[0].notes['mute']['TeSO'] == '-43 %'
