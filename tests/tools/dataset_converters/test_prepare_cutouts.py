# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from cutout_files import write_cutout_files
from processes import call_tool

from mmteso.testbeds import cutouts
from mmteso.choices import PACKAGES
from mmteso.testbeds.cutouts import fetch_packages

TOOL = 'dataset_converters/prepare_cutouts.py'

# They download a file and unpack it, and say so.
APT_GET = """#!/bin/sh
echo "download $2"
: > "$2_1.0_all.deb"
"""
DPKG_DEB = """#!/bin/sh
name=$(basename "$2" _1.0_all.deb)
mkdir -p "$3/usr/share/doc/$name" "$3/usr/share/tuxpaint/stamps" \
    "$3/usr/share/backgrounds"
"""


def test_arguments_reach_the_generator(tmp_path, monkeypatch, capsys):
    files = write_cutout_files(tmp_path)
    catalogue = cutouts.read_catalogue(str(files / 'catalogue.csv'))
    monkeypatch.setattr(cutouts.generator, 'read_catalogue', lambda: catalogue)
    out = tmp_path / 'deep' / 'cutouts'
    arguments = (out, '--stamps', files / 'stamps', '--backgrounds',
                 files / 'backgrounds', '--videos', 6, '--frames', 2, '--size',
                 32, '--seed', 7, '--train-silent', 50, '--reuse')
    call_tool(TOOL, *arguments)
    assert cutouts.CUTOUTS.read_manifest(str(out))['arguments'] == dict(
        videos=6, frames=2, size=32, seed=7, train_silent_percent=50)
    assert 'train: 2 videos, 4 frames, 50.0% silent' in \
        capsys.readouterr().out
    call_tool(TOOL, *arguments)
    assert 'up to date' in capsys.readouterr().out


def test_table(tmp_path, monkeypatch, capsys):
    files = write_cutout_files(tmp_path)
    catalogue = cutouts.read_catalogue(str(files / 'catalogue.csv'))
    monkeypatch.setattr(cutouts, 'read_catalogue', lambda: catalogue)
    call_tool(TOOL, '--table', '--stamps', files / 'stamps', '--backgrounds',
              files / 'backgrounds')
    lines = [' '.join(line.split())
             for line in capsys.readouterr().out.splitlines()]
    # four classes, two of them with a second picture or recording
    assert '| known | 4 | 5 | 5 | 2.5 |' in lines
    assert '| magenta-disc | unseen | red-disc | drawn | 1 | 1 | 0.5 |' in \
        lines
    assert 'still: black-disc' in lines
    with pytest.raises(SystemExit):
        call_tool(TOOL)
    assert 'name the folder' in capsys.readouterr().err


def test_missing_packages(tmp_path, capsys):
    with pytest.raises(SystemExit):
        call_tool(TOOL, tmp_path / 'out', '--stamps', tmp_path / 'none')
    message = capsys.readouterr().err
    assert all(name in message for name in ('--fetch', *PACKAGES))


@pytest.mark.parametrize('works', [True, False])
def test_fetch(tmp_path, monkeypatch, works):
    """Packages are downloaded and unpacked once, not installed."""
    tools = tmp_path / 'bin'
    tools.mkdir()
    for name, script in (('apt-get', APT_GET), ('dpkg-deb', DPKG_DEB)):
        (tools / name).write_text(script if works else '#!/bin/sh\nexit 1\n')
        (tools / name).chmod(0o755)
    monkeypatch.setenv('PATH', f'{tools}:/usr/bin:/bin')
    folder = tmp_path / 'packages'
    if not works:
        with pytest.raises(RuntimeError, match=r'docs/cutouts\.md'):
            fetch_packages(str(folder))
        return
    stamps, backgrounds = fetch_packages(str(folder))
    assert stamps == str(folder / 'usr/share/tuxpaint/stamps')
    assert backgrounds == str(folder / 'usr/share/backgrounds')
    assert not list(folder.glob('*.deb'))
    (tools / 'apt-get').write_text('#!/bin/sh\nexit 1\n')
    assert fetch_packages(str(folder)) == (stamps, backgrounds)
